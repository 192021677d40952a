import type { Acceptance, Ending, Sink } from '../protocol.ts'

/** What one delivery must lead to. */
export interface Expectation {
  readonly ending: Ending & ('done' | 'filtered' | 'dead')
  /** Where it must take effect. `subscribers` means each of them. */
  readonly sinks: readonly Sink[]
}

interface Rule {
  readonly githubEvent: string
  /** Null: any action. */
  readonly action: string | null
  /** Null: whatever was concluded. */
  readonly conclusions: readonly string[] | null
  readonly sinks: readonly Sink[]
}

const FAILED = ['failure', 'timed_out']

// Written from the example's description, not from its flows: this is the second opinion. Several rules may fit.
const RULES: readonly Rule[] = [
  { githubEvent: 'issues', action: null, conclusions: null, sinks: ['board', 'subscribers'] },
  { githubEvent: 'pull_request', action: null, conclusions: null, sinks: ['board', 'subscribers'] },
  { githubEvent: 'issues', action: 'assigned', conclusions: null, sinks: ['chat'] },
  { githubEvent: 'pull_request', action: 'assigned', conclusions: null, sinks: ['chat'] },
  { githubEvent: 'release', action: 'published', conclusions: null, sinks: ['chat'] },
  { githubEvent: 'check_run', action: 'completed', conclusions: FAILED, sinks: ['bugs'] },
  { githubEvent: 'check_suite', action: 'completed', conclusions: FAILED, sinks: ['bugs'] },
  { githubEvent: 'workflow_run', action: 'completed', conclusions: FAILED, sinks: ['bugs'] },
]

/** What a delivery must lead to, by its event, action, conclusion and planted defect. */
export function expectationOf(delivery: Acceptance): Expectation {
  if (delivery.defect !== null) return { ending: 'dead', sinks: [] }
  const sinks = RULES.filter((rule) => fits(rule, delivery)).flatMap((rule) => rule.sinks)
  return { ending: sinks.length > 0 ? 'done' : 'filtered', sinks }
}

function fits(rule: Rule, delivery: Acceptance): boolean {
  if (rule.githubEvent !== delivery.githubEvent) return false
  if (rule.action !== null && rule.action !== delivery.action) return false
  return rule.conclusions === null || rule.conclusions.includes(delivery.conclusion ?? '')
}
