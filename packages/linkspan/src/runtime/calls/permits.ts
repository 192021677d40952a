import type { Permit, Purse } from '../budget/purse.ts'
import { Interrupt } from '../pass/interrupt.ts'
import type { Attempt } from './attempt.ts'

/** The leave of an attempt, which may have to be had anew. */
export interface Slot {
  permit: Permit
}

/** What asking for leave takes. */
export interface PermitsOptions {
  /** Null when this engine may send now; else resolves when it may, or never will. */
  readonly lease: () => Promise<void> | null
  readonly stopped: AbortSignal
}

/** Leave to send: by the budget of a connection, and by this engine's lease. */
export interface Permits {
  /** Runs an attempt with leave of its connection's budget; one that would have to wait long is sent back. */
  withPermit<T>(attempt: Attempt, purse: Purse, run: (permit: Slot) => Promise<T>): Promise<T>
  /**
   * Resolves when the call may leave: this engine has its lease, and its part of the budget is still good. Where its intent
   * is on record it waits here, however long.
   */
  mayLeave(attempt: Attempt, slot: Slot | null, promised: boolean): Promise<void>
}

/** Makes the leave of one engine's calls. */
export function createPermits(options: PermitsOptions): Permits {
  /** Before an intent, so that a message which is sent back has not promised anything. */
  const withPermit: Permits['withPermit'] = async (attempt, purse, run) => {
    const { pass, timeoutMs } = attempt
    const answer = await purse.permit(pass.loaded.seq, timeoutMs)
    if ('at' in answer) throw sentBack(attempt, answer.at)
    const slot: Slot = { permit: answer }
    try {
      return await run(slot)
    } finally {
      slot.permit.release()
    }
  }

  /** What is on record tells people what it waits for; and a message with a record puts its call there before it is made. */
  const sentBack = ({ pass, request, operation }: Attempt, wakeAt: number): Interrupt => {
    const connection = operation.connection.name
    const last = pass.recorded.at(-1)
    if (last?.t !== 'budget' || last.c !== connection)
      pass.note({ t: 'budget', p: request.path, c: connection })
    return new Interrupt({
      kind: 'suspend',
      why: 'budget',
      wakeAt,
      hold: true,
      path: request.path,
      error: null,
    })
  }

  const mayLeave: Permits['mayLeave'] = async (attempt, slot, promised) => {
    for (;;) {
      await options.lease()
      // The lease is answered too when it will never be good again.
      if (options.stopped.aborted || slot === null) return
      if (options.lease() === null) {
        if (slot.permit.use()) return
        const answer = await slot.permit.anew(!promised)
        if ('at' in answer) throw sentBack(attempt, answer.at)
        slot.permit = answer
      }
    }
  }

  return { withPermit, mayLeave }
}
