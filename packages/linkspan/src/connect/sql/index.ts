export type { Captured, CapturedOperation, CaptureOptions } from './capture-options.ts'
export type { ChangesOptions } from './changes-source.ts'
export type { Dialect, DialectName, Failure } from './dialect.ts'
export { type OwnTables, sqlTables } from './dialects.ts'
export type { SqlDriver } from './driver.ts'
export { type MysqlConnection, type MysqlPool, mysqlPool } from './mysql-driver.ts'
export type {
  ExecuteOptions,
  InsertOptions,
  OperationOptions,
  QueryOptions,
  UpsertOptions,
  WriteOptions,
} from './operation-options.ts'
export { type OutboxMessage, type OutboxStatement, outboxStatement } from './outbox.ts'
export type { OutboxOptions } from './outbox-source.ts'
export { type PgConnection, type PgPool, pgPool } from './postgres-driver.ts'
export type { Row } from './row.ts'
export type { RowsOptions } from './rows-source.ts'
export type { RowInput } from './rows-statement.ts'
export { sqlSpec } from './spec.ts'
export { type Sql, type SqlTag, type SqlValue, type Statement, sql } from './sql.ts'
export type { SqlClient } from './sql-client.ts'
export type { ReadSqlConfig, SqlConfig, SqlTls } from './sql-config.ts'
export {
  type SqlConnection,
  type SqlConnectionOptions,
  sqlConnection,
  sqlConnector,
} from './sql-connection.ts'
export { type OpenDatabase, sqliteDatabase } from './sqlite-driver.ts'
export type { TableOptions } from './table-reading.ts'
export type { SqlResult, Work } from './work.ts'
export type { Written } from './write-rows.ts'
