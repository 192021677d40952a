import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { LinkspanError } from '../../model/errors.ts'
import { openToRead } from './files.ts'
import { type Head, newHead, readHead } from './head.ts'
import { inspect } from './inspect.ts'
import { type Guard, historySize, prepareReading, readCalls } from './read-calls.ts'
import { MIGRATIONS, readFacts } from './schema.ts'
import { closedError, journalError } from './sqlite-error.ts'
import type { Store, StoreOptions, StoreOutside } from './store.ts'

/**
 * Opens a journal for reading, while another process may own it.
 * @throws {LinkspanError} what `JournalFactory.openForReading` states
 */
export function openReadingStore(options: StoreOptions, outside: StoreOutside): Store {
  const { path } = options
  try {
    return readingStore(options, outside)
  } catch (error) {
    throw journalError(error, path, 'Opening')
  }
}

function readingStore(options: StoreOptions, { migrations = MIGRATIONS, logger }: StoreOutside): Store {
  const { path } = options
  inspect({ ...options, acceptLoss: true }, logger, migrations.length)
  if (!existsSync(path)) throw noJournal(path)
  const db = openToRead(path)
  const head = (): Head => readHead(db, path) ?? newHead(db)
  if (readFacts(db).version < migrations.length) throw tooOld(db, path)
  const reads = prepareReading(db, path)
  let closed = false
  const guard: Guard =
    (doing, run) =>
    (...args) => {
      if (closed) throw closedError(path)
      try {
        return run(reads, ...args)
      } catch (error) {
        throw journalError(error, path, doing)
      }
    }
  const refuse = (): never => {
    throw new LinkspanError(
      'JOURNAL_FAILED',
      `The journal ${path} was opened for reading; nothing can be written to it.`,
    )
  }
  const { lastSeq, clean } = head()
  return {
    opened: { crashed: !clean, lastSeq, historySize: historySize(db) },
    ...readCalls(guard, path, head),
    commit: refuse,
    prune: refuse,
    tidy: () => {},
    close: () => {
      if (!closed) db.close()
      closed = true
    },
  }
}

/** The error for a path where nothing is. */
export function noJournal(path: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `There is no journal at ${path}. Start the engine once, or correct the path.`,
    {
      details: { path },
    },
  )
}

function tooOld(db: DatabaseSync, path: string): LinkspanError {
  const { version } = readFacts(db)
  db.close()
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal ${path} has the old format version ${version}. Start the engine once: it brings the journal up to date.`,
    { details: { path, version } },
  )
}
