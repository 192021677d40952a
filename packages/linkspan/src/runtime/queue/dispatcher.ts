import type { Clock } from '../../model/outside.ts'
import { createDeque } from '../deque.ts'
import type { PassEnd, Slot, Work } from './work.ts'

/** Starts passes, as many at once as the flow allows. */
export interface Dispatcher {
  readonly active: number
  /** How many more could run than are ready to. */
  readonly idle: number
  /** A message that may run. */
  ready(work: Work): void
  /** A child that may run: it goes before messages that came from outside. */
  readyChild(work: Work): void
  /** Takes out one that has not started. */
  remove(fits: (work: Work) => boolean): Work | undefined
  /**
   * Starts what can be started; while `paused`, only passes that take their slot again, and children that must run all
   * the same.
   */
  dispatch(paused: boolean): void
}

/** What a dispatcher is made of. */
export interface DispatcherOptions {
  readonly clock: Clock
  readonly concurrency: number
  /** Runs a message; calls `ended` after the commit of its end. Never throws. */
  readonly execute: (work: Work, slot: Slot, ended: (end: PassEnd) => void) => void
  readonly ended: (work: Work, end: PassEnd) => void
  /** Whether there may be children that run even while the flow is paused, and which. */
  readonly urgent: { readonly any: boolean; is(work: Work): boolean }
  /** A slot is free, or a turn is over: {@link Dispatcher.dispatch} is to be called. */
  readonly freed: () => void
}

/** How many passes are begun before the next turn of the event loop: so many, or a share of those that wait. */
const PASSES_A_TURN = 8
const SHARE_A_TURN = 4

/** Makes the dispatcher of one flow. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { clock, concurrency, freed, urgent } = options
  const children = createDeque<Work>()
  const roots = createDeque<Work>()
  const regaining = createDeque<() => void>()
  let active = 0
  let begun = 0
  let dispatching = false

  const waiting = (): number => roots.size + children.size

  /**
   * Passes that are begun one after the other let nothing else have a turn: new messages would wait for all of them.
   * The more wait the more are begun, so that what comes in does not outrun them.
   */
  const turnIsFull = (): boolean => begun >= Math.max(PASSES_A_TURN, (begun + waiting()) / SHARE_A_TURN)

  const countBegun = (): void => {
    begun += 1
    if (begun > 1) return
    clock.defer(() => {
      begun = 0
      if (waiting() > 0) freed()
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
        freed()
      },
      regain: () =>
        new Promise((resolve) => {
          regaining.push(() => {
            active += 1
            holds = true
            resolve()
          })
          freed()
        }),
    }
    options.execute(work, slot, (end) => {
      release()
      options.ended(work, end)
    })
  }

  const nextUrgent = (): Work | undefined => (urgent.any ? children.remove(urgent.is) : undefined)

  /** Starts one; false when there is none to start. */
  const startNext = (paused: boolean): boolean => {
    const regain = regaining.shift()
    if (regain) {
      regain()
      return true
    }
    const work = turnIsFull() ? undefined : paused ? nextUrgent() : (children.shift() ?? roots.shift())
    if (work) begin(work)
    return work !== undefined
  }

  return {
    get active() {
      return active
    },
    get idle() {
      return concurrency - active - waiting()
    },
    ready: (work) => roots.push(work),
    readyChild: (work) => children.push(work),
    remove: (fits) => roots.remove(fits) ?? children.remove(fits),
    dispatch(paused) {
      // A pass that frees its slot at once comes back here: the loop that began it goes on, one in the other would
      // fill the stack.
      if (dispatching) return
      dispatching = true
      try {
        while (active < concurrency && startNext(paused));
      } finally {
        dispatching = false
      }
    },
  }
}
