import type { Duration } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { CallContext, Verdict } from '../connector.ts'
import { issuesText } from '../typed.ts'
import { conditionally } from './conditional.ts'
import { exchange } from './exchange.ts'
import { type FailedCall, httpError, type StatusMeaning } from './failure.ts'
import { type HttpClient, lowerCase } from './http-client.ts'
import type {
  GuaranteeKind,
  HttpMethod,
  ReadingOptions,
  RequestOptions,
  ResponseShape,
  VerifyGuarantee,
} from './http-operation.ts'
import { withQuery } from './path.ts'
import type { HttpReply } from './reply.ts'
import { readResult } from './result.ts'
import { limitsOf } from './retry-after.ts'
import { type Caller, identityOf, type Sending, type Target } from './sending.ts'
import type { Tokens } from './tokens.ts'

/** An operation as it runs: its options, with the types of input and result left behind. */
export interface RunOptions extends RequestOptions<unknown, ResponseShape>, ReadingOptions {
  readonly method: HttpMethod
  readonly guarantee: {
    readonly kind: GuaranteeKind
    readonly validFor?: Duration
    readonly settleAfter?: Duration
    readonly header?: string
    readonly quoted?: boolean
    readonly verify?: VerifyGuarantee<unknown, unknown>['verify']
  }
}

/** What of a request is the same for each call of an operation on one client. */
interface Prepared {
  /** Base path and path, with the query, where all of them are constant. */
  readonly target: string | null
  /** Name, value, name, value … */
  readonly headers: readonly string[]
}

const CONTENT_TYPES = {
  json: 'application/json',
  form: 'application/x-www-form-urlencoded',
  text: 'text/plain; charset=utf-8',
  binary: 'application/octet-stream',
} as const

/** What a timer can hold; a call without a limit has `Infinity`. */
const LONGEST_TIMER_MS = 2 ** 31 - 1
const NO_STATUSES: Readonly<Record<number, StatusMeaning>> = {}

/** Makes the call and reads its result. */
export async function runOperation(
  options: RunOptions,
  client: HttpClient,
  input: unknown,
  call: CallContext,
): Promise<unknown> {
  const checked = options.input === undefined ? input : await checkInput(options, input)
  const sending = request(options, client, checked, call)
  const reply = await obtain(options, client, sending, call)
  const { status } = reply
  const stated = options.statuses?.[status]
  if (stated === undefined ? status < 200 || status > 299 : stated !== 'ok') {
    throw httpError({ kind: 'status', reply }, facts(options, client, call))
  }
  const result = readResult(options.response, reply, options.method)
  const read = result instanceof Promise ? await result : result
  if ('value' in read) return read.value
  throw httpError({ kind: 'reply', reply, ...read }, facts(options, client, call))
}

/** Asks whether a call was applied, and reads the answer. */
export async function verifyOperation(
  options: RunOptions,
  client: HttpClient,
  input: unknown,
  call: CallContext,
): Promise<Verdict<unknown>> {
  const question = (options.guarantee.verify as VerifyGuarantee<unknown, unknown>['verify'])(input, call)
  const { read, body, ...rest } = question
  const asking: RunOptions = {
    ...rest,
    name: `${options.name}, verify`,
    method: question.method ?? 'GET',
    guarantee: { kind: 'natural' },
    ...(body === undefined ? {} : { body: () => body }),
  }
  const sending = request(asking, client, undefined, call, false)
  const reply = await deliver(asking, client, sending, call)
  const { status } = reply
  const readable = (status >= 200 && status <= 299) || status === 404 || status === 410
  if (!readable) throw httpError({ kind: 'status', reply }, facts(asking, client, call))
  try {
    return read(reply)
  } catch (error) {
    const problem = `could not be read: ${messageOf(error)}`
    throw httpError({ kind: 'reply', reply, problem, error }, facts(asking, client, call))
  }
}

async function checkInput(options: RunOptions, input: unknown): Promise<unknown> {
  const result = await options.input?.['~standard'].validate(input)
  if (result === undefined || !result.issues) return result?.value
  throw new LinkspanError(
    'BODY_INVALID',
    `The input of "${options.name}" does not fit: ${issuesText(result.issues)}.`,
    {
      details: { operation: options.name },
    },
  )
}

function request(
  options: RunOptions,
  client: HttpClient,
  input: unknown,
  call: CallContext,
  keepPrepared = true,
): Sending {
  try {
    const prepared = keepPrepared ? preparedFor(options, client) : prepare(options, client)
    const target =
      prepared.target === null ? targetOf(options, client, input, call) : ownHost(prepared.target)
    return {
      ...target,
      method: options.method,
      headers: headersOf(options, prepared, input, call),
      body: bodyOf(options, input, call),
    }
  } catch (error) {
    if (error instanceof LinkspanError) throw error
    throw new LinkspanError(
      'CALL_REJECTED',
      `"${options.name}" could not be made from its input: ${messageOf(error)}. Nothing was sent.`,
      {
        details: { operation: options.name },
        cause: error,
      },
    )
  }
}

function ownHost(path: string): Target {
  return { origin: null, path }
}

function preparedFor(options: RunOptions, client: HttpClient): Prepared {
  const known = client.prepared.get(options) as Prepared | undefined
  if (known !== undefined) return known
  const made = prepare(options, client)
  client.prepared.set(options, made)
  return made
}

function prepare(options: RunOptions, client: HttpClient): Prepared {
  const own = typeof options.headers === 'object' ? lowerCase(options.headers) : {}
  const typed = sendsBody(options) ? { 'content-type': CONTENT_TYPES[options.bodyAs ?? 'json'] } : {}
  const headers = Object.entries({
    accept: acceptOf(options.response),
    ...typed,
    ...client.headers,
    ...own,
  }).flat()
  const constant =
    client.base !== null &&
    typeof options.path === 'string' &&
    typeof options.query !== 'function' &&
    !isWhole(options.path)
  return {
    headers,
    target: constant
      ? `${client.base.path}${withQuery(slashed(options.path), options.query as never)}`
      : null,
  }
}

function acceptOf(response: ResponseShape | undefined): string {
  if (response === 'text') return 'text/plain, */*'
  return response === undefined || response === 'none' || typeof response === 'function'
    ? '*/*'
    : 'application/json'
}

function sendsBody({ method, body }: RunOptions): boolean {
  return body !== undefined || method === 'POST' || method === 'PUT' || method === 'PATCH'
}

function headersOf(options: RunOptions, prepared: Prepared, input: unknown, call: CallContext): string[] {
  const { guarantee } = options
  const headers = prepared.headers.slice()
  if (guarantee.kind === 'key') {
    headers.push(
      guarantee.header ?? 'idempotency-key',
      guarantee.quoted === false ? call.mark : quoted(call.mark),
    )
  }
  if (call.traceparent !== '') headers.push('traceparent', call.traceparent)
  return typeof options.headers === 'function'
    ? merged(headers, lowerCase(options.headers(input, call)))
    : headers
}

/** Headers with some replaced. */
function merged(headers: string[], own: Readonly<Record<string, string>>): string[] {
  const result: string[] = []
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    if (!Object.hasOwn(own, name.toLowerCase())) result.push(name, headers[at + 1] as string)
  }
  return result.concat(Object.entries(own).flat())
}

const PLAIN = /^[ !#-[\]-~]*$/

/** A structured-field string (RFC 9651, 3.3.3). */
function quoted(mark: string): string {
  return PLAIN.test(mark) ? `"${mark}"` : `"${mark.replace(/["\\]/g, '\\$&')}"`
}

function isWhole(path: string): boolean {
  return path.startsWith('http://') || path.startsWith('https://')
}

function slashed(path: string): string {
  return path.startsWith('/') ? path : `/${path}`
}

function targetOf(options: RunOptions, client: HttpClient, input: unknown, call: CallContext): Target {
  const path = typeof options.path === 'string' ? options.path : options.path(input, call)
  const full = withQuery(
    path,
    typeof options.query === 'function' ? options.query(input, call) : options.query,
  )
  if (!isWhole(full)) {
    if (client.base !== null) return ownHost(`${client.base.path}${slashed(full)}`)
    throw new Error('its path is no whole URL, and the connection has no baseUrl to put before it')
  }
  const url = new URL(full)
  if (url.username !== '' || url.password !== '') throw new Error('its URL holds a user or password')
  if (client.base === null) return { origin: url.origin, path: url.pathname + url.search }
  if (url.origin === client.base.origin) return ownHost(url.pathname + url.search)
  throw new Error(`it leads to ${url.origin}, and the connection is bound to ${client.base.origin}`)
}

function bodyOf(options: RunOptions, input: unknown, call: CallContext): string | Uint8Array | null {
  if (!sendsBody(options)) return null
  const value = options.body === undefined ? input : options.body(input, call)
  if (value === undefined) return null
  const as = options.bodyAs ?? 'json'
  if (as === 'json') return call.jsonText(value) ?? null
  if (as === 'form') return withQuery('', value as never).slice(1)
  if (as === 'text' ? typeof value === 'string' : value instanceof Uint8Array)
    return value as string | Uint8Array
  throw new Error(`its body must be ${as === 'text' ? 'a text' : 'bytes'}, and is ${typeof value}`)
}

/** A reply that others wait for too, or one that was kept and still holds, where the operation allows it; else its own. */
function obtain(
  options: RunOptions,
  client: HttpClient,
  sending: Sending,
  call: CallContext,
): Promise<HttpReply> {
  const ask = (caller: Caller): Promise<HttpReply> =>
    options.conditional === true
      ? conditionally(client.kept, sending, (asked) => deliver(options, client, asked, caller))
      : deliver(options, client, sending, caller)
  if (options.coalesce !== true) return ask(call)
  const gaveUp = (reason: unknown): Error =>
    httpError(
      { kind: 'aborted', sent: true, status: null, error: reason },
      facts(options, client, call, sending.origin),
    )
  return client.underWay.join(identityOf(sending), { call, gaveUp }, ask)
}

function deliver(
  options: RunOptions,
  client: HttpClient,
  sending: Sending,
  call: Caller,
): Promise<HttpReply> {
  const sent = send(options, client, sending, call)
  const allowed = options.method === 'GET' || options.method === 'HEAD' ? (options.redirects ?? 0) : 0
  if (allowed === 0) return sent
  return sent.then((reply) =>
    reply.status < 300 ? reply : follow(options, client, sending, call, reply, allowed),
  )
}

async function follow(
  options: RunOptions,
  client: HttpClient,
  sending: Sending,
  call: Caller,
  first: HttpReply,
  allowed: number,
): Promise<HttpReply> {
  let reply = first
  let target: Target = sending
  for (let left = allowed; left > 0; left--) {
    const location = reply.headers['location']
    if (reply.status < 301 || reply.status > 308 || reply.status === 304 || location === undefined)
      return reply
    const origin = target.origin ?? client.base?.origin ?? ''
    const url = URL.canParse(location, origin + target.path) ? new URL(location, origin + target.path) : null
    if (url?.origin !== origin) return reply
    target = { origin: target.origin, path: url.pathname + url.search }
    reply = await send(options, client, { ...sending, ...target }, call)
  }
  return reply
}

function send(options: RunOptions, client: HttpClient, sending: Sending, call: Caller): Promise<HttpReply> {
  return client.tokens === null || sending.origin !== null
    ? sendOnce(options, client, sending, call)
    : sendWithToken(options, client, client.tokens, sending, call)
}

/** A token that the service refuses has expired before its time, as one that was revoked has: another one is had at once. */
async function sendWithToken(
  options: RunOptions,
  client: HttpClient,
  tokens: Tokens,
  sending: Sending,
  call: Caller,
): Promise<HttpReply> {
  const withToken = (token: string): Promise<HttpReply> => {
    const headers = [...sending.headers, 'authorization', `Bearer ${token}`]
    return sendOnce(options, client, { ...sending, headers }, call)
  }
  const token = tokens.current ?? (await tokens.get())
  const reply = await withToken(token)
  if (reply.status !== 401) return reply
  tokens.refused(token)
  return withToken(await tokens.get())
}

function sendOnce(
  options: RunOptions,
  client: HttpClient,
  sending: Sending,
  call: Caller,
): Promise<HttpReply> {
  const silenceMs = Math.min(client.timeoutMs ?? LONGEST_TIMER_MS, call.timeoutMs, LONGEST_TIMER_MS)
  const { origin, path, method, headers, body } = sending
  const sent = exchange(origin === null ? client.pool : client.agent, {
    options: {
      path,
      method,
      headers,
      body,
      headersTimeout: silenceMs,
      bodyTimeout: silenceMs,
      ...(origin === null ? {} : { origin }),
    },
    onAbort: (run) => call.onAbort(run),
    maySend: () => call.maySend(),
    replyLimit: client.replyLimit,
    failed: (failure) => httpError(failure, facts(options, client, call, origin)),
  })
  return sent.then((reply) => {
    const said = limitsOf(reply, client.clock.now())
    if (said !== null) call.limits(said)
    return reply
  })
}

function facts(
  options: RunOptions,
  client: HttpClient,
  call: Caller,
  origin: string | null = null,
): FailedCall {
  // The path of a call may hold a secret (a web hook's address); the one written in the operation does not.
  const shown =
    typeof options.path === 'string' && !isWhole(options.path)
      ? slashed(options.path).replace(/\?.*$/s, '')
      : ''
  const host = origin ?? client.base?.origin ?? ''
  return {
    what: `"${options.name}" (${options.method} ${host}${shown})`,
    guarantee: options.guarantee.kind,
    statuses: options.statuses ?? NO_STATUSES,
    now: client.clock.now(),
    timeoutMs: call.timeoutMs,
    redact: client.redact,
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
