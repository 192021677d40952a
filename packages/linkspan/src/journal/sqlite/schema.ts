import { DatabaseSync } from 'node:sqlite'
import { LinkspanError } from '../../model/errors.ts'
import { inOneLine, otherBuildError } from '../other-build.ts'
import { incompleteError } from '../transfer-errors.ts'

/** What SQLite's `application_id` says of a journal: "LNKS". */
export const APPLICATION_ID = 0x4c4e4b53

/** What it says of a copy that is not whole yet: "LNKC". */
export const COPYING_ID = 0x4c4e4b43

/** Takes a journal from one format version to the next; runs inside a transaction. */
export type Migration = (db: DatabaseSync) => void

/** The migration at index `n` makes format version `n + 1` of version `n`; 0 is an empty file. */
export const MIGRATIONS: readonly Migration[] = [createVersion1]

/** What a file says of itself. */
export interface FileFacts {
  readonly applicationId: number
  readonly version: number
  /** Whether it holds nothing at all. */
  readonly empty: boolean
  /** The statements that made its tables and indexes, by their names. */
  readonly made: ReadonlyMap<string, string>
}

/**
 * Append-only: `messages`, `settlements`, `records`, `bodies`. Small and changing: the rest.
 * Each row has a checksum over its other columns (`sum`), since SQLite has none of its own.
 */
function createVersion1(db: DatabaseSync): void {
  db.exec(`
    CREATE TABLE head (
      id INTEGER PRIMARY KEY CHECK (id = 1), sum INTEGER NOT NULL, journal TEXT NOT NULL, commits INTEGER NOT NULL,
      last_batch INTEGER NOT NULL, last_seq INTEGER NOT NULL, low_water INTEGER NOT NULL, clean INTEGER NOT NULL
    );
    CREATE TABLE names (id INTEGER PRIMARY KEY, sum INTEGER NOT NULL, name TEXT NOT NULL UNIQUE);
    CREATE TABLE messages (
      seq INTEGER PRIMARY KEY, sum INTEGER NOT NULL, flow INTEGER NOT NULL, key TEXT, token TEXT NOT NULL,
      accepted_at INTEGER NOT NULL, code_version INTEGER NOT NULL, headers TEXT NOT NULL, fields TEXT,
      parent_seq INTEGER, parent_id TEXT, parent_path TEXT, parent_index INTEGER,
      size INTEGER NOT NULL, body_sum INTEGER NOT NULL, body BLOB
    );
    CREATE UNIQUE INDEX messages_by_parent ON messages (parent_seq, parent_path, parent_index)
      WHERE parent_seq IS NOT NULL;
    CREATE TABLE bodies (seq INTEGER NOT NULL, n INTEGER NOT NULL, chunk BLOB NOT NULL, PRIMARY KEY (seq, n)) WITHOUT ROWID;
    CREATE TABLE settlements (
      seq INTEGER PRIMARY KEY, sum INTEGER NOT NULL, flow INTEGER NOT NULL, child INTEGER NOT NULL,
      ending INTEGER NOT NULL, ended_at INTEGER NOT NULL, attempt INTEGER NOT NULL, n INTEGER NOT NULL,
      reason TEXT NOT NULL, frame BLOB
    );
    CREATE INDEX settlements_for_people ON settlements (ending, seq) WHERE ending IN (2, 3, 4);
    CREATE TABLE records (
      seq INTEGER NOT NULL, n INTEGER NOT NULL, sum INTEGER NOT NULL, frame BLOB NOT NULL, PRIMARY KEY (seq, n)
    ) WITHOUT ROWID;
    CREATE TABLE waits (
      seq INTEGER PRIMARY KEY, sum INTEGER NOT NULL, flow INTEGER NOT NULL, key TEXT, reason INTEGER NOT NULL,
      wake_at INTEGER, hold INTEGER NOT NULL, parent INTEGER, attempt INTEGER NOT NULL, bytes INTEGER NOT NULL,
      accepted_at INTEGER NOT NULL, kin INTEGER NOT NULL, lane INTEGER NOT NULL
    );
    CREATE INDEX waits_by_group ON waits (flow, reason, kin, seq);
    CREATE INDEX waits_by_key ON waits (flow, key, seq) WHERE lane = 1 AND key IS NOT NULL;
    CREATE INDEX waits_by_parent ON waits (parent, seq) WHERE parent IS NOT NULL;
    CREATE INDEX waits_by_time ON waits (flow, wake_at, seq) WHERE wake_at IS NOT NULL;
    CREATE INDEX waits_that_hold ON waits (flow, seq) WHERE hold = 1;
    CREATE TABLE families (
      parent INTEGER NOT NULL, path TEXT NOT NULL, open INTEGER NOT NULL, PRIMARY KEY (parent, path)
    ) WITHOUT ROWID;
    CREATE TABLE tallies (
      flow INTEGER NOT NULL, slot INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (flow, slot)
    ) WITHOUT ROWID;
    CREATE TABLE state (
      scope TEXT NOT NULL, key TEXT NOT NULL, sum INTEGER NOT NULL, until INTEGER, value BLOB NOT NULL,
      PRIMARY KEY (scope, key)
    ) WITHOUT ROWID;
    CREATE INDEX state_by_time ON state (until) WHERE until IS NOT NULL;
    CREATE TABLE seen (
      scope TEXT NOT NULL, key TEXT NOT NULL, sum INTEGER NOT NULL, seq INTEGER NOT NULL, id TEXT NOT NULL,
      until INTEGER NOT NULL, PRIMARY KEY (scope, key)
    ) WITHOUT ROWID;
    CREATE INDEX seen_by_time ON seen (until);
    CREATE TABLE message_index (
      field TEXT NOT NULL, value TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (field, value, seq)
    ) WITHOUT ROWID;
    CREATE TABLE cursors (name TEXT PRIMARY KEY, sum INTEGER NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  `)
}

/** Reads what a file says of itself. */
export function readFacts(db: DatabaseSync): FileFacts {
  const number = (pragma: string): number => {
    const row = db.prepare(`PRAGMA ${pragma}`).get() as Record<string, number>
    return Number(Object.values(row)[0])
  }
  const tables = db.prepare('SELECT count(*) AS n FROM sqlite_schema').get() as { n: number }
  return {
    applicationId: number('application_id'),
    version: number('user_version'),
    empty: tables.n === 0,
    made: madeIn(db),
  }
}

function madeIn(db: DatabaseSync): ReadonlyMap<string, string> {
  const rows = db.prepare('SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL').all()
  return new Map(
    (rows as unknown as { name: string; sql: string }[]).map(({ name, sql }) => [name, inOneLine(sql)]),
  )
}

const madeByUs = new Map<number, ReadonlyMap<string, string>>()

/** What a new file of a version would hold. */
function madeBy(version: number): ReadonlyMap<string, string> {
  const known = madeByUs.get(version)
  if (known) return known
  const db = new DatabaseSync(':memory:')
  try {
    for (const migration of MIGRATIONS.slice(0, version)) migration(db)
    const made = madeIn(db)
    madeByUs.set(version, made)
    return made
  } finally {
    db.close()
  }
}

/** Refuses a file that does not hold what this build makes by its version. What others have added to it does no harm. */
function refuseOtherBuilds({ version, made }: FileFacts, path: string): void {
  if (version > MIGRATIONS.length) return
  for (const [name, sql] of madeBy(version)) {
    if (made.get(name) === sql) continue
    const what = made.has(name)
      ? `"${name}" in it is not what this build makes`
      : `it lacks "${name}", which this build makes`
    throw otherBuildError(path, version, what)
  }
}

/**
 * Refuses a file that is not a journal of this version or an older one. An empty one is a journal to be.
 * @throws {LinkspanError} `JOURNAL_FOREIGN`, `JOURNAL_NEWER`, `JOURNAL_FAILED` where another build made it
 */
export function refuseStrangers(facts: FileFacts, path: string, known: number = MIGRATIONS.length): void {
  if (facts.empty && facts.applicationId === 0) return
  if (facts.applicationId === COPYING_ID) throw incompleteError(path)
  if (facts.applicationId !== APPLICATION_ID) throw foreign(path)
  if (facts.version > known) throw newer(facts.version, path, known)
  refuseOtherBuilds(facts, path)
}

function newer(version: number, path: string, known: number): LinkspanError {
  return new LinkspanError(
    'JOURNAL_NEWER',
    `The journal ${path} has format version ${version}; this Linkspan knows versions up to ${known}. ` +
      'Run the version of Linkspan that wrote it, or a newer one. Nothing was changed.',
    { details: { path, version, known } },
  )
}

/** The error for a file of another program. */
export function foreign(path: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FOREIGN',
    `The file ${path} is not a Linkspan journal. Give the journal a path of its own. Nothing was changed.`,
    { details: { path } },
  )
}

/** Brings a file to the present format, one version per transaction; answers the version it had. */
export function migrate(db: DatabaseSync, migrations: readonly Migration[] = MIGRATIONS): number {
  const { version } = readFacts(db)
  for (let next = version; next < migrations.length; next++) {
    db.exec('BEGIN IMMEDIATE')
    try {
      migrations[next]?.(db)
      db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${next + 1}; COMMIT`)
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }
  return version
}
