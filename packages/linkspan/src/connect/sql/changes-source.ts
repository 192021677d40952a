import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { ConnectionDeclaration, SourceDeclaration } from '../connector.ts'
import type { PolledPage } from '../poll.ts'
import { type Ask, asking } from './asking.ts'
import type { Dialect } from './dialect.ts'
import { earlier } from './earlier.ts'
import { positionOf } from './position.ts'
import type { Row } from './row.ts'
import { type Sql, sql } from './sql.ts'
import {
  apart,
  batchOf,
  exactly,
  incoming,
  type Mark,
  narrowed,
  selection,
  type TableOptions,
  tableSource,
} from './table-reading.ts'

/** How the rows of a table are read as they change. */
export interface ChangesOptions<T> extends TableOptions<T> {
  /** The column that says when a row was changed last: a time, or milliseconds or seconds since 1970. */
  readonly at: keyof T & string
  /** The column, or columns, by which a row is known. */
  readonly key: (keyof T & string) | readonly (keyof T & string)[]
  /**
   * How far before the latest time a look begins again: longer than the longest transaction that writes, as a row shows only when its
   * transaction ends, and the clocks of those who write may differ. @default '1m'
   */
  readonly overlap?: Duration
}

/** A place in a sweep over what was changed since a time. */
interface Position {
  /** The time that the sweep begins at, without the overlap. */
  readonly since: Mark | null
  /** The last row of the page before: its time, and its key. Null at the beginning of a sweep. */
  readonly last: readonly Mark[] | null
  /** The latest time that was seen. */
  readonly high: Mark | null
}

/** A source over the changes of a table. See `SqlConnection.changes`. */
export function changesSource<T>(
  connection: ConnectionDeclaration,
  options: ChangesOptions<T>,
): SourceDeclaration<T> {
  const { name, at } = options
  const batch = batchOf(options)
  const order = [
    at,
    ...(typeof options.key === 'string' ? [options.key] : (options.key as readonly string[])),
  ]
  if (order.length < 2)
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The source "${name}" has no key. Say by which column a row is known: key: 'id'.`,
    )
  const overlap = options.overlap ?? '1m'
  const overlapMs = durationMs(overlap)
  const reading = { options: options as unknown as ChangesOptions<Row>, order, batch, overlapMs }
  return tableSource(connection, options, { at, overlap: String(overlap) }, (client, cursor, look) => {
    const start: Position = { since: null, last: null, high: null }
    const { dialect } = client
    return readPage({ ...reading, ask: asking(client, name, look), dialect }, positionOf(name, cursor, start))
  })
}

interface Reading {
  readonly ask: Ask
  readonly dialect: Dialect
  readonly options: ChangesOptions<Row>
  /** The time, and the key. */
  readonly order: readonly string[]
  readonly batch: number
  readonly overlapMs: number
}

async function readPage(reading: Reading, position: Position): Promise<PolledPage> {
  const { ask, order, batch } = reading
  const rows = await ask(statementFor(reading, position))
  const found = rows.map((row) => apart(row, order.length))
  const last = found.at(-1)?.marks ?? null
  const high = last?.[0] ?? position.high
  const more = rows.length === batch
  const next: Position = more
    ? { ...position, last, high }
    : { since: high ?? position.since, last: null, high }
  return {
    // What the overlap shows again is known by its key and time.
    items: found.map(({ body, marks }) => incoming(body, JSON.stringify(marks))),
    cursor: JSON.stringify(next),
    more,
  }
}

function statementFor(reading: Reading, position: Position): Sql {
  const { dialect, options, order, batch } = reading
  const columns = sql.join(order.map((name) => sql`t.${sql.column(name)}`))
  return sql`select ${selection(dialect, options.columns, order)} from ${sql.name(options.table)} as t where ${narrowed(options.where)}${from(reading, position)} order by ${columns} limit ${sql.raw(String(batch))}`
}

function from({ dialect, options, order, overlapMs }: Reading, { since, last }: Position): Sql {
  const at = sql`t.${sql.column(options.at)}`
  if (last !== null) {
    const [time, ...key] = last.map((mark) => exactly(dialect, mark)) as [Sql, ...Sql[]]
    const columns = sql.join(order.slice(1).map((name) => sql`t.${sql.column(name)}`))
    // Apart, so that the index on the time is used where a comparison of several columns would not be.
    return sql`${at} >= ${time} and (${at} > ${time} or (${columns}) > (${sql.join(key)}))`
  }
  if (since === null) return sql`${at} is not null`
  return sql`${at} >= ${exactly(dialect, earlier(options.name, since, overlapMs))}`
}
