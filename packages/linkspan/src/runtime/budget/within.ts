import type { SystemLimits } from '../../connect/connector.ts'
import { wait } from '../../model/wait.ts'
import type { Clock } from '../../model/outside.ts'
import type { Permit, Purse } from './purse.ts'

/** How long a request of a source is expected to take at most, for the places of a budget. */
const LIMIT_MS = 60_000

/** What making a request within a budget takes. */
export interface WithinOptions {
  /** Null where the connection has no budget. */
  readonly purse: Purse | null
  /** Who asks; the same each time. */
  readonly id: number
  readonly clock: Clock
  readonly signal: AbortSignal
}

/**
 * Makes a request that belongs to no message when the connection's budget has room for it: it waits here, as there is no
 * message that could wait in the journal. Rejects with the reason of `signal` when that fires first.
 */
export async function withinBudget<T>(
  { purse, id, clock, signal }: WithinOptions,
  run: (limits: (said: SystemLimits) => void) => Promise<T>,
): Promise<T> {
  if (purse === null) return run(() => undefined)
  const permit = await permitted(purse, id, clock, signal)
  try {
    return await run((said) => purse.learn(said))
  } finally {
    permit.release()
  }
}

async function permitted(purse: Purse, id: number, clock: Clock, signal: AbortSignal): Promise<Permit> {
  let answer = await purse.permit(id, LIMIT_MS)
  for (;;) {
    if (signal.aborted) {
      if (!('at' in answer)) answer.release()
      throw signal.reason
    }
    if (!('at' in answer)) {
      if (answer.use()) return answer
      answer = await answer.anew(true)
    } else {
      await wait(clock, Math.max(0, answer.at - clock.now()), signal)
      if (!signal.aborted) answer = await purse.permit(id, LIMIT_MS)
    }
  }
}
