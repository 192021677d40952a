import type { ByKey, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { ConnectionDeclaration, Connector, Operation, SourceDeclaration } from '../connector.ts'
import type { Captured, CaptureOptions } from './capture-options.ts'
import { captureSource } from './capture-source.ts'
import { type ChangesOptions, changesSource } from './changes-source.ts'
import { makeOperations } from './make-operations.ts'
import type { ExecuteOptions, InsertOptions, QueryOptions, UpsertOptions } from './operation-options.ts'
import { type OutboxOptions, outboxSource } from './outbox-source.ts'
import type { Row } from './row.ts'
import { type RowsOptions, rowsSource } from './rows-source.ts'
import { sqlSpec } from './spec.ts'
import { type SqlClient, sqlClient } from './sql-client.ts'
import { type ReadSqlConfig, sqlConfig } from './sql-config.ts'
import { plain, type SqlResult } from './work.ts'
import type { Written } from './write-rows.ts'

/** A connection to a database, with the makers of its operations and sources. */
export interface SqlConnection extends ConnectionDeclaration<ReadSqlConfig, SqlClient> {
  /**
   * Runs statements in a transaction. A repeated call is known by its mark in the inbox table, which is written in the same
   * transaction, and answered as the first one was.
   */
  execute<In = unknown>(
    options: ExecuteOptions<In> & { readonly guarantee?: ByKey },
  ): Operation<In, SqlResult, ByKey>
  execute<In = unknown>(
    options: ExecuteOptions<In> & { readonly guarantee: Natural },
  ): Operation<In, SqlResult, Natural>
  execute<In = unknown>(
    options: ExecuteOptions<In> & { readonly guarantee: NoGuarantee },
  ): Operation<In, SqlResult, NoGuarantee>
  /** Adds rows, those of many messages by one statement. A repeated call is known by its mark, as with `execute`. */
  insert<In = unknown>(
    options: InsertOptions<In> & { readonly guarantee?: ByKey },
  ): Operation<In, Written, ByKey>
  insert<In = unknown>(
    options: InsertOptions<In> & { readonly guarantee: Natural },
  ): Operation<In, Written, Natural>
  insert<In = unknown>(
    options: InsertOptions<In> & { readonly guarantee: NoGuarantee },
  ): Operation<In, Written, NoGuarantee>
  /** Adds rows or changes those that are there, those of many messages by one statement. Repeating it is harmless. */
  upsert<In = unknown>(
    options: UpsertOptions<In> & { readonly guarantee?: Natural },
  ): Operation<In, Written, Natural>
  upsert<In = unknown>(
    options: UpsertOptions<In> & { readonly guarantee: ByKey },
  ): Operation<In, Written, ByKey>
  /** Reads rows. */
  query<In = unknown, R = Row>(options: QueryOptions<In>): Operation<In, readonly R[], Natural>
  /** Reads the first row, or null where there is none. */
  find<In = unknown, R = Row>(options: QueryOptions<In>): Operation<In, R | null, Natural>
  /**
   * A source over the rows of a table, in the order of a column that rises. Each row comes once, whenever the engine dies and
   * in whatever order transactions commit.
   *
   * @example
   * ```ts
   * import { flow } from 'linkspan'
   * import { sqlConnection } from 'linkspan/sql'
   *
   * interface Order { id: string; customer: string; total: number }
   * const shop = sqlConnection('shop')
   * const follow = flow('follow').from(shop.rows<Order>({ name: 'orders', table: 'orders', by: 'id' }), {
   *   key: (order) => order.customer,
   * })
   * ```
   */
  rows<T extends object = Row>(options: RowsOptions<T>): SourceDeclaration<T>
  /**
   * A source over a table by the time of a row's last change. Looks overlap, as rows show late; what came already is known by its
   * key and time, for as long as the flow's `dedupeFor`. A row that is changed twice between two looks comes once.
   */
  changes<T extends object = Row>(options: ChangesOptions<T>): SourceDeclaration<T>
  /**
   * A source over PostgreSQL's own log, by logical replication: each insert, update, delete and truncate of the tables, in the order of
   * the commits, once, whatever dies in between. Messages have the row as their key. MySQL, MariaDB and SQLite have `changes`,
   * `rows` and `outbox`.
   *
   * @example
   * ```ts
   * import { flow } from 'linkspan'
   * import { sqlConnection } from 'linkspan/sql'
   *
   * interface Order { id: string; customer: string; total: string }
   * const shop = sqlConnection('shop')
   * const follow = flow('follow')
   *   .from(shop.capture<Order>({ name: 'orders', tables: ['orders'], snapshot: true }))
   *   .filter('paid', ({ operation, row }) => operation !== 'delete' && row !== null && Number(row.total) > 0)
   * ```
   */
  capture<R extends object = Row>(options: CaptureOptions<R>): SourceDeclaration<Captured<R>>
  /** A source over an outbox table, which applications write in their own transactions: see `outboxStatement`. */
  outbox<T = unknown>(options?: OutboxOptions<T>): SourceDeclaration<T>
}

/** The SQL connector: what is the same for all databases. */
export const sqlConnector: Connector<ReadSqlConfig, SqlClient> = {
  name: 'sql',
  spec: sqlSpec,
  config: sqlConfig,
  connect: sqlClient,
  close: (client) => client.close(),
  check: async (client, signal) => {
    await client.each('Asking whether the database answers', (run) => run(plain('select 1')), { signal })
  },
}

/** Options of {@link sqlConnection}. */
export interface SqlConnectionOptions {
  /** True when the project need not bind it. @default false */
  readonly optional?: boolean
}

/**
 * A connection to PostgreSQL, MySQL, MariaDB or SQLite. The project binds a `url`, or a `driver` of what the application has
 * already, under its name.
 *
 * @example
 * ```ts
 * import { defineProject, flow, inbox, secret, sqlite } from 'linkspan'
 * import { sql, sqlConnection } from 'linkspan/sql'
 *
 * interface Payment { account: string; amount: number }
 * const bank = sqlConnection('bank')
 * const book = bank.execute({
 *   name: 'book',
 *   statement: ({ account, amount }: Payment) =>
 *     sql`update accounts set balance = balance + ${amount} where id = ${account}`,
 * })
 *
 * export default defineProject({
 *   journal: sqlite('data/hub.db'),
 *   connections: { bank: { url: secret('BANK_URL') } },
 *   flows: [flow('pay').from(inbox<Payment>(), { key: ({ account }) => account }).to('book', book)],
 * })
 * ```
 */
export function sqlConnection(name: string, options: SqlConnectionOptions = {}): SqlConnection {
  const connection: ConnectionDeclaration<ReadSqlConfig, SqlClient> = {
    name,
    connector: sqlConnector,
    ...(options.optional === undefined ? {} : { optional: options.optional }),
  }
  const declared = connection as ConnectionDeclaration
  const maker = makeOperations(declared)
  return Object.assign(connection, {
    execute: maker.execute as SqlConnection['execute'],
    insert: maker.insert as SqlConnection['insert'],
    upsert: maker.upsert as SqlConnection['upsert'],
    query: maker.query as SqlConnection['query'],
    find: maker.find as SqlConnection['find'],
    rows: <T extends object>(given: RowsOptions<T>) => rowsSource(declared, given),
    changes: <T extends object>(given: ChangesOptions<T>) => changesSource(declared, given),
    capture: <R extends object>(given: CaptureOptions<R>) => captureSource(declared, given),
    outbox: <T>(given: OutboxOptions<T> = {}) => outboxSource(declared, given),
  })
}
