import type { ErrorCode, StoredError } from '../../model/errors.ts'
import type { StepContext } from '../pattern.ts'
import type { Context } from '../steps.ts'
import { answered } from './answered.ts'
import { invalid, shown, stepWords } from './arguments.ts'

/** Which errors are meant: those of a code, of one of several, of which a predicate is true, or `'any'`. */
export type Caught<B, N> =
  | 'any'
  | ErrorCode
  | readonly ErrorCode[]
  | ((error: StoredError, body: B, ctx: Context<N>) => boolean)

/** Whether an error is one of those meant. */
export type Takes = (error: StoredError, body: unknown, ctx: StepContext) => boolean

/** Which errors are meant, as a function; refuses what says nothing of errors. `what` begins a sentence. */
export function takesOf(errors: unknown, what: string, step: string): Takes {
  if (typeof errors === 'function') return errors as Takes
  if (errors === 'any') return () => true
  const codes = typeof errors === 'string' ? [errors] : errors
  if (Array.isArray(codes) && codes.length > 0 && codes.every((code) => typeof code === 'string'))
    return ({ code }) => codes.includes(code)
  throw invalid(
    `${stepWords(step)}: ${what} takes an error code, several, 'any', or a function, not ${shown(errors)}.`,
  )
}

/** Whether an error is meant; the predicate must be synchronous. `what` says whose it is. */
export function takes(
  given: Takes,
  error: StoredError,
  body: unknown,
  context: StepContext,
  path: string,
  what: string,
): boolean {
  return answered(given(error, body, context), path, what)
}
