import type { MessageReader, StoredMessage } from '../journal/journal.ts'
import type { Claims } from './claims.ts'
import type { Committer } from './committer.ts'
import { wrongState } from './message-state.ts'
import { messageAt } from './selection.ts'
import type { Turns } from './turns.ts'

/**
 * Lets people act on an ended message one at a time: two of them would write the same number into its record, which no
 * journal takes.
 */
export interface Acting {
  /**
   * Acts on a message if it is as it was seen. `act` hands in all that it changes before it waits for anything. Throws
   * `MESSAGE_STATE` when somebody else acts on the message, or has acted on it since.
   */
  onEnded(seen: StoredMessage, act: (stored: StoredMessage) => Promise<void>): Promise<void>
}

/** What acting takes. */
export interface ActingOptions {
  readonly messages: MessageReader
  readonly committer: Pick<Committer, 'flush'>
  /** The turns of the messages, by their places. */
  readonly inTurn: Turns
  /** Null where no other engine shares the journal. */
  readonly claims: Claims | null
}

/** Makes what people act through. */
export function createActing({ messages, committer, inTurn, claims }: ActingOptions): Acting {
  const actOn = async (seen: StoredMessage, act: (stored: StoredMessage) => Promise<void>): Promise<void> => {
    const stored = await messageAt(messages, seen.seq, 'marked')
    if (isAsSeen(seen, stored)) return act(stored)
    throw wrongState(
      stored,
      `It was ${seen.ending?.ending ?? 'live'} when you looked: something was done to it meanwhile. Look at it again.`,
    )
  }

  const claimed = async (
    seen: StoredMessage,
    act: (stored: StoredMessage) => Promise<void>,
    by: Claims,
  ): Promise<void> => {
    const giveBack = await by.take(String(seen.seq))
    if (giveBack === null)
      throw wrongState(
        seen,
        'Somebody acts on it at another engine of the cluster just now. Look at it again in a moment.',
      )
    let isHandedIn = false
    try {
      await actOn(seen, (stored) => {
        const acted = act(stored)
        // In one commit: nobody finds the message free before it is changed.
        void giveBack()
        isHandedIn = true
        return acted
      })
    } finally {
      if (!isHandedIn) void giveBack()
      // The claim has to be gone before this engine may take it again.
      await committer.flush().catch(() => undefined)
    }
  }

  return {
    onEnded: (seen, act) =>
      inTurn(String(seen.seq), () => (claims ? claimed(seen, act, claims) : actOn(seen, act))),
  }
}

/** Whatever is done to an ended message adds to its record or changes its ending. */
function isAsSeen(seen: StoredMessage, stored: StoredMessage): boolean {
  return (
    seen.nextFrame === stored.nextFrame &&
    seen.ending?.ending === stored.ending?.ending &&
    seen.ending?.endedAt === stored.ending?.endedAt &&
    seen.damaged === stored.damaged
  )
}
