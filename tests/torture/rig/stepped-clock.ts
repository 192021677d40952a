import { performance } from 'node:perf_hooks'
import type { Clock } from 'linkspan/connect'
import { realClock } from '../../faults/proxy/real-clock.ts'

/** A clock whose wall time can be set anywhere, as by an operator or a broken time server. */
export interface SteppedClock extends Clock {
  /** Moves the wall time to so many milliseconds after the machine's. */
  set(offsetMs: number): void
}

/** The longest pause that Node's timers can make; an engine that waits longer looks again then. */
const LONGEST_TIMER_MS = 2_147_483_647

/** A clock that differs from the machine's in its wall time only. */
export function steppedClock(offsetMs: number): SteppedClock {
  let offset = offsetMs
  return {
    now: () => Date.now() + offset,
    monotonic: () => performance.now(),
    defer: (run) => void setImmediate(run),
    timer: (afterMs, run) => realClock.timer(Math.min(Math.max(0, afterMs), LONGEST_TIMER_MS), run),
    set(next) {
      offset = next
    },
  }
}
