import { LinkspanError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { Query } from './path.ts'
import type { HttpReply } from './reply.ts'

/** What is sent to have a page: parameters beside those of the source, or an address that a reply named. */
export type PageRequest = { readonly query: Query } | { readonly url: string }

/** What a page was answered with. */
export interface SeenPage {
  readonly reply: HttpReply
  /** The reply's JSON. */
  readonly body: unknown
  /** How many items it holds. */
  readonly count: number
  /** Where the page was, as {@link Pages.next} said; null for the first. */
  readonly page: Json | null
}

/**
 * How a service hands out a list page by page. Where a page is, is plain data: it is kept in the journal between two pages.
 */
export interface Pages {
  readonly name: string
  /** What is sent for the page there; null for the first. */
  request(page: Json | null): PageRequest
  /** Where the next page is, or null after the last. */
  next(seen: SeenPage): Json | null
  /** Where the list goes on once there is something new, for services that say so with the last page. */
  later?(seen: SeenPage): Json | null
}

/** The list is one page. */
export const onePage: Pages = { name: 'one page', request: () => ({ query: {} }), next: () => null }

/**
 * Pages by number: until one holds fewer than `size` items, or none.
 *
 * @example
 * ```ts
 * import { pageNumber } from 'linkspan/http'
 * const pages = pageNumber({ size: 100, sizeParam: 'per_page' })
 * ```
 */
export function pageNumber(
  options: {
    /** @default 'page' */
    readonly param?: string
    /** The number of the first page. @default 1 */
    readonly first?: number
    /** How many items a full page holds; without it, an empty page is the last. */
    readonly size?: number
    /** The parameter that asks for `size` items. @default it is not sent */
    readonly sizeParam?: string
  } = {},
): Pages {
  const { param = 'page', first = 1, size, sizeParam } = options
  const asked = size === undefined || sizeParam === undefined ? {} : { [sizeParam]: size }
  return {
    name: 'by page number',
    request: (page) => ({ query: { [param]: Number(page ?? first), ...asked } }),
    next: ({ page, count }) => (count === 0 || count < (size ?? 1) ? null : Number(page ?? first) + 1),
  }
}

/** Pages by offset: until one holds fewer than `limit` items. */
export function offset(options: {
  readonly limit: number
  /** @default 'offset' */
  readonly param?: string
  /** @default 'limit' */
  readonly limitParam?: string
}): Pages {
  const { limit, param = 'offset', limitParam = 'limit' } = options
  return {
    name: 'by offset',
    request: (page) => ({ query: { [param]: Number(page ?? 0), [limitParam]: limit } }),
    next: ({ page, count }) => (count < limit ? null : Number(page ?? 0) + count),
  }
}

/** Pages by a cursor that each page holds for the next one: in its body, by `next`. */
export function cursorIn(
  next: (body: never) => string | null | undefined,
  options: { /** @default 'cursor' */ readonly param?: string } = {},
): Pages {
  const { param = 'cursor' } = options
  return {
    name: 'by cursor',
    request: (page) => ({ query: page === null ? {} : { [param]: String(page) } }),
    next: ({ body }) => next(body as never) || null,
  }
}

/** Pages by a token in a header of the reply, which the next request sends as a parameter: Azure DevOps' continuation token. */
export function continuationToken(
  options: {
    /** @default 'x-ms-continuationtoken' */
    readonly header?: string
    /** @default 'continuationToken' */
    readonly param?: string
  } = {},
): Pages {
  const { header = 'x-ms-continuationtoken', param = 'continuationToken' } = options
  return {
    name: 'by continuation token',
    request: (page) => ({ query: page === null ? {} : { [param]: String(page) } }),
    next: ({ reply }) => reply.header(header.toLowerCase()) || null,
  }
}

/** Pages by the `Link` header (RFC 8288) with `rel="next"`, as GitHub and GitLab have it. */
export function linkHeader(): Pages {
  return {
    name: 'by Link header',
    request: (page) => (page === null ? { query: {} } : { url: String(page) }),
    next: ({ reply }) => linked(reply.header('link'), 'next'),
  }
}

/**
 * Pages by the address of the next one in the body, and after the last one an address for what will be new: OData's
 * `@odata.nextLink` and `@odata.deltaLink`, as Microsoft Graph has them.
 */
export function deltaLinks(
  options: {
    readonly next?: (body: never) => string | null | undefined
    readonly delta?: (body: never) => string | null | undefined
  } = {},
): Pages {
  const { next = fieldOf('@odata.nextLink'), delta = fieldOf('@odata.deltaLink') } = options
  return {
    name: 'by delta link',
    request: (page) => (page === null ? { query: {} } : { url: String(page) }),
    next: ({ body }) => next(body as never) || null,
    later: ({ body }) => delta(body as never) || null,
  }
}

function fieldOf(name: string): (body: unknown) => string | null {
  return (body) => {
    const value = (body as Readonly<Record<string, unknown>> | null)?.[name]
    return typeof value === 'string' ? value : null
  }
}

/** A target between angle brackets with its parameters; values may be quoted, and `rel` may hold several words. */
const LINK = /<([^>]*)>\s*((?:;\s*[\w!#$&+.^`|~*-]+\s*(?:=\s*(?:"(?:[^"\\]|\\.)*"|[^\s;,"]+))?\s*)*)/g
const REL = /;\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))/i

/** The target of the first link of a relation in a `Link` header, or null. */
export function linked(header: string | undefined, relation: string): string | null {
  for (const [, target = '', parameters = ''] of (header ?? '').matchAll(LINK)) {
    const found = REL.exec(parameters)
    const relations = (found?.[1] ?? found?.[2] ?? '').toLowerCase().split(/\s+/)
    if (relations.includes(relation)) return target
  }
  return null
}

/** An address that a reply named, as one of the same host: path and query. Throws where it leads elsewhere. */
export function sameHost(url: string, request: { readonly origin: string; readonly path: string }): string {
  const found = URL.canParse(url, request.origin + request.path)
    ? new URL(url, request.origin + request.path)
    : null
  if (found?.origin === request.origin) return found.pathname + found.search
  throw new LinkspanError(
    'CALL_REPLY_INVALID',
    `The next page is said to be at ${found?.origin ?? 'no address'}, and the connection is bound to ${request.origin}: credentials go nowhere else.`,
    { retry: 'later', applied: 'no' },
  )
}
