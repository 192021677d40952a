import { ensureError, type LinkspanError } from '../model/errors.ts'
import type { Incoming, SourceContext } from './connector.ts'
import { wait } from '../model/wait.ts'

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000

/**
 * Hands messages in and, while the engine has no room for them, waits as its error says and hands them in again.
 * Resolves with true after the commit, or with false when `signal` fired first: then nothing is known to be accepted,
 * and the source must not go on. An error that says `retry: 'never'` is thrown.
 */
export async function acceptWhenRoom(
  context: SourceContext,
  signal: AbortSignal,
  messages: readonly Incoming[],
  cursor: string | null,
): Promise<boolean> {
  for (let refusals = 0; !signal.aborted; refusals++) {
    try {
      await context.accept(messages, cursor)
      return true
    } catch (thrown) {
      const error = ensureError(thrown, 'UNEXPECTED', { retry: 'later' })
      if (signal.aborted) return false
      if (error.retry === 'never') throw error
      await wait(context.clock, pauseAfter(error, refusals), signal)
    }
  }
  return false
}

function pauseAfter(error: LinkspanError, refusals: number): number {
  if (typeof error.retry === 'object') return error.retry.afterMs
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(refusals, 10))
}
