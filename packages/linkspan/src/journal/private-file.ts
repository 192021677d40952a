import { existsSync } from 'node:fs'
import { LinkspanError } from '../model/errors.ts'

/**
 * Refuses to copy a journal over a file that is there.
 * @throws {LinkspanError} `JOURNAL_FAILED` when there is a file already
 */
export function refuseTakenTarget(target: string): void {
  if (!existsSync(target)) return
  throw new LinkspanError(
    'JOURNAL_FAILED',
    `There is a file at ${target} already. Give the copy a new name.`,
    { details: { target } },
  )
}
