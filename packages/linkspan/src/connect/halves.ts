import { isLinkspanError } from '../model/errors.ts'
import type { CallOutcome } from './connector.ts'

/**
 * Makes the calls of a batch with as few requests as the system takes: those that it refuses for the size of the request
 * are sent again in two halves, and again, until each is through or alone. Answers an outcome for each call, in their
 * order. An error that `send` throws counts for all calls of the request.
 *
 * What is too large says so by `isTooLarge`, and must say `applied: 'no'`; nothing else is sent again.
 *
 * @example
 * ```ts
 * import { type BatchedCall, type CallOutcome, inHalves } from 'linkspan/connect'
 *
 * declare function post(calls: readonly BatchedCall<string>[]): Promise<readonly CallOutcome<number>[]>
 * const batch = {
 *   max: 200,
 *   run: (_client: unknown, calls: readonly BatchedCall<string>[]) => inHalves(calls, post),
 * }
 * ```
 */
export async function inHalves<Call, Out>(
  calls: readonly Call[],
  send: (calls: readonly Call[]) => Promise<readonly CallOutcome<Out>[]>,
  isTooLarge: (error: unknown) => boolean = isContentTooLarge,
): Promise<readonly CallOutcome<Out>[]> {
  if (calls.length === 0) return []
  const outcomes = [...(await outcomesOf(calls, send))]
  const large = calls.flatMap((_, at) => (isRefused(outcomes[at], isTooLarge) ? [at] : []))
  if (calls.length === 1 || large.length === 0) return outcomes
  const half = Math.ceil(large.length / 2)
  for (const part of [large.slice(0, half), large.slice(half)]) {
    const again = await inHalves(
      part.map((at) => calls[at] as Call),
      send,
      isTooLarge,
    )
    part.forEach((at, nth) => {
      outcomes[at] = again[nth] as CallOutcome<Out>
    })
  }
  return outcomes
}

/** Whether an error is HTTP's 413, Content Too Large. */
export function isContentTooLarge(error: unknown): boolean {
  return isLinkspanError(error) && error.details['status'] === 413
}

async function outcomesOf<Call, Out>(
  calls: readonly Call[],
  send: (calls: readonly Call[]) => Promise<readonly CallOutcome<Out>[]>,
): Promise<readonly CallOutcome<Out>[]> {
  try {
    return await send(calls)
  } catch (error) {
    return calls.map(() => ({ error }))
  }
}

function isRefused(
  outcome: CallOutcome<unknown> | undefined,
  isTooLarge: (error: unknown) => boolean,
): boolean {
  if (outcome === undefined || !('error' in outcome)) return false
  return isLinkspanError(outcome.error) && outcome.error.applied === 'no' && isTooLarge(outcome.error)
}
