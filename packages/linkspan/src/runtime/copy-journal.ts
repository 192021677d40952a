import type {
  MovedMessage,
  Name,
  PlacedMessage,
  SourceFacts,
  TransferCounts,
  TransferPage,
  TransferSource,
  TransferTarget,
} from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import { sealEntries } from './codec.ts'
import { partitionOf } from './homes.ts'
import { isLegacyCursor, type Legacy, legaciesOf, mayBeBegun } from './legacy.ts'
import { interruptedWait } from './live.ts'

/** What copying a journal takes. Both are closed by who opened them. */
export interface CopyOptions {
  readonly source: TransferSource
  readonly target: TransferTarget
  /** What the source was when the target was opened. */
  readonly facts: SourceFacts
  /** The name that a flow's messages are placed by, whatever the flow was called when they came. */
  readonly identityOf: (flow: string) => string
  /** Milliseconds since 1970. */
  readonly now: number
  readonly progress: (done: number, total: number) => void
}

/** What a copy came to. */
export interface Copied {
  readonly counts: TransferCounts
  /** How many messages were running when the source's last engine died. They wait in the copy. */
  readonly takenUp: number
  /** How many messages were there of a copy that had been cut short. */
  readonly resumedAt: number
}

const LIMIT = 1000

/**
 * Copies all of a journal into another one, in pages, and makes a journal of that. What was running when the last engine
 * died is taken up on the way, as the next engine would: it gets a wait, and its record says that it was interrupted. So
 * does the record of each message that such an engine may have begun with: who died is not known in the copy, nor which
 * partition was whose.
 *
 * @throws {LinkspanError} `JOURNAL_IN_USE` when an engine was started on the source meanwhile
 */
export async function copyJournal(options: CopyOptions): Promise<Copied> {
  const { source, target, facts } = options
  const resumedAt = target.present.messages
  const count = counter(options, resumedAt)
  const cursors = await source.cursors()
  const named = new Map(cursors.map(({ name, value }) => [name, value]))
  const takenUp = await copyMessages(options, legaciesOf(named, await source.orphans()), count)
  await copyPages(
    (after, limit) => source.cells(after, limit),
    (cells) => ({ cells }),
    target,
    count,
  )
  await copyPages(
    (after, limit) => source.dedupeKeys(after, limit),
    (dedupeKeys) => ({ dedupeKeys }),
    target,
    count,
  )
  const kept = cursors.filter(({ name }) => !isLegacyCursor(name))
  await target.put({ cursors: kept })
  count(cursors.length)
  const after = await source.facts()
  if (after.version !== facts.version) throw ranMeanwhile(source.name)
  await target.finish({ ...facts, counts: { ...facts.counts, cursors: kept.length } })
  return { counts: facts.counts, takenUp, resumedAt }
}

type Count = (more: number) => void

function counter({ facts: { counts }, progress }: CopyOptions, from: number): Count {
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  let done = from
  progress(done, total)
  return (more) => {
    done += more
    progress(done, total)
  }
}

async function copyMessages(
  options: CopyOptions,
  legacies: ReadonlyMap<number, Legacy>,
  count: Count,
): Promise<number> {
  const { source, target, now, identityOf } = options
  const isBegun = ({ seq, flow, parent, partition, records }: MovedMessage): boolean => {
    const legacy = legacies.get(partition)
    const message = { seq, isChild: parent !== null, identity: identityOf(flow) }
    return legacy !== undefined && records.length === 0 && mayBeBegun(legacy, message)
  }
  let takenUp = 0
  for (let after = target.present.seq; ; ) {
    const page = await source.messages(after, LIMIT)
    const last = page.at(-1)
    if (last === undefined) return takenUp
    const messages = page.map((message) => {
      if (message.ending !== null) return placed(message, options)
      if (message.wait !== null)
        return placed(isBegun(message) ? interrupted(message, now) : message, options)
      takenUp += 1
      return placed(takeUp(message, now), options)
    })
    await target.put({ messages })
    count(messages.length)
    after = last.seq
  }
}

function placed(message: MovedMessage, { target, identityOf }: CopyOptions): PlacedMessage {
  const { flow, key, parent, seq } = message
  if (parent !== null) return { ...message, partition: null }
  const { partitions } = target
  const partition = key === null ? seq % partitions : partitionOf(identityOf(flow), key, partitions)
  return { ...message, partition }
}

function takeUp(message: MovedMessage, now: number): MovedMessage {
  return { ...interrupted(message, now), wait: interruptedWait(message, message.records.length > 0) }
}

function interrupted(message: MovedMessage, now: number): MovedMessage {
  const { seq, records } = message
  const n = (records.at(-1)?.n ?? -1) + 1
  const frame = sealEntries([{ t: 'interrupted', at: now }], seq, n)
  return { ...message, records: [...records, { n, frame }] }
}

async function copyPages<Row extends Name>(
  read: (after: Name | null, limit: number) => Promise<readonly Row[]>,
  pageOf: (rows: readonly Row[]) => TransferPage,
  target: TransferTarget,
  count: Count,
): Promise<void> {
  for (let after: Name | null = null; ; ) {
    const rows: readonly Row[] = await read(after, LIMIT)
    const last = rows.at(-1)
    if (last === undefined) return
    await target.put(pageOf(rows))
    count(rows.length)
    after = last
  }
}

function ranMeanwhile(name: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_IN_USE',
    `An engine ran on the journal ${name} while it was copied, so the copy lacks what it did. Stop that engine, and copy again with --anew.`,
    { details: { name } },
  )
}
