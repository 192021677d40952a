import { type Duration, durationMs } from './duration.ts'
import { LinkspanError } from './errors.ts'

/**
 * How much may be asked of a system over one connection, by all flows and all engines of a project together. Stated
 * beside the connection's own configuration, as `budget`.
 *
 * - `rate` and `per`: in no stretch of time as long as `per` (`'1s'` to `'1d'`) do more than `rate` calls begin. In the
 *   long run at least ten of eleven of them can be used, as what is given out counts from when it could be used until
 *   it no longer can.
 * - `burst`: no more than so many begin in a twentieth of `per`. @default `rate`
 * - `concurrent`: no more than so many are under way.
 * - `perDay`: no more than so many begin in a day of UTC.
 *
 * An empty budget has no bound of its own, and follows what the system's answers say of theirs, as any budget does.
 *
 * @example
 * ```ts
 * import type { Budget } from 'linkspan'
 * const boards: Budget = { rate: 100, per: '1m', concurrent: 5, perDay: 10_000 }
 * const connections = { boards: { baseUrl: 'https://boards.example', budget: boards } }
 * ```
 */
export interface Budget {
  readonly rate?: number
  readonly per?: Duration
  readonly burst?: number
  readonly concurrent?: number
  readonly perDay?: number
}

/** A budget as it is kept to; null is no bound. */
export interface BudgetRules {
  readonly rate: { readonly starts: number; readonly perMs: number; readonly burst: number } | null
  readonly concurrent: number | null
  readonly perDay: number | null
}

const NAMES = ['rate', 'per', 'burst', 'concurrent', 'perDay'] as const
const SHORTEST_MS = 1_000
const LONGEST_MS = 86_400_000

/**
 * The rules of a budget as a project states it. Numbers may be texts of digits, which references are.
 * @throws {LinkspanError} `CONFIG_INVALID` with what is wrong and what to write.
 */
export function budgetRules(given: unknown, connection: string): BudgetRules {
  const wrong = (what: string): LinkspanError =>
    new LinkspanError('CONFIG_INVALID', `The budget of connection "${connection}" is not right: ${what}.`)
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw wrong(`it is an object, as { rate: 100, per: '1m' }, not ${JSON.stringify(given)}`)
  const budget = given as Readonly<Record<string, unknown>>
  const unknown = Object.keys(budget).find((name) => !(NAMES as readonly string[]).includes(name))
  if (unknown !== undefined) throw wrong(`it has no "${unknown}", only ${NAMES.join(', ')}`)
  const count = (name: (typeof NAMES)[number]): number | null => {
    const value = budget[name]
    if (value === undefined) return null
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value
    if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 1) return number
    throw wrong(`${name} is a whole number from 1, not ${JSON.stringify(value)}`)
  }
  const starts = count('rate')
  const burst = count('burst')
  if ((starts === null) !== (budget['per'] === undefined))
    throw wrong(`rate and per belong together, as in { rate: 100, per: '1m' }`)
  if (burst !== null && burst > (starts ?? 0))
    throw wrong(`burst is at most rate, and ${burst} is more than ${starts ?? 'no rate'}`)
  const rate =
    starts === null ? null : { starts, perMs: periodOf(budget['per'], wrong), burst: burst ?? starts }
  return { rate, concurrent: count('concurrent'), perDay: count('perDay') }
}

function periodOf(per: unknown, wrong: (what: string) => LinkspanError): number {
  const text = typeof per === 'string' && /^\d+$/.test(per) ? Number(per) : per
  const ms = typeof text === 'string' || typeof text === 'number' ? durationMs(text as Duration) : Number.NaN
  if (ms >= SHORTEST_MS && ms <= LONGEST_MS) return ms
  throw wrong(`per is from '1s' to '1d', not ${JSON.stringify(per)}`)
}
