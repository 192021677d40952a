import { badRequest, refuse } from './service-failure.ts'
import type { Identity, Project, World } from './world.ts'

/** A request as a handler sees it. */
export interface Call {
  readonly world: World
  readonly project: Project | null
  readonly params: Readonly<Record<string, string>>
  /** A parameter of the query, whatever the case of its name. */
  query(name: string): string | null
  readonly headers: Headers
  readonly bytes: Uint8Array
  readonly by: Identity
  /** The body as JSON. */
  json<T>(): T
}

/** What a handler answers: a body as JSON, or bytes of a type. */
export interface Answer {
  readonly status?: number
  readonly body?: unknown
  readonly bytes?: { readonly data: Uint8Array | string; readonly type: string }
  readonly headers?: Readonly<Record<string, string>>
}

/** What a token must allow, as the documentation of the REST API names it. */
export type Scope =
  | 'vso.work'
  | 'vso.work_write'
  | 'vso.code'
  | 'vso.code_write'
  | 'vso.code_status'
  | 'vso.threads_full'
  | 'vso.build'
  | 'vso.build_execute'
  | 'vso.project'

/** One route below `_apis`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE'
  /** Segments; `{name}` stands for any text. */
  readonly path: string
  readonly scope: Scope
  /** Whether the path must name a project before `_apis`. */
  readonly project: 'needed' | 'possible'
  /** Whether `api-version` must say `-preview`. */
  readonly preview?: boolean
  run(call: Call): Answer
}

/** A route and what its path holds. */
export interface Match {
  readonly route: Route
  readonly params: Readonly<Record<string, string>>
}

/** Finds the route of a path; a path that is known under other methods only is told apart. */
export function matchRoute(routes: readonly Route[], method: string, segments: readonly string[]): Match {
  let known = false
  for (const route of routes) {
    const params = paramsOf(route.path.split('/'), segments)
    if (params === null) continue
    known = true
    if (route.method === method) return { route, params }
  }
  const where = segments.join('/')
  if (known)
    return refuse(
      405,
      'VssRequestException',
      `The requested resource does not support http method '${method}'.`,
    )
  return refuse(
    404,
    'VssResourceNotFoundException',
    `The controller for path '/_apis/${where}' was not found or does not implement IController.`,
  )
}

function paramsOf(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | null {
  if (pattern.length !== segments.length) return null
  const params: Record<string, string> = {}
  for (const [at, part] of pattern.entries()) {
    const segment = segments[at] as string
    const name = /^(\$?)\{(\w+)\}$/.exec(part)
    if (name === null) {
      if (part.toLowerCase() !== segment.toLowerCase()) return null
    } else if (name[1] === '$') {
      if (!segment.startsWith('$')) return null
      params[name[2] as string] = segment.slice(1)
    } else {
      if (segment.startsWith('$')) return null
      params[name[2] as string] = segment
    }
  }
  return params
}

/** A list as the service wraps it. */
export function listOf(values: readonly unknown[], more: object = {}): Answer['body'] {
  return { count: values.length, value: values, ...more }
}

/** A whole number of the query. */
export function numberOf(call: Call, name: string, fallback: number): number {
  const given = call.query(name)
  if (given === null || given === '') return fallback
  const number = Number(given)
  if (Number.isInteger(number) && number >= 0) return number
  return badRequest(`The value '${given}' is not valid for ${name}.`)
}

/** A time of the query in milliseconds. */
export function timeOf(call: Call, name: string): number | null {
  const given = call.query(name)
  if (given === null || given === '') return null
  const at = Date.parse(given)
  return Number.isNaN(at) ? badRequest(`The value '${given}' is not valid for ${name}.`) : at
}

/** A word of an enumeration; clients may write it as its number. */
export function wordOf(words: readonly string[], given: unknown): string {
  const number = typeof given === 'number' || /^\d+$/.test(String(given)) ? Number(given) : Number.NaN
  const text = String(given).toLowerCase()
  const word = words[number] ?? words.find((one) => one.toLowerCase() === text)
  return word ?? badRequest(`The value '${String(given)}' is not valid. It is one of ${words.join(', ')}.`)
}

/** The id that a path names. */
export function idOf(call: Call, name: string): number {
  const id = Number(call.params[name])
  return Number.isInteger(id) ? id : badRequest(`The value '${call.params[name]}' is not valid for ${name}.`)
}

/** The project that a path names, for routes that need one. */
export function projectOf(call: Call): Project {
  return (
    call.project ??
    refuse(404, 'ProjectDoesNotExistException', 'TF200015: The required project was not specified.')
  )
}

/** A page of a list by a continuation token, which is the place of the next element. */
export function pageOf<T>(
  all: readonly T[],
  call: Call,
  top: number,
): { readonly items: readonly T[]; readonly headers: Readonly<Record<string, string>> } {
  const token = call.query('continuationToken')
  const from = token === null || token === '' ? 0 : Number(token)
  if (!Number.isInteger(from) || from < 0)
    return badRequest(`The continuation token '${token}' is not valid.`, 'InvalidContinuationTokenException')
  const items = all.slice(from, from + top)
  const rest = from + items.length < all.length
  return { items, headers: rest ? { 'x-ms-continuationtoken': String(from + items.length) } : {} }
}
