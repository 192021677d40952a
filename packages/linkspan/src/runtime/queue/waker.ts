import type { BacklogEntry, BacklogReader } from '../../journal/journal.ts'
import type { CancelTimer, Clock } from '../../model/outside.ts'

/** Wakes the messages of a flow whose time has come, from the journal, in pages. */
export interface Waker {
  /** A wait was put for a time. */
  arm(at: number): void
  /** Looks at what is due now. */
  wakeDue(): Promise<void>
  /** Arms for the next wait in the journal. */
  start(): void
  stop(): void
}

/** What a waker is made of. */
export interface WakerOptions {
  readonly flow: string
  readonly backlog: BacklogReader
  readonly clock: Clock
  readonly paused: () => boolean
  /** Rises whenever partitions come or go: rows of reads begun before say nothing. */
  readonly epoch: () => number
  /** How many may be woken now. */
  readonly room: () => number
  /** Whether a message that is due can be woken here and now. */
  readonly canWake: (row: BacklogEntry) => boolean
  readonly wake: (row: BacklogEntry) => void
  /** Some were woken. */
  readonly woken: () => void
  /** The journal could not be read: called back when it is worth another try. */
  readonly again: (error: unknown, run: () => void) => void
}

const PAGE = 256
const LOOK_AGAIN_MS = 1_000

/** Makes the waker of one flow. */
export function createWaker(options: WakerOptions): Waker {
  const { flow, backlog, clock } = options
  let running = false
  let waking = false
  let timer: CancelTimer | null = null
  let timerAt = Number.POSITIVE_INFINITY

  const arm = (at: number): void => {
    if (!running || at >= timerAt) return
    timer?.()
    timerAt = at
    timer = clock.timer(Math.max(0, at - clock.now()), () => {
      timerAt = Number.POSITIVE_INFINITY
      void wakeDue()
    })
  }

  const wakeDue = async (): Promise<void> => {
    if (waking || !running || options.paused()) return
    waking = true
    const epoch = options.epoch()
    try {
      const room = options.room()
      const rows = room > 0 ? await backlog.due(flow, clock.now(), Math.min(PAGE, room)) : []
      if (epoch !== options.epoch()) {
        waking = false
        return wakeDue()
      }
      const due = rows.filter(options.canWake)
      for (const row of due) options.wake(row)
      waking = false
      if (due.length > 0) options.woken()
      else await armNext(rows.length > 0 || room === 0)
    } catch (error) {
      waking = false
      options.again(error, () => void wakeDue())
    }
  }

  const armNext = async (stuck: boolean): Promise<void> => {
    if (stuck) {
      arm(clock.now() + LOOK_AGAIN_MS)
      return
    }
    const next = await backlog.nextDue(flow)
    if (next !== null) arm(Math.max(next, clock.now()))
  }

  return {
    arm,
    wakeDue,
    start() {
      running = true
      void armNext(false).catch((error: unknown) => options.again(error, () => void wakeDue()))
    },
    stop() {
      running = false
      timer?.()
    },
  }
}
