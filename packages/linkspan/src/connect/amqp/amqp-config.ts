import type { StandardSchemaV1 } from '@standard-schema/spec'
import { configSchema, duration, flag, object, optional, type Reader, text, withDefault } from '../config.ts'

/** What the project binds to an AMQP connection. */
export interface AmqpConfig {
  /** `amqp://host:5672` or `amqps://host:5671`; several, with commas or as a list, are tried in their order. */
  readonly url: string | readonly string[]
  readonly user?: string
  readonly password?: string
  /** Names us to the broker; durable subscriptions belong to it. @default 'linkspan' */
  readonly clientId?: string
  readonly tls?: AmqpTls
  readonly connectTimeout?: string | number
  readonly heartbeat?: string | number
}

/** What is said of TLS, for `amqps://`. Certificates and keys are PEM texts. */
export interface AmqpTls {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
  /** False accepts any certificate: for tests only. @default true */
  readonly rejectUnauthorized?: boolean
}

/** A checked {@link AmqpConfig}; times in milliseconds. */
export interface ReadAmqpConfig {
  readonly url: readonly AmqpAddress[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly clientId: string
  readonly tls: ReadAmqpTls | undefined
  readonly connectTimeout: number
  readonly heartbeat: number
}

/** Where a broker is. */
export interface AmqpAddress {
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

interface ReadAmqpTls {
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
  readonly rejectUnauthorized: boolean
}

const PORTS = { 'amqp:': 5672, 'amqps:': 5671 } as const

const address = (given: unknown): AmqpAddress => {
  const url = typeof given === 'string' && URL.canParse(given) ? new URL(given) : null
  if (url === null || !(url.protocol in PORTS) || url.hostname === '')
    throw new Error('must be "amqp://host:port" or "amqps://host:port", several with commas or as a list')
  if (url.username !== '' || url.password !== '')
    throw new Error('must not hold a user or password: give them as `user` and `password`')
  const protocol = url.protocol as keyof typeof PORTS
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? PORTS[protocol] : Number(url.port),
    secure: protocol === 'amqps:',
  }
}

const addresses: Reader<readonly AmqpAddress[]> = (value) => {
  const given = typeof value === 'string' ? value.split(',').map((each) => each.trim()) : value
  if (!Array.isArray(given) || given.length === 0) return [address(value)]
  return given.map(address)
}

const tls = object<ReadAmqpTls>({
  ca: optional(text),
  cert: optional(text),
  key: optional(text),
  serverName: optional(text),
  rejectUnauthorized: withDefault(flag, true),
})

/** Checks what the project binds. */
export const amqpConfig: StandardSchemaV1<unknown, ReadAmqpConfig> = configSchema<ReadAmqpConfig>({
  url: addresses,
  user: optional(text),
  password: optional(text),
  clientId: withDefault(text, 'linkspan'),
  tls: optional(tls),
  connectTimeout: withDefault(duration, 10_000),
  heartbeat: withDefault(duration, 30_000),
})
