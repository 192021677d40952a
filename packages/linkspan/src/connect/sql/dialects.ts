import type { Dialect, DialectName } from './dialect.ts'
import { inboxIn } from './inbox.ts'
import { mysqlDialect } from './mysql-dialect.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { render, sql } from './sql.ts'
import { sqliteDialect } from './sqlite-dialect.ts'

const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  postgres: postgresDialect,
  mysql: mysqlDialect,
  sqlite: sqliteDialect,
}

/** The dialect of a name. */
export function dialectOf(name: DialectName): Dialect {
  return DIALECTS[name]
}

/** The connector's own tables, for whom migrations make tables: `{ inbox: 'linkspan_inbox' }`, `{ outbox: 'linkspan_outbox' }`. */
export interface OwnTables {
  readonly inbox?: string
  readonly outbox?: string
}

/**
 * The statements that make the connector's own tables, for a project that makes its tables by migrations and binds `createTables: false`.
 *
 * @example
 * ```ts
 * import { sqlTables } from 'linkspan/sql'
 * const migration = sqlTables('postgres', { inbox: 'linkspan_inbox', outbox: 'linkspan_outbox' }).join(';\n')
 * ```
 */
export function sqlTables(dialect: DialectName, { inbox, outbox }: OwnTables): readonly string[] {
  const spoken = dialectOf(dialect)
  return [
    ...(inbox === undefined ? [] : inboxIn(spoken, inbox).tables),
    ...(outbox === undefined ? [] : spoken.outboxTable(render(sql.name(outbox), spoken).text)),
  ]
}
