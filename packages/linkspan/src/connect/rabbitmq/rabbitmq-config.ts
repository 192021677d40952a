import type { StandardSchemaV1 } from '@standard-schema/spec'
import { configSchema, duration, flag, object, optional, type Reader, text, withDefault } from '../config.ts'

/** What the project binds to a RabbitMQ connection. */
export interface RabbitmqConfig {
  readonly url: string | readonly string[]
  readonly user?: string
  readonly password?: string
  readonly tls?: RabbitmqTls
  readonly heartbeat?: string | number
  readonly connectTimeout?: string | number
  readonly confirmTimeout?: string | number
  readonly connectionName?: string
}

/** What is said of TLS beside `amqps:`. Certificates and keys are PEM texts. */
export interface RabbitmqTls {
  /** False accepts any certificate: for tests only. @default true */
  readonly rejectUnauthorized?: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
}

/** A checked {@link RabbitmqConfig}; times in milliseconds. */
export interface ReadRabbitmqConfig {
  readonly url: readonly RabbitmqHost[]
  readonly user: string | undefined
  readonly password: string | undefined
  readonly tls: ReadRabbitmqTls | undefined
  readonly heartbeat: number
  readonly connectTimeout: number
  readonly confirmTimeout: number
  readonly connectionName: string
}

/** One broker of the addresses. */
export interface RabbitmqHost {
  readonly protocol: 'amqp' | 'amqps'
  readonly hostname: string
  readonly port: number
  readonly vhost: string
  readonly user: string | undefined
  readonly password: string | undefined
}

interface ReadRabbitmqTls {
  readonly rejectUnauthorized: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

const PROBLEM = 'must be an address as in "amqps://rabbit.example.com/vhost", or several as a list'

const host: Reader<RabbitmqHost> = (value) => {
  if (typeof value !== 'string' || !URL.canParse(value)) throw new Error(PROBLEM)
  const url = new URL(value)
  const protocol = url.protocol.slice(0, -1)
  if ((protocol !== 'amqp' && protocol !== 'amqps') || url.hostname === '' || url.search !== '')
    throw new Error(PROBLEM)
  try {
    return {
      protocol,
      hostname: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? (protocol === 'amqps' ? 5671 : 5672) : Number(url.port),
      vhost: decodeURIComponent(url.pathname.slice(1)) || '/',
      user: decodeURIComponent(url.username) || undefined,
      password: decodeURIComponent(url.password) || undefined,
    }
  } catch {
    throw new Error(PROBLEM)
  }
}

const hosts: Reader<readonly RabbitmqHost[]> = (value) => {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value]
  if (given.length === 0) throw new Error(PROBLEM)
  return given.map(host)
}

/** Whole seconds go over the wire. */
const heartbeat: Reader<number> = (value) => {
  const ms = duration(value)
  if (ms >= 1_000 && ms <= 600_000) return ms
  throw new Error('must be from 1 s to 10 m')
}

/** Checks what the project binds. */
export const rabbitmqConfig: StandardSchemaV1<unknown, ReadRabbitmqConfig> = configSchema<ReadRabbitmqConfig>(
  {
    url: hosts,
    user: optional(text),
    password: optional(text),
    tls: optional(
      object<ReadRabbitmqTls>({
        rejectUnauthorized: withDefault(flag, true),
        ca: optional(text),
        cert: optional(text),
        key: optional(text),
        serverName: optional(text),
      }),
    ),
    heartbeat: withDefault(heartbeat, 10_000),
    connectTimeout: withDefault(duration, 10_000),
    confirmTimeout: withDefault(duration, 30_000),
    connectionName: withDefault(text, 'linkspan'),
  },
)
