import type { StandardSchemaV1 } from '@standard-schema/spec'
import {
  configSchema,
  duration,
  flag,
  object,
  oneOf,
  optional,
  type Reader,
  type Readers,
  text,
  texts,
  whole,
  withDefault,
} from '../config.ts'

/** How requests say who we are. Made by {@link bearer}, {@link basic}, {@link apiKey} and {@link oauth}. */
export type HttpAuth<S = string> =
  | { readonly kind: 'bearer'; readonly token: S }
  | { readonly kind: 'basic'; readonly user: S; readonly password: S }
  | { readonly kind: 'apiKey'; readonly header: string; readonly value: S }
  | ({ readonly kind: 'oauth' } & OAuthOptions<S>)

/** How access tokens are had by OAuth 2.0 (RFC 6749). */
export interface OAuthOptions<S = string> {
  /** The token endpoint of the authorization server. */
  readonly tokenUrl: S
  readonly clientId: S
  readonly clientSecret: S
  /** Words between blanks. @default what the server gives */
  readonly scope?: S
  /** The service that the token is for, where the server asks for it. */
  readonly audience?: S
  /** Acts for the user who gave it, instead of for the client itself. One that the server replaces is kept until the engine stops. */
  readonly refreshToken?: S
  /** Where the client's id and secret are sent. @default 'header' */
  readonly credentials?: 'header' | 'body'
}

/** A checked {@link OAuthOptions}. */
export interface OAuth {
  readonly kind: 'oauth'
  readonly tokenUrl: URL
  readonly clientId: string
  readonly clientSecret: string
  readonly scope: string | undefined
  readonly audience: string | undefined
  readonly refreshToken: string | undefined
  readonly credentials: 'header' | 'body'
}

/** A checked {@link HttpAuth}. */
export type ReadHttpAuth = Exclude<HttpAuth, { readonly kind: 'oauth' }> | OAuth

/** `Authorization: Bearer …`. The token is a text or a reference such as `secret('TOKEN')`. */
export function bearer<S>(token: S): HttpAuth<S> {
  return { kind: 'bearer', token }
}

/** `Authorization: Basic …` (RFC 7617). A colon in the user's name is refused. */
export function basic<U, P>(user: U, password: P): HttpAuth<U | P> {
  return { kind: 'basic', user, password }
}

/** A key in a header of its own. @default header 'x-api-key' */
export function apiKey<S>(value: S, header = 'x-api-key'): HttpAuth<S> {
  return { kind: 'apiKey', header, value }
}

/**
 * Access tokens by OAuth 2.0: asked for at the first call, again shortly before they expire, and at once when the service
 * refuses one.
 *
 * @example
 * ```ts
 * import { defineProject, env, secret } from 'linkspan'
 * import { sqlite } from 'linkspan/journal'
 * import { oauth } from 'linkspan/http'
 * export default defineProject({
 *   journal: sqlite('data/hub.db'),
 *   flows: [],
 *   connections: {
 *     tracker: {
 *       baseUrl: 'https://api.example.com',
 *       auth: oauth({
 *         tokenUrl: 'https://login.example.com/oauth/token',
 *         clientId: env('TRACKER_CLIENT'),
 *         clientSecret: secret('TRACKER_SECRET'),
 *       }),
 *     },
 *   },
 * })
 * ```
 */
export function oauth<O extends OAuthOptions<unknown>>(options: O): { readonly kind: 'oauth' } & O {
  return { kind: 'oauth', ...options }
}

/** What the project binds to an HTTP connection. */
export interface HttpConfig {
  readonly baseUrl?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly auth?: HttpAuth
  readonly timeout?: string | number
  readonly connectTimeout?: string | number
  readonly connections?: number
  readonly keepAlive?: string | number
  readonly replyLimit?: number
  readonly tls?: HttpTls
}

/** What is said of TLS. Certificates and keys are PEM texts. */
export interface HttpTls {
  /** False accepts any certificate: for tests only. @default true */
  readonly rejectUnauthorized?: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly serverName?: string
}

/** A checked {@link HttpConfig}; times in milliseconds. */
export interface ReadHttpConfig {
  readonly baseUrl: URL | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly auth: ReadHttpAuth | undefined
  readonly timeout: number | undefined
  readonly connectTimeout: number
  readonly connections: number
  readonly keepAlive: number
  readonly replyLimit: number
  readonly tls: ReadTls | undefined
}

interface ReadTls {
  readonly rejectUnauthorized: boolean
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  readonly serverName: string | undefined
}

const MIB = 1024 * 1024
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a header's value may not hold
const NOT_IN_HEADER = /[\u0000-\u0008\u000a-\u001f\u007f]/

const baseUrl: Reader<URL> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error('must be a URL as in "https://api.example.com/v1"')
  if (url.username !== '' || url.password !== '') {
    throw new Error('must not hold a user or password: give them as auth: basic(user, password)')
  }
  if (url.search !== '' || url.hash !== '') {
    throw new Error('must not hold a query or fragment: operations state their own `query`')
  }
  return url
}

const headerValue: Reader<string> = (value) => {
  const given = text(value)
  if (NOT_IN_HEADER.test(given))
    throw new Error('holds a line break or control character, which no header may')
  return given
}

const headerName: Reader<string> = (value) => {
  if (typeof value === 'string' && HEADER_NAME.test(value)) return value
  throw new Error('must be the name of a header, as "x-api-key"')
}

const headers: Reader<Readonly<Record<string, string>>> = (value) => {
  const given = texts(value)
  for (const [name, entry] of Object.entries(given)) {
    if (!HEADER_NAME.test(name)) throw new Error(`"${name}" is no name of a header`)
    if (NOT_IN_HEADER.test(entry)) throw new Error(`"${name}" holds a line break or control character`)
  }
  return given
}

const userName: Reader<string> = (value) => {
  const given = text(value)
  if (given.includes(':')) throw new Error('must not hold a colon (RFC 7617)')
  return given
}

/** Secrets go to it, so nobody on the way may read them; a server on this machine is for trying things out. */
const tokenUrl: Reader<URL> = (value) => {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : null
  const isLocal = url !== null && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname)
  if (url?.protocol !== 'https:' && !(isLocal && url.protocol === 'http:'))
    throw new Error('must be an https URL, as "https://login.example.com/oauth/token"')
  if (url.username !== '' || url.password !== '') throw new Error('must not hold a user or password')
  return url
}

const readAuth = <Kind extends ReadHttpAuth['kind']>(
  kind: Kind,
  readers: Readers<Omit<Extract<ReadHttpAuth, { kind: Kind }>, 'kind'>>,
): Reader<ReadHttpAuth> =>
  object({ kind: () => kind, ...readers } as never) as unknown as Reader<ReadHttpAuth>

const AUTHS: Readonly<Record<ReadHttpAuth['kind'], Reader<ReadHttpAuth>>> = {
  bearer: readAuth('bearer', { token: headerValue }),
  basic: readAuth('basic', { user: userName, password: text }),
  apiKey: readAuth('apiKey', { header: headerName, value: headerValue }),
  oauth: readAuth('oauth', {
    tokenUrl,
    clientId: text,
    clientSecret: text,
    scope: optional(text),
    audience: optional(text),
    refreshToken: optional(text),
    credentials: withDefault(oneOf('header', 'body'), 'header'),
  }),
}

const auth: Reader<ReadHttpAuth> = (value) => {
  const kind = (value as { kind?: unknown } | null)?.kind
  if (typeof kind === 'string' && Object.hasOwn(AUTHS, kind))
    return AUTHS[kind as ReadHttpAuth['kind']](value)
  throw new Error('must be bearer(token), basic(user, password), apiKey(value, header) or oauth({ … })')
}

const tls: Reader<ReadTls> = object<ReadTls>({
  rejectUnauthorized: withDefault(flag, true),
  ca: optional(text),
  cert: optional(text),
  key: optional(text),
  serverName: optional(text),
})

const options: StandardSchemaV1<unknown, ReadHttpConfig> = configSchema<ReadHttpConfig>({
  baseUrl: optional(baseUrl),
  headers: withDefault(headers, {}),
  auth: optional(auth),
  timeout: optional(duration),
  connectTimeout: withDefault(duration, 10_000),
  connections: withDefault(whole(1, 10_000), 64),
  keepAlive: withDefault(duration, 4_000),
  replyLimit: withDefault(whole(1, 1024 * MIB), 10 * MIB),
  tls: optional(tls),
})

/** Checks what the project binds; credentials without a `baseUrl` are refused, since they would go to any host. */
export const httpConfig: StandardSchemaV1<unknown, ReadHttpConfig> = {
  '~standard': {
    version: 1,
    vendor: 'linkspan',
    validate: (value) => {
      const result = options['~standard'].validate(value) as StandardSchemaV1.Result<ReadHttpConfig>
      if (result.issues || result.value.auth === undefined || result.value.baseUrl !== undefined)
        return result
      return {
        issues: [{ path: ['auth'], message: 'needs a baseUrl, so that credentials go to that host only' }],
      }
    },
  },
}
