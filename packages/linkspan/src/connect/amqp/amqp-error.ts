import {
  type Applied,
  type ErrorCode,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../../model/errors.ts'

/** What a failure was about. */
export interface AmqpTask {
  /** For people: `send to queue "orders" at 127.0.0.1:5672`. Holds no secret. */
  readonly what: string
  /** What may be claimed of a failure that says nothing itself. */
  readonly applied: Applied
  /** True while a connection is made: then whatever went wrong is a connection that failed. */
  readonly connecting?: boolean
  /** True where TLS was tried. */
  readonly secure?: boolean
}

interface Judgement {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly advice: string
}

const later = (advice: string, code: ErrorCode = 'CALL_FAILED'): Judgement => ({
  code,
  retry: 'later',
  advice,
})
const rejected = (advice: string): Judgement => ({ code: 'CALL_REJECTED', retry: 'never', advice })

const BY_CONDITION: Readonly<Record<string, Judgement>> = {
  'amqp:not-found': later('Create it at the broker, or correct its name.'),
  'amqp:resource-deleted': later('It was deleted at the broker. Create it again.'),
  'amqp:resource-limit-exceeded': later('The broker is full, or has no room for more links: look at it.'),
  'amqp:resource-locked': later('Another client holds it alone. Stop that one, or use another name.'),
  'amqp:internal-error': later("Look at the broker's log."),
  'amqp:connection:forced': later('The broker closed the connection, as when it stops.'),
  'amqp:link:detach-forced': later('The broker closed the link, as when the queue was deleted.'),
  'amqp:link:message-size-exceeded': rejected('Send less, or raise the limit of the broker.'),
  'amqp:unauthorized-access': {
    code: 'CALL_UNAUTHENTICATED',
    retry: 'never',
    advice: "Give the connection's user the right to it.",
  },
  'amqp:invalid-field': rejected('Correct the name or the selector.'),
  'amqp:decode-error': rejected('Correct the message.'),
  'amqp:precondition-failed': rejected('Correct the message, or the settings of the broker.'),
}

const LOGIN = later("Check the connection's user and password.", 'CALL_UNAUTHENTICATED')
const TLS = later(
  "Check the connection's tls: that this port speaks TLS, and that tls.ca is the authority that signed the broker's certificate.",
)
const DOWN = later('Check that the broker runs and that its address can be reached from here.')
const NO_AMQP = later('Check that an AMQP 1.0 acceptor listens at this port (amqps:// where it has TLS).')

const TLS_CODE =
  /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH|EPROTO)/

/** The one place where a failure of the library or of a socket becomes a {@link LinkspanError}. The page of the connector has the table. */
export function amqpError(thrown: unknown, task: AmqpTask): LinkspanError {
  const { what, applied, connecting = false, secure = false } = task
  if (isLinkspanError(thrown)) return thrown
  const { condition, description, code, message } = partsOf(thrown)
  const { advice, ...judged } = connecting ? whileConnecting(thrown, secure) : judge(condition, code)
  const said = [description ?? message, condition ?? code].filter((part) => part !== undefined)
  return new LinkspanError(
    connecting && judged.code !== 'CALL_UNAUTHENTICATED' ? 'CONNECTION_FAILED' : judged.code,
    `AMQP: ${what} failed: ${said.join(', ') || 'nothing was said of it'}. ${applied === 'unknown' ? 'It may or may not have been done. ' : ''}${advice}`,
    {
      retry: applied === 'unknown' ? 'later' : judged.retry,
      applied,
      details: condition === undefined ? {} : { amqp: condition },
    },
  )
}

function judge(condition: string | undefined, code: string | undefined): Judgement {
  const known = condition === undefined ? undefined : BY_CONDITION[condition]
  if (known !== undefined) return known
  if (code !== undefined && TLS_CODE.test(code)) return TLS
  return DOWN
}

/** Where there is a host, and its port speaks no TLS, it hangs up in one of many ways. */
const UNREACHED = /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT)$/

function whileConnecting(thrown: unknown, secure: boolean): Judgement {
  const { condition, code, name } = partsOf(thrown)
  if (condition === 'amqp:unauthorized-access') return LOGIN
  if (name === 'ProtocolError') return NO_AMQP
  if (secure && condition === undefined && !UNREACHED.test(code ?? '')) return TLS
  return judge(condition, code)
}

/** Of an error of a socket, of the library, or as AMQP has it. */
function partsOf(thrown: unknown): Readonly<Partial<Record<Part, string>>> {
  const { condition, description, code, message, name } = (thrown ?? {}) as Readonly<Record<Part, unknown>>
  const parts = Object.entries({ condition, description, code, message, name })
  return Object.fromEntries(parts.filter(([, part]) => typeof part === 'string' && part !== ''))
}

type Part = 'condition' | 'description' | 'code' | 'message' | 'name'
