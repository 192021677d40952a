import {
  type Applied,
  type ErrorCode,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../../model/errors.ts'
import type { Dialect, Failure } from './dialect.ts'

/** What is known of the call that failed. */
export interface FailedCall {
  /** For people: `"book" on the connection "warehouse"`. */
  readonly what: string
  readonly dialect: Dialect
  /** Whether it may have taken effect although its answer is lost. */
  readonly open: boolean
  /** Why it was broken off, or null. */
  readonly aborted: { readonly reason: unknown } | null
}

interface Judgement {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly applied: Applied
  readonly advice: string
}

/**
 * The one place where a failure of a database becomes a {@link LinkspanError}.
 *
 * | what happened | code | retry | applied |
 * |---|---|---|---|
 * | no connection, or it broke before the commit was sent | `CALL_FAILED` | later | no |
 * | it broke while a commit, or a statement without a transaction, was under way | `CALL_FAILED` | later | unknown |
 * | time limit, engine stopped | `CALL_TIMED_OUT`, `CALL_FAILED` | later | as above |
 * | deadlock, serialization failure, lock time-out, cancelled statement | `CALL_FAILED` | later | no |
 * | too many connections, no disk or memory, read only, starting up | `CALL_FAILED` | later | no |
 * | constraint, type, syntax, no such table, no permission | `CALL_REJECTED` | never | no |
 * | wrong user, password or database | `CALL_UNAUTHENTICATED` | later | no |
 */
export function sqlError(thrown: unknown, call: FailedCall): LinkspanError {
  if (call.aborted === null && isLinkspanError(thrown)) return thrown
  const failure = call.aborted === null ? call.dialect.failureOf(thrown) : ABORTED
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  // A fault of the code that writes statements: nothing was sent for it.
  if (failure === null)
    return new LinkspanError('STEP_FAILED', `${call.what} failed: ${cause.message}`, { cause })
  const { code, retry, applied, advice } = judge(failure, call)
  const { state, constraint } = failure
  const details = { ...(state === null ? {} : { state }), ...(constraint ? { constraint } : {}) }
  const said = call.aborted === null ? `failed: ${messageOf(cause)}` : 'was broken off before it was answered'
  return new LinkspanError(code, `${call.what} ${said}.${advice}`, {
    retry,
    applied,
    details,
    cause: plainCause(cause),
  })
}

const ABORTED: Failure = { kind: 'lost', state: null }

const MEANINGS: Readonly<Record<Exclude<Failure['kind'], 'lost' | 'other'>, Judgement>> = {
  conflict: {
    code: 'CALL_FAILED',
    retry: 'later',
    applied: 'no',
    advice: ' Others were in the way; nothing was done, and it is tried again.',
  },
  busy: {
    code: 'CALL_FAILED',
    retry: 'later',
    applied: 'no',
    advice: ' Nothing was done; look at the server if it lasts.',
  },
  refused: {
    code: 'CALL_UNAUTHENTICATED',
    retry: 'later',
    applied: 'no',
    advice: " Check the user, password and database of the connection's url.",
  },
  rejected: {
    code: 'CALL_REJECTED',
    retry: 'never',
    applied: 'no',
    advice:
      ' Nothing was done, and sending it again would not help: correct the statement, the row or the table.',
  },
}

function judge({ kind }: Failure, { open, aborted }: FailedCall): Judgement {
  if (kind !== 'lost' && kind !== 'other') return MEANINGS[kind]
  const advice = open ? ' It may or may not have taken effect.' : ' Nothing was done; it is tried again.'
  const code = aborted !== null && isTimeLimit(aborted.reason) ? 'CALL_TIMED_OUT' : 'CALL_FAILED'
  return { code, retry: 'later', applied: open ? 'unknown' : 'no', advice }
}

function isTimeLimit(reason: unknown): boolean {
  if (isLinkspanError(reason)) return reason.code === 'TIME_LIMIT' || reason.code === 'CALL_TIMED_OUT'
  return reason instanceof Error && reason.name === 'TimeoutError'
}

/** Several addresses of one name fail together, without a message of their own. */
function messageOf(error: Error): string {
  const { errors } = error as { errors?: readonly Error[] }
  const message = error.message || (errors ?? []).map((each) => each.message).join(', ') || error.name
  return message.replace(/[.\s]+$/, '')
}

/** The clients' errors carry statements and values; what a person needs is the name, the code and the text. */
function plainCause(error: Error): Error {
  const plain = new Error(messageOf(error))
  plain.name = error.name
  const { code } = error as { code?: unknown }
  return typeof code === 'string' ? Object.assign(plain, { code }) : plain
}
