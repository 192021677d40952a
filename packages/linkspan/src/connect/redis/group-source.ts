import { acceptWhenRoom } from '../accept.ts'
import type { RunningSource, SourceContext } from '../connector.ts'
import { type Entry, entriesByStream, entriesOf, listOf } from './entry.ts'
import { incomingOf, type ReadingOptions } from './incoming.ts'
import type { Link } from './link.ts'
import { runReader } from './reader.ts'
import type { RedisClient } from './redis-client.ts'
import { wordOf } from './redis-error.ts'
import type { RedisReply } from './redis-package.ts'

/** Where reading begins: the end, the beginning, a time in milliseconds, or behind an entry. */
export type Beginning = 'latest' | 'earliest' | { readonly timeMs: number } | { readonly after: string }

/** A source of a consumer group with its options read. */
export interface ConsumeSettings extends ReadingOptions {
  readonly streams: readonly string[]
  readonly group: string
  readonly consumer: string
  readonly from: Beginning
  readonly batch: number
  readonly claimAfterMs: number
}

/** A consumer of a group at work. Nothing of it outlives the link: the group keeps what is pending, the journal its messages. */
interface Member {
  readonly settings: ConsumeSettings
  readonly context: SourceContext
  readonly signal: AbortSignal
  readonly link: Link
  claimAt: number
}

const BLOCK_MS = 5_000
const LONGEST_BETWEEN_CLAIMS_MS = 30_000

/** Joins the group and reads until it is stopped. */
export function startGroupSource(settings: ConsumeSettings, context: SourceContext): Promise<RunningSource> {
  const streams = settings.streams.map((stream) => `"${stream}"`).join(', ')
  return runReader(context, `reading ${streams} as the group "${settings.group}"`, {
    begin: async (link) => {
      for (const stream of settings.streams) await ensureGroup(link, stream, settings.group, settings.from)
    },
    read: async (link, signal, client) => {
      const member = { settings, context, signal, link, claimAt: 0 }
      for (const stream of settings.streams) await readPending(member, stream)
      while (!signal.aborted) await readOn(member, client)
    },
  })
}

/** Makes the group where it is missing, and the stream with it. */
async function ensureGroup(link: Link, stream: string, group: string, from: Beginning): Promise<void> {
  try {
    await link.send(['XGROUP', 'CREATE', stream, group, startOf(from), 'MKSTREAM'])
  } catch (error) {
    if (!(error instanceof Error) || wordOf(error) !== 'BUSYGROUP') throw error
  }
}

const LAST_OF_A_TIME = '18446744073709551615'

/** The entry behind which reading begins; `$` is the last one that there is. */
export function startOf(from: Beginning): string {
  if (from === 'latest') return '$'
  if (from === 'earliest' || ('timeMs' in from && from.timeMs === 0)) return '0-0'
  return 'after' in from ? from.after : `${from.timeMs - 1}-${LAST_OF_A_TIME}`
}

/** What this consumer got before and did not acknowledge comes first. */
async function readPending(member: Member, stream: string): Promise<void> {
  const { link, settings, signal } = member
  const { group, consumer, batch } = settings
  for (let after = '0-0'; !signal.aborted; ) {
    const reply = await link.send([
      ...['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(batch)],
      ...['STREAMS', stream, after],
    ])
    const entries = entriesByStream(reply)
    const last = entries.at(-1)
    if (last === undefined) return
    await handIn(member, entries, await deliveriesOf(member, stream, entries))
    after = last.id
  }
}

/** Takes over what others have left, from time to time, and waits for what is new. */
async function readOn(member: Member, { clock }: RedisClient): Promise<void> {
  const { link, settings } = member
  const { group, consumer, batch, streams, claimAfterMs } = settings
  try {
    if (clock.monotonic() >= member.claimAt) {
      for (const stream of streams) await claim(member, stream)
      member.claimAt = clock.monotonic() + Math.min(claimAfterMs / 2, LONGEST_BETWEEN_CLAIMS_MS)
    }
    const command = [
      ...['XREADGROUP', 'GROUP', group, consumer, 'COUNT', String(batch), 'BLOCK', String(BLOCK_MS)],
      ...['STREAMS', ...streams, ...streams.map(() => '>')],
    ]
    await handIn(member, entriesByStream(await link.send(command, BLOCK_MS)), new Map())
  } catch (error) {
    if (!(error instanceof Error) || wordOf(error) !== 'NOGROUP') throw error
    await makeAgain(member)
  }
}

/** Somebody deleted the stream or the group: all that is in it now came after, or is known. */
async function makeAgain({ context, link, settings }: Member): Promise<void> {
  const { streams, group } = settings
  context.logger.log('warn', 'redis.group.missing', { streams: streams.join(', '), group })
  for (const stream of streams) await ensureGroup(link, stream, group, 'earliest')
}

const NO_MORE = '0-0'

/** Takes over entries that a consumer got and has not acknowledged for so long that it must be dead. */
async function claim(member: Member, stream: string): Promise<void> {
  const { link, settings, signal } = member
  const { group, consumer, batch, claimAfterMs } = settings
  let from = NO_MORE
  do {
    const reply = await link.send([
      ...['XAUTOCLAIM', stream, group, consumer, String(claimAfterMs), from, 'COUNT', String(batch)],
    ])
    const [next, claimed = [], deleted = []] = listOf(reply)
    const gone = listOf(deleted).map((id) => ({ stream, id: String(id), fields: null }))
    const entries = [...entriesOf(stream, claimed), ...gone]
    if (entries.length > 0) await handIn(member, entries, await deliveriesOf(member, stream, entries))
    from = String(next)
  } while (from !== NO_MORE && !signal.aborted)
}

/** How often each was delivered: more than once where an engine died, or this source stopped, before it acknowledged. */
async function deliveriesOf(
  { link, settings }: Member,
  stream: string,
  entries: readonly Entry[],
): Promise<ReadonlyMap<string, number>> {
  const { group, consumer } = settings
  const [first, last] = [entries[0]?.id ?? '-', entries.at(-1)?.id ?? '+']
  const reply = await link.send(['XPENDING', stream, group, first, last, String(entries.length), consumer])
  return new Map(listOf(reply).map(pendingOf))
}

function pendingOf(reply: RedisReply): readonly [string, number] {
  const [id, , , deliveries] = listOf(reply)
  return [String(id), Number(deliveries)]
}

/** Hands entries in; they are acknowledged once they are in the journal, and not before. */
async function handIn(
  { settings, context, signal, link }: Member,
  entries: readonly Entry[],
  deliveries: ReadonlyMap<string, number>,
): Promise<void> {
  if (entries.length === 0) return
  const { group } = settings
  const messages = entries.map((entry) => incomingOf(entry, settings, group, deliveries.get(entry.id) ?? 1))
  if (!(await acceptWhenRoom(context, signal, messages, null))) return
  for (const [stream, each] of Map.groupBy(entries, (entry) => entry.stream))
    await link.send(['XACK', stream, group, ...each.map(({ id }) => id)])
}
