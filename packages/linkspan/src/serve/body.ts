import { isAscii } from 'node:buffer'
import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import { parseJson } from './json-text.ts'
import { type MediaType, parseMediaType } from './media-type.ts'
import { refusal } from './refusal.ts'

/**
 * How a route reads bodies.
 * - `json`: JSON (RFC 8259), by `application/json` or a `+json` type.
 * - `form`: `application/x-www-form-urlencoded`, as an object of strings; a repeated name gives an array of strings.
 * - `text`: `text/*`, as a string.
 * - `xml`: `application/xml`, `text/xml` or a `+xml` type, as a string; nothing is parsed.
 * - `bytes`: any type, as {@link BinaryBody}.
 * - `auto`: whichever of these the Content-Type names, `bytes` for `application/octet-stream`.
 */
export type BodyKind = 'json' | 'form' | 'text' | 'xml' | 'bytes' | 'auto'

/** A binary body as JSON can hold it. */
export interface BinaryBody {
  /** The bytes in base64 (RFC 4648, section 4, padded). */
  readonly base64: string
  /** The Content-Type as it was sent, or null. */
  readonly contentType: string | null
  /** The number of bytes. */
  readonly size: number
}

/** The bytes of a {@link BinaryBody}. */
export function bytesOf(body: BinaryBody): Uint8Array {
  return new Uint8Array(Buffer.from(body.base64, 'base64'))
}

/** A body that was read. */
export interface ReadBody {
  readonly body: Json
  /** The JSON text it was read from, as it may be kept; null when it was something else. */
  readonly json: Uint8Array | null
}

type Reader = (bytes: Uint8Array, contentType: string | null, charset: string) => Json

const READERS: Readonly<Record<Exclude<BodyKind, 'auto' | 'json'>, Reader>> = {
  form: (bytes, _type, charset) => parseForm(decode(bytes, charset)),
  text: (bytes, _type, charset) => decode(bytes, charset),
  xml: (bytes, _type, charset) => decode(bytes, charset),
  bytes: (bytes, contentType) => ({ ...binary(bytes, contentType) }),
}

const EXPECTED: Readonly<Record<BodyKind, string>> = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain',
  xml: 'application/xml',
  bytes: 'application/octet-stream',
  auto: 'application/json, application/x-www-form-urlencoded, text/*, application/xml or application/octet-stream',
}

/** How one request's body is to be read; decided before it is read, so that a wrong type costs nothing. */
export type BodyPlan = (bytes: Uint8Array) => ReadBody

/**
 * Decides by a route's kind and the request's headers how to read the body.
 * @throws {LinkspanError} `BODY_UNSUPPORTED` for another media type, one sent twice, an unknown charset or an encoding.
 */
export function planBody(
  kind: BodyKind,
  contentType: string | null,
  contentEncoding: string | null,
): BodyPlan {
  if (contentType === 'application/json' && contentEncoding === null && (kind === 'json' || kind === 'auto'))
    return readJson
  if (contentEncoding !== null && contentEncoding.toLowerCase() !== 'identity')
    throw unsupported(`The body has Content-Encoding "${contentEncoding}". Send it without one.`)
  if (contentType === null) return withoutType(kind)
  const type = parseMediaType(contentType)
  const found = type === null ? null : kindOf(type.essence)
  const as = kind === 'auto' ? found : kind
  if (type === null || as === null || (as !== 'bytes' && as !== found)) throw wrongType(kind, contentType)
  const charset = as === 'bytes' ? 'utf-8' : charsetFor(as, type)
  if (as === 'json') return readJson
  return (bytes) => ({ body: READERS[as](bytes, contentType, charset), json: null })
}

const readJson: BodyPlan = (bytes) => ({
  body: parseJson(decode(bytes, 'utf-8')),
  json: bytes[0] === BYTE_ORDER_MARK ? null : bytes,
})

/** The first byte of one: no JSON text begins with it. */
const BYTE_ORDER_MARK = 0xef

/** A type may be left out where the route knows it; an empty body without one is no body. */
function withoutType(kind: BodyKind): BodyPlan {
  if (kind === 'json') return readJson
  if (kind !== 'auto') return (bytes) => ({ body: READERS[kind](bytes, null, 'utf-8'), json: null })
  return (bytes) => {
    if (bytes.length === 0) return { body: null, json: null }
    throw unsupported(`The body has no Content-Type. Send it as ${EXPECTED.auto}.`)
  }
}

function kindOf(essence: string): Exclude<BodyKind, 'auto'> | null {
  if (essence === 'application/json' || essence.endsWith('+json')) return 'json'
  if (essence === 'application/x-www-form-urlencoded') return 'form'
  if (essence === 'application/xml' || essence === 'text/xml' || essence.endsWith('+xml')) return 'xml'
  if (essence.startsWith('text/')) return 'text'
  return essence === 'application/octet-stream' ? 'bytes' : null
}

function charsetFor(kind: BodyKind, { charset }: MediaType): string {
  const wanted = charset ?? 'utf-8'
  if (kind === 'json' && wanted !== 'utf-8' && wanted !== 'utf8' && wanted !== 'us-ascii')
    throw unsupported(`JSON is read in UTF-8 only, not in "${wanted}".`)
  try {
    return new TextDecoder(kind === 'json' ? 'utf-8' : wanted).encoding
  } catch {
    throw unsupported(`The charset "${wanted}" is not known. Send UTF-8.`)
  }
}

function wrongType(kind: BodyKind, contentType: string): LinkspanError {
  return unsupported(
    `The Content-Type "${contentType.slice(0, 200)}" is not read here. Send ${EXPECTED[kind]}.`,
  )
}

function unsupported(message: string): LinkspanError {
  return new LinkspanError('BODY_UNSUPPORTED', message)
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Plain ASCII, as most bodies are, needs no decoder. */
function decodeUtf8(bytes: Uint8Array): string {
  if (!isAscii(bytes)) return utf8.decode(bytes)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
}

function decode(bytes: Uint8Array, charset: string): string {
  try {
    return charset === 'utf-8' ? decodeUtf8(bytes) : new TextDecoder(charset, { fatal: true }).decode(bytes)
  } catch {
    throw badText(bytes, charset)
  }
}

function badText(bytes: Uint8Array, charset: string): Error {
  const offset = charset === 'utf-8' ? firstBadByte(bytes) : null
  const place = offset === null ? '' : ` at byte ${offset}`
  return refusal('BODY_MALFORMED', `The body is not valid ${charset.toUpperCase()}${place}.`, {
    members: offset === null ? {} : { position: { offset } },
  })
}

/** The length of the longest prefix that is well formed: what a lenient decoder replaced first lies behind it. */
function firstBadByte(bytes: Uint8Array): number {
  let low = 0
  let high = bytes.length
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (isPrefix(bytes.subarray(0, middle))) low = middle
    else high = middle - 1
  }
  return low
}

/** Whether bytes could be the beginning of a UTF-8 text; a character cut off at the end is no fault yet. */
function isPrefix(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}

function parseForm(text: string): Json {
  const names = new Map<string, string | string[]>()
  for (const [name, value] of new URLSearchParams(text)) {
    if (name === '__proto__')
      throw refusal('BODY_MALFORMED', 'The form has a field called "__proto__", which is not accepted.')
    const before = names.get(name)
    if (before === undefined) names.set(name, value)
    else names.set(name, Array.isArray(before) ? [...before, value] : [before, value])
  }
  return Object.fromEntries(names)
}

function binary(bytes: Uint8Array, contentType: string | null): BinaryBody {
  const { buffer, byteOffset, byteLength } = bytes
  return {
    base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64'),
    contentType,
    size: byteLength,
  }
}
