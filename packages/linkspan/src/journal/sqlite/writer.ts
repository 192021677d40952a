import type { DatabaseSync } from 'node:sqlite'
import { LinkspanError } from '../../model/errors.ts'
import type { Batch, Committed, CursorChange, StateChange } from '../journal.ts'
import { acceptor } from './accept.ts'
import { createActive } from './active.ts'
import { type Head, headWriter } from './head.ts'
import type { Names } from './names.ts'
import { passWriter } from './passes.ts'
import { plainSum, stateSum } from './row-sum.ts'
import type { Commit } from './store.ts'
import { openTallies } from './tallies.ts'
import { waitWriter } from './waits.ts'
import type { WriteContext } from './write-context.ts'

/** Writes batches to an open database. */
export interface Writer {
  readonly head: Head
  /**
   * Writes a batch in one transaction and answers what it made of it. `answer` is told before the transaction ends,
   * for the case that it ends and reports that it did not.
   */
  write(batch: Batch, answer: (committed: Committed) => void): Committed
  /** Runs one more change in a transaction of its own. */
  transact<Result>(run: (context: WriteContext) => Result, head?: Partial<Head>): Result
}

/** Prepares a database for writing. `head` is what it says of itself. */
export function openWriter(db: DatabaseSync, names: Names, first: Head, commit: Commit): Writer {
  const context: WriteContext = { db, names, tallies: openTallies(db), active: createActive() }
  const waits = waitWriter(context)
  const accept = acceptor(context, waits)
  const passes = passWriter(context, waits)
  const putState = stateWriter(db)
  const putCursor = cursorWriter(db)
  const putHead = headWriter(db)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const end = db.prepare('COMMIT')
  let head = first

  const acceptAll = (batch: Batch): { committed: Committed; lastSeq: number } => {
    let lastSeq = head.lastSeq
    const accepted = batch.accept.map((message) => {
      const at = accept(message, lastSeq + 1)
      if (at.duplicateOf === null) lastSeq += 1
      return at
    })
    return { committed: { accepted }, lastSeq }
  }
  const transaction = <Result>(run: () => { result: Result; head: Head }): Result => {
    try {
      begin.run()
      const { result, head: next } = run()
      context.tallies.flush()
      putHead(next)
      commit(() => end.run())
      head = next
      names.keep()
      context.active.keep()
      return result
    } catch (error) {
      rollBack(db)
      context.tallies.forget()
      names.forget()
      context.active.forget()
      throw error
    }
  }
  return {
    get head() {
      return head
    },
    write: (batch, answer) => {
      refuseOldBatch(batch, head)
      return transaction(() => {
        const { committed, lastSeq } = acceptAll(batch)
        for (const frame of batch.records) passes.record(frame)
        for (const wait of batch.revive) passes.revive(wait)
        for (const wait of batch.waits) passes.wait(wait)
        for (const settlement of batch.settle) passes.settle(settlement)
        for (const change of batch.state) putState(change)
        for (const change of batch.cursors) putCursor(change)
        answer(committed)
        const lastBatch = batch.id
        const lowWater = Math.max(head.lowWater, batch.lowWater)
        return {
          result: committed,
          head: { ...head, commits: head.commits + 1, lastBatch, lastSeq, lowWater },
        }
      })
    },
    transact: (run, change) => transaction(() => ({ result: run(context), head: { ...head, ...change } })),
  }
}

function refuseOldBatch(batch: Batch, head: Head): void {
  if (batch.id > head.lastBatch) return
  throw new LinkspanError(
    'JOURNAL_FAILED',
    `Batch ${batch.id} came after batch ${head.lastBatch}. Batches must be numbered upwards; this is a defect of the engine.`,
    { details: { batch: batch.id, last: head.lastBatch } },
  )
}

function rollBack(db: DatabaseSync): void {
  try {
    if (db.isTransaction) db.exec('ROLLBACK')
  } catch {
    // The first error says more.
  }
}

function stateWriter(db: DatabaseSync): (change: StateChange) => void {
  const put = db.prepare(
    'INSERT OR REPLACE INTO state (scope, key, sum, until, value) VALUES (?, ?, ?, ?, ?)',
  )
  const remove = db.prepare('DELETE FROM state WHERE scope = ? AND key = ?')
  return ({ scope, key, value, until }) => {
    if (value === null) remove.run(scope, key)
    else put.run(scope, key, stateSum(scope, key, until, value), until, value)
  }
}

function cursorWriter(db: DatabaseSync): (change: CursorChange) => void {
  const put = db.prepare('INSERT OR REPLACE INTO cursors (name, sum, value) VALUES (?, ?, ?)')
  const remove = db.prepare('DELETE FROM cursors WHERE name = ?')
  return ({ name, value }) => {
    if (value === null) remove.run(name)
    else put.run(name, plainSum(name, value), value)
  }
}
