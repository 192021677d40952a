import type { CancelTimer, Clock } from '../model/outside.ts'
import { createDeque, type Deque } from './deque.ts'

/** Time limits of many calls by few timers: calls with the same limit expire in the order in which they began. */
export interface Deadlines {
  /** Calls `expired` after the limit, unless the answer was called before. */
  start(limitMs: number, expired: () => void): () => void
  /** Ends all timers: nothing that was started expires any more. */
  close(): void
}

interface Entry {
  readonly at: number
  expired: (() => void) | null
}

interface Line {
  readonly entries: Deque<Entry>
  timer: CancelTimer | null
}

/** Makes the keeper of time limits. */
export function createDeadlines(clock: Clock): Deadlines {
  const lines = new Map<number, Line>()

  const lineOf = (limitMs: number): Line => {
    const present = lines.get(limitMs)
    if (present) return present
    const line: Line = { entries: createDeque(), timer: null }
    lines.set(limitMs, line)
    return line
  }

  const arm = (line: Line, limitMs: number): void => {
    const head = line.entries.peek()
    if (line.timer !== null) return
    if (head) line.timer = clock.timer(Math.max(0, head.at - clock.monotonic()), () => check(line, limitMs))
    else lines.delete(limitMs)
  }

  const check = (line: Line, limitMs: number): void => {
    line.timer = null
    const now = clock.monotonic()
    for (
      let head = line.entries.peek();
      head && (head.expired === null || head.at <= now);
      head = line.entries.peek()
    ) {
      line.entries.shift()
      head.expired?.()
    }
    arm(line, limitMs)
  }

  return {
    start(limitMs, expired) {
      const line = lineOf(limitMs)
      const entry: Entry = { at: clock.monotonic() + limitMs, expired }
      line.entries.push(entry)
      arm(line, limitMs)
      return () => {
        entry.expired = null
        dropEnded(line)
      }
    },
    close() {
      for (const { timer } of lines.values()) timer?.()
      lines.clear()
    },
  }
}

/** What has ended at the front is forgotten at once, so that the line is as long as the calls under way. */
function dropEnded({ entries }: Line): void {
  for (let head = entries.peek(); head && head.expired === null; head = entries.peek()) entries.shift()
}
