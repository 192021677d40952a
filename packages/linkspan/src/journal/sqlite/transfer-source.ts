import { existsSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import type { Headers } from '../../model/message.ts'
import { endingOf } from '../codes.ts'
import type {
  Cursor,
  Grant,
  JournalEnvironment,
  MovedCell,
  MovedDedupeKey,
  MovedMessage,
  Name,
  Settlement,
  SourceFacts,
  TransferCounts,
  TransferSource,
} from '../journal.ts'
import { cutToPage } from '../transfer-errors.ts'
import { openToRead } from './files.ts'
import { newHead, readHead } from './head.ts'
import { inspect } from './inspect.ts'
import { CHECKED_COLUMNS, rowChecks, type WaitRow, waitOf } from './message-reader.ts'
import { type Names, openNames } from './names.ts'
import { takeLock } from './owner-lock.ts'
import { noJournal } from './reading-store.ts'
import { plainSum, recordSum, stateSum } from './row-sum.ts'
import { MIGRATIONS } from './schema.ts'
import { journalError, rowDamaged } from './sqlite-error.ts'
import type { StoreOptions } from './store.ts'

/**
 * Opens a journal to read all of it. The owner's lock is held until it is closed, so no engine starts on it.
 * @throws {LinkspanError} what `JournalTransfer.openSource` states
 */
export async function openTransferSource(
  options: StoreOptions,
  name: string,
  { logger }: Pick<JournalEnvironment, 'logger'>,
): Promise<TransferSource> {
  const { path } = options
  if (!existsSync(path)) throw noJournal(path)
  const lock = takeLock(path)
  try {
    inspect(options, logger, MIGRATIONS.length)
    const db = openToRead(path)
    return sourceOf(db, path, name, () => {
      db.close()
      lock.release()
    })
  } catch (error) {
    lock.release()
    throw journalError(error, path, 'Opening')
  }
}

function sourceOf(db: DatabaseSync, path: string, name: string, close: () => void): TransferSource {
  const names = openNames(db, path)
  const messages = messageReader(db, names, path)
  const cells = pager<CellRow>(db, 'state')
  const keys = pager<KeyRow>(db, 'seen')
  const reading = async <Result>(run: () => Result): Promise<Result> => {
    try {
      return run()
    } catch (error) {
      throw journalError(error, path, 'Reading')
    }
  }
  return {
    name,
    facts: () => reading(() => factsOf(db, path)),
    messages: (after, limit) => reading(() => messages(after, limit)),
    cells: (after, limit) => reading(() => cells(after, limit).map((row) => cellOf(row, path))),
    dedupeKeys: (after, limit) => reading(() => keys(after, limit).map((row) => dedupeKeyOf(row, path))),
    cursors: () => reading(() => readCursors(db, path)),
    orphans: () => reading(() => orphansOf(db, path)),
    close: async () => close(),
  }
}

function factsOf(db: DatabaseSync, path: string): SourceFacts {
  const { journal, commits, lastBatch, lastSeq, lowWater } = readHead(db, path) ?? newHead(db)
  return { journal, version: `${commits} ${lastBatch} ${lowWater}`, lastSeq, counts: countAll(db) }
}

/** Whoever had it and did not close it died. */
function orphansOf(db: DatabaseSync, path: string): readonly Grant[] {
  const { clean, lastSeq } = readHead(db, path) ?? newHead(db)
  return clean ? [] : [{ partition: 0, died: { member: 0, upTo: lastSeq } }]
}

/** How many there are of what is copied. */
export function countAll(db: DatabaseSync): TransferCounts {
  const count = (table: string): number =>
    (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
  return {
    messages: count('messages'),
    cells: count('state'),
    dedupeKeys: count('seen'),
    cursors: count('cursors'),
  }
}

interface MessageRow {
  readonly seq: number
  readonly flow: number
  readonly key: string | null
  readonly token: string
  readonly accepted_at: number
  readonly code_version: number
  readonly headers: string
  readonly fields: string | null
  readonly parent_seq: number | null
  readonly parent_id: string
  readonly parent_path: string
  readonly parent_index: number
  readonly size: number
  readonly body_sum: number
  readonly body: Uint8Array | null
}

interface EndingRow {
  readonly seq: number
  readonly ending: number
  readonly ended_at: number
  readonly attempt: number
  readonly n: number
  readonly reason: string
  readonly frame: Uint8Array | null
}

interface RecordRow {
  readonly n: number
  readonly sum: number
  readonly frame: Uint8Array
}

function messageReader(
  db: DatabaseSync,
  names: Names,
  path: string,
): (after: number, limit: number) => readonly MovedMessage[] {
  const places = db.prepare('SELECT seq, size FROM messages WHERE seq > ? ORDER BY seq LIMIT ?')
  const message = db.prepare(`SELECT body, ${CHECKED_COLUMNS} FROM messages WHERE seq = ?`)
  const chunks = db.prepare('SELECT chunk FROM bodies WHERE seq = ? ORDER BY n')
  const ending = db.prepare('SELECT * FROM settlements WHERE seq = ?')
  const wait = db.prepare('SELECT * FROM waits WHERE seq = ?')
  const records = db.prepare('SELECT n, sum, frame FROM records WHERE seq = ? ORDER BY n')
  const bodyOf = ({ seq, body, body_sum: sum }: MessageRow): Uint8Array => {
    const apart = (chunks.all(seq) as unknown as { chunk: Uint8Array }[]).map(({ chunk }) => chunk)
    const whole = body ?? Buffer.concat(apart)
    if (crc32(whole) !== sum) throw rowDamaged(path, `the body of message ${seq}`)
    return whole
  }
  const endingOfMessage = (seq: number): Settlement | null => {
    const row = ending.get(seq) as EndingRow | undefined
    if (row === undefined) return null
    rowChecks.settlement(row, names, path)
    const { ended_at: endedAt, attempt, n, reason, frame } = row
    return { seq, ending: endingOf(row.ending) ?? 'dead', endedAt, attempt, n, reason, frame }
  }
  const recordsOf = (seq: number): MovedMessage['records'] =>
    (records.all(seq) as unknown as RecordRow[]).map(({ n, sum, frame }) => {
      if (sum !== recordSum(seq, n, frame)) throw rowDamaged(path, `frame ${n} of message ${seq}`)
      return { n, frame }
    })
  const read = (seq: number): MovedMessage => {
    const row = message.get(seq) as unknown as MessageRow
    rowChecks.message(row, names, path)
    const waiting = wait.get(seq) as WaitRow | undefined
    return {
      seq,
      flow: names.nameOf(row.flow),
      key: row.key,
      token: row.token,
      acceptedAt: row.accepted_at,
      codeVersion: names.nameOf(row.code_version),
      headers: JSON.parse(row.headers) as Headers,
      body: bodyOf(row),
      index: row.fields === null ? null : (JSON.parse(row.fields) as Record<string, string>),
      parent: parentOf(row),
      partition: 0,
      records: recordsOf(seq),
      wait: waiting === undefined ? null : waitOf(waiting, names, path),
      ending: endingOfMessage(seq),
    }
  }
  return (after, limit) =>
    cutToPage(places.all(after, limit) as unknown as { seq: number; size: number }[]).map(({ seq }) =>
      read(seq),
    )
}

function parentOf(row: MessageRow): MovedMessage['parent'] {
  const { parent_seq: seq, parent_id: id, parent_path: path, parent_index: index } = row
  return seq === null ? null : { seq, id, path, index }
}

/** Reads a table that is found by scope and key, a page at a time. */
function pager<Row>(
  db: DatabaseSync,
  table: 'state' | 'seen',
): (after: Name | null, limit: number) => readonly Row[] {
  const order = 'ORDER BY scope, key LIMIT ?'
  const first = db.prepare(`SELECT * FROM ${table} ${order}`)
  const next = db.prepare(`SELECT * FROM ${table} WHERE (scope, key) > (?, ?) ${order}`)
  return (after, limit) =>
    (after === null ? first.all(limit) : next.all(after.scope, after.key, limit)) as unknown as Row[]
}

interface CellRow extends MovedCell {
  readonly sum: number
}

function cellOf({ scope, key, value, until, sum }: CellRow, path: string): MovedCell {
  if (sum !== stateSum(scope, key, until, value)) throw rowDamaged(path, `state "${key}" of "${scope}"`)
  return { scope, key, value, until }
}

interface KeyRow extends MovedDedupeKey {
  readonly sum: number
}

function dedupeKeyOf({ scope, key, seq, id, until, sum }: KeyRow, path: string): MovedDedupeKey {
  if (sum !== plainSum(scope, key, seq, id, until))
    throw rowDamaged(path, `dedupe key "${key}" of "${scope}"`)
  return { scope, key, seq, id, until }
}

function readCursors(db: DatabaseSync, path: string): readonly Cursor[] {
  const rows = db.prepare('SELECT name, value, sum FROM cursors ORDER BY name').all()
  return (rows as unknown as (Cursor & { sum: number })[]).map(({ name, value, sum }) => {
    if (sum !== plainSum(name, value)) throw rowDamaged(path, `cursor "${name}"`)
    return { name, value }
  })
}
