import { Undecodable } from './format.ts'

/** What stands before bytes that were written by a schema of a registry: a zero, and the schema's number. */
const PREFIX = 5

/** The number of the schema that bytes were written by, and the bytes. */
export function readWire(bytes: Buffer): { readonly id: number; readonly payload: Buffer } {
  if (bytes.length < PREFIX || bytes[0] !== 0)
    throw new Undecodable('it does not begin with the number of a schema, as what a registry serves does')
  return { id: bytes.readUInt32BE(1), payload: bytes.subarray(PREFIX) }
}

/** Bytes with the number of their schema before them. */
export function writeWire(id: number, ...parts: readonly Uint8Array[]): Buffer {
  const prefix = Buffer.alloc(PREFIX)
  prefix.writeUInt32BE(id, 1)
  return Buffer.concat([prefix, ...parts])
}

/**
 * Which message of a Protobuf file was written: the way to it through the messages that lie in each other, as numbers. One
 * zero stands for the first message.
 */
export function readIndexes(payload: Buffer): {
  readonly indexes: readonly number[]
  readonly payload: Buffer
} {
  const count = readZigZag(payload, 0)
  if (count.value === 0) return { indexes: [0], payload: payload.subarray(count.next) }
  const indexes: number[] = []
  let { next } = count
  for (let nth = 0; nth < count.value; nth++) {
    const index = readZigZag(payload, next)
    indexes.push(index.value)
    next = index.next
  }
  return { indexes, payload: payload.subarray(next) }
}

/** The same, written. */
export function writeIndexes(indexes: readonly number[]): Buffer {
  if (indexes.length === 1 && indexes[0] === 0) return Buffer.from([0])
  return Buffer.from([indexes.length, ...indexes].flatMap(zigZag))
}

const MOST_BYTES = 5

function readZigZag(bytes: Buffer, from: number): { readonly value: number; readonly next: number } {
  let raw = 0
  for (let nth = 0; nth < MOST_BYTES; nth++) {
    const byte = bytes[from + nth]
    if (byte === undefined) break
    raw += (byte & 0x7f) * 2 ** (7 * nth)
    if (byte < 0x80) return { value: raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2, next: from + nth + 1 }
  }
  throw new Undecodable('what says which of the messages it is cannot be read')
}

/** Only numbers from 0 are written. */
function zigZag(value: number): number[] {
  const bytes: number[] = []
  let rest = value * 2
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) + 0x80)
  return [...bytes, rest]
}
