import { closeSync, rmSync } from 'node:fs'
import { backup, type DatabaseSync } from 'node:sqlite'
import { newPrivateFile } from '../private-file.ts'
import { makeFolderOf, openToRead, syncFile, syncFolderOf } from './files.ts'
import { journalError } from './sqlite-error.ts'

const PAGES_AT_A_TIME = 500

/**
 * Copies a journal to a new file as of one moment, on a connection of its own: its owner goes on writing meanwhile.
 * A copy that did not come to its end is removed.
 * @throws {LinkspanError} `JOURNAL_FAILED` when there is a file already
 */
export async function backUp(
  path: string,
  target: string,
  progress: (done: number, total: number) => void,
): Promise<void> {
  makeFolderOf(target)
  const db = openToRead(path)
  try {
    closeSync(newPrivateFile(target))
    await copyTo(target, db, progress).catch((error: unknown) => {
      rmSync(target, { force: true })
      throw journalError(error, path, 'Copying')
    })
  } finally {
    db.close()
  }
}

async function copyTo(
  target: string,
  db: DatabaseSync,
  progress: (done: number, total: number) => void,
): Promise<void> {
  // An open read holds the moment, or each commit of the owner would make the copy begin anew.
  db.exec('BEGIN')
  db.prepare('SELECT count(*) FROM head').get()
  const pages = await backup(db, target, {
    rate: PAGES_AT_A_TIME,
    progress: ({ totalPages, remainingPages }) => progress(totalPages - remainingPages, totalPages),
  })
  syncFile(target)
  syncFolderOf(target)
  progress(pages, pages)
}
