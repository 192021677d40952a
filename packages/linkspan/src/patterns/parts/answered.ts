import { LinkspanError } from '../../model/errors.ts'

/**
 * The answer of a function that must be synchronous.
 * @throws {LinkspanError} `STEP_ASYNC` when it is a promise (or anything that can be awaited).
 */
export function answered<T>(value: T | PromiseLike<T>, path: string, what = 'its function'): T {
  if (!isThenable(value)) return value
  // Nobody awaits it, so its rejection would end the process as unhandled.
  value.then(undefined, () => undefined)
  throw new LinkspanError(
    'STEP_ASYNC',
    `In the step "${path}", ${what} answered a promise. It must be synchronous, since it is computed again whenever the message is: use call() for anything outside.`,
    { details: { path } },
  )
}

/** Whether a value can be awaited. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) return false
  return typeof (value as { then?: unknown }).then === 'function'
}

/** What a pure step's function may answer: anything but a promise, in whose place stands a text that says so. */
export type Awaitless<O> =
  O extends PromiseLike<unknown> ? 'a pure step must not be asynchronous: use call() for anything outside' : O
