import { type ErrorCode, isLinkspanError, type LinkspanError, type Retry } from '../model/errors.ts'
import type { Answer } from './exchange.ts'
import { isRefusal, type ProblemIssue, type Refusal, type RequestCode } from './refusal.ts'

/** What a problem document's `code` can be: a word of the engine, or one of the HTTP layer. */
export type ProblemCode = ErrorCode | RequestCode

/** An error over HTTP (RFC 9457, `application/problem+json`). */
export interface Problem {
  /** `urn:linkspan:problem:` and the code in kebab case. */
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  /** The path of the request; for a 500 the name under which the engine's log has the cause. */
  readonly instance: string
  readonly code: ProblemCode
  /** What is wrong with the body, value by value. */
  readonly errors?: readonly ProblemIssue[]
}

interface Meaning {
  readonly status: number
  readonly title: string
  /** Said instead of the error's own message, which is for the engine's people and not for its callers. */
  readonly detail?: string
}

const DOWN = 'The engine cannot take this request now. Nothing was accepted; send it again later.'
const INSIDE = 'Something went wrong inside the engine. Its log has the cause under this instance.'
const SYSTEM = 'A system behind this engine did not do its part.'

const inside: Meaning = { status: 500, title: 'Internal error', detail: INSIDE }
const down: Meaning = { status: 503, title: 'Not available now', detail: DOWN }
const system: Meaning = { status: 502, title: 'A system behind failed', detail: SYSTEM }
const slow: Meaning = { status: 504, title: 'A system behind was too slow', detail: SYSTEM }

/** The one table from codes to HTTP. Statuses from 500 on never show an error's own message. */
const MEANINGS: Readonly<Record<ProblemCode, Meaning>> = {
  REQUEST_MALFORMED: { status: 400, title: 'Malformed request' },
  REQUEST_INVALID: { status: 400, title: 'Invalid request' },
  REQUEST_INCOMPLETE: { status: 400, title: 'Request ended early' },
  REQUEST_TIMED_OUT: { status: 408, title: 'Request took too long' },
  ROUTE_UNKNOWN: { status: 404, title: 'Nothing here' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  LENGTH_REQUIRED: { status: 411, title: 'Length required' },
  FORBIDDEN: { status: 403, title: 'Forbidden' },
  REPLY_ABSENT: { status: 410, title: 'Ended without a reply' },
  BODY_MALFORMED: { status: 400, title: 'Malformed body' },
  BODY_INVALID: { status: 422, title: 'Invalid body' },
  BODY_TOO_LARGE: { status: 413, title: 'Body too large' },
  BODY_UNSUPPORTED: { status: 415, title: 'Unsupported media type' },
  UNAUTHENTICATED: { status: 401, title: 'Not authenticated' },
  SIGNATURE_INVALID: { status: 401, title: 'Signature not valid' },
  MESSAGE_UNKNOWN: { status: 404, title: 'Unknown message' },
  FLOW_UNKNOWN: { status: 404, title: 'Unknown flow' },
  EVENT_UNKNOWN: { status: 404, title: 'Unknown event' },
  STEP_UNKNOWN: { status: 404, title: 'Unknown step' },
  MESSAGE_STATE: { status: 409, title: 'Not possible in this state' },
  MESSAGE_CANCELLED: { status: 409, title: 'Message was cancelled' },
  REPLY_MISSING: {
    status: 502,
    title: 'Ended without a reply',
    detail: 'The message was accepted and ended without a reply.',
  },
  REPLY_TIMED_OUT: {
    status: 504,
    title: 'No reply in time',
    detail: 'The message was accepted and goes on. Its reply can be fetched later.',
  },
  CALL_RATE_LIMITED: {
    status: 429,
    title: 'Too many requests',
    detail: 'A system behind this engine asks for fewer requests. Send it again later.',
  },
  CALL_FAILED: system,
  CALL_REJECTED: system,
  CALL_UNAUTHENTICATED: system,
  CALL_UNKNOWN_OUTCOME: system,
  CALL_REPLY_INVALID: system,
  CONNECTION_FAILED: system,
  CALL_TIMED_OUT: slow,
  TIME_LIMIT: slow,
  ENGINE_BUSY: { status: 503, title: 'Busy', detail: DOWN },
  ACCEPTANCE_UNKNOWN: {
    status: 504,
    title: 'Acceptance unknown',
    detail:
      'The journal did not answer in time. The message may or may not have been accepted; send it again where a repeated delivery is recognised.',
  },
  ENGINE_STATE: down,
  JOURNAL_FULL: { status: 503, title: 'No room', detail: DOWN },
  JOURNAL_FAILED: down,
  JOURNAL_UNREACHABLE: down,
  JOURNAL_CLOSED: down,
  CLIENT_MISSING: inside,
  JOURNAL_IN_USE: down,
  JOURNAL_INCOMPLETE: inside,
  JOURNAL_NEWER: inside,
  JOURNAL_FOREIGN: inside,
  JOURNAL_DAMAGED: inside,
  JOURNAL_TAIL_LOST: inside,
  JOURNAL_TAKEN_OVER: down,
  CONFIG_INVALID: inside,
  CONFIG_NOT_FOUND: inside,
  SECRET_MISSING: inside,
  FLOW_INVALID: inside,
  FLOW_DUPLICATE: inside,
  CHANNEL_INVALID: inside,
  CONNECTION_UNBOUND: inside,
  STEP_FAILED: inside,
  STEP_ASYNC: inside,
  THROTTLED: {
    status: 429,
    title: 'Too many requests',
    detail: 'More came in than this flow lets through. Send it again later.',
  },
  CIRCUIT_OPEN: {
    status: 503,
    title: 'System unavailable',
    detail:
      'A system behind this flow has failed too often and is left alone for a while. Send it again later.',
  },
  SPLIT_NOT_ITERABLE: inside,
  SPLIT_ITEM_FAILED: inside,
  JOIN_TOO_LARGE: inside,
  LOOP_ENDLESS: inside,
  PROCESS_ENDLESS: inside,
  PROCESS_STRAYED: inside,
  WAIT_TIMED_OUT: inside,
  EVENTS_UNTAKEN: inside,
  AGGREGATE_CLOSED: inside,
  SEQUENCE_PASSED: inside,
  RECORD_DAMAGED: inside,
  RECORD_NEWER: inside,
  PORT_IN_USE: inside,
  UNEXPECTED: inside,
}

/** The status that a code is answered with. */
export function statusOf(code: ProblemCode): number {
  return meaningOf(code).status
}

/** Any thrown value as a problem document, with the headers that go with it. `instance` names this occurrence. */
export function problemOf(
  thrown: unknown,
  instance: string,
): { readonly problem: Problem; readonly headers: Readonly<Record<string, string>> } {
  if (isRefusal(thrown)) return refused(thrown, instance)
  if (isLinkspanError(thrown)) return failed(thrown, instance)
  return { problem: document('UNEXPECTED', INSIDE, instance), headers: {} }
}

/** A problem as an answer; `members` are added to its document. */
export function problemAnswer(
  problem: Problem,
  headers: Readonly<Record<string, string>> = {},
  members: Readonly<Record<string, unknown>> = {},
): Answer {
  return {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify({ ...problem, ...members }),
  }
}

function refused(thrown: Refusal, instance: string): ReturnType<typeof problemOf> {
  const problem = document(thrown.refusal, thrown.message, instance, thrown.issues)
  return { problem: { ...problem, ...thrown.members }, headers: thrown.headers ?? {} }
}

function failed(error: LinkspanError, instance: string): ReturnType<typeof problemOf> {
  const { status, detail } = meaningOf(error.code)
  const own = status < 500 && detail === undefined
  const problem = document(
    error.code,
    own ? error.message : (detail ?? INSIDE),
    instance,
    own ? issuesOf(error.details['issues']) : undefined,
  )
  return { problem, headers: headersOf(error, status) }
}

function headersOf(error: LinkspanError, status: number): Readonly<Record<string, string>> {
  const challenge = error.details['challenge']
  if (status === 401 && typeof challenge === 'string') return { 'www-authenticate': challenge }
  if (status === 429 || status === 503) return { 'retry-after': String(retryAfterSeconds(error.retry)) }
  return {}
}

const RETRY_AFTER_SECONDS = 5

/** The whole seconds of a Retry-After header, at least 1. */
export function retryAfterSeconds(retry: Retry): number {
  return typeof retry === 'object' ? Math.max(1, Math.ceil(retry.afterMs / 1_000)) : RETRY_AFTER_SECONDS
}

function document(
  code: ProblemCode,
  detail: string,
  instance: string,
  errors: readonly ProblemIssue[] = [],
): Problem {
  const { status, title } = meaningOf(code)
  const type = `urn:linkspan:problem:${code.toLowerCase().replaceAll('_', '-')}`
  return { type, title, status, detail, instance, code, ...(errors.length > 0 ? { errors } : {}) }
}

/** An error of another version of this package may have a code that this table does not know. */
function meaningOf(code: ProblemCode): Meaning {
  return Object.hasOwn(MEANINGS, code) ? MEANINGS[code] : inside
}

const MAX_ISSUES = 50

/** What an error says of single values, as problem issues: Standard Schema's paths of keys, or pointers. */
export function issuesOf(issues: unknown): readonly ProblemIssue[] | undefined {
  if (!Array.isArray(issues)) return undefined
  return issues.slice(0, MAX_ISSUES).map((issue: IssueLike | null) => ({
    detail: typeof issue?.message === 'string' ? issue.message : 'is not valid',
    pointer: pointerOf(issue?.pointer ?? issue?.path),
  }))
}

interface IssueLike {
  readonly message?: unknown
  readonly path?: unknown
  readonly pointer?: unknown
}

/** A path of keys as a JSON Pointer: `['a/b', 0]` is `/a~1b/0`. */
export function pointerOf(path: unknown): string {
  if (typeof path === 'string') return path
  if (!Array.isArray(path)) return ''
  return path.map((part: unknown) => `/${escapePart(keyOf(part))}`).join('')
}

function keyOf(part: unknown): string {
  return String(typeof part === 'object' && part !== null && 'key' in part ? part.key : part)
}

function escapePart(part: string): string {
  return part.replaceAll('~', '~0').replaceAll('/', '~1')
}
