import { toText } from './text.ts'

/** PostgreSQL's binary format of one-dimensional arrays (`array_send`), in which the client sends buffers. */

const OIDS = { bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, uuid: 2950 } as const

/** A type of elements. */
export type ElementType = keyof typeof OIDS

/** Dimensions, whether there are nulls, element type; then length and lower bound of the one dimension. */
const HEADER = 20
const TWO_32 = 2 ** 32

type Encoder = (values: readonly unknown[]) => Buffer

/** Encoders of whole arrays by type of element; an element can be null. */
export const arrayOf: {
  readonly bool: (values: readonly (boolean | null)[]) => Buffer
  readonly int2: (values: readonly (number | null)[]) => Buffer
  readonly int4: (values: readonly (number | null)[]) => Buffer
  readonly int8: (values: readonly (number | null)[]) => Buffer
  readonly text: (values: readonly (string | null)[]) => Buffer
  readonly bytea: (values: readonly (Uint8Array | null)[]) => Buffer
  readonly uuid: (values: readonly (Uint8Array | null)[]) => Buffer
} = {
  bool: fixed('bool', 1, (array, value, at) => {
    array[at] = value ? 1 : 0
  }),
  int2: fixed('int2', 2, (array, value, at) => void array.writeInt16BE(value as number, at)),
  int4: fixed('int4', 4, (array, value, at) => void array.writeInt32BE(value as number, at)),
  int8: fixed('int8', 8, (array, value, at) => writeInt8(array, value as number, at)),
  text: (values) => {
    const texts = values.map((value) => (value === null ? null : toText(value)))
    let bytes = 0
    for (const text of texts) bytes += text === null ? 0 : Buffer.byteLength(text)
    const array = allocate('text', texts.length, bytes, texts.includes(null))
    let at = HEADER
    for (const text of texts) {
      const length = text === null ? -1 : array.write(text, at + 4)
      at = array.writeInt32BE(length, at) + Math.max(length, 0)
    }
    return array
  },
  bytea: blobs('bytea'),
  uuid: blobs('uuid'),
}

function fixed(
  type: ElementType,
  width: number,
  write: (array: Buffer, value: number | boolean, at: number) => void,
): Encoder {
  return (values) => {
    const nulls = values.reduce<number>((count, value) => (value === null ? count + 1 : count), 0)
    const array = allocate(type, values.length, (values.length - nulls) * width, nulls > 0)
    let at = HEADER
    for (const value of values) {
      at = array.writeInt32BE(value === null ? -1 : width, at)
      if (value === null) continue
      write(array, value as number | boolean, at)
      at += width
    }
    return array
  }
}

function blobs(type: ElementType): (values: readonly (Uint8Array | null)[]) => Buffer {
  return (values) => {
    let bytes = 0
    for (const value of values) bytes += value?.byteLength ?? 0
    const array = allocate(type, values.length, bytes, values.includes(null))
    let at = HEADER
    for (const value of values) {
      at = array.writeInt32BE(value?.byteLength ?? -1, at)
      if (value === null) continue
      array.set(value, at)
      at += value.byteLength
    }
    return array
  }
}

function allocate(type: ElementType, length: number, bytes: number, nulls: boolean): Buffer {
  const array = Buffer.allocUnsafe(HEADER + length * 4 + bytes)
  array.writeInt32BE(1, 0)
  array.writeInt32BE(nulls ? 1 : 0, 4)
  array.writeInt32BE(OIDS[type], 8)
  array.writeInt32BE(length, 12)
  array.writeInt32BE(1, 16)
  return array
}

function writeInt8(array: Buffer, value: number, at: number): void {
  array.writeInt32BE(Math.floor(value / TWO_32), at)
  array.writeUInt32BE(value >>> 0, at + 4)
}
