import { setImmediate } from 'node:timers'
import { type Duration, durationMs } from '../model/duration.ts'
import type { CancelTimer, Clock } from '../model/outside.ts'

/** A clock whose time moves only when it is told to. */
export interface VirtualClock extends Clock {
  /** How many timers have not fired. */
  readonly timers: number
  /** Moves the time on by so much; what comes due on the way runs at its time and in its order. */
  advance(by: Duration): Promise<void>
  /**
   * Runs everything until nothing is left to do, moving the time from timer to timer; with `until`, only up to the
   * moment at which it answers true. Rejects when timers are set over and over without an end.
   */
  run(until?: () => boolean): Promise<void>
  /** Runs what is ready now and does not move the time. */
  settle(): Promise<void>
  /**
   * Waits for a promise, doing meanwhile what it may wait for; the time moves only when nothing is ready.
   * Rejects when nothing is left to do and the promise is still open.
   */
  during<T>(promise: Promise<T>): Promise<T>
}

/** What moves a {@link VirtualClock} step by step. */
export interface ClockDriver {
  /**
   * Runs what is ready, then moves from timer to timer up to `limit` (milliseconds since 1970). `stop` is asked before
   * each step, when all promises that can settle have settled.
   */
  drive(limit: number, stop: () => boolean): Promise<'stopped' | 'idle' | 'limit'>
}

/** How a virtual clock begins. */
export interface VirtualClockOptions {
  /** The time at the beginning. @default 2026-01-01T00:00:00Z */
  readonly start?: Date | number
  /** After so many steps without an end `run` gives up. @default 1,000,000 */
  readonly maxSteps?: number
}

interface Timer {
  readonly at: number
  readonly order: number
  run: (() => void) | null
}

const DEFAULT_START = Date.UTC(2026, 0, 1)
const DEFAULT_MAX_STEPS = 1_000_000

/**
 * Makes a clock for tests. Nothing waits for real, and what is due at the same time runs in the order in which it was
 * asked for, so a run is the same each time.
 *
 * @example
 * ```ts
 * import { virtualClock } from 'linkspan/testing'
 * const clock = virtualClock()
 * clock.timer(60_000, () => undefined)
 * await clock.advance('1m')
 * ```
 */
export function virtualClock(options: VirtualClockOptions = {}): VirtualClock & ClockDriver {
  const start = Number(options.start ?? DEFAULT_START)
  const maxSteps = options.maxSteps ?? DEFAULT_MAX_STEPS
  const timers = createTimers()
  const deferred: (() => void)[] = []
  let now = start
  let order = 0

  const timer = (afterMs: number, run: () => void): CancelTimer => {
    if (afterMs === Number.POSITIVE_INFINITY) return () => undefined
    order += 1
    return timers.add({ at: now + Math.max(0, afterMs), order, run })
  }

  const fire = (due: Timer): void => {
    now = Math.max(now, due.at)
    const { run } = due
    due.run = null
    run?.()
  }

  const drive: ClockDriver['drive'] = async (limit, stop) => {
    for (let steps = 0; ; steps += 1) {
      await promisesSettled()
      if (stop()) return 'stopped'
      if (steps > maxSteps) throw endless(maxSteps, now)
      const next = deferred.shift()
      if (next) {
        next()
        continue
      }
      const due = timers.first()
      if (!due) return 'idle'
      if (due.at > limit) return 'limit'
      timers.take()
      fire(due)
    }
  }

  const advance = async (by: Duration): Promise<void> => {
    const until = now + durationMs(by)
    await drive(until, () => false)
    now = Math.max(now, until)
  }

  const during = async <T>(promise: Promise<T>): Promise<T> => {
    let open = true
    const over = (): void => {
      open = false
    }
    promise.then(over, over)
    const end = await drive(Number.POSITIVE_INFINITY, () => !open)
    if (end === 'stopped') return promise
    throw new Error(
      'Nothing is left to do, and what is waited for has not happened. Does it wait for real time, for input or for output? Under a virtual clock everything has to go through the clock.',
    )
  }

  return {
    now: () => now,
    monotonic: () => now - start,
    timer,
    defer: (run) => void deferred.push(run),
    drive,
    advance,
    during,
    settle: () => drive(now - 1, () => false).then(() => undefined),
    run: (until = () => false) => drive(Number.POSITIVE_INFINITY, until).then(() => undefined),
    get timers() {
      return timers.size
    },
  }
}

/** Lets every promise that can settle do so, with all that follows from it. */
const promisesSettled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

function endless(steps: number, now: number): Error {
  return new Error(
    `The virtual clock made ${steps} steps and there is still something to do at ${new Date(now).toISOString()}: timers are set over and over. Advance the clock by a stated time instead of running it to the end.`,
  )
}

interface Timers {
  readonly size: number
  add(timer: Timer): CancelTimer
  first(): Timer | undefined
  take(): void
}

/** Timers in the order of their times, then in the order in which they were set. */
function createTimers(): Timers {
  const all: Timer[] = []

  const placeOf = (timer: Timer): number => {
    let low = 0
    let high = all.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (before(all[middle] as Timer, timer)) low = middle + 1
      else high = middle
    }
    return low
  }

  return {
    get size() {
      return all.length
    },
    add(timer) {
      all.splice(placeOf(timer), 0, timer)
      return () => {
        if (timer.run === null) return
        timer.run = null
        all.splice(placeOf(timer), 1)
      }
    },
    first: () => all[0],
    take: () => void all.shift(),
  }
}

function before(a: Timer, b: Timer): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
