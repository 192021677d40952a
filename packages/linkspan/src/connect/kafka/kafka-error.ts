import {
  type Applied,
  type ErrorCode,
  isLinkspanError,
  LinkspanError,
  type Retry,
} from '../../model/errors.ts'
import { type Failure, failuresOf } from './failures.ts'

/** What a failed request was about. */
export interface KafkaTask {
  /** For people: `produce to "orders" at 127.0.0.1:9092`. Holds no secret. */
  readonly what: string
  /** False when nothing can have been written, whatever went wrong. */
  readonly writes: boolean
  /** Which failures are meant, where a request had several parts. @default all */
  readonly only?: (failure: Failure) => boolean
}

interface Judgement {
  readonly code: ErrorCode
  readonly retry: Retry
  readonly applied: Applied
  readonly advice: string
}

/**
 * The one place where a failure of the client becomes a {@link LinkspanError}.
 *
 * | what happened | code | retry | applied |
 * |---|---|---|---|
 * | wrong or missing credentials, an unknown mechanism | `CALL_UNAUTHENTICATED` | later | no |
 * | no rights to a topic, group or cluster | `CALL_UNAUTHENTICATED` | never | no |
 * | TLS: a certificate that is not trusted, no TLS at this port | `CALL_FAILED` | later | no |
 * | too large, not valid, against a policy of the topic | `CALL_REJECTED` | never | no |
 * | no such topic or partition | `CALL_FAILED` | later | no |
 * | no broker reached, no leader, too few replicas in sync | `CALL_FAILED` | later | no |
 * | a quota | `CALL_RATE_LIMITED` | later | no |
 * | the broker's own time limit, too few replicas after the append, a lost producer state | `CALL_FAILED` | later | unknown |
 * | closed or silent after the request was sent, and whatever is not listed | `CALL_FAILED`, `CALL_TIMED_OUT` | later | unknown |
 *
 * A request that was tried several times has several failures. The gravest of them decides: where one of them leaves open
 * whether the records were written, it is unknown, whatever the last one says.
 */
export function kafkaError(thrown: unknown, { what, writes, only = () => true }: KafkaTask): LinkspanError {
  if (isLinkspanError(thrown)) return thrown
  const failures = failuresOf(thrown).filter(only)
  const judged = failures.map((failure) => ({ failure, ...judge(failure) }))
  const worst = judged.toSorted((a, b) => GRAVITY.indexOf(a.code) - GRAVITY.indexOf(b.code))[0]
  const unknown = writes && judged.some(({ failure, applied }) => applied === 'unknown' && !failure.before)
  const said = worst === undefined ? String(thrown) : saidBy(worst.failure)
  const advice = worst?.advice ?? 'Look at the brokers.'
  const applied = unknown ? 'It may or may not have been written. ' : ''
  return new LinkspanError(
    worst?.code ?? 'CALL_FAILED',
    `Kafka: ${what} failed: ${said}. ${applied}${advice}`,
    {
      retry: worst?.retry ?? 'later',
      applied: unknown || (writes && worst === undefined) ? 'unknown' : 'no',
      details: worst === undefined ? {} : detailsOf(worst.failure),
    },
  )
}

/** The first of these that is among the failures says what to do. */
const GRAVITY: readonly ErrorCode[] = [
  'CALL_UNAUTHENTICATED',
  'CALL_REJECTED',
  'CALL_RATE_LIMITED',
  'CALL_TIMED_OUT',
  'CALL_FAILED',
]

const refused = (advice: string): Judgement => ({
  code: 'CALL_FAILED',
  retry: 'later',
  applied: 'no',
  advice,
})
const unsure = (advice: string): Judgement => ({ ...refused(advice), applied: 'unknown' })
const rejected = (advice: string): Judgement => ({
  code: 'CALL_REJECTED',
  retry: 'never',
  applied: 'no',
  advice,
})

const LOGIN: Judgement = {
  code: 'CALL_UNAUTHENTICATED',
  retry: 'later',
  applied: 'no',
  advice: "Check user, password and mechanism of the connection's sasl.",
}
const FORBIDDEN: Judgement = {
  ...LOGIN,
  retry: 'never',
  advice: "Give the connection's user the right to it (kafka-acls --add).",
}
const TLS = refused(
  "Check the connection's tls: that this port speaks TLS, and that tls.ca is the authority that signed the broker's certificate.",
)
const TOPIC = refused('Create the topic, or correct its name.')
const LEADER = refused('The partition has no leader now; it is tried again.')
const REPLICAS = refused(
  'Fewer replicas are in sync than min.insync.replicas asks for: bring the brokers back.',
)
const CREATE = rejected('Correct the record, or the settings of the topic.')
const STATE = unsure('The broker does not know what this producer had sent before.')
const DOWN = refused('Check that the brokers run and that their addresses can be reached from here.')

const BY_API: Readonly<Record<string, Judgement>> = {
  SASL_AUTHENTICATION_FAILED: LOGIN,
  UNSUPPORTED_SASL_MECHANISM: LOGIN,
  ILLEGAL_SASL_STATE: LOGIN,
  TOPIC_AUTHORIZATION_FAILED: FORBIDDEN,
  GROUP_AUTHORIZATION_FAILED: FORBIDDEN,
  CLUSTER_AUTHORIZATION_FAILED: FORBIDDEN,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: FORBIDDEN,
  MESSAGE_TOO_LARGE: rejected(
    'It is larger than max.message.bytes of the topic allows: raise that, compress, or send less.',
  ),
  RECORD_LIST_TOO_LARGE: rejected(
    'It is larger than the segments of the topic: raise segment.bytes, or send less.',
  ),
  INVALID_RECORD: rejected('The topic refuses it: one that is compacted takes no record without a key.'),
  INVALID_TIMESTAMP: rejected('Its timestamp is out of the bounds of the topic.'),
  UNSUPPORTED_COMPRESSION_TYPE: rejected('Use another compression.'),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: CREATE,
  POLICY_VIOLATION: CREATE,
  INVALID_REQUIRED_ACKS: CREATE,
  UNKNOWN_TOPIC_OR_PARTITION: TOPIC,
  UNKNOWN_TOPIC_ID: TOPIC,
  INVALID_TOPIC_EXCEPTION: TOPIC,
  LEADER_NOT_AVAILABLE: LEADER,
  NOT_LEADER_OR_FOLLOWER: LEADER,
  FENCED_LEADER_EPOCH: LEADER,
  UNKNOWN_LEADER_EPOCH: LEADER,
  BROKER_NOT_AVAILABLE: LEADER,
  REPLICA_NOT_AVAILABLE: LEADER,
  COORDINATOR_NOT_AVAILABLE: refused('The group has no coordinator now; it is tried again.'),
  COORDINATOR_LOAD_IN_PROGRESS: refused('The coordinator of the group is starting; it is tried again.'),
  NOT_COORDINATOR: refused('The coordinator of the group has moved; it is tried again.'),
  NOT_ENOUGH_REPLICAS: REPLICAS,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: { ...REPLICAS, applied: 'unknown' },
  REQUEST_TIMED_OUT: { ...REPLICAS, applied: 'unknown' },
  CORRUPT_MESSAGE: refused('It was damaged on its way; it is tried again.'),
  THROTTLING_QUOTA_EXCEEDED: {
    ...refused('A quota of the brokers is used up; it is tried again.'),
    code: 'CALL_RATE_LIMITED',
  },
  UNKNOWN_PRODUCER_ID: STATE,
  OUT_OF_ORDER_SEQUENCE_NUMBER: STATE,
  INVALID_PRODUCER_EPOCH: STATE,
}

const TLS_CODE = /^(?:ERR_TLS|ERR_SSL|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH|EPROTO)/
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'])
const UNCONNECTED =
  /^(?:Connection to \S+ (?:failed|timed out)|Cannot connect to any broker|Connection closed while waiting for ready|Cannot get a connection)/

function judge({ messages, apiIds, codes }: Failure): Judgement {
  const api = apiIds.find((id) => id in BY_API)
  if (api !== undefined) return BY_API[api] as Judgement
  const says = (pattern: RegExp): boolean => messages.some((message) => pattern.test(message))
  if (codes.includes('PLT_KFK_AUTHENTICATION') || says(/SASL/)) return LOGIN
  if (codes.some((code) => TLS_CODE.test(code)) || says(/\bTLS\b/)) return TLS
  if (says(/^Unknown topic/)) return TOPIC
  if (codes.some((code) => UNREACHED.has(code)) || says(UNCONNECTED)) return DOWN
  if (codes.includes('PLT_KFK_UNSUPPORTED_COMPRESSION')) return rejected('Use another compression.')
  if (says(/timed out/i)) return { ...unsure('The broker did not answer in time.'), code: 'CALL_TIMED_OUT' }
  return unsure('Look at the brokers.')
}

/** What a person needs of a failure, from its cause outwards. */
function saidBy({ messages, apiIds, codes }: Failure): string {
  const outer = messages[0] ?? ''
  const inner = messages.at(-1) ?? ''
  const words = [...apiIds, ...codes.filter((code) => !code.startsWith('PLT_KFK'))]
  const strip = (text: string): string => text.replace(/\.$/, '')
  const said = outer === inner ? strip(outer) : `${strip(outer)}: ${strip(inner)}`
  const missing = words.filter((word) => !said.includes(word))
  return missing.length === 0 ? said : `${said} (${[...new Set(missing)].join(', ')})`
}

function detailsOf({ apiIds, codes }: Failure): Readonly<Record<string, unknown>> {
  const code = apiIds[0] ?? codes.find((each) => !each.startsWith('PLT_KFK'))
  return code === undefined ? {} : { kafka: code }
}
