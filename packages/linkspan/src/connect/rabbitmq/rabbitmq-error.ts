import {
  type Applied,
  type ErrorCode,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../../model/errors.ts'

/** What a failed request was about. */
export interface RabbitmqTask {
  /** For people: `publish to "orders" at 127.0.0.1:5672`. Holds no secret. */
  readonly what: string
  /** False when nothing can have been written, whatever went wrong. */
  readonly writes: boolean
}

interface Judgement {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly applied: Applied
  readonly advice: string
}

/**
 * The one place where a failure of the client becomes a {@link LinkspanError}. What was still unanswered when a channel or a connection
 * ended may have been written, whatever ended it.
 *
 * | what happened | code | retry | applied |
 * |---|---|---|---|
 * | wrong user or password | `CALL_UNAUTHENTICATED` | later | no |
 * | no right to an exchange or queue | `CALL_UNAUTHENTICATED` | never | no |
 * | no such virtual host, or no right to it | `CALL_UNAUTHENTICATED` | later | no |
 * | TLS: a certificate that is not trusted, no TLS at this port | `CALL_FAILED` | later | no |
 * | no such exchange or queue; declared with other settings; used by another alone | `CALL_FAILED` | later | no |
 * | no broker reached | `CALL_FAILED` | later | no |
 * | refused by a queue (`nack`), the connection or channel ended under it | `CALL_FAILED` | later | unknown |
 * | nothing heard of the broker, or no answer in time | `CALL_TIMED_OUT` | later | unknown |
 */
export function rabbitmqError(thrown: unknown, { what, writes }: RabbitmqTask): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  const { code, retry, applied, advice } = judge(thrown)
  const unknown = writes && applied === 'unknown'
  const open = unknown ? 'It may or may not have been written. ' : ''
  return new LinkspanError(code, `RabbitMQ: ${what} failed: ${saidBy(thrown)}. ${open}${advice}`, {
    retry,
    applied: unknown ? 'unknown' : 'no',
    details: detailsOf(thrown),
  })
}

const later = (advice: string, applied: Applied = 'unknown'): Judgement => ({
  code: 'CALL_FAILED',
  retry: 'later',
  applied,
  advice,
})

const LOGIN: Judgement = {
  ...later('Check user and password of the connection.', 'no'),
  code: 'CALL_UNAUTHENTICATED',
}
const VHOST: Judgement = {
  ...later(
    'The virtual host does not exist, or the user has no right to it: rabbitmqctl add_vhost, set_permissions.',
    'no',
  ),
  code: 'CALL_UNAUTHENTICATED',
}
const FORBIDDEN: Judgement = {
  code: 'CALL_UNAUTHENTICATED',
  retry: 'never',
  applied: 'unknown',
  advice: "Give the connection's user the right to it (rabbitmqctl set_permissions).",
}
const TLS = later(
  "Check that this port speaks TLS, and that the connection's tls.ca is the authority that signed the broker's certificate.",
  'no',
)
const DOWN = later('Check that the broker runs and that its address can be reached from here.', 'no')
const MISSING = later('Create it, correct its name, or add it to the topology of the connection.')
const OTHERWISE = later(
  'It exists with other settings, which cannot be changed: state those in the topology, or delete it and let it be declared anew.',
)
const LOCKED = later('Another connection uses it alone (exclusive): it is tried again.')
const NACKED = later(
  'A queue refused it: it is full (x-overflow: reject-publish), or has no majority. Look at the queue.',
)
const ENDED = later('Look at the broker; it is tried again.')
const SILENT: Judgement = { ...later('The broker did not answer in time.'), code: 'CALL_TIMED_OUT' }

const BY_REPLY: Readonly<Record<number, Judgement>> = {
  403: FORBIDDEN,
  404: MISSING,
  405: LOCKED,
  406: OTHERWISE,
  530: FORBIDDEN,
}

const TLS_CODE = /^(?:ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH|EPROTO)/
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])

/** What the client says by words alone. */
const BY_WORDS: readonly (readonly [RegExp, Judgement])[] = [
  [/Handshake terminated by server: 403|SASL mechanism|Login was refused/, LOGIN],
  [/Expected ConnectionOpenOk; got <ConnectionClose|Handshake terminated by server: 530/, VHOST],
  [/during opening handshake|connect ETIMEDOUT|Handshake terminated/, DOWN],
  [/message nacked/, NACKED],
  [/Heartbeat timeout|timed out/i, SILENT],
]

function judge(thrown: unknown): Judgement {
  const { code, message, errors } = (thrown ?? {}) as { code?: unknown; message?: unknown; errors?: unknown }
  if (Array.isArray(errors) && errors.length > 0) return judge(errors[0])
  const text = String(message ?? thrown)
  if (typeof code === 'string' && TLS_CODE.test(code)) return TLS
  if (typeof code === 'string' && UNREACHED.has(code)) return DOWN
  if (typeof code === 'number') return BY_REPLY[code] ?? ENDED
  return BY_WORDS.find(([pattern]) => pattern.test(text))?.[1] ?? ENDED
}

/** The words of the client; of several addresses that one host name has, those of the first. */
function saidBy(thrown: unknown): string {
  const { message, errors } = (thrown ?? {}) as { message?: unknown; errors?: unknown }
  const said = typeof message === 'string' && message !== '' ? message : null
  if (said === null && Array.isArray(errors) && errors.length > 0) return saidBy(errors[0])
  return (said ?? String(thrown)).replace(/\.$/, '')
}

function detailsOf(thrown: unknown): Readonly<Record<string, unknown>> {
  const { code } = (thrown ?? {}) as { code?: unknown }
  return typeof code === 'number' || typeof code === 'string' ? { rabbitmq: code } : {}
}
