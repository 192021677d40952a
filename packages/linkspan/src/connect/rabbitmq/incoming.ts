import type { Incoming } from '../connector.ts'
import { type Format, Undecodable } from '../format.ts'
import type { AmqpDelivery, AmqpProperties } from './amqp-package.ts'
import { unreadableMessage } from './unreadable.ts'

/** How messages of a queue become messages of a flow. */
export interface ReadingOptions {
  readonly format: Format
  readonly order: 'none' | 'queue' | 'routingKey' | { readonly header: string }
  /** A header; null is the message's own id. */
  readonly dedupeBy: string | null
  readonly unreadable: 'deadLetter' | 'handIn' | 'reject'
}

/** A message as the engine accepts it; null for one that is left to the broker. */
export function incomingOf(delivery: AmqpDelivery, queue: string, options: ReadingOptions): Incoming | null {
  const { format, unreadable } = options
  const { content } = delivery
  try {
    return {
      body: format.decode(content),
      ...(format.isJson === true ? { json: content } : {}),
      ...common(delivery, queue, options),
    }
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error
    if (unreadable === 'reject') return null
    return {
      body: unreadableMessage(delivery, queue, error.message),
      ...common(delivery, queue, options),
      ...(unreadable === 'deadLetter' ? { unreadable: problemOf(delivery, queue, error) } : {}),
    }
  }
}

function problemOf({ fields, properties }: AmqpDelivery, queue: string, { message }: Undecodable): string {
  const id = properties.messageId === undefined ? '' : ` "${properties.messageId}"`
  return `message${id} of the queue "${queue}", published to "${fields.exchange}" by "${fields.routingKey}": ${message}`
}

function common(
  { fields, properties }: AmqpDelivery,
  queue: string,
  { order, dedupeBy }: ReadingOptions,
): Omit<Incoming, 'body'> {
  const headers = headersOf(fields, properties, queue)
  const stated = dedupeBy === null ? properties.messageId : headers[dedupeBy]
  const lane = laneOf(order, queue, fields.routingKey, headers)
  return {
    headers,
    // One id may come to several queues: each is a message of its own.
    ...(stated === undefined || stated === '' ? {} : { dedupeKey: `${queue} ${stated}` }),
    ...(lane === undefined ? {} : { key: lane }),
  }
}

function laneOf(
  order: ReadingOptions['order'],
  queue: string,
  routingKey: string,
  headers: Readonly<Record<string, string>>,
): string | undefined {
  if (order === 'none') return undefined
  if (order === 'queue') return queue
  return order === 'routingKey' ? routingKey : headers[order.header]
}

/** Properties by the names that they have in RabbitMQ's own documentation. */
const PROPERTIES: readonly (readonly [keyof AmqpProperties, string])[] = [
  ['messageId', 'rabbitmq-message-id'],
  ['correlationId', 'rabbitmq-correlation-id'],
  ['replyTo', 'rabbitmq-reply-to'],
  ['type', 'rabbitmq-type'],
  ['appId', 'rabbitmq-app-id'],
  ['userId', 'rabbitmq-user-id'],
  ['contentType', 'rabbitmq-content-type'],
  ['contentEncoding', 'rabbitmq-content-encoding'],
  ['timestamp', 'rabbitmq-timestamp'],
  ['priority', 'rabbitmq-priority'],
]

/** Those of the message; bytes are base64, by the name with `-base64`, and lists and tables (`x-death`) are JSON. */
function headersOf(
  { exchange, routingKey, redelivered }: AmqpDelivery['fields'],
  properties: AmqpProperties,
  queue: string,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(properties.headers ?? {})) {
    if (value === null || value === undefined) continue
    if (Buffer.isBuffer(value)) headers[`${name.toLowerCase()}-base64`] = value.toString('base64')
    else headers[name.toLowerCase()] = typeof value === 'object' ? JSON.stringify(value) : String(value)
  }
  for (const [property, name] of PROPERTIES) {
    const value = properties[property]
    if (value !== undefined && value !== '') headers[name] = String(value)
  }
  headers['rabbitmq-queue'] = queue
  headers['rabbitmq-exchange'] = exchange
  headers['rabbitmq-routing-key'] = routingKey
  headers['rabbitmq-redelivered'] = String(redelivered)
  // Quorum queues count; others only say that it was delivered before.
  headers['rabbitmq-delivery-count'] = headers['x-delivery-count'] ?? (redelivered ? '1' : '0')
  return headers
}
