import { rmSync, truncateSync } from 'node:fs'
import { hostname } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { LinkspanError } from '../../model/errors.ts'
import { makePrivate } from '../private-file.ts'
import { failureOf, openingError } from './sqlite-error.ts'

/** The right to write to a journal, held until it is released or the process dies. */
export interface OwnerLock {
  release(): void
}

/**
 * Takes the lock of a journal: an open transaction on a small file beside it, which the operating system ends with the
 * process. The file names its owner, and can be read meanwhile. Nothing in it outlives its owner, so nobody waits for
 * the disk, and one that a loss of power or a bad disk made unreadable is emptied and used again.
 * @throws {LinkspanError} `JOURNAL_IN_USE` with the owner's process id
 */
export function takeLock(path: string): OwnerLock {
  try {
    return lockFile(path)
  } catch (error) {
    if (failureOf(error) !== 'damaged') throw openingError(error, path)
  }
  empty(`${path}-lock`)
  try {
    return lockFile(path)
  } catch (error) {
    throw openingError(error, path)
  }
}

/** The same file without content: the operating system's lock is on the file, so an owner that lives still has it. */
function empty(file: string): void {
  rmSync(`${file}-journal`, { force: true })
  truncateSync(file)
}

function lockFile(path: string): OwnerLock {
  makePrivate(`${path}-lock`)
  const db = new DatabaseSync(`${path}-lock`, { timeout: 0 })
  try {
    db.exec('PRAGMA synchronous = OFF')
    db.exec('BEGIN IMMEDIATE')
    db.exec(
      'CREATE TABLE IF NOT EXISTS owner (id INTEGER PRIMARY KEY, pid INTEGER NOT NULL, host TEXT NOT NULL)',
    )
    db.prepare('INSERT OR REPLACE INTO owner VALUES (1, ?, ?)').run(process.pid, hostname())
    db.exec('COMMIT; BEGIN IMMEDIATE')
    if (ownerOf(db)?.pid !== process.pid) throw inUse(path, ownerOf(db))
  } catch (error) {
    const refused = failureOf(error) === 'busy' ? inUse(path, ownerOf(db)) : error
    db.close()
    throw refused
  }
  return { release: () => db.close() }
}

interface Owner {
  readonly pid: number
  readonly host: string
}

function ownerOf(db: DatabaseSync): Owner | undefined {
  try {
    return db.prepare('SELECT pid, host FROM owner WHERE id = 1').get() as Owner | undefined
  } catch {
    return undefined
  }
}

function inUse(path: string, owner: Owner | undefined): LinkspanError {
  const who = owner === undefined ? 'another process' : `process ${owner.pid} on ${owner.host}`
  return new LinkspanError(
    'JOURNAL_IN_USE',
    `The journal ${path} is in use by ${who}. Stop that engine first, or give this one a journal of its own.`,
    { details: { path, pid: owner?.pid ?? null, host: owner?.host ?? null } },
  )
}
