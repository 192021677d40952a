import type { CallContext } from '../connect/connector.ts'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'

/**
 * What becomes of one call of a fake operation. `-before` means that the request was lost on its way, `-after` that it
 * took effect and the answer was lost.
 * - `ok`: it takes effect and answers what the fake's `result` says.
 * - `refused`: nobody listens; it certainly did nothing.
 * - `reset-before`, `reset-after`: the connection broke after sending; nobody can say.
 * - `timeout-before`, `timeout-after`: no answer until the time limit, then the client gives up.
 * - `unavailable`: HTTP 503 with `Retry-After`; it certainly did nothing.
 * - `silent`: it never answers, and ignores that the call is given up.
 * - `{ result }`: it takes effect and answers this.
 * - `{ rejected }`: HTTP 4xx with this text; it certainly did nothing, and trying again is of no use.
 * - `{ retryAfter }`: HTTP 429; it certainly did nothing, and is to be called again after this time.
 * - `{ throws }`: it throws this value, whatever it is; nothing took effect.
 * - `{ late }`: no answer, and it takes effect only after this time.
 */
export type FakeOutcome<Out = unknown> =
  | 'ok'
  | 'refused'
  | 'reset-before'
  | 'reset-after'
  | 'timeout-before'
  | 'timeout-after'
  | 'unavailable'
  | 'silent'
  | { readonly result: Out }
  | { readonly rejected: string }
  | { readonly retryAfter: Duration }
  | { readonly throws: unknown }
  | { readonly late: Duration }

/** What the fake behind an outcome can do. */
export interface FakeTarget<Out> {
  readonly name: string
  /** Lets the call take effect; with a value it answers that. */
  apply(answer?: { readonly result: Out }): Out
  /** Runs after a time of the engine's clock. */
  after(ms: number, run: () => void): void
}

const UNAVAILABLE_MS = 1_000

/** Lets an outcome happen. */
export function happen<Out>(
  outcome: FakeOutcome<Out>,
  target: FakeTarget<Out>,
  { signal }: CallContext,
): Promise<Out> {
  if (typeof outcome === 'object') return stated(outcome, target, signal)
  switch (outcome) {
    case 'ok':
      return Promise.resolve(target.apply())
    case 'refused':
      return Promise.reject(failure(target, 'refused the connection', 'CONNECTION_FAILED', 'no', 'later'))
    case 'reset-after':
      target.apply()
      return Promise.reject(reset(target))
    case 'reset-before':
      return Promise.reject(reset(target))
    case 'timeout-after':
      target.apply()
      return givenUp(signal)
    case 'timeout-before':
      return givenUp(signal)
    case 'unavailable':
      return Promise.reject(failure(target, 'answered 503', 'CALL_FAILED', 'no', { afterMs: UNAVAILABLE_MS }))
    case 'silent':
      return never()
  }
}

function stated<Out>(
  outcome: Extract<FakeOutcome<Out>, object>,
  target: FakeTarget<Out>,
  signal: AbortSignal,
): Promise<Out> {
  if ('result' in outcome) return Promise.resolve(target.apply(outcome))
  if ('throws' in outcome) return Promise.reject(outcome.throws)
  if ('rejected' in outcome)
    return Promise.reject(failure(target, `answered: ${outcome.rejected}`, 'CALL_REJECTED', 'no', 'never'))
  if ('retryAfter' in outcome) {
    const afterMs = durationMs(outcome.retryAfter)
    return Promise.reject(failure(target, 'answered 429', 'CALL_RATE_LIMITED', 'no', { afterMs }))
  }
  target.after(durationMs(outcome.late), () => void target.apply())
  return givenUp(signal)
}

function reset<Out>(target: FakeTarget<Out>): LinkspanError {
  return failure(target, 'broke the connection after the request was sent', 'CALL_FAILED', 'unknown', 'later')
}

function failure<Out>(
  { name }: FakeTarget<Out>,
  what: string,
  code: 'CALL_FAILED' | 'CALL_REJECTED' | 'CALL_RATE_LIMITED' | 'CONNECTION_FAILED',
  applied: 'no' | 'unknown',
  retry: LinkspanError['retry'],
): LinkspanError {
  return new LinkspanError(code, `The fake ${name} ${what}.`, { applied, retry })
}

/** Answers nothing until the engine gives the call up, as a client does that watches the signal. */
function givenUp(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const end = (): void => reject(signal.reason)
    if (signal.aborted) end()
    else signal.addEventListener('abort', end, { once: true })
  })
}

/** A promise that stays open. */
export function never(): Promise<never> {
  return new Promise(() => undefined)
}
