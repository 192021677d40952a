import { type LinkspanError, restoreError, storeError } from '../../model/errors.ts'
import type { AttemptFailure } from '../../patterns/pattern.ts'
import type { Entry } from '../record.ts'
import type { Interrupt } from './interrupt.ts'

/** A failure that no further policy tries again. */
export class FinalFailure {
  readonly error: LinkspanError
  /** The steps that have noted it beside, the innermost first, and are to know when it is decided on. */
  readonly watchedAt: string[]

  constructor(error: LinkspanError, watchedAt: readonly string[] = []) {
    this.error = error
    this.watchedAt = [...watchedAt]
  }
}

/** A failure that is on record already, at the path where it happened. */
export class CountedFailure {
  readonly error: LinkspanError
  readonly path: string
  readonly failures: number
  /** The steps that have noted it beside, the innermost first, and are to know when it is decided on. */
  readonly watchedAt: string[] = []

  constructor(error: LinkspanError, path: string, failures: number) {
    this.error = error
    this.path = path
    this.failures = failures
  }
}

/** A failure that a step notes while the policies have yet to decide on it. */
export type Undecided = NonNullable<Extract<Entry, { t: 'beside' }>['f']>

/** The error a final failure carries, or the thrown value itself. */
export function unwrapFinal(thrown: unknown): unknown {
  return isWatched(thrown) ? thrown.error : thrown
}

/** Whether an entry says that the step at a path failed. */
export function isFailureAt(entry: Entry, path: string): boolean {
  return (entry.t === 'failed' || entry.t === 'unknown' || entry.t === 'error') && entry.p === path
}

/** What leaves the pass by itself is decided on. */
export function undecidedFailure(thrown: unknown, at: string): Undecided | null {
  if (!isWatched(thrown)) return null
  return { e: storeError(thrown.error), at, final: thrown instanceof FinalFailure }
}

/** Whether what was thrown is a failure that steps may have noted. */
export function isWatched(thrown: unknown): thrown is FinalFailure | CountedFailure {
  return thrown instanceof FinalFailure || thrown instanceof CountedFailure
}

/** Lets a failure know which step has noted it. */
export function watched<T>(thrown: T, place: string): T {
  if (isWatched(thrown) && !thrown.watchedAt.includes(place)) thrown.watchedAt.push(place)
  return thrown
}

/** The failure that made a pass be left until it is tried again, or until it is known what became of a call. */
export function failureBehind({ reason }: Interrupt): { error: LinkspanError; how: AttemptFailure } | null {
  if (reason.kind === 'doubt') return { error: reason.error, how: 'settles' }
  if (reason.kind !== 'suspend' || reason.error === null) return null
  if (reason.why !== 'retry' && reason.why !== 'verify') return null
  return { error: restoreError(reason.error), how: reason.why === 'retry' ? 'retries' : 'settles' }
}
