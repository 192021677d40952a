import { positionOf } from './position.ts'
import type { Mark } from './table-reading.ts'

/** How far a source has come in a server's log, as it is kept in the journal. */
export type CapturePosition =
  /** The slot is about to be made: one of this name that is there was made for nobody else. */
  { readonly slot: string; readonly stage: 'making' } | CaptureReading | CaptureFollowing

/** The rows that are there are being read; the log is to be followed from `lsn`. */
export interface CaptureReading {
  readonly slot: string
  readonly stage: 'reading'
  readonly system: string
  readonly lsn: string
  /** The tables, and how many of them are read. */
  readonly tables: readonly string[]
  readonly read: number
  /** The key of the last row that was read of the table after those. */
  readonly after: readonly Mark[] | null
}

/** All that is before `lsn` was accepted. */
export interface CaptureFollowing {
  readonly slot: string
  readonly stage: 'following'
  /** The server's own identity and the database, so that the log of another one is not taken for this one's. */
  readonly system: string
  readonly lsn: string
  /** How many changes were accepted of the transaction that is committed at `lsn`, where it was too large for one commit. */
  readonly within: { readonly lsn: string; readonly changes: number } | null
}

/** Reads a position; null at the beginning, which is where another slot is named too. */
export function capturePosition(name: string, slot: string, cursor: string | null): CapturePosition | null {
  if (cursor === null) return null
  const start: { slot: string; stage: string } = { slot, stage: '' }
  const position = positionOf(name, cursor, start) as CapturePosition
  return position.slot === slot ? position : null
}
