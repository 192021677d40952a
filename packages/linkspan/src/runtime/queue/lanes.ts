import type { Clock } from '../../model/outside.ts'
import { createLane, type Lane, lieBehind } from './lane.ts'
import type { Paging } from './paging.ts'
import type { Window } from './window.ts'
import type { Work } from './work.ts'

/** The lanes of a flow: per key one message runs or holds, some wait behind it, and more lie in the journal. */
export interface Lanes {
  get(key: string | null): Lane | undefined
  /** The lane of a key, made when there is none. */
  of(key: string): Lane
  all(): Iterable<Lane>
  /** Puts a message at the end of its lane, or makes it ready. */
  enqueue(work: Work): void
  /** Gives a message that has a wait its place, or leaves it to its lane. */
  admit(work: Work): void
  /** Moves a lane whose first place is free: the next message runs or holds, more are fetched, or the lane ends. */
  advance(lane: Lane): void
  /** The message that runs, or held, is no longer the first of its lane. */
  pass(lane: Lane, seq: number): void
  /** The message that runs holds its lane until a time; it is no longer in memory. */
  hold(lane: Lane, until: number): void
  unhold(lane: Lane): void
  /** A message is left to the journal; {@link stored} follows. */
  leave(lane: Lane | undefined): void
  stored(lane: Lane | undefined): void
  /** A message goes back to the journal until its lane has room. */
  giveBack(lane: Lane, work: Work): void
  /**
   * Messages behind one that is held for a while make room for other keys: they go back to the journal. Without this,
   * enough failing keys with messages behind them would fill the window, and nothing else could be taken on.
   */
  relieve(): void
}

/** What lanes take. */
export interface LanesOptions {
  readonly clock: Clock
  readonly window: Window
  readonly paging: Pick<Paging, 'leave' | 'stored' | 'appeared'>
  /** How many messages are kept in memory behind the first. */
  readonly depth: number
  /** A message may run. */
  readonly ready: (work: Work) => void
  /** A message is to go on at a time. */
  readonly due: (at: number) => void
  /** A lane ran empty and has more in the journal. */
  readonly want: (lane: Lane) => void
  readonly store: (work: Work, then: () => void) => void
  readonly pump: () => void
}

/** Makes the lanes of a flow. */
export function createLanes(options: LanesOptions): Lanes {
  const { clock, window, paging, depth } = options
  const lanes = new Map<string, Lane>()

  const of = (key: string): Lane => {
    const present = lanes.get(key)
    if (present) return present
    const lane = createLane(key)
    lanes.set(key, lane)
    return lane
  }

  const enqueue = (work: Work): void => {
    window.take(work)
    if (work.key === null) {
      options.ready(work)
      return
    }
    const lane = of(work.key)
    lane.partition = work.partition
    lane.tail = Math.max(lane.tail, work.seq)
    lane.queue.push(work)
    advance(lane)
  }

  const advance = (lane: Lane): void => {
    if (lane.holder !== null) return
    const next = lane.queue.shift()
    if (next) {
      lane.holder = next.seq
      if (next.wakeAt !== null && next.wakeAt > clock.now()) {
        window.leave(next)
        hold(lane, next.wakeAt)
        options.due(next.wakeAt)
      } else options.ready(next)
    } else if (lane.spilled) options.want(lane)
    else if (lane.reserved === 0 && lane.storing === 0 && lane.returning === 0) lanes.delete(lane.key)
  }

  const hold = (lane: Lane, until: number): void => {
    window.hold()
    lane.heldUntil = until
  }

  const admit = (work: Work): void => {
    const lane = work.key === null ? undefined : of(work.key)
    if (lane?.holder === work.seq) return
    if (lane && (lane.spilled || lane.reserved > 0 || lane.queue.length >= depth)) {
      lieBehind(lane, work.seq)
      advance(lane)
    } else enqueue(work)
  }

  const leave = (lane: Lane | undefined): void => {
    paging.leave()
    if (!lane) return
    lane.storing += 1
    lane.left += 1
  }

  const stored = (lane: Lane | undefined): void => {
    paging.stored()
    if (lane) {
      lane.storing = Math.max(0, lane.storing - 1)
      advance(lane)
    }
    options.pump()
  }

  const giveBack = (lane: Lane, work: Work): void => {
    lieBehind(lane, work.seq)
    leave(lane)
    lane.returning += 1
    options.store(work, () => {
      lane.returning -= 1
      paging.appeared(work.seq)
      stored(lane)
    })
  }

  const spill = (lane: Lane): void => {
    for (const work of lane.queue.splice(0)) {
      window.leave(work)
      giveBack(lane, work)
    }
  }

  return {
    get: (key) => (key === null ? undefined : lanes.get(key)),
    of,
    all: () => lanes.values(),
    enqueue,
    admit,
    advance,
    pass(lane, seq) {
      if (lane.holder !== seq) return
      lane.holder = null
      advance(lane)
    },
    hold,
    unhold(lane) {
      if (lane.heldUntil === null) return
      window.unhold()
      lane.heldUntil = null
    },
    leave,
    stored,
    giveBack,
    relieve() {
      for (const lane of lanes.values()) {
        // One that is being accepted comes behind those that are here, so these must stay until it is.
        if (lane.heldUntil !== null && lane.queue.length > 0 && lane.reserved === 0) spill(lane)
      }
    },
  }
}
