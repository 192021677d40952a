import type { Duration } from '../../model/duration.ts'
import type { ByVerify, Guarantee, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { CallContext, ConnectionDeclaration, Operation } from '../connector.ts'
import { unlessGivenUp } from '../unless-given-up.ts'
import { checkOperationName, invalidOperation } from '../invalid-operation.ts'
import { json, type KafkaFormat, text } from './format.ts'
import type { KafkaClient } from './kafka-client.ts'
import {
  type Compression,
  type Draft,
  type DraftOf,
  MARK_HEADER,
  type Produced,
  produceAll,
} from './produce.ts'
import { readBack } from './read-back.ts'
import type { UnreadableRecord } from './unreadable.ts'

/**
 * What writing a record again does.
 *
 * - `verify`: whether it was written is found out by reading: the record carries the mark of its call and is looked for.
 * - `natural`: a second one is harmless, as in a compacted topic, or where consumers know a record by its mark.
 * - `none`: neither. After an unknown outcome the call is in doubt, or made again with `onUnknown: 'atLeastOnce'`.
 */
export type ProduceGuarantee = 'verify' | 'natural' | 'none'

/** The guarantee that an operation declares by {@link ProduceGuarantee}. */
export type Declared<G extends ProduceGuarantee> = G extends 'verify'
  ? ByVerify
  : G extends 'natural'
    ? Natural
    : NoGuarantee

/** Options of {@link Kafka.produce}. Functions get the input of the call and must be pure. */
export interface ProduceOptions<In, G extends ProduceGuarantee> {
  /** Unique within the connection. */
  readonly name: string
  readonly topic: string | ((input: In) => string)
  readonly guarantee: G
  /** Records of one key come to one partition; null is no key. @default no key */
  readonly key?: (input: In) => unknown
  /** What is written; null is a tombstone. @default the input */
  readonly value?: (input: In) => unknown
  /** Beside those that Linkspan sends: `linkspan-mark` and `traceparent`. */
  readonly headers?: (input: In) => Readonly<Record<string, string | Uint8Array>>
  /** One that the topic does not have is refused. @default by key */
  readonly partition?: number | ((input: In) => number | null)
  /** In milliseconds since 1970. @default now */
  readonly timestamp?: (input: In) => number
  /** How values are written. @default json() */
  readonly format?: KafkaFormat<never> | KafkaFormat
  /** How keys are written. @default text() */
  readonly keyFormat?: KafkaFormat<never> | KafkaFormat
  /** Of all records of a request. @default 'none' */
  readonly compression?: Compression
  /** The most records in one request. @default 500 */
  readonly batch?: number
  /** @default '150s' */
  readonly timeout?: Duration
}

/** Options of {@link Kafka.deadLetters}. */
export interface DeadLetterOptions<G extends ProduceGuarantee> {
  /** Unique within the connection. */
  readonly name: string
  readonly topic: string
  readonly guarantee: G
}

/** Longer than the client tries by itself, so that it is the one to say what became of a request. */
const TIMEOUT: Duration = '150s'
/** How long a request may still be carried out that a broker got from a process that has died. */
const SETTLE_AFTER: Duration = '30s'

/** The operation that writes records. */
export function produceOperation<In>(
  connection: ConnectionDeclaration,
  options: ProduceOptions<In, ProduceGuarantee>,
): Operation<In, Produced> {
  const { name, guarantee, compression = 'none', batch = 500, timeout = TIMEOUT } = options
  checkOptions(connection.name, options.name, guarantee)
  if (!Number.isInteger(batch) || batch < 1 || batch > 10_000)
    throw invalidOperation(
      connection.name,
      name,
      `has the batch ${batch}, which is no whole number from 1 to 10000`,
    )
  if (!COMPRESSIONS.includes(compression))
    throw invalidOperation(
      connection.name,
      name,
      `has the compression "${compression}"; there are ${COMPRESSIONS.join(', ')}`,
    )
  return writing(connection, { name, guarantee, compression, batch, timeout }, drafting(options))
}

/** The operation that writes records that could not be read, as they were. */
export function deadLetterOperation(
  connection: ConnectionDeclaration,
  { name, topic, guarantee }: DeadLetterOptions<ProduceGuarantee>,
): Operation<UnreadableRecord, Produced> {
  checkOptions(connection.name, name, guarantee)
  const draftOf: DraftOf<UnreadableRecord> = async (_client, input, call) => deadLetter(topic, input, call)
  return writing(connection, { name, guarantee, compression: 'none', batch: 500, timeout: TIMEOUT }, draftOf)
}

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']
const GUARANTEES: Readonly<Record<ProduceGuarantee, Guarantee>> = {
  verify: { kind: 'verify', settleAfter: SETTLE_AFTER },
  natural: { kind: 'natural' },
  none: { kind: 'none' },
}

interface Writing {
  readonly name: string
  readonly guarantee: ProduceGuarantee
  readonly compression: Compression
  readonly batch: number
  readonly timeout: Duration
}

function writing<In>(
  connection: ConnectionDeclaration,
  { name, guarantee, compression, batch, timeout }: Writing,
  draftOf: DraftOf<In>,
): Operation<In, Produced> {
  const run: NonNullable<Operation<In, Produced>['batch']>['run'] = (client, calls) =>
    produceAll(client as KafkaClient, calls, draftOf, compression)
  return {
    connection,
    name,
    guarantee: GUARANTEES[guarantee],
    timeout,
    batch: { max: batch, run },
    async run(client, input, call) {
      const [outcome] = await unlessGivenUp('Kafka', call, () => run(client, [{ input, call }]))
      if (outcome !== undefined && 'result' in outcome) return outcome.result
      throw outcome?.error
    },
    ...(guarantee === 'verify'
      ? {
          verify: async (client, input, call) =>
            readBack(client as KafkaClient, await draftOf(client as KafkaClient, input, call), call),
        }
      : {}),
  }
}

function drafting<In>(options: ProduceOptions<In, ProduceGuarantee>): DraftOf<In> {
  const { topic: where, key, value, headers, partition, timestamp } = options
  const format = (options.format ?? json()) as KafkaFormat
  const keyFormat = (options.keyFormat ?? text()) as KafkaFormat
  return async ({ schemas }, input, call) => {
    const topic = typeof where === 'function' ? where(input) : where
    const encode = async (
      each: KafkaFormat,
      part: 'key' | 'value',
      given: unknown,
    ): Promise<Buffer | null> =>
      given === null || given === undefined
        ? null
        : Buffer.from(await each.encode(given, { topic, part, schemas }))
    return {
      topic,
      key: await encode(keyFormat, 'key', key?.(input)),
      value: await encode(format, 'value', value === undefined ? input : value(input)),
      headers: [...bytesOf(headers?.(input) ?? {}), ...own(call)],
      partition: typeof partition === 'function' ? partition(input) : (partition ?? null),
      timestampMs: timestamp?.(input) ?? null,
    }
  }
}

type DraftHeaders = Draft['headers']

function bytesOf(headers: Readonly<Record<string, string | Uint8Array>>): DraftHeaders {
  return Object.entries(headers)
    .filter(([name]) => name !== MARK_HEADER)
    .map(([name, value]) => [name, typeof value === 'string' ? Buffer.from(value) : value])
}

function own({ mark, traceparent }: CallContext): DraftHeaders {
  return [
    [MARK_HEADER, Buffer.from(mark)],
    ['traceparent', Buffer.from(traceparent)],
  ]
}

/** What says where the record came from: names that begin alike, beside its own headers. */
function deadLetter(topic: string, record: UnreadableRecord, call: CallContext): Draft {
  const about = {
    'linkspan-dead-reason': record.unreadableRecord,
    'linkspan-dead-topic': record.topic,
    'linkspan-dead-partition': String(record.partition),
    'linkspan-dead-offset': String(record.offset),
    'linkspan-dead-timestamp': String(record.timestamp),
  }
  const former: DraftHeaders = record.headers
    .filter(({ name }) => name !== MARK_HEADER)
    .map(({ name, value }) => [name, Buffer.from(value ?? '', 'base64')])
  return {
    topic,
    key: record.key === null ? null : Buffer.from(record.key, 'base64'),
    value: record.value === null ? null : Buffer.from(record.value, 'base64'),
    headers: [...former, ...bytesOf(about), [MARK_HEADER, Buffer.from(call.mark)]],
    partition: null,
    timestampMs: null,
  }
}

function checkOptions(connection: string, name: string, guarantee: ProduceGuarantee): void {
  checkOperationName(connection, name)
  if (!Object.hasOwn(GUARANTEES, guarantee))
    throw invalidOperation(connection, name, 'has no guarantee. State "verify", "natural" or "none"')
}
