import { acceptWhenRoom } from '../accept.ts'
import type { SourceContext } from '../connector.ts'
import { cannotCapture } from './capture-error.ts'
import { readMessage } from './capture-message.ts'
import type { CaptureSettings } from './capture-options.ts'
import type { CaptureFollowing, CaptureReading } from './capture-position.ts'
import type { CapturedTable } from './capture-tables.ts'
import { postgresDialect } from './postgres-dialect.ts'
import type { PostgresSession } from './postgres-session.ts'
import { render, type Sql, sql } from './sql.ts'
import { apart, exactly, selection } from './table-reading.ts'
import { plain } from './work.ts'

/** What reading the rows that are there takes. */
export interface SnapshotReading {
  readonly settings: CaptureSettings
  readonly context: SourceContext
  /** One of its own: the transaction that sees the snapshot. */
  readonly session: PostgresSession
  readonly tables: readonly CapturedTable[]
  /** Null in a later life: the snapshot of the slot went with the first one. */
  readonly snapshot: string | null
}

/**
 * Reads the rows that are there, a page at a time by primary key, and answers where the log is to be followed from; null when the
 * source must stop. In the first life all is seen as it was when the slot was made: what the log says is exactly what came after.
 * In a later life the rest is seen as it is then, and what the log says of these rows from before comes too, after them.
 */
export async function readRows(
  reading: SnapshotReading,
  from: CaptureReading,
): Promise<CaptureFollowing | null> {
  const { session, snapshot } = reading
  await session.ask(plain('begin transaction isolation level repeatable read read only'))
  if (snapshot !== null)
    await session.ask(plain(`set transaction snapshot '${snapshot.replaceAll("'", "''")}'`))
  let position: CaptureReading | null = from
  while (position !== null && position.read < position.tables.length)
    position = await readPage(reading, position)
  if (position === null) return null
  await session.ask(plain('commit'))
  const { slot, system, lsn } = position
  const following: CaptureFollowing = { slot, stage: 'following', system, lsn, within: null }
  return (await accept(reading, [], following)) ? following : null
}

async function readPage(reading: SnapshotReading, position: CaptureReading): Promise<CaptureReading | null> {
  const { settings, session, tables } = reading
  const name = position.tables[position.read] ?? ''
  const table = tables.find((each) => each.name === name)
  if (table === undefined)
    throw cannotCapture(
      settings,
      `its snapshot was begun with the table ${name}, which it does not have any more. Give it another slot to begin anew.`,
    )
  const rows = await session.ask(render(pageOf(table, position, settings.batch), postgresDialect))
  const found = rows.map((row) => apart(row, table.key.length))
  const messages = found.map(({ body }) => {
    const key = table.key.map((column) => body[column] ?? null)
    return readMessage(name, body, key, position.lsn, position.system)
  })
  const next: CaptureReading =
    rows.length < settings.batch
      ? { ...position, read: position.read + 1, after: null }
      : { ...position, after: found.at(-1)?.marks ?? null }
  return (await accept(reading, messages, next)) ? next : null
}

function pageOf(
  { schema, table, columns, key }: CapturedTable,
  { after }: CaptureReading,
  batch: number,
): Sql {
  const order = sql.join(key.map((name) => sql`t.${sql.column(name)}`))
  const behind =
    after === null
      ? sql``
      : sql` where (${order}) > (${sql.join(after.map((mark) => exactly(postgresDialect, mark)))})`
  return sql`select ${selection(postgresDialect, columns, key)} from ${sql.column(schema)}.${sql.column(table)} as t${behind} order by ${order} limit ${sql.raw(String(batch))}`
}

function accept(
  { context }: SnapshotReading,
  messages: Parameters<SourceContext['accept']>[0],
  position: CaptureReading | CaptureFollowing,
): Promise<boolean> {
  return acceptWhenRoom(context, context.signal, messages, JSON.stringify(position))
}
