import { LinkspanError } from '../../model/errors.ts'
import type { CancelTimer, Clock } from '../../model/outside.ts'

/** Partitions that are to be left, until nothing of them is here any more. */
export interface Leaving {
  /** Whether there is one. */
  readonly any: boolean
  has(partition: number): boolean
  /** Begins to leave partitions; resolves when that is done, rejects when it cannot be. */
  begin(partitions: readonly number[]): Promise<void>
  /** A message of a partition that is left is no longer here. */
  rested(): void
  /** A child of such a partition waits until a time; its parent may be here and wait for it. */
  childDue(at: number): void
  stop(): void
}

/** What leaving takes. */
export interface LeavingOptions {
  readonly flow: string
  readonly clock: Clock
  /** Gives back to the journal, or forgets, what has not started and nobody here waits for. */
  readonly giveBack: () => void
  /** Whether a message of one of these partitions is here. */
  readonly anyHere: (partitions: ReadonlySet<number>) => boolean
  /** Wakes the children that are due and whose parents are here; answers when the next one is, or null. */
  readonly wakeChildren: () => Promise<number | null>
  /** Resolves when everything handed in for commit so far is durable and answered. */
  readonly flushed: () => Promise<void>
  readonly onError: (error: unknown) => void
}

const LOOK_AGAIN_MS = 1_000

/** Makes the keeper of the partitions that a flow's queue leaves. */
export function createLeaving(options: LeavingOptions): Leaving {
  const { clock } = options
  const leaving = new Set<number>()
  const refusals = new Set<(error: LinkspanError) => void>()
  let changed = Promise.withResolvers<void>()
  let stopped = false
  let timer: CancelTimer | null = null
  let timerAt = Number.POSITIVE_INFINITY

  const stoppedError = (): LinkspanError =>
    new LinkspanError(
      'ENGINE_STATE',
      `The queue of the flow "${options.flow}" was stopped before its partitions were at rest. What still runs is taken up by whoever owns them next.`,
    )

  const bringToRest = async (partitions: ReadonlySet<number>): Promise<void> => {
    // What was on its way in has arrived then, and was given back.
    await options.flushed()
    while (options.anyHere(partitions)) await changed.promise
    await options.flushed()
    for (const partition of partitions) leaving.delete(partition)
  }

  const rested = (): void => {
    changed.resolve()
    changed = Promise.withResolvers()
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

  const wakeChildren = async (): Promise<void> => {
    if (leaving.size === 0) return
    try {
      const next = await options.wakeChildren()
      if (next !== null) childDue(next)
    } catch (error) {
      if (stopped) return
      options.onError(error)
      childDue(clock.now() + LOOK_AGAIN_MS)
    }
  }

  return {
    get any() {
      return leaving.size > 0
    },
    has: (partition) => leaving.has(partition),
    async begin(partitions) {
      if (stopped) throw stoppedError()
      for (const partition of partitions) leaving.add(partition)
      options.giveBack()
      childDue(clock.now())
      const refusal = Promise.withResolvers<never>()
      refusals.add(refusal.reject)
      try {
        await Promise.race([bringToRest(new Set(partitions)), refusal.promise])
      } finally {
        refusals.delete(refusal.reject)
      }
    },
    rested,
    childDue,
    stop() {
      stopped = true
      timer?.()
      for (const refuse of refusals) refuse(stoppedError())
    },
  }
}
