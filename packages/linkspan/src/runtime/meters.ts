import { ensureError } from '../model/errors.ts'
import type { Logger } from '../model/outside.ts'
import type { Hooks, Metrics } from './engine-api.ts'
import type { Events } from './events.ts'
import type { Ledger } from './ledger.ts'

/** Who is told what happens. */
export interface MetersOptions {
  readonly ledger: Ledger
  readonly metrics: Metrics
  readonly hooks: Hooks
  readonly logger: Logger
}

/** Tells the ledger, the metrics, the log and the hooks what happens. */
export function createEvents({ ledger, metrics, hooks, logger }: MetersOptions): Events {
  const commitSeconds = metrics.histogramOf('linkspan_commit_seconds', {})
  const commitSize = metrics.histogramOf('linkspan_commit_size', {})
  const stepMeter = nested((flow, step) => {
    const attempts = (outcome: string): { add(): void } =>
      metrics.counterOf('linkspan_step_attempts_total', { flow, step, outcome })
    return {
      seconds: metrics.histogramOf('linkspan_step_seconds', { flow, step }),
      done: attempts('done'),
      failed: attempts('failed'),
      unknown: attempts('unknown'),
    }
  })
  const ages = nested((flow) => metrics.histogramOf('linkspan_message_seconds', { flow }))
  const standing = nested((): { state: string | null } => ({ state: null }))
  const hookOf = { dead: hooks.onDead, inDoubt: hooks.onInDoubt, parked: hooks.onParked } as const
  return {
    accepted: ledger.accepted,
    duplicate: (flow) => metrics.counter('linkspan_messages_duplicate_total', { flow }),
    refused: (flow, code) => metrics.counter('linkspan_messages_refused_total', { flow, code }),
    ended(flow, ending, child, ageMs) {
      ledger.ended(flow, ending, child)
      if (!child) ages(flow, '').observe(ageMs / 1_000)
    },
    revived: ledger.revived,
    attempt(flow, step, outcome, ms) {
      const meter = stepMeter(flow, step)
      meter.seconds.observe(ms / 1_000)
      meter[outcome].add()
    },
    ignored: (flow, step) => metrics.counter('linkspan_ignored_errors_total', { flow, step }),
    told(flow, step, event, level) {
      metrics.counter('linkspan_step_events_total', { flow, step, event })
      if (level) logger.log(level, `step.${event}`, { flow, step })
    },
    standsAt(flow, step, state) {
      const before = standing(flow, step)
      const gauge = (of: string, value: number): void =>
        metrics.gauge('linkspan_step_state', { flow, step, state: of }, () => value)
      if (before.state === state) return
      if (before.state !== null) gauge(before.state, 0)
      gauge(state, 1)
      before.state = state
    },
    attention(ending, event) {
      logger.log('warn', `message.${ending}`, {
        id: event.id,
        flow: event.flow,
        key: event.key,
        step: event.path,
        error: event.error.message,
      })
      const hook = ending in hookOf ? hookOf[ending as keyof typeof hookOf] : undefined
      if (!hook) return
      Promise.resolve()
        .then(() => hook(event))
        .catch((error: unknown) =>
          logger.log('error', 'hook.failed', { hook: ending, error: ensureError(error).message }),
        )
    },
    committed(size, ms) {
      commitSeconds.observe(ms / 1_000)
      commitSize.observe(size)
    },
  }
}

/** Makes what belongs to two names once. */
function nested<T>(make: (outer: string, inner: string) => T): (outer: string, inner: string) => T {
  const made = new Map<string, Map<string, T>>()
  return (outer, inner) => {
    const within = made.get(outer) ?? new Map<string, T>()
    const present = within.get(inner)
    if (present !== undefined) return present
    const fresh = make(outer, inner)
    made.set(outer, within.set(inner, fresh))
    return fresh
  }
}
