import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { ByKey, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { Json } from '../../model/message.ts'
import type { ConnectionDeclaration, Connector, Operation, SourceDeclaration } from '../connector.ts'
import { type Format, json } from '../format.ts'
import type { Added } from './add.ts'
import { type Beginning, startGroupSource } from './group-source.ts'
import { BODY_FIELD, KEY_FIELD, type ReadingOptions } from './incoming.ts'
import { startReadSource } from './read-source.ts'
import { checkRedis, type RedisClient, redisClient } from './redis-client.ts'
import { type ReadRedisConfig, redisConfig } from './redis-config.ts'
import {
  type AddGuarantee,
  type AddOptions,
  addOperation,
  type Declared,
  deleteOperation,
  type GetOptions,
  getOperation,
  type NamedOptions,
  type PublishOptions,
  publishOperation,
  type SetOptions,
  setOperation,
} from './redis-operations.ts'
import { redisSpec } from './spec.ts'
import type { KeyOptions, Published, WasSet } from './values.ts'

/** Options of {@link Redis.read}, and what {@link Redis.consume} has in common with it. */
export interface ReadOptions<T> {
  readonly stream: string | readonly string[]
  /** Where reading begins that has no place yet. @default 'latest' */
  readonly from?:
    | 'earliest'
    | 'latest'
    | { readonly time: string | number | Date }
    | { readonly after: string }
  /** How the field of the body is read; `'fields'` takes all fields as an object of texts. @default json() */
  readonly format?: Format<T> | Format | 'fields'
  /** The field that holds the body. @default 'body' */
  readonly bodyField?: string
  /** The field that holds the key. @default 'key' */
  readonly keyField?: string
  /** Checks and types each body. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** What is run in order: entries of one key, all of a stream, or nothing. @default 'key' */
  readonly order?: 'key' | 'stream' | 'none'
  /** A field whose value is the identity of an entry: `linkspan-mark` of `add`. @default the stream and the entry's id */
  readonly dedupeBy?: string
  /** The most entries accepted in one commit. @default 500 */
  readonly batch?: number
}

/** Options of {@link Redis.consume}. */
export interface ConsumeOptions<T> extends ReadOptions<T> {
  /** The consumer group, which keeps what was delivered and not acknowledged. Another name reads anew. */
  readonly group: string
  /** This engine's name in the group. @default made of the host's name and the engine's folder */
  readonly consumer?: string
  /** What another consumer got and has not acknowledged for so long is taken over. @default '5m' */
  readonly claimAfter?: Duration
}

/** A connection to Redis, with its sources and the makers of its operations. */
export interface Redis extends ConnectionDeclaration<ReadRedisConfig, RedisClient> {
  /**
   * Entries of streams, read on every engine as a consumer of a group. An entry is acknowledged once its message is in the
   * journal; one that comes again is known by its stream and id.
   */
  consume<T = Json>(options: ConsumeOptions<T>): SourceDeclaration<T>
  /** Entries of streams in their order, without a group: the place is committed with the messages. */
  read<T = Json>(options: ReadOptions<T>): SourceDeclaration<T>
  /** Adds an entry to a stream; calls of many messages are sent together. */
  add<In = unknown, const G extends AddGuarantee = AddGuarantee>(
    options: AddOptions<In, G>,
  ): Operation<In, Added, Declared<G>>
  /** Sets a key, in any case, or only where it is absent or present. */
  set<In = unknown>(
    options: SetOptions<In> & { readonly only: 'absent' | 'present' },
  ): Operation<In, WasSet, ByKey>
  set<In = unknown>(options: SetOptions<In> & { readonly only?: undefined }): Operation<In, WasSet, Natural>
  /** What a key holds, or null. */
  get<In = unknown, Out = Json>(options: GetOptions<In>): Operation<In, Out | null, Natural>
  /** Deletes a key; one that is not there is no error. */
  delete<In = unknown>(options: NamedOptions & KeyOptions<In>): Operation<In, undefined, Natural>
  /** Publishes to a channel, for whoever listens just then. */
  publish<In = unknown, const G extends 'natural' | 'none' = 'none'>(
    options: PublishOptions<In, G>,
  ): Operation<In, Published, G extends 'natural' ? Natural : NoGuarantee>
}

/** The Redis connector: what is the same for all Redis connections. */
export const redisConnector: Connector<ReadRedisConfig, RedisClient> = {
  name: 'redis',
  spec: redisSpec,
  config: redisConfig,
  connect: redisClient,
  close: (client) => client.close(),
  check: checkRedis,
}

/**
 * A connection to a Redis server; the project binds its `url` under this name.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { redis } from 'linkspan/redis'
 *
 * interface Order { id: string; total: number }
 * const store = redis('store')
 * const bill = store.add({
 *   name: 'bill',
 *   stream: 'bills',
 *   key: ({ order }: { order: string; cents: number }) => order,
 *   trim: { maxLength: 100_000 },
 *   guarantee: 'key',
 * })
 * const billing = flow('billing')
 *   .from(store.consume<Order>({ stream: 'orders', group: 'billing' }))
 *   .to('bill', bill, { input: ({ id, total }) => ({ order: id, cents: Math.round(total * 100) }) })
 * ```
 */
export function redis(name: string): Redis {
  const connection: ConnectionDeclaration<ReadRedisConfig, RedisClient> = { name, connector: redisConnector }
  const names = new Set<string>()
  const named = <O extends NamedOptions>(options: O): O => {
    if (names.has(options.name)) throw doubled(name, options.name)
    names.add(options.name)
    return options
  }
  const made: Omit<Redis, keyof ConnectionDeclaration> = {
    consume: (options) => groupSource(connection, options) as never,
    read: (options) => readSource(connection, options) as never,
    add: (options) => addOperation(connection, named(options) as never) as never,
    set: (options: SetOptions<never>) => setOperation(connection, named(options)) as never,
    get: (options) => getOperation(connection, named(options)) as never,
    delete: (options) => deleteOperation(connection, named(options)) as never,
    publish: (options) => publishOperation(connection, named(options)) as never,
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

function groupSource(
  connection: ConnectionDeclaration,
  options: ConsumeOptions<unknown>,
): SourceDeclaration<unknown> {
  const { group, consumer, claimAfter = '5m' } = options
  const claimAfterMs = durationMs(claimAfter)
  check(isName(group), `group: "${group}" is no name.`)
  check(consumer === undefined || isName(consumer), `consumer: "${consumer}" is no name.`)
  check(claimAfterMs >= 1_000, `claimAfter: ${claimAfterMs} ms is too short. Use at least 1 s.`)
  const common = commonOf(options)
  const { streams } = common
  return {
    ...declared(connection, options),
    name: `${connection.name}/${streams.join(',')} as ${group}`,
    options: {
      ...shown(common),
      group,
      ...(consumer === undefined ? {} : { consumer }),
      claimAfterMs,
    },
    runs: 'everywhere',
    start: (context) => {
      const own = consumer ?? consumerOf(context.directory)
      return startGroupSource({ ...common, group, consumer: own, claimAfterMs }, context)
    },
  }
}

/** The same after each start of an engine, so that it gets what it had and did not acknowledge; another one on another host. */
function consumerOf(directory: string): string {
  const digest = createHash('sha256').update(directory).digest('hex').slice(0, 8)
  return `linkspan-${hostname()}-${digest}`
}

function readSource(
  connection: ConnectionDeclaration,
  options: ReadOptions<unknown>,
): SourceDeclaration<unknown> {
  const common = commonOf(options)
  return {
    ...declared(connection, options),
    name: `${connection.name}/${common.streams.join(',')}`,
    options: shown(common),
    runs: 'once',
    start: (context) => startReadSource(common, context),
  }
}

type Common = ReadingOptions & {
  readonly streams: readonly string[]
  readonly from: Beginning
  readonly batch: number
}

function declared(
  connection: ConnectionDeclaration,
  { schema }: ReadOptions<unknown>,
): Pick<SourceDeclaration<unknown>, 'kind' | 'connector' | 'connection' | 'schema'> {
  return { kind: 'stream', connector: 'redis', connection, ...(schema === undefined ? {} : { schema }) }
}

function shown({
  streams,
  from,
  format,
  bodyField,
  keyField,
  order,
  dedupeBy,
  batch,
}: Common): Record<string, Json> {
  return {
    streams,
    from,
    format: format?.name ?? 'fields',
    ...(format === null ? {} : { bodyField }),
    keyField,
    order,
    ...(dedupeBy === null ? {} : { dedupeBy }),
    batch,
  }
}

function commonOf(options: ReadOptions<unknown>): Common {
  const { stream, format = json(), order = 'key', batch = 500, dedupeBy, from = 'latest' } = options
  const { bodyField = BODY_FIELD, keyField = KEY_FIELD } = options
  const streams = typeof stream === 'string' ? [stream] : [...stream]
  check(streams.length > 0 && streams.every(isName), `stream: ${JSON.stringify(stream)} names no stream.`)
  check(new Set(streams).size === streams.length, `stream: ${JSON.stringify(stream)} names one twice.`)
  check(
    ['key', 'stream', 'none'].includes(order),
    `order: "${order}" is not known. Use "key", "stream" or "none".`,
  )
  check(
    Number.isInteger(batch) && batch >= 1 && batch <= 10_000,
    `batch: ${batch} is no whole number from 1 to 10000.`,
  )
  return {
    streams,
    from: beginningOf(from),
    format: format === 'fields' ? null : (format as Format),
    bodyField,
    keyField,
    order,
    dedupeBy: dedupeBy?.toLowerCase() ?? null,
    batch,
  }
}

function beginningOf(from: NonNullable<ReadOptions<unknown>['from']>): Beginning {
  if (typeof from === 'string') {
    check(
      from === 'earliest' || from === 'latest',
      `from: "${from}" is not known. Use "earliest", "latest", a time or an id.`,
    )
    return from
  }
  if ('after' in from) {
    check(/^\d+-\d+$/.test(from.after), `from: "${from.after}" is no id of an entry, as "1700000000000-0".`)
    return from
  }
  const timeMs = typeof from.time === 'number' ? from.time : new Date(from.time).getTime()
  check(
    Number.isInteger(timeMs) && timeMs >= 0,
    `from: "${String(from.time)}" is no time. Use one as "2026-11-21T08:00:00Z".`,
  )
  return { timeMs }
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.trim() !== ''
}

function check(holds: boolean, problem: string): void {
  if (!holds)
    throw new LinkspanError('CONFIG_INVALID', `A Redis source cannot be made as written: ${problem}`)
}
