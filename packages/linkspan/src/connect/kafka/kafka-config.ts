import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  configSchema,
  duration,
  object,
  oneOf,
  optional,
  type Reader,
  text,
  whole,
  withDefault,
} from '../config.ts'
import { type ReadTls, type TlsConfig, tlsOptions } from '../tls.ts'

/** What the project binds to a Kafka connection. */
export interface KafkaConfig {
  readonly brokers: string | readonly string[]
  readonly clientId?: string
  readonly sasl?: KafkaSasl
  readonly tls?: boolean | KafkaTls
  readonly connectTimeout?: string | number
  readonly deliveryTimeout?: string | number
  readonly batchBytes?: number
  readonly registry?: KafkaRegistryConfig
}

/** How we say who we are. */
export type KafkaSasl<S = string> =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly user: S
      readonly password: S
    }
  | { readonly mechanism: 'OAUTHBEARER'; readonly token: S | (() => string | Promise<string>) }

/** What is said of TLS. */
export type KafkaTls = TlsConfig

/** Where the schemas lie: a service with Confluent's interface. */
export interface KafkaRegistryConfig {
  readonly url: string
  readonly user?: string
  readonly password?: string
  readonly token?: string
  readonly ca?: string
}

/** A checked {@link KafkaConfig}; times in milliseconds. */
export interface ReadKafkaConfig {
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly sasl: KafkaSasl | undefined
  readonly tls: Omit<ReadTls, 'serverName'> | undefined
  readonly serverName: string | undefined
  readonly connectTimeout: number
  readonly deliveryTimeout: number
  readonly batchBytes: number
  readonly registry: ReadKafkaRegistry | undefined
}

/** A checked {@link KafkaRegistryConfig}. */
export interface ReadKafkaRegistry {
  readonly url: URL
  readonly user: string | undefined
  readonly password: string | undefined
  readonly token: string | undefined
  readonly ca: string | undefined
}

const BROKER = /^[^\s,/@]+:\d{1,5}$/

const brokers: Reader<readonly string[]> = (value) => {
  const given = typeof value === 'string' ? value.split(',').map((each) => each.trim()) : value
  const fits = (each: unknown): boolean => typeof each === 'string' && BROKER.test(each)
  if (Array.isArray(given) && given.length > 0 && given.every(fits)) return given as readonly string[]
  throw new Error('must be "host:port", several with commas between them or as a list')
}

const token: Reader<string | (() => string | Promise<string>)> = (value) =>
  typeof value === 'function' ? (value as () => string) : text(value)

const byPassword = object({
  mechanism: oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'),
  user: text,
  password: text,
})
const byToken = object({ mechanism: oneOf('OAUTHBEARER'), token })

const sasl: Reader<KafkaSasl> = (value) =>
  (value as { mechanism?: unknown } | null)?.mechanism === 'OAUTHBEARER' ? byToken(value) : byPassword(value)

const tls: Reader<ReadTls | undefined> = (value) => {
  if (value === false || value === 'false') return undefined
  return tlsOptions(value === true || value === 'true' ? {} : value)
}

/** Credentials go to it, so they are no part of the address, which errors show. */
const registryUrl: Reader<URL> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error('must be a URL as in "https://registry.example.com"')
  if (url.username !== '' || url.password !== '')
    throw new Error('must not hold a user or password: give them as `user` and `password`')
  return url
}

const registry = object<ReadKafkaRegistry>({
  url: registryUrl,
  user: optional(text),
  password: optional(text),
  token: optional(text),
  ca: optional(text),
})

interface Bound extends Omit<ReadKafkaConfig, 'tls' | 'serverName'> {
  readonly tls: ReadTls | undefined
}

const bound: StandardSchemaV1<unknown, Bound> = configSchema<Bound>({
  brokers,
  clientId: withDefault(text, 'linkspan'),
  sasl: optional(sasl),
  tls: optional(tls),
  connectTimeout: withDefault(duration, 10_000),
  deliveryTimeout: withDefault(duration, 60_000),
  batchBytes: withDefault(whole(1_000, 100_000_000), 900_000),
  registry: optional(registry),
})

/** Checks what the project binds. */
export const kafkaConfig: StandardSchemaV1<unknown, ReadKafkaConfig> = {
  '~standard': {
    version: 1,
    vendor: 'linkspan',
    validate: (value) => {
      const result = bound['~standard'].validate(value) as StandardSchemaV1.Result<Bound>
      if (result.issues) return result
      const { tls: given, ...rest } = result.value
      const { serverName, ...secure } = given ?? {}
      return { value: { ...rest, tls: given && (secure as ReadKafkaConfig['tls']), serverName } }
    },
  },
}
