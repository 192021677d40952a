import type { MessageReader } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Clock } from '../model/outside.ts'
import type { Intake } from './engine-api.ts'
import { recordOf } from './loaded.ts'
import { replyIn } from './record.ts'
import type { Replies, Reply } from './replies.ts'
import { findMessage } from './selection.ts'

/** Where a reply may come from. */
export interface ReplySources {
  readonly replies: Replies
  readonly messages: MessageReader
  readonly clock: Clock
  /** Whether other engines share the journal: the message may end on one of them, and nobody here is told. */
  readonly shared: boolean
}

/** The reply of a message, from the record or as it comes. Rejects with `MESSAGE_UNKNOWN` or `REPLY_TIMED_OUT`. */
export async function replyOf(
  sources: ReplySources,
  id: string,
  given: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): ReturnType<Intake['reply']> {
  const { replies, messages } = sources
  // Waiting begins before the look at the record, so that a reply that comes in between is not missed.
  const told = replies.wait(id, given.timeoutMs, given.signal)
  const stored = await storedReply(messages, id).catch((error: unknown) => {
    replies.tell(id, null)
    throw error
  })
  if (stored !== undefined) replies.tell(id, stored)
  else if (sources.shared) lookAgain(sources, id)
  const reply = await told
  if (reply !== undefined) return reply
  throw new LinkspanError(
    'REPLY_TIMED_OUT',
    `The message ${id} has no reply yet. It goes on; its reply can be fetched later by its id.`,
    { details: { id }, retry: 'later' },
  )
}

const FIRST_LOOK_MS = 10
const LAST_LOOK_MS = 500

/** Looks into the journal, less and less often, as long as somebody waits. */
function lookAgain({ replies, messages, clock }: ReplySources, id: string): void {
  const look = (afterMs: number): void => {
    clock.timer(afterMs, () => {
      if (!replies.waitsFor(id)) return
      const next = Math.min(afterMs * 1.5, LAST_LOOK_MS)
      storedReply(messages, id).then(
        (stored) => (stored === undefined ? look(next) : replies.tell(id, stored)),
        () => look(next),
      )
    })
  }
  look(FIRST_LOOK_MS)
}

/** The reply on record, null when the message ended without one, undefined when it is still to come. */
async function storedReply(messages: MessageReader, id: string): Promise<Reply | undefined> {
  const stored = await findMessage(messages, id)
  const reply = replyIn(recordOf(stored))
  if (reply) return { reply: reply.r }
  return stored.ending ? null : undefined
}
