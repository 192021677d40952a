import { type ErrorCode, LinkspanError, restoreError, type StoredError } from '../model/errors.ts'
import type { Progress } from '../runtime/admin-api.ts'
import {
  ADMIN_CALLS,
  ADMIN_PREFIX,
  type AdminClient,
  type AdminLine,
  queryToSearch,
} from './admin-contract.ts'
import { type Fetch, platformFetch } from './platform-fetch.ts'

export type { AdminClient } from './admin-contract.ts'

/** Where the engine is, and how to get in. */
export interface AdminClientOptions {
  /** As `http://127.0.0.1:7070`. */
  readonly url: string
  readonly token: string
  /** @default the platform's */
  readonly fetch?: Fetch
}

/** What goes over for one call. */
interface Sent {
  readonly params?: Readonly<Record<string, string>>
  readonly search?: URLSearchParams
  readonly body?: object
  readonly progress?: Progress | undefined
}

type Call = (name: keyof AdminClient, sent?: Sent) => Promise<never>

/**
 * The admin API of a running engine, as if it were here: the same methods, answers and errors. Rejects with
 * `CONNECTION_FAILED` when no engine answers there and `UNAUTHENTICATED` when the token is not its own.
 *
 * @example
 * ```ts
 * import { createAdminClient } from 'linkspan/serve'
 * const admin = createAdminClient({ url: 'http://127.0.0.1:7070', token: 'the one in engine.json' })
 * const { state } = await admin.status()
 * ```
 */
export function createAdminClient(options: AdminClientOptions): AdminClient {
  const call = caller(options)
  return {
    status: () => call('status'),
    flows: () => call('flows'),
    graph: (flow) => call('graph', { params: { flow } }),
    stats: () => call('stats'),
    cluster: () => call('cluster'),
    keys: (flow, limit) => call('keys', { search: searchOf({ flow, limit }) }),
    messages: (query) => call('messages', { search: queryToSearch(query) }),
    causes: () => call('causes'),
    trace: (id) => call('trace', { params: { id } }),
    reply: (id) => call('reply', { params: { id } }),
    pause: (flow) => call('pause', { params: { flow } }),
    resume: (flow) => call('resume', { params: { flow } }),
    skipKey: (flow, key, note) => call('skipKey', { params: { flow }, body: { key, note } }),
    accept: (flow, incoming, options) =>
      call('accept', { params: { flow }, body: { ...incoming, ...options } }),
    cancel: (id, note) => call('cancel', { params: { id }, body: { note } }),
    resolve: (id, applied, { result, note }) =>
      call('resolve', { params: { id }, body: { applied, result, note } }),
    drop: (selection, note) => call('drop', { body: { selection, note } }),
    redeliver: (selection, { progress, ...rest }) =>
      call('redeliver', { body: { selection, ...rest }, progress }),
    replay: (selection, progress) => call('replay', { body: { selection }, progress }),
    check: (progress) => call('check', { progress }),
    verify: (progress) => call('verify', { progress }),
    raise: (event, key, value, options) =>
      call('raise', { params: { event }, body: { key, value, ...options } }),
    completeGroups: (flow, step, key) => call('completeGroups', { params: { flow }, body: { step, key } }),
    backup: (path, progress) => call('backup', { body: { path }, progress }),
  }
}

function searchOf(values: Readonly<Record<string, string | number | null>>): URLSearchParams {
  const given = Object.entries(values).filter(([, value]) => value !== null)
  return new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)]))
}

function caller(options: AdminClientOptions): Call {
  const { url, token, fetch: send = platformFetch } = options
  return async (name, sent = {}) => {
    const { verb, long } = ADMIN_CALLS[name]
    const body = verb === 'POST' ? { body: JSON.stringify(sent.body ?? {}) } : {}
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await reach(url, () =>
      send(addressOf(url, name, sent), { method: verb, headers, ...body }),
    )
    if (!response.ok) throw await failureOf(response, url)
    if (response.status === 204) return undefined as never
    if (!long) return (await jsonOf(response, url)) as never
    return (await followed(response, url, sent.progress)) as never
  }
}

function addressOf(url: string, name: keyof AdminClient, { params = {}, search }: Sent): string {
  const path = ADMIN_CALLS[name].path.replace(/:(\w+)/g, (_, param: string) =>
    encodeURIComponent(params[param] ?? ''),
  )
  const query = search === undefined || search.size === 0 ? '' : `?${search}`
  return `${url.replace(/\/+$/, '')}${ADMIN_PREFIX}${path}${query}`
}

async function reach<T>(url: string, act: () => Promise<T>): Promise<T> {
  try {
    return await act()
  } catch (thrown) {
    const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown
    const why = cause instanceof Error ? cause.message || cause.name : String(cause)
    throw new LinkspanError('CONNECTION_FAILED', `No engine answers at ${url}: ${why}. Check that it runs.`, {
      retry: 'later',
      details: { url },
      cause: thrown,
    })
  }
}

async function jsonOf(response: Response, url: string): Promise<unknown> {
  const text = await reach(url, () => response.text())
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw notOurs(response.status, url, cause)
  }
}

function notOurs(status: number, url: string, cause?: unknown): LinkspanError {
  return new LinkspanError(
    'CALL_REPLY_INVALID',
    `${url} answered ${status} with something that is not the admin API of a Linkspan engine. Check the address.`,
    { details: { url, status }, ...(cause === undefined ? {} : { cause }) },
  )
}

interface ProblemLike {
  readonly code?: string
  readonly detail?: string
  readonly instance?: string
  readonly error?: StoredError
}

/** Words of the HTTP layer in the engine's own. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  FORBIDDEN: 'UNAUTHENTICATED',
  REQUEST_INVALID: 'CONFIG_INVALID',
  BODY_MALFORMED: 'CONFIG_INVALID',
  BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  UNEXPECTED: 'UNEXPECTED',
}

async function failureOf(response: Response, url: string): Promise<LinkspanError> {
  const problem = (await jsonOf(response, url)) as ProblemLike | null
  if (problem?.error !== undefined) return restoreError(problem.error)
  const code = Object.hasOwn(CODES, problem?.code ?? '') ? CODES[problem?.code as string] : undefined
  if (code === undefined) return notOurs(response.status, url)
  const { detail = `${url} answered ${response.status}.`, instance } = problem ?? {}
  return new LinkspanError(code, detail, { details: { url, status: response.status, instance } })
}

/** Reads the lines of long work and answers the last one. */
async function followed(response: Response, url: string, progress: Progress | undefined): Promise<unknown> {
  for await (const line of linesOf(response, url)) {
    if (line === '') continue
    const said = parsed(line, response.status, url)
    if ('progress' in said) progress?.(...said.progress)
    else if ('error' in said) throw restoreError(said.error as StoredError)
    else return said.result ?? undefined
  }
  throw new LinkspanError(
    'CONNECTION_FAILED',
    `The connection to ${url} ended before the work did. The engine goes on with it; ask for its state.`,
    { retry: 'later', applied: 'unknown', details: { url } },
  )
}

function parsed(line: string, status: number, url: string): AdminLine {
  try {
    return JSON.parse(line) as AdminLine
  } catch (cause) {
    throw notOurs(status, url, cause)
  }
}

async function* linesOf(response: Response, url: string): AsyncGenerator<string> {
  const reader = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  try {
    for (;;) {
      const { done, value } = await reach(url, () => reader.read())
      if (done) break
      const lines = (rest + value).split('\n')
      rest = lines.pop() as string
      yield* lines
    }
    if (rest !== '') yield rest
  } finally {
    reader.cancel().catch(() => undefined)
  }
}
