import type { BacklogEntry, BacklogReader, Wait } from '../../journal/journal.ts'
import type { FlowSettings } from '../../model/flow-definition.ts'
import type { Clock } from '../../model/outside.ts'
import { createDispatcher } from './dispatcher.ts'
import { createLane, LANE_DEPTH, type Lane, NO_PLACE } from './lane.ts'
import { createLeaving } from './leaving.ts'
import { createWaker } from './waker.ts'
import { createWindow } from './window.ts'
import { type PassEnd, type Slot, type Work, workOf } from './work.ts'

/** The messages of one flow that are on their way: in order per key, bounded in memory, the rest in the journal. */
export interface FlowQueue {
  /**
   * Decides where a message about to be accepted goes, which must be of a partition that is owned: `direct` keeps a
   * place in memory for it ({@link arrived} must follow, or {@link behind}, or {@link refused}), `journal` leaves it to
   * the backlog ({@link stored} must follow, or `refused`). It is handed in for commit in the same turn, and the answers
   * come in the order of the decisions.
   */
  reserve(key: string | null, bytes: number): 'direct' | 'journal'
  arrived(work: Work): void
  /** It was to be `direct` and lies in the journal at this place instead, behind what others handed over. */
  behind(seq: number, key: string, bytes: number): void
  stored(key: string | null): void
  refused(decision: 'direct' | 'journal', key: string | null, bytes: number): void
  /** Others accepted messages for this flow up to a place: they are to be read. May tell the same again. */
  handed(upTo: number): void
  /**
   * Up to which place everything that others handed over has its place here: it runs, is in its lane, or lies behind a
   * lane that reads it when its turn comes. What is accepted directly must be told with the value of that moment.
   */
  readonly handedUpTo: number
  /** Partitions are owned that were not: what waits in the journal is read anew. */
  gained(): void
  /**
   * Brings partitions to rest, which are not `owned` any more: none of their messages is started, those that have not
   * started are given back to the journal, and those that run may come to an end, for which their children still run, even
   * while the flow is paused. Resolves when nothing of them is here and all that is durable. Rejects with `ENGINE_STATE`
   * when the queue is stopped before that, and as the journal did when it failed. They may be gained again afterwards.
   */
  leave(partitions: readonly number[]): Promise<void>
  /** A child whose parent is here, or one that nobody waits for. */
  child(work: Work): void
  /** A message that had ended is live again and has a wait of reason `ready`. Nothing, if its partition is not owned. */
  revived(work: Work): void
  /** Starts reading what the journal holds. */
  start(): void
  pause(): void
  resume(): void
  /** Nothing more is started, and what is being left never comes to rest. Also to be called when the journal has failed. */
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
  /**
   * Whether messages of a partition may be taken on: it is owned, and what ran there when its last owner died was taken
   * up. {@link FlowQueue.gained} follows when it becomes true, {@link FlowQueue.leave} when it no longer is.
   */
  readonly owns: (partition: number) => boolean
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
  /** Resolves when everything handed in for commit so far is durable and answered; rejects when it cannot be. */
  readonly flushed: () => Promise<void>
  /** Tells that messages of the backlog up to a place may be begun with; resolves when that is durable. */
  readonly beginning: (seq: number) => Promise<void>
  readonly onError: (error: unknown) => void
}

const PAGE = 256
const RETRY_READ_MS = 1_000
const MAX_PUT_OFF = 10_000

/** Makes the queue of one flow. It starts by reading the backlog. */
export function createFlowQueue(options: FlowQueueOptions): FlowQueue {
  const { flow, settings, backlog, clock } = options
  const window = createWindow(settings)
  const lanes = new Map<string, Lane>()
  const thirsty = new Set<Lane>()
  let mode: 'direct' | 'backlog' = 'backlog'
  let cursor = 0
  let reading = false
  /** The lowest place that came to be ready while a page was read. */
  let lowest = NO_PLACE
  let storing = 0
  let left = 0
  /** Up to which place others are known to have handed over, and up to which that has been taken on. */
  let handedTo = options.lastSeq()
  let takenTo = handedTo
  /** Up to which place it was told that messages may be begun with. */
  let begunTo = 0
  /** Rises whenever partitions come or go: what was read before says nothing of them. */
  let epoch = 0
  /** How many reads were begun, and how many are under way. */
  let readsBegun = 0
  let readsOpen = 0
  let refilling = 0
  /** What was put off while reads were under way, and the last that was begun by then: these may show it as it was. */
  const putOff = new Map<number, number>()
  let paused = false
  let running = false

  /** Whether messages of a partition are to be taken on. */
  const takes = (partition: number): boolean =>
    options.owns(partition) && !(leaving.any && leaving.has(partition))

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
    lane.partition = work.partition
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
    } else if (lane.reserved === 0 && lane.storing === 0 && lane.returning === 0) {
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
    if (leaving.any && leaving.has(work.partition)) {
      finishLeft(work, end)
      return
    }
    const lane = work.key === null ? undefined : lanes.get(work.key)
    const isHolder = lane?.holder === work.seq
    if (end.kind === 'suspended') {
      if (lane && isHolder && end.hold) {
        window.hold()
        lane.heldUntil = end.wakeAt
      }
      putAside(work.seq)
      waker.arm(end.wakeAt)
    }
    if (lane && isHolder && lane.heldUntil === null) {
      lane.holder = null
      advance(lane)
    }
    pump()
  }

  /** What is being read may still show a message as it was. */
  const putAside = (seq: number): void => {
    if (readsOpen === 0) return
    putOff.set(seq, readsBegun)
    if (putOff.size < MAX_PUT_OFF) return
    epoch += 1
    putOff.clear()
  }

  /** Answers the number of a read that begins. */
  const beginRead = (): number => {
    readsOpen += 1
    readsBegun += 1
    return readsBegun
  }

  const endRead = (): void => {
    readsOpen -= 1
    if (readsOpen === 0) putOff.clear()
  }

  /** Whether a row is of a read that was begun before its message was put off. */
  const isOld = (row: BacklogEntry, read: number): boolean => read <= (putOff.get(row.seq) ?? 0)

  /** A message of a partition that is left has come to an end: what it waits for is the business of the next owner. */
  const finishLeft = (work: Work, end: PassEnd): void => {
    forget(work)
    if (end.kind === 'suspended' && work.parent !== null) leaving.childDue(end.wakeAt)
    pump()
  }

  const forget = (work: Work): void => {
    const lane = work.key === null ? undefined : lanes.get(work.key)
    if (lane?.holder === work.seq) lane.holder = null
    if (lane) advance(lane)
    leaving.rested()
  }

  /** The message that held a lane was taken out and has ended. */
  const passOn = (lane: Lane, seq: number): void => {
    if (lane.holder === seq) {
      lane.holder = null
      advance(lane)
    }
    pump()
  }

  const place = (row: BacklogEntry, read: number): void => {
    if (window.knows(row.seq) || isOld(row, read) || !takes(row.partition)) return
    if (row.key === null && row.reason !== 'ready') return
    admit(workOf(row))
  }

  /** Gives a message that has a wait its place, or leaves it to its lane. */
  const admit = (work: Work): void => {
    const lane = work.key === null ? undefined : laneOf(work.key)
    if (lane?.holder === work.seq) return
    if (lane && (lane.spilled || lane.reserved > 0 || lane.queue.length >= LANE_DEPTH))
      passOver(lane, work.seq)
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
    for (const work of lane.queue.splice(0)) {
      window.leave(work)
      giveBack(lane, work)
    }
  }

  /** A message goes back to the journal until its lane has room. */
  const giveBack = (lane: Lane, work: Work): void => {
    lieBehind(lane, work.seq)
    leaveToJournal(lane)
    lane.returning += 1
    options.store(work, () => {
      lane.returning -= 1
      appeared(work.seq)
      stored(lane)
    })
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
    lieBehind(lane, seq)
    advance(lane)
  }

  const lieBehind = (lane: Lane, seq: number): void => {
    lane.spilled = true
    lane.left += 1
    lane.passed = Math.max(lane.passed, seq)
    lane.least = Math.min(lane.least, seq)
    lane.tail = Math.min(lane.tail, seq - 1)
    lane.missed = Math.min(lane.missed, seq - 1)
  }

  const unspill = (lane: Lane): void => {
    lane.spilled = false
    lane.passed = 0
    lane.least = NO_PLACE
  }

  const readPage = async (): Promise<void> => {
    if (reading || mode !== 'backlog' || !running || paused || !window.hasRoom()) return
    reading = true
    const read = beginRead()
    lowest = NO_PLACE
    const before = { storing, left, cursor, handedTo, epoch }
    try {
      const rows = await backlog.page(flow, cursor, PAGE)
      const last = rows.at(-1)
      if (last && last.seq > begunTo) {
        await options.beginning(last.seq)
        begunTo = last.seq
      }
      // Meanwhile there is something to be read below, or partitions came or went.
      if (cursor < before.cursor || epoch !== before.epoch) {
        reading = false
        endRead()
        return pump()
      }
      for (const row of rows) {
        if (!window.hasRoom() && !window.knows(row.seq)) break
        cursor = Math.max(cursor, row.seq)
        place(row, read)
      }
      if (lowest <= cursor) cursor = lowest - 1
      const exhausted =
        rows.length < PAGE && (last === undefined || cursor >= last.seq) && lowest === NO_PLACE
      takenTo = Math.max(takenTo, exhausted ? before.handedTo : 0, cursor)
      // What was left to the journal since the page was read is not in it.
      const isAll = before.storing === 0 && left === before.left && handedTo === before.handedTo
      if (exhausted && isAll) mode = 'direct'
      reading = false
      endRead()
      if (rows.length > 0 || mode === 'direct' || storing === 0) pump()
    } catch (error) {
      again(error, () => void readPage())
      reading = false
      endRead()
    }
  }

  /**
   * The journal holds messages above a place that are still to be read, in any case above those that were taken on: what
   * others hand over lies among what this engine accepts. What is known already is passed over.
   */
  const readAgainAfter = (seq: number): void => {
    cursor = Math.min(mode === 'direct' ? takenTo : cursor, seq)
    mode = 'backlog'
  }

  /** A message came to be ready in the journal at a place that was given before: a page that is being read may lack it. */
  const appeared = (seq: number): void => {
    if (reading) lowest = Math.min(lowest, seq)
  }

  /** Whether a place is still to be read, so that a message that is ready there is met in its turn. */
  const isToBeRead = (work: Work): boolean => work.key !== null && mode === 'backlog' && work.seq > cursor

  const handed = (upTo: number): void => {
    if (upTo <= handedTo) return
    handedTo = upTo
    if (mode === 'direct') readAgainAfter(takenTo)
  }

  const again = (error: unknown, run: () => void): void => {
    if (!running) return
    options.onError(error)
    clock.timer(RETRY_READ_MS, run)
  }

  const refill = (): void => {
    for (const lane of thirsty) {
      if (!window.hasRoom() || refilling >= window.left || paused || !running) return
      thirsty.delete(lane)
      void refillLane(lane)
    }
  }

  const refillLane = async (lane: Lane): Promise<void> => {
    // The last of those ends in another attempt.
    if (lane.refilling || lane.reserved > 0 || lane.returning > 0) return
    lane.refilling = true
    lane.missed = NO_PLACE
    refilling += 1
    const read = beginRead()
    const upTo = mode === 'backlog' ? cursor : NO_PLACE
    const limit = Math.min(LANE_DEPTH, window.left)
    const before = { storing: lane.storing, left: lane.left, tail: lane.tail, epoch }
    const rows = await readLane(lane, upTo, limit)
    lane.refilling = false
    refilling -= 1
    if (rows !== null && lane.spilled && lane.reserved === 0 && lane.returning === 0) {
      // What was passed over above the cursor is met again.
      const isMet = lane.passed <= upTo || (mode === 'backlog' && cursor === upTo)
      const isAll = rows.length < limit && isMet && before.storing === 0 && before.left === lane.left
      if (before.epoch === epoch && before.tail <= lane.tail) takeBack(lane, rows, read, isAll)
      if (lane.storing === 0) advance(lane)
    }
    endRead()
    pump()
  }

  const readLane = async (
    lane: Lane,
    upTo: number,
    limit: number,
  ): Promise<readonly BacklogEntry[] | null> => {
    try {
      return await backlog.pageOfKey(flow, lane.key, lane.tail, upTo, limit)
    } catch (error) {
      again(error, () => {
        thirsty.add(lane)
        refill()
      })
      return null
    }
  }

  const takeBack = (lane: Lane, rows: readonly BacklogEntry[], read: number, isAll: boolean): void => {
    let last: number | undefined
    for (const row of rows) {
      if (window.knows(row.seq) || isOld(row, read) || lane.holder === row.seq)
        lane.tail = Math.max(lane.tail, row.seq)
      else if (window.hasRoom()) enqueue(workOf(row))
      else break
      last = row.seq
    }
    lane.tail = Math.min(lane.tail, lane.missed)
    if (isAll && last === rows.at(-1)?.seq) unspill(lane)
  }

  /** A message that goes on may always be taken on where it could run at once: those behind it may be what fills the window. */
  const roomToWake = (): number => Math.max(window.hasSpace() ? window.left : 0, dispatcher.idle)

  /** One that holds its key and is still to be read takes its place first: it would come behind those that it holds. */
  const isAhead = (row: BacklogEntry): boolean =>
    row.hold &&
    row.key !== null &&
    mode === 'backlog' &&
    row.seq > cursor &&
    lanes.get(row.key)?.holder !== row.seq

  const canWake = (row: BacklogEntry, read: number): boolean =>
    !window.knows(row.seq) &&
    !isOld(row, read) &&
    !isAhead(row) &&
    takes(row.partition) &&
    (row.parent === null || options.parentIsHere(row.parent))

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
      goOn(work)
      pump()
      void waker.wakeDue()
    })
    if (lane?.holder === row.seq) unhold(lane)
  }

  /** A message that waited for a time is ready. */
  const goOn = (work: Work): void => {
    const lane = work.key === null ? undefined : lanes.get(work.key)
    if (leaving.any && leaving.has(work.partition) && !isAwaited(work)) {
      window.leave(work)
      forget(work)
    } else if (work.parent !== null) dispatcher.readyChild(work)
    else if (work.key === null || lane?.holder === work.seq) dispatcher.ready(work)
    else {
      window.leave(work)
      if (isToBeRead(work)) appeared(work.seq)
      else admit(work)
    }
  }

  /** Whether its parent is here and waits for it. */
  const isAwaited = (work: Work): boolean => work.parent !== null && options.parentIsHere(work.parent)

  const mustRun = (work: Work): boolean => leaving.has(work.partition) && isAwaited(work)

  /** What has not started of the partitions that are left goes back to the journal, and their lanes are given up. */
  const giveUp = (): void => {
    epoch += 1
    const isLeft = (work: Work): boolean => leaving.has(work.partition) && !isAwaited(work)
    for (const lane of lanes.values()) {
      if (!leaving.has(lane.partition)) continue
      for (const work of lane.queue.splice(0)) returnLeft(work)
      unhold(lane)
      unspill(lane)
      thirsty.delete(lane)
    }
    for (let work = dispatcher.remove(isLeft); work; work = dispatcher.remove(isLeft)) returnLeft(work)
    for (const lane of lanes.values()) {
      if (!leaving.has(lane.partition)) continue
      if (lane.holder !== null && !window.knows(lane.holder)) lane.holder = null
      advance(lane)
    }
    pump()
  }

  const returnLeft = (work: Work): void => {
    window.leave(work)
    options.store(work, () => leaving.rested())
  }

  /** Children are not found by their time once their partition is not owned. */
  const wakeChildren = async (): Promise<number | null> => {
    let next: number | null = null
    for (const work of [...window.works()]) {
      if (!leaving.has(work.partition) || !options.parentIsHere(work.seq)) continue
      for (let after = 0; ; ) {
        const rows = await backlog.pageOfParent(work.seq, after, PAGE)
        const last = rows.at(-1)
        if (!last || !running) break
        for (const row of rows) {
          if (row.wakeAt === null || window.knows(row.seq) || !options.parentIsHere(work.seq)) continue
          if (row.wakeAt <= clock.now()) wakeRow(row)
          else next = Math.min(next ?? NO_PLACE, row.wakeAt)
        }
        after = last.seq
      }
    }
    return next
  }

  /** Takes out a message that is held or has not started; the answer lets its key move on. */
  const takeOut = (seq: number): (() => void) | null => {
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
    return work ? () => finish(work, { kind: 'ended' }) : null
  }

  const leaving = createLeaving({
    flow,
    clock,
    giveBack: giveUp,
    anyHere: (partitions) => {
      for (const work of window.works()) if (partitions.has(work.partition)) return true
      return false
    },
    wakeChildren,
    flushed: options.flushed,
    onError: options.onError,
  })
  const dispatcher = createDispatcher({
    clock,
    concurrency: settings.concurrency,
    execute: options.execute,
    ended: (work, end) => finish(work, end),
    urgent: {
      get any() {
        return leaving.any
      },
      is: mustRun,
    },
    freed: () => pump(),
  })
  const waker = createWaker({
    flow,
    backlog,
    clock,
    paused: () => paused,
    read: async (limit) => {
      const begun = epoch
      const read = beginRead()
      try {
        const rows = await backlog.due(flow, clock.now(), limit)
        return {
          rows,
          wakeable: begun === epoch ? rows.filter((row) => canWake(row, read)) : [],
          stale: begun !== epoch,
        }
      } finally {
        endRead()
      }
    },
    room: roomToWake,
    wake: wakeRow,
    woken: pump,
    again,
  })

  return {
    reserve(key, bytes) {
      if (!window.hasRoom(bytes)) relieve()
      const lane = key === null ? undefined : lanes.get(key)
      if (paused || mode === 'backlog' || !window.hasRoom(bytes)) {
        if (mode === 'direct') readAgainAfter(takenTo)
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
      const lane = work.key === null ? undefined : laneOf(work.key)
      if (lane) {
        lane.reserved -= 1
        // It is not behind: what was handed over before it had been taken on.
        takenTo = Math.max(takenTo, work.seq)
      }
      if (leaving.any && leaving.has(work.partition)) {
        options.store(work, () => leaving.rested())
        if (lane) advance(lane)
      } else if (lane && lane.least < work.seq) giveBack(lane, work)
      else enqueue(work)
      pump()
    },
    behind(seq, key, bytes) {
      window.giveBack(bytes)
      const lane = laneOf(key)
      lane.reserved -= 1
      // It is met when what was handed over is read; those on their way in that come after it must not run before.
      if (lane.reserved > 0) lieBehind(lane, seq)
      handed(seq)
      advance(lane)
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
      pump()
    },
    handed(upTo) {
      handed(upTo)
      pump()
    },
    get handedUpTo() {
      return takenTo
    },
    gained() {
      epoch += 1
      readAgainAfter(0)
      void waker.wakeDue()
      pump()
    },
    leave: leaving.begin,
    child(work) {
      if (window.knows(work.seq)) return
      if (leaving.any && leaving.has(work.partition) && !isAwaited(work)) {
        options.store(work, () => leaving.rested())
        return
      }
      window.take(work)
      dispatcher.readyChild(work)
      pump()
    },
    revived(work) {
      if (window.knows(work.seq) || !takes(work.partition)) return
      if (!isToBeRead(work) && window.hasRoom(work.bytes)) admit(work)
      else {
        readAgainAfter(work.seq - 1)
        appeared(work.seq)
      }
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
      leaving.stop()
    },
    due(at) {
      waker.arm(at)
      if (leaving.any) leaving.childDue(at)
    },
    withdraw(seq) {
      const letGo = takeOut(seq)
      return () => {
        putAside(seq)
        // It may have run still, as far as was known here, or have come in meanwhile.
        const go = letGo ?? takeOut(seq) ?? pump
        go()
      }
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
