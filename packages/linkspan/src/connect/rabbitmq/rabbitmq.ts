import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { ConnectionDeclaration, Connector, Operation, SourceDeclaration } from '../connector.ts'
import { type Format, json } from '../format.ts'
import { type ConsumeSettings, startConsuming } from './consume-source.ts'
import type { Published } from './publish.ts'
import {
  type DeadLetterOptions,
  type Declared,
  deadLetterOperation,
  type PublishGuarantee,
  type PublishOptions,
  publishOperation,
} from './publish-operation.ts'
import { checkRabbitmq, type RabbitmqClient, rabbitmqClient } from './rabbitmq-client.ts'
import { type ReadRabbitmqConfig, rabbitmqConfig } from './rabbitmq-config.ts'
import { rabbitmqSpec } from './spec.ts'
import { declarationsOf, type Topology } from './topology.ts'
import { orUnreadable, type UnreadableMessage } from './unreadable.ts'

/** Options of {@link Rabbitmq.consume}. */
export interface ConsumeOptions<T> {
  readonly queue: string | readonly string[]
  /** The most messages of a queue that are with us and not acknowledged. @default 500 */
  readonly prefetch?: number
  /** The most messages accepted in one commit. @default 200 */
  readonly batch?: number
  /** What is run in order: nothing, all of a queue, or messages with the same routing key or the same value of a header. @default 'none' */
  readonly order?: 'none' | 'queue' | 'routingKey' | { readonly header: string }
  /** A header whose value is the identity of a message. @default its message id */
  readonly dedupeBy?: string
  /** How bodies are read. @default json() */
  readonly format?: Format<T> | Format
  /** Checks and types each body. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** What becomes of a message that cannot be read; `reject` leaves it to the queue's own dead-letter exchange. @default 'deadLetter' */
  readonly unreadable?: 'deadLetter' | 'handIn' | 'reject'
  /** Consumers of a higher priority get messages first. @default 0 */
  readonly priority?: number
  /** Nobody else may read from the queue meanwhile. @default false */
  readonly exclusive?: boolean
}

/** A connection to RabbitMQ, with its source and the makers of its operations. */
export interface Rabbitmq extends ConnectionDeclaration<ReadRabbitmqConfig, RabbitmqClient> {
  /**
   * Messages of queues, read on every engine. They are acknowledged once they are in the journal; one that comes again is known by its
   * message id, where it has one.
   */
  consume<T = Json>(
    options: ConsumeOptions<T> & { readonly unreadable: 'handIn' },
  ): SourceDeclaration<T | UnreadableMessage>
  consume<T = Json>(
    options: ConsumeOptions<T> & { readonly unreadable?: 'deadLetter' | 'reject' },
  ): SourceDeclaration<T>
  /** Publishes a message, and waits until the broker has it for good; many calls are answered together. */
  publish<In = unknown, const G extends PublishGuarantee = PublishGuarantee>(
    options: PublishOptions<In, G>,
  ): Operation<In, Published, Declared<G>>
  /** Publishes a message that could not be read to another queue, its body byte by byte as it was. */
  deadLetters<const G extends PublishGuarantee>(
    options: DeadLetterOptions<G>,
  ): Operation<UnreadableMessage, Published, Declared<G>>
}

/** The RabbitMQ connector, with what it declares when it connects. */
export function rabbitmqConnector(topology: Topology = {}): Connector<ReadRabbitmqConfig, RabbitmqClient> {
  return {
    name: 'rabbitmq',
    spec: rabbitmqSpec,
    config: rabbitmqConfig,
    connect: (config, environment) => rabbitmqClient(config, environment, topology),
    close: (client) => client.close(),
    check: checkRabbitmq,
  }
}

/**
 * A connection to RabbitMQ; the project binds its `url` under this name. What the topology names is declared when it connects.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { rabbitmq } from 'linkspan/rabbitmq'
 *
 * interface Order { id: string; total: number }
 * const shop = rabbitmq('shop', {
 *   queues: {
 *     orders: { deliveryLimit: 20, deadLetter: { routingKey: 'orders.dead' } },
 *     'orders.dead': {},
 *     bills: {},
 *   },
 * })
 * const bill = shop.publish({ name: 'bill', routingKey: 'bills', guarantee: 'natural' })
 * const billing = flow('billing')
 *   .from(shop.consume<Order>({ queue: 'orders' }), { key: ({ id }) => id })
 *   .to('bill', bill, { input: ({ id, total }) => ({ order: id, cents: Math.round(total * 100) }) })
 * ```
 * @throws {LinkspanError} `CONFIG_INVALID` for a topology by which messages would be lost without a word.
 */
export function rabbitmq(name: string, topology: Topology = {}): Rabbitmq {
  declarationsOf(topology)
  const connection: ConnectionDeclaration<ReadRabbitmqConfig, RabbitmqClient> = {
    name,
    connector: rabbitmqConnector(topology),
  }
  const names = new Set<string>()
  const named = <O extends { readonly name: string }>(options: O): O => {
    if (names.has(options.name)) throw doubled(name, options.name)
    names.add(options.name)
    return options
  }
  const made: Omit<Rabbitmq, keyof typeof connection> = {
    consume: (<T>(options: ConsumeOptions<T>) =>
      source(connection, options as ConsumeOptions<unknown>)) as Rabbitmq['consume'],
    publish: (options) => publishOperation(connection, named(options) as never) as never,
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
  const { queues, prefetch, batch, order, dedupeBy, unreadable, priority, exclusive } = settings
  const { schema } = options
  return {
    kind: 'stream',
    connector: 'rabbitmq',
    name: `${connection.name}/${queues.join(',')}`,
    options: {
      queues,
      prefetch,
      batch,
      order: typeof order === 'string' ? order : { header: order.header },
      ...(dedupeBy === null ? {} : { dedupeBy }),
      format: settings.format.name,
      unreadable,
      ...(priority === null ? {} : { priority }),
      ...(exclusive ? { exclusive } : {}),
    },
    connection,
    // What is handed in unread fits no schema of what can be read.
    ...(schema === undefined ? {} : { schema: unreadable === 'handIn' ? orUnreadable(schema) : schema }),
    runs: 'everywhere',
    start: (context) => startConsuming(settings, context),
  }
}

function settingsOf(options: ConsumeOptions<unknown>): ConsumeSettings {
  const { queue, order = 'none', dedupeBy, unreadable = 'deadLetter', priority } = options
  const { prefetch = 500, batch = 200, exclusive = false } = options
  const queues = typeof queue === 'string' ? [queue] : [...queue]
  check(queues.length > 0 && queues.every(isName), `queue: ${JSON.stringify(queue)} names no queue.`)
  check(new Set(queues).size === queues.length, `queue: ${JSON.stringify(queue)} names one twice.`)
  checkCount('prefetch', prefetch, 65_535)
  checkCount('batch', batch, 10_000)
  among('unreadable', unreadable, ['deadLetter', 'handIn', 'reject'])
  if (typeof order === 'string') among('order', order, ['none', 'queue', 'routingKey'])
  return {
    queues,
    prefetch,
    batch,
    order: typeof order === 'string' ? order : { header: order.header.toLowerCase() },
    dedupeBy: dedupeBy?.toLowerCase() ?? null,
    format: options.format ?? json(),
    unreadable,
    priority: priority ?? null,
    exclusive,
  }
}

function checkCount(option: string, given: number, most: number): void {
  check(
    Number.isInteger(given) && given >= 1 && given <= most,
    `${option}: ${given} is no whole number from 1 to ${most}.`,
  )
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
    throw new LinkspanError('CONFIG_INVALID', `A RabbitMQ source cannot be made as written: ${problem}`)
}
