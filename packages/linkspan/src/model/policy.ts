import { type Duration, durationMs } from './duration.ts'
import type { ErrorCode, LinkspanError } from './errors.ts'

/** How pauses between attempts grow. All times in milliseconds. */
export interface Backoff {
  readonly initialMs: number
  readonly maxMs: number
  readonly factor: number
  /** The share of a pause that is left to chance, 0 to 1, so that many failures do not come back together. */
  readonly jitter: number
}

/**
 * Pauses that double from `initial` up to `max`, with a fifth of each left to chance.
 *
 * @example
 * ```ts
 * import { exponential, retry } from 'linkspan'
 * const policy = retry({ attempts: 8, backoff: exponential('1s', '10m') })
 * ```
 */
export function exponential(
  initial: Duration,
  max: Duration,
  options: { readonly factor?: number; readonly jitter?: number } = {},
): Backoff {
  return {
    initialMs: durationMs(initial),
    maxMs: durationMs(max),
    factor: options.factor ?? 2,
    jitter: options.jitter ?? 0.2,
  }
}

/** The same pause each time. */
export function fixed(pause: Duration): Backoff {
  return { initialMs: durationMs(pause), maxMs: durationMs(pause), factor: 1, jitter: 0 }
}

/** The pause before attempt `attempt + 1`, given that `attempt` (from 1) failed; `random` in [0, 1). */
export function backoffMs(backoff: Backoff, attempt: number, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.initialMs * backoff.factor ** (attempt - 1))
  return Math.round(full * (1 - backoff.jitter * random))
}

/** What to do with a message once it is not tried again. */
export type FinalAction = 'dead' | 'ignore' | 'fallback'

/** Try again, then act. `attempts` counts the first one. */
export interface ErrorAction {
  readonly attempts: number
  readonly backoff: Backoff
  readonly final: FinalAction
}

/** Which errors a rule is for: any of these codes, or what the predicate says (a function, so kept beside the data). */
export interface ErrorRule {
  readonly codes?: readonly ErrorCode[]
  readonly matches?: (error: LinkspanError) => boolean
  readonly action: ErrorAction
}

/** The rules of a flow or a step: the first that fits decides; an error that says `retry: 'never'` is not tried again. */
export interface ErrorPolicy {
  readonly rules: readonly ErrorRule[]
  readonly otherwise: ErrorAction
}

const DEFAULT_BACKOFF: Backoff = { initialMs: 500, maxMs: 300_000, factor: 2, jitter: 0.2 }

/** What happens where nothing was said: ten attempts over about four minutes, then a dead letter. */
export const DEFAULT_ERROR_POLICY: ErrorPolicy = {
  rules: [],
  otherwise: { attempts: 10, backoff: DEFAULT_BACKOFF, final: 'dead' },
}

/** Options of {@link retry}. */
export interface RetryOptions {
  /** How often in all, the first attempt included; at least 1. */
  readonly attempts: number
  /** @default doubling from 500 ms up to 5 minutes */
  readonly backoff?: Backoff
  /** What happens after the last attempt. @default 'dead' */
  readonly final?: FinalAction
}

/** Try again with pauses, then dead-letter (or what `final` says). */
export function retry(options: RetryOptions): ErrorAction {
  return {
    attempts: Math.max(1, Math.floor(options.attempts)),
    backoff: options.backoff ?? DEFAULT_BACKOFF,
    final: options.final ?? 'dead',
  }
}

/** A dead letter at once. */
export function deadLetter(): ErrorAction {
  return { attempts: 1, backoff: DEFAULT_BACKOFF, final: 'dead' }
}

/** Go on as if the step had done nothing (on a step), or drop the message (on a flow); counted either way. */
export function ignore(): ErrorAction {
  return { attempts: 1, backoff: DEFAULT_BACKOFF, final: 'ignore' }
}

/** A rule for some errors: by code, or by a predicate. The first rule that fits decides. */
export function when(
  errors: ErrorCode | readonly ErrorCode[] | ((error: LinkspanError) => boolean),
  action: ErrorAction,
): ErrorRule {
  if (typeof errors === 'function') return { matches: errors, action }
  return { codes: typeof errors === 'string' ? [errors] : errors, action }
}

/** Rules first, then what happens to all other errors. */
export function rules(...list: readonly [...ErrorRule[], ErrorAction]): ErrorPolicy {
  const otherwise = list[list.length - 1] as ErrorAction
  return { rules: list.slice(0, -1) as ErrorRule[], otherwise }
}

/** An action or a policy as a policy. */
export function asPolicy(given: ErrorAction | ErrorPolicy): ErrorPolicy {
  return 'otherwise' in given ? given : { rules: [], otherwise: given }
}

/** The action of a policy for an error. */
export function actionFor(policy: ErrorPolicy, error: LinkspanError): ErrorAction {
  const fits = (rule: ErrorRule): boolean =>
    rule.codes?.includes(error.code) === true || rule.matches?.(error) === true
  return policy.rules.find(fits)?.action ?? policy.otherwise
}
