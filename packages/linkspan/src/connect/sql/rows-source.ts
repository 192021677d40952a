import { isLinkspanError } from '../../model/errors.ts'
import { wait } from '../../model/wait.ts'
import type { ConnectionDeclaration, SourceDeclaration } from '../connector.ts'
import type { Look, PolledPage } from '../poll.ts'
import { type Ask, asking } from './asking.ts'
import { positionOf } from './position.ts'
import { holdersOf } from './postgres-locks.ts'
import type { Row } from './row.ts'
import { type Sql, sql } from './sql.ts'
import type { SqlClient } from './sql-client.ts'
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

/** How the rows of a table are read in the order of a column that rises. */
export interface RowsOptions<T> extends TableOptions<T> {
  /** A column whose values are unique and given out in rising order: an identity, a sequence, an auto-increment. */
  readonly by: keyof T & string
  /** Reads what lies behind this value. @default from the first row */
  readonly after?: string | number
}

/** Behind which value the next look begins. */
interface Position {
  readonly after: Mark | null
}

/**
 * Up to where rows may be read: no transaction that may still write one before it is under way any more, once those have
 * ended that are waited for.
 */
interface Bound {
  readonly high: Mark
  waitingFor: ReadonlySet<string>
}

const TRIES = 20
const PAUSE_MS = 50

/** A source over the rows of a table. See `SqlConnection.rows`. */
export function rowsSource<T>(
  connection: ConnectionDeclaration,
  options: RowsOptions<T>,
): SourceDeclaration<T> {
  const { name, by } = options
  const batch = batchOf(options)
  // Of a client, since a source may run on several engines of one process.
  const bounds = new WeakMap<SqlClient, Bound>()
  return tableSource(connection, options, { by }, (client, cursor, look) => {
    const start = { after: options.after ?? null }
    const ask = asking(client, name, look)
    const reading = { client, look, ask, options: options as unknown as RowsOptions<Row>, batch, bounds }
    return readPage(reading, positionOf<Position>(name, cursor, start))
  })
}

interface Reading {
  readonly client: SqlClient
  readonly look: Look
  readonly ask: Ask
  readonly options: RowsOptions<Row>
  readonly batch: number
  readonly bounds: WeakMap<SqlClient, Bound>
}

const NOTHING: PolledPage = { items: [], cursor: null, more: false }

async function readPage(reading: Reading, { after }: Position): Promise<PolledPage> {
  const { client, bounds, batch } = reading
  const bound = bounds.get(client) ?? (await newBound(reading, after))
  if (bound === null) return NOTHING
  bounds.set(client, bound)
  if (!(await settled(reading, bound))) return NOTHING
  const rows = await rowsUpTo(reading, after, bound.high)
  if (rows === null) return NOTHING
  if (rows.length < batch) bounds.delete(client)
  const last = rows.at(-1)
  if (last === undefined) return NOTHING
  const cursor: Position = { after: last.marks[0] as Mark }
  return {
    items: rows.map(({ body }) => incoming(body)),
    cursor: JSON.stringify(cursor),
    more: rows.length === batch,
  }
}

/** Whoever holds a lock to write on the table when its highest value is known may still write one that is lower. */
async function newBound(reading: Reading, after: Mark | null): Promise<Bound | null> {
  const { client, options, ask } = reading
  const column = sql.raw(client.dialect.exact(`max(t.${client.dialect.quote(options.by)})`))
  const statement = sql`select ${column} as high from ${sql.name(options.table)} as t where ${behind(reading, after)}`
  const [row] = await ask(statement)
  const high = row?.['high'] ?? null
  if (high === null) return null
  return { high: high as Mark, waitingFor: new Set(await writers(reading)) }
}

function behind({ client: { dialect }, options }: Reading, after: Mark | null): Sql {
  if (after === null) return sql`t.${sql.column(options.by)} is not null`
  return sql`t.${sql.column(options.by)} > ${exactly(dialect, after)}`
}

/**
 * PostgreSQL tells who writes. In MySQL a reading that locks waits for those whose rows are there, and SQLite has one writer
 * at a time.
 */
async function writers({ client, options, look }: Reading): Promise<readonly string[]> {
  if (client.dialect.name !== 'postgres') return []
  return client.each(
    `The source "${options.name}"`,
    (run) => holdersOf(run, client.dialect, options.table),
    look,
  )
}

async function settled(reading: Reading, bound: Bound): Promise<boolean> {
  const { client, look } = reading
  for (let tries = 0; bound.waitingFor.size > 0; tries++) {
    if (tries === TRIES || !(await wait(client.clock, PAUSE_MS, look.signal))) return false
    const present = new Set(await writers(reading))
    bound.waitingFor = new Set([...bound.waitingFor].filter((each) => present.has(each)))
  }
  return true
}

/** Null where others hold rows that are not committed. */
async function rowsUpTo(
  reading: Reading,
  after: Mark | null,
  high: Mark,
): Promise<readonly ReturnType<typeof apart>[] | null> {
  const { client, options, batch, ask } = reading
  const { dialect } = client
  const column = sql.column(options.by)
  const locking = sql.raw(dialect.name === 'mysql' ? ' lock in share mode' : '')
  const statement = sql`select ${selection(dialect, options.columns, [options.by])} from ${sql.name(options.table)} as t where ${narrowed(options.where)}${behind(reading, after)} and t.${column} <= ${exactly(dialect, high)} order by t.${column} limit ${sql.raw(String(batch))}${locking}`
  try {
    return (await ask(statement)).map((row) => apart(row, 1))
  } catch (error) {
    // A lock that lasts: it is asked again with the next look.
    if (isLinkspanError(error) && error.details['state'] === LOCK_TIMEOUT) return null
    throw error
  }
}

/** What MySQL says when a lock was waited for too long. */
const LOCK_TIMEOUT = '1205'
