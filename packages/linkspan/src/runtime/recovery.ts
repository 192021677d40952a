import type { Journal, StoredMessage } from '../journal/journal.ts'
import { type LinkspanError, storeError } from '../model/errors.ts'
import type { Logger } from '../model/outside.ts'
import { sealEntries } from './codec.ts'
import type { Committer } from './committer.ts'
import type { Events } from './events.ts'
import type { FreshSet } from './fresh-set.ts'
import type { Ledger } from './ledger.ts'
import { readyWait } from './live.ts'
import { damagedError } from './loaded.ts'

/** What taking up a journal takes. */
export interface RecoveryOptions {
  readonly journal: Journal
  readonly committer: Committer
  readonly ledger: Ledger
  readonly events: Pick<Events, 'attention'>
  readonly fresh: FreshSet
  readonly logger: Logger
  /** Milliseconds since 1970. */
  readonly now: number
}

const PAGE = 500

/**
 * Takes up what a former engine left: messages that were running get a wait, so that from here on everything live is
 * found the same way, and the ledger starts from what the journal counts.
 */
export async function recover({
  journal,
  committer,
  ledger,
  events,
  fresh,
  logger,
  now,
}: RecoveryOptions): Promise<void> {
  let found = 0
  for (let after = 0; ; ) {
    const page = await journal.backlog.unsettled(after, PAGE)
    const last = page.at(-1)
    if (!last) break
    // Until its wait is committed, the low-water mark must not pass such a message.
    for (const { seq } of page) fresh.add(seq)
    for (const message of page) {
      if (message.damaged === undefined) takeUp(message, committer, now)
      else giveUp(message, damagedError(message), { committer, events, now })
    }
    found += page.length
    after = last.seq
  }
  if (found > 0) {
    await committer.flush()
    logger.log('info', 'engine.recovered', { messages: found })
  }
  fresh.clear()
  for (const { flow, child, count } of await journal.backlog.count()) side(ledger, flow, child).live += count
  for (const { flow, ending, child, count } of await journal.history.totals())
    side(ledger, flow, child).endings[ending] += count
}

function takeUp(message: StoredMessage, committer: Committer, now: number): void {
  const { seq, nextFrame } = message
  committer.record({
    seq,
    n: nextFrame,
    frame: sealEntries([{ t: 'interrupted', at: now }], seq, nextFrame),
  })
  committer.wait(readyWait(message, 0, null))
}

/** Whose record cannot be read may have had any effect: a person must look at it, and the others go on. */
function giveUp(
  { seq, id, flow, key, nextFrame }: StoredMessage,
  error: LinkspanError,
  { committer, events, now }: Pick<RecoveryOptions, 'committer' | 'events' | 'now'>,
): void {
  const reason = error.message.slice(0, 500)
  committer.settle({ seq, ending: 'dead', endedAt: now, attempt: 0, frame: null, n: nextFrame, reason })
  committer.after(() => events.attention('dead', { id, flow, key, path: '', error: storeError(error) }))
}

function side(ledger: Ledger, flow: string, child: boolean): ReturnType<Ledger['of']>['roots'] {
  const counts = ledger.of(flow)
  return child ? counts.children : counts.roots
}
