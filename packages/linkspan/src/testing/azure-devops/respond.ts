import { demandScope, SignIn, scopesOf, type TokenScopes } from './access.ts'
import type { Faults, SimulatorFault } from './faults.ts'
import { NOTHING } from './git-store.ts'
import { locationsAnswer } from './locations.ts'
import type { Metered } from './rate-limit.ts'
import { type Answer, type Call, matchRoute, type Route } from './routes.ts'
import { badRequest, failureBody, refuse, ServiceFailure } from './service-failure.ts'
import { present, updateItem } from './work-item-store.ts'
import { type Project, projectRef, type World } from './world.ts'

/** The connection is cut: nothing is answered. */
export class ConnectionLost extends Error {
  constructor() {
    super('The simulator cut the connection.')
    this.name = 'ConnectionLost'
  }
}

/** A request as it was seen, for tests to look at. */
export interface SeenRequest {
  readonly method: string
  /** Below the organization, without the query. */
  readonly path: string
  readonly query: string
  readonly fault: SimulatorFault['kind'] | null
  readonly status: number | null
}

/** What answering takes. */
export interface Service {
  readonly world: World
  readonly routes: readonly Route[]
  readonly tokens: ReadonlyMap<string, TokenScopes>
  readonly faults: Faults
  readonly meter: (now: number) => Metered
  readonly seen: SeenRequest[]
}

/** Answers one request; rejects with {@link ConnectionLost} where nothing is to be answered. */
export async function respond(service: Service, request: Request): Promise<Response> {
  const url = new URL(request.url)
  const path = pathBelow(service.world, url.pathname)
  const { method } = request
  const bytes = new Uint8Array(await request.arrayBuffer())
  const fault = path === null ? null : service.faults.take(method, path)
  const note = (status: number | null): void =>
    void service.seen.push({
      method,
      path: path ?? url.pathname,
      query: url.search,
      fault: fault?.kind ?? null,
      status,
    })
  const metered = service.meter(service.world.clock.now())
  const early = metered.refused ? throttled(metered.headers) : before(service, fault, path ?? '')
  if (early === 'lost') {
    note(null)
    throw new ConnectionLost()
  }
  const response = early ?? answer(service, request, url, path, bytes)
  note(response.status)
  for (const [name, value] of Object.entries(metered.headers)) response.headers.set(name, value)
  return after(fault, response, request.signal)
}

function pathBelow({ organization }: World, pathname: string): string | null {
  const prefix = `/${organization.toLowerCase()}/`
  return pathname.toLowerCase().startsWith(prefix) ? pathname.slice(prefix.length - 1) : null
}

function before(service: Service, fault: SimulatorFault | null, path: string): Response | 'lost' | null {
  if (fault === null) return null
  const wait =
    'retryAfter' in fault && fault.retryAfter !== undefined ? { 'retry-after': String(fault.retryAfter) } : {}
  if (fault.kind === 'throttled') return throttled({ 'retry-after': '1', ...wait })
  if (fault.kind === 'unavailable')
    return failed(new ServiceFailure(503, 'ServiceUnavailableException', 'The service is unavailable.', wait))
  if (fault.kind === 'error')
    return failed(new ServiceFailure(500, 'InternalErrorException', 'An unexpected error occurred.'))
  if (fault.kind === 'sign-in') return failed(new SignIn(203))
  if (fault.kind === 'stale') makeStale(service.world, path)
  return fault.kind === 'lost' ? 'lost' : null
}

/** Somebody else is quicker. */
function makeStale(world: World, path: string): void {
  const item = world.items.get(Number(/\/workitems\/(\d+)/i.exec(path)?.[1]))
  if (item) {
    const priority = Number(present(item).fields['Microsoft.VSTS.Common.Priority'] ?? 1) + 1
    updateItem(world, item, {
      by: world.user,
      operations: [{ op: 'add', path: '/fields/Microsoft.VSTS.Common.Priority', value: priority }],
    })
  }
  const repository = world.repositories.find(
    ({ id, name }) => path.includes(`/${id}/`) || path.includes(`/${name}/`),
  )
  if (repository === undefined || item) return
  for (const [name, head] of repository.refs) if (head !== NOTHING) repository.refs.set(name, world.sha())
}

function throttled(headers: Readonly<Record<string, string>>): Response {
  return failed(
    new ServiceFailure(
      429,
      'RequestBlockedException',
      "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource 'Concurrency' in namespace 'User'.",
      headers,
    ),
  )
}

async function after(
  fault: SimulatorFault | null,
  response: Response,
  signal: AbortSignal,
): Promise<Response> {
  if (fault === null) return response
  if (fault.kind === 'lost-after') throw new ConnectionLost()
  if (fault.kind === 'error-after')
    return failed(new ServiceFailure(500, 'InternalErrorException', 'An unexpected error occurred.'))
  if (fault.kind === 'delayed') response.headers.set('retry-after', String(fault.retryAfter))
  if (fault.kind !== 'silent-after') return response
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  throw new ConnectionLost()
}

function answer(
  service: Service,
  request: Request,
  url: URL,
  path: string | null,
  bytes: Uint8Array,
): Response {
  try {
    if (path === null)
      return refuse(404, 'VssResourceNotFoundException', `There is no organization at ${url.pathname}.`)
    return found(service, request, url, path, bytes)
  } catch (error) {
    if (error instanceof ServiceFailure) return failed(error)
    throw error
  }
}

function found(service: Service, request: Request, url: URL, path: string, bytes: Uint8Array): Response {
  const { world } = service
  const [front = '', rest = ''] = splitOnce(path, '/_apis')
  const segments = rest
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  if (request.method === 'OPTIONS') return toResponse({ body: locationsAnswer(segments[0] ?? '') })
  const scopes = scopesOf(request.headers, service.tokens)
  const fixed = common(world, request.method, segments)
  if (fixed !== null) return toResponse(fixed)
  const { route, params } = matchRoute(service.routes, request.method, segments)
  demandScope(scopes, route.scope)
  const query = caseless(url.searchParams)
  checkVersion(route, request, query('api-version'))
  const project = projectIn(world, front)
  if (route.project === 'needed' && project === null)
    refuse(404, 'ProjectDoesNotExistException', 'TF200015: The required project was not specified.')
  const call: Call = {
    world,
    project,
    params,
    query,
    headers: request.headers,
    bytes,
    by: world.user,
    json: <T>() => parse<T>(bytes),
  }
  return toResponse(route.run(call))
}

function splitOnce(text: string, by: string): readonly [string, string] {
  const at = text.indexOf(by)
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + by.length)]
}

function caseless(given: URLSearchParams): (name: string) => string | null {
  const known = new Map([...given].map(([name, value]) => [name.toLowerCase(), value]))
  return (name) => known.get(name.toLowerCase()) ?? null
}

function projectIn(world: World, front: string): Project | null {
  const [name] = front
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  if (name === undefined) return null
  const known = world.projects.find((one) => one.id === name || one.name.toLowerCase() === name.toLowerCase())
  return (
    known ??
    refuse(
      404,
      'ProjectDoesNotExistWithNameException',
      `TF200016: The following project does not exist: ${name}. Verify that the name of the project is correct and that the project exists on the specified Azure DevOps Server.`,
    )
  )
}

/** What is answered whatever the area: projects, and what clients ask first. */
function common(world: World, method: string, [area = '', id]: readonly string[]): Answer | null {
  if (method !== 'GET') return null
  const name = area.toLowerCase()
  if (name === 'resourceareas') return { body: { count: 0, value: [] } }
  if (name === 'connectiondata')
    return { body: { authenticatedUser: { id: world.user.id }, instanceId: world.user.id } }
  if (name !== 'projects') return null
  const all = world.projects.map((project) => projectRef(world, project))
  if (id === undefined) return { body: { count: all.length, value: all } }
  const one = all.find((project) => project['id'] === id || project['name'] === id)
  return one
    ? { body: one }
    : refuse(
        404,
        'ProjectDoesNotExistWithNameException',
        `TF200016: The following project does not exist: ${id}.`,
      )
}

function checkVersion(route: Route, request: Request, asked: string | null): void {
  const inHeader = /api-version=([\w.-]+)/.exec(request.headers.get('accept') ?? '')?.[1]
  const version = asked ?? inHeader ?? null
  if (version === null) {
    if (request.method === 'GET') return
    refuse(
      400,
      'VssVersionNotSpecifiedException',
      `No api-version was supplied for the "${request.method}" request. The version must be supplied either as part of the Accept header (e.g. "application/json; api-version=1.0") or as a query parameter (e.g. "?api-version=1.0").`,
    )
  }
  if (!/^\d+\.\d+(-preview(\.\d+)?)?$/.test(version))
    refuse(400, 'VssInvalidApiResourceVersionException', `The api-version '${version}' is not valid.`)
  if (Number.parseFloat(version) > 7.2)
    refuse(
      400,
      'VssVersionOutOfRangeException',
      `The requested REST API version of ${version} is out of range for this server. The latest REST API version this server supports is 7.2.`,
    )
  if (route.preview === true && !version.includes('-preview'))
    refuse(
      400,
      'VssInvalidPreviewVersionException',
      `The requested version "${version}" of the resource is under preview. The -preview flag must be supplied in the api-version for such requests. For example: "${version}-preview"`,
    )
}

function parse<T>(bytes: Uint8Array): T {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as T
  } catch {
    return badRequest('The body of the request is not JSON.')
  }
}

function toResponse({ status, body, bytes, headers = {} }: Answer): Response {
  if (bytes !== undefined) {
    const data = typeof bytes.data === 'string' ? bytes.data : new Uint8Array(bytes.data)
    return new Response(data, { status: status ?? 200, headers: { 'content-type': bytes.type, ...headers } })
  }
  if (body === undefined) return new Response(null, { status: status ?? 204, headers })
  const type = 'application/json; charset=utf-8; api-version=7.1'
  return new Response(JSON.stringify(body), {
    status: status ?? 200,
    headers: { 'content-type': type, ...headers },
  })
}

function failed(failure: ServiceFailure): Response {
  if (failure instanceof SignIn) return signIn(failure)
  return new Response(JSON.stringify(failureBody(failure)), {
    status: failure.status,
    headers: { 'content-type': 'application/json; charset=utf-8', ...failure.headers },
  })
}

function signIn({ status, message }: SignIn): Response {
  const page = `<!DOCTYPE html><html><head><title>${message}</title></head><body></body></html>`
  const location = status === 302 ? { location: 'https://spsprodweu1.vssps.visualstudio.com/_signin' } : {}
  return new Response(page, { status, headers: { 'content-type': 'text/html; charset=utf-8', ...location } })
}
