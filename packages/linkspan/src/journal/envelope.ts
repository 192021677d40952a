import { crc32 } from 'node:zlib'
import { LinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'

/** The version of the envelope that this code writes. */
export const ENVELOPE_VERSION = 1

/** How the payload of an envelope is written: as it came, or as JSON in UTF-8. */
export type Codec = 'bytes' | 'json'

/** An opened envelope. `payload` is a view into the sealed bytes, not a copy. */
export interface Opened {
  readonly codec: Codec
  /** Which key the payload is encrypted with; 0 is none, the only one so far. */
  readonly keyId: number
  readonly payload: Uint8Array
}

/**
 * The bytes before the payload: version (1), codec (1), key id (2), and the CRC-32 of the payload (4), begun with a sum
 * of the first four bytes and the place; numbers big-endian.
 */
export const ENVELOPE_HEADER = 8

const CODECS: readonly Codec[] = ['bytes', 'json']
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Puts bytes into an envelope bound to a place: its checksum covers the header, the place and the payload, so that a
 * damaged record, and one that lies where another belongs, are both seen.
 *
 * @example
 * ```ts
 * import { open, seal } from 'linkspan/journal'
 * const sealed = seal(new TextEncoder().encode('hello'), 'frame:17:0')
 * const { payload } = open(sealed, 'frame:17:0')
 * ```
 */
export function seal(payload: Uint8Array, place: string, codec: Codec = 'bytes'): Uint8Array {
  const sealed = Buffer.allocUnsafe(ENVELOPE_HEADER + payload.byteLength)
  sealed.set(payload, ENVELOPE_HEADER)
  return finish(sealed, place, codec)
}

/** Puts a JSON value into an envelope. See {@link seal}. */
export function sealJson(value: Json, place: string): Uint8Array {
  return sealJsonText(JSON.stringify(value), place)
}

/** Puts JSON text into an envelope. See {@link seal}. */
export function sealJsonText(text: string, place: string): Uint8Array {
  const sealed = Buffer.allocUnsafe(ENVELOPE_HEADER + Buffer.byteLength(text))
  sealed.write(text, ENVELOPE_HEADER)
  return finish(sealed, place, 'json')
}

/**
 * Takes an envelope apart.
 * @throws {LinkspanError} `RECORD_DAMAGED` when its checksum does not fit (also when it belongs to another place),
 * `RECORD_NEWER` when a newer version of Linkspan wrote it.
 */
export function open(sealed: Uint8Array, place: string): Opened {
  const bytes = asBuffer(sealed)
  if (bytes.length < ENVELOPE_HEADER)
    throw damaged(place, `it has ${bytes.length} bytes, fewer than its header`)
  const payload = bytes.subarray(ENVELOPE_HEADER)
  const expected = bytes.readUInt32BE(4)
  const found = checksum(bytes, payload, place)
  if (expected !== found) throw damaged(place, `its checksum is ${hex(found)}, not ${hex(expected)}`)
  const codec = CODECS[bytes[1] as number]
  const keyId = bytes.readUInt16BE(2)
  if (bytes[0] !== ENVELOPE_VERSION || codec === undefined || keyId !== 0) throw newer(bytes, place)
  return { codec, keyId, payload }
}

/**
 * Takes an envelope apart that {@link sealJson} made.
 * @throws {LinkspanError} as {@link open}, and `RECORD_DAMAGED` when the payload is not JSON.
 */
export function openJson(sealed: Uint8Array, place: string): Json {
  const { codec, payload } = open(sealed, place)
  if (codec !== 'json') throw damaged(place, 'it holds bytes where JSON belongs')
  try {
    return JSON.parse(decoder.decode(payload)) as Json
  } catch (cause) {
    throw damaged(place, `its payload is not JSON: ${String(cause)}`)
  }
}

function finish(sealed: Buffer, place: string, codec: Codec): Uint8Array {
  sealed[0] = ENVELOPE_VERSION
  sealed[1] = CODECS.indexOf(codec)
  sealed.writeUInt16BE(0, 2)
  sealed.writeUInt32BE(checksum(sealed, sealed.subarray(ENVELOPE_HEADER), place), 4)
  return sealed
}

function checksum(header: Buffer, payload: Buffer, place: string): number {
  return crc32(payload, placeSum(header.readUInt32BE(0), place))
}

/** FNV-1a over the header and the place; a checksum of such short texts costs less here than a call of the library's. */
function placeSum(header: number, place: string): number {
  let sum = Math.imul(0x811c9dc5 ^ header, 0x01000193)
  for (let at = 0; at < place.length; at += 1) sum = Math.imul(sum ^ place.charCodeAt(at), 0x01000193)
  return sum >>> 0
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function hex(sum: number): string {
  return sum.toString(16).padStart(8, '0')
}

function damaged(place: string, why: string): LinkspanError {
  return new LinkspanError(
    'RECORD_DAMAGED',
    `The record at "${place}" cannot be trusted: ${why}. Run "linkspan journal verify" to see what else is damaged.`,
    { details: { place } },
  )
}

function newer(bytes: Buffer, place: string): LinkspanError {
  const [version, codec] = bytes
  const keyId = bytes.readUInt16BE(2)
  return new LinkspanError(
    'RECORD_NEWER',
    `The record at "${place}" was written by a newer Linkspan (version ${version}, codec ${codec}, key ${keyId}). ` +
      'Run the version that wrote it.',
    { details: { place, version, codec, keyId } },
  )
}
