import {
  type Applied,
  type ErrorCode,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../../model/errors.ts'

/** What is known of the command that failed. */
export interface FailedCommand {
  /** For people: `adding to "orders" at redis.example.com:6379`. */
  readonly what: string
  /** Whether the command changes anything: a read has no effect that could be left open. */
  readonly writes: boolean
}

/** A connection that was given up by us, and why. */
export class LinkBroken extends Error {
  override readonly name = 'LinkBroken'
  /** Whether a command may have been sent over it. */
  readonly sent: boolean

  constructor(message: string, sent: boolean, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.sent = sent
  }
}

interface Meaning {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly applied: Applied
  readonly advice: string
}

/**
 * The one place where a failure of Redis becomes a {@link LinkspanError}.
 *
 * | what happened | code | retry | applied |
 * |---|---|---|---|
 * | no connection: refused, unknown host, TLS, time limit | `CALL_FAILED` | later | no |
 * | it broke, or no answer came in time | `CALL_FAILED` | later | unknown; no for a read |
 * | wrong user or password | `CALL_UNAUTHENTICATED` | later | no |
 * | starting up, read only, out of memory, busy, cannot save | `CALL_FAILED` | later | no |
 * | no permission, wrong type, wrong arguments, a cluster | `CALL_REJECTED` | never | no |
 */
export function redisError(thrown: unknown, { what, writes }: FailedCommand): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  const cause = thrown instanceof Error ? thrown : new Error(String(thrown))
  const { code, retry, applied, advice } = answerOf(cause) ?? connectionOf(cause, writes)
  const word = wordOf(cause)
  return new LinkspanError(code, `Redis: ${what} failed: ${messageOf(cause)}. ${advice}`, {
    retry,
    applied,
    details: word === null ? {} : { redis: word },
    cause: plain(cause),
  })
}

const LATER = (advice: string): Meaning => ({ code: 'CALL_FAILED', retry: 'later', applied: 'no', advice })
const NEVER = (advice: string): Meaning => ({ code: 'CALL_REJECTED', retry: 'never', applied: 'no', advice })
const LOGIN = (advice: string): Meaning => ({
  code: 'CALL_UNAUTHENTICATED',
  retry: 'later',
  applied: 'no',
  advice,
})

const CREDENTIALS = LOGIN('Check the user and password of the connection; nothing was done.')
const NOT_CLUSTER = NEVER(
  'This server is part of a Redis Cluster, which the connector does not speak: bind a server that stands alone, or a proxy that does.',
)

/** The first word of what Redis answers, and what it means. */
const WORDS: Readonly<Record<string, Meaning>> = {
  NOAUTH: CREDENTIALS,
  WRONGPASS: CREDENTIALS,
  NOPERM: NEVER(
    "The user may not do this: give it the command, the key or the channel in the server's ACL. Nothing was done.",
  ),
  WRONGTYPE: NEVER(
    'The key holds something else: correct its name, or delete what is there. Nothing was done.',
  ),
  LOADING: LATER('It is starting up and reads its data; it is tried again.'),
  READONLY: LATER('It is a replica, or was made one: bind the address of the primary. It is tried again.'),
  MASTERDOWN: LATER('It is a replica without its primary; it is tried again.'),
  OOM: LATER(
    'It has no memory left: raise maxmemory, or trim its streams. Nothing was done; it is tried again.',
  ),
  MISCONF: LATER('It cannot save its data: look at its log and disk. Nothing was done; it is tried again.'),
  NOREPLICAS: LATER('Too few replicas are in sync. Nothing was done; it is tried again.'),
  BUSY: LATER('It runs a script that takes long. Nothing was done; it is tried again.'),
  TRYAGAIN: LATER('It is tried again.'),
  CLUSTERDOWN: NOT_CLUSTER,
  MOVED: NOT_CLUSTER,
  ASK: NOT_CLUSTER,
  CROSSSLOT: NOT_CLUSTER,
  NOSCRIPT: LATER('Its scripts were forgotten; ours is loaded again.'),
  NOGROUP: LATER('The stream or the consumer group was deleted; it is made again.'),
  UNBLOCKED: LATER('It ended our wait; it is tried again.'),
}

/** The package's own name for what a server answers. */
const ANSWERS = new Set(['ErrorReply', 'SimpleError', 'BlobError'])

function answerOf(error: Error): Meaning | null {
  const { message } = error
  if (!ANSWERS.has(error.constructor.name)) return null
  // An older word for it, where a user needs no password.
  if (/invalid password|max number of clients/i.test(message))
    return /clients/.test(message) ? LATER('It has too many connections; it is tried again.') : CREDENTIALS
  const word = wordOf(error) ?? ''
  return (
    WORDS[word] ??
    NEVER('Nothing was done, and sending it again would not help: correct what the operation is given.')
  )
}

/** `WRONGTYPE` of "WRONGTYPE Operation against a key …". What begins with ERR has no word of its own. */
export function wordOf({ message }: Error): string | null {
  const [, word = null] = /^(?:-)?([A-Z]{3,})\b/.exec(message) ?? []
  return word
}

const TLS = /CERT|SSL|TLS|SELF_SIGNED|EPROTO|UNABLE_TO/

function connectionOf(error: Error, writes: boolean): Meaning {
  if (error instanceof LinkBroken && !error.sent) return LATER(hintOf(error))
  const unsent = ['ClientOfflineError', 'ClientClosedError', 'AbortError'].includes(error.constructor.name)
  if (unsent || !writes) return LATER('Nothing was done; it is tried again.')
  return {
    code: 'CALL_FAILED',
    retry: 'later',
    applied: 'unknown',
    advice: 'It may or may not have been done.',
  }
}

function hintOf(error: Error): string {
  const code = codeOf(error)
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return "No such host is known: check the host of the connection's url. It is tried again."
  if (TLS.test(code) || error.message.includes('by TLS'))
    return 'TLS was refused: check `tls.ca`, `tls.serverName` and whether the server speaks TLS at all (rediss:). It is tried again.'
  return 'Check that the server runs and can be reached. Nothing was done; it is tried again.'
}

function codeOf(error: Error): string {
  const { code } = error as { readonly code?: unknown }
  if (typeof code === 'string') return code
  return error.cause instanceof Error ? codeOf(error.cause) : ''
}

/** Several addresses of one name fail together, without a message of their own. */
function messageOf(error: Error): string {
  const { errors = [] } = error as { readonly errors?: readonly Error[] }
  const own = error.message || errors.map(({ message }) => message).join(', ') || error.name
  return own.replace(/[.\s]+$/, '')
}

/** The errors of the package carry the command with its values. */
function plain(error: Error): Error {
  const bare = new Error(messageOf(error))
  bare.name = error.constructor.name
  const code = codeOf(error)
  return code === '' ? bare : Object.assign(bare, { code })
}
