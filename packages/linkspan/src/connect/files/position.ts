import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'

/** How far one file has been read. */
export interface FilePosition {
  readonly name: string
  /** Where the next record starts, in bytes. */
  readonly offset: number
  /** How many records were handed in. */
  readonly record: number
  /** A hash of the first and last bytes that were read: a file with others there is another file. */
  readonly print: string
  /** For whole files: when the version that was handed in was written. */
  readonly modified?: number
}

/** How far the files of a folder have been read, by device and inode. */
export type Positions = ReadonlyMap<string, FilePosition>

type Entry = readonly [name: string, offset: number, record: number, print: string, modified?: number]

/** The positions as the text that the journal keeps. */
export function writePositions(positions: Positions): string {
  const files = [...positions].map(([id, { name, offset, record, print, modified }]) => {
    const entry: Entry =
      modified === undefined ? [name, offset, record, print] : [name, offset, record, print, modified]
    return [id, entry]
  })
  return JSON.stringify({ v: 1, files: Object.fromEntries(files) })
}

/** The inverse of {@link writePositions}; null is the first start. */
export function readPositions(cursor: string | null): Map<string, FilePosition> {
  if (cursor === null) return new Map()
  const { files } = JSON.parse(cursor) as { files: Readonly<Record<string, Entry>> }
  return new Map(
    Object.entries(files).map(([id, [name, offset, record, print, modified]]) => {
      const position = { name, offset, record, print }
      return [id, modified === undefined ? position : { ...position, modified }]
    }),
  )
}

const PRINT_BYTES = 256

/** The print of a file of which `offset` bytes have been read. */
export async function printOf(handle: FileHandle, offset: number): Promise<string> {
  const length = Math.min(PRINT_BYTES, offset)
  const hash = createHash('sha256')
  for (const start of [0, offset - length]) {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, start)
    hash.update(buffer.subarray(0, bytesRead))
  }
  return hash.digest('hex').slice(0, 16)
}
