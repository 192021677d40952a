import type { DatabaseSync } from 'node:sqlite'
import { plainSum } from './row-sum.ts'
import { rowDamaged } from './sqlite-error.ts'

/** What the journal knows of itself, rewritten with each commit. */
export interface Head {
  /** Its identity: 16 hexadecimal digits, the same in all its copies. */
  readonly journal: string
  /** Batches committed over its whole life. */
  readonly commits: number
  /** The last batch of this owner; 0 before the first. */
  readonly lastBatch: number
  readonly lastSeq: number
  readonly lowWater: number
  /** Whether it was closed by its last owner. */
  readonly clean: boolean
}

const COLUMNS =
  'journal, commits, last_batch AS lastBatch, last_seq AS lastSeq, low_water AS lowWater, clean, sum'

/** Reads the head; null in a journal that was just made. */
export function readHead(db: DatabaseSync, path: string): Head | null {
  const row = db.prepare(`SELECT ${COLUMNS} FROM head WHERE id = 1`).get() as
    | (Omit<Head, 'clean'> & { clean: number; sum: number })
    | undefined
  if (row === undefined) return null
  const { sum, ...rest } = row
  const head = { ...rest, clean: row.clean === 1 }
  if (sum !== headSum(head)) throw rowDamaged(path, 'the head')
  return head
}

/** Makes the head of a new journal. */
export function newHead(db: DatabaseSync): Head {
  const { id } = db.prepare('SELECT lower(hex(randomblob(8))) AS id').get() as { id: string }
  return { journal: id, commits: 0, lastBatch: 0, lastSeq: 0, lowWater: 0, clean: true }
}

/** Answers a function that writes the head: inside the commit. */
export function headWriter(db: DatabaseSync): (head: Head) => void {
  const write = db.prepare('INSERT OR REPLACE INTO head VALUES (1, ?, ?, ?, ?, ?, ?, ?)')
  return (head) => {
    const { journal, commits, lastBatch, lastSeq, lowWater, clean } = head
    write.run(headSum(head), journal, commits, lastBatch, lastSeq, lowWater, clean ? 1 : 0)
  }
}

function headSum({ journal, commits, lastBatch, lastSeq, lowWater, clean }: Head): number {
  return plainSum(journal, commits, lastBatch, lastSeq, lowWater, clean ? 1 : 0)
}
