import type { BacklogEntry, BacklogReader } from '../../journal/journal.ts'
import type { CancelTimer, Clock } from '../../model/outside.ts'
import type { Reads } from './reads.ts'

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
  readonly reads: Reads
  readonly paused: () => boolean
  /** How many may be woken now. */
  readonly room: () => number
  /** Whether a message that is due can be woken here and now. */
  readonly canWake: (row: BacklogEntry, read: number) => boolean
  readonly wake: (row: BacklogEntry) => void
  /** Some were woken. */
  readonly woken: () => void
  /** The journal could not be read: called back when it is worth another try. */
  readonly again: (error: unknown, run: () => void) => void
}

const PAGE = 256
const MOST = 4_096
const LOOK_AGAIN_MS = 1_000

/** Makes the waker of one flow. */
export function createWaker(options: WakerOptions): Waker {
  const { flow, backlog, clock, reads } = options
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
    try {
      const room = options.room()
      const { found, wakeable } = await look(room)
      // Others may have come in meanwhile.
      const woken = wakeable.slice(0, Math.min(room, options.room()))
      for (const row of woken) options.wake(row)
      waking = false
      if (woken.length > 0) options.woken()
      else await armNext(found || room === 0)
    } catch (error) {
      waking = false
      options.again(error, () => void wakeDue())
    }
  }

  /** Those that are due first may not be wakeable, and must not keep the others from it. */
  const look = async (room: number): Promise<{ found: boolean; wakeable: readonly BacklogEntry[] }> => {
    for (let limit = Math.min(PAGE, room); limit > 0; limit = Math.min(limit * 4, MOST)) {
      const { rows, wakeable } = await read(limit)
      if (wakeable.length > 0 || rows.length < limit || limit === MOST)
        return { found: rows.length > 0, wakeable }
    }
    return { found: false, wakeable: [] }
  }

  /** When partitions came or went meanwhile, what was read says nothing. */
  const read = async (
    limit: number,
  ): Promise<{ rows: readonly BacklogEntry[]; wakeable: readonly BacklogEntry[] }> => {
    const { epoch } = reads
    const number = reads.begin()
    try {
      const rows = await backlog.due(flow, clock.now(), limit)
      const wakeable = epoch === reads.epoch ? rows.filter((row) => options.canWake(row, number)) : []
      return { rows, wakeable }
    } finally {
      reads.end()
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
