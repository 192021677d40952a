import { rmSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import type {
  AcceptedAt,
  JournalEnvironment,
  MovedCell,
  MovedDedupeKey,
  NewMessage,
  PlacedMessage,
  SourceFacts,
  TransferPage,
  TransferRequest,
  TransferTarget,
} from '../journal.ts'
import { notEmptyError, otherSourceError, refuseDifferentCounts, refuseUnfit } from '../transfer-errors.ts'
import { acceptor } from './accept.ts'
import { createActive } from './active.ts'
import { makeFolderOf, openToWrite, sizeOf, syncFolderOf } from './files.ts'
import { headWriter, newHead, readHead } from './head.ts'
import { inspect } from './inspect.ts'
import { openNames } from './names.ts'
import { takeLock } from './owner-lock.ts'
import { passWriter } from './passes.ts'
import { plainSum, stateSum } from './row-sum.ts'
import { APPLICATION_ID, COPYING_ID, MIGRATIONS, migrate, readFacts } from './schema.ts'
import { journalError, openingError } from './sqlite-error.ts'
import type { StoreOptions } from './store.ts'
import { openTallies } from './tallies.ts'
import { countAll } from './transfer-source.ts'
import { waitWriter } from './waits.ts'
import type { WriteContext } from './write-context.ts'

/**
 * Opens a file for a copy: a new one, an empty journal, or a copy that was begun of the same source.
 * @throws {LinkspanError} what `JournalTransfer.openTarget` states
 */
export async function openTransferTarget(
  options: StoreOptions,
  name: string,
  environment: Pick<JournalEnvironment, 'logger'>,
  request: TransferRequest,
): Promise<TransferTarget> {
  const { path } = options
  makeFolderOf(path)
  const lock = takeLock(path)
  let db: DatabaseSync | null = null
  const close = (): void => {
    db?.close()
    lock.release()
  }
  try {
    db = prepare(options, environment, request)
    return targetOf(db, path, name, close)
  } catch (error) {
    close()
    throw openingError(error, path)
  }
}

function prepare(
  options: StoreOptions,
  { logger }: Pick<JournalEnvironment, 'logger'>,
  { source, anew }: TransferRequest,
): DatabaseSync {
  const { path, cacheBytes } = options
  if (anew && isCopy(options)) removeFile(path)
  if (!isCopy(options)) inspect(options, logger, MIGRATIONS.length)
  const db = openToWrite(path, cacheBytes)
  try {
    // A copy that is lost can be made again: it waits for the disk when it is finished.
    db.exec('PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 1000')
    if (readFacts(db).applicationId === COPYING_ID) refuseOther(db, path, source)
    else begin(db, path, source)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function isCopy({ path, cacheBytes }: StoreOptions): boolean {
  if (sizeOf(path) === 0) return false
  const db = openToWrite(path, cacheBytes)
  try {
    return readFacts(db).applicationId === COPYING_ID
  } finally {
    db.close()
  }
}

function removeFile(path: string): void {
  for (const name of [path, `${path}-wal`, `${path}-shm`, `${path}-mark`]) rmSync(name, { force: true })
  syncFolderOf(path)
}

function refuseOther(db: DatabaseSync, path: string, source: SourceFacts): void {
  const begun = db.prepare('SELECT journal, version FROM copying').get() as
    | { journal: string; version: string }
    | undefined
  if (begun?.journal !== source.journal || begun.version !== source.version) throw otherSourceError(path)
}

/** From here on the file is a copy, and no journal until it is finished. */
function begin(db: DatabaseSync, path: string, { journal, version }: SourceFacts): void {
  migrate(db)
  if (Object.values(countAll(db)).some((count) => count > 0) || (readHead(db, path)?.lastSeq ?? 0) > 0)
    throw notEmptyError(path)
  db.exec('BEGIN IMMEDIATE; CREATE TABLE copying (journal TEXT NOT NULL, version TEXT NOT NULL)')
  db.prepare('INSERT INTO copying VALUES (?, ?)').run(journal, version)
  db.exec(`DELETE FROM head; PRAGMA application_id = ${COPYING_ID}; COMMIT`)
}

function targetOf(db: DatabaseSync, path: string, name: string, close: () => void): TransferTarget {
  const { seq, messages } = db
    .prepare('SELECT coalesce(max(seq), 0) AS seq, count(*) AS messages FROM messages')
    .get() as { seq: number; messages: number }
  const put = pageWriter(db, path, seq)
  const writing = async <Result>(run: () => Result): Promise<Result> => {
    try {
      return run()
    } catch (error) {
      if (db.isOpen && db.isTransaction) db.exec('ROLLBACK')
      throw journalError(error, path, 'Writing')
    }
  }
  return {
    name,
    partitions: 1,
    present: { seq, messages },
    put: (page) => writing(() => put(page)),
    finish: (source) =>
      writing(() => {
        finish(db, path, source)
        close()
      }),
    close: async () => {
      if (db.isOpen) close()
    },
  }
}

function finish(db: DatabaseSync, path: string, source: SourceFacts): void {
  refuseDifferentCounts(path, countAll(db), source)
  db.exec('PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE); BEGIN IMMEDIATE')
  const { lastSeq } = source
  headWriter(db)({ ...newHead(db), commits: 1, lastSeq, lowWater: lastSeq + 1 })
  db.exec(`DROP TABLE copying; PRAGMA application_id = ${APPLICATION_ID}; COMMIT`)
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  // What was learned of a former journal at this place would say that this one has lost its end.
  rmSync(`${path}-mark`, { force: true })
  syncFolderOf(path)
}

function pageWriter(db: DatabaseSync, path: string, from: number): (page: TransferPage) => void {
  const names = openNames(db, path)
  const context: WriteContext = { db, names, tallies: openTallies(db), active: createActive() }
  const putMessage = messageWriter(context)
  const putCell = cellWriter(db)
  const putKey = dedupeKeyWriter(db)
  const cursor = db.prepare('INSERT OR REPLACE INTO cursors (name, sum, value) VALUES (?, ?, ?)')
  let last = from
  return ({ messages = [], cells = [], dedupeKeys = [], cursors = [] }) => {
    refuseUnfit(messages, last)
    db.exec('BEGIN IMMEDIATE')
    for (const message of messages) putMessage(message)
    for (const cell of cells) putCell(cell)
    for (const key of dedupeKeys) putKey(key)
    for (const { name, value } of cursors) cursor.run(name, plainSum(name, value), value)
    context.tallies.flush()
    db.exec('COMMIT')
    names.keep()
    context.active.keep()
    last = messages.at(-1)?.seq ?? last
  }
}

/** Writes a message as the owner does, but at the place that it has. */
function messageWriter(context: WriteContext): (message: PlacedMessage) => void {
  const waits = waitWriter(context)
  const accept = acceptor(context, waits)
  const passes = passWriter(context, waits)
  return (message) => {
    const { seq, records, wait, ending } = message
    const answer: AcceptedAt = accept(newMessage(message), seq)
    if (answer.duplicateOf !== null) throw new Error(`Message ${seq} repeats message ${answer.seq}.`)
    for (const { n, frame } of records) passes.record({ seq, n, frame })
    if (ending !== null) passes.settle(ending)
    else if (wait !== null) passes.wait(wait)
  }
}

function newMessage(message: PlacedMessage): NewMessage {
  const { flow, key, token, acceptedAt, codeVersion, headers, body, index, parent, wait } = message
  return {
    flow,
    key,
    token,
    acceptedAt,
    codeVersion,
    headers,
    body,
    index,
    parent: parent === null ? null : { ...parent, awaited: wait?.parent != null },
    partition: 0,
    ready: false,
    handOver: false,
    handedUpTo: 0,
    dedupe: null,
  }
}

function cellWriter(db: DatabaseSync): (cell: MovedCell) => void {
  const put = db.prepare(
    'INSERT OR REPLACE INTO state (scope, key, sum, until, value) VALUES (?, ?, ?, ?, ?)',
  )
  return ({ scope, key, value, until }) =>
    void put.run(scope, key, stateSum(scope, key, until, value), until, value)
}

function dedupeKeyWriter(db: DatabaseSync): (key: MovedDedupeKey) => void {
  const put = db.prepare(
    'INSERT OR REPLACE INTO seen (scope, key, sum, seq, id, until) VALUES (?, ?, ?, ?, ?, ?)',
  )
  return ({ scope, key, seq, id, until }) =>
    void put.run(scope, key, plainSum(scope, key, seq, id, until), seq, id, until)
}
