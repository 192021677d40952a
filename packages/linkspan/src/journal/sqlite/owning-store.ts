import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { LinkspanError } from '../../model/errors.ts'
import type { Logger } from '../../model/outside.ts'
import type { Batch, Committed, Opened } from '../journal.ts'
import {
  finishReplacing,
  makeFolderOf,
  openToWrite,
  replaceByCopy,
  rollBackFirstStart,
  syncFolderOf,
} from './files.ts'
import { type Head, newHead, readHead } from './head.ts'
import { keepMark, type MarkKeeper } from './high-water-mark.ts'
import { inspect } from './inspect.ts'
import { type OwnerLock, takeLock } from './owner-lock.ts'
import { createPruner, type Pruner } from './prune.ts'
import { type Guard, historySize, prepareReading, type Reading, readCalls } from './read-calls.ts'
import { MIGRATIONS, migrate } from './schema.ts'
import { closedError, failureOf, journalError, openingError } from './sqlite-error.ts'
import type { Store, StoreOptions, StoreOutside } from './store.ts'
import { openWriter, type Writer } from './writer.ts'

/**
 * Opens a journal for its owner.
 * @throws {LinkspanError} what `JournalFactory.open` states
 */
export function openStore(options: StoreOptions, outside: StoreOutside): Store {
  const { path } = options
  let lock: OwnerLock | undefined
  try {
    makeFolderOf(path)
    lock = takeLock(path)
    return ownStore(options, outside, lock)
  } catch (error) {
    lock?.release()
    throw openingError(error, path)
  }
}

/** Everything that goes with one open file, and is made anew when the file is replaced. */
interface Connection {
  readonly reads: Reading
  readonly writer: Writer
  readonly pruner: Pruner
  readonly checkpoint: () => void
}

function connect(options: StoreOptions, outside: StoreOutside): Connection & { readonly found: Head } {
  const { path } = options
  const db = openToWrite(path, options.cacheBytes)
  try {
    migrate(db, outside.migrations ?? MIGRATIONS)
    const reads = prepareReading(db, path)
    const found = readHead(db, path) ?? newHead(db)
    const writer = openWriter(db, reads.names, found, outside.commit ?? ((run) => run()))
    return {
      reads,
      writer,
      found,
      pruner: createPruner(db),
      checkpoint: checkpointer(db, options.checkpointPages),
    }
  } catch (error) {
    db.close()
    throw error
  }
}

function ownStore(options: StoreOptions, outside: StoreOutside, lock: OwnerLock): Store {
  const { path } = options
  const { logger } = outside
  finishReplacing(path)
  rollBackFirstStart(path)
  inspect(options, logger, (outside.migrations ?? MIGRATIONS).length)
  const isNew = !existsSync(path)
  const first = connect(options, outside)
  first.writer.transact(() => undefined, { clean: false, lastBatch: 0 })
  if (isNew) syncFolderOf(path)
  const mark = keepMark(path, first.writer.head, (error) => {
    logger.log('warn', 'journal.mark-failed', { path, error: String(error) })
  })
  const { clean, lastSeq } = first.found
  const opened: Opened = { crashed: !clean, lastSeq, historySize: historySize(first.reads.db) }
  const file = trustedFile(path, first, () => connect(options, outside), logger)
  return owned(path, file, mark, opened, lock, logger)
}

type Condition =
  | ({ readonly is: 'open' } & Connection)
  /** A write failed in a way after which the file cannot be trusted; the next write replaces it. */
  | { readonly is: 'untrusted'; readonly cause: unknown }
  | { readonly is: 'damaged'; readonly error: LinkspanError }
  | { readonly is: 'closed' }

/** The journal's file, replaced by a new one when a write to it fails. */
interface TrustedFile {
  /** @throws {LinkspanError} when there is no file to use */
  current(): Connection
  /** Runs a write; after a failed one the file is replaced and `again` asked. */
  write<Result>(run: (connection: Connection) => Result, again: (connection: Connection) => Result): Result
  close(leftRunning: boolean): void
}

function trustedFile(
  path: string,
  first: Connection,
  connectAgain: () => Connection,
  logger: Logger,
): TrustedFile {
  let condition: Condition = { is: 'open', ...first }

  const replace = (cause: unknown, closeOld: () => void): void => {
    condition = { is: 'untrusted', cause }
    try {
      const aside = replaceByCopy(path, closeOld)
      condition = { is: 'open', ...connectAgain() }
      logger.log('warn', 'journal.replaced', { path, aside, cause: String(cause) })
    } catch (error) {
      logger.log('error', 'journal.replacing-failed', { path, error: String(error) })
      if (failureOf(error) !== 'full') giveUp(error, 'Making a new file of the journal')
    }
  }
  const giveUp = (error: unknown, doing: string): void => {
    condition = { is: 'damaged', error: journalError(error, path, doing) }
  }
  const current = (): Connection => {
    if (condition.is === 'open') return condition
    throw refusal(condition, path)
  }
  const retry = <Result>(again: (connection: Connection) => Result): Result => {
    try {
      return again(current())
    } catch (error) {
      if (failureOf(error) === 'io') giveUp(error, 'Writing to its new file')
      throw journalError(error, path, 'Writing to its new file')
    }
  }
  return {
    current,
    write: (run, again) => {
      if (condition.is === 'untrusted') {
        replace(condition.cause, () => {})
        return retry(again)
      }
      const connection = current()
      try {
        return run(connection)
      } catch (error) {
        if (failureOf(error) !== 'io') throw journalError(error, path, 'Writing')
        logger.log('error', 'journal.write-failed', { path, error: String(error) })
        replace(error, () => connection.reads.db.close())
        return retry(again)
      }
    },
    close: (leftRunning) => {
      const last = condition
      condition = { is: 'closed' }
      if (last.is === 'open') closeDatabase(last, leftRunning)
    },
  }
}

function owned(
  path: string,
  file: TrustedFile,
  mark: MarkKeeper,
  opened: Opened,
  lock: OwnerLock,
  logger: Logger,
): Store {
  let answered: { readonly id: number; readonly committed: Committed } | null = null
  let closed = false
  let tidied = true

  const attempt = (batch: Batch, { writer }: Connection): Committed => {
    if (answered?.id === batch.id && writer.head.lastBatch === batch.id) return answered.committed
    return writer.write(batch, (committed) => {
      answered = { id: batch.id, committed }
    })
  }
  const guard: Guard =
    (doing, run) =>
    (...args) => {
      const { reads } = file.current()
      try {
        return run(reads, ...args)
      } catch (error) {
        throw journalError(error, path, doing)
      }
    }
  return {
    opened,
    ...readCalls(guard, path, () => file.current().writer.head),
    commit: (batch, at) => {
      const write = (connection: Connection): Committed => attempt(batch, connection)
      const committed = file.write(write, write)
      mark.write(file.current().writer.head, at)
      return committed
    },
    tidy: () => {
      if (closed) return
      try {
        file.write(
          ({ checkpoint }) => checkpoint(),
          () => {},
        )
        tidied = true
      } catch (error) {
        // It is tried again after each commit: once told is enough until it succeeds.
        if (tidied) logger.log('warn', 'journal.checkpoint-failed', { path, error: String(error) })
        tidied = false
      }
    },
    prune: (endedBefore, attentionBefore, now, limit) => {
      const prune = ({ writer, pruner }: Connection): number => {
        const bounds = { endedBefore, attentionBefore, now, lowWater: writer.head.lowWater }
        return pruner.step(bounds, limit, (run) => writer.transact(run))
      }
      return file.write(prune, prune)
    },
    close: (leftRunning) => {
      if (closed) return
      closed = true
      try {
        file.close(leftRunning)
      } finally {
        mark.close()
        lock.release()
      }
    },
  }
}

function closeDatabase({ writer, reads }: Connection, leftRunning: boolean): void {
  try {
    if (!leftRunning) writer.transact(() => undefined, { clean: true })
  } finally {
    reads.db.close()
  }
}

/** Answers a function that moves the log into the database when it has more pages than stated. */
function checkpointer(db: DatabaseSync, pages: number): () => void {
  const measure = db.prepare('PRAGMA wal_checkpoint(NOOP)')
  const move = db.prepare('PRAGMA wal_checkpoint(PASSIVE)')
  return () => {
    const { log, checkpointed } = measure.get() as { log: number; checkpointed: number }
    if (log - checkpointed >= pages) move.get()
  }
}

function refusal(condition: Exclude<Condition, { is: 'open' }>, path: string): LinkspanError {
  switch (condition.is) {
    case 'damaged':
      return condition.error
    case 'closed':
      return closedError(path)
    case 'untrusted':
      return new LinkspanError(
        'JOURNAL_UNREACHABLE',
        `A write to the journal ${path} failed (${String(condition.cause)}), and there is no room yet for a new file of it. ` +
          'Make room on its disk; the engine goes on by itself.',
        { retry: 'later', applied: 'unknown', details: { path } },
      )
  }
}
