import {
  type Applied,
  type ErrorCode,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../../model/errors.ts'
import type { Guarantee } from '../../model/guarantee.ts'
import type { TransportFailure } from './exchange.ts'
import { problemIn } from './problem-in.ts'
import type { HttpReply } from './reply.ts'
import { retryAfterMs } from './retry-after.ts'

/**
 * What a status means, where an operation says so itself:
 * - `ok`: success, its body is the result.
 * - `rejected`: it was not applied, and sending it again is pointless.
 * - `refused`: it was not applied, try again later.
 * - `unknown`: nobody can say whether it was applied, try again later.
 * - `unauthenticated`: it was not applied, as the service does not know us; for services that answer strangers with a page.
 *
 * A status of success may be given another meaning too.
 */
export type StatusMeaning = 'ok' | 'rejected' | 'refused' | 'unknown' | 'unauthenticated'

/** A call that did not give its result. */
export type HttpFailure =
  | TransportFailure
  /** A status that is no success. */
  | { readonly kind: 'status'; readonly reply: HttpReply }
  /** A success whose body is not what was promised. */
  | { readonly kind: 'reply'; readonly reply: HttpReply; readonly problem: string; readonly error?: unknown }

/** What is known of the call that failed. */
export interface FailedCall {
  /** For people: `"create" (POST https://api.example.com/tasks)`. Holds no query, no secret. */
  readonly what: string
  readonly guarantee: Guarantee['kind']
  readonly statuses: Readonly<Record<number, StatusMeaning>>
  readonly now: number
  readonly timeoutMs: number
  /** Takes credentials out of a text. */
  readonly redact: (text: string) => string
}

interface Judgement {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly applied: Applied
  readonly advice: string
}

/**
 * The one place where a failed HTTP call becomes a {@link LinkspanError}.
 *
 * | what happened | code | retry | applied |
 * |---|---|---|---|
 * | not connected (refused, DNS, TLS, connect time-out), or aborted before the first byte | `CALL_FAILED`, `CALL_TIMED_OUT` | later | no |
 * | the request cannot be built (a line break in a header) | `CALL_REJECTED` | never | no |
 * | reset, closed, cut reply, time limit or abort after the first byte | `CALL_FAILED`, `CALL_TIMED_OUT` | later | unknown |
 * | 2xx with a body that is not what was promised, or too large | `CALL_REPLY_INVALID` | never | yes |
 * | 3xx | `CALL_REJECTED` | never | no; 303, and 302 after POST or PATCH: unknown |
 * | 400, 404, 405, 410, 413, 415, 422, 501 and the rest of 4xx | `CALL_REJECTED` | never | no |
 * | 401, 407 | `CALL_UNAUTHENTICATED` | later | no |
 * | 403 | `CALL_UNAUTHENTICATED` | never | no |
 * | 429, and 403 with `Retry-After` or a spent `X-RateLimit-Remaining` | `CALL_RATE_LIMITED` | after the stated time, else later | no |
 * | 408 | `CALL_TIMED_OUT` | later | unknown |
 * | 409 with guarantee `key` | `CALL_FAILED` | later | unknown |
 * | 423, 425, 511 | `CALL_FAILED` | later | no |
 * | 503 with `Retry-After` | `CALL_FAILED` | after the stated time | no |
 * | 503 without, and the rest of 5xx | `CALL_FAILED` (504: `CALL_TIMED_OUT`) | later | unknown |
 *
 * 408: by RFC 9110 the request had not arrived in full, but proxies and frameworks answer it for their own slow
 * handlers too, so it is not believed. 503: without `Retry-After` it is what proxies say of a connection that broke
 * after the request had been passed on. 409 under an idempotency key is what the IETF draft prescribes while the
 * first request is still being worked on. 401 comes and goes with an expired token; 403 is a decision.
 */
export function httpError(failure: HttpFailure, call: FailedCall): LinkspanError {
  const judged =
    failure.kind === 'status'
      ? judgeStatus(failure.reply, call)
      : failure.kind === 'reply'
        ? judgeReply(failure.problem)
        : judgeTransport(failure, call)
  const reply = 'reply' in failure ? failure.reply : null
  const said = reply === null ? saidBy(failure as TransportFailure, call) : answered(reply, call)
  const status = reply?.status ?? (failure as TransportFailure).status
  const cause = 'error' in failure && failure.error instanceof Error ? failure.error : undefined
  return new LinkspanError(judged.code, `${call.what} ${said}. ${judged.advice}`, {
    retry: judged.retry,
    applied: judged.applied,
    details: status === null ? {} : { status },
    ...(cause === undefined ? {} : { cause: plainCause(cause, call.redact) }),
  })
}

const INVALID_REQUEST = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'ERR_INVALID_URL'])
const TIMEOUTS = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

function judgeTransport(failure: TransportFailure, call: FailedCall): Judgement {
  const { kind, sent, status, error } = failure
  if (status !== null && (status < 200 || status > 299)) {
    return judgeStatus({ ...EMPTY_REPLY, status }, call)
  }
  if (kind === 'tooLarge') return judgeReply('is larger than replyLimit allows')
  const code = codeOf(error)
  if (!sent && INVALID_REQUEST.has(code)) {
    return {
      code: 'CALL_REJECTED',
      retry: 'never',
      applied: 'no',
      advice: 'Nothing was sent; correct the request.',
    }
  }
  const timedOut = TIMEOUTS.has(code) || (kind === 'aborted' && isTimeLimit(error))
  const advice = sent
    ? 'The request had been sent, so it may or may not have taken effect.'
    : 'Nothing was sent, so it can be tried again.'
  return {
    code: timedOut ? 'CALL_TIMED_OUT' : 'CALL_FAILED',
    retry: 'later',
    applied: sent ? 'unknown' : 'no',
    advice,
  }
}

const EMPTY_REPLY: HttpReply = {
  status: 0,
  headers: {},
  header: () => undefined,
  bytes: new Uint8Array(),
  text: () => '',
  json: () => null,
}

function judgeReply(problem: string): Judgement {
  const advice = `It took effect and must not be repeated, but its reply ${problem}: correct the operation's response or the service.`
  return { code: 'CALL_REPLY_INVALID', retry: 'never', applied: 'yes', advice }
}

const MEANINGS: Readonly<Record<Exclude<StatusMeaning, 'ok'>, Judgement>> = {
  rejected: {
    code: 'CALL_REJECTED',
    retry: 'never',
    applied: 'no',
    advice: 'It was refused as it is; sending it again would not help.',
  },
  refused: {
    code: 'CALL_FAILED',
    retry: 'later',
    applied: 'no',
    advice: 'It was not applied; try again later.',
  },
  unknown: {
    code: 'CALL_FAILED',
    retry: 'later',
    applied: 'unknown',
    advice: 'It may or may not have taken effect.',
  },
  unauthenticated: {
    code: 'CALL_UNAUTHENTICATED',
    retry: 'later',
    applied: 'no',
    advice: "Check the connection's credentials.",
  },
}

function judgeStatus(reply: HttpReply, call: FailedCall): Judgement {
  const { status } = reply
  const stated = call.statuses[status]
  if (stated !== undefined && stated !== 'ok') return MEANINGS[stated]
  if (status >= 300 && status < 400) return judgeRedirect(status, call)
  return FIXED[status] ?? judgeLimit(reply, call) ?? judgeConflict(status, call) ?? byClass(status)
}

const FIXED: Readonly<Record<number, Judgement>> = {
  401: MEANINGS.unauthenticated,
  407: MEANINGS.unauthenticated,
  408: { ...MEANINGS.unknown, code: 'CALL_TIMED_OUT' },
  423: MEANINGS.refused,
  425: MEANINGS.refused,
  501: MEANINGS.rejected,
  504: { ...MEANINGS.unknown, code: 'CALL_TIMED_OUT' },
  505: MEANINGS.rejected,
  511: MEANINGS.refused,
}

function byClass(status: number): Judgement {
  return status >= 500 ? MEANINGS.unknown : MEANINGS.rejected
}

function judgeRedirect(status: number, call: FailedCall): Judgement {
  const advice = 'Redirects are not followed: correct the path or baseUrl, or allow `redirects` for a GET.'
  // After 303, and in practice 302, the request was carried out and the reply lies elsewhere.
  const carriedOut = status === 303 || (status === 302 && call.guarantee !== 'natural')
  return { code: 'CALL_REJECTED', retry: 'never', applied: carriedOut ? 'unknown' : 'no', advice }
}

function judgeLimit(reply: HttpReply, call: FailedCall): Judgement | null {
  const { status, headers } = reply
  if (status !== 429 && status !== 403 && status !== 503) return null
  const afterMs = retryAfterMs(reply, call.now)
  const retry: Retry = afterMs === null ? 'later' : { afterMs }
  const stated = headers['retry-after'] !== undefined && afterMs !== null
  const limited: Judgement = {
    code: 'CALL_RATE_LIMITED',
    retry,
    applied: 'no',
    advice: 'Too many calls; it is tried again when the service allows.',
  }
  if (status === 429) return limited
  if (status === 503) return stated ? { ...MEANINGS.refused, retry } : null
  if (stated || headers['x-ratelimit-remaining'] === '0') return limited
  return {
    ...MEANINGS.unauthenticated,
    retry: 'never',
    advice: "The connection's credentials do not allow this call.",
  }
}

function judgeConflict(status: number, call: FailedCall): Judgement | null {
  if (status !== 409 || call.guarantee !== 'key') return null
  const advice =
    'With an idempotency key that means the first request is still being worked on; it is asked for again.'
  return { ...MEANINGS.unknown, advice }
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}

function isTimeLimit(reason: unknown): boolean {
  if (isLinkspanError(reason)) return reason.code === 'TIME_LIMIT' || reason.code === 'CALL_TIMED_OUT'
  return reason instanceof Error && reason.name === 'TimeoutError'
}

/** The most characters of a body that says nothing in a form that is known, and of one that does. */
const EXCERPT = 200
const LONGEST_SAYING = 500

function answered(reply: HttpReply, { redact }: FailedCall): string {
  const target = reply.headers['location']
  const location =
    reply.status >= 300 && reply.status < 400 && target ? ` to ${redact(withoutQuery(target))}` : ''
  const said = reply.status >= 400 ? problemIn(reply.bytes) : null
  const most = said === null ? EXCERPT : LONGEST_SAYING
  const body = (said ?? Buffer.from(reply.bytes.subarray(0, EXCERPT * 20)).toString('utf8'))
    .replace(/\s+/g, ' ')
    .trim()
  if (body === '') return `was answered ${reply.status}${location}`
  // Redacted first: a cut through the middle of a secret would leave half of it.
  const clean = redact(body)
  const shown = clean.length > most ? `${clean.slice(0, most)}…` : clean
  return `was answered ${reply.status}${location}: ${shown}`
}

function saidBy({ kind, status, error }: TransportFailure, { redact, timeoutMs }: FailedCall): string {
  const head = status === null ? '' : ` after the status ${status}`
  if (kind === 'tooLarge') return `was answered ${status} with more bytes than replyLimit allows`
  if (kind === 'aborted') {
    return isTimeLimit(error)
      ? `had no answer within ${timeoutMs} ms`
      : `was stopped${head} before its reply was complete`
  }
  const code = codeOf(error)
  const message = error instanceof Error ? error.message || error.name : String(error)
  return `failed${head}: ${redact(code === '' || message.includes(code) ? message : `${message} (${code})`)}`
}

function withoutQuery(url: string): string {
  return url.replace(/[?#].*$/s, '')
}

/** The client's errors carry sockets and buffers; what a person needs is the name, the code and the text. */
function plainCause(error: Error, redact: (text: string) => string): Error {
  const inner =
    error instanceof AggregateError ? error.errors.find((one) => one instanceof Error) : error.cause
  const plain = new Error(redact(error.message || (inner as Error | undefined)?.message || error.name))
  plain.name = error.name
  const code = codeOf(error)
  return code === '' ? plain : Object.assign(plain, { code })
}
