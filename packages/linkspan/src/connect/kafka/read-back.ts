import type { CallContext, Verdict } from '../connector.ts'
import type { KafkaClient } from './kafka-client.ts'
import { kafkaError } from './kafka-error.ts'
import type { ClusterMetadata, FetchedRecords, KafkaConsumer } from './kafka-package.ts'
import { partitionOf } from './partition.ts'
import { type Draft, MARK_HEADER, type Produced } from './produce.ts'

/** A stretch of a partition: from the first offset to the one past the last. */
interface Stretch {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly node: number
  readonly from: bigint
  readonly to: bigint
}

const LATEST = -1n
/** How far the clocks of who wrote, of the brokers and of the journal may lie apart. */
const CLOCKS_APART_MS = 60_000

/**
 * Looks for the record that a call wrote: by its mark, in the partitions where it can lie, from the time when the call was
 * first made to the end. What cannot be read to the end says nothing.
 */
export function readBack(client: KafkaClient, draft: Draft, call: CallContext): Promise<Verdict<Produced>> {
  return client.read(async (reader) => {
    try {
      if (call.firstMadeAt === null) return { state: 'unknown' }
      for (const stretch of await stretchesOf(reader, draft, call.firstMadeAt - CLOCKS_APART_MS)) {
        const found = await search(reader, stretch, call)
        if (found.state !== 'absent') return found
      }
      return { state: 'absent' }
    } catch (error) {
      throw kafkaError(error, {
        what: `looking for a record in "${draft.topic}" at ${client.system}`,
        writes: false,
      })
    }
  })
}

async function stretchesOf(
  reader: KafkaConsumer,
  draft: Draft,
  sinceMs: number,
): Promise<readonly Stretch[]> {
  const { topic, timestampMs } = draft
  const topics = [topic]
  const metadata = await reader.metadata({ topics })
  const timestamp = BigInt(Math.max(0, Math.min(sinceMs, timestampMs ?? sinceMs)))
  const starts = await reader.listOffsetsWithTimestamps({ topics, timestamp })
  const ends = await reader.listOffsets({ topics, timestamp: LATEST })
  return partitionsOf(draft, metadata).flatMap((partition) => {
    const from = starts.get(topic)?.get(partition)?.offset ?? -1n
    const to = ends.get(topic)?.[partition] ?? -1n
    const node = metadata.topics.get(topic)?.partitions[partition]?.leader ?? -1
    const topicId = metadata.topics.get(topic)?.id ?? ''
    // Nothing was written since then.
    return from < 0n || from >= to ? [] : [{ topic, topicId, partition, node, from, to }]
  })
}

function partitionsOf({ topic, key, partition }: Draft, metadata: ClusterMetadata): readonly number[] {
  const count = metadata.topics.get(topic)?.partitionsCount ?? 0
  if (partition !== null) return [partition]
  if (key !== null) return [partitionOf(key, count)]
  return Array.from({ length: count }, (_, nth) => nth)
}

const MOST_SILENT = 5

async function search(
  reader: KafkaConsumer,
  stretch: Stretch,
  call: CallContext,
): Promise<Verdict<Produced>> {
  const { topic, partition, to } = stretch
  let at = stretch.from
  for (let silent = 0; at < to; ) {
    if (call.signal.aborted || silent === MOST_SILENT) return { state: 'unknown' }
    const batches = batchesOf(await fetchFrom(reader, stretch, at), partition)
    for (const { firstOffset, records } of batches)
      for (const { offsetDelta, headers } of records)
        if (isMarked(headers, call.mark))
          return { state: 'done', result: { topic, partition, offset: Number(firstOffset) + offsetDelta } }
    const last = batches.at(-1)
    const next = last === undefined ? at : last.firstOffset + BigInt(last.lastOffsetDelta) + 1n
    silent = next > at ? 0 : silent + 1
    at = next > at ? next : at
  }
  return { state: 'absent' }
}

function fetchFrom(
  reader: KafkaConsumer,
  { node, topicId, partition }: Stretch,
  fetchOffset: bigint,
): Promise<FetchedRecords> {
  const one = {
    partition,
    fetchOffset,
    currentLeaderEpoch: -1,
    lastFetchedEpoch: -1,
    partitionMaxBytes: MOST_BYTES,
  }
  return reader.fetch({
    node,
    maxWaitTime: 500,
    minBytes: 1,
    maxBytes: MOST_BYTES,
    topics: [{ topicId, partitions: [one] }],
  })
}

const MOST_BYTES = 4 * 1024 * 1024

type Batch = NonNullable<FetchedRecords['responses'][number]['partitions'][number]['records']>[number]

function batchesOf({ responses }: FetchedRecords, partition: number): readonly Batch[] {
  return responses
    .flatMap(({ partitions }) => partitions)
    .filter(({ partitionIndex }) => partitionIndex === partition)
    .flatMap(({ records = [] }) => records)
}

function isMarked(headers: readonly (readonly [Buffer | null, Buffer | null])[], mark: string): boolean {
  return headers.some(([name, value]) => name?.toString() === MARK_HEADER && value?.toString() === mark)
}
