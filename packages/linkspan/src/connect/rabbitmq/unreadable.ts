import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Json } from '../../model/message.ts'
import type { AmqpDelivery } from './amqp-package.ts'

/** A message that could not be read, byte by byte as it was, with its place. Bytes are base64. */
export interface UnreadableMessage {
  /** Why it could not be read. */
  readonly unreadableMessage: string
  readonly queue: string
  readonly exchange: string
  readonly routingKey: string
  readonly redelivered: boolean
  readonly content: string
  readonly properties: Readonly<Record<string, string | number>> & { readonly messageId?: string }
  readonly headers: readonly { readonly name: string; readonly value?: Json; readonly base64?: string }[]
}

/**
 * Whether a body is a message that could not be read: for flows whose source hands them in (`unreadable: 'handIn'`).
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { isUnreadable, rabbitmq } from 'linkspan/rabbitmq'
 * const shop = rabbitmq('shop')
 * const aside = shop.deadLetters({ name: 'aside', routingKey: 'orders.dead', guarantee: 'natural' })
 * const book = flow('book-orders')
 *   .from(shop.consume<{ id: string }>({ queue: 'orders', unreadable: 'handIn' }))
 *   .choice('readable', (c) => c
 *     .when('no', isUnreadable, (bad) => bad.to('set aside', aside).stop('is aside'))
 *     .otherwise((order) => order.map('id', ({ id }) => id)))
 * ```
 */
export function isUnreadable(body: unknown): body is UnreadableMessage {
  if (typeof body !== 'object' || body === null) return false
  const { unreadableMessage, queue, content } = body as Partial<UnreadableMessage>
  return typeof unreadableMessage === 'string' && typeof queue === 'string' && typeof content === 'string'
}

/** A message as it was, with the reason. */
export function unreadableMessage(
  { fields, properties, content }: AmqpDelivery,
  queue: string,
  problem: string,
): UnreadableMessage {
  const { headers = {}, ...rest } = properties
  return {
    unreadableMessage: problem,
    queue,
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    redelivered: fields.redelivered,
    content: content.toString('base64'),
    properties: Object.fromEntries(
      Object.entries(rest).filter(
        (entry): entry is [string, string | number] =>
          (typeof entry[1] === 'string' && entry[1] !== '') || typeof entry[1] === 'number',
      ),
    ),
    headers: Object.entries(headers).map(([name, value]) =>
      Buffer.isBuffer(value)
        ? { name, base64: value.toString('base64') }
        : { name, value: JSON.parse(JSON.stringify(value ?? null)) as Json },
    ),
  }
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
