import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { LinkspanError } from '../../model/errors.ts'
import type { Logger } from '../../model/outside.ts'
import { openToRead, sizeOf } from './files.ts'
import { type Head, readHead } from './head.ts'
import { type Mark, markPath, readMark } from './high-water-mark.ts'
import { foreign, readFacts, refuseStrangers } from './schema.ts'
import { failureOf, journalError } from './sqlite-error.ts'
import type { StoreOptions } from './store.ts'

/**
 * Looks at a journal before anything in it is changed.
 * @throws {LinkspanError} `JOURNAL_FOREIGN`, `JOURNAL_NEWER`, `JOURNAL_DAMAGED`, `JOURNAL_TAIL_LOST`
 */
export function inspect(options: StoreOptions, logger: Logger, known: number): void {
  const { path, acceptLoss } = options
  const mark = readMark(path)
  if (mark === null && existsSync(markPath(path)))
    logger.log('warn', 'journal.mark-unreadable', { path: markPath(path) })
  const head = sizeOf(path) === 0 ? null : inspectFile(path, mark, known)
  const loss = mark === null ? null : lossOf(mark, head)
  if (loss === null) return
  if (!acceptLoss) throw tailLost(path, loss)
  logger.log('error', 'journal.tail-lost', { path, loss })
}

function inspectFile(path: string, mark: Mark | null, known: number): Head | null {
  let db: DatabaseSync | undefined
  try {
    db = openToRead(path)
    const facts = readFacts(db)
    refuseStrangers(facts, path, known)
    return facts.version === 0 ? null : readHead(db, path)
  } catch (error) {
    // A file that no longer looks like a journal, beside a mark that says it was one, is not another program's.
    if (mark !== null) throw foreignIsDamage(error, path)
    throw failureOf(error) === 'damaged' ? foreign(path) : error
  } finally {
    db?.close()
  }
}

function foreignIsDamage(error: unknown, path: string): unknown {
  const isForeign = error instanceof LinkspanError && error.code === 'JOURNAL_FOREIGN'
  if (!isForeign) return error
  return journalError(
    Object.assign(new Error(error.message), { errcode: 26 }),
    path,
    'Reading its first page',
  )
}

function lossOf(mark: Mark, head: Head | null): string | null {
  if (head === null) return `it is empty, but had come to message ${mark.lastSeq}`
  if (head.journal !== mark.journal)
    return `it is another journal (${head.journal}) than the one that was here (${mark.journal})`
  if (head.commits < mark.commits)
    return `it ends at commit ${head.commits} (message ${head.lastSeq}), but had come to commit ${mark.commits} (message ${mark.lastSeq})`
  return null
}

function tailLost(path: string, loss: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_TAIL_LOST',
    `The end of the journal ${path} is lost: ${loss}. Its disk did not keep what it had confirmed, or an older copy was ` +
      'put in its place. Nothing was changed. Look at what is there with "linkspan messages"; then either restore the ' +
      'newest copy, or go on without what is lost by opening it once with sqlite(path, { acceptLoss: true }).',
    { details: { path, loss } },
  )
}
