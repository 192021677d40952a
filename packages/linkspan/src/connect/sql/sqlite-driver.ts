import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import type { Clock } from '../../model/outside.ts'
import { wait } from '../../model/wait.ts'
import type { SqlDriver } from './driver.ts'
import { plainRow } from './row.ts'
import type { SqlValue, Statement } from './sql.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { driveNow, type SqlResult, type Work } from './work.ts'

/** The longest that others may keep the database locked, and the clock to wait by. */
export interface LockWait {
  readonly clock: Clock
  readonly lockTimeoutMs: number
}

/** A database as a connection takes it; the clock comes with the connection. */
export interface OpenDatabase {
  readonly database: DatabaseSync
}

/** Whether what was handed in as a driver is an open database. */
export function isOpenDatabase(given: object): given is OpenDatabase {
  return 'database' in given
}

/**
 * An application's own open SQLite database as that of a connection: `{ driver: sqliteDatabase(database) }`. It stays the
 * application's, which closes it. A work of a connection waits while the application has a transaction of its own open.
 *
 * @example
 * ```ts
 * import { DatabaseSync } from 'node:sqlite'
 * import { sqliteDatabase } from 'linkspan/sql'
 * const database = new DatabaseSync('data/app.db')
 * const connections = { warehouse: { driver: sqliteDatabase(database) } }
 * ```
 */
export function sqliteDatabase(database: DatabaseSync): OpenDatabase {
  return { database }
}

const KEPT_STATEMENTS = 100
const PAUSE_MS = 5

/** An open database as a driver, with how it is closed. */
export function sqliteDriver(
  database: DatabaseSync,
  { clock, lockTimeoutMs }: LockWait,
  close: () => void,
): SqlDriver {
  const prepared = new Map<string, StatementSync>()

  const prepare = (text: string): StatementSync => {
    const present = prepared.get(text)
    if (present !== undefined) return present
    const statement = database.prepare(text)
    statement.setReadBigInts(true)
    if (prepared.size >= KEPT_STATEMENTS) prepared.delete(prepared.keys().next().value as string)
    prepared.set(text, statement)
    return statement
  }

  const ask = ({ text, values }: Statement): SqlResult => {
    const statement = prepare(text)
    const sending = values.map(sent)
    if (statement.columns().length === 0)
      return { rows: [], changes: Number(statement.run(...sending).changes) }
    const rows = statement.all(...sending).map((row) => plainRow(row as Record<string, unknown>))
    return { rows, changes: rows.length }
  }

  /** One attempt in one turn, so that nobody's statements come in between. */
  const attempt = <T>(work: () => Work<T>): { readonly value: T } | { readonly locked: unknown } => {
    if (database.isTransaction) return { locked: openElsewhere() }
    try {
      return { value: driveNow(work(), ask) }
    } catch (thrown) {
      if (sqliteDialect.failureOf(thrown)?.kind === 'conflict') return { locked: thrown }
      throw thrown
    }
  }

  return {
    dialect: sqliteDialect,
    async close() {
      prepared.clear()
      close()
    },
    async run(work, signal) {
      const until = clock.monotonic() + lockTimeoutMs
      for (;;) {
        signal.throwIfAborted()
        const outcome = attempt(work)
        if ('value' in outcome) return outcome.value
        if (clock.monotonic() >= until) throw outcome.locked
        await wait(clock, PAUSE_MS, signal)
      }
    },
  }
}

/** As SQLite says of a lock (`SQLITE_BUSY`). */
function openElsewhere(): Error {
  return Object.assign(new Error('a transaction of the application is open on this database'), { errcode: 5 })
}

function sent(value: SqlValue): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return value
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
