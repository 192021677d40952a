import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { ConnectionDeclaration, Connector, Operation, SourceDeclaration } from '../connector.ts'
import type { Beginning } from './beginning.ts'
import { json, type KafkaFormat, text } from './format.ts'
import { checkKafka, type KafkaClient, kafkaClient } from './kafka-client.ts'
import { kafkaConfig, type ReadKafkaConfig } from './kafka-config.ts'
import {
  type DeadLetterOptions,
  type Declared,
  deadLetterOperation,
  type ProduceGuarantee,
  type ProduceOptions,
  produceOperation,
} from './kafka-operations.ts'
import { type ConsumeSettings, startKafkaSource } from './kafka-source.ts'
import type { Produced } from './produce.ts'
import { kafkaSpec } from './spec.ts'
import { orUnreadable, type UnreadableRecord } from './unreadable.ts'

/** A time: an ISO text, a `Date`, or milliseconds since 1970. */
export type Time = string | number | Date

/** Options of {@link Kafka.consume}. */
export interface ConsumeOptions<T> {
  readonly topic: string | readonly string[]
  /** The consumer group, which keeps the place. Another name is another place, and reads anew. */
  readonly group: string
  /** Where a group begins that has no place yet. @default 'latest' */
  readonly from?: 'earliest' | 'latest' | { readonly time: Time }
  /** Records of this time and later are left out: for reading a stretch again. */
  readonly until?: Time
  /** How values are read. @default json() */
  readonly format?: KafkaFormat<T> | KafkaFormat
  /** How keys are read. @default text() */
  readonly keyFormat?: KafkaFormat
  /** Checks and types each body. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** What is run in order: records of one key, all of a partition, or nothing. @default 'key' */
  readonly order?: 'key' | 'partition' | 'none'
  /** A header whose value is the identity of a record, where it has one. @default the record's position */
  readonly dedupeBy?: string
  /** What becomes of a record that cannot be read. @default 'deadLetter' */
  readonly unreadable?: 'deadLetter' | 'handIn'
  /** The most records accepted in one commit. @default 500 */
  readonly batch?: number
  /** How the group is divided; `consumer` is KIP-848. @default 'classic' */
  readonly protocol?: 'classic' | 'consumer'
  /** Whether records of transactions that are open or were aborted are read too. @default 'committed' */
  readonly isolation?: 'committed' | 'uncommitted'
  /** How long the group waits for a member that says nothing. @default '45s' */
  readonly sessionTimeout?: Duration
  /**
   * For a flow of `durability: 'source'`: the least `min.insync.replicas` that its topics must have. 1 is for brokers of which
   * none may be lost, as in development. @default 2
   */
  readonly minInSync?: number
}

/** A connection to Kafka, with its source and the makers of its operations. */
export interface Kafka extends ConnectionDeclaration<ReadKafkaConfig, KafkaClient> {
  /**
   * Records of topics, read on every engine as a member of a consumer group. A place is committed to the group once its
   * messages are in the journal; one that comes again is known by its position.
   */
  consume<T = Json>(
    options: ConsumeOptions<T> & { readonly unreadable: 'handIn' },
  ): SourceDeclaration<T | UnreadableRecord>
  consume<T = Json>(options: ConsumeOptions<T> & { readonly unreadable?: 'deadLetter' }): SourceDeclaration<T>
  /** Writes a record on all replicas in sync; calls of many messages share a request. */
  produce<In = unknown, const G extends ProduceGuarantee = ProduceGuarantee>(
    options: ProduceOptions<In, G>,
  ): Operation<In, Produced, Declared<G>>
  /** Writes a record that could not be read to another topic, byte by byte as it was. */
  deadLetters<const G extends ProduceGuarantee>(
    options: DeadLetterOptions<G>,
  ): Operation<UnreadableRecord, Produced, Declared<G>>
}

/** The Kafka connector: what is the same for all Kafka connections. */
export const kafkaConnector: Connector<ReadKafkaConfig, KafkaClient> = {
  name: 'kafka',
  spec: kafkaSpec,
  config: kafkaConfig,
  connect: kafkaClient,
  close: (client) => client.close(),
  check: checkKafka,
}

/**
 * A connection to a Kafka cluster; the project binds its `brokers`, and how to log in, under this name.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { kafka } from 'linkspan/kafka'
 *
 * interface Order { id: string; total: number }
 * interface Bill { order: string; cents: number }
 * const events = kafka('events')
 * const bill = events.produce({
 *   name: 'bill',
 *   topic: 'bills',
 *   key: ({ order }: Bill) => order,
 *   guarantee: 'verify',
 * })
 * const billing = flow('billing')
 *   .from(events.consume<Order>({ topic: 'orders', group: 'billing' }))
 *   .to('bill', bill, { input: ({ id, total }) => ({ order: id, cents: Math.round(total * 100) }) })
 * ```
 */
export function kafka(name: string): Kafka {
  const connection: ConnectionDeclaration<ReadKafkaConfig, KafkaClient> = { name, connector: kafkaConnector }
  const names = new Set<string>()
  const named = <O extends { readonly name: string }>(options: O): O => {
    if (names.has(options.name)) throw doubled(name, options.name)
    names.add(options.name)
    return options
  }
  const made: Omit<Kafka, keyof typeof connection> = {
    consume: (<T>(options: ConsumeOptions<T>) =>
      source(connection, options as ConsumeOptions<unknown>)) as Kafka['consume'],
    produce: (options) => produceOperation(connection, named(options) as never) as never,
    deadLetters: (options) => deadLetterOperation(connection, named(options)) as never,
  }
  return Object.assign(connection, made)
}

function doubled(connection: string, name: string): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    `The operation "${name}" of the connection "${connection}" exists already; the name of an operation is its identity.`,
    { details: { connection, operation: name } },
  )
}

function source(
  connection: ConnectionDeclaration,
  options: ConsumeOptions<unknown>,
): SourceDeclaration<unknown> {
  const settings = settingsOf(options)
  const { topics, group, from, untilMs, order, dedupeBy, unreadable, batch, protocol, isolation } = settings
  const { schema } = options
  return {
    kind: 'stream',
    connector: 'kafka',
    name: `${connection.name}/${topics.join(',')} as ${group}`,
    options: {
      topics,
      group,
      from: typeof from === 'string' ? from : { timeMs: from.timeMs },
      ...(untilMs === null ? {} : { untilMs }),
      format: settings.format.name,
      keyFormat: settings.keyFormat.name,
      order,
      ...(dedupeBy === null ? {} : { dedupeBy }),
      unreadable,
      batch,
      protocol,
      isolation,
      sessionTimeoutMs: settings.sessionTimeoutMs,
    },
    connection,
    // What is handed in unread fits no schema of what can be read.
    ...(schema === undefined ? {} : { schema: unreadable === 'handIn' ? orUnreadable(schema) : schema }),
    runs: 'everywhere',
    log: { unfit: whyUnfit(settings) },
    start: (context) => startKafkaSource(settings, context),
  }
}

/** Why its records cannot be the only record of the messages. */
function whyUnfit({ dedupeBy, isolation }: ConsumeSettings): string | null {
  if (dedupeBy !== null)
    return `consume() states dedupeBy: "${dedupeBy}", and nothing remembers the headers of records that have ended. Leave it out: a record is known by its position; or use a step .dedupe(…).`
  if (isolation === 'uncommitted')
    return "consume() states isolation: 'uncommitted', and a record of a transaction that is aborted is not there any more when it is to come again. Leave it out."
  return null
}

function settingsOf(options: ConsumeOptions<unknown>): ConsumeSettings {
  const { topic, group, order = 'key', unreadable = 'deadLetter', batch = 500 } = options
  const { protocol = 'classic', isolation = 'committed', dedupeBy, until } = options
  const topics = typeof topic === 'string' ? [topic] : [...topic]
  const sessionTimeoutMs = durationMs(options.sessionTimeout ?? '45s')
  check(topics.length > 0 && topics.every(isName), `topic: ${JSON.stringify(topic)} names no topic.`)
  check(isName(group), `group: "${group}" is no name.`)
  among('order', order, ['key', 'partition', 'none'])
  among('unreadable', unreadable, ['deadLetter', 'handIn'])
  among('protocol', protocol, ['classic', 'consumer'])
  among('isolation', isolation, ['committed', 'uncommitted'])
  check(
    Number.isInteger(batch) && batch >= 1 && batch <= 10_000,
    `batch: ${batch} is no whole number from 1 to 10000.`,
  )
  const { minInSync = 2 } = options
  check(Number.isInteger(minInSync) && minInSync >= 1, `minInSync: ${minInSync} is no whole number from 1.`)
  check(sessionTimeoutMs >= 1_000, `sessionTimeout: ${sessionTimeoutMs} ms is too short. Use at least 1 s.`)
  return {
    topics,
    group,
    from: beginningOf(options.from ?? 'latest'),
    untilMs: until === undefined ? null : timeMs('until', until),
    format: options.format ?? json(),
    keyFormat: options.keyFormat ?? text(),
    order,
    dedupeBy: dedupeBy?.toLowerCase() ?? null,
    unreadable,
    batch,
    protocol,
    isolation,
    sessionTimeoutMs,
    minInSync,
  }
}

function beginningOf(from: NonNullable<ConsumeOptions<unknown>['from']>): Beginning {
  if (typeof from === 'object') return { timeMs: timeMs('from', from.time) }
  among('from', from, ['earliest', 'latest'])
  return from
}

function timeMs(option: string, time: Time): number {
  const ms = typeof time === 'number' ? time : new Date(time).getTime()
  check(
    Number.isFinite(ms) && ms >= 0,
    `${option}: "${String(time)}" is no time. Use one as "2026-11-21T08:00:00Z".`,
  )
  return ms
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.trim() !== ''
}

function among(option: string, given: string, words: readonly string[]): void {
  const known = words.map((word) => `"${word}"`).join(' or ')
  check(words.includes(given), `${option}: "${given}" is not known. Use ${known}.`)
}

function check(holds: boolean, problem: string): void {
  if (!holds)
    throw new LinkspanError('CONFIG_INVALID', `A Kafka source cannot be made as written: ${problem}`)
}
