import type { Assignment, KafkaConsumer, OffsetsByTopic } from './kafka-package.ts'
import type { Commit } from './places.ts'

/** Where a group begins that has no place yet. */
export type Beginning = 'earliest' | 'latest' | { readonly timeMs: number }

const EARLIEST = -2n
const LATEST = -1n
const UNKNOWN_EPOCH = -1

type Asked = Pick<
  KafkaConsumer,
  'listCommittedOffsets' | 'listOffsets' | 'listOffsetsWithTimestamps' | 'commit'
>

/**
 * Commits where a group begins in the partitions where it has no place. So the end of a topic is the one that was seen first,
 * and what comes before the first commit is not left out when the process dies. A partition that was added to a topic which
 * the group reads already is read from its start.
 *
 * Answers whether anything was committed: what is read ahead then began elsewhere.
 */
export async function commitBeginning(
  consumer: Asked,
  from: Beginning,
  gained: readonly Assignment[],
  partitionsOf: (topic: string) => number,
): Promise<boolean> {
  if (from === 'earliest' || gained.length === 0) return false
  const topics = gained.map(({ topic }) => topic)
  const all = topics.map((topic) => ({ topic, partitions: upTo(partitionsOf(topic)) }))
  const committed = await consumer.listCommittedOffsets({ topics: all })
  const isMissing = (topic: string, partition: number): boolean =>
    (committed.get(topic)?.[partition] ?? -1n) < 0n
  const missing = gained
    .map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.filter((each) => isMissing(topic, each)),
    }))
    .filter(({ partitions }) => partitions.length > 0)
  if (missing.length === 0) return false
  const isNew = (topic: string): boolean => upTo(partitionsOf(topic)).every((each) => isMissing(topic, each))
  const fresh = await offsetsAt(consumer, from, missing.map(({ topic }) => topic).filter(isNew))
  const added = await offsetsAt(
    consumer,
    'earliest',
    missing.map(({ topic }) => topic).filter((each) => !isNew(each)),
  )
  const offsets = missing.flatMap((each) =>
    commitsOf(each, fresh.get(each.topic) ?? added.get(each.topic) ?? []),
  )
  await consumer.commit({ offsets })
  return true
}

async function offsetsAt(
  consumer: Asked,
  from: Beginning,
  topics: readonly string[],
): Promise<OffsetsByTopic> {
  if (topics.length === 0) return new Map()
  if (typeof from === 'string')
    return consumer.listOffsets({ topics, timestamp: from === 'latest' ? LATEST : EARLIEST })
  const ends = await consumer.listOffsets({ topics, timestamp: LATEST })
  const found = await consumer.listOffsetsWithTimestamps({ topics, timestamp: BigInt(from.timeMs) })
  const at = (topic: string, partition: number, end: bigint | undefined): bigint | undefined => {
    const offset = found.get(topic)?.get(partition)?.offset ?? -1n
    return offset < 0n ? end : offset
  }
  return new Map(
    [...ends].map(([topic, offsets]) => [topic, offsets.map((end, partition) => at(topic, partition, end))]),
  )
}

function commitsOf(
  { topic, partitions }: Assignment,
  offsets: readonly (bigint | undefined)[],
): readonly Commit[] {
  return partitions.flatMap((partition) => {
    const offset = offsets[partition]
    return offset === undefined ? [] : [{ topic, partition, offset, leaderEpoch: UNKNOWN_EPOCH }]
  })
}

function upTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, nth) => nth)
}
