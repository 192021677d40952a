import type { Clock } from 'linkspan/connect'
import type { Fault } from './failpoints.ts'
import type { Phase } from './plan.ts'
import type { World } from './world.ts'

/** The time that one engine has: it stands still while the engine is frozen, and for ever when it is dead. */
export interface LifeTime {
  readonly alive: boolean
  readonly frozen: boolean
  readonly clock: Clock
  /** Runs something now, or when the engine goes on, or never. */
  whenAwake(run: () => void): void
  freeze(): void
  /** What came due meanwhile is done now, in its order. */
  thaw(): void
  end(): void
}

/** What the time of an engine has to do with faults. */
export interface LifeTimeOptions {
  readonly phase: () => Phase
  /** A fault strikes at a timer. */
  readonly strike: (fault: Fault) => void
}

/** Begins the time of an engine in its place. */
export function createLifeTime(world: World, place: number, { phase, strike }: LifeTimeOptions): LifeTime {
  const { clock, plan } = world
  const timers = new Set<() => void>()
  let state: 'runs' | 'frozen' | 'over' = 'runs'
  let held: (() => void)[] = []

  const whenAwake = (run: () => void): void => {
    if (state === 'runs') run()
    else if (state === 'frozen') held.push(run)
  }

  const due = (run: () => void): void => {
    const fault = plan.pass(['timer'], phase())
    if (fault === 'killed before' || fault === 'frozen before') strike(fault)
    whenAwake(run)
    if (fault !== null && fault !== 'frozen before') clock.defer(() => strike(fault))
  }

  return {
    get alive() {
      return state !== 'over'
    },
    get frozen() {
      return state === 'frozen'
    },
    whenAwake,
    clock: {
      now: () => world.wallOf(place),
      monotonic: clock.monotonic,
      defer: (run) => clock.defer(() => whenAwake(run)),
      timer(afterMs, run) {
        if (state === 'over') return () => undefined
        let cancelled = false
        const fire = (): void => {
          if (!cancelled) due(run)
        }
        const cancel = clock.timer(afterMs, () => {
          timers.delete(cancel)
          whenAwake(fire)
        })
        timers.add(cancel)
        return () => {
          cancelled = true
          timers.delete(cancel)
          cancel()
        }
      },
    },
    freeze() {
      if (state === 'runs') state = 'frozen'
    },
    thaw() {
      if (state !== 'frozen') return
      state = 'runs'
      const waiting = held
      held = []
      for (const run of waiting) clock.defer(() => whenAwake(run))
    },
    end() {
      state = 'over'
      held = []
      for (const cancel of timers) cancel()
      timers.clear()
    },
  }
}
