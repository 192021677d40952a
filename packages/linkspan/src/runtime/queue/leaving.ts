import type { BacklogEntry, BacklogReader } from '../../journal/journal.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { CancelTimer, Clock } from '../../model/outside.ts'
import type { Dispatcher } from './dispatcher.ts'
import { NO_PLACE, unspill } from './lane.ts'
import type { Lanes } from './lanes.ts'
import type { Reads } from './reads.ts'
import type { Refilling } from './refilling.ts'
import type { Window } from './window.ts'
import type { PassEnd, Work } from './work.ts'

/** Partitions that are to be left, until nothing of them is here any more. */
export interface Leaving {
  /** Whether there is one. */
  readonly any: boolean
  has(partition: number): boolean
  /** Begins to leave partitions; resolves when that is done, rejects when it cannot be. */
  begin(partitions: readonly number[]): Promise<void>
  /** Whether a message is a child of a partition that is left, whose parent is here and waits for it. */
  mustRun(work: Work): boolean
  /** A message of a partition that is left came in or woke up: it stays in the journal. */
  giveBack(work: Work): void
  /** A pass over a message of such a partition has come to an end: what it waits for is the next owner's business. */
  ended(work: Work, end: PassEnd): void
  /** A message of such a partition is no longer here. */
  forget(work: Work): void
  /** A child waits until a time; its parent may be here and wait for it. */
  childDue(at: number): void
  stop(): void
}

/** What leaving takes. */
export interface LeavingOptions {
  readonly flow: string
  readonly backlog: BacklogReader
  readonly clock: Clock
  readonly window: Window
  readonly lanes: Lanes
  readonly dispatcher: Pick<Dispatcher, 'remove'>
  readonly refilling: Pick<Refilling, 'forget'>
  readonly reads: Pick<Reads, 'nextEpoch'>
  readonly parentIsHere: (seq: number) => boolean
  /** Lets a message whose time has come go on. */
  readonly wake: (row: BacklogEntry) => void
  readonly store: (work: Work, then: () => void) => void
  /** Resolves when everything handed in for commit so far is durable and answered. */
  readonly flushed: () => Promise<void>
  readonly pump: () => void
  readonly onError: (error: unknown) => void
}

const PAGE = 256
const LOOK_AGAIN_MS = 1_000

/** Makes the keeper of the partitions that a flow's queue leaves. */
export function createLeaving(options: LeavingOptions): Leaving {
  const { clock, window, lanes, dispatcher, pump } = options
  const leaving = new Set<number>()
  const refusals = new Set<(error: LinkspanError) => void>()
  let changed = Promise.withResolvers<void>()
  let stopped = false
  let timer: CancelTimer | null = null
  let timerAt = Number.POSITIVE_INFINITY

  const isOf = ({ partition }: Work): boolean => leaving.has(partition)
  const mustRun = (work: Work): boolean =>
    isOf(work) && work.parent !== null && options.parentIsHere(work.parent)

  const rested = (): void => {
    changed.resolve()
    changed = Promise.withResolvers()
  }

  const giveBack = (work: Work): void => options.store(work, rested)

  const forget = (work: Work): void => {
    const lane = lanes.get(work.key)
    if (lane) {
      lanes.pass(lane, work.seq)
      lanes.advance(lane)
    }
    rested()
  }

  /** What has not started, and nobody here waits for, goes back to the journal; its lanes are given up. */
  const giveUp = (): void => {
    options.reads.nextEpoch()
    const left: Work[] = []
    for (const lane of lanes.all()) {
      if (!leaving.has(lane.partition)) continue
      left.push(...lane.queue.splice(0))
      lanes.unhold(lane)
      unspill(lane)
      options.refilling.forget(lane)
    }
    const isLeft = (work: Work): boolean => isOf(work) && !mustRun(work)
    for (let work = dispatcher.remove(isLeft); work; work = dispatcher.remove(isLeft)) left.push(work)
    for (const work of left) {
      window.leave(work)
      giveBack(work)
    }
    for (const lane of lanes.all()) {
      if (!leaving.has(lane.partition)) continue
      if (lane.holder !== null && !window.knows(lane.holder)) lane.holder = null
      lanes.advance(lane)
    }
    pump()
  }

  const anyHere = (partitions: ReadonlySet<number>): boolean => {
    for (const work of window.works()) if (partitions.has(work.partition)) return true
    return false
  }

  const bringToRest = async (partitions: ReadonlySet<number>): Promise<void> => {
    // What was on its way in has arrived then, and was given back.
    await options.flushed()
    while (anyHere(partitions)) await changed.promise
    await options.flushed()
    for (const partition of partitions) leaving.delete(partition)
  }

  const childDue = (at: number): void => {
    if (stopped || at >= timerAt) return
    timer?.()
    timerAt = at
    timer = clock.timer(Math.max(0, at - clock.now()), () => {
      timerAt = Number.POSITIVE_INFINITY
      void wakeChildren()
    })
  }

  /** Children are not found by their time once their partition is not owned, but by their parents, who wait for them. */
  const wakeChildren = async (): Promise<void> => {
    const parents = [...window.works()].filter((work) => isOf(work) && options.parentIsHere(work.seq))
    try {
      for (const { seq } of parents) childDue(await wakeChildrenOf(seq))
    } catch (error) {
      if (stopped) return
      options.onError(error)
      childDue(clock.now() + LOOK_AGAIN_MS)
    }
  }

  /** Wakes the children of a parent that are due, and answers when the next one is. */
  const wakeChildrenOf = async (parent: number): Promise<number> => {
    let next = Number.POSITIVE_INFINITY
    for (let after = 0; after < NO_PLACE; ) {
      const rows = await options.backlog.pageOfParent(parent, after, PAGE)
      if (stopped) break
      for (const row of rows) {
        if (row.wakeAt === null || window.knows(row.seq) || !options.parentIsHere(parent)) continue
        if (row.wakeAt <= clock.now()) options.wake(row)
        else next = Math.min(next, row.wakeAt)
      }
      after = rows.at(-1)?.seq ?? NO_PLACE
    }
    return next
  }

  const stoppedError = (): LinkspanError =>
    new LinkspanError(
      'ENGINE_STATE',
      `The queue of the flow "${options.flow}" was stopped before its partitions were at rest. What still runs is taken up by whoever owns them next.`,
    )

  return {
    get any() {
      return leaving.size > 0
    },
    has: (partition) => leaving.has(partition),
    async begin(partitions) {
      if (stopped) throw stoppedError()
      for (const partition of partitions) leaving.add(partition)
      giveUp()
      childDue(clock.now())
      const refusal = Promise.withResolvers<never>()
      refusals.add(refusal.reject)
      try {
        await Promise.race([bringToRest(new Set(partitions)), refusal.promise])
      } finally {
        refusals.delete(refusal.reject)
      }
    },
    mustRun,
    giveBack,
    ended(work, end) {
      forget(work)
      if (end.kind === 'suspended' && work.parent !== null) childDue(end.wakeAt)
      pump()
    },
    forget,
    childDue,
    stop() {
      stopped = true
      timer?.()
      for (const refuse of refusals) refuse(stoppedError())
    },
  }
}
