import type { Clock } from 'linkspan/connect'
import type { Batch, Committed } from 'linkspan/journal'
import type { ServerTime } from './server-time.ts'

/** Commits of what has gathered, up to so many at a time. */
export type Commits = {
  readonly underWay: number
  /** Something has gathered, or may have. */
  readonly schedule: () => void
  /** A commit was answered, and what came of it is about to be handed out. */
  readonly answered: () => void
}

export type CommitsPlan = {
  readonly commit: (batch: Batch) => Promise<Committed>
  /** What has gathered, or null. */
  readonly take: () => Batch | null
  readonly depth: () => number
  /** Told with the batch when it is durable. */
  readonly done: (batch: Batch, committed: Committed) => void
  readonly serverTime: ServerTime
  /** Whether a second commit is held back until it will find the server done with the first. */
  readonly inTime: boolean
  readonly clock: Pick<Clock, 'monotonic' | 'timer' | 'defer'>
}

/** As the engine does it: in the next turn, so that what comes together goes together. */
export const createCommits = (plan: CommitsPlan): Commits => {
  const { commit, take, depth, done, serverTime, inTime, clock } = plan
  let underWay = 0
  let lastBegan = Number.NEGATIVE_INFINITY
  let scheduled = false
  let held = false

  const later = (): void => {
    scheduled = false
    begin()
  }
  const begin = (): void => {
    if (underWay >= depth()) return
    const earlyMs = underWay > 0 && inTime ? lastBegan + serverTime.ms - clock.monotonic() : 0
    if (earlyMs > 0) hold(earlyMs)
    else {
      const batch = take()
      if (batch !== null) void write(batch)
    }
  }
  const hold = (ms: number): void => {
    if (held) return
    held = true
    clock.timer(ms, () => {
      held = false
      begin()
    })
  }
  const write = async (batch: Batch): Promise<void> => {
    const began = clock.monotonic()
    lastBegan = began
    underWay += 1
    const committed = await commit(batch)
    underWay -= 1
    serverTime.seen(began, clock.monotonic())
    done(batch, committed)
  }
  return {
    get underWay() {
      return underWay
    },
    schedule: () => {
      if (scheduled || underWay >= depth()) return
      scheduled = true
      clock.defer(later)
    },
    answered: begin,
  }
}
