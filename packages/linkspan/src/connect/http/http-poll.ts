import type { StandardSchemaV1 } from '@standard-schema/spec'
import { type Duration, durationMs } from '../../model/duration.ts'
import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { CallContext, ConnectionDeclaration, Incoming, SourceDeclaration } from '../connector.ts'
import { type Look, type PolledPage, pollSource } from '../poll.ts'
import type { HttpClient } from './http-client.ts'
import type { ReadHttpConfig } from './http-config.ts'
import { onePage, type PageRequest, type Pages, sameHost } from './pages.ts'
import { type Query, withQuery } from './path.ts'
import type { HttpReply } from './reply.ts'
import { type RunOptions, runOperation } from './run.ts'

/** How a list of an HTTP service is polled. */
export interface HttpPollOptions<T> {
  /** A readable name, unique within the connection. */
  readonly name: string
  /** Below the connection's `baseUrl`. */
  readonly path: string
  readonly query?: Query
  readonly headers?: Readonly<Record<string, string>>
  /** From one look to the next. @default '1m' */
  readonly every?: Duration
  /** The items in a reply's JSON. @default the JSON itself, a list */
  readonly items?: (body: never) => readonly unknown[]
  /** How the service hands out its list. @default {@link onePage} */
  readonly pages?: Pages
  /** Asks for what was changed since the last look, where the service can tell. */
  readonly since?: Since<T>
  /**
   * What tells one version of an item from all others: its id, with its time of change where changes matter. An item that was
   * accepted is then not accepted again within the flow's `dedupeFor`. Needed where looks overlap, as those `since` do.
   */
  readonly identity?: (item: T) => string
  /** Checks and types each item. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** The longest time for one page. @default '30s' */
  readonly timeout?: Duration
}

/** Which items are new, by a mark that rises: a time of change, a number. */
export interface Since<T> {
  /** The parameter that asks for items from a mark on. */
  readonly param: string
  /** An item's mark: a number, or a text that sorts as the service sorts it, as times in ISO 8601 do. */
  readonly of: (item: T) => string | number
  /** The mark of the very first look. @default everything */
  readonly first?: string | number
  /**
   * How far before the highest mark a look begins, where the service may show an item later than its mark says: for marks that
   * are times. Needs `identity`. @default 0
   */
  readonly overlap?: Duration
}

type Mark = string | number

/** What is kept in the journal between two pages. */
interface Position {
  /** Where the list goes on: within a sweep the next page, between two the link for what is new. */
  readonly page: Json | null
  /** The mark that the sweep began with. */
  readonly since: Mark | null
  /** The highest mark that it has come to. */
  readonly high: Mark | null
  /** What the whole list was called when it was looked at last, where it has one page. */
  readonly etag: string | null
}

const START: Position = { page: null, since: null, high: null, etag: null }

/** A source over a list of an HTTP service. See `HttpConnection.poll`. */
export function httpPoll<T>(
  connection: ConnectionDeclaration<ReadHttpConfig, HttpClient>,
  options: HttpPollOptions<T>,
): SourceDeclaration<T> {
  const pages = options.pages ?? onePage
  const overlapMs = durationMs(options.since?.overlap ?? 0)
  if (overlapMs > 0 && options.identity === undefined)
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The source "${options.name}" looks back by an overlap and has no identity, so that items would come twice. Say what tells one item from all others: identity: (item) => item.id.`,
    )
  const request = requestOf(options)
  return pollSource<T, HttpClient>({
    connection: connection as ConnectionDeclaration,
    name: options.name,
    options: { path: options.path, pages: pages.name },
    ...(options.schema === undefined ? {} : { schema: options.schema }),
    ...(options.every === undefined ? {} : { every: options.every }),
    read: (client, cursor, look) =>
      readPage(
        { client, look, options: options as HttpPollOptions<unknown>, pages, request, overlapMs },
        cursor,
      ),
  })
}

interface Reading {
  readonly client: HttpClient
  readonly look: Look
  readonly options: HttpPollOptions<unknown>
  readonly pages: Pages
  readonly request: RunOptions
  readonly overlapMs: number
}

interface Asked {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** One operation for all pages, so that its errors and limits are those of any call. */
function requestOf<T>({ name, headers = {}, timeout }: HttpPollOptions<T>): RunOptions {
  return {
    name,
    method: 'GET',
    path: (input) => (input as Asked).path,
    headers: (input) => ({ accept: 'application/json', ...headers, ...(input as Asked).headers }),
    response: (reply: HttpReply) => reply,
    statuses: { 304: 'ok' },
    guarantee: { kind: 'natural' },
    ...(timeout === undefined ? {} : { timeout }),
  }
}

async function readPage(reading: Reading, cursor: string | null): Promise<PolledPage> {
  const position = positionOf(reading.options.name, cursor)
  try {
    return await pageAt(reading, position)
  } catch (thrown) {
    // A place in a list holds for so long. The sweep begins again, and what came already is known by its identity.
    if (position.page === null || !isGone(thrown)) throw thrown
    return { items: [], cursor: JSON.stringify({ ...position, page: null, high: null }), more: true }
  }
}

async function pageAt(reading: Reading, position: Position): Promise<PolledPage> {
  const { client, options, pages, look, request } = reading
  const path = pathOf(reading, pages.request(position.page), position)
  const headers = position.etag === null || position.page !== null ? {} : { 'if-none-match': position.etag }
  const call = quietCall(look, client, durationMs(options.timeout ?? '30s'))
  const asked: Asked = { path, headers }
  const reply = (await runOperation(request, client, asked, call)) as HttpReply
  if (reply.status === 304) return { items: [], cursor: null, more: false }
  const { body, items } = itemsOf(options, reply)
  const seen = { reply, body, count: items.length, page: position.page }
  const next = pages.next(seen)
  const high = items.reduce<Mark | null>((mark, item) => higher(mark, options.since?.of(item)), position.high)
  const found = { items: items.map((item) => incoming(options, item)), more: next !== null }
  if (next !== null)
    return { ...found, cursor: JSON.stringify({ ...position, page: next, high, etag: null }) }
  const later: Position = {
    page: pages.later?.(seen) ?? null,
    since: high ?? position.since,
    high: null,
    etag: position.page === null && high === null ? (reply.header('etag') ?? null) : null,
  }
  return { ...found, cursor: JSON.stringify(later) }
}

function pathOf({ options, client, overlapMs }: Reading, request: PageRequest, position: Position): string {
  if ('url' in request) {
    const origin = client.base?.origin ?? ''
    const whole = sameHost(request.url, { origin, path: `${client.base?.path ?? ''}${options.path}` })
    return `${origin}${whole}`
  }
  const since = position.since ?? options.since?.first ?? null
  const changed =
    options.since === undefined || since === null ? {} : { [options.since.param]: earlier(since, overlapMs) }
  return withQuery(options.path, { ...options.query, ...changed, ...request.query })
}

/** A mark some time earlier; one that is no time stays as it is. */
function earlier(mark: Mark, ms: number): Mark {
  if (ms === 0) return mark
  if (typeof mark === 'number') return mark - ms
  const at = Date.parse(mark)
  return Number.isNaN(at) ? mark : new Date(at - ms).toISOString()
}

function higher(a: Mark | null, b: Mark | undefined): Mark | null {
  if (b === undefined || b === null || b === '') return a
  return a === null || b > a ? b : a
}

function itemsOf(
  options: HttpPollOptions<unknown>,
  reply: HttpReply,
): { readonly body: unknown; readonly items: readonly unknown[] } {
  const body = jsonOf(options.name, reply)
  const items = options.items === undefined ? body : options.items(body as never)
  if (Array.isArray(items)) return { body, items }
  throw new LinkspanError(
    'CALL_REPLY_INVALID',
    `The reply to "${options.name}" holds no list of items. Say where they are: items: (body) => body.values.`,
    { retry: 'later', applied: 'no' },
  )
}

function jsonOf(name: string, reply: HttpReply): unknown {
  try {
    return reply.json()
  } catch (cause) {
    throw new LinkspanError('CALL_REPLY_INVALID', `The reply to "${name}" is not JSON.`, {
      retry: 'later',
      applied: 'no',
      cause,
    })
  }
}

/** An item whose identity cannot be told has none: its flow decides what becomes of it. */
function incoming({ identity }: HttpPollOptions<unknown>, item: unknown): Incoming {
  try {
    const dedupeKey = identity?.(item as never)
    return dedupeKey === undefined ? { body: item } : { body: item, dedupeKey: String(dedupeKey) }
  } catch {
    return { body: item }
  }
}

/** Gone, or a place that the service does not know any more. */
function isGone(thrown: unknown): boolean {
  if (!isLinkspanError(thrown, 'CALL_REJECTED')) return false
  return [400, 404, 410].includes(Number(thrown.details['status']))
}

function positionOf(name: string, cursor: string | null): Position {
  if (cursor === null) return START
  try {
    const kept = JSON.parse(cursor) as Partial<Position>
    if (typeof kept === 'object' && kept !== null && 'page' in kept) return { ...START, ...kept }
  } catch {
    // It was written by another kind of source.
  }
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The position of the source "${name}" is not one of this kind of source. Give the flow another name, so that it begins anew.`,
  )
}

/** A request of a source has no message, and its own time limit. */
function quietCall(look: Look, client: HttpClient, timeoutMs: number): CallContext {
  const late = new LinkspanError('CALL_TIMED_OUT', `It did not answer within ${timeoutMs} ms.`, {
    retry: 'later',
    applied: 'no',
  })
  return {
    messageId: '',
    mark: '',
    signal: look.signal,
    onAbort: (run) => {
      const abort = (): void => run(look.signal.reason)
      const cancel = client.clock.timer(timeoutMs, () => run(late))
      if (look.signal.aborted) abort()
      else look.signal.addEventListener('abort', abort, { once: true })
      return () => {
        cancel()
        look.signal.removeEventListener('abort', abort)
      }
    },
    maySend: () => true,
    jsonText: (value) => JSON.stringify(value),
    timeoutMs,
    firstMadeAt: null,
    attempt: 1,
    limits: look.limits,
    traceparent: '',
  }
}
