import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { BatchedCall, CallContext, CallOutcome } from '../connector.ts'
import { inHalves } from '../halves.ts'
import type { Failure } from './failures.ts'
import type { KafkaClient } from './kafka-client.ts'
import { kafkaError } from './kafka-error.ts'
import type { ClusterMetadata, KafkaProducer, PartitionOffset, RecordToSend } from './kafka-package.ts'
import { partitionOf } from './partition.ts'
import { writtenParts } from './written-parts.ts'

/** Where a record was written. */
export interface Produced {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

/** A record before its partition is chosen. */
export interface Draft {
  readonly topic: string
  readonly key: Buffer | null
  /** Null is a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array])[]
  /** The one that was asked for, which the topic may not have. */
  readonly partition: number | null
  readonly timestampMs: number | null
}

/** Makes the record of a call; throws a `LinkspanError` where that is not possible. */
export type DraftOf<In> = (client: KafkaClient, input: In, call: CallContext) => Promise<Draft>

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** A call with its record; `nth` is its place among the calls. */
interface Drafted {
  readonly nth: number
  readonly call: CallContext
  readonly draft: Draft
}

/** A call on its way to a partition. */
interface Sending extends Drafted {
  readonly partition: number
  readonly bytes: number
}

/** The call's mark, by which its record can be recognised and looked for. */
export const MARK_HEADER = 'linkspan-mark'

/**
 * Writes the records of many calls with few requests. Each call has its own outcome: one whose record cannot be made, or whose
 * topic does not exist, holds up no other, and of a request that failed in part the rest counts as written.
 */
export async function produceAll<In>(
  client: KafkaClient,
  calls: readonly BatchedCall<In>[],
  draftOf: DraftOf<In>,
  compression: Compression,
): Promise<readonly CallOutcome<Produced>[]> {
  const outcomes = new Map<number, CallOutcome<Produced>>()
  const drafted = await Promise.all(
    calls.map(async ({ input, call }, nth): Promise<Drafted | null> => {
      try {
        return { nth, call, draft: await draftOf(client, input, call) }
      } catch (error) {
        outcomes.set(nth, { error: unsendable(error) })
        return null
      }
    }),
  )
  await client.produce(async (producer) => {
    const sendings = await addressed(client, producer, drafted, outcomes)
    for (const request of requestsOf(sendings, client.batchBytes)) {
      const sent = await inHalves(request, (part) => send(client, producer, part, compression), isTooLarge)
      sent.forEach((outcome, at) => {
        outcomes.set((request[at] as Sending).nth, outcome)
      })
    }
  })
  return calls.map((_, nth) => outcomes.get(nth) as CallOutcome<Produced>)
}

/** The records that have a partition to go to; the others have an outcome. */
async function addressed(
  client: KafkaClient,
  producer: KafkaProducer,
  drafted: readonly (Drafted | null)[],
  outcomes: Map<number, CallOutcome<Produced>>,
): Promise<readonly Sending[]> {
  const there = drafted.filter((each) => each !== null)
  const topics = await topicsOf(client, producer, new Set(there.map(({ draft }) => draft.topic)))
  const turn = client.nextTurn()
  return there.flatMap(({ nth, call, draft }) => {
    try {
      const topic = topics.get(draft.topic) as Topic
      if (isLinkspanError(topic)) throw topic
      const partition = choosePartition(draft, topic.partitionsCount, turn)
      return [{ nth, call, draft, partition, bytes: bytesOf(draft) }]
    } catch (error) {
      outcomes.set(nth, { error })
      return []
    }
  })
}

function unsendable(thrown: unknown): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  return new LinkspanError(
    'CALL_REJECTED',
    `Kafka: the record of a call could not be made: ${thrown instanceof Error ? thrown.message : String(thrown)}. Correct the operation's functions.`,
    { retry: 'never', applied: 'no', cause: thrown },
  )
}

type Topic = { readonly partitionsCount: number } | LinkspanError

/** The topics of the records. Asked for one by one: a topic that does not exist fails the question for all. */
async function topicsOf(
  client: KafkaClient,
  producer: KafkaProducer,
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, Topic>> {
  const found = [...names].map(async (name): Promise<readonly [string, Topic]> => {
    const what = `produce to "${name}" at ${client.system}`
    try {
      const metadata: ClusterMetadata = await producer.metadata({ topics: [name] })
      return [name, metadata.topics.get(name) ?? missing(name, client)]
    } catch (error) {
      return [name, kafkaError(error, { what, writes: false })]
    }
  })
  return new Map(await Promise.all(found))
}

function missing(topic: string, { system }: KafkaClient): LinkspanError {
  return kafkaError(new Error(`Unknown topic ${topic}.`), {
    what: `produce to "${topic}" at ${system}`,
    writes: false,
  })
}

/** Records without a key of one batch go to one partition, those of the next batch to the next: so that requests are few. */
function choosePartition({ topic, key, partition }: Draft, partitions: number, turn: number): number {
  if (partition === null) return key === null ? turn % partitions : partitionOf(key, partitions)
  if (Number.isInteger(partition) && partition >= 0 && partition < partitions) return partition
  throw new LinkspanError(
    'CALL_REJECTED',
    `Kafka: "${topic}" has the partitions 0 to ${partitions - 1}, and a record was to go to ${partition}. Correct the operation's \`partition\`.`,
    { retry: 'never', applied: 'no' },
  )
}

const OVERHEAD_BYTES = 80

function bytesOf({ key, value, headers }: Draft): number {
  const named = headers.reduce((sum, [name, bytes]) => sum + name.length + bytes.byteLength + 4, 0)
  return OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0) + named
}

/** As many records as a broker takes for one partition; one that is larger goes alone, and is refused alone. */
function requestsOf(sendings: readonly Sending[], most: number): readonly (readonly Sending[])[] {
  const requests: Sending[][] = []
  let weights = new Map<string, number>()
  for (const sending of sendings) {
    const place = placeOf(sending.draft.topic, sending.partition)
    const weight = (weights.get(place) ?? 0) + sending.bytes
    const last = requests.at(-1)
    if (last === undefined || (weights.has(place) && weight > most)) {
      requests.push([sending])
      weights = new Map([[place, sending.bytes]])
    } else {
      last.push(sending)
      weights.set(place, weight)
    }
  }
  return requests
}

/**
 * A topic may take less than `batchBytes`, and its limit is for all records of a request to a partition: that those together
 * are too large says nothing of each.
 */
function isTooLarge(error: unknown): boolean {
  const code = isLinkspanError(error) ? error.details['kafka'] : undefined
  return code === 'MESSAGE_TOO_LARGE' || code === 'RECORD_LIST_TOO_LARGE'
}

interface Sent {
  readonly nth: number
  readonly outcome: CallOutcome<Produced>
}

/** One request: an outcome for each of its calls, in their order. */
async function send(
  client: KafkaClient,
  producer: KafkaProducer,
  request: readonly Sending[],
  compression: Compression,
): Promise<readonly CallOutcome<Produced>[]> {
  const sent = await sendThose(client, producer, request, compression)
  const byNth = new Map(sent.map(({ nth, outcome }) => [nth, outcome]))
  return request.map(({ nth }) => byNth.get(nth) as CallOutcome<Produced>)
}

/** Whether a call may still leave is asked last, since schemas and topics were asked for before. */
async function sendThose(
  client: KafkaClient,
  producer: KafkaProducer,
  request: readonly Sending[],
  compression: Compression,
): Promise<readonly Sent[]> {
  const leaving = request.filter(({ call }) => call.maySend())
  const withheld = request
    .filter((each) => !leaving.includes(each))
    .map(({ nth }) => ({ nth, outcome: { error: held() } }))
  if (leaving.length === 0) return withheld
  const messages = leaving.map(({ draft, partition }) => recordOf(draft, partition))
  try {
    const { offsets = [] } = await producer.send({ messages, compression })
    return [...withheld, ...written(leaving, offsets, client)]
  } catch (error) {
    return [...withheld, ...inPart(leaving, error, client)]
  }
}

function held(): LinkspanError {
  return new LinkspanError('CALL_FAILED', 'The call was withheld.', { retry: 'later', applied: 'no' })
}

function recordOf(draft: Draft, partition: number): RecordToSend {
  const { topic, key, value, headers, timestampMs } = draft
  return {
    topic,
    partition,
    ...(key === null ? {} : { key }),
    ...(value === null ? {} : { value }),
    headers: new Map(headers.map(([name, bytes]) => [Buffer.from(name), Buffer.from(bytes)])),
    ...(timestampMs === null ? {} : { timestamp: BigInt(timestampMs) }),
  }
}

/** The brokers answer the offset of the first record in each partition. */
function written(
  sendings: readonly Sending[],
  offsets: readonly PartitionOffset[],
  client: KafkaClient,
  otherwise: (sending: Sending) => LinkspanError = (sending) => unanswered(sending, client),
): readonly Sent[] {
  const next = new Map(offsets.map(({ topic, partition, offset }) => [placeOf(topic, partition), offset]))
  return sendings.map((sending) => {
    const { nth, draft, partition } = sending
    const place = placeOf(draft.topic, partition)
    const offset = next.get(place)
    if (offset === undefined) return { nth, outcome: { error: otherwise(sending) } }
    next.set(place, offset + 1n)
    return { nth, outcome: { result: { topic: draft.topic, partition, offset: Number(offset) } } }
  })
}

function unanswered({ draft, partition }: Sending, client: KafkaClient): LinkspanError {
  return new LinkspanError(
    'CALL_UNKNOWN_OUTCOME',
    `Kafka: the brokers at ${client.system} did not say whether a record was written to partition ${partition} of "${draft.topic}". Look there.`,
    { retry: 'later', applied: 'unknown' },
  )
}

/** A request that failed may have been carried out for some partitions. */
function inPart(sendings: readonly Sending[], error: unknown, client: KafkaClient): readonly Sent[] {
  const parts = writtenParts(error)
  const because = ({ draft, partition }: Sending): LinkspanError => {
    const only = (failure: Failure): boolean => parts.concerns(failure, draft.topic, partition)
    const what = `produce to partition ${partition} of "${draft.topic}" at ${client.system}`
    return kafkaError(error, { what, writes: true, only })
  }
  return written(sendings, parts.offsets, client, because)
}

function placeOf(topic: string, partition: number): string {
  return `${topic}:${partition}`
}
