import { nowMicros } from '../workload/request.ts'
import { cpuSecondsOf, machineCpuSeconds, threadCpuSecondsOf } from './proc.ts'

/** CPU seconds per second of wall clock over the measured window, drain included; 1 is one core. */
export type CpuShares = {
  readonly participant: number
  /** The busiest thread of the participant's own process: near 1 it is what limits. */
  readonly busiestThread: number
  readonly services: number
  readonly load: number
  readonly sink: number
  /** Everything else on the machine, this driver included. */
  readonly others: number
  /** What the machine's host gave to somebody else. */
  readonly stolen: number
  readonly wallSeconds: number
}

export type Measured = {
  readonly participant: readonly number[]
  readonly services: readonly number[]
  readonly load: readonly number[]
  readonly sink: readonly number[]
}

/** Starts to count; the function it returns ends the window. */
export const cpuWindow = (pids: Measured): (() => CpuShares) => {
  const before = snapshot(pids)
  return () => {
    const after = snapshot(pids)
    const wallSeconds = (after.at - before.at) / 1e6
    const share = (who: Exclude<keyof typeof before, 'at' | 'threads'>): number =>
      (after[who] - before[who]) / wallSeconds
    const ours = share('participant') + share('services') + share('load') + share('sink')
    return {
      participant: share('participant'),
      busiestThread: busiest(before.threads, after.threads) / wallSeconds,
      services: share('services'),
      load: share('load'),
      sink: share('sink'),
      others: Math.max(0, share('busy') - ours),
      stolen: share('stolen'),
      wallSeconds,
    }
  }
}

const snapshot = (pids: Measured) => ({
  at: nowMicros(),
  participant: secondsOf(pids.participant),
  threads: pids.participant.map(threadCpuSecondsOf),
  services: secondsOf(pids.services),
  load: secondsOf(pids.load),
  sink: secondsOf(pids.sink),
  ...machineCpuSeconds(),
})

const secondsOf = (pids: readonly number[]): number =>
  pids.reduce((total, pid) => total + cpuSecondsOf(pid), 0)

const busiest = (
  before: readonly ReadonlyMap<number, number>[],
  after: readonly ReadonlyMap<number, number>[],
) =>
  Math.max(
    0,
    ...after.flatMap((threads, i) =>
      [...threads].map(([thread, seconds]) => seconds - (before[i]?.get(thread) ?? 0)),
    ),
  )
