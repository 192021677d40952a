import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { ConnectionDeclaration, Incoming, SourceDeclaration } from '../connector.ts'
import { type PollOptions, pollSource } from '../poll.ts'
import type { Dialect } from './dialect.ts'
import type { Row } from './row.ts'
import { type Sql, sql } from './sql.ts'
import type { SqlClient } from './sql-client.ts'

/** What all sources over a table are told. */
export interface TableOptions<T> {
  /** A readable name, unique within the connection. */
  readonly name: string
  /** With its schema where it has one: `sales.orders`. */
  readonly table: string
  /** @default all */
  readonly columns?: readonly (keyof T & string)[]
  /** Which rows: an expression. It must not depend on what changes, or rows that come to fit later are not read. */
  readonly where?: Sql
  /** From a look that found nothing more to the next. @default '5s' */
  readonly every?: Duration
  /** The most rows of a look, which are accepted in one commit. @default 500 */
  readonly batch?: number
  /** Checks and types each row. */
  readonly schema?: StandardSchemaV1<unknown, T>
}

/** A place in a column's order, in full precision. */
export type Mark = string | number

/** The name that the exact value of the nth column of an order has in a result. */
const markName = (nth: number): string => `linkspan:${nth}`

/** The columns of a row, and its marks: the exact values of `order`. */
export function selection(
  dialect: Dialect,
  columns: readonly string[] | undefined,
  order: readonly string[],
): Sql {
  const read = columns === undefined ? sql`t.*` : sql.join(columns.map((name) => sql`t.${sql.column(name)}`))
  const marks = order.map((name, nth) => {
    const exact = sql.raw(dialect.exact(`t.${dialect.quote(name)}`))
    return sql`${exact} as ${sql.column(markName(nth))}`
  })
  return sql.join([read, ...marks])
}

/** A row apart from its marks. */
export function apart(row: Row, marks: number): { readonly body: Row; readonly marks: readonly Mark[] } {
  const names = Array.from({ length: marks }, (_, nth) => markName(nth))
  const body = Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)))
  return { body, marks: names.map((name) => row[name] as Mark) }
}

/** A mark to be compared with its column. */
export function exactly(dialect: Dialect, mark: Mark): Sql {
  const [before, after] = dialect.exactPlaceholder('\u0000', mark).split('\u0000') as [string, string]
  return sql`${sql.raw(before)}${mark}${sql.raw(after)}`
}

/** What narrows a source down, as the beginning of a condition. */
export function narrowed(where: Sql | undefined): Sql {
  return where === undefined ? sql`` : sql`(${where}) and `
}

/** A row as a message. */
export function incoming(body: Row, dedupeKey?: string): Incoming {
  return dedupeKey === undefined ? { body } : { body, dedupeKey }
}

/** The rows of a look, checked. */
export function batchOf({ name, batch = 500 }: Pick<TableOptions<never>, 'name' | 'batch'>): number {
  if (Number.isInteger(batch) && batch >= 1 && batch <= 10_000) return batch
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The source "${name}" has the batch ${batch}. It must be a whole number from 1 to 10000.`,
  )
}

/** A source that looks at a table again and again; `shown` is what the diagram shows beside the table. */
export function tableSource<T>(
  connection: ConnectionDeclaration,
  { name, table, every = '5s', schema }: TableOptions<T>,
  shown: Readonly<Record<string, Json>>,
  read: PollOptions<T, SqlClient>['read'],
): SourceDeclaration<T> {
  const options = { table, ...shown }
  return pollSource<T, SqlClient>({
    connection,
    name,
    options,
    every,
    ...(schema === undefined ? {} : { schema }),
    read,
  })
}
