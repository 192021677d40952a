import { type Duration, durationMs } from '../model/duration.ts'
import { ensureError, isLinkspanError, storeError } from '../model/errors.ts'
import type { MessageSummary } from '../model/message.ts'
import type { Outside } from '../model/outside.ts'
import type { Admin, EngineState } from '../runtime/admin-api.ts'
import { createDeadlines } from '../runtime/deadlines.ts'
import type { Engine, Intake, Metrics } from '../runtime/engine-api.ts'
import { type AdminAccess, adminEndpoints } from './admin-routes.ts'
import type { Lookup } from './auth/secret.ts'
import type { ReadSettings } from './body-limits.ts'
import { consoleEndpoints } from './console.ts'
import { endpointTable, type Found } from './endpoint-table.ts'
import { type Answer, type Endpoint, type Exchange, emptyAnswer } from './exchange.ts'
import { fetchExchange, toResponse } from './fetch-exchange.ts'
import { pageEndpoints } from './pages.ts'
import { problemAnswer, problemOf } from './problem.ts'
import { pushEndpoint } from './push-endpoint.ts'
import { refusal } from './refusal.ts'
import { routeOf } from './route.ts'
import { canonicalPath } from './route-path.ts'

/** What the HTTP side is made of. */
export interface HttpAppOptions {
  readonly flows: Engine['flows']
  readonly intake: Intake
  readonly admin: Admin
  readonly metrics: Metrics
  readonly state: () => EngineState
  readonly outside: Outside
  readonly lookup: Lookup
  /** Who may use the admin API; null leaves it out. */
  readonly adminAccess: AdminAccess | null
  /** The most bytes of a body where a route states none. @default 1 MiB */
  readonly bodyLimit?: number
  /** How long a body may take to arrive. @default '30s' */
  readonly requestTimeout?: Duration
  /** The summary of one message. @default taken from its trace */
  readonly message?: (id: string) => Promise<MessageSummary>
}

/** What the server knows of a connection beside the request. */
export interface FetchEnvironment {
  readonly remoteAddress: string | null
}

/** The engine's HTTP side, ready for any server. */
export interface HttpApp {
  /** Answers any request; never rejects. */
  fetch(request: Request, environment?: FetchEnvironment): Promise<Response>
  /** The endpoint that a server may answer without making web-standard objects, or null. `path` without escapes. */
  direct(method: string, path: string): Found | null
  /** Answers one request at an endpoint; never rejects. */
  answer(found: Found, exchange: Exchange): Promise<Answer>
  readonly reading: ReadSettings
}

const DEFAULT_BODY_LIMIT = 1_024 * 1_024

/**
 * Makes the engine's HTTP side: the flows' routes, the pages and the admin API.
 * @throws {LinkspanError} `CONFIG_INVALID` when two flows have the same method and path, `SECRET_MISSING` when a route's
 * secret is not set.
 */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const { outside } = options
  const table = endpointTable([...ownEndpoints(options), ...routeEndpoints(options)])
  const report = reporter(options.metrics, outside)
  const { clock } = outside
  const reading = {
    clock,
    timeoutMs: durationMs(options.requestTimeout ?? '30s'),
    deadlines: createDeadlines(clock),
  }

  const answer = async (found: Found, exchange: Exchange): Promise<Answer> => {
    let made: Answer
    try {
      made = await found.endpoint.handle(exchange, found.params)
    } catch (thrown) {
      made = report.failed(thrown, exchange, found.endpoint)
    }
    report.answered(found.endpoint, made.status)
    return made
  }
  const dispatch = async (exchange: Exchange): Promise<Answer> => {
    try {
      const path = canonicalPath(exchange.path)
      const found = table.find(exchange.method, path)
      return found === null ? await unmatched(table, exchange, path, answer) : await answer(found, exchange)
    } catch (thrown) {
      return report.failed(thrown, exchange, null)
    }
  }
  return {
    reading,
    answer,
    direct(method, path) {
      const found = table.find(method, path)
      return found === null || found.endpoint.streams ? null : found
    },
    fetch: async (request, environment) =>
      toResponse(await dispatch(fetchExchange(request, environment?.remoteAddress ?? null, reading))),
  }
}

function ownEndpoints(options: HttpAppOptions): readonly Endpoint[] {
  const { admin, intake, metrics, state, adminAccess, outside } = options
  const message = options.message ?? (async (id: string) => (await admin.trace(id)).message)
  const pages = pageEndpoints({ message, reader: admin, intake, metrics, state })
  if (adminAccess === null) return pages
  return [...pages, ...adminEndpoints({ admin, intake }, adminAccess, outside), ...consoleEndpoints()]
}

function routeEndpoints({ flows, intake, lookup, outside, bodyLimit }: HttpAppOptions): readonly Endpoint[] {
  const tools = { intake, lookup, clock: outside.clock, bodyLimit: bodyLimit ?? DEFAULT_BODY_LIMIT }
  return [...flows].flatMap(([name, { source }]) => {
    const route = routeOf(source)
    return route === null ? [] : [pushEndpoint(name, route, tools)]
  })
}

async function unmatched(
  table: ReturnType<typeof endpointTable>,
  exchange: Exchange,
  path: string,
  answer: HttpApp['answer'],
): Promise<Answer> {
  const page = exchange.method === 'HEAD' ? table.find('GET', path) : null
  if (page?.endpoint.safe) return headOf(await answer(page, exchange))
  const allow = allowed(table, path)
  if (allow === '') throw refusal('ROUTE_UNKNOWN', `There is nothing at ${shown(exchange.path)}.`)
  if (exchange.method === 'OPTIONS') return emptyAnswer(204, { allow })
  throw refusal('METHOD_NOT_ALLOWED', `${shown(exchange.path)} takes ${allow}, not ${exchange.method}.`, {
    headers: { allow },
  })
}

function headOf({ status, headers, body }: Answer): Answer {
  const length = typeof body === 'string' ? { 'content-length': String(Buffer.byteLength(body)) } : {}
  return { status, headers: { ...headers, ...length }, body: null }
}

function allowed(table: ReturnType<typeof endpointTable>, path: string): string {
  const methods = table.methodsAt(path)
  const head = methods.includes('GET') && table.find('GET', path)?.endpoint.safe ? ['HEAD'] : []
  return methods.length === 0 ? '' : [...methods, ...head, 'OPTIONS'].join(', ')
}

function shown(path: string): string {
  return path.length > 200 ? `${path.slice(0, 200)}…` : path
}

/** Counts answers, and turns what was thrown into problem documents: what is the engine's fault goes to its log. */
function reporter(
  metrics: Metrics,
  { logger, random }: Outside,
): {
  failed(thrown: unknown, exchange: Exchange, endpoint: Endpoint | null): Answer
  answered(endpoint: Endpoint, status: number): void
} {
  const counters = new Map<Endpoint | null, Map<number, ReturnType<Metrics['counterOf']>>>()
  const counterFor = (endpoint: Endpoint | null, status: number): ReturnType<Metrics['counterOf']> => {
    const byStatus = counters.get(endpoint) ?? new Map()
    const labels = { route: nameOf(endpoint), status: String(status) }
    const counter = metrics.counterOf('linkspan_http_requests_total', labels)
    counters.set(endpoint, byStatus.set(status, counter))
    return counter
  }
  const answered = (endpoint: Endpoint | null, status: number): void =>
    (counters.get(endpoint)?.get(status) ?? counterFor(endpoint, status)).add()
  return {
    answered,
    failed(thrown, exchange, endpoint) {
      const { problem, headers } = problemOf(thrown, shown(exchange.path))
      if (endpoint === null) answered(null, problem.status)
      const route = nameOf(endpoint)
      if (problem.status !== 500) {
        const level = problem.status >= 500 ? 'warn' : problem.status === 401 ? 'info' : 'debug'
        logger.log(level, 'http.refused', { route, status: problem.status, code: problem.code })
        return problemAnswer(problem, headers)
      }
      const instance = `urn:linkspan:request:${random.token(12)}`
      logger.log('error', 'http.failed', { route, instance, error: loggable(thrown) })
      return problemAnswer({ ...problem, instance }, headers)
    },
  }
}

function nameOf(endpoint: Endpoint | null): string {
  return endpoint === null ? 'none' : `${endpoint.method} ${endpoint.path}`
}

function loggable(thrown: unknown): unknown {
  const stack = thrown instanceof Error && !isLinkspanError(thrown) ? { stack: thrown.stack } : {}
  return { ...storeError(ensureError(thrown)), ...stack }
}
