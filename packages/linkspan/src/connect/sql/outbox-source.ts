import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from '../../model/duration.ts'
import type { Headers } from '../../model/message.ts'
import type { ConnectionDeclaration, Incoming, SourceDeclaration } from '../connector.ts'
import { type PolledPage, pollSource } from '../poll.ts'
import { type Ask, asking } from './asking.ts'
import type { Dialect } from './dialect.ts'
import { OUTBOX } from './outbox.ts'
import { positionOf } from './position.ts'
import type { Row } from './row.ts'
import { render, sql } from './sql.ts'
import type { SqlClient } from './sql-client.ts'
import { batchOf, exactly } from './table-reading.ts'

/** How messages are taken out of an outbox table. */
export interface OutboxOptions<T> {
  /** A readable name, unique within the connection. @default the topic, or `outbox` */
  readonly name?: string
  /** Which messages. One source takes those of a topic. @default '' */
  readonly topic?: string
  /** @default 'linkspan_outbox' */
  readonly table?: string
  /** From a look that found nothing more to the next. @default '1s' */
  readonly every?: Duration
  /** The most messages of a look, which are accepted in one commit. @default 500 */
  readonly batch?: number
  /** Checks and types each body. */
  readonly schema?: StandardSchemaV1<unknown, T>
}

/** The messages that were accepted with this position: they are still in the table, or were taken out of it. */
interface Position {
  readonly taken: readonly string[]
}

/** A source over an outbox table. See `SqlConnection.outbox`. */
export function outboxSource<T>(
  connection: ConnectionDeclaration,
  options: OutboxOptions<T>,
): SourceDeclaration<T> {
  const { topic = '', table = OUTBOX, every = '1s', schema } = options
  const name = options.name ?? (topic === '' ? 'outbox' : topic)
  const batch = batchOf({ name, ...(options.batch === undefined ? {} : { batch: options.batch }) })
  return pollSource<T, SqlClient>({
    connection,
    name,
    options: { table, topic },
    every,
    ...(schema === undefined ? {} : { schema }),
    read: async (client, cursor, look) => {
      const tables = client.dialect.outboxTable(render(sql.name(table), client.dialect).text)
      await client.ensure(table, tables, look)
      const position = positionOf<Position>(name, cursor, { taken: [] })
      const { dialect } = client
      return readPage({ ask: asking(client, name, look), dialect, topic, table, batch }, position)
    },
  })
}

interface Reading {
  readonly ask: Ask
  readonly dialect: Dialect
  readonly topic: string
  readonly table: string
  readonly batch: number
}

/**
 * What a position says was accepted is deleted first, and only then is the table read again. So a message that commits late,
 * with a number before those that were taken, is found all the same, and one that a crash left in the table is not taken twice.
 */
async function readPage(reading: Reading, { taken }: Position): Promise<PolledPage> {
  const { ask, dialect, topic, batch } = reading
  const table = sql.name(reading.table)
  if (taken.length > 0) {
    const ids = sql.join(taken.map((id) => exactly(dialect, id)))
    await ask(sql`delete from ${table} where id in (${ids})`)
  }
  const rows = await ask(
    sql`select id, message_key, headers, body from ${table} where topic = ${topic} order by id limit ${sql.raw(String(batch))}`,
  )
  if (rows.length === 0 && taken.length === 0) return { items: [], cursor: null, more: false }
  const cursor: Position = { taken: rows.map(({ id }) => String(id)) }
  return {
    items: rows.map(incoming),
    cursor: JSON.stringify(cursor),
    more: rows.length === batch,
  }
}

/** What others wrote into the table by hand and is no JSON ends as a dead letter. */
function incoming({ body, message_key: key, headers }: Row): Incoming {
  const common = typeof key === 'string' ? { key } : {}
  try {
    const read = headers === null ? {} : { headers: JSON.parse(String(headers)) as Headers }
    return { body: JSON.parse(String(body)), ...read, ...common }
  } catch (error) {
    return { body: { text: String(body) }, ...common, unreadable: `not JSON: ${(error as Error).message}` }
  }
}
