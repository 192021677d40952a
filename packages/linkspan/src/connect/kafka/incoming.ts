import type { Incoming } from '../connector.ts'
import { type FormatPlace, type KafkaFormat, textOf, Undecodable } from './format.ts'
import type { KafkaRecord } from './kafka-package.ts'
import type { Schemas } from './schemas.ts'
import { unreadableRecord } from './unreadable.ts'

/** How records become messages. */
export interface ReadingOptions {
  readonly format: KafkaFormat
  readonly keyFormat: KafkaFormat
  readonly order: 'key' | 'partition' | 'none'
  readonly dedupeBy: string | null
  readonly unreadable: 'deadLetter' | 'handIn'
}

/** Where a record comes from, as it is identified. */
export interface Origin {
  readonly group: string
  /** Kafka's id of the topic: one that was deleted and made again is another one. */
  readonly topicId: string
  readonly schemas: Schemas
}

/** A record as the engine accepts it. A promise where a schema has to be asked for. */
export function incomingOf(
  record: KafkaRecord,
  options: ReadingOptions,
  origin: Origin,
): Incoming | Promise<Incoming> {
  const finish = (key: unknown, body: unknown): Incoming => messageOf(record, options, origin, key, body)
  const failed = (error: unknown): Incoming => unreadable(record, options, origin, error)
  const { topic } = record
  const { schemas } = origin
  try {
    const key = decoded(options.keyFormat, record.key, { topic, part: 'key', schemas })
    const body = decoded(options.format, record.value, { topic, part: 'value', schemas })
    if (!isPromise(key) && !isPromise(body)) return finish(key, body)
    return Promise.all([key, body]).then(([theKey, theBody]) => finish(theKey, theBody), failed)
  } catch (error) {
    return failed(error)
  }
}

function decoded(format: KafkaFormat, bytes: Buffer | null | undefined, place: FormatPlace): unknown {
  return bytes === null || bytes === undefined ? null : format.decode(bytes, place)
}

function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise
}

function messageOf(
  record: KafkaRecord,
  options: ReadingOptions,
  origin: Origin,
  key: unknown,
  body: unknown,
): Incoming {
  const { value } = record
  const keyText = key === null ? null : typeof key === 'string' ? key : JSON.stringify(key)
  return {
    body,
    ...(options.format.isJson === true && value ? { json: value } : {}),
    ...common(record, options, origin, keyText),
  }
}

/** Only what says that it will never be read makes a record unreadable: all else is thrown, and read again later. */
function unreadable(record: KafkaRecord, options: ReadingOptions, origin: Origin, error: unknown): Incoming {
  if (!(error instanceof Undecodable)) throw error
  const { topic, partition, offset } = record
  const problem = `record ${offset} of partition ${partition} of "${topic}": ${error.message}`
  return {
    body: unreadableRecord(record, error.message),
    ...common(
      record,
      options,
      origin,
      record.key ? (textOf(record.key) ?? record.key.toString('base64')) : null,
    ),
    ...(options.unreadable === 'deadLetter' ? { unreadable: problem } : {}),
  }
}

function common(
  record: KafkaRecord,
  { order, dedupeBy }: ReadingOptions,
  { group, topicId }: Origin,
  key: string | null,
): Omit<Incoming, 'body'> {
  const { topic, partition, offset } = record
  const headers = headersOf(record, key)
  const lane = order === 'partition' ? `${topic}-${partition}` : order === 'key' ? key : null
  const stated = dedupeBy === null ? undefined : headers[dedupeBy]
  return {
    headers,
    dedupeKey: stated ?? `${group} ${topicId} ${partition} ${offset}`,
    ...(lane === null ? {} : { key: lane }),
  }
}

/** Those of the record, and those that say where it lay; a value that is no text in UTF-8 is base64, by the name with `-base64`. */
function headersOf(record: KafkaRecord, key: string | null): Readonly<Record<string, string>> {
  const { topic, partition, offset, timestamp, value } = record
  const headers: Record<string, string> = {}
  for (const [name, bytes] of record.headers) {
    if (bytes === null || bytes === undefined) continue
    const text = textOf(bytes)
    const lower = name.toString().toLowerCase()
    if (text === null) headers[`${lower}-base64`] = bytes.toString('base64')
    else headers[lower] = text
  }
  headers['kafka-topic'] = topic
  headers['kafka-partition'] = String(partition)
  headers['kafka-offset'] = String(offset)
  headers['kafka-timestamp'] = String(timestamp)
  if (key !== null) headers['kafka-key'] = key
  if (value === null || value === undefined) headers['kafka-tombstone'] = 'true'
  return headers
}
