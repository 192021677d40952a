import type { Journal, StoredMessage } from '../journal/journal.ts'
import { type LinkspanError, storeError } from '../model/errors.ts'
import type { Logger } from '../model/outside.ts'
import { sealEntries } from './codec.ts'
import type { Committer } from './committer.ts'
import type { Events } from './events.ts'
import type { FreshSet } from './fresh-set.ts'
import { interruptedWait } from './live.ts'
import { damagedError } from './loaded.ts'

/** What taking up takes. */
export interface RecoveryOptions {
  readonly journal: Journal
  readonly committer: Committer
  readonly events: Pick<Events, 'attention'>
  readonly fresh: FreshSet
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly now: () => number
}

const PAGE = 500

/**
 * Takes up what engines that died left running: each message gets a wait, so that from here on everything live is found
 * the same way. Resolves when that is durable.
 */
export async function recover(options: RecoveryOptions): Promise<void> {
  const { journal, committer, fresh, logger } = options
  const now = options.now()
  const held: number[] = []
  for (let after = 0; ; ) {
    const page = await journal.backlog.unsettled(after, PAGE)
    const last = page.at(-1)
    if (!last) break
    // Until its wait is committed, the low-water mark of a sole owner must not pass such a message.
    if (journal.ownership.partitions === 1) for (const { seq } of page) fresh.add(seq)
    for (const message of page) {
      if (message.damaged === undefined) takeUp(message, committer, now)
      else giveUp(message, damagedError(message), { ...options, now })
      held.push(message.seq)
    }
    after = last.seq
  }
  if (held.length === 0) return
  await committer.flush()
  for (const seq of held) fresh.remove(seq)
  logger.log('info', 'engine.recovered', { messages: held.length })
}

function takeUp(message: StoredMessage, committer: Committer, now: number): void {
  const { seq, nextFrame } = message
  committer.record({
    seq,
    n: nextFrame,
    frame: sealEntries([{ t: 'interrupted', at: now }], seq, nextFrame),
  })
  committer.wait(interruptedWait(message, nextFrame > 0))
}

/** Whose record cannot be read may have had any effect: a person must look at it, and the others go on. */
function giveUp(
  { seq, id, flow, key, nextFrame }: StoredMessage,
  error: LinkspanError,
  { committer, events, now }: Pick<RecoveryOptions, 'committer' | 'events'> & { readonly now: number },
): void {
  const reason = error.message.slice(0, 500)
  committer.settle({ seq, ending: 'dead', endedAt: now, attempt: 0, frame: null, n: nextFrame, reason })
  committer.after(() => events.attention('dead', { id, flow, key, path: '', error: storeError(error) }))
}
