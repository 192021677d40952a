import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { KafkaRecord } from './kafka-package.ts'

/** A record that could not be read, byte by byte as it was, with its place. Bytes are base64. */
export interface UnreadableRecord {
  /** Why it could not be read. */
  readonly unreadableRecord: string
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** When it was written, in milliseconds since 1970. */
  readonly timestamp: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly { readonly name: string; readonly value: string | null }[]
}

/**
 * Whether a body is a record that could not be read: for flows whose source hands them in (`unreadable: 'handIn'`).
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { isUnreadable, kafka } from 'linkspan/kafka'
 * const events = kafka('events')
 * const aside = events.deadLetters({ name: 'aside', topic: 'orders.dead', guarantee: 'natural' })
 * const book = flow('book-orders')
 *   .from(events.consume<{ id: string }>({ topic: 'orders', group: 'book', unreadable: 'handIn' }))
 *   .choice('readable', (c) => c
 *     .when('no', isUnreadable, (bad) => bad.to('set aside', aside).stop('is aside'))
 *     .otherwise((order) => order.map('id', ({ id }) => id)))
 * ```
 */
export function isUnreadable(body: unknown): body is UnreadableRecord {
  if (typeof body !== 'object' || body === null) return false
  const { unreadableRecord, topic, offset } = body as Partial<UnreadableRecord>
  return typeof unreadableRecord === 'string' && typeof topic === 'string' && typeof offset === 'number'
}

/** A record as it was, with the reason. */
export function unreadableRecord(record: KafkaRecord, problem: string): UnreadableRecord {
  const { topic, partition, offset, timestamp, key, value, headers } = record
  return {
    unreadableRecord: problem,
    topic,
    partition,
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: base64(key),
    value: base64(value),
    headers: [...headers].map(([name, bytes]) => ({ name: name.toString(), value: base64(bytes) })),
  }
}

function base64(bytes: Buffer | null | undefined): string | null {
  return bytes?.toString('base64') ?? null
}

/** A schema for what can be read, which lets through what cannot. */
export function orUnreadable(schema: StandardSchemaV1): StandardSchemaV1 {
  return {
    '~standard': {
      version: 1,
      vendor: 'linkspan',
      validate: (value) => (isUnreadable(value) ? { value } : schema['~standard'].validate(value)),
    },
  }
}
