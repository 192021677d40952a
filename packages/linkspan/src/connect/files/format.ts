import { isUtf8 } from 'node:buffer'
import { type CsvError, parse } from 'csv-parse/sync'
import { LinkspanError } from '../../model/errors.ts'
import type { RawRecord } from './read-records.ts'
import { type Split, splitCsv, splitLines } from './split.ts'

/** A record read, or what is wrong with it. */
export type Decoded = { readonly value: unknown } | { readonly problem: string }

/** How the bytes of a file become records. */
export interface Format {
  readonly name: 'ndjson' | 'csv' | 'lines'
  readonly split: Split
  /** Whether the first record names the columns. */
  readonly header: boolean
  /** Reads records; `header` is the first record of the file where the format has one. */
  decode(records: readonly RawRecord[], header: Buffer | null): readonly Decoded[]
}

const NOT_UTF8: Decoded = { problem: 'is not UTF-8' }

/** One JSON value per line. */
export const ndjson: Format = {
  name: 'ndjson',
  split: splitLines,
  header: false,
  decode: (records) => records.map(decodeJson),
}

/** The lines themselves. */
export const lines: Format = {
  name: 'lines',
  split: splitLines,
  header: false,
  decode: (records) => records.map((raw) => early(raw) ?? { value: raw.bytes.toString('utf8') }),
}

function decodeJson(raw: RawRecord): Decoded {
  const found = early(raw)
  if (found !== null) return found
  try {
    return { value: JSON.parse(raw.bytes.toString('utf8')) as unknown }
  } catch (error) {
    return { problem: `is not JSON: ${(error as Error).message}` }
  }
}

function early({ problem, bytes }: RawRecord): Decoded | null {
  if (problem !== undefined) return { problem }
  return isUtf8(bytes) ? null : NOT_UTF8
}

/** Options of {@link csv}. */
export interface CsvFormatOptions {
  /** @default true */
  readonly header?: boolean | readonly string[]
  /** @default ',' */
  readonly delimiter?: string
  /** @default '"' */
  readonly quote?: string
}

/**
 * Comma-separated values (RFC 4180). Fields are texts; a record with another number of fields than there are columns
 * is malformed.
 * @throws {LinkspanError} `CONFIG_INVALID` for marks that are not one ASCII character each.
 */
export function csv({ header = true, delimiter = ',', quote = '"' }: CsvFormatOptions): Format {
  checkMark('delimiter', delimiter)
  checkMark('quote', quote)
  const rows = (text: string): string[][] =>
    parse(text, { delimiter, quote, escape: quote, relax_column_count: true })
  const named = Array.isArray(header) ? namer(header as readonly string[]) : null
  return {
    name: 'csv',
    split: splitCsv(delimiter, quote),
    header: header === true,
    decode: (records, first) => {
      const name =
        header === true ? headerNamer(first, rows) : (named ?? ((row: string[]): Decoded => ({ value: row })))
      return decodeRows(records, rows, name)
    },
  }
}

function checkMark(option: string, mark: string): void {
  if (/^[\t\x20-\x7e]$/.test(mark)) return
  throw new LinkspanError('CONFIG_INVALID', `csv: the ${option} "${mark}" must be one ASCII character.`)
}

type Rows = (text: string) => string[][]
type Namer = (row: string[]) => Decoded

/** All at once, since the parser is slow to set up; one by one where that fails or does not come out even. */
function decodeRows(records: readonly RawRecord[], rows: Rows, name: Namer): readonly Decoded[] {
  const sound = records.filter((raw) => early(raw) === null)
  const together = parseTogether(sound, rows)
  const values = new Map(sound.map((raw, index) => [raw, together?.[index]]))
  return records.map((raw) => early(raw) ?? readRow(raw, values.get(raw), rows, name))
}

function parseTogether(records: readonly RawRecord[], rows: Rows): string[][] | null {
  try {
    const parsed = rows(records.map(({ bytes }) => bytes.toString('utf8')).join('\n'))
    return parsed.length === records.length ? parsed : null
  } catch {
    return null
  }
}

function readRow(raw: RawRecord, parsed: string[] | undefined, rows: Rows, name: Namer): Decoded {
  if (parsed !== undefined) return name(parsed)
  try {
    const [row, ...more] = rows(raw.bytes.toString('utf8'))
    return row !== undefined && more.length === 0 ? name(row) : { problem: 'is not one record of CSV' }
  } catch (error) {
    return { problem: `is not CSV: ${plain(error as CsvError)}` }
  }
}

/** The parser counts lines from where it was started, which says nothing about the file. */
function plain(error: CsvError): string {
  return error.message.replace(/(?:,)? (?:at|on) line \d+.*$/s, '').replace(/^[^:]*: /, '')
}

function namer(columns: readonly string[]): Namer {
  return (row) => {
    if (row.length !== columns.length)
      return { problem: `has ${row.length} fields where ${columns.length} columns are named` }
    return { value: Object.fromEntries(columns.map((column, index) => [column, row[index]])) }
  }
}

function headerNamer(header: Buffer | null, rows: Rows): Namer {
  const columns = header === null ? null : headerColumns(header, rows)
  if (Array.isArray(columns)) return namer(columns)
  return () => ({ problem: `has no usable header before it: ${columns ?? 'there is none'}` })
}

function headerColumns(header: Buffer, rows: Rows): readonly string[] | string {
  if (!isUtf8(header)) return 'it is not UTF-8'
  try {
    const columns = rows(header.toString('utf8'))[0] ?? []
    const twice = columns.find((column, index) => columns.indexOf(column) !== index)
    return twice === undefined ? columns : `it names "${twice}" twice`
  } catch (error) {
    return plain(error as CsvError)
  }
}
