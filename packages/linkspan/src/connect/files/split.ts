/** A record inside a buffer: its bytes without the line break, and where the next one starts. */
export interface Range {
  readonly start: number
  readonly end: number
  readonly next: number
  /** Why it is known to be malformed before it is read. */
  readonly problem?: string
}

/**
 * Finds the complete records of a buffer that starts at a record. With `final` nothing will follow the buffer, so what
 * is left at its end is a record too. What is not used stays for the next call.
 */
export type Split = (
  buffer: Buffer,
  final: boolean,
) => { readonly ranges: readonly Range[]; readonly used: number }

const LF = 10
const CR = 13

/** Records that end at a line break, LF or CRLF. Empty lines are no records. */
export const splitLines: Split = (buffer, final) => {
  const ranges: Range[] = []
  let start = 0
  for (let at = buffer.indexOf(LF); at !== -1; at = buffer.indexOf(LF, start)) {
    pushLine(ranges, buffer, start, at, at + 1)
    start = at + 1
  }
  if (!final) return { ranges, used: start }
  pushLine(ranges, buffer, start, buffer.length, buffer.length)
  return { ranges, used: buffer.length }
}

function pushLine(ranges: Range[], buffer: Buffer, start: number, to: number, next: number): void {
  const end = to > start && buffer[to - 1] === CR ? to - 1 : to
  if (end > start) ranges.push({ start, end, next })
}

/**
 * Records of CSV (RFC 4180): a line break inside quotes belongs to the field. Where quotes are still open at the end
 * of the file, the line that opened them is taken for malformed and reading goes on after it.
 */
export function splitCsv(delimiter: string, quote: string): Split {
  const marks = { delimiter: delimiter.charCodeAt(0), quote: quote.charCodeAt(0) }
  return (buffer, final) => {
    const ranges: Range[] = []
    let start = 0
    while (start < buffer.length) {
      const at = endOfRecord(buffer, start, marks)
      if (at !== -1) {
        pushLine(ranges, buffer, start, at, at + 1)
        start = at + 1
      } else if (!final) break
      else {
        const last = lastOf(buffer, start, marks)
        if (last.end > last.start) ranges.push(last)
        start = last.next
      }
    }
    return { ranges, used: start }
  }
}

interface Marks {
  readonly delimiter: number
  readonly quote: number
}

/** Where the line break is that ends the record; -1 when the buffer ends before it. */
function endOfRecord(buffer: Buffer, start: number, { delimiter, quote }: Marks): number {
  let at = start
  let fieldStart = true
  while (at < buffer.length) {
    const byte = buffer[at]
    if (byte === LF) return at
    if (fieldStart && byte === quote) {
      at = afterQuotes(buffer, at + 1, quote)
      fieldStart = false
      continue
    }
    fieldStart = byte === delimiter
    at++
  }
  return -1
}

/** The place after the closing quote of a field; the buffer's length plus one when it is not closed. */
function afterQuotes(buffer: Buffer, from: number, quote: number): number {
  for (let at = buffer.indexOf(quote, from); at !== -1; at = buffer.indexOf(quote, at + 2)) {
    if (buffer[at + 1] !== quote) return at + 1
  }
  return buffer.length + 1
}

function lastOf(buffer: Buffer, start: number, marks: Marks): Range {
  if (!isOpen(buffer, start, marks)) {
    const end = buffer[buffer.length - 1] === CR ? buffer.length - 1 : buffer.length
    return { start, end, next: buffer.length }
  }
  const line = buffer.indexOf(LF, start)
  const end = line === -1 ? buffer.length : line
  return { start, end, next: line === -1 ? end : line + 1, problem: OPEN }
}

const OPEN = 'opens quotes that are never closed'

function isOpen(buffer: Buffer, start: number, { delimiter, quote }: Marks): boolean {
  let fieldStart = true
  for (let at = start; at < buffer.length; ) {
    if (fieldStart && buffer[at] === quote) {
      at = afterQuotes(buffer, at + 1, quote)
      if (at > buffer.length) return true
      fieldStart = false
    } else {
      fieldStart = buffer[at] === delimiter
      at++
    }
  }
  return false
}
