import { unlessAborted } from '../unless-aborted.ts'
import type { SqlDriver } from './driver.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { OpenSession } from './postgres-session.ts'
import { postgresParser } from './postgres-types.ts'
import { plainRow } from './row.ts'
import type { SqlValue, Statement } from './sql.ts'
import { drive, type SqlResult, type Work } from './work.ts'

/** What is used of a connection of the package `pg`. */
export interface PgConnection {
  query(query: {
    readonly text: string
    readonly values: readonly unknown[]
    readonly types: { readonly getTypeParser: (oid: number) => (text: string) => unknown }
  }): Promise<{ readonly rows: readonly object[]; readonly rowCount: number | null }>
  on(event: 'error', listener: (error: Error) => void): unknown
  removeListener(event: 'error', listener: (error: Error) => void): unknown
  /** With true it is closed and not used again. */
  release(destroy?: boolean): void
}

/** What is used of a `Pool` of the package `pg`. */
export interface PgPool {
  connect(): Promise<PgConnection>
}

/**
 * An application's own `pg` pool as the database of a connection: `{ driver: pgPool(pool) }`. The pool stays the application's,
 * which ends it.
 *
 * @example
 * ```ts
 * import { type PgPool, pgPool } from 'linkspan/sql'
 * declare const pool: PgPool
 * const connections = { warehouse: { driver: pgPool(pool) } }
 * ```
 */
export function pgPool(pool: PgPool): SqlDriver {
  return postgresDriver(pool, async () => undefined)
}

/** A pool of `pg` as a driver, with how it is closed. */
export function postgresDriver(
  pool: PgPool,
  close: () => Promise<void>,
  openSession?: OpenSession,
): SqlDriver {
  return {
    dialect: postgresDialect,
    close,
    ...(openSession === undefined ? {} : { openSession }),
    async run(work, signal) {
      const connection = await acquired(pool, signal)
      return onConnection(connection, work, signal)
    },
  }
}

/** A connection that comes when nobody waits for it any more goes back. */
async function acquired(pool: PgPool, signal: AbortSignal): Promise<PgConnection> {
  signal.throwIfAborted()
  const coming = pool.connect()
  const giveBack = (): void => void coming.then((late) => late.release()).catch(() => undefined)
  return unlessAborted(coming, signal, giveBack)
}

async function onConnection<T>(
  connection: PgConnection,
  work: () => Work<T>,
  signal: AbortSignal,
): Promise<T> {
  let released = false
  const release = (destroy: boolean): void => {
    if (released) return
    released = true
    connection.release(destroy)
  }
  let broken = false
  const breakDown = (): void => {
    broken = true
  }
  const abort = (): void => release(true)
  connection.on('error', breakDown)
  signal.addEventListener('abort', abort, { once: true })
  try {
    signal.throwIfAborted()
    return await drive(work(), (statement) => ask(connection, statement, signal))
  } catch (thrown) {
    broken ||= postgresDialect.failureOf(thrown)?.kind === 'lost'
    throw thrown
  } finally {
    signal.removeEventListener('abort', abort)
    release(broken)
    connection.removeListener('error', breakDown)
  }
}

async function ask(
  connection: PgConnection,
  { text, values }: Statement,
  signal: AbortSignal,
): Promise<SqlResult> {
  // What was broken off must not go on to its commit.
  signal.throwIfAborted()
  const { rows, rowCount } = await connection.query({ text, values: values.map(sent), types: resultTypes })
  return { rows: rows.map((row) => plainRow(row as Record<string, unknown>)), changes: rowCount ?? 0 }
}

function sent(value: SqlValue): unknown {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value)
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value
}

/** How results are read, whatever the application set for itself. */
const resultTypes: { readonly getTypeParser: (oid: number) => (text: string) => unknown } = {
  getTypeParser: postgresParser,
}
