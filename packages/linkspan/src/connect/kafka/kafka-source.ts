import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import { wait } from '../../model/wait.ts'
import { acceptWhenRoom } from '../accept.ts'
import { type Bell, createBell } from '../bell.ts'
import type { Delivery, Incoming, RunningSource, SourceContext } from '../connector.ts'
import { within } from '../within.ts'
import { type Beginning, commitBeginning } from './beginning.ts'
import { type Commits, createCommits } from './commits.ts'
import { checkDurableTopics } from './durable-topic.ts'
import { incomingOf, type ReadingOptions } from './incoming.ts'
import type { KafkaClient } from './kafka-client.ts'
import { kafkaError } from './kafka-error.ts'
import type { Assignment, KafkaConsumer, KafkaRecord, RecordStream } from './kafka-package.ts'
import { createPlaces, type Places } from './places.ts'
import { createSettling, type Settling } from './settling.ts'

/** A source with its options read. Times in milliseconds. */
export interface ConsumeSettings extends ReadingOptions {
  readonly topics: readonly string[]
  readonly group: string
  readonly from: Beginning
  readonly untilMs: number | null
  readonly batch: number
  readonly protocol: 'classic' | 'consumer'
  readonly isolation: 'committed' | 'uncommitted'
  readonly sessionTimeoutMs: number
  /** What is asked of a topic that is the only record of its messages. */
  readonly minInSync: number
}

/** A member of a group at work. Nothing of it outlives the member: the group keeps its places, the journal its messages. */
interface Member {
  readonly settings: ConsumeSettings
  readonly context: SourceContext
  readonly client: KafkaClient
  readonly signal: AbortSignal
  readonly consumer: KafkaConsumer
  readonly places: Places
  readonly commits: Commits
  /** Where the log is the only record of the messages: what has ended of them; else null, as all that is handed in is kept. */
  readonly settling: Settling | null
  readonly bell: Bell
  stream: RecordStream
  /** As it was last looked at; it is made anew when it changes. */
  held: readonly Assignment[] | null
  topics: ReadonlyMap<string, { readonly id: string; readonly partitionsCount: number }>
}

/** Joins the group; resolves once it is a member. What it cannot do on its own is told by `failed`. */
export async function startKafkaSource(
  settings: ConsumeSettings,
  context: SourceContext,
): Promise<RunningSource> {
  const client = (await context.client()) as KafkaClient
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const consumer = client.consumer(consumerOptions(settings))
  const leave = (): Promise<void> => within(context.clock, LEAVE_WITHIN_MS, client.leave(consumer))
  try {
    const member = await unlessAborted(signal, join(settings, { ...context, signal }, client, consumer))
    const ended = read(member).catch((error: unknown) => context.failed(explained(member, error)))
    return {
      stop: async () => {
        end.abort()
        await ended
        member.settling?.close()
        await within(context.clock, LEAVE_WITHIN_MS, member.commits.rest())
        await leave()
      },
    }
  } catch (error) {
    await leave()
    throw explained({ settings, client }, error)
  }
}

const LEAVE_WITHIN_MS = 5_000

async function join(
  settings: ConsumeSettings,
  context: SourceContext,
  client: KafkaClient,
  consumer: KafkaConsumer,
): Promise<Member> {
  const { signal } = context
  const bell = createBell(signal)
  consumer.on('error', bell.fail)
  // A topic that does not exist is told here: by the group it would never be.
  const { topics } = await consumer.metadata({ topics: [...settings.topics] })
  const isRecord = context.durability === 'source'
  if (isRecord) await checkDurableTopics(client, settings.topics, settings.minInSync)
  const stream = heard(await consumer.consume(streamOptions(settings)), bell)
  const commits = createCommits(consumer, bell.fail)
  const places = createPlaces()
  const member = {
    settings,
    context,
    client,
    signal,
    consumer,
    places,
    commits,
    settling: isRecord ? createSettling(consumer, commits.add) : null,
    bell,
    stream,
    held: null,
    topics,
  }
  await settle(member)
  return member
}

async function read(member: Member): Promise<void> {
  const { settings, context, signal, bell } = member
  while (!signal.aborted) {
    bell.check()
    await settle(member)
    const records = take(member.stream, settings.batch)
    if (records.length > 0) await handIn(member, records)
    // Under the newer protocol nothing says that the group was divided anew.
    else await bell.rung(context.clock, LOOK_AGAIN_MS)
  }
}

const LOOK_AGAIN_MS = 500

/** Sees which partitions are held now, and fixes where the group begins in those that are new to it. */
async function settle(member: Member): Promise<void> {
  const { consumer, places, settings } = member
  while (consumer.assignments !== member.held) {
    const assignments = consumer.assignments ?? []
    member.held = consumer.assignments
    const gained = Map.groupBy(places.hold(assignments), ({ topic }) => topic)
    member.settling?.hold(assignments)
    if (gained.size === 0) continue
    const { topics } = await consumer.metadata({ topics: [...settings.topics] })
    member.topics = topics
    const added = [...gained].map(([topic, each]) => ({
      topic,
      partitions: each.map(({ partition }) => partition),
    }))
    const count = (topic: string): number => topics.get(topic)?.partitionsCount ?? 0
    if (await commitBeginning(consumer, settings.from, added, count)) await reopen(member)
  }
}

/** What the stream read ahead began elsewhere. The new one comes first, so that the group is not divided anew. */
async function reopen(member: Member): Promise<void> {
  const { consumer, settings, bell, stream: former } = member
  member.stream = heard(await consumer.consume(streamOptions(settings)), bell)
  bell.forget(former)
  await former.close()
}

function take(stream: RecordStream, most: number): readonly KafkaRecord[] {
  const records: KafkaRecord[] = []
  for (let record = stream.read(); record !== null; record = stream.read()) {
    records.push(record)
    if (records.length === most) break
  }
  return records
}

/** Hands records in, and lets the group know once they are in the journal. */
async function handIn(member: Member, records: readonly KafkaRecord[]): Promise<void> {
  const { settings, context, signal, places, commits } = member
  const { untilMs } = settings
  const fresh = places.fresh(records)
  const wanted = untilMs === null ? fresh : fresh.filter(({ timestamp }) => Number(timestamp) < untilMs)
  const messages = await readWhenPossible(member, wanted)
  if (messages === null) return
  if (member.settling !== null) return handOver(member, member.settling, fresh, wanted, messages)
  if (messages.length > 0 && !(await acceptWhenRoom(context, signal, messages, null))) return
  commits.add(places.passed(fresh))
}

/** Hands records in that nothing else remembers: the group comes past them as they end. */
async function handOver(
  { context, signal, places }: Member,
  settling: Settling,
  fresh: readonly KafkaRecord[],
  wanted: readonly KafkaRecord[],
  messages: readonly Incoming[],
): Promise<void> {
  const deliveries = new Map(fresh.map((record) => [record, settling.expect(record)]))
  const handed = messages.map((message, at) => ({
    ...message,
    delivery: deliveries.get(wanted[at] as KafkaRecord) as Delivery,
  }))
  if (handed.length > 0 && !(await acceptWhenRoom(context, signal, handed, null))) return
  places.passed(fresh)
  for (const record of fresh) if (!wanted.includes(record)) deliveries.get(record)?.settled()
}

const FIRST_PAUSE_MS = 250
const LONGEST_PAUSE_MS = 30_000

/** A schema registry that is away for a while makes no record unreadable: they wait for it. Null when the source must stop. */
async function readWhenPossible(
  member: Member,
  records: readonly KafkaRecord[],
): Promise<readonly Incoming[] | null> {
  const { context, signal } = member
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      return await messagesOf(member, records)
    } catch (error) {
      if (!isLinkspanError(error) || error.retry === 'never') throw error
      if (failures === 0) context.logger.log('warn', 'kafka.schema.waiting', { error: error.message })
      await wait(
        context.clock,
        Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures, 10)),
        signal,
      )
    }
  }
  return null
}

async function messagesOf(
  { settings, client, topics }: Member,
  records: readonly KafkaRecord[],
): Promise<readonly Incoming[]> {
  const { group } = settings
  const { schemas } = client
  const found = records.map((record) => {
    const topicId = topics.get(record.topic)?.id ?? record.topic
    return incomingOf(record, settings, { group, topicId, schemas })
  })
  return found.some((each) => each instanceof Promise) ? Promise.all(found) : (found as readonly Incoming[])
}

function explained({ settings, client }: Pick<Member, 'settings' | 'client'>, error: unknown): LinkspanError {
  const topics = settings.topics.map((topic) => `"${topic}"`).join(', ')
  const what = `reading ${topics} as the group "${settings.group}" at ${client.system}`
  return kafkaError(error, { what, writes: false })
}

const MOST_FETCHED_BYTES = 8 * 1024 * 1024
const MOST_OF_A_PARTITION_BYTES = 1024 * 1024
const READ_COMMITTED = 1
const READ_UNCOMMITTED = 0

/** What is read ahead is what is thrown away when the group is divided anew, and what memory it takes. */
function streamOptions(settings: ConsumeSettings): Readonly<Record<string, unknown>> {
  return {
    topics: [...settings.topics],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: false,
    highWaterMark: 2 * settings.batch,
    ...fetchOptions(settings),
    ...groupOptions(settings),
  }
}

function consumerOptions(settings: ConsumeSettings): Readonly<Record<string, unknown>> {
  return { groupId: settings.group, ...fetchOptions(settings), ...groupOptions(settings) }
}

function fetchOptions({ isolation }: ConsumeSettings): Readonly<Record<string, unknown>> {
  return {
    maxBytes: MOST_FETCHED_BYTES,
    maxBytesPerPartition: MOST_OF_A_PARTITION_BYTES,
    maxWaitTime: 1_000,
    isolationLevel: isolation === 'committed' ? READ_COMMITTED : READ_UNCOMMITTED,
  }
}

function groupOptions({ protocol, sessionTimeoutMs }: ConsumeSettings): Readonly<Record<string, unknown>> {
  if (protocol === 'consumer') return { groupProtocol: 'consumer' }
  return {
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: Math.max(60_000, sessionTimeoutMs),
    heartbeatInterval: Math.min(3_000, Math.floor(sessionTimeoutMs / 3)),
  }
}

function heard(stream: RecordStream, bell: Bell): RecordStream {
  const ended = (): void => {
    if (!bell.isForgotten(stream)) bell.fail(new Error('the stream of records ended'))
  }
  stream.on('error', (error) => {
    if (!bell.isForgotten(stream)) bell.fail(error)
  })
  stream.on('readable', bell.ring)
  stream.on('end', ended)
  stream.on('close', ended)
  return stream
}

async function unlessAborted<T>(signal: AbortSignal, joining: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stopped = (): void =>
    reject(new LinkspanError('CALL_FAILED', 'The source was stopped.', { retry: 'later' }))
  joining.catch(() => undefined)
  if (signal.aborted) stopped()
  signal.addEventListener('abort', stopped, { once: true })
  try {
    return await Promise.race([joining, promise])
  } finally {
    signal.removeEventListener('abort', stopped)
  }
}
