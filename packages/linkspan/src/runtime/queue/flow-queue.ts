import type { BacklogEntry, BacklogReader, Wait } from '../../journal/journal.ts'
import type { FlowSettings } from '../../model/flow-definition.ts'
import type { Clock } from '../../model/outside.ts'
import { createDispatcher } from './dispatcher.ts'
import { createLane, LANE_DEPTH, type Lane } from './lane.ts'
import { createWaker } from './waker.ts'
import { createWindow } from './window.ts'
import { type PassEnd, type Slot, type Work, workOf } from './work.ts'

/** The messages of one flow that are on their way: in order per key, bounded in memory, the rest in the journal. */
export interface FlowQueue {
  /**
   * Decides where a message about to be accepted goes: `direct` keeps a place in memory for it ({@link arrived} must
   * follow, or {@link refused}), `journal` leaves it to the backlog ({@link stored} must follow, or `refused`).
   */
  reserve(key: string | null, bytes: number): 'direct' | 'journal'
  arrived(work: Work): void
  stored(key: string | null): void
  refused(decision: 'direct' | 'journal', key: string | null, bytes: number): void
  /** Others accepted messages for this flow up to a place: they are to be read. May tell the same again. */
  handed(upTo: number): void
  /** Up to which place everything that others handed over has its place here. */
  readonly handedUpTo: number
  /** A child whose parent is here. */
  child(work: Work): void
  /** A message that had ended is live again and has a wait of reason `ready`. */
  revived(work: Work): void
  /** Starts reading what the journal holds. */
  start(): void
  pause(): void
  resume(): void
  /** Nothing more is started. */
  stop(): void
  /** A wait was put for a time; looked at when it is due. */
  due(at: number): void
  /** Takes a message out that has not started. The answer lets its key move on: to be called after the commit of its end. */
  withdraw(seq: number): () => void
  readonly paused: boolean
  readonly active: number
  readonly resident: number
  readonly held: number
  /** The message that holds a key, or null. */
  holder(key: string): number | null
}

/** What a queue is made of. */
export interface FlowQueueOptions {
  readonly flow: string
  readonly settings: FlowSettings
  readonly backlog: BacklogReader
  readonly clock: Clock
  /** The highest place known to be committed. */
  readonly lastSeq: () => number
  /** Runs a message; calls `ended` after the commit of its end. Never throws. */
  readonly execute: (work: Work, slot: Slot, ended: (end: PassEnd) => void) => void
  /** Makes a wait that is due a ready one; calls back after the commit. */
  readonly wake: (wait: Wait, then: () => void) => void
  /** Whether a parent is here to take its child. */
  readonly parentIsHere: (seq: number) => boolean
  /** Gives a message that has not started a wait of reason `ready`, unless it has one; calls back when that is durable. */
  readonly store: (work: Work, then: () => void) => void
  /** Tells that messages of the backlog up to a place may be begun with; resolves when that is durable. */
  readonly beginning: (seq: number) => Promise<void>
  readonly onError: (error: unknown) => void
}

const PAGE = 256
const RETRY_READ_MS = 1_000

/** Makes the queue of one flow. It starts by reading the backlog. */
export function createFlowQueue(options: FlowQueueOptions): FlowQueue {
  const { flow, settings, backlog, clock } = options
  const window = createWindow(settings)
  const lanes = new Map<string, Lane>()
  const thirsty = new Set<Lane>()
  let mode: 'direct' | 'backlog' = 'backlog'
  let cursor = 0
  let reading = false
  let storing = 0
  let left = 0
  /** Up to which place others are known to have handed over, and up to which that has been taken on. */
  let handedTo = 0
  let takenTo = 0
  let paused = false
  let running = false

  const laneOf = (key: string): Lane => {
    const present = lanes.get(key)
    if (present) return present
    const lane = createLane(key)
    lanes.set(key, lane)
    return lane
  }

  const enqueue = (work: Work): void => {
    window.take(work)
    if (work.key === null) {
      dispatcher.ready(work)
      return
    }
    const lane = laneOf(work.key)
    lane.tail = Math.max(lane.tail, work.seq)
    lane.queue.push(work)
    advance(lane)
  }

  /** Moves a lane whose first place is free: the next message runs or holds, more are fetched, or the lane ends. */
  const advance = (lane: Lane): void => {
    if (lane.holder !== null) return
    const next = lane.queue.shift()
    if (next) {
      lane.holder = next.seq
      if (next.wakeAt !== null && next.wakeAt > clock.now()) hold(lane, next, next.wakeAt)
      else dispatcher.ready(next)
    } else if (lane.spilled) {
      thirsty.add(lane)
      refill()
    } else if (lane.reserved === 0 && lane.storing === 0) {
      lanes.delete(lane.key)
    }
  }

  const hold = (lane: Lane, work: Work, until: number): void => {
    window.leave(work)
    window.hold()
    lane.heldUntil = until
    waker.arm(until)
  }

  const unhold = (lane: Lane): void => {
    if (lane.heldUntil === null) return
    window.unhold()
    lane.heldUntil = null
  }

  const pump = (): void => {
    if (running) dispatcher.dispatch(paused)
    if (!window.hasRoom()) relieve()
    if (running && !paused && window.hasRoom()) {
      refill()
      if (mode === 'backlog') void readPage()
    }
  }

  const finish = (work: Work, end: PassEnd): void => {
    if (end.kind === 'abandoned') return
    window.leave(work)
    const lane = work.key === null ? undefined : lanes.get(work.key)
    const isHolder = lane?.holder === work.seq
    if (end.kind === 'suspended') {
      if (lane && isHolder && end.hold) {
        window.hold()
        lane.heldUntil = end.wakeAt
      }
      waker.arm(end.wakeAt)
    }
    if (lane && isHolder && lane.heldUntil === null) {
      lane.holder = null
      advance(lane)
    }
    pump()
  }

  /** The message that held a lane was taken out and has ended. */
  const passOn = (lane: Lane, seq: number): void => {
    if (lane.holder === seq) {
      lane.holder = null
      advance(lane)
    }
    pump()
  }

  const place = (row: BacklogEntry): void => {
    if (window.knows(row.seq)) return
    const work = workOf(row)
    if (row.key === null) {
      if (row.reason === 'ready') enqueue(work)
      return
    }
    const lane = laneOf(row.key)
    if (lane.holder === row.seq) return
    if (lane.spilled || lane.reserved > 0 || lane.queue.length >= LANE_DEPTH) passOver(lane, row.seq)
    else enqueue(work)
  }

  /**
   * Messages behind one that is held for a while make room for other keys: they go back to the journal. Without this,
   * enough failing keys with messages behind them would fill the window, and nothing else could be taken on.
   */
  const relieve = (): void => {
    for (const lane of lanes.values()) {
      // One that is being accepted comes behind those that are here, so these must stay until it is.
      if (lane.heldUntil !== null && lane.queue.length > 0 && lane.reserved === 0) spill(lane)
    }
  }

  const spill = (lane: Lane): void => {
    const spilled = lane.queue.splice(0)
    lane.spilled = true
    lane.tail = lane.holder ?? 0
    for (const work of spilled) {
      window.leave(work)
      leaveToJournal(lane)
      options.store(work, () => stored(lane))
    }
  }

  const leaveToJournal = (lane: Lane | undefined): void => {
    storing += 1
    left += 1
    if (!lane) return
    lane.storing += 1
    lane.left += 1
  }

  const stored = (lane: Lane | undefined): void => {
    storing -= 1
    if (lane) {
      lane.storing = Math.max(0, lane.storing - 1)
      advance(lane)
    }
    pump()
  }

  /** A message is left in the journal until its lane has room. */
  const passOver = (lane: Lane, seq: number): void => {
    lane.spilled = true
    lane.passed = seq
    advance(lane)
  }

  const readPage = async (): Promise<void> => {
    if (reading || mode !== 'backlog' || !running || paused || !window.hasRoom()) return
    reading = true
    const before = { storing, left, cursor, handedTo }
    try {
      const rows = await backlog.page(flow, cursor, PAGE)
      const reached = rows.at(-1)
      if (reached) await options.beginning(reached.seq)
      // Meanwhile a message below came to life again.
      if (cursor < before.cursor) {
        reading = false
        return pump()
      }
      for (const row of rows) {
        if (!window.hasRoom() && !window.knows(row.seq)) break
        place(row)
        cursor = Math.max(cursor, row.seq)
      }
      const last = rows.at(-1)
      const exhausted = rows.length < PAGE && (last === undefined || cursor >= last.seq)
      // What was left to the journal since the page was read is not in it.
      takenTo = Math.max(takenTo, exhausted ? before.handedTo : Math.min(before.handedTo, cursor))
      const isAll = before.storing === 0 && left === before.left && handedTo === before.handedTo
      if (exhausted && isAll) mode = 'direct'
      reading = false
      if (rows.length > 0 || mode === 'direct' || storing === 0) pump()
    } catch (error) {
      again(error, () => void readPage())
      reading = false
    }
  }

  /** The backlog holds a message below what was read of it. What is known already is passed over. */
  const readAgainFrom = (seq: number): void => {
    cursor = Math.min(mode === 'direct' ? Math.max(cursor, options.lastSeq()) : cursor, seq - 1)
    mode = 'backlog'
  }

  const again = (error: unknown, run: () => void): void => {
    if (!running) return
    options.onError(error)
    clock.timer(RETRY_READ_MS, run)
  }

  const refill = (): void => {
    for (const lane of thirsty) {
      if (!window.hasRoom() || paused || !running) return
      thirsty.delete(lane)
      void refillLane(lane)
    }
  }

  const refillLane = async (lane: Lane): Promise<void> => {
    if (lane.refilling || lane.reserved > 0) return
    lane.refilling = true
    const upTo = mode === 'backlog' ? cursor : Number.MAX_SAFE_INTEGER
    const before = { storing: lane.storing, left: lane.left }
    try {
      const rows = await backlog.pageOfKey(flow, lane.key, lane.tail, upTo, LANE_DEPTH)
      lane.refilling = false
      if (lane.reserved > 0) return
      const nothingLeft = before.storing === 0 && lane.left === before.left
      const all = rows.length < LANE_DEPTH && lane.passed <= upTo && nothingLeft
      if (all) lane.spilled = false
      for (const row of rows) {
        if (window.knows(row.seq)) lane.tail = Math.max(lane.tail, row.seq)
        else enqueue(workOf(row))
      }
      if (rows.length === 0 && lane.storing === 0) advance(lane)
      pump()
    } catch (error) {
      lane.refilling = false
      again(error, () => {
        thirsty.add(lane)
        refill()
      })
    }
  }

  /** A message that goes on may always be taken on where it could run at once: those behind it may be what fills the window. */
  const roomToWake = (): number => Math.max(window.hasSpace() ? window.left : 0, dispatcher.idle)

  /** One that holds its key and is still to be read takes its place first: it would come behind those that it holds. */
  const isAhead = (row: BacklogEntry): boolean =>
    row.hold && row.key !== null && mode === 'backlog' && row.seq > cursor

  const canWake = (row: BacklogEntry): boolean =>
    !window.knows(row.seq) && !isAhead(row) && (row.parent === null || options.parentIsHere(row.parent))

  const wakeRow = (row: BacklogEntry): void => {
    const work = workOf(row)
    // Written anew, a damaged wait would look whole: the message is loaded as it is, which ends it visibly.
    if (row.damaged) {
      enqueue(work)
      return
    }
    work.wakeAt = null
    const lane = row.key === null ? undefined : lanes.get(row.key)
    window.take(work)
    options.wake({ ...row, reason: 'ready', wakeAt: null }, () => {
      if (row.parent !== null) dispatcher.readyChild(work)
      else if (lane?.holder === row.seq || row.key === null) dispatcher.ready(work)
      else {
        window.leave(work)
        enqueue(work)
      }
      pump()
      void waker.wakeDue()
    })
    if (lane?.holder === row.seq) unhold(lane)
  }

  const dispatcher = createDispatcher({
    clock,
    concurrency: settings.concurrency,
    execute: options.execute,
    ended: (work, end) => finish(work, end),
    freed: () => pump(),
  })
  const waker = createWaker({
    flow,
    backlog,
    clock,
    paused: () => paused,
    room: roomToWake,
    canWake,
    wake: wakeRow,
    woken: pump,
    again,
  })

  return {
    reserve(key, bytes) {
      if (!window.hasRoom(bytes)) relieve()
      const lane = key === null ? undefined : lanes.get(key)
      if (paused || mode === 'backlog' || !window.hasRoom(bytes)) {
        if (mode === 'direct') {
          mode = 'backlog'
          cursor = Math.max(cursor, options.lastSeq())
        }
        leaveToJournal(lane)
        return 'journal'
      }
      if (lane && (lane.spilled || lane.queue.length + lane.reserved >= LANE_DEPTH)) {
        lane.spilled = true
        leaveToJournal(lane)
        return 'journal'
      }
      window.reserve(bytes)
      if (key !== null) laneOf(key).reserved += 1
      return 'direct'
    },
    arrived(work) {
      window.giveBack(work.bytes)
      if (work.key !== null) laneOf(work.key).reserved -= 1
      enqueue(work)
      pump()
    },
    stored: (key) => stored(key === null ? undefined : lanes.get(key)),
    refused(decision, key, bytes) {
      const lane = key === null ? undefined : lanes.get(key)
      if (decision === 'journal') {
        storing -= 1
        if (lane) lane.storing = Math.max(0, lane.storing - 1)
      } else {
        window.giveBack(bytes)
        if (lane) lane.reserved -= 1
      }
      if (lane) advance(lane)
    },
    handed(upTo) {
      if (upTo <= handedTo) return
      handedTo = upTo
      readAgainFrom(takenTo + 1)
      pump()
    },
    get handedUpTo() {
      return takenTo
    },
    child(work) {
      if (window.knows(work.seq)) return
      window.take(work)
      dispatcher.readyChild(work)
      pump()
    },
    revived(work) {
      if (window.knows(work.seq)) return
      if (window.hasRoom(work.bytes)) enqueue(work)
      else readAgainFrom(work.seq)
      pump()
    },
    start() {
      running = true
      waker.start()
      pump()
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      void waker.wakeDue()
      pump()
    },
    stop() {
      running = false
      waker.stop()
    },
    due: waker.arm,
    withdraw(seq) {
      const isIt = (work: Work): boolean => work.seq === seq
      for (const lane of lanes.values()) {
        if (lane.holder === seq && lane.heldUntil !== null) {
          unhold(lane)
          return () => passOn(lane, seq)
        }
        const at = lane.queue.findIndex(isIt)
        if (at >= 0) {
          for (const work of lane.queue.splice(at, 1)) window.leave(work)
          return pump
        }
      }
      const work = dispatcher.remove(isIt)
      return work ? () => finish(work, { kind: 'ended' }) : pump
    },
    holder: (key) => lanes.get(key)?.holder ?? null,
    get paused() {
      return paused
    },
    get active() {
      return dispatcher.active
    },
    get resident() {
      return window.resident
    },
    get held() {
      return window.held
    },
  }
}
