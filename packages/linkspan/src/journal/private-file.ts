import { closeSync, openSync } from 'node:fs'
import { LinkspanError } from '../model/errors.ts'

/** A journal holds what others entrusted to it: nobody but its owner reads it, whatever the umask says. */
const OWNER_ONLY = 0o600

/**
 * Makes a new file for a copy, which its owner alone may read, and answers its descriptor. That there was none and that
 * there is one is one step, so two copies never write into the same file.
 * @throws {LinkspanError} `JOURNAL_FAILED` when there is a file already
 */
export function newPrivateFile(target: string): number {
  try {
    return openSync(target, 'wx', OWNER_ONLY)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    throw new LinkspanError(
      'JOURNAL_FAILED',
      `There is a file at ${target} already. Give the copy a new name.`,
      { details: { target } },
    )
  }
}

/**
 * Makes an empty file that its owner alone may read, unless there is a file already, whose rights stay as they are. Where
 * that fails nothing is said: who opens the file next meets the same reason.
 */
export function makePrivate(path: string): void {
  try {
    closeSync(openSync(path, 'wx', OWNER_ONLY))
  } catch {}
}
