import { LinkspanError } from '../../model/errors.ts'

/**
 * A record that could not be read: it is accepted as a message all the same, so that it is seen and the records after
 * it are not held up. Its type makes a flow say what becomes of it: see {@link wellFormed} and {@link isMalformed}.
 */
export interface MalformedRecord {
  /** What is wrong with it. */
  readonly malformedRecord: string
  /** Its beginning, as text. */
  readonly text: string
  readonly file: string
  /** Its number in the file, from 1. */
  readonly record: number
  /** Where it starts, in bytes. */
  readonly offset: number
}

/** Whether a record could not be read. */
export function isMalformed(record: unknown): record is MalformedRecord {
  if (typeof record !== 'object' || record === null) return false
  const { malformedRecord, offset, file } = record as Partial<MalformedRecord>
  return typeof malformedRecord === 'string' && typeof offset === 'number' && typeof file === 'string'
}

/**
 * The record, or a dead letter that says what is wrong with it: the usual first step after a file source.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { folder, typed, wellFormed } from 'linkspan/files'
 * const orders = folder('orders')
 * const book = flow('book-orders')
 *   .from(orders.ndjson({ match: '*.ndjson', schema: typed<{ id: string }>() }))
 *   .map('record', wellFormed)
 * ```
 * @throws {LinkspanError} `BODY_INVALID` for a malformed record.
 */
export function wellFormed<T>(record: T): Exclude<T, MalformedRecord> {
  if (!isMalformed(record)) return record as Exclude<T, MalformedRecord>
  const { malformedRecord, file, record: number, offset } = record
  throw new LinkspanError(
    'BODY_INVALID',
    `Record ${number} of "${file}", at byte ${offset}, ${malformedRecord}.`,
    {
      details: { file, record: number, offset },
    },
  )
}

const EXCERPT_BYTES = 400

/** The beginning of a record, for {@link MalformedRecord.text}. */
export function excerpt(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, EXCERPT_BYTES)).toString(
    'utf8',
  )
  return bytes.length > EXCERPT_BYTES ? `${text}…` : text
}
