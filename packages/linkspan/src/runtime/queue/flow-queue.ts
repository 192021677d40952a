import type { BacklogEntry, BacklogReader, Wait } from '../../journal/journal.ts'
import type { FlowSettings } from '../../model/flow-definition.ts'
import type { Clock } from '../../model/outside.ts'
import { createDispatcher } from './dispatcher.ts'
import { LANE_DEPTH, type Lane, lieBehind } from './lane.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { createLeaving } from './leaving.ts'
import { createPaging, type Paging } from './paging.ts'
import { createReads } from './reads.ts'
import { createRefilling } from './refilling.ts'
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
  /** A child waits whose parent runs here although its partition is not owned: it goes on when its time has come. */
  childOfGuest(row: BacklogEntry): void
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
  /** How many waits are read at once. @default 256 */
  readonly page?: number
  /** How many messages of one key are kept in memory behind the first. @default 64 */
  readonly laneDepth?: number
}

const PAGE = 256
const RETRY_READ_MS = 1_000

/** Makes the queue of one flow. It starts by reading the backlog. */
export function createFlowQueue(options: FlowQueueOptions): FlowQueue {
  const { flow, settings, backlog, clock, page = PAGE, laneDepth = LANE_DEPTH } = options
  const window = createWindow(settings)
  const reads = createReads()
  let paused = false
  let running = false

  const runs = (): boolean => running && !paused

  /** Whether messages of a partition are to be taken on. */
  const takes = (partition: number): boolean => options.owns(partition) && !isLeft(partition)

  const isLeft = (partition: number): boolean => leaving.any && leaving.has(partition)

  const pump = (): void => {
    if (running) dispatcher.dispatch(paused)
    if (!window.hasRoom()) lanes.relieve()
    if (runs() && window.hasRoom()) {
      refilling.refill()
      paging.read()
    }
  }

  const again = (error: unknown, run: () => void): void => {
    if (!running) return
    options.onError(error)
    clock.timer(RETRY_READ_MS, run)
  }

  const finish = (work: Work, end: PassEnd): void => {
    if (end.kind === 'abandoned') return
    if (end.kind === 'unstarted' && !isLeft(work.partition)) {
      if (work.parent === null) dispatcher.ready(work)
      else dispatcher.readyChild(work)
      pump()
      return
    }
    window.leave(work)
    if (isLeft(work.partition)) {
      leaving.ended(work, end)
      return
    }
    const lane = lanes.get(work.key)
    const holds = lane?.holder === work.seq && end.kind === 'suspended' && end.hold
    if (end.kind === 'suspended') {
      if (lane && holds) lanes.hold(lane, end.wakeAt)
      reads.putAside(work.seq)
      waker.arm(end.wakeAt)
    }
    if (lane && !holds) lanes.pass(lane, work.seq)
    pump()
  }

  const place = (row: BacklogEntry, read: number): void => {
    if (window.knows(row.seq) || reads.isOld(row, read) || !takes(row.partition)) return
    if (row.damaged) takeDamaged(workOf(row))
    else if (row.key !== null || row.reason === 'ready') lanes.admit(workOf(row))
  }

  /** A message that goes on may always be taken on where it could run at once: those behind it may be what fills the window. */
  const roomToWake = (): number => Math.max(window.hasSpace() ? window.left : 0, dispatcher.idle)

  /** One that holds its key and is still to be read takes its place first: it would come behind those that it holds. */
  const isAhead = (row: BacklogEntry): boolean =>
    row.hold && paging.isToBeRead(row) && lanes.get(row.key)?.holder !== row.seq

  const canWake = (row: BacklogEntry, read: number): boolean =>
    !window.knows(row.seq) &&
    !reads.isOld(row, read) &&
    !isAhead(row) &&
    takes(row.partition) &&
    (row.parent === null || options.parentIsHere(row.parent))

  const wake = (row: BacklogEntry): void => {
    const work = workOf(row)
    // Written anew, a damaged wait would look whole: the message is loaded as it is, which ends it visibly.
    if (row.damaged) {
      takeDamaged(work)
      return
    }
    work.wakeAt = null
    const lane = lanes.get(row.key)
    window.take(work)
    options.wake({ ...row, reason: 'ready', wakeAt: null }, () => {
      goOn(work)
      pump()
      void waker.wakeDue()
    })
    if (lane?.holder === row.seq) lanes.unhold(lane)
  }

  /** What such a row says of its key is not to be trusted: the lane that it holds knows. */
  const takeDamaged = (work: Work): void => {
    for (const lane of lanes.all()) {
      if (lane.holder !== work.seq) continue
      lanes.unhold(lane)
      const held = { ...work, key: lane.key }
      window.take(held)
      dispatcher.ready(held)
      return
    }
    lanes.enqueue(work)
  }

  /** A message that waited for a time is ready. */
  const goOn = (work: Work): void => {
    if (isLeft(work.partition) && !leaving.mustRun(work)) {
      window.leave(work)
      leaving.forget(work)
    } else if (work.parent !== null) dispatcher.readyChild(work)
    else if (work.key === null || lanes.get(work.key)?.holder === work.seq) dispatcher.ready(work)
    else {
      window.leave(work)
      if (paging.isToBeRead(work)) paging.appeared(work.seq)
      else lanes.admit(work)
    }
  }

  /** Takes out a message that is held or has not started; the answer lets its key move on. */
  const takeOut = (seq: number): (() => void) | null => {
    const isIt = (work: Work): boolean => work.seq === seq
    for (const lane of lanes.all()) {
      if (lane.holder === seq && lane.heldUntil !== null) {
        lanes.unhold(lane)
        return () => {
          lanes.pass(lane, seq)
          pump()
        }
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

  const paging: Paging = createPaging({
    flow,
    backlog,
    window,
    reads,
    page,
    lastSeq: options.lastSeq(),
    runs,
    beginning: options.beginning,
    place,
    pump,
    again,
  })
  const lanes: Lanes = createLanes({
    clock,
    window,
    paging,
    depth: laneDepth,
    ready: (work) => dispatcher.ready(work),
    due: (at) => waker.arm(at),
    want: (lane) => refilling.want(lane),
    store: options.store,
    pump,
  })
  const refilling = createRefilling({
    flow,
    backlog,
    window,
    reads,
    paging,
    depth: laneDepth,
    runs,
    enqueue: lanes.enqueue,
    advance: lanes.advance,
    pump,
    again,
  })
  const dispatcher = createDispatcher({
    clock,
    concurrency: settings.concurrency,
    execute: options.execute,
    ended: finish,
    urgent: {
      get any() {
        return leaving.any
      },
      is: (work) => leaving.mustRun(work),
    },
    freed: pump,
  })
  const waker = createWaker({
    flow,
    backlog,
    clock,
    reads,
    paused: () => paused,
    room: roomToWake,
    canWake,
    wake,
    woken: pump,
    again,
  })
  const leaving = createLeaving({
    flow,
    backlog,
    clock,
    window,
    lanes,
    dispatcher,
    refilling,
    reads,
    parentIsHere: options.parentIsHere,
    wake,
    store: options.store,
    flushed: options.flushed,
    pump,
    onError: options.onError,
  })

  const laneOf = (key: string | null): Lane | undefined => (key === null ? undefined : lanes.of(key))

  return {
    reserve(key, bytes) {
      if (!window.hasRoom(bytes)) lanes.relieve()
      const lane = lanes.get(key)
      if (paused || paging.mode === 'backlog' || !window.hasRoom(bytes)) {
        paging.toBacklog()
        lanes.leave(lane)
        return 'journal'
      }
      if (lane && (lane.spilled || lane.queue.length + lane.reserved >= laneDepth)) {
        lane.spilled = true
        lanes.leave(lane)
        return 'journal'
      }
      window.reserve(bytes)
      if (key !== null) lanes.of(key).reserved += 1
      return 'direct'
    },
    arrived(work) {
      window.giveBack(work.bytes)
      const lane = laneOf(work.key)
      if (lane) {
        lane.reserved -= 1
        // It is not behind: what was handed over before it had been taken on.
        paging.took(work.seq)
      }
      if (isLeft(work.partition)) {
        leaving.giveBack(work)
        if (lane) lanes.advance(lane)
      } else if (lane && lane.least < work.seq) lanes.giveBack(lane, work)
      else lanes.enqueue(work)
      pump()
    },
    behind(seq, key, bytes) {
      window.giveBack(bytes)
      const lane = lanes.of(key)
      lane.reserved -= 1
      // It is met when what was handed over is read; those on their way in that come after it must not run before.
      if (lane.reserved > 0) lieBehind(lane, seq)
      paging.handed(seq)
      lanes.advance(lane)
      pump()
    },
    stored: (key) => lanes.stored(lanes.get(key)),
    refused(decision, key, bytes) {
      const lane = lanes.get(key)
      if (decision === 'journal') {
        lanes.stored(lane)
        return
      }
      window.giveBack(bytes)
      if (lane) {
        lane.reserved -= 1
        lanes.advance(lane)
      }
      pump()
    },
    handed(upTo) {
      paging.handed(upTo)
      pump()
    },
    get handedUpTo() {
      return paging.takenTo
    },
    gained() {
      reads.nextEpoch()
      paging.readAnew()
      void waker.wakeDue()
      pump()
    },
    leave: leaving.begin,
    child(work) {
      if (window.knows(work.seq)) return
      if (isLeft(work.partition) && !leaving.mustRun(work)) {
        leaving.giveBack(work)
        return
      }
      window.take(work)
      dispatcher.readyChild(work)
      pump()
    },
    childOfGuest(row) {
      const isDue = row.wakeAt !== null && row.wakeAt <= clock.now()
      if (isDue && running && !paused && !window.knows(row.seq)) wake(row)
    },
    revived(work) {
      if (window.knows(work.seq) || !takes(work.partition)) return
      if (!paging.isToBeRead(work) && window.hasRoom(work.bytes)) lanes.admit(work)
      else {
        paging.readAgainAfter(work.seq - 1)
        paging.appeared(work.seq)
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
        reads.putAside(seq)
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
