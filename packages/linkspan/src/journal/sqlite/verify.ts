import type { DatabaseSync } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { endingSlots } from '../codes.ts'
import type { Damage } from '../journal.ts'
import { openToRead } from './files.ts'
import { readHead } from './head.ts'
import { CHECKED_COLUMNS, rowChecks } from './message-reader.ts'
import { type Names, openNames } from './names.ts'
import { plainSum, recordSum, stateSum } from './row-sum.ts'
import { foreign, readFacts, refuseStrangers } from './schema.ts'
import { failureOf } from './sqlite-error.ts'

/** More than this is not listed: the file is lost, not hurt. */
const MOST = 1000
const STRIDE = 500

interface Check {
  readonly what: string
  /** The query for a stretch of rows, with one parameter: the place after which it starts. Rows have a column `at`. */
  readonly from: string
  readonly check: (row: Row, report: (where: string, what: string) => void) => void
}

type Row = Readonly<Record<string, never>> & { readonly at: number }

/**
 * Reads everything in a journal and lists what cannot be trusted: SQLite's own check of the file's structure, then the
 * checksum of each row and body, then what must fit together.
 */
export function verifyFile(path: string, progress: (done: number, total: number) => void): readonly Damage[] {
  const damage: Damage[] = []
  const report = (where: string, what: string): void => {
    if (damage.length < MOST) damage.push({ where, what })
  }
  const guarded = (where: string, run: () => void): void => {
    try {
      run()
    } catch (error) {
      report(where, error instanceof Error ? error.message : String(error))
    }
  }
  let db: DatabaseSync
  try {
    db = openToRead(path)
    refuseStrangers(readFacts(db), path)
  } catch (error) {
    if (failureOf(error) === 'damaged') throw foreign(path)
    throw error
  }
  try {
    guarded('file', () => checkStructure(db, report))
    guarded('head', () => void readHead(db, path))
    guarded('names', () => {
      const names = openNames(db, path)
      walk(db, checks(db, names, path), report, progress)
      checkSums(db, report)
    })
    return damage
  } finally {
    db.close()
  }
}

function checkStructure(db: DatabaseSync, report: (where: string, what: string) => void): void {
  for (const row of db.prepare(`PRAGMA integrity_check(${MOST})`).all()) {
    const found = String(row['integrity_check'])
    if (found !== 'ok') report('file', found)
  }
}

function walk(
  db: DatabaseSync,
  all: readonly Check[],
  report: (where: string, what: string) => void,
  progress: (done: number, total: number) => void,
): void {
  const total = all.reduce((sum, { what }) => sum + countOf(db, what), 0)
  let done = 0
  for (const { what, from, check } of all) {
    try {
      const stretch = db.prepare(`${from} LIMIT ${STRIDE}`)
      let after = -1
      for (;;) {
        const rows = stretch.all(after) as unknown as Row[]
        for (const row of rows) checkRow(row, what, check, report)
        done += rows.length
        progress(done, Math.max(total, done))
        if (rows.length < STRIDE) break
        after = rows.at(-1)?.at as number
      }
    } catch (error) {
      report(what, error instanceof Error ? error.message : String(error))
    }
  }
}

const NOUNS: Readonly<Record<string, string>> = {
  messages: 'message',
  settlements: 'ending of message',
  waits: 'wait of message',
  records: 'record of message',
}

function checkRow(
  row: Row,
  what: string,
  check: Check['check'],
  report: (where: string, what: string) => void,
): void {
  try {
    check(row, report)
  } catch (error) {
    report(`${NOUNS[what] ?? what} ${row.at}`, error instanceof Error ? error.message : String(error))
  }
}

function countOf(db: DatabaseSync, table: string): number {
  try {
    return (db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n
  } catch {
    return 0
  }
}

function checks(db: DatabaseSync, names: Names, path: string): readonly Check[] {
  const chunks = db.prepare('SELECT chunk FROM bodies WHERE seq = ? ORDER BY n')
  const parts = (seq: number): Uint8Array[] =>
    (chunks.all(seq) as unknown as { chunk: Uint8Array }[]).map(({ chunk }) => chunk)
  return [
    {
      what: 'messages',
      from: `SELECT seq AS at, body, ${CHECKED_COLUMNS} FROM messages WHERE seq > ? ORDER BY seq`,
      check: (row, report) => {
        rowChecks.message(row, names, path)
        const { body } = row as unknown as { body: Uint8Array | null }
        const sum = (body === null ? parts(row.at) : [body]).reduce((crc, part) => crc32(part, crc), 0)
        if (sum !== row['body_sum']) report(`message ${row.at}`, 'the checksum of its body does not fit')
      },
    },
    {
      what: 'settlements',
      from: 'SELECT seq AS at, * FROM settlements WHERE seq > ? ORDER BY seq',
      check: (row) => rowChecks.settlement(row, names, path),
    },
    {
      what: 'waits',
      from: 'SELECT seq AS at, * FROM waits WHERE seq > ? ORDER BY seq',
      check: (row) => rowChecks.wait(row, names, path),
    },
    {
      what: 'records',
      // All frames of a message belong to one stretch: a place is passed only when the next one begins.
      from: 'SELECT seq AS at, n, sum, frame FROM records WHERE seq > ? ORDER BY seq, n',
      check: (row, report) => {
        const { n, sum, frame } = row as unknown as { n: number; sum: number; frame: Uint8Array }
        if (sum !== recordSum(row.at, n, frame))
          report(`message ${row.at}`, `the checksum of its frame ${n} does not fit`)
      },
    },
  ]
}

/** Small tables as a whole, and what must fit together. */
function checkSums(db: DatabaseSync, report: (where: string, what: string) => void): void {
  for (const { scope, key, sum, until, value } of db
    .prepare('SELECT * FROM state')
    .iterate() as Iterable<never>)
    if (sum !== stateSum(scope, key, until, value))
      report(`state "${key}" of "${scope}"`, 'its checksum does not fit')
  for (const { scope, key, sum, seq, id, until } of db
    .prepare('SELECT * FROM seen')
    .iterate() as Iterable<never>)
    if (sum !== plainSum(scope, key, seq, id, until))
      report(`dedupe key "${key}" of "${scope}"`, 'its checksum does not fit')
  for (const { name, sum, value } of db.prepare('SELECT * FROM cursors').iterate() as Iterable<never>)
    if (sum !== plainSum(name, value)) report(`cursor "${name}"`, 'its checksum does not fit')
  const misfits: readonly (readonly [string, string])[] = [
    [
      'SELECT s.seq FROM settlements s LEFT JOIN messages m ON m.seq = s.seq WHERE m.seq IS NULL',
      'it ended, but is missing',
    ],
    [
      'SELECT w.seq FROM waits w LEFT JOIN messages m ON m.seq = w.seq WHERE m.seq IS NULL',
      'it waits, but is missing',
    ],
    ['SELECT w.seq FROM waits w JOIN settlements s ON s.seq = w.seq', 'it waits, although it ended'],
  ]
  for (const [query, what] of misfits)
    for (const { seq } of db.prepare(`${query} LIMIT ${MOST}`).all() as unknown as { seq: number }[])
      report(`message ${seq}`, what)
  checkTallies(db, report)
}

/** One statement, so that an owner who commits meanwhile cannot make counts and rows differ. */
function checkTallies(db: DatabaseSync, report: (where: string, what: string) => void): void {
  const differing = db.prepare(
    'SELECT (SELECT coalesce(sum(count), 0) FROM tallies WHERE slot IN (SELECT value FROM json_each(?))) AS counted, ' +
      '(SELECT count(*) FROM settlements) AS found, ' +
      '(SELECT coalesce(sum(count), 0) FROM tallies WHERE slot >= 16) AS countedWaits, ' +
      '(SELECT count(*) FROM waits) AS foundWaits',
  )
  const row = differing.get(JSON.stringify(endingSlots)) as Readonly<Record<string, number>>
  if (row['counted'] !== row['found'])
    report('endings', `${row['counted']} were counted, ${row['found']} are there`)
  if (row['countedWaits'] !== row['foundWaits'])
    report('waits', `${row['countedWaits']} were counted, ${row['foundWaits']} are there`)
}
