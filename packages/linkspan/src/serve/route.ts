import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { SourceDeclaration } from '../connect/connector.ts'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Headers, Json } from '../model/message.ts'
import type { AuthScheme } from './auth/scheme.ts'
import type { BodyKind } from './body.ts'
import { checkPath, type PathParams } from './route-path.ts'

/** The methods that a route can have. */
export type RouteMethod = 'POST' | 'PUT' | 'PATCH' | 'GET' | 'DELETE'

/** What a route's `input` function makes the message's body of. */
export interface RouteInput<Path extends string = string> {
  /** The body as `body` says; null where there is none. */
  readonly body: Json
  /** The path's parameters, decoded. */
  readonly params: PathParams<Path>
  readonly query: URLSearchParams
  /** The headers that are kept in the message. */
  readonly headers: Headers
  /** The name of the caller, where the route's `auth` knows one. */
  readonly caller: string | null
}

/** What all routes can say. */
export interface CommonRouteOptions {
  /** Who may call it. @default anyone */
  readonly auth?: AuthScheme
  /** How bodies are read. @default 'auto' */
  readonly body?: BodyKind
  /** The most bytes of a body. @default the server's `bodyLimit`, 1 MiB */
  readonly bodyLimit?: number
  /**
   * `accepted`: 202 with the message's id once it is committed. `reply`: waits for the flow's reply and answers 200 with
   * it; past `replyTimeout` 202 with the id, under which the reply can be fetched. @default 'accepted'
   */
  readonly respond?: 'accepted' | 'reply'
  /** @default '30s' */
  readonly replyTimeout?: Duration
  /**
   * Request headers that are kept in the message; never credentials.
   * @default traceparent, tracestate, x-request-id, x-correlation-id, and those that `auth` names
   */
  readonly headers?: readonly string[]
  /**
   * The header that identifies a delivery; a repeated value of the same caller is answered with the first message's id. A
   * request without it, or with an empty one, is accepted as a delivery of its own. @default what `auth` says
   */
  readonly dedupeBy?: string
}

/** A route whose body is checked and typed by a schema. */
export interface SchemaRouteOptions<T, Path extends string = string> extends CommonRouteOptions {
  /** Any Standard Schema; sees what `input` made, or the body. */
  readonly schema: StandardSchemaV1<unknown, T>
  readonly input?: (given: RouteInput<Path>) => unknown
}

/** A route whose body is typed by its `input` function. */
export interface InputRouteOptions<T, Path extends string = string> extends CommonRouteOptions {
  readonly schema?: never
  /** Makes the message's body of the request. What it throws is answered as a body that is not valid. */
  readonly input: (given: RouteInput<Path>) => T
}

/** A route whose body is whatever was sent. */
export interface PlainRouteOptions extends CommonRouteOptions {
  readonly schema?: never
  readonly input?: never
}

/** Declares a route of one method. */
export interface RouteFactory {
  <T, const Path extends string>(path: Path, options: SchemaRouteOptions<T, Path>): SourceDeclaration<T>
  <T, const Path extends string>(path: Path, options: InputRouteOptions<T, Path>): SourceDeclaration<T>
  (path: string, options?: PlainRouteOptions): SourceDeclaration<Json>
}

/** What the server needs to know of a route: the `push` of its source. */
export interface PushRoute {
  readonly method: RouteMethod
  /** In canonical form. */
  readonly path: string
  readonly auth: AuthScheme | null
  readonly body: BodyKind
  readonly bodyLimit: number | null
  readonly respond: 'accepted' | 'reply'
  readonly replyTimeoutMs: number
  readonly headers: readonly string[]
  readonly dedupeBy: string | null
  readonly input: ((given: RouteInput) => unknown) | null
}

const KEPT: readonly string[] = ['traceparent', 'tracestate', 'x-request-id', 'x-correlation-id']
const NEVER_KEPT: readonly string[] = [
  'authorization',
  'proxy-authorization',
  'cookie',
  'set-cookie',
  'x-api-key',
]

/**
 * HTTP routes as sources: each accepted request is a message of the flow that reads from it. Two flows on the same
 * method and path are refused at start. Of a `get` no body is read; write `input` to make one of path and query.
 *
 * @example
 * ```ts
 * import { flow } from 'linkspan'
 * import { route } from 'linkspan/serve'
 * import { z } from 'zod'
 * const order = z.object({ sku: z.string(), count: z.number().int() })
 * const orders = flow('orders').from(route.post('/orders', { schema: order }), { key: (o) => o.sku })
 * ```
 */
export const route: {
  readonly post: RouteFactory
  readonly put: RouteFactory
  readonly patch: RouteFactory
  readonly get: RouteFactory
  readonly delete: RouteFactory
} = {
  post: factory('POST'),
  put: factory('PUT'),
  patch: factory('PATCH'),
  get: factory('GET'),
  delete: factory('DELETE'),
}

/** The route of a source, or null when it is not one. */
export function routeOf(source: SourceDeclaration<unknown>): PushRoute | null {
  return source.kind === 'push' && source.connector === 'http'
    ? ((source.push as PushRoute | undefined) ?? null)
    : null
}

type AnyOptions = CommonRouteOptions & {
  readonly schema?: StandardSchemaV1<unknown, unknown>
  readonly input?: (given: never) => unknown
}

function factory(method: RouteMethod): RouteFactory {
  return (path: string, options: AnyOptions = {}) => declare(method, path, options)
}

function declare(method: RouteMethod, path: string, options: AnyOptions): SourceDeclaration<never> {
  const push = pushOf(method, path, options)
  const { auth, body, respond } = push
  return {
    kind: 'push',
    connector: 'http',
    name: `${method} ${path}`,
    options: {
      method,
      path,
      body,
      respond,
      auth: auth === null ? null : { scheme: auth.name, ...auth.options },
    },
    ...(options.schema ? { schema: options.schema as StandardSchemaV1<unknown, never> } : {}),
    push,
  }
}

function pushOf(method: RouteMethod, path: string, options: AnyOptions): PushRoute {
  const auth = options.auth ?? null
  return {
    method,
    path: checkPath(path),
    auth,
    body: options.body ?? 'auto',
    bodyLimit: checkLimit(path, options.bodyLimit),
    respond: options.respond ?? 'accepted',
    replyTimeoutMs: durationMs(options.replyTimeout ?? '30s'),
    headers: checkHeaders(path, options.headers ?? [...KEPT, ...(auth?.keeps ?? [])], auth),
    dedupeBy: options.dedupeBy?.toLowerCase() ?? null,
    input: (options.input as PushRoute['input'] | undefined) ?? null,
  }
}

function checkLimit(path: string, limit: number | undefined): number | null {
  if (limit === undefined || (Number.isSafeInteger(limit) && limit > 0)) return limit ?? null
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The route "${path}" has the body limit ${limit}. State a whole number of bytes above 0.`,
  )
}

function checkHeaders(path: string, names: readonly string[], auth: AuthScheme | null): readonly string[] {
  const kept = names.map((name) => name.toLowerCase())
  const secret = kept.find((name) => NEVER_KEPT.includes(name) || auth?.secretHeaders.includes(name))
  if (secret === undefined) return kept
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The route "${path}" would keep the header "${secret}", which holds credentials. Leave it out of "headers".`,
    { details: { path, header: secret } },
  )
}
