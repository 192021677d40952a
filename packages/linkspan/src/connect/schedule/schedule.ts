import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import { wait } from '../../model/wait.ts'
import { acceptWhenRoom } from '../accept.ts'
import type { Incoming, RunningSource, SourceContext, SourceDeclaration } from '../connector.ts'
import { decide, type Position, type SchedulePolicy } from './decide.ts'
import { type Occurrences, occurrences } from './occurrences.ts'

/** The body of a scheduled message. Times are ISO 8601 in UTC. */
export interface ScheduledRun {
  /** The time that the schedule names; jitter and delays do not show in it. */
  readonly scheduledAt: string
  /** The time named for the run before this one, or null for the first. */
  readonly previousAt: string | null
  /** How many times of the schedule between the two were not run; counted up to 10,000. */
  readonly missed: number
}

/** Options of {@link schedule}. */
export interface ScheduleOptions {
  /** The time zone of a cron expression. @default 'UTC' */
  readonly timezone?: string
  /** What becomes of times that passed while nothing could run. @default 'once' */
  readonly missed?: 'skip' | 'once' | 'all'
  /** The most missed runs made up by `all`; older ones are counted in `missed`. @default 100 */
  readonly maxMissed?: number
  /** How late a run may be before `skip` takes it for missed. @default '1m' */
  readonly grace?: Duration
  /** The longest random delay before each run. @default 0 */
  readonly jitter?: Duration
}

/** A timer is armed for at most this long, so that a step of the wall clock is noticed within it. */
const LONGEST_STEP_MS = 30_000

/**
 * Starts a flow at the times of a cron expression (five fields, or six with seconds first), or at an interval counted
 * from 1970-01-01T00:00Z. The run and the position are one commit, so that no run is lost or doubled by a crash.
 *
 * Daylight saving, one rule: an expression without `*` and `/` in its seconds, minutes and hours names times of day,
 * each of which happens once a day: a time that the clock skips runs at the first instant after the gap, a time that the clock
 * shows twice runs at its first occurrence. An expression with them is a rhythm and follows the clock as it is: it
 * runs on while an hour repeats, and has nothing to run in an hour that is skipped. Intervals know no time of day.
 *
 * @example
 * ```ts
 * import { schedule } from 'linkspan/schedule'
 * const workdays = schedule('0 9 * * 1-5', { timezone: 'Europe/Paris' })
 * const often = schedule('15m', { missed: 'skip' })
 * ```
 * @throws {LinkspanError} `CONFIG_INVALID` for an expression, time zone or option that cannot be used.
 */
export function schedule(
  when: string | Duration,
  options: ScheduleOptions = {},
): SourceDeclaration<ScheduledRun> {
  const timezone = options.timezone ?? 'UTC'
  const times = occurrences(when, timezone)
  const policy = policyOf(options)
  return {
    kind: 'poll',
    connector: 'schedule',
    name: String(when),
    options: { when, ...(times.kind === 'cron' ? { timezone } : {}), ...policy },
    start: (context) => start(times, policy, context),
  }
}

function policyOf(options: ScheduleOptions): SchedulePolicy {
  const { missed = 'once', maxMissed = 100 } = options
  if (!['skip', 'once', 'all'].includes(missed)) {
    throw new LinkspanError(
      'CONFIG_INVALID',
      `missed: "${missed}" is not known. Use "skip", "once" or "all".`,
    )
  }
  if (!Number.isInteger(maxMissed) || maxMissed < 1 || maxMissed > 10_000) {
    throw new LinkspanError('CONFIG_INVALID', `maxMissed: ${maxMissed} is no whole number from 1 to 10000.`)
  }
  return {
    missed,
    maxMissed,
    graceMs: durationMs(options.grace ?? '1m'),
    jitterMs: durationMs(options.jitter ?? 0),
  }
}

async function start(
  times: Occurrences,
  policy: SchedulePolicy,
  context: SourceContext,
): Promise<RunningSource> {
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const ended = run(times, policy, context, signal).catch(context.failed)
  return {
    stop: async () => {
      end.abort()
      await ended
    },
  }
}

async function run(
  times: Occurrences,
  policy: SchedulePolicy,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  let position = readPosition(await context.cursor())
  if (position === null) {
    // Committed before the first run, so that runs missed from now on are known to be missed.
    position = { at: context.clock.now(), ranAt: null, missed: 0 }
    if (!(await acceptWhenRoom(context, signal, [], writePosition(position)))) return
  }
  warnOfFuture(position, context)
  while (!signal.aborted) {
    const { runs, position: next } = decide(times, policy, position, context.clock.now())
    if (
      next !== position &&
      !(await acceptWhenRoom(context, signal, runs.map(incoming), writePosition(next)))
    )
      return
    position = next
    if (!(await untilNext(times, policy, position, context, signal))) return
  }
}

/** Waits until the next time is due, with its jitter. False when the source must stop or no time is left. */
async function untilNext(
  times: Occurrences,
  policy: SchedulePolicy,
  position: Position,
  { clock, random }: SourceContext,
  signal: AbortSignal,
): Promise<boolean> {
  const next = times.next(position.at)
  if (next === null) return wait(clock, LONGEST_STEP_MS, signal)
  const gap = (times.next(next) ?? Number.POSITIVE_INFINITY) - next
  const due = next + Math.floor(random.next() * Math.min(policy.jitterMs, gap))
  for (let left = due - clock.now(); left > 0; left = due - clock.now()) {
    if (!(await wait(clock, Math.min(left, LONGEST_STEP_MS), signal))) return false
  }
  return !signal.aborted
}

function warnOfFuture({ at }: Position, { clock, logger }: SourceContext): void {
  const ahead = at - clock.now()
  if (ahead > LONGEST_STEP_MS)
    logger.log('warn', 'schedule.clock-behind', { lastAt: new Date(at).toISOString(), aheadMs: ahead })
}

function incoming({ at, ranAt, missed }: Position & { readonly at: number }): Incoming {
  const scheduledAt = new Date(at).toISOString()
  const body: ScheduledRun = {
    scheduledAt,
    previousAt: ranAt === null ? null : new Date(ranAt).toISOString(),
    missed,
  }
  return { body, dedupeKey: scheduledAt }
}

function writePosition({ at, ranAt, missed }: Position): string {
  return JSON.stringify({ v: 1, at, ranAt, missed })
}

function readPosition(cursor: string | null): Position | null {
  if (cursor === null) return null
  const { at, ranAt, missed } = JSON.parse(cursor) as Position
  return { at, ranAt, missed }
}
