/** PostgreSQL's binary formats of one-dimensional arrays (`array_send`) and of COPY. */

const oids = { bytea: 17, int8: 20, text: 25 } as const

/** A whole `bytea[]`. */
export function byteaArray(values: readonly Buffer[]): Buffer {
  const array = allocate(
    'bytea',
    values.length,
    sum(values, (value) => value.length),
  )
  let at = headerBytes
  for (const value of values) {
    at = array.writeInt32BE(value.length, at)
    at += value.copy(array, at)
  }
  return array
}

/** A whole `text[]`. */
export function textArray(values: readonly string[]): Buffer {
  const array = allocate(
    'text',
    values.length,
    sum(values, (value) => Buffer.byteLength(value)),
  )
  let at = headerBytes
  for (const value of values) {
    const written = array.write(value, at + 4)
    array.writeInt32BE(written, at)
    at += 4 + written
  }
  return array
}

/** A whole `bigint[]`. */
export function int8Array(values: readonly bigint[]): Buffer {
  const array = allocate('int8', values.length, values.length * 8)
  let at = headerBytes
  for (const value of values) {
    at = array.writeInt32BE(8, at)
    at = array.writeBigInt64BE(value, at)
  }
  return array
}

const headerBytes = 20

function allocate(type: keyof typeof oids, length: number, bytes: number): Buffer {
  const array = Buffer.allocUnsafe(headerBytes + length * 4 + bytes)
  let at = array.writeInt32BE(1, 0)
  at = array.writeInt32BE(0, at)
  at = array.writeInt32BE(oids[type], at)
  at = array.writeInt32BE(length, at)
  array.writeInt32BE(1, at)
  return array
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  let total = 0
  for (const value of values) total += of(value)
  return total
}

const copyHeader = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), Buffer.alloc(8)])
const copyTrailer = Buffer.from([0xff, 0xff])

/** The whole stream of a binary COPY. */
export function copyStream(rows: readonly (readonly (string | Buffer | bigint)[])[]): Buffer {
  const parts: Buffer[] = [copyHeader]
  for (const row of rows) {
    const count = Buffer.allocUnsafe(2)
    count.writeInt16BE(row.length)
    parts.push(count, ...row.flatMap(copyField))
  }
  return Buffer.concat([...parts, copyTrailer])
}

function copyField(value: string | Buffer | bigint): Buffer[] {
  const bytes =
    typeof value === 'bigint' ? int8(value) : typeof value === 'string' ? Buffer.from(value) : value
  const length = Buffer.allocUnsafe(4)
  length.writeInt32BE(bytes.length)
  return [length, bytes]
}

function int8(value: bigint): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64BE(value)
  return bytes
}
