import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  configSchema,
  duration,
  flag,
  object,
  optional,
  type Reader,
  text,
  whole,
  withDefault,
} from '../config.ts'
import type { SqlDriver } from './driver.ts'
import { isOpenDatabase, type OpenDatabase } from './sqlite-driver.ts'

/** What the project binds to a connection to a database: a `url`, or a `driver` of what the application has already. */
export interface SqlConfig {
  readonly url?: string
  readonly driver?: SqlDriver | OpenDatabase
  readonly connections?: number
  readonly connectTimeout?: string | number
  readonly lockTimeout?: string | number
  readonly tls?: SqlTls
  readonly inbox?: string
  readonly createTables?: boolean
}

/** What is said of TLS. Certificates and keys are PEM texts. */
export interface SqlTls {
  /** False accepts any certificate: for tests only. @default true */
  readonly rejectUnauthorized?: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
}

/** A checked {@link SqlTls}. */
export interface ReadSqlTls {
  readonly rejectUnauthorized: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

/** A checked {@link SqlConfig}; times in milliseconds. */
export interface ReadSqlConfig {
  readonly url: SqlUrl | undefined
  readonly driver: SqlDriver | OpenDatabase | undefined
  readonly connections: number
  readonly connectTimeout: number
  readonly lockTimeout: number
  readonly tls: ReadSqlTls | undefined
  readonly inbox: string
  readonly createTables: boolean
}

/** Where a database is. */
export type SqlUrl =
  | { readonly kind: 'postgres' | 'mysql'; readonly url: URL }
  | { readonly kind: 'sqlite'; readonly path: string }

const SERVERS: Readonly<Record<string, 'postgres' | 'mysql'>> = {
  'postgres:': 'postgres',
  'postgresql:': 'postgres',
  'mysql:': 'mysql',
  'mariadb:': 'mysql',
}

const url: Reader<SqlUrl> = (value) => {
  const given = text(value)
  if (/^sqlite:./.test(given)) return { kind: 'sqlite', path: given.slice('sqlite:'.length) }
  const parsed = URL.canParse(given) ? new URL(given) : null
  const kind = parsed === null ? undefined : SERVERS[parsed.protocol]
  if (parsed !== null && kind !== undefined && parsed.hostname !== '') return { kind, url: parsed }
  throw new Error(
    'must be a URL as in "postgres://user:password@host:5432/database", "mysql://…", "mariadb://…" or "sqlite:data/app.db"',
  )
}

const driver: Reader<SqlDriver | OpenDatabase> = (value) => {
  const given = typeof value === 'object' && value !== null ? value : {}
  if (isOpenDatabase(given)) return given
  if ('run' in given && typeof given.run === 'function' && 'dialect' in given) return given as SqlDriver
  throw new Error('must be pgPool(pool), mysqlPool(pool), sqliteDatabase(database) or another SqlDriver')
}

const options: StandardSchemaV1<unknown, ReadSqlConfig> = configSchema<ReadSqlConfig>({
  url: optional(url),
  driver: optional(driver),
  connections: withDefault(whole(1, 1_000), 10),
  connectTimeout: withDefault(duration, 10_000),
  lockTimeout: withDefault(duration, 5_000),
  tls: optional(
    object<ReadSqlTls>({
      rejectUnauthorized: withDefault(flag, true),
      ca: optional(text),
      cert: optional(text),
      key: optional(text),
      serverName: optional(text),
    }),
  ),
  inbox: withDefault(text, 'linkspan_inbox'),
  createTables: withDefault(flag, true),
})

/** Checks what the project binds: one of `url` and `driver`. */
export const sqlConfig: StandardSchemaV1<unknown, ReadSqlConfig> = {
  '~standard': {
    version: 1,
    vendor: 'linkspan',
    validate: (value) => {
      const result = options['~standard'].validate(value) as StandardSchemaV1.Result<ReadSqlConfig>
      if (result.issues || (result.value.url === undefined) !== (result.value.driver === undefined))
        return result
      return { issues: [{ message: 'give either a url or a driver' }] }
    },
  },
}
