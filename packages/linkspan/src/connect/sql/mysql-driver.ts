import { unlessAborted } from '../unless-aborted.ts'
import type { SqlDriver } from './driver.ts'
import { mysqlDialect } from './mysql-dialect.ts'
import { plainRow } from './row.ts'
import type { SqlValue, Statement } from './sql.ts'
import { drive, type SqlResult, type Work } from './work.ts'

/** A statement with how its result is to be read. */
interface MysqlQuery {
  readonly sql: string
  readonly values?: unknown[]
  readonly dateStrings: boolean
  readonly supportBigNumbers: boolean
  readonly bigNumberStrings: boolean
}

/** What is used of a connection of the package `mysql2/promise`. */
export interface MysqlConnection {
  query(query: MysqlQuery): Promise<readonly [unknown, unknown]>
  execute(query: MysqlQuery): Promise<readonly [unknown, unknown]>
  /** Gives it back to its pool. */
  release(): void
  /** Closes it. */
  destroy(): void
}

/** What is used of a pool of the package `mysql2/promise`. */
export interface MysqlPool {
  getConnection(): Promise<MysqlConnection>
}

/**
 * An application's own `mysql2` pool as the database of a connection: `{ driver: mysqlPool(pool) }`; one of `mysql2`
 * itself or of `mysql2/promise`. The pool stays the application's, which ends it.
 *
 * @example
 * ```ts
 * import { type MysqlPool, mysqlPool } from 'linkspan/sql'
 * declare const pool: MysqlPool
 * const connections = { warehouse: { driver: mysqlPool(pool) } }
 * ```
 */
export function mysqlPool(pool: MysqlPool | { promise(): MysqlPool }): SqlDriver {
  return mysqlDriver('promise' in pool ? pool.promise() : pool, async () => undefined)
}

/** A pool of `mysql2/promise` as a driver, with how it is closed. */
export function mysqlDriver(pool: MysqlPool, close: () => Promise<void>): SqlDriver {
  return {
    dialect: mysqlDialect,
    close,
    async run(work, signal) {
      const connection = await acquired(pool, signal)
      return onConnection(connection, work, signal)
    },
  }
}

/** A connection that comes when nobody waits for it any more goes back. */
async function acquired(pool: MysqlPool, signal: AbortSignal): Promise<MysqlConnection> {
  signal.throwIfAborted()
  const coming = pool.getConnection()
  const giveBack = (): void => void coming.then((late) => late.release()).catch(() => undefined)
  return unlessAborted(coming, signal, giveBack)
}

async function onConnection<T>(
  connection: MysqlConnection,
  work: () => Work<T>,
  signal: AbortSignal,
): Promise<T> {
  let broken = false
  // A connection that is destroyed answers nothing, not even that it failed.
  const asked = (coming: Promise<SqlResult>): Promise<SqlResult> =>
    unlessAborted(coming, signal, () => {
      broken = true
      coming.catch(() => undefined)
      connection.destroy()
    })
  try {
    return await drive(work(), (statement) => {
      signal.throwIfAborted()
      return asked(ask(connection, statement))
    })
  } catch (thrown) {
    if (!broken && mysqlDialect.failureOf(thrown)?.kind === 'lost') {
      broken = true
      connection.destroy()
    }
    throw thrown
  } finally {
    if (!broken) connection.release()
  }
}

const READING = { dateStrings: true, supportBigNumbers: true, bigNumberStrings: true } as const

async function ask(connection: MysqlConnection, { text, values }: Statement): Promise<SqlResult> {
  // What begins and ends transactions cannot be prepared; values go apart from the text, never into it.
  const [answer] =
    values.length === 0
      ? await connection.query({ sql: text, ...READING })
      : await connection.execute({ sql: text, values: values.map(sent), ...READING })
  if (!Array.isArray(answer))
    return { rows: [], changes: (answer as { readonly affectedRows?: number } | null)?.affectedRows ?? 0 }
  return { rows: answer.map((row) => plainRow(row as Record<string, unknown>)), changes: answer.length }
}

function sent(value: SqlValue): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Date) return value.toISOString().replace('T', ' ').replace('Z', '')
  if (value instanceof Uint8Array) return Buffer.from(value)
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}
