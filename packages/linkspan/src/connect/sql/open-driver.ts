import { mkdirSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { importClient } from '../clients.ts'
import type { ConnectEnvironment } from '../connector.ts'
import type { SqlDriver } from './driver.ts'
import { type MysqlPool, mysqlDriver } from './mysql-driver.ts'
import { type PgPool, postgresDriver } from './postgres-driver.ts'
import { openSession, type PgClientClass } from './postgres-session.ts'
import { MYSQL2, PG } from './spec.ts'
import type { ReadSqlConfig, ReadSqlTls } from './sql-config.ts'
import { isOpenDatabase, type LockWait, sqliteDriver } from './sqlite-driver.ts'

/** Makes the driver of a connection, or takes what was handed in. Servers are connected to on first use. */
export async function openDriver(config: ReadSqlConfig, environment: ConnectEnvironment): Promise<SqlDriver> {
  const { url, driver } = config
  const lockWait = { clock: environment.clock, lockTimeoutMs: config.lockTimeout }
  if (driver !== undefined)
    return isOpenDatabase(driver) ? sqliteDriver(driver.database, lockWait, () => undefined) : driver
  if (url?.kind === 'sqlite') return openSqlite(url.path, environment.directory, lockWait)
  if (url?.kind === 'mysql') return openMysql(url.url, config, environment)
  return openPostgres(url?.url as URL, config, environment)
}

async function openSqlite(path: string, directory: string, lockWait: LockWait): Promise<SqlDriver> {
  const { DatabaseSync } = await import('node:sqlite')
  const file = path === ':memory:' ? path : resolve(directory, path)
  if (file !== path || path !== ':memory:') mkdirSync(dirname(file), { recursive: true })
  // Waiting for a lock inside SQLite would hold up everything else in this process.
  const database = new DatabaseSync(file, { timeout: 0 })
  return sqliteDriver(database, lockWait, () => database.close())
}

interface PgPackage {
  readonly Pool: new (
    options: Readonly<Record<string, unknown>>,
  ) => PgPool & { end(): Promise<void>; on(event: 'error', listener: () => void): unknown }
  readonly Client: PgClientClass
}

async function openPostgres(
  url: URL,
  config: ReadSqlConfig,
  environment: ConnectEnvironment,
): Promise<SqlDriver> {
  const module = await importClient<PgPackage & { readonly default?: PgPackage }>(PG, environment)
  const { Pool, Client } = module.default ?? module
  const options = {
    connectionString: url.href,
    connectionTimeoutMillis: config.connectTimeout,
    application_name: 'linkspan',
    keepAlive: true,
    ...(config.tls === undefined ? {} : { ssl: tlsOf(config.tls) }),
  }
  const pool = new Pool({ ...options, max: config.connections })
  // A connection that breaks while it is unused is replaced; the calls say so where they need one.
  pool.on('error', () => undefined)
  return postgresDriver(
    pool,
    () => pool.end(),
    (kind) => openSession(Client, options, kind, environment.clock),
  )
}

interface MysqlPackage {
  createPool(options: Readonly<Record<string, unknown>>): MysqlPool & {
    end(): Promise<void>
    on(event: 'connection', listener: (connection: Fresh) => void): unknown
  }
}

interface Fresh {
  query(text: string, done: () => void): unknown
}

async function openMysql(
  url: URL,
  config: ReadSqlConfig,
  environment: ConnectEnvironment,
): Promise<SqlDriver> {
  const module = await importClient<MysqlPackage & { readonly default?: MysqlPackage }>(
    MYSQL2,
    environment,
    'mysql2/promise',
  )
  const { createPool } = module.default ?? module
  const pool = createPool({
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    database: decodeURIComponent(url.pathname.slice(1)),
    connectionLimit: config.connections,
    connectTimeout: config.connectTimeout,
    enableKeepAlive: true,
    charset: 'utf8mb4',
    timezone: 'Z',
    maxPreparedStatements: 250,
    ...(config.tls === undefined ? {} : { ssl: tlsOf(config.tls) }),
  })
  // Times that are written and read without a zone are UTC. What fails here fails again with the first statement.
  pool.on('connection', (connection) => void connection.query("set time_zone = '+00:00'", () => undefined))
  return mysqlDriver(pool, () => pool.end())
}

function tlsOf({
  rejectUnauthorized,
  ca,
  cert,
  key,
  serverName,
}: ReadSqlTls): Readonly<Record<string, unknown>> {
  return {
    rejectUnauthorized,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}
