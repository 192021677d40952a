import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { AmqpChannel } from './amqp-package.ts'

/** What is declared whenever a connection is made. What is there already with these settings stays as it is. */
export interface Topology {
  readonly exchanges?: Readonly<Record<string, ExchangeSettings>>
  readonly queues?: Readonly<Record<string, QueueSettings>>
}

/** An exchange; it outlives the broker's restarts. */
export interface ExchangeSettings {
  /** `x-consistent-hash` divides messages among the queues bound to it, by their key (a plugin that comes with RabbitMQ). */
  readonly type: 'direct' | 'topic' | 'fanout' | 'headers' | 'x-consistent-hash'
  /** Where what reaches no queue goes. */
  readonly alternate?: string
  /** For `x-consistent-hash`: the header that it divides by. @default the routing key */
  readonly hashHeader?: string
  /** Others, as RabbitMQ names them. */
  readonly arguments?: Readonly<Record<string, unknown>>
}

/** A queue; it outlives the broker's restarts. */
export interface QueueSettings {
  /** @default 'quorum' */
  readonly type?: 'quorum' | 'classic'
  /** The exchanges that it gets messages from. */
  readonly bind?: readonly {
    readonly exchange: string
    /** A pattern for `topic`, a weight as `'1'` for `x-consistent-hash`. @default '' */
    readonly routingKey?: string
    /** For `headers`. */
    readonly arguments?: Readonly<Record<string, unknown>>
  }[]
  /**
   * Where messages go that were rejected, expired, pushed out by a longer queue, or delivered too often. With a quorum queue they go there at
   * least once (and the queue refuses what is too much for it), else they may be lost on their way.
   */
  readonly deadLetter?: { readonly exchange?: string; readonly routingKey?: string }
  /** For `quorum`: a message that was delivered and not acknowledged this often is a dead letter. */
  readonly deliveryLimit?: number
  /** How long a message may lie in it. */
  readonly ttl?: Duration
  /** The most messages in it. */
  readonly maxLength?: number
  /** What happens when it is full. @default 'reject-publish' */
  readonly overflow?: 'reject-publish' | 'drop-head'
  /** Only one consumer at a time gets messages, so that their order is kept however many engines there are. @default false */
  readonly singleActiveConsumer?: boolean
  /** Others, as RabbitMQ names them: `x-max-priority`, `x-queue-leader-locator`. */
  readonly arguments?: Readonly<Record<string, unknown>>
}

/** One thing to declare: for people, and as it is done. */
export interface Declaration {
  readonly what: string
  run(channel: AmqpChannel): Promise<unknown>
}

/**
 * The declarations of a topology: exchanges, then queues, then bindings.
 *
 * @throws {LinkspanError} `CONFIG_INVALID` where messages would be lost by it without a word.
 */
export function declarationsOf({ exchanges = {}, queues = {} }: Topology): readonly Declaration[] {
  return [
    ...Object.entries(exchanges).map(([name, settings]) => exchange(name, settings)),
    ...Object.entries(queues).map(([name, settings]) => queue(name, settings)),
    ...Object.entries(queues).flatMap(([name, { bind = [] }]) => bind.map((each) => binding(name, each))),
  ]
}

function exchange(name: string, settings: ExchangeSettings): Declaration {
  const { type, alternate, hashHeader, arguments: others = {} } = settings
  const options = {
    durable: true,
    arguments: {
      ...others,
      ...(alternate === undefined ? {} : { 'alternate-exchange': alternate }),
      ...(hashHeader === undefined ? {} : { 'hash-header': hashHeader }),
    },
  }
  return {
    what: `declaring the exchange "${name}"`,
    run: (channel) => channel.assertExchange(name, type, options),
  }
}

function queue(name: string, settings: QueueSettings): Declaration {
  checkQueue(name, settings)
  const options = { durable: true, arguments: argumentsOf(settings) }
  return { what: `declaring the queue "${name}"`, run: (channel) => channel.assertQueue(name, options) }
}

function binding(queueName: string, bind: NonNullable<QueueSettings['bind']>[number]): Declaration {
  const { exchange: from, routingKey = '', arguments: args = {} } = bind
  return {
    what: `binding the queue "${queueName}" to the exchange "${from}"`,
    run: (channel) => channel.bindQueue(queueName, from, routingKey, args),
  }
}

/** The arguments of a queue, as RabbitMQ names them. */
function argumentsOf(settings: QueueSettings): Readonly<Record<string, unknown>> {
  const {
    type = 'quorum',
    deadLetter,
    deliveryLimit,
    ttl,
    maxLength,
    singleActiveConsumer = false,
  } = settings
  const surely = type === 'quorum' && deadLetter !== undefined
  const overflow = settings.overflow ?? (surely || maxLength !== undefined ? 'reject-publish' : undefined)
  const all: Readonly<Record<string, unknown>> = {
    'x-queue-type': type,
    'x-dead-letter-exchange': deadLetter && (deadLetter.exchange ?? ''),
    'x-dead-letter-routing-key': deadLetter?.routingKey,
    'x-dead-letter-strategy': surely && overflow === 'reject-publish' ? 'at-least-once' : undefined,
    'x-delivery-limit': deliveryLimit,
    'x-message-ttl': ttl === undefined ? undefined : durationMs(ttl),
    'x-max-length': maxLength,
    'x-overflow': overflow,
    'x-single-active-consumer': singleActiveConsumer ? true : undefined,
    ...settings.arguments,
  }
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function checkQueue(name: string, settings: QueueSettings): void {
  const { type = 'quorum', deadLetter, deliveryLimit } = settings
  if (deliveryLimit !== undefined && deadLetter === undefined)
    throw invalid(
      name,
      'has a deliveryLimit and no deadLetter: RabbitMQ would throw away what was delivered too often. Say where it goes',
    )
  if (deliveryLimit !== undefined && type !== 'quorum')
    throw invalid(name, 'is classic and has a deliveryLimit, which only quorum queues know')
  if (deadLetter?.exchange === undefined && deadLetter !== undefined && deadLetter.routingKey === undefined)
    throw invalid(name, 'is its own deadLetter: state an exchange, or the queue as its routingKey')
}

function invalid(name: string, problem: string): LinkspanError {
  return new LinkspanError('CONFIG_INVALID', `The queue "${name}" ${problem}.`, { details: { queue: name } })
}

/**
 * What holds messages back for a while before they go to an exchange, without a plugin: an exchange of its own, and a quorum queue behind it
 * whose messages expire and go on, with the routing key that they have.
 */
export function delayTopology(
  exchangeName: string,
  delayMs: number,
): { readonly exchange: string; readonly topology: Topology } {
  const name = `linkspan.delay.${delayMs}${exchangeName === '' ? '' : `.${exchangeName}`}`
  return {
    exchange: name,
    topology: {
      exchanges: { [name]: { type: 'fanout' } },
      queues: {
        [name]: { ttl: delayMs, deadLetter: { exchange: exchangeName }, bind: [{ exchange: name }] },
      },
    },
  }
}
