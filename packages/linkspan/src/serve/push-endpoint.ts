import { isLinkspanError, LinkspanError } from '../model/errors.ts'
import type { Headers, Json } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'
import type { Accepted, Intake } from '../runtime/engine-api.ts'
import type { Authenticated, Credentials, Verify } from './auth/scheme.ts'
import type { Lookup } from './auth/secret.ts'
import { type BodyPlan, planBody, type ReadBody } from './body.ts'
import { type Answer, type Endpoint, type Exchange, jsonAnswer, type Params } from './exchange.ts'
import { pagePath, replyPath } from './message-path.ts'
import { refusal } from './refusal.ts'
import type { PushRoute, RouteInput } from './route.ts'

/** What a route's endpoint uses of the engine. */
export interface PushTools {
  readonly intake: Intake
  readonly clock: Clock
  readonly lookup: Lookup
  readonly bodyLimit: number
}

/** A route at work for one flow. */
interface Push {
  readonly flow: string
  readonly route: PushRoute
  readonly verify: Verify | null
  readonly tools: PushTools
  readonly bodyLimit: number
}

/** The endpoint of a flow's route: authenticate, read, accept, and answer once the message is committed. */
export function pushEndpoint(flow: string, route: PushRoute, tools: PushTools): Endpoint {
  const { method, path } = route
  const verify = route.auth?.prepare(tools.lookup, `The route "${method} ${path}"`) ?? null
  const push: Push = { flow, route, verify, tools, bodyLimit: route.bodyLimit ?? tools.bodyLimit }
  return {
    method,
    path,
    label: `the flow "${flow}"`,
    handle: (exchange, params) => accept(push, exchange, params),
  }
}

const NO_BYTES = new Uint8Array(0)
const NO_BODY: ReadBody = { body: null, json: null }
const NOBODY: Authenticated = {}

async function accept(push: Push, exchange: Exchange, params: Params): Promise<Answer> {
  const { intake } = push.tools
  if (intake.refusing !== null) throw intake.refusing
  const early = push.route.auth?.stage === 'headers' ? authenticate(push, exchange, NO_BYTES) : NOBODY
  const plan = bodyPlan(push.route, exchange)
  const bytes = plan === null ? NO_BYTES : await exchange.read(push.bodyLimit)
  const sender = push.route.auth?.stage === 'body' ? authenticate(push, exchange, bytes) : early
  const headers = keptHeaders(push.route, exchange)
  const read = plan === null ? NO_BODY : plan(bytes)
  const given =
    push.route.input === null
      ? asRead(read)
      : { body: mapped(push.route.input, read.body, { exchange, params, headers, sender }) }
  const dedupeKey = dedupeKeyOf(push.route, exchange, sender)
  const accepted = await intake.accept(push.flow, {
    ...given,
    headers,
    ...(dedupeKey === undefined ? {} : { dedupeKey }),
  })
  return push.route.respond === 'reply' ? awaitReply(push, exchange, accepted) : acceptedAnswer(accepted)
}

function asRead({ body, json }: ReadBody): { readonly body: Json; readonly json?: Uint8Array } {
  return json === null ? { body } : { body, json }
}

function authenticate({ verify, tools }: Push, exchange: Exchange, body: Uint8Array): Authenticated {
  if (verify === null) return NOBODY
  const credentials: Credentials = { header: (name) => exchange.header(name), body, now: tools.clock.now() }
  return verify(credentials)
}

/** Null where no body is read: of GET, and of a DELETE that says nothing of one. */
function bodyPlan({ method, body }: PushRoute, exchange: Exchange): BodyPlan | null {
  const contentType = exchange.header('content-type')
  if (method === 'GET' || (method === 'DELETE' && contentType === null && !announcesBody(exchange)))
    return null
  return planBody(body, contentType, exchange.header('content-encoding'))
}

function announcesBody(exchange: Exchange): boolean {
  const length = exchange.header('content-length')
  return exchange.header('transfer-encoding') !== null || (length !== null && length !== '0')
}

const NO_HEADERS: Headers = {}
const MAX_KEPT_LENGTH = 4_096

function keptHeaders({ headers }: PushRoute, exchange: Exchange): Headers {
  let kept: Record<string, string> | null = null
  for (const name of headers) {
    const value = exchange.header(name)
    if (value === null) continue
    if (value.length > MAX_KEPT_LENGTH) throw tooLong(name)
    kept ??= {}
    kept[name] = value
  }
  return kept ?? NO_HEADERS
}

function tooLong(name: string): Error {
  return refusal('REQUEST_MALFORMED', `The header "${name}" is longer than ${MAX_KEPT_LENGTH} characters.`)
}

/** What of a request a mapper is told of beside the body. */
interface Around {
  readonly exchange: Exchange
  readonly params: Params
  readonly headers: Headers
  readonly sender: Authenticated
}

/** A mapper meets bodies that no schema has seen yet: what it stumbles over is the body's fault. */
function mapped(input: (given: RouteInput) => unknown, body: Json, around: Around): unknown {
  const { exchange, params, headers, sender } = around
  const query = new URLSearchParams(exchange.search)
  try {
    return input({ body, params, query, headers, caller: sender.caller ?? null })
  } catch (thrown) {
    if (isLinkspanError(thrown)) throw thrown
    throw new LinkspanError('BODY_INVALID', 'The request is not what this route expects.', { cause: thrown })
  }
}

const MAX_DEDUPE_LENGTH = 512

function dedupeKeyOf({ dedupeBy }: PushRoute, exchange: Exchange, sender: Authenticated): string | undefined {
  const named = dedupeBy === null ? null : exchange.header(dedupeBy)
  // An empty name names nothing: as a key it would make all such deliveries one.
  const key = named === null || named === '' ? sender.dedupeKey : ofCaller(named, sender.caller)
  if (key === undefined || key.length <= MAX_DEDUPE_LENGTH) return key
  throw refusal('REQUEST_MALFORMED', `The delivery's id is longer than ${MAX_DEDUPE_LENGTH} characters.`)
}

/** Callers choose their keys without knowing of each other. No header holds a line break. */
function ofCaller(key: string, caller: string | undefined): string {
  return caller === undefined ? key : `${caller}\n${key}`
}

function acceptedAnswer({ id, duplicate }: Accepted): Answer {
  return jsonAnswer(202, duplicate ? { id, duplicate } : { id }, { location: pagePath(id) })
}

async function awaitReply(push: Push, exchange: Exchange, accepted: Accepted): Promise<Answer> {
  const { intake } = push.tools
  let found: Awaited<ReturnType<Intake['reply']>>
  try {
    found = await intake.reply(accepted.id, {
      timeoutMs: push.route.replyTimeoutMs,
      signal: exchange.gone(),
    })
  } catch {
    // Too slow, or it cannot be read now: the message is accepted all the same, and a sender must not send it again.
    return laterAnswer(accepted)
  }
  if (found !== null) return jsonAnswer(200, found.reply, { location: pagePath(accepted.id) })
  throw new LinkspanError('REPLY_MISSING', `Message ${accepted.id} ended without a reply.`)
}

function laterAnswer({ id, duplicate }: Accepted): Answer {
  const reply = replyPath(id)
  return jsonAnswer(202, duplicate ? { id, duplicate, reply } : { id, reply }, { location: pagePath(id) })
}
