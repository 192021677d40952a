import type { ConnectionDeclaration } from '../../connect/connector.ts'
import type { StateReader } from '../../journal/journal.ts'
import { type BudgetRules, budgetRules } from '../../model/budget.ts'
import type { Clock } from '../../model/outside.ts'
import type { BudgetStatus } from '../admin-api.ts'
import type { Committer } from '../committer.ts'
import type { Metrics } from '../engine-api.ts'
import { createAllowanceCell } from './allowance-cell.ts'
import { createPurse, type Purse } from './purse.ts'

/** The budgets of a project's connections, as one engine has a share in them. */
export interface Budgets {
  /** The purse of a connection, or null when it has no budget. */
  of(connection: string): Purse | null
  /** What is to be seen of each. */
  status(): readonly BudgetStatus[]
  close(): void
}

/** What budgets are made of. */
export interface BudgetsOptions {
  readonly rules: ReadonlyMap<string, BudgetRules>
  readonly reader: StateReader
  readonly committer: Committer
  readonly clock: Clock
  readonly metrics: Metrics
  /** The number of this engine among those that share the journal. */
  readonly member: number
}

/** Makes the budgets of an engine. */
export function createBudgets({ rules, metrics, ...parts }: BudgetsOptions): Budgets {
  const purses = new Map(
    [...rules].map(([connection, each]) => {
      const calls = metrics.counterOf('linkspan_budget_calls_total', { connection })
      const waits = metrics.counterOf('linkspan_budget_waits_total', { connection })
      const purse = createPurse({
        rules: each,
        cell: createAllowanceCell(connection, each, parts),
        clock: parts.clock,
        member: parts.member,
        used: () => calls.add(),
        sentBack: () => waits.add(),
      })
      metrics.gauge('linkspan_budget_waiting', { connection }, () => purse.status.waiting)
      return [connection, purse] as const
    }),
  )
  return {
    of: (connection) => purses.get(connection) ?? null,
    status: () => [...purses].map(([connection, purse]) => ({ connection, ...purse.status })),
    close() {
      for (const purse of purses.values()) purse.close()
    },
  }
}

/** The budgets that a project states for the connections that its flows use. Throws `CONFIG_INVALID`. */
export function budgetsOf(
  bound: Readonly<Record<string, unknown>>,
  declarations: readonly ConnectionDeclaration[],
): ReadonlyMap<string, BudgetRules> {
  return new Map(
    declarations.flatMap(({ name }) => {
      const given = bound[name]
      const budget = isObject(given) ? given['budget'] : undefined
      return budget === undefined ? [] : [[name, budgetRules(budget, name)] as const]
    }),
  )
}

/** The configuration of a connection without its budget, which is none of the connector's. */
export function withoutBudget(given: unknown): unknown {
  if (!isObject(given) || !('budget' in given)) return given
  const { budget: _budget, ...own } = given
  return own
}

function isObject(given: unknown): given is Readonly<Record<string, unknown>> {
  return typeof given === 'object' && given !== null && !Array.isArray(given)
}
