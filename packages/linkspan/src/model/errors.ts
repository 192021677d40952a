/**
 * What went wrong, as a stable word. A `switch` over {@link LinkspanError.code} narrows.
 *
 * - `CONFIG_*`, `SECRET_MISSING`, `FLOW_*`: the project or a flow cannot be used as written.
 * - `JOURNAL_*`: the journal refuses or cannot go on.
 * - `CALL_*`, `CONNECTION_*`: an operation against another system.
 * - `EVENT_*`, `MESSAGE_*`, `BODY_*`, `STEP_*`, `SPLIT_*`, `JOIN_*`, `LOOP_*`, `PROCESS_*`, `WAIT_*`, `CIRCUIT_OPEN`, `TIME_LIMIT`, `RECORD_*`: one message.
 * - `ENGINE_*`: the engine's life.
 */
export type ErrorCode =
  | 'CONFIG_INVALID'
  | 'CONFIG_NOT_FOUND'
  | 'SECRET_MISSING'
  | 'FLOW_INVALID'
  | 'FLOW_DUPLICATE'
  | 'FLOW_UNKNOWN'
  | 'CHANNEL_INVALID'
  | 'CONNECTION_UNBOUND'
  | 'CONNECTION_FAILED'
  | 'CALL_FAILED'
  | 'CALL_REJECTED'
  | 'CALL_RATE_LIMITED'
  | 'CALL_TIMED_OUT'
  | 'CALL_UNAUTHENTICATED'
  | 'CALL_UNKNOWN_OUTCOME'
  | 'CALL_REPLY_INVALID'
  | 'CLIENT_MISSING'
  | 'JOURNAL_IN_USE'
  | 'JOURNAL_INCOMPLETE'
  | 'JOURNAL_NEWER'
  | 'JOURNAL_FOREIGN'
  | 'JOURNAL_FULL'
  | 'JOURNAL_DAMAGED'
  | 'JOURNAL_TAIL_LOST'
  | 'JOURNAL_TAKEN_OVER'
  | 'JOURNAL_FAILED'
  | 'JOURNAL_UNREACHABLE'
  | 'JOURNAL_CLOSED'
  | 'EVENT_UNKNOWN'
  | 'STEP_UNKNOWN'
  | 'MESSAGE_UNKNOWN'
  | 'MESSAGE_STATE'
  | 'MESSAGE_CANCELLED'
  | 'BODY_INVALID'
  | 'BODY_TOO_LARGE'
  | 'BODY_UNSUPPORTED'
  | 'STEP_FAILED'
  | 'STEP_ASYNC'
  | 'SPLIT_NOT_ITERABLE'
  | 'SPLIT_ITEM_FAILED'
  | 'JOIN_TOO_LARGE'
  | 'LOOP_ENDLESS'
  | 'PROCESS_ENDLESS'
  | 'PROCESS_STRAYED'
  | 'WAIT_TIMED_OUT'
  | 'EVENTS_UNTAKEN'
  | 'THROTTLED'
  | 'CIRCUIT_OPEN'
  | 'AGGREGATE_CLOSED'
  | 'SEQUENCE_PASSED'
  | 'TIME_LIMIT'
  | 'RECORD_DAMAGED'
  | 'RECORD_NEWER'
  | 'REPLY_MISSING'
  | 'REPLY_TIMED_OUT'
  | 'SIGNATURE_INVALID'
  | 'UNAUTHENTICATED'
  | 'ENGINE_STATE'
  | 'ENGINE_BUSY'
  | 'ACCEPTANCE_UNKNOWN'
  | 'PORT_IN_USE'
  | 'UNEXPECTED'

/** When trying again makes sense: not at all, after the policy's own pause, or no earlier than a stated time. */
export type Retry = 'never' | 'later' | { readonly afterMs: number }

/**
 * Whether a failed call took effect: it certainly did not, nobody knows, or it certainly did and only its answer is of
 * no use.
 */
export type Applied = 'no' | 'unknown' | 'yes'

/** What may be said of an error beside its code and message. */
export interface ErrorOptions {
  /** @default 'never' */
  readonly retry?: Retry
  /** @default 'no' */
  readonly applied?: Applied
  /** Plain data for programs; no secrets. */
  readonly details?: Readonly<Record<string, unknown>>
  readonly cause?: unknown
}

const BRAND: unique symbol = Symbol.for('linkspan.error') as never

/**
 * The one error base. Its message says what happened, with the value, and what to do.
 * `retry` and `applied` steer the engine, so connectors throw this and never retry themselves.
 *
 * @example
 * ```ts
 * import { LinkspanError } from 'linkspan'
 * throw new LinkspanError('CALL_RATE_LIMITED', 'The tracker answered 429.', { retry: { afterMs: 30_000 }, applied: 'no' })
 * ```
 */
export class LinkspanError extends Error {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly applied: Applied
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'LinkspanError'
    this.code = code
    this.retry = options.retry ?? 'never'
    this.applied = options.applied ?? 'no'
    this.details = options.details ?? {}
    Object.defineProperty(this, BRAND, { value: true })
  }
}

/** Whether a value is a {@link LinkspanError} (of a code), also one made by another copy of this package. */
export function isLinkspanError(value: unknown, code?: ErrorCode): value is LinkspanError {
  if (typeof value !== 'object' || value === null || !(BRAND in value)) return false
  return code === undefined || (value as unknown as LinkspanError).code === code
}

/**
 * Any thrown value as a {@link LinkspanError}; `options` say what is true of a foreign error.
 * Strings, `undefined` and objects that are no errors are described by their value.
 */
export function ensureError(
  thrown: unknown,
  code: ErrorCode = 'UNEXPECTED',
  options: ErrorOptions = {},
): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  if (thrown instanceof Error)
    return new LinkspanError(code, thrown.message || thrown.name, { ...options, cause: thrown })
  return new LinkspanError(code, `A value that is no Error was thrown: ${describe(thrown)}`, {
    ...options,
    cause: thrown,
  })
}

function describe(value: unknown): string {
  try {
    return typeof value === 'string' ? JSON.stringify(value) : (JSON.stringify(value) ?? String(value))
  } catch {
    return Object.prototype.toString.call(value)
  }
}

/** An error as plain data: what the journal keeps and the admin API answers. */
export interface StoredError {
  readonly name: string
  readonly code: ErrorCode
  readonly message: string
  readonly retry: Retry
  readonly applied: Applied
  readonly details: Readonly<Record<string, unknown>>
  readonly causes: readonly { readonly name: string; readonly message: string; readonly code?: string }[]
}

const MAX_CAUSES = 8

/** How many characters of an error's message are kept, in the journal and wherever else it is told. */
const MOST_TEXT = 16_384

/**
 * An error as {@link StoredError}: code, details and the chain of causes are kept, stacks are not. Of a message, and of
 * that of each cause, 16,384 characters are kept, and how many were cut off. So it is with the details as JSON, of which
 * whole entries are kept; `cutOff` names the others, and those that are no JSON.
 */
export function storeError(thrown: unknown): StoredError {
  const error = ensureError(thrown)
  return {
    name: error.name,
    code: error.code,
    message: cutErrorText(error.message),
    retry: error.retry,
    applied: error.applied,
    details: keptDetails(error.details),
    causes: causesOf(error),
  }
}

function causesOf(error: Error): StoredError['causes'] {
  const causes: { name: string; message: string; code?: string }[] = []
  let cause: unknown = error.cause
  while (cause instanceof Error && causes.length < MAX_CAUSES) {
    const code = (cause as { code?: unknown }).code
    causes.push({
      name: cause.name,
      message: cutErrorText(cause.message),
      ...(typeof code === 'string' ? { code } : {}),
    })
    cause = cause.cause
  }
  return causes
}

/** What is kept of the text of an error: all of it, or its beginning and by how much it was cut. Not cut again. */
export function cutErrorText(text: string): string {
  if (text.length <= MOST_TEXT) return text
  const cut = (kept: number): string => ` … (${text.length - kept} of ${text.length} characters are cut off)`
  const kept = text.slice(0, MOST_TEXT - cut(0).length)
  const whole = endsInPair(kept) ? kept.slice(0, -1) : kept
  return `${whole}${cut(whole.length)}`
}

/** Whether a text ends in the first half of a character that takes two. */
const endsInPair = (text: string): boolean => /[\uD800-\uDBFF]$/.test(text)

function keptDetails(details: LinkspanError['details']): StoredError['details'] {
  if ((jsonLength(details) ?? Number.POSITIVE_INFINITY) <= MOST_TEXT) return details
  let room = MOST_TEXT
  const left: string[] = []
  const kept = Object.entries(details).filter(([name, value]) => {
    const length = jsonLength(value)
    const fits = length !== null && name.length + length <= room
    if (fits) room -= name.length + length
    else left.push(`${name} (${length === null ? 'no JSON' : `${length} characters`})`)
    return fits
  })
  return { ...Object.fromEntries(kept), cutOff: cutErrorText(left.join(', ')) }
}

/** How many characters a value takes as JSON; null where it is none, as what contains itself. */
function jsonLength(value: unknown): number | null {
  try {
    return JSON.stringify(value)?.length ?? 0
  } catch {
    return null
  }
}

/** The inverse of {@link storeError}. */
export function restoreError(stored: StoredError): LinkspanError {
  const cause = stored.causes.reduceRight<Error | undefined>((inner, { name, message, code }) => {
    const error = new Error(message, inner === undefined ? undefined : { cause: inner })
    error.name = name
    return code === undefined ? error : Object.assign(error, { code })
  }, undefined)
  const { code, message, retry, applied, details } = stored
  return new LinkspanError(code, message, { retry, applied, details, ...(cause ? { cause } : {}) })
}
