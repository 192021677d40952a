/** What a metric is: for its HELP and TYPE lines and its buckets. */
export interface MetricDescription {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** The upper bounds of a histogram's buckets, ascending. */
  readonly buckets?: readonly number[]
}

/** Bounds in seconds for what takes from a tenth of a millisecond to a minute. */
export const SECONDS: readonly number[] = [
  0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
]

/** Bounds for how many things were done at once. */
export const SIZES: readonly number[] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096]

/** The name of one of the engine's metrics. */
export type MetricName =
  | 'linkspan_messages_accepted_total'
  | 'linkspan_messages_duplicate_total'
  | 'linkspan_messages_refused_total'
  | 'linkspan_messages_ended_total'
  | 'linkspan_messages_active'
  | 'linkspan_messages_waiting'
  | 'linkspan_oldest_waiting_seconds'
  | 'linkspan_message_seconds'
  | 'linkspan_step_seconds'
  | 'linkspan_step_attempts_total'
  | 'linkspan_ignored_errors_total'
  | 'linkspan_step_events_total'
  | 'linkspan_step_state'
  | 'linkspan_events_expired_total'
  | 'linkspan_commit_seconds'
  | 'linkspan_commit_size'
  | 'linkspan_http_requests_total'
  | 'linkspan_journal_bytes'
  | 'linkspan_source_state'
  | 'linkspan_budget_calls_total'
  | 'linkspan_budget_waits_total'
  | 'linkspan_budget_waiting'
  | 'linkspan_engine_refusing'
  | 'linkspan_uptime_seconds'

/** The engine's metrics by name. Messages are counted in the words of promise 4, so the counts add up. */
export const METRICS: Readonly<Record<MetricName, MetricDescription>> = {
  linkspan_messages_accepted_total: {
    type: 'counter',
    help: 'Messages accepted, that is committed to the journal.',
    labels: ['flow'],
  },
  linkspan_messages_duplicate_total: {
    type: 'counter',
    help: 'Messages that had been accepted before and were not accepted again.',
    labels: ['flow'],
  },
  linkspan_messages_refused_total: {
    type: 'counter',
    help: 'Messages that were not accepted, by the code of the reason.',
    labels: ['flow', 'code'],
  },
  linkspan_messages_ended_total: {
    type: 'counter',
    help: 'Messages that ended: done, filtered, dead, inDoubt, parked or dropped.',
    labels: ['flow', 'ending'],
  },
  linkspan_messages_active: {
    type: 'gauge',
    help: 'Messages on their way through their flow now.',
    labels: ['flow'],
  },
  linkspan_messages_waiting: {
    type: 'gauge',
    help: 'Messages that were accepted, have not ended and are not on their way now; of the whole journal where several engines share it, on each of them.',
    labels: ['flow'],
  },
  linkspan_oldest_waiting_seconds: {
    type: 'gauge',
    help: 'How long ago the oldest message that has not ended was accepted; 0 when there is none.',
    labels: ['flow'],
  },
  linkspan_message_seconds: {
    type: 'histogram',
    help: 'Time from acceptance to the end of a message.',
    labels: ['flow'],
    buckets: SECONDS,
  },
  linkspan_step_seconds: {
    type: 'histogram',
    help: 'Time that an attempt of an effect took.',
    labels: ['flow', 'step'],
    buckets: SECONDS,
  },
  linkspan_step_attempts_total: {
    type: 'counter',
    help: 'Attempts of effects: done, failed or unknown.',
    labels: ['flow', 'step', 'outcome'],
  },
  linkspan_events_expired_total: {
    type: 'counter',
    help: 'Events that nobody took as long as they were kept, counted within the hour.',
    labels: ['event'],
  },
  linkspan_ignored_errors_total: {
    type: 'counter',
    help: 'Errors that a policy ignored.',
    labels: ['flow', 'step'],
  },
  linkspan_step_events_total: {
    type: 'counter',
    help: 'What steps did beside their work, such as a circuit that opened or a call that was refused.',
    labels: ['flow', 'step', 'event'],
  },
  linkspan_step_state: {
    type: 'gauge',
    help: '1 for the state that a step with states, such as a circuit breaker, was in when this engine last came to it.',
    labels: ['flow', 'step', 'state'],
  },
  linkspan_commit_seconds: {
    type: 'histogram',
    help: 'Time that a group commit took, fsync included.',
    labels: [],
    buckets: SECONDS,
  },
  linkspan_commit_size: {
    type: 'histogram',
    help: 'Records that went into one group commit.',
    labels: [],
    buckets: SIZES,
  },
  linkspan_http_requests_total: {
    type: 'counter',
    help: 'HTTP requests answered, by route and status.',
    labels: ['route', 'status'],
  },
  linkspan_journal_bytes: {
    type: 'gauge',
    help: 'Bytes that the journal takes on disk.',
    labels: [],
  },
  linkspan_source_state: {
    type: 'gauge',
    help: '1 for the state that a source is in: running, paused, failing or passive.',
    labels: ['flow', 'state'],
  },
  linkspan_budget_calls_total: {
    type: 'counter',
    help: 'Calls made out of the budget of a connection.',
    labels: ['connection'],
  },
  linkspan_budget_waits_total: {
    type: 'counter',
    help: 'How often a message was put back into the journal to wait for the budget of a connection.',
    labels: ['connection'],
  },
  linkspan_budget_waiting: {
    type: 'gauge',
    help: 'Calls that wait for the budget of a connection, of those that came to this engine since it started.',
    labels: ['connection'],
  },
  linkspan_engine_refusing: {
    type: 'gauge',
    help: '1 while new messages are refused for lack of room, else 0.',
    labels: [],
  },
  linkspan_uptime_seconds: {
    type: 'gauge',
    help: 'Seconds since the engine started.',
    labels: [],
  },
}
