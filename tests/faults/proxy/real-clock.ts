import type { Clock } from 'linkspan/connect'

/** What a proxy needs of a clock. */
export type ProxyClock = Pick<Clock, 'monotonic' | 'timer'>

export const realClock: ProxyClock = {
  monotonic: () => performance.now(),
  timer(afterMs, run) {
    const timer = setTimeout(run, afterMs)
    return () => clearTimeout(timer)
  },
}
