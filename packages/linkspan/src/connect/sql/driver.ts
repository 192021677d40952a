import type { Dialect } from './dialect.ts'
import type { OpenSession } from './postgres-session.ts'
import type { Work } from './work.ts'

/**
 * A client of a database as the connector uses it. Made by {@link pgPool}, {@link mysqlPool} and {@link sqliteDatabase} of what
 * an application has already, and by the connector itself of a `url`; another client is joined by implementing it.
 */
export interface SqlDriver {
  readonly dialect: Dialect
  /**
   * Does a work on one connection, and gives the connection back. Rejects with what the client threw. When `signal` fires it breaks
   * off: the connection is closed, so that nothing of it can be committed later.
   *
   * `work` may be called again where the database was locked and nothing of the first one was done.
   */
  run<T>(work: () => Work<T>, signal: AbortSignal): Promise<T>
  /** Makes connections to PostgreSQL beside its pool; absent where the pool was handed in. */
  readonly openSession?: OpenSession
  /** Ends what it made itself; what was handed in stays open. */
  close(): Promise<void>
}
