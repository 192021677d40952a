import type { Duration } from '../../model/duration.ts'
import type { RowInput } from './rows-statement.ts'
import type { Sql } from './sql.ts'

/** What all operations are told. */
export interface OperationOptions {
  /** Unique within the connection. */
  readonly name: string
  /** The longest time for a call. @default '30s' */
  readonly timeout?: Duration
}

/** An operation that runs statements. */
export interface ExecuteOptions<In> extends OperationOptions {
  /** One statement, or several that take effect together. Made anew for each attempt. */
  readonly statement: (input: In) => Sql | readonly Sql[]
}

/** An operation that reads. */
export interface QueryOptions<In> extends OperationOptions {
  readonly statement: (input: In) => Sql
  /** The most rows: they are kept with the message. @default 1000 */
  readonly most?: number
}

/** An operation that writes rows: `columns` of the input, or the rows that `row` makes of it. */
export type WriteOptions<In> = OperationOptions & {
  /** With its schema where it has one: `sales.orders`. */
  readonly table: string
  /** The most calls that are written by one statement. @default 500 */
  readonly batch?: number
} & (
    | { readonly columns: readonly (keyof In & string)[]; readonly row?: undefined }
    | { readonly row: (input: In) => RowInput | readonly RowInput[]; readonly columns?: undefined }
  )

/** An operation that adds rows. */
export type InsertOptions<In> = WriteOptions<In> & {
  /** What becomes of a row that is there already by a unique key: the call fails, or passes over it. @default 'fail' */
  readonly existing?: 'fail' | 'passOver'
}

/** An operation that adds rows, or changes those that are there. */
export type UpsertOptions<In> = WriteOptions<In> & {
  /** The columns by which a row is known; there must be a unique index on them. */
  readonly key: readonly string[]
  /** Which columns of a row that is there are changed. @default all that are given, but the key's */
  readonly update?: readonly string[]
}
