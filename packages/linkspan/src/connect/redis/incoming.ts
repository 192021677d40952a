import type { Incoming } from '../connector.ts'
import { type Format, textOf, Undecodable } from '../format.ts'
import type { Entry } from './entry.ts'

/** The fields that Linkspan writes beside those of the author. */
export const BODY_FIELD = 'body'
export const KEY_FIELD = 'key'
export const MARK_FIELD = 'linkspan-mark'
export const TRACE_FIELD = 'traceparent'

/** How entries become messages. */
export interface ReadingOptions {
  /** How the field of the body is read; null takes all fields as an object of texts. */
  readonly format: Format | null
  readonly bodyField: string
  readonly keyField: string
  readonly order: 'key' | 'stream' | 'none'
  readonly dedupeBy: string | null
}

/** An entry that could not be read, byte by byte as it was, with its place. Values are base64. */
export interface UnreadableEntry {
  /** Why it could not be read. */
  readonly unreadableEntry: string
  readonly stream: string
  readonly id: string
  /** Null where the entry was deleted. */
  readonly fields: readonly { readonly name: string; readonly value: string }[] | null
}

/** An entry as the engine accepts it. `reader` is what reads: another one reads anew. */
export function incomingOf(
  entry: Entry,
  options: ReadingOptions,
  reader: string,
  deliveries: number,
): Incoming {
  const { stream, id, fields } = entry
  if (fields === null)
    return unreadable(entry, options, reader, deliveries, 'it was deleted from the stream before it was read')
  const headers = headersOf(entry, options, deliveries)
  try {
    return { ...bodyOf(fields, options), headers, ...identityOf(entry, options, headers, reader) }
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error
    return unreadable({ stream, id, fields }, options, reader, deliveries, error.message)
  }
}

type Fields = NonNullable<Entry['fields']>

const OWN = new Set([MARK_FIELD, TRACE_FIELD])

function bodyOf(fields: Fields, { format, bodyField }: ReadingOptions): Pick<Incoming, 'body' | 'json'> {
  if (format === null)
    return { body: Object.fromEntries(fields.filter(([name]) => !OWN.has(name)).map(asText)) }
  const [, value] = fields.find(([name]) => name === bodyField) ?? []
  if (value === undefined) throw new Undecodable(`it has no field "${bodyField}"`)
  return { body: format.decode(value), ...(format.isJson === true ? { json: value } : {}) }
}

/** A value that is no text in UTF-8 is base64, by the name with `-base64`. */
function asText([name, value]: readonly [string, Buffer]): readonly [string, string] {
  const text = textOf(value)
  return text === null ? [`${name}-base64`, value.toString('base64')] : [name, text]
}

/** The fields beside the body, and where the entry lay. */
function headersOf(
  { stream, id, fields }: Entry,
  { format, bodyField }: ReadingOptions,
  deliveries: number,
): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const field of fields ?? []) {
    if (format === null ? !OWN.has(field[0]) : field[0] === bodyField) continue
    const [name, value] = asText(field)
    headers[name.toLowerCase()] = value
  }
  headers['redis-stream'] = stream
  headers['redis-id'] = id
  headers['redis-deliveries'] = String(deliveries)
  return headers
}

function identityOf(
  { stream, id, fields }: Entry,
  { keyField, order, dedupeBy }: ReadingOptions,
  headers: Readonly<Record<string, string>>,
  reader: string,
): Pick<Incoming, 'key' | 'dedupeKey'> {
  const [, bytes] = (fields ?? []).find(([name]) => name === keyField) ?? []
  const own = bytes === undefined ? null : (textOf(bytes) ?? bytes.toString('base64'))
  const lane = order === 'stream' ? stream : order === 'key' ? own : null
  const stated = dedupeBy === null ? undefined : headers[dedupeBy]
  return { dedupeKey: stated ?? `${reader} ${stream} ${id}`, ...(lane === null ? {} : { key: lane }) }
}

function unreadable(
  entry: Entry,
  options: ReadingOptions,
  reader: string,
  deliveries: number,
  problem: string,
): Incoming {
  const { stream, id, fields } = entry
  const headers = headersOf({ stream, id, fields: [] }, options, deliveries)
  const body: UnreadableEntry = {
    unreadableEntry: problem,
    stream,
    id,
    fields: fields?.map(([name, value]) => ({ name, value: value.toString('base64') })) ?? null,
  }
  return {
    body,
    headers,
    ...identityOf(entry, options, headers, reader),
    unreadable: `entry ${id} of "${stream}": ${problem}`,
  }
}
