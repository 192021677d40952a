import type { Incoming } from '../connector.ts'
import { type Format, Undecodable } from '../format.ts'
import type { AmqpMessage, AmqpPackage } from './amqp-package.ts'

/** How messages of a broker become ours. */
export interface ReadingOptions {
  readonly format: Format
  readonly order: 'group' | 'all' | 'none'
  /** Names an application property; null is the message id; false is no identity. */
  readonly dedupeBy: string | null | false
}

/** A message that could not be read: the body of its dead letter. */
export interface UnreadableMessage {
  /** Why it could not be read. */
  readonly unreadableMessage: string
  /** The queue or topic, as the source names it. */
  readonly address: string
  /** The identity that its sender gave it, where it can be read. */
  readonly messageId: string | null
  /** Its place among those that this source has got since it was started; a queue has no other. */
  readonly nth: number
  /** The body's bytes in base64, where the message itself can be read. */
  readonly body: string | null
  /** The whole message as it came over the wire, in base64. */
  readonly raw: string
}

/** Where a message came from. */
export interface Origin {
  readonly address: string
  readonly nth: number
}

type Body = { readonly bytes: Buffer } | { readonly value: unknown }

/** The bytes of a message as the engine accepts it; one that cannot be read says so. */
export function incomingOf(
  library: AmqpPackage,
  raw: Buffer,
  options: ReadingOptions,
  origin: Origin,
): Incoming {
  let message: AmqpMessage = {}
  try {
    message = library.message.decode(raw)
    const { body, json } = bodyOf(message.body, options.format)
    return { body, ...(json === undefined ? {} : { json }), ...common(message, options, origin) }
  } catch (error) {
    return unreadable(message, raw, options, origin, error)
  }
}

/** Only the text of an interoperable JSON document is kept as it came. */
function bodyOf(given: unknown, format: Format): { readonly body: unknown; readonly json?: Buffer } {
  const read = contentOf(given)
  if ('bytes' in read) {
    const body = format.decode(read.bytes)
    return format.isJson === true ? { body, json: read.bytes } : { body }
  }
  if (format.isJson === true) return { body: plain(read.value) }
  throw new Undecodable(`its body is ${describe(read.value)} and not ${format.name}`)
}

/** A body is data, in one or several sections, a sequence, or a value (AMQP 1.0, 3.2.6 to 3.2.8). */
function contentOf(body: unknown): Body {
  if (typeof body === 'string') return { bytes: Buffer.from(body) }
  if (Buffer.isBuffer(body)) return { bytes: body }
  const section = body as { readonly typecode?: number; readonly content?: unknown } | null | undefined
  if (section?.typecode === DATA) {
    const parts = Array.isArray(section.content) ? section.content : [section.content]
    return { bytes: Buffer.concat(parts as Buffer[]) }
  }
  if (section?.typecode === SEQUENCE) return { value: section.content }
  return { value: body ?? null }
}

const DATA = 0x75
const SEQUENCE = 0x76

/** A value of AMQP as data that JSON has: bytes as base64, times as ISO texts. */
function plain(value: unknown): unknown {
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (value instanceof Date) return value.toISOString()
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, plain(each)]))
  if (typeof value === 'bigint') return value.toString()
  if (value === null || ['string', 'boolean'].includes(typeof value)) return value
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw new Undecodable(`its body holds ${describe(value)}`)
}

function describe(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : `a ${typeof value}`
}

function unreadable(
  message: AmqpMessage,
  raw: Buffer,
  options: ReadingOptions,
  origin: Origin,
  error: unknown,
): Incoming {
  const known = error instanceof Undecodable
  const why = error instanceof Error ? error.message : String(error)
  const problem = known ? why : `it is no AMQP message: ${why}`
  const messageId = idOf(message.message_id)
  const { address, nth } = origin
  const content = known ? contentOf(message.body) : null
  const body: UnreadableMessage = {
    unreadableMessage: problem,
    address,
    messageId,
    nth,
    body: content !== null && 'bytes' in content ? content.bytes.toString('base64') : null,
    raw: raw.toString('base64'),
  }
  const which = messageId === null ? `message ${nth}` : `message ${nth} (${messageId})`
  return { body, unreadable: `${which} of "${address}": ${problem}`, ...common(message, options, origin) }
}

function common(
  message: AmqpMessage,
  { order, dedupeBy }: ReadingOptions,
  { address }: Origin,
): Omit<Incoming, 'body'> {
  const headers = headersOf(message, address)
  const stated =
    dedupeBy === null ? headers['amqp-message-id'] : dedupeBy === false ? undefined : headers[dedupeBy]
  const key = order === 'all' ? address : order === 'group' ? (message.group_id ?? undefined) : undefined
  return {
    headers,
    ...(stated === undefined ? {} : { dedupeKey: `${address} ${stated}` }),
    ...(key === undefined ? {} : { key }),
  }
}

/** The properties that its sender gave it, and what AMQP says of it, by names that begin with `amqp-`. */
function headersOf(message: AmqpMessage, address: string): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(message.application_properties ?? {})) {
    const text = textOfProperty(value)
    if (text !== null) headers[name.toLowerCase()] = text
  }
  const said: Readonly<Record<string, unknown>> = {
    'amqp-message-id': idOf(message.message_id),
    'amqp-correlation-id': idOf(message.correlation_id),
    'amqp-reply-to': message.reply_to,
    'amqp-to': message.to,
    'amqp-subject': message.subject,
    'amqp-content-type': message.content_type,
    'amqp-group-id': message.group_id,
    'amqp-priority': message.priority,
    'amqp-creation-time': message.creation_time,
  }
  for (const [name, value] of Object.entries(said)) {
    const text = textOfProperty(value)
    if (text !== null) headers[name] = text
  }
  headers['amqp-address'] = address
  // How often it was delivered before, and not taken.
  headers['amqp-delivery-count'] = String(message.delivery_count ?? 0)
  return headers
}

function textOfProperty(value: unknown): string | null {
  if (value === null || value === undefined) return null
  if (Buffer.isBuffer(value)) return value.toString('base64')
  if (value instanceof Date) return String(value.getTime())
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** An id is a text, a number, a UUID or bytes (AMQP 1.0, 3.2.11 to 3.2.14). */
function idOf(id: unknown): string | null {
  if (id === null || id === undefined) return null
  return Buffer.isBuffer(id) ? id.toString('hex') : String(id)
}
