import type { Result, Router } from 'hono/router'
import { RegExpRouter } from 'hono/router/reg-exp-router'
import { SmartRouter } from 'hono/router/smart-router'
import { TrieRouter } from 'hono/router/trie-router'
import { LinkspanError } from '../model/errors.ts'
import type { Endpoint, Params } from './exchange.ts'
import { compareSpecificity, decodeParam, shapeOf } from './route-path.ts'

/** An endpoint with the parameters of the path that found it. */
export interface Found {
  readonly endpoint: Endpoint
  readonly params: Params
}

/** Finds the endpoint of a request. */
export interface EndpointTable {
  /** `path` in canonical form. */
  find(method: string, path: string): Found | null
  /** The methods that a path has; none when there is nothing there. */
  methodsAt(path: string): readonly string[]
}

/**
 * Makes the table. A fixed path goes before one with a parameter in its place, in whatever order they were declared.
 * @throws {LinkspanError} `CONFIG_INVALID` when two endpoints have the same method and path.
 */
export function endpointTable(endpoints: readonly Endpoint[]): EndpointTable {
  refuseSame(endpoints)
  const router: Router<Endpoint> = new SmartRouter({ routers: [new RegExpRouter(), new TrieRouter()] })
  const methods = [...new Set(endpoints.map(({ method }) => method))].sort()
  for (const endpoint of endpoints.toSorted((a, b) => compareSpecificity(a.path, b.path)))
    router.add(endpoint.method, endpoint.path, endpoint)
  return {
    find: (method, path) => first(router.match(method, path)),
    methodsAt: (path) => methods.filter((method) => router.match(method, path)[0].length > 0),
  }
}

const NO_PARAMS: Params = {}

function first(result: Result<Endpoint>): Found | null {
  const [matches, stash] = result
  const match = matches[0]
  if (match === undefined) return null
  const [endpoint, named] = match
  const entries = Object.entries(named)
  if (entries.length === 0) return { endpoint, params: NO_PARAMS }
  return {
    endpoint,
    params: Object.fromEntries(
      entries.map(([name, value]) => [name, decodeParam(name, stash ? stash[value as number] : value)]),
    ) as Params,
  }
}

function refuseSame(endpoints: readonly Endpoint[]): void {
  const taken = new Map<string, Endpoint>()
  for (const endpoint of endpoints) {
    const place = `${endpoint.method} ${shapeOf(endpoint.path)}`
    const other = taken.get(place)
    if (other !== undefined) throw same(endpoint, other)
    taken.set(place, endpoint)
  }
}

function same(endpoint: Endpoint, other: Endpoint): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    `"${endpoint.method} ${endpoint.path}" is there twice: for ${other.label} and for ${endpoint.label}. Give one of them another path.`,
    { details: { method: endpoint.method, path: endpoint.path, by: [other.label, endpoint.label] } },
  )
}
