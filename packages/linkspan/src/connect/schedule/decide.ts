import type { Occurrences } from './occurrences.ts'

/** How far a schedule has come: all that is kept of it between runs. Times in milliseconds since 1970. */
export interface Position {
  /** The last time of the schedule that was decided on; at first, when it was started. */
  readonly at: number
  /** The last time that was run. */
  readonly ranAt: number | null
  /** How many times were left out since. */
  readonly missed: number
}

export interface SchedulePolicy {
  readonly missed: 'skip' | 'once' | 'all'
  readonly maxMissed: number
  readonly graceMs: number
  readonly jitterMs: number
}

/** What is to be run now: per run its own time, the time run before it, and how many were left out between. */
export interface Decision {
  readonly runs: readonly Position[]
  /** The same object when nothing was due. */
  readonly position: Position
}

/** Counting further back than this would hold up the process and tell nobody more. */
const MOST_COUNTED = 10_000

/** Decides what of the times that have passed since the position is run. */
export function decide(
  times: Occurrences,
  policy: SchedulePolicy,
  position: Position,
  now: number,
): Decision {
  const first = times.next(position.at)
  if (first === null || first > now) return { runs: [], position }
  const due = countDue(times, first, now)
  const chosen = choose(times, policy, position, now, due)
  const leftOut = position.missed + due - chosen.length
  if (chosen.length === 0) {
    return { runs: [], position: { ...position, at: times.latest(now, 1)[0] ?? first, missed: leftOut } }
  }
  const runs = chosen.map((at, index) => ({
    at,
    ranAt: index === 0 ? position.ranAt : (chosen[index - 1] as number),
    missed: index === 0 ? Math.min(MOST_COUNTED, leftOut) : 0,
  }))
  const at = chosen.at(-1) as number
  return { runs, position: { at, ranAt: at, missed: 0 } }
}

function countDue(times: Occurrences, first: number, now: number): number {
  let count = 0
  for (let at: number | null = first; at !== null && at <= now && count < MOST_COUNTED; at = times.next(at))
    count++
  return count
}

function choose(
  times: Occurrences,
  policy: SchedulePolicy,
  position: Position,
  now: number,
  due: number,
): readonly number[] {
  const latest = times.latest(now, policy.missed === 'all' ? Math.min(due, policy.maxMissed) : 1)
  const chosen = latest.filter((at) => at > position.at)
  if (policy.missed !== 'skip') return chosen
  return chosen.filter((at) => now - at <= policy.graceMs)
}
