/// <reference path="./undici-parts.d.ts" />
import type { Dispatcher, Pool as PoolType } from 'undici'
import Agent from 'undici/lib/dispatcher/agent.js'
import Pool from 'undici/lib/dispatcher/pool.js'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { createKeptReplies, type KeptReplies } from './conditional.ts'
import { exchange } from './exchange.ts'
import { httpError } from './failure.ts'
import type { OAuth, ReadHttpAuth, ReadHttpConfig } from './http-config.ts'
import { learningRedactor } from './redact.ts'
import { createTokens, type TokenOptions, type Tokens } from './tokens.ts'
import { createUnderWay, type UnderWay } from './under-way.ts'

/** A connected HTTP connection: its pools, and what goes with each request. */
export interface HttpClient {
  readonly clock: Clock
  /** Where paths start; null when each path is a whole URL. */
  readonly base: { readonly origin: string; readonly path: string } | null
  /** For paths below `base`. */
  readonly pool: Dispatcher
  /** For whole URLs, when there is no `base`. */
  readonly agent: Dispatcher
  /** Sent with each request; lower-case names. */
  readonly headers: Readonly<Record<string, string>>
  /** Where access tokens come from; null where requests need none. */
  readonly tokens: Tokens | null
  readonly timeoutMs: number | null
  readonly replyLimit: number
  /** Takes credentials out of a text. */
  readonly redact: (text: string) => string
  /** Replies that may still hold, of operations that are `conditional`. */
  readonly kept: KeptReplies
  /** Requests under way of operations that `coalesce`. */
  readonly underWay: UnderWay
  /** What operations keep per client, by operation. */
  readonly prepared: Map<object, unknown>
  close(): Promise<void>
}

/**
 * Makes the pools. Nothing is sent; a host that is down is an error of the call that needs it, and the pool connects
 * again by itself.
 *
 * HTTP/2 is off: with it a failed request can have been sent on a stream that the server never looked at, and the
 * client does not say which.
 */
export function httpClient(config: ReadHttpConfig, clock: Clock): HttpClient {
  const options = poolOptions(config)
  const agent = new Agent(options)
  const { baseUrl } = config
  const pool = baseUrl === undefined ? null : new Pool(baseUrl.origin, options)
  const base =
    baseUrl === undefined ? null : { origin: baseUrl.origin, path: baseUrl.pathname.replace(/\/+$/, '') }
  const headers = { 'user-agent': 'linkspan', ...lowerCase(config.headers), ...authHeader(config.auth) }
  const { redact, learn } = learningRedactor(secretsOf(config, headers))
  const auth = config.auth?.kind === 'oauth' ? config.auth : null
  return {
    clock,
    base,
    pool: pool ?? agent,
    agent,
    headers,
    timeoutMs: config.timeout ?? null,
    replyLimit: config.replyLimit,
    redact,
    tokens:
      auth === null
        ? null
        : createTokens({
            auth,
            clock,
            learned: learn,
            post: posting(auth, { agent, config, clock, redact }),
          }),
    kept: createKeptReplies(),
    underWay: createUnderWay(),
    prepared: new Map(),
    close: async () => {
      await Promise.all([agent.destroy(), pool?.destroy()])
    },
  }
}

/** What asking for a token takes of the client. */
interface Posting extends Pick<HttpClient, 'agent' | 'clock' | 'redact'> {
  readonly config: ReadHttpConfig
}

const SILENCE_MS = 30_000

/** Asks the authorization server, which answers calls of its own: what becomes of them is no effect of a message. */
function posting({ tokenUrl }: OAuth, { agent, config, clock, redact }: Posting): TokenOptions['post'] {
  const silenceMs = config.timeout ?? SILENCE_MS
  return (form, headers) =>
    exchange(agent, {
      options: {
        origin: tokenUrl.origin,
        path: tokenUrl.pathname + tokenUrl.search,
        method: 'POST',
        headers: { 'user-agent': 'linkspan', ...headers },
        body: form,
        headersTimeout: silenceMs,
        bodyTimeout: silenceMs,
      },
      onAbort: () => () => undefined,
      maySend: () => true,
      replyLimit: config.replyLimit,
      failed: (failure) => {
        const call = {
          what: `the access token (POST ${tokenUrl.origin}${tokenUrl.pathname})`,
          guarantee: 'natural' as const,
          statuses: {},
          now: clock.now(),
          timeoutMs: silenceMs,
          redact,
        }
        const { code, message, cause } = httpError(failure, call)
        // The call that wanted the token was not sent.
        return new LinkspanError(code, message, { retry: 'later', applied: 'no', cause })
      },
    })
}

function poolOptions(config: ReadHttpConfig): PoolType.Options {
  const { tls } = config
  return {
    connections: config.connections,
    pipelining: 1,
    allowH2: false,
    connectTimeout: config.connectTimeout,
    keepAliveTimeout: Math.max(1, config.keepAlive),
    keepAliveMaxTimeout: Math.max(1, config.keepAlive),
    connect: {
      timeout: config.connectTimeout,
      ...(tls === undefined ? {} : { rejectUnauthorized: tls.rejectUnauthorized }),
      ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
      ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
      ...(tls?.key === undefined ? {} : { key: tls.key }),
      ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
    },
  }
}

/** Header names in lower case, so that a later one replaces an earlier one however it is written. */
export function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function authHeader(auth: ReadHttpAuth | undefined): Record<string, string> {
  if (auth === undefined || auth.kind === 'oauth') return {}
  if (auth.kind === 'bearer') return { authorization: `Bearer ${auth.token}` }
  if (auth.kind === 'apiKey') return { [auth.header.toLowerCase()]: auth.value }
  return { authorization: `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}` }
}

const SECRET_HEADER = /auth|key|token|secret|cookie|signature|password/

function secretsOf(
  { auth, headers: own }: ReadHttpConfig,
  headers: Readonly<Record<string, string>>,
): string[] {
  const inHeaders = Object.entries(headers)
    .filter(([name]) => SECRET_HEADER.test(name) || Object.hasOwn(lowerCase(own), name))
    .flatMap(([, value]) => [value, value.replace(/^\w+ /, '')])
  if (auth?.kind === 'basic') return [auth.password, ...inHeaders]
  if (auth?.kind === 'oauth') return [auth.clientSecret, auth.refreshToken ?? '', ...inHeaders]
  return inHeaders
}
