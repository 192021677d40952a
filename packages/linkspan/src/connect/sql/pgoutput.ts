/** A table as the log describes it, before the first of its changes. */
export interface Relation {
  /** Its number, which the changes refer to. */
  readonly id: number
  readonly schema: string
  readonly table: string
  readonly columns: readonly RelationColumn[]
}

/** A column of a {@link Relation}. */
export interface RelationColumn {
  readonly name: string
  /** `pg_type.oid` */
  readonly type: number
  /** Whether it is part of the replica identity. */
  readonly identity: boolean
}

/** The values of a row in the order of its columns, as PostgreSQL writes them; undefined for one that was not sent. */
export type Tuple = readonly (string | null | undefined)[]

/** The row before a change: only the columns of its replica identity, or all of them. */
export interface OldTuple {
  readonly whole: boolean
  readonly values: Tuple
}

/** What happened to rows of a table. */
export type RowChange =
  | { readonly kind: 'insert'; readonly relation: number; readonly row: Tuple }
  | { readonly kind: 'update'; readonly relation: number; readonly row: Tuple; readonly old: OldTuple | null }
  | { readonly kind: 'delete'; readonly relation: number; readonly old: OldTuple }
  | { readonly kind: 'truncate'; readonly relations: readonly number[] }

/** A message of the plugin `pgoutput`, of those that are sent for whole transactions. */
export type LogMessage =
  | RowChange
  /** `lsn` is where the commit lies, by which the transaction is known. */
  | {
      readonly kind: 'begin'
      readonly lsn: bigint
      readonly committedAt: string
      readonly transaction: number
    }
  /** `end` is where the transaction ends: what is behind it is another one's. */
  | { readonly kind: 'commit'; readonly lsn: bigint; readonly end: bigint }
  | { readonly kind: 'relation'; readonly relation: Relation }
  /** The name of a type, an origin, a message that somebody wrote into the log: no row's. */
  | { readonly kind: 'aside' }

/** What the server sends while it streams: a piece of the log, or a sign that it is there. */
export type Frame =
  | { readonly kind: 'log'; readonly data: Buffer }
  /** `end` is how far the server has read its log: what was committed before it has been sent. */
  | { readonly kind: 'alive'; readonly end: bigint; readonly answer: boolean }

/** Reads what is in a `CopyData` message of the replication protocol. */
export function readFrame(bytes: Buffer): Frame {
  const kind = bytes.toString('latin1', 0, 1)
  if (kind === 'w') return { kind: 'log', data: bytes.subarray(25) }
  if (kind === 'k') return { kind: 'alive', end: bytes.readBigUInt64BE(1), answer: bytes.readUInt8(17) === 1 }
  throw new TypeError(
    `The server sent a message of the kind "${kind}", which the replication protocol does not have.`,
  )
}

const EPOCH_MICROS = BigInt(Date.UTC(2000, 0, 1)) * 1_000n

/** How far the log was received and is kept here, in the form of the protocol. */
export function statusFrame(kept: bigint, nowMs: number, answer: boolean): Buffer {
  const frame = Buffer.alloc(34)
  frame.write('r', 0, 'latin1')
  // Written, flushed, applied: what is not committed to the journal counts as none of them.
  for (const at of [1, 9, 17]) frame.writeBigUInt64BE(kept, at)
  frame.writeBigInt64BE(BigInt(Math.trunc(nowMs)) * 1_000n - EPOCH_MICROS, 25)
  frame.writeUInt8(answer ? 1 : 0, 33)
  return frame
}

/**
 * Reads a message of the plugin, in version 1 of its protocol. Version 2 differs in what it says of transactions that are
 * streamed before they are committed, which is not asked for.
 *
 * @throws {TypeError | RangeError} when it is no such message.
 */
export function readLogMessage(bytes: Buffer): LogMessage {
  const reader = readerOf(bytes)
  const kind = reader.char()
  const read = MESSAGES[kind]
  if (read === undefined)
    throw new TypeError(`The log has a message of the kind "${kind}", which pgoutput does not have.`)
  return read(reader)
}

const MESSAGES: Readonly<Record<string, (reader: Reader) => LogMessage>> = {
  B: (reader) => ({
    kind: 'begin',
    lsn: reader.whole64(),
    committedAt: timeOf(reader.whole64()),
    transaction: reader.whole32(),
  }),
  C(reader) {
    reader.skip(1)
    return { kind: 'commit', lsn: reader.whole64(), end: reader.whole64() }
  },
  R: (reader) => ({ kind: 'relation', relation: relationOf(reader) }),
  I(reader) {
    const relation = reader.whole32()
    reader.expect('N')
    return { kind: 'insert', relation, row: tupleOf(reader) }
  },
  U(reader) {
    const relation = reader.whole32()
    const mark = reader.char()
    if (mark === 'N') return { kind: 'update', relation, old: null, row: tupleOf(reader) }
    const old = oldOf(reader, mark)
    reader.expect('N')
    return { kind: 'update', relation, old, row: tupleOf(reader) }
  },
  D(reader) {
    const relation = reader.whole32()
    return { kind: 'delete', relation, old: oldOf(reader, reader.char()) }
  },
  T(reader) {
    const count = reader.whole32()
    reader.skip(1)
    return { kind: 'truncate', relations: times(count, () => reader.whole32()) }
  },
  Y: () => ({ kind: 'aside' }),
  O: () => ({ kind: 'aside' }),
  M: () => ({ kind: 'aside' }),
}

function relationOf(reader: Reader): Relation {
  const id = reader.whole32()
  // The schema of the system's own tables is written as none.
  const schema = reader.text() || 'pg_catalog'
  const table = reader.text()
  reader.skip(1)
  const columns = times(reader.whole16(), () => {
    const flags = reader.whole8()
    const name = reader.text()
    const type = reader.whole32()
    reader.skip(4)
    return { name, type, identity: (flags & 1) === 1 }
  })
  return { id, schema, table, columns }
}

function oldOf(reader: Reader, mark: string): OldTuple {
  if (mark !== 'K' && mark !== 'O')
    throw new TypeError(`A row before a change begins with "${mark}" instead of K or O.`)
  return { whole: mark === 'O', values: tupleOf(reader) }
}

function tupleOf(reader: Reader): Tuple {
  return times(reader.whole16(), () => {
    const kind = reader.char()
    if (kind === 'n') return null
    if (kind === 'u') return undefined
    if (kind === 't') return reader.string(reader.whole32())
    throw new TypeError(`A value is of the kind "${kind}", and only text was asked for.`)
  })
}

function times<T>(count: number, each: () => T): readonly T[] {
  return Array.from({ length: count }, each)
}

/** Microseconds since 2000 as ISO 8601, in full precision. */
function timeOf(micros: bigint): string {
  const since1970 = micros + EPOCH_MICROS
  const fraction = (since1970 % 1_000_000n).toString().padStart(6, '0')
  return `${new Date(Number(since1970 / 1_000n)).toISOString().slice(0, 19)}.${fraction}Z`
}

interface Reader {
  whole8(): number
  whole16(): number
  whole32(): number
  whole64(): bigint
  char(): string
  /** Up to the next zero. */
  text(): string
  string(length: number): string
  expect(mark: string): void
  skip(length: number): void
}

function readerOf(bytes: Buffer): Reader {
  let at = 0
  const moved = (length: number): number => {
    const from = at
    at += length
    if (at > bytes.length)
      throw new RangeError(`The message ends after ${bytes.length} bytes, within a value.`)
    return from
  }
  const reader: Reader = {
    whole8: () => bytes.readUInt8(moved(1)),
    whole16: () => bytes.readUInt16BE(moved(2)),
    whole32: () => bytes.readUInt32BE(moved(4)),
    whole64: () => bytes.readBigUInt64BE(moved(8)),
    char: () => String.fromCharCode(bytes.readUInt8(moved(1))),
    text() {
      const end = bytes.indexOf(0, at)
      const text = reader.string((end === -1 ? bytes.length + 1 : end) - at)
      moved(1)
      return text
    },
    string(length) {
      const from = moved(length)
      return bytes.toString('utf8', from, at)
    },
    expect(mark) {
      const found = reader.char()
      if (found !== mark) throw new TypeError(`The message has "${found}" where "${mark}" belongs.`)
    },
    skip: (length) => void moved(length),
  }
  return reader
}
