import { Cron } from 'croner'
import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'

/** The times of a schedule, in milliseconds since 1970. */
export interface Occurrences {
  readonly kind: 'cron' | 'interval'
  /** The first time after a given one; null when there is none. */
  next(after: number): number | null
  /** The last `count` times up to and including a given one, the oldest first. */
  latest(upTo: number, count: number): readonly number[]
}

/** Below this, a schedule is a busy loop. */
const SHORTEST_INTERVAL_MS = 100
/** Any moment will do to see whether an expression has times at all. */
const PROBE = Date.UTC(2024, 0, 1)
const DURATION = /^\s*\d+(?:\.\d+)?(?:ms|s|m|h|d)\s*$/

/**
 * The times that a cron expression or an interval names.
 * @throws {LinkspanError} `CONFIG_INVALID` saying what is wrong with it.
 */
export function occurrences(when: string | Duration, timezone: string): Occurrences {
  checkTimezone(timezone)
  if (typeof when === 'number' || DURATION.test(when)) return interval(when as Duration)
  return cron(when, timezone)
}

/** Intervals count from 1970-01-01T00:00Z, so a restart does not shift them. */
function interval(every: Duration): Occurrences {
  const ms = durationMs(typeof every === 'string' ? (every.trim() as Duration) : every)
  if (!Number.isInteger(ms) || ms < SHORTEST_INTERVAL_MS) {
    throw invalid(
      String(every),
      `an interval is a whole number of milliseconds, at least ${SHORTEST_INTERVAL_MS}`,
    )
  }
  return {
    kind: 'interval',
    next: (after) => (Math.floor(after / ms) + 1) * ms,
    latest: (upTo, count) => {
      const last = Math.floor(upTo / ms) * ms
      return Array.from({ length: count }, (_, index) => last - (count - 1 - index) * ms)
    },
  }
}

function cron(expression: string, timezone: string): Occurrences {
  const job = parse(expression, timezone)
  const next = (after: number): number | null => job.nextRun(new Date(after))?.getTime() ?? null
  if (next(PROBE) === null) throw invalid(expression, 'it names no date that exists')
  return {
    kind: 'cron',
    next,
    latest: (upTo, count) => latest(job, upTo, count),
  }
}

function latest(job: Cron, upTo: number, count: number): readonly number[] {
  // The library looks strictly before its reference, by whole seconds.
  const reference = new Date(Math.floor(upTo / 1_000) * 1_000 + 1_000)
  return job
    .previousRuns(count, reference)
    .map((date) => date.getTime())
    .filter((time) => time <= upTo)
    .reverse()
}

function parse(expression: string, timezone: string): Cron {
  if (!/^\s*(?:@\w+|\S+(?:\s+\S+){4,5})\s*$/.test(expression)) {
    throw invalid(
      expression,
      'a cron expression has five fields, or six with seconds first; an interval is written as "15m"',
    )
  }
  try {
    // Paused and without a function it only computes: no timer is started.
    return new Cron(expression, {
      timezone,
      paused: true,
      mode: '5-or-6-parts',
      fixedTimeRule: 'no-wildcard',
    })
  } catch (error) {
    throw invalid(expression, (error as Error).message.replace(/^Cron\w+: /, ''), error)
  }
}

function checkTimezone(timezone: string): void {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone })
  } catch (error) {
    const problem = `the time zone "${timezone}" is not known; use a name as "Europe/Paris" or "UTC"`
    throw invalid(timezone, problem, error)
  }
}

function invalid(when: string, problem: string, cause?: unknown): LinkspanError {
  return new LinkspanError('CONFIG_INVALID', `The schedule "${when}" cannot be used: ${problem}.`, {
    details: { schedule: when },
    ...(cause === undefined ? {} : { cause }),
  })
}
