import type { FileHandle } from 'node:fs/promises'
import type { Range, Split } from './split.ts'

/** A record as bytes, and its place in the file. */
export interface RawRecord {
  readonly bytes: Buffer
  readonly offset: number
  /** Where the next record starts. */
  readonly next: number
  readonly problem?: string
}

/** From where to where a file is read. */
export interface ReadSpan {
  readonly from: number
  /** The file's size when it was looked at. */
  readonly to: number
  /** Whether the file ends there: an unfinished last record is then a record. */
  readonly final: boolean
  readonly recordLimit: number
}

const CHUNK = 256 * 1024
const LF = 10

/**
 * The records of a span, in pieces as they are read: no more than a chunk and a record are held in memory.
 * A record over the limit is given as a malformed one with its beginning only.
 */
export async function* readRecords(
  handle: FileHandle,
  split: Split,
  span: ReadSpan,
): AsyncGenerator<readonly RawRecord[]> {
  let at = span.from
  let rest: Buffer = Buffer.alloc(0)
  let oversized: RawRecord | null = null
  while (at < span.to) {
    const chunk = await readAt(handle, at, Math.min(CHUNK, span.to - at))
    if (chunk.length === 0) return
    at += chunk.length
    let buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    if (oversized !== null) {
      const line = buffer.indexOf(LF)
      const ended = line === -1 ? at : at - buffer.length + line + 1
      rest = Buffer.alloc(0)
      if (line === -1 && !(span.final && at >= span.to)) continue
      yield [{ ...oversized, next: ended }]
      oversized = null
      buffer = buffer.subarray(line === -1 ? buffer.length : line + 1)
    }
    const start = at - buffer.length
    const { ranges, used } = split(buffer, span.final && at >= span.to)
    if (ranges.length > 0) yield ranges.map((range) => record(buffer, start, range, span.recordLimit))
    rest = buffer.subarray(used)
    if (rest.length > span.recordLimit) {
      const broken = tooLong(rest, start + used, span.recordLimit)
      if (broken.next === -1) oversized = broken
      else {
        yield [broken]
        // What follows the line is read again, as if the file went on there.
        at = broken.next
      }
      rest = Buffer.alloc(0)
    }
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(length), 0, length, position)
  return buffer.subarray(0, bytesRead)
}

function record(buffer: Buffer, start: number, range: Range, limit: number): RawRecord {
  const problem = range.end - range.start > limit ? overLimit(limit) : range.problem
  return {
    bytes: buffer.subarray(range.start, range.end),
    offset: start + range.start,
    next: start + range.next,
    ...(problem === undefined ? {} : { problem }),
  }
}

/** The line that a record over the limit begins with; `next` is -1 where its end is not in sight. */
function tooLong(rest: Buffer, offset: number, limit: number): RawRecord {
  const line = rest.indexOf(LF)
  const bytes = Buffer.from(rest.subarray(0, Math.min(line === -1 ? rest.length : line, 1_000)))
  return { bytes, offset, next: line === -1 ? -1 : offset + line + 1, problem: overLimit(limit) }
}

function overLimit(limit: number): string {
  return `is larger than the recordLimit of ${limit} bytes`
}
