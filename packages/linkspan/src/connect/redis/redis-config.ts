import type { StandardSchemaV1 } from '@standard-schema/spec'
import { configSchema, duration, optional, type Reader, text, withDefault } from '../config.ts'
import { type ReadTls, type TlsConfig, tlsOptions } from '../tls.ts'

/** What the project binds to a Redis connection. */
export interface RedisConfig {
  /** `redis://host:6379/0`, or `rediss://` with TLS. It may hold the user and password. */
  readonly url: string
  readonly user?: string
  readonly password?: string
  /** Beside `rediss:`. */
  readonly tls?: TlsConfig
  /** What `CLIENT LIST` says of us. @default 'linkspan' */
  readonly clientName?: string
  /** How long making a connection may take, logging in included. @default '10s' */
  readonly connectTimeout?: string | number
  /** How long an answer is waited for; then the connection is given up. @default '30s' */
  readonly answerTimeout?: string | number
}

/** A checked {@link RedisConfig}; times in milliseconds. */
export interface ReadRedisConfig {
  readonly url: RedisPlace
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: ReadTls | undefined
  readonly clientName: string
  readonly connectTimeout: number
  readonly answerTimeout: number
}

/** Where a server is, out of its address. */
export interface RedisPlace {
  readonly host: string
  readonly port: number
  readonly secure: boolean
  readonly database: number
  readonly user: string | undefined
  readonly password: string | undefined
}

const PROBLEM = 'must be an address as in "redis://redis.example.com:6379/0", or "rediss://…" with TLS'
const PORT = 6379

const place: Reader<RedisPlace> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
  if (url === null || !/^rediss?:$/.test(url.protocol) || url.hostname === '' || url.search !== '')
    throw new Error(PROBLEM)
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1]
  if (database === undefined)
    throw new Error(`${PROBLEM}; what follows the host is the number of the database`)
  const [user, password] = [decoded(url.username), decoded(url.password)]
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? PORT : Number(url.port),
    secure: url.protocol === 'rediss:',
    database: Number(database),
    user,
    password,
  }
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part) || undefined
  } catch {
    throw new Error('must have % in its user or password written as %25')
  }
}

/** Checks what the project binds. */
export const redisConfig: StandardSchemaV1<unknown, ReadRedisConfig> = configSchema<ReadRedisConfig>({
  url: place,
  user: optional(text),
  password: optional(text),
  tls: optional(tlsOptions),
  clientName: withDefault(text, 'linkspan'),
  connectTimeout: withDefault(duration, 10_000),
  answerTimeout: withDefault(duration, 30_000),
})
