import type { Graph } from '../flow/graph.ts'
import type { MessageState } from '../model/message.ts'
import type { Admin, MessageQuery } from '../runtime/admin-api.ts'
import type { Intake } from '../runtime/engine-api.ts'

/** Where the admin API lives. */
export const ADMIN_PREFIX = '/_linkspan/v1'

/** What goes over the admin API: everything a person can do, and handing in messages. */
export type AdminClient = Admin &
  Pick<Intake, 'accept'> & {
    /** The graph of a flow, for drawing. Throws `FLOW_UNKNOWN`. */
    graph(flow: string): Promise<Graph>
  }

/** How one method of {@link AdminClient} goes over HTTP. */
export interface AdminCall {
  readonly verb: 'GET' | 'POST'
  /** Behind the prefix. */
  readonly path: string
  /** Long work: answered as lines of JSON, progress first and the result or error last. */
  readonly long: boolean
}

/** Each method of {@link AdminClient}. */
export const ADMIN_CALLS: Readonly<Record<keyof AdminClient, AdminCall>> = {
  status: { verb: 'GET', path: '/status', long: false },
  flows: { verb: 'GET', path: '/flows', long: false },
  graph: { verb: 'GET', path: '/flows/:flow/graph', long: false },
  stats: { verb: 'GET', path: '/stats', long: false },
  cluster: { verb: 'GET', path: '/cluster', long: false },
  keys: { verb: 'GET', path: '/keys', long: false },
  messages: { verb: 'GET', path: '/messages', long: false },
  causes: { verb: 'GET', path: '/causes', long: false },
  trace: { verb: 'GET', path: '/messages/:id/trace', long: false },
  reply: { verb: 'GET', path: '/messages/:id/reply', long: false },
  pause: { verb: 'POST', path: '/flows/:flow/pause', long: false },
  resume: { verb: 'POST', path: '/flows/:flow/resume', long: false },
  skipKey: { verb: 'POST', path: '/flows/:flow/skip-key', long: false },
  accept: { verb: 'POST', path: '/flows/:flow/messages', long: false },
  cancel: { verb: 'POST', path: '/messages/:id/cancel', long: false },
  resolve: { verb: 'POST', path: '/messages/:id/resolve', long: false },
  drop: { verb: 'POST', path: '/drop', long: true },
  redeliver: { verb: 'POST', path: '/redeliver', long: true },
  replay: { verb: 'POST', path: '/replay', long: true },
  check: { verb: 'POST', path: '/check', long: true },
  verify: { verb: 'POST', path: '/verify', long: true },
  raise: { verb: 'POST', path: '/events/:event/raise', long: false },
  completeGroups: { verb: 'POST', path: '/flows/:flow/complete-groups', long: false },
  backup: { verb: 'POST', path: '/backup', long: true },
}

/** One line of a long answer. An empty line only shows that the work goes on. */
export type AdminLine =
  | { readonly progress: readonly [done: number, total: number] }
  | { readonly result: unknown }
  | { readonly error: unknown }

/** All states that a query can name. */
export const STATES: readonly MessageState[] = [
  'active',
  'waiting',
  'done',
  'filtered',
  'dead',
  'inDoubt',
  'parked',
  'dropped',
]

const INDEX = 'index.'

/** A query as the query of a URL: `state` may stand there several times, an index field is `index.<name>`. */
export function queryToSearch(query: MessageQuery): URLSearchParams {
  const search = new URLSearchParams()
  const { states = [], index = {}, ...plain } = query
  for (const [name, value] of Object.entries(plain)) if (value !== undefined) search.set(name, String(value))
  if (query.states !== undefined && states.length === 0) search.append('state', '')
  for (const state of states) search.append('state', state)
  for (const [name, value] of Object.entries(index)) search.set(`${INDEX}${name}`, value)
  return search
}

/** The index fields of a URL's query. */
export function indexOfSearch(search: URLSearchParams): Readonly<Record<string, string>> | undefined {
  const entries = [...search].filter(([name]) => name.startsWith(INDEX))
  return entries.length === 0
    ? undefined
    : Object.fromEntries(entries.map(([name, value]) => [name.slice(INDEX.length), value]))
}
