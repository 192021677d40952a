import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeFolders } from '../../model/make-folders.ts'
import { makePrivate } from '../private-file.ts'
import { journalError } from './sqlite-error.ts'

/** How long a commit waits for a stranger that holds the database, milliseconds. */
const BUSY_TIMEOUT_MS = 2000

/** The page size of new journals: a commit of a few messages of 1 KB touches fewer pages than at 4096. */
const PAGE_SIZE = 8192

/** Opens a database file to write to it. */
export function openToWrite(path: string, cacheBytes: number): DatabaseSync {
  // Its log and what else SQLite makes beside it get the same rights.
  makePrivate(path)
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  db.exec(`
    PRAGMA page_size = ${PAGE_SIZE}; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = ${64 * 1024 * 1024};
    PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)}; PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;
  `)
  return db
}

/** Opens a database file to read it, changing nothing in it. */
export function openToRead(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
  db.exec('PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;')
  return db
}

/**
 * Takes back what a loss of power cut short in a journal's very first start: while SQLite makes a write-ahead log of it, there is
 * a rollback journal, and who only reads can do nothing with a file that has one.
 */
export function rollBackFirstStart(path: string): void {
  if (!existsSync(path) || !existsSync(`${path}-journal`)) return
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS })
  try {
    db.prepare('SELECT count(*) FROM sqlite_schema').get()
  } catch {
    // What is wrong with the file is said when it is looked at.
  } finally {
    db.close()
  }
}

/** Makes the folder of a file. */
export function makeFolderOf(path: string): void {
  makeFolders(dirname(path), { existsSync, mkdirSync })
}

/** Makes what was renamed into a folder, or made in it, survive a loss of power. */
export function syncFolderOf(path: string): void {
  syncFile(dirname(path))
}

/** Copies through a connection that has not failed, into a file that is whole and on the disk before it has its name. */
function copyWhole(path: string): void {
  const making = `${path}.recovering`
  rmSync(making, { force: true })
  const source = openToRead(path)
  try {
    makePrivate(making)
    source.prepare('VACUUM INTO ?').run(making)
  } finally {
    source.close()
  }
  checkCopy(making, path)
  syncFile(making)
  renameSync(making, recoveredPath(path))
  syncFolderOf(path)
}

function checkCopy(copy: string, path: string): void {
  const db = openToRead(copy)
  try {
    const [first] = db.prepare('PRAGMA integrity_check(1)').all()
    const found = String(first?.['integrity_check'])
    if (found !== 'ok')
      throw journalError(Object.assign(new Error(found), { errcode: 11 }), path, 'Checking the copy')
  } finally {
    db.close()
  }
}

/** Where a whole copy lies that is to take the journal's place. */
export function recoveredPath(path: string): string {
  return `${path}.recovered`
}

/**
 * Makes a new file of all that can be read and puts it in the old one's place, which is kept as `<name>.damaged-<n>`.
 * For after a failed fsync: the operating system may have dropped what it could not write, so that the old file and
 * what is in memory differ, and another fsync of it would report success. Answers the new name of the old file.
 */
export function replaceByCopy(path: string, closeOld: () => void): string {
  const watcher = openToRead(path)
  try {
    // While another connection is open, closing the failed one does not write its log into the database.
    watcher.prepare('SELECT count(*) FROM sqlite_schema').get()
    closeOld()
    copyWhole(path)
  } finally {
    watcher.close()
  }
  return finishReplacing(path) as string
}

/** Finishes a replacement that a crash may have cut short; null when there is none. */
export function finishReplacing(path: string): string | null {
  const copy = recoveredPath(path)
  if (!existsSync(copy)) return null
  const aside = asideName(path)
  // The database goes before its log, and the copy comes when both are away: a log must never meet another database.
  if (existsSync(path)) renameSync(path, aside)
  if (existsSync(`${path}-wal`)) renameSync(`${path}-wal`, `${aside}-wal`)
  rmSync(`${path}-shm`, { force: true })
  syncFolderOf(path)
  renameSync(copy, path)
  syncFolderOf(path)
  return aside
}

function asideName(path: string): string {
  let n = 1
  while (existsSync(`${path}.damaged-${n}`) && existsSync(path)) n += 1
  return `${path}.damaged-${n}`
}

/** Waits until a file or folder is on the disk. */
export function syncFile(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** The size of a file in bytes; 0 when it does not exist. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
