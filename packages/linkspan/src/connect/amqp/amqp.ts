import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { ConnectionDeclaration, Connector, Operation, SourceDeclaration } from '../connector.ts'
import { type Format, json } from '../format.ts'
import { type AmqpClient, amqpClient, checkAmqp } from './amqp-client.ts'
import { amqpConfig, type ReadAmqpConfig } from './amqp-config.ts'
import {
  type Declared,
  type RequestOptions,
  requestOperation,
  type SendGuarantee,
  type SendOptions,
  type Sent,
  sendOperation,
} from './amqp-operations.ts'
import { type ConsumeSettings, startAmqpSource } from './amqp-source.ts'
import { amqpSpec } from './spec.ts'

/** Options of {@link Amqp.consume}. */
export type ConsumeOptions<T> = ConsumeFrom & {
  /** Only messages for which it is true, in the language of JMS: `region = 'eu' AND total > 10`. */
  readonly selector?: string
  /** How bodies are read. @default json() */
  readonly format?: Format<T> | Format
  /** Checks and types each body. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** What is run in order: messages of one message group, all, or nothing. @default 'group' */
  readonly order?: 'group' | 'all' | 'none'
  /** An application property that is the identity of a message; false where ids are used twice. @default the message id */
  readonly dedupeBy?: string | false
  /** What becomes of a message that cannot be read: a dead letter of ours, or of the broker's. @default 'deadLetter' */
  readonly unreadable?: 'deadLetter' | 'reject'
  /** The most messages that the broker gives us ahead (credit). @default 200 */
  readonly prefetch?: number
  /** The most messages accepted in one commit. @default 100 */
  readonly batch?: number
}

/** What is read. */
export type ConsumeFrom =
  | { readonly queue: string; readonly topic?: never; readonly subscription?: never; readonly shared?: never }
  | {
      readonly topic: string
      readonly queue?: never
      /** A durable subscription, which keeps what comes while nobody reads. @default none: only what comes meanwhile */
      readonly subscription?: string
      /** Whether several engines share the subscription. Artemis has that. @default false */
      readonly shared?: boolean
    }

/** A connection by AMQP 1.0, with its source and the makers of its operations. */
export interface Amqp extends ConnectionDeclaration<ReadAmqpConfig, AmqpClient> {
  /** Messages of a queue or a topic; accepted at the broker once they are in the journal, and known by their id when they come again. */
  consume<T = Json>(options: ConsumeOptions<T>): SourceDeclaration<T>
  /** Sends a message; done when the broker has it for good. */
  send<In = unknown, const G extends SendGuarantee = SendGuarantee>(
    options: SendOptions<In, G>,
  ): Operation<In, Sent, Declared<G>>
  /** Sends a message and waits for its reply, whose body it answers. */
  request<In = unknown, Out = Json, const G extends SendGuarantee = SendGuarantee>(
    options: RequestOptions<In, G>,
  ): Operation<In, Out, Declared<G>>
}

/** The AMQP connector: what is the same for all AMQP connections. */
export const amqpConnector: Connector<ReadAmqpConfig, AmqpClient> = {
  name: 'amqp',
  spec: amqpSpec,
  config: amqpConfig,
  connect: amqpClient,
  close: (client) => client.close(),
  check: checkAmqp,
}

/**
 * A connection to a broker by AMQP 1.0; the project binds its `url`, and how to log in, under this name.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { amqp } from 'linkspan/amqp'
 *
 * interface Order { id: string; customer: string; total: number }
 * const broker = amqp('broker')
 * const bill = broker.send({
 *   name: 'bill',
 *   queue: 'bills',
 *   group: ({ customer }: Order) => customer,
 *   guarantee: 'natural',
 * })
 * const billing = flow('billing').from(broker.consume<Order>({ queue: 'orders' })).to('bill', bill)
 * ```
 */
export function amqp(name: string): Amqp {
  const connection: ConnectionDeclaration<ReadAmqpConfig, AmqpClient> = { name, connector: amqpConnector }
  const names = new Set<string>()
  const named = <O extends { readonly name: string }>(options: O): O => {
    if (names.has(options.name)) throw doubled(name, options.name)
    names.add(options.name)
    return options
  }
  const made: Omit<Amqp, keyof typeof connection> = {
    consume: ((options: ConsumeOptions<unknown>) => source(connection, options)) as Amqp['consume'],
    send: (options) => sendOperation(connection, named(options) as never) as never,
    request: (options) => requestOperation(connection, named(options) as never) as never,
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
  const { destination, subscription, selector, dedupeBy, format, ...plain } = settings
  const { kind, address } = destination
  const { schema } = options
  return {
    kind: 'stream',
    connector: 'amqp',
    name: `${connection.name}/${address}${subscription === null ? '' : ` as ${subscription.name}`}`,
    options: {
      [kind]: address,
      ...(subscription === null ? {} : { subscription: subscription.name, shared: subscription.shared }),
      ...(selector === null ? {} : { selector }),
      ...(dedupeBy === null ? {} : { dedupeBy }),
      format: format.name,
      ...plain,
    },
    connection,
    ...(schema === undefined ? {} : { schema }),
    // A topic gives each of its subscribers all messages, unless they share a subscription.
    runs: kind === 'queue' || subscription?.shared === true ? 'everywhere' : 'once',
    start: (context) => startAmqpSource(settings, context),
  }
}

function settingsOf(options: ConsumeOptions<unknown>): ConsumeSettings {
  const { queue, topic, subscription, shared = false, selector, dedupeBy } = options
  const { format = json(), order = 'group', unreadable = 'deadLetter', prefetch = 200, batch = 100 } = options
  const address = queue ?? topic
  check((queue === undefined) !== (topic === undefined), 'state either a `queue` or a `topic`.')
  check(isName(address), `${queue === undefined ? 'topic' : 'queue'}: "${address}" is no name.`)
  check(subscription === undefined || topic !== undefined, 'a `subscription` is of a `topic`.')
  check(subscription === undefined || isName(subscription), `subscription: "${subscription}" is no name.`)
  check(!shared || subscription !== undefined, '`shared` needs the name of the `subscription`.')
  among('order', order, ['group', 'all', 'none'])
  among('unreadable', unreadable, ['deadLetter', 'reject'])
  whole('prefetch', prefetch)
  whole('batch', batch)
  return {
    destination: { kind: queue === undefined ? 'topic' : 'queue', address: address as string },
    subscription: subscription === undefined ? null : { name: subscription, shared },
    selector: selector ?? null,
    format,
    order,
    dedupeBy: typeof dedupeBy === 'string' ? dedupeBy.toLowerCase() : (dedupeBy ?? null),
    unreadable,
    prefetch,
    batch,
  }
}

function isName(name: unknown): boolean {
  return typeof name === 'string' && name.trim() !== ''
}

function among(option: string, given: string, words: readonly string[]): void {
  const known = words.map((word) => `"${word}"`).join(' or ')
  check(words.includes(given), `${option}: "${given}" is not known. Use ${known}.`)
}

function whole(option: string, given: number): void {
  check(
    Number.isInteger(given) && given >= 1 && given <= 2_000,
    `${option}: ${given} is no whole number from 1 to 2000.`,
  )
}

function check(holds: boolean, problem: string): void {
  if (!holds)
    throw new LinkspanError('CONFIG_INVALID', `An AMQP source cannot be made as written: ${problem}`)
}
