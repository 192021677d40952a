import { LinkspanError } from '../../model/errors.ts'
import type { Headers, Json } from '../../model/message.ts'
import type { DialectName } from './dialect.ts'
import { dialectOf } from './dialects.ts'
import { render, type Statement, sql } from './sql.ts'

/** A message to be sent when the transaction commits that wrote it. */
export interface OutboxMessage {
  readonly body: Json
  /** Which flow takes it, where a table serves several. @default '' */
  readonly topic?: string
  /** Messages of one key are run in their order. */
  readonly key?: string
  readonly headers?: Headers
}

/** The table where nothing else is said. */
export const OUTBOX = 'linkspan_outbox'

/**
 * The statement that puts a message into the outbox table, to be run in the application's own transaction by whatever it uses: the
 * message is sent if the transaction commits, and not if it does not. `SqlConnection.outbox` is the source that takes it.
 *
 * | with | it is run as |
 * |---|---|
 * | `pg` | `client.query(statement)` |
 * | `mysql2` | `connection.execute(text, values)` |
 * | `node:sqlite` | `database.prepare(text).run(...values)` |
 * | Kysely | `trx.executeQuery(CompiledQuery.raw(text, values))` |
 * | Prisma | `tx.$executeRawUnsafe(text, ...values)` |
 *
 * @example
 * ```ts
 * import { outboxStatement } from 'linkspan/sql'
 * const { text, values } = outboxStatement('postgres', { topic: 'orders', key: 'o-1', body: { order: 'o-1' } })
 * ```
 */
export function outboxStatement(
  dialect: DialectName,
  { body, topic = '', key, headers }: OutboxMessage,
  table: string = OUTBOX,
): OutboxStatement {
  const text = JSON.stringify(body)
  if (text === undefined)
    throw new LinkspanError(
      'BODY_INVALID',
      'The body of a message for the outbox is undefined. Give null where there is none.',
    )
  const { text: statement, values } = render(
    sql`insert into ${sql.name(table)} (topic, message_key, headers, body) values (${topic}, ${key ?? null}, ${headers === undefined ? null : JSON.stringify(headers)}, ${text})`,
    dialectOf(dialect),
  )
  return { text: statement, values: values as (string | null)[] }
}

/** A statement whose values are texts. */
export interface OutboxStatement extends Statement {
  readonly values: (string | null)[]
}
