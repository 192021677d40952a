import type { Writing } from './sql.ts'

/** Which SQL a database speaks. MariaDB speaks that of MySQL. */
export type DialectName = 'postgres' | 'mysql' | 'sqlite'

/** What a failure of a database or of its client means. */
export interface Failure {
  /**
   * - `lost`: the connection broke, or was never there: what had been sent may have been done.
   * - `conflict`: others were in the way (deadlock, serialization, lock); nothing was done.
   * - `busy`: it has no room, or takes no writes now; nothing was done.
   * - `refused`: it did not let us in.
   * - `rejected`: it cannot be done as it is; nothing was done.
   * - `other`: it failed, and nobody can say more.
   */
  readonly kind: 'lost' | 'conflict' | 'busy' | 'refused' | 'rejected' | 'other'
  /** What the database calls it: SQLSTATE in PostgreSQL, the error number in MySQL, the result code in SQLite. */
  readonly state: string | null
  /** What was violated, where the database says. */
  readonly constraint?: string
}

/** What differs from database to database, beside their clients. */
export interface Dialect extends Writing {
  readonly name: DialectName
  /** The statement that begins a transaction that writes. */
  readonly begin: string
  /** The most values in one statement. */
  readonly mostValues: number
  /** An expression for the time now, in milliseconds since 1970, by the database's clock. */
  readonly nowMs: string
  /** An expression for the time now, to be compared with a column of time. */
  readonly now: string
  /** A column's value in full precision, as text or as what JSON keeps. */
  exact(column: string): string
  /** A placeholder to be compared with a column, for a value that {@link exact} gave. */
  exactPlaceholder(placeholder: string, value: string | number): string
  /** What follows an insert that is to pass over rows that are there: `columns` are quoted. */
  passOver(columns: readonly string[]): string
  /** What follows an insert that is to change rows that are there. `key` and `columns` are quoted; `columns` are not empty. */
  overwrite(key: readonly string[], columns: readonly string[]): string
  /** The table that remembers the marks of calls. */
  inboxTable(table: string): readonly string[]
  /** The table of messages to be sent. */
  outboxTable(table: string): readonly string[]
  /** What a failure means; null for one that is not the database's or its client's. */
  failureOf(thrown: unknown): Failure | null
}
