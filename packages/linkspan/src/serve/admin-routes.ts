import { type Graph, graph } from '../flow/graph.ts'
import { isLinkspanError, LinkspanError, storeError } from '../model/errors.ts'
import type { Outside } from '../model/outside.ts'
import type { Admin, Progress } from '../runtime/admin-api.ts'
import type { Intake } from '../runtime/engine-api.ts'
import {
  type Arguments,
  incomingOf,
  numberFrom,
  optionalCount,
  optionalTruth,
  queryFromSearch,
  raisedOf,
  selectionOf,
  textOf,
  truthOf,
} from './admin-arguments.ts'
import { ADMIN_CALLS, ADMIN_PREFIX, type AdminClient } from './admin-contract.ts'
import { unauthenticated } from './auth/scheme.ts'
import { digestOf, indexOfSame } from './auth/secret.ts'
import {
  type Answer,
  type Endpoint,
  type Exchange,
  emptyAnswer,
  jsonAnswer,
  type Params,
} from './exchange.ts'
import { parseJson } from './json-text.ts'
import { longAnswer } from './long-answer.ts'
import { problemAnswer, problemOf } from './problem.ts'
import { refusal } from './refusal.ts'

/** Who may use the admin API. */
export interface AdminAccess {
  readonly token: string
  /** True when the token was made at start and not configured: then only this machine may use it. */
  readonly loopbackOnly: boolean
}

/** What a request gives to a method of {@link AdminClient}. */
interface Given {
  readonly params: Params
  readonly search: URLSearchParams
  readonly body: Arguments
  readonly progress: Progress
}

/** What the admin API acts on. */
export interface AdminTargets {
  readonly admin: Admin
  readonly intake: Pick<Intake, 'accept'>
}

type Run = (admin: Admin, given: Given, intake: AdminTargets['intake']) => Promise<unknown>

const RUNS: Readonly<Record<keyof AdminClient, Run>> = {
  status: (admin) => admin.status(),
  flows: (admin) => admin.flows(),
  graph: (admin, { params }) => graphOf(admin, named(params, 'flow')),
  stats: (admin) => admin.stats(),
  cluster: (admin) => admin.cluster(),
  keys: (admin, { search }) => admin.keys(search.get('flow'), numberFrom(search, 'limit') ?? 100),
  messages: (admin, { search }) => admin.messages(queryFromSearch(search)),
  causes: (admin) => admin.causes(),
  trace: (admin, { params }) => admin.trace(named(params, 'id')),
  reply: (admin, { params }) => admin.reply(named(params, 'id')),
  pause: (admin, { params }) => admin.pause(named(params, 'flow')),
  resume: (admin, { params }) => admin.resume(named(params, 'flow')),
  skipKey: (admin, { params, body }) =>
    admin.skipKey(named(params, 'flow'), textOf(body, 'key'), textOf(body, 'note')),
  accept: (_admin, { params, body }, intake) => {
    const { key, ...incoming } = incomingOf(body)
    return intake.accept(named(params, 'flow'), incoming, key === undefined ? undefined : { key })
  },
  cancel: (admin, { params, body }) => admin.cancel(named(params, 'id'), textOf(body, 'note')),
  resolve: (admin, { params, body }) =>
    admin.resolve(named(params, 'id'), truthOf(body, 'applied'), {
      ...(body['result'] === undefined ? {} : { result: body['result'] }),
      note: textOf(body, 'note'),
    }),
  drop: (admin, { body }) => admin.drop(selectionOf(body), textOf(body, 'note')),
  redeliver: (admin, { body, progress }) => {
    const perSecond = optionalCount(body, 'perSecond')
    const fresh = optionalTruth(body, 'fresh')
    return admin.redeliver(selectionOf(body), {
      ...(perSecond === undefined ? {} : { perSecond }),
      ...(fresh === undefined ? {} : { fresh }),
      note: textOf(body, 'note'),
      progress,
    })
  },
  replay: (admin, { body, progress }) => admin.replay(selectionOf(body), progress),
  check: (admin, { progress }) => admin.check(progress),
  verify: (admin, { progress }) => admin.verify(progress),
  raise: (admin, { params, body }) => {
    const { key, value, ...options } = raisedOf(body)
    return admin.raise(named(params, 'event'), key, value, options)
  },
  completeGroups: (admin, { params, body }) =>
    admin.completeGroups(
      named(params, 'flow'),
      textOf(body, 'step'),
      body['key'] === null ? null : textOf(body, 'key'),
    ),
  backup: (admin, { body, progress }) => admin.backup(textOf(body, 'path'), progress),
}

async function graphOf(admin: Admin, name: string): Promise<Graph> {
  const flows = await admin.flows()
  const found = flows.find((flow) => flow.name === name)
  if (found !== undefined) return graph(found.definition)
  const known = flows.map((flow) => flow.name).join(', ') || 'none'
  throw new LinkspanError('FLOW_UNKNOWN', `There is no flow "${name}". The project has: ${known}.`)
}

function named(params: Params, name: string): string {
  return params[name] as string
}

/** The admin API: each method of {@link AdminClient} under one prefix, for whoever has the token. */
export function adminEndpoints(
  { admin, intake }: AdminTargets,
  access: AdminAccess,
  outside: Outside,
): readonly Endpoint[] {
  const authorize = authorizer(access)
  return (Object.keys(ADMIN_CALLS) as (keyof AdminClient)[]).map((name) => {
    const { verb, path, long } = ADMIN_CALLS[name]
    const answer = long ? longAnswer(outside) : plainAnswer
    return {
      method: verb,
      path: `${ADMIN_PREFIX}${path}`,
      label: 'the admin API',
      safe: verb === 'GET',
      streams: true,
      handle: async (exchange, params) => {
        authorize(exchange)
        const given = await givenBy(exchange, params)
        return restorable(exchange, () =>
          answer((progress) => RUNS[name](admin, { ...given, progress }, intake)),
        )
      },
    }
  })
}

const CHALLENGE = 'Bearer realm="linkspan"'
const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|::1|::ffff:127(?:\.\d{1,3}){3})$/

function authorizer({ token, loopbackOnly }: AdminAccess): (exchange: Exchange) => void {
  const known = [digestOf(token)]
  return (exchange) => {
    if (loopbackOnly && !LOOPBACK.test(exchange.remoteAddress() ?? ''))
      throw refusal(
        'FORBIDDEN',
        'The admin API answers on this machine only. Set http.adminToken to use it from others.',
      )
    const [, given] = /^Bearer +(\S+)$/i.exec(exchange.header('authorization') ?? '') ?? []
    if (given === undefined) throw unauthenticated('The admin API needs a bearer token.', CHALLENGE)
    if (indexOfSame(given, known) === -1)
      throw unauthenticated(
        'The bearer token is not the one of this engine. Give its admin token.',
        CHALLENGE,
      )
  }
}

const BODY_LIMIT = 16 * 1_024 * 1_024
const decoder = new TextDecoder('utf-8', { fatal: true })

async function givenBy(exchange: Exchange, params: Params): Promise<Omit<Given, 'progress'>> {
  const search = new URLSearchParams(exchange.search)
  const bytes = exchange.method === 'POST' ? await exchange.read(BODY_LIMIT) : new Uint8Array(0)
  return { params, search, body: bytes.length === 0 ? {} : argumentsOf(bytes) }
}

function argumentsOf(bytes: Uint8Array): Arguments {
  const value = parseJson(decoded(bytes))
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Arguments
  throw refusal('REQUEST_INVALID', 'The body has to be a JSON object.')
}

function decoded(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw refusal('BODY_MALFORMED', 'The body is not valid UTF-8.')
  }
}

async function plainAnswer(work: (progress: Progress) => Promise<unknown>): Promise<Answer> {
  const result = await work(() => undefined)
  const fresh = { 'cache-control': 'no-store' }
  return result === undefined ? emptyAnswer(204, fresh) : jsonAnswer(200, result, fresh)
}

/** The engine's own errors go to its administrator whole, so that the client can throw them again. */
async function restorable(exchange: Exchange, answer: () => Promise<Answer>): Promise<Answer> {
  try {
    return await answer()
  } catch (thrown) {
    if (!isLinkspanError(thrown)) throw thrown
    const { problem, headers } = problemOf(thrown, exchange.path)
    return problemAnswer(problem, headers, { error: storeError(thrown) })
  }
}
