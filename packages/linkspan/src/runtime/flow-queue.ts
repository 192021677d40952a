import type { BacklogEntry, BacklogReader, Wait } from '../journal/journal.ts'
import type { FlowSettings } from '../model/flow-definition.ts'
import type { CancelTimer, Clock } from '../model/outside.ts'
import { createDeque } from './deque.ts'
import type { Loaded } from './loaded.ts'

/** A live message as its flow's queue knows it. */
export interface Work {
  readonly seq: number
  readonly key: string | null
  readonly parent: number | null
  readonly bytes: number
  /** The message itself when it is in memory. */
  loaded: Loaded | null
  /** Until when it has to wait although it is the first of its key. */
  wakeAt: number | null
  attempt: number
}

/** How a pass ended, as far as the queue needs to know; told after the commit. */
export type PassEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'suspended'; readonly wakeAt: number; readonly hold: boolean; readonly attempt: number }
  | { readonly kind: 'abandoned' }

/** A running pass's place among those that run at once. */
export interface Slot {
  /** Gives the place back while the pass waits for something other than an answer. */
  release(): void
  /** Resolves when there is a place again. */
  regain(): Promise<void>
}

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

interface Lane {
  readonly key: string
  readonly queue: Work[]
  /** The message that runs, or is held. */
  holder: number | null
  /** When the holder goes on, if it is held. */
  heldUntil: number | null
  /** Messages of this key lie in the journal behind `tail`. */
  spilled: boolean
  /** The last place that paging left to a refill. */
  passed: number
  /** The last place that was queued. */
  tail: number
  /** Direct messages that are not committed yet. */
  reserved: number
  /** Ready messages that are not committed yet. */
  storing: number
  /** How many messages were ever left to the journal. */
  left: number
  refilling: boolean
}

/** How many messages of one key are kept in memory behind the first. */
const LANE_DEPTH = 64
/** How many messages may hold their keys at once before the flow takes no more on. */
const MAX_HELD = 10_000
const PAGE = 256
/** How many passes are begun before the next turn of the event loop: so many, or a share of those that wait. */
const PASSES_A_TURN = 8
const SHARE_A_TURN = 4
const RETRY_READ_MS = 1_000

/** Makes the queue of one flow. It starts by reading the backlog. */
export function createFlowQueue(options: FlowQueueOptions): FlowQueue {
  const { flow, settings, backlog, clock } = options
  const lanes = new Map<string, Lane>()
  const known = new Set<number>()
  const children = createDeque<Work>()
  const roots = createDeque<Work>()
  const regaining = createDeque<() => void>()
  const thirsty = new Set<Lane>()
  let mode: 'direct' | 'backlog' = 'backlog'
  let cursor = 0
  let reading = false
  let storing = 0
  let left = 0
  let resident = 0
  let residentBytes = 0
  let held = 0
  let active = 0
  let begun = 0
  let paused = false
  let running = false
  let wakeTimer: CancelTimer | null = null
  let wakeTimerAt = Number.POSITIVE_INFINITY
  let waking = false

  const hasSpace = (bytes = 0): boolean =>
    resident < settings.window && (resident === 0 || residentBytes + bytes <= settings.windowBytes)

  /** Room for new messages; one that held its key and goes on only needs space. */
  const hasRoom = (bytes = 0): boolean => hasSpace(bytes) && held < MAX_HELD

  const laneOf = (key: string): Lane => {
    const present = lanes.get(key)
    if (present) return present
    const lane: Lane = {
      key,
      queue: [],
      holder: null,
      heldUntil: null,
      spilled: false,
      passed: 0,
      tail: 0,
      reserved: 0,
      storing: 0,
      left: 0,
      refilling: false,
    }
    lanes.set(key, lane)
    return lane
  }

  const take = (work: Work): void => {
    known.add(work.seq)
    resident += 1
    residentBytes += work.bytes
  }

  const leave = (work: Work): void => {
    known.delete(work.seq)
    resident -= 1
    residentBytes -= work.bytes
  }

  const enqueue = (work: Work): void => {
    take(work)
    if (work.key === null) {
      roots.push(work)
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
      else roots.push(next)
    } else if (lane.spilled) {
      thirsty.add(lane)
      refill()
    } else if (lane.reserved === 0 && lane.storing === 0) {
      lanes.delete(lane.key)
    }
  }

  const hold = (lane: Lane, work: Work, until: number): void => {
    leave(work)
    held += 1
    lane.heldUntil = until
    arm(until)
  }

  const unhold = (lane: Lane): void => {
    if (lane.heldUntil === null) return
    held -= 1
    lane.heldUntil = null
  }

  const pump = (): void => {
    while (running && active < settings.concurrency) {
      if (begun >= passesThisTurn()) break
      const waiter = regaining.shift()
      if (waiter) {
        active += 1
        waiter()
        continue
      }
      const work = paused ? undefined : (children.shift() ?? roots.shift())
      if (!work) break
      begin(work)
    }
    if (!hasRoom()) relieve()
    if (running && !paused && hasRoom()) {
      refill()
      if (mode === 'backlog') void readPage()
    }
  }

  /**
   * Passes that are begun one after the other let nothing else have a turn: new messages would wait for all of them.
   * The more wait the more are begun, so that what comes in does not outrun them.
   */
  const passesThisTurn = (): number =>
    Math.max(PASSES_A_TURN, (begun + roots.size + children.size) / SHARE_A_TURN)

  const countBegun = (): void => {
    begun += 1
    if (begun > 1) return
    clock.defer(() => {
      begun = 0
      if (roots.size + children.size > 0) pump()
    })
  }

  const begin = (work: Work): void => {
    active += 1
    countBegun()
    let holds = true
    const release = (): void => {
      if (!holds) return
      holds = false
      active -= 1
    }
    const slot: Slot = {
      release: () => {
        release()
        pump()
      },
      regain: () =>
        new Promise((resolve) => {
          regaining.push(() => {
            holds = true
            resolve()
          })
          pump()
        }),
    }
    options.execute(work, slot, (end) => {
      release()
      finish(work, end)
    })
  }

  const finish = (work: Work, end: PassEnd): void => {
    if (end.kind === 'abandoned') return
    leave(work)
    const lane = work.key === null ? undefined : lanes.get(work.key)
    const isHolder = lane?.holder === work.seq
    if (end.kind === 'suspended') {
      if (lane && isHolder && end.hold) {
        held += 1
        lane.heldUntil = end.wakeAt
      }
      arm(end.wakeAt)
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
    if (known.has(row.seq)) return
    const work = toWork(row)
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
      leave(work)
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
    if (reading || mode !== 'backlog' || !running || paused || !hasRoom()) return
    reading = true
    const before = { storing, left, cursor }
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
        if (!hasRoom() && !known.has(row.seq)) break
        place(row)
        cursor = Math.max(cursor, row.seq)
      }
      const last = rows.at(-1)
      const exhausted = rows.length < PAGE && (last === undefined || cursor >= last.seq)
      // What was left to the journal since the page was read is not in it.
      if (exhausted && before.storing === 0 && left === before.left) mode = 'direct'
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
      if (!hasRoom() || paused || !running) return
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
        if (known.has(row.seq)) lane.tail = Math.max(lane.tail, row.seq)
        else enqueue(toWork(row))
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

  const arm = (at: number): void => {
    if (!running || at >= wakeTimerAt) return
    wakeTimer?.()
    wakeTimerAt = at
    wakeTimer = clock.timer(Math.max(0, at - clock.now()), () => {
      wakeTimerAt = Number.POSITIVE_INFINITY
      void wakeDue()
    })
  }

  /** A message that goes on may always be taken on where it could run at once: those behind it may be what fills the window. */
  const roomToWake = (): number => {
    const idle = settings.concurrency - active - roots.size - children.size
    return Math.max(hasSpace() ? settings.window - resident : 0, idle)
  }

  /** One that holds its key and is still to be read takes its place first: it would come behind those that it holds. */
  const isAhead = (row: BacklogEntry): boolean =>
    row.hold && row.key !== null && mode === 'backlog' && row.seq > cursor

  const wakeDue = async (): Promise<void> => {
    if (waking || !running || paused) return
    waking = true
    try {
      const room = roomToWake()
      const rows = room > 0 ? await backlog.due(flow, clock.now(), Math.min(PAGE, room)) : []
      const woken = rows.filter(
        (row) =>
          !known.has(row.seq) && !isAhead(row) && (row.parent === null || options.parentIsHere(row.parent)),
      )
      for (const row of woken) wakeRow(row)
      waking = false
      if (woken.length > 0) pump()
      else await armNext(rows.length > 0 || room === 0)
    } catch (error) {
      waking = false
      again(error, () => void wakeDue())
    }
  }

  const armNext = async (stuck: boolean): Promise<void> => {
    if (stuck) {
      arm(clock.now() + RETRY_READ_MS)
      return
    }
    const next = await backlog.nextDue(flow)
    if (next !== null) arm(Math.max(next, clock.now()))
  }

  const wakeRow = (row: BacklogEntry): void => {
    const work = toWork(row)
    // Written anew, a damaged wait would look whole: the message is loaded as it is, which ends it visibly.
    if (row.damaged) {
      enqueue(work)
      return
    }
    work.wakeAt = null
    const lane = row.key === null ? undefined : lanes.get(row.key)
    take(work)
    options.wake({ ...row, reason: 'ready', wakeAt: null }, () => {
      if (row.parent !== null) children.push(work)
      else if (lane?.holder === row.seq) roots.push(work)
      else if (row.key === null) roots.push(work)
      else {
        leave(work)
        enqueue(work)
      }
      pump()
      void wakeDue()
    })
    if (lane?.holder === row.seq) unhold(lane)
  }

  return {
    reserve(key, bytes) {
      if (!hasRoom(bytes)) relieve()
      const lane = key === null ? undefined : lanes.get(key)
      if (paused || mode === 'backlog' || !hasRoom(bytes)) {
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
      resident += 1
      residentBytes += bytes
      if (key !== null) laneOf(key).reserved += 1
      return 'direct'
    },
    arrived(work) {
      resident -= 1
      residentBytes -= work.bytes
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
        resident -= 1
        residentBytes -= bytes
        if (lane) lane.reserved -= 1
      }
      if (lane) advance(lane)
    },
    child(work) {
      if (known.has(work.seq)) return
      take(work)
      children.push(work)
      pump()
    },
    revived(work) {
      if (known.has(work.seq)) return
      if (hasRoom(work.bytes)) enqueue(work)
      else readAgainFrom(work.seq)
      pump()
    },
    start() {
      running = true
      void armNext(false).catch((error: unknown) => again(error, () => void wakeDue()))
      pump()
    },
    pause() {
      paused = true
    },
    resume() {
      paused = false
      void wakeDue()
      pump()
    },
    stop() {
      running = false
      wakeTimer?.()
    },
    due: arm,
    withdraw(seq) {
      const isIt = (work: Work): boolean => work.seq === seq
      for (const lane of lanes.values()) {
        if (lane.holder === seq && lane.heldUntil !== null) {
          unhold(lane)
          return () => passOn(lane, seq)
        }
        const at = lane.queue.findIndex(isIt)
        if (at >= 0) {
          for (const work of lane.queue.splice(at, 1)) leave(work)
          return pump
        }
      }
      const work = roots.remove(isIt) ?? children.remove(isIt)
      return work ? () => finish(work, { kind: 'ended' }) : pump
    },
    holder: (key) => lanes.get(key)?.holder ?? null,
    get paused() {
      return paused
    },
    get active() {
      return active
    },
    get resident() {
      return resident
    },
    get held() {
      return held
    },
  }
}

function toWork(row: BacklogEntry): Work {
  return {
    seq: row.seq,
    key: row.key,
    parent: row.parent,
    bytes: row.bytes,
    loaded: null,
    wakeAt: row.reason === 'ready' ? null : row.wakeAt,
    attempt: row.attempt,
  }
}
