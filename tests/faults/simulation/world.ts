import type { VirtualClock } from 'linkspan/testing'
import { virtualClock } from 'linkspan/testing'
import { type Draws, drawsOf } from './draws.ts'
import { drawPlan, type Plan } from './plan.ts'
import { createStory, type Story } from './story.ts'

/** In what way a promise was broken. */
export type ViolationKind =
  /** An effect of an accepted message, or a message, is not there. */
  | 'missing'
  /** An effect, a message or an acceptance happened more often than once where it can happen once. */
  | 'doubled'
  /** An effect came after one of a later message of its key, or before its time. */
  | 'order'
  /** An effect or a message that nothing sent accounts for. */
  | 'unfounded'
  /** A message that never ended. */
  | 'stuck'
  /** An effect with another content than it must have. */
  | 'content'
  /** A message ended otherwise than it must. */
  | 'ending'
  /** A flow ran that was paused. */
  | 'paused'
  /** Counts that do not add up. */
  | 'ledger'
  /** A reply that is missing or wrong. */
  | 'reply'
  /** There was always something more to do. */
  | 'endless'
  /** The engine gave up, or threw what it must not. */
  | 'failed'

/** A broken promise. */
export interface Violation {
  readonly kind: ViolationKind
  readonly says: string
}

/** What one simulated run stands on: its time, what is drawn from its seed, and what is written down of it. */
export interface World {
  readonly seed: number
  /** Real time passes here alone. */
  readonly clock: ReturnType<typeof virtualClock>
  /** How many engines there are, unless some leave or join. */
  readonly engines: number
  /** What the clocks on the wall show, all of them the same but for those of several engines. */
  wall(): number
  /** What the clock of an engine's place shows: where there are several, each has its own. */
  wallOf(place: number): number
  /** Sets the clock of one place ahead, or back by a negative number of milliseconds. */
  setClockOf(place: number, by: number): void
  /** By how much the clocks of two engines ever differed, at most. */
  readonly skew: number
  /** Sets all clocks on the wall ahead, or back by a negative number of milliseconds. */
  setClocks(by: number): void
  /** By how much the clocks were set back, all in all. */
  readonly setBack: number
  /** Flows that were paused, by the engine that was told so, and when: no later one may run them. */
  readonly paused: Map<string, { readonly by: string; readonly at: number }>
  readonly plan: Plan
  readonly story: Story
  readonly violations: readonly Violation[]
  violate(kind: ViolationKind, says: string): void
  /** Does a part of the run; one that comes to no end is a finding, and `instead` is answered. */
  ending<T>(part: () => Promise<T>, instead: T): Promise<T>
  /** Draws of their own for each purpose, so that one does not shift the others. */
  draws(purpose: string): Draws
}

/** What takes more steps than so many at a time does not come to an end. */
const MOST_STEPS = 60_000

/** How long the network is noisy. */
const NOISE_MS = 120_000

/** By how much the clocks of several engines differ at first. */
const SKEWS: readonly number[] = [0, 0, 15, 1_000, 30_000]

/** Makes the world of a seed; its faults are drawn as those of the simulated flows are, or as `planOf` says. */
export function createWorld(seed: number, engines = 1, planOf?: (draws: Draws) => Plan): World {
  const clock: ReturnType<typeof virtualClock> & VirtualClock = virtualClock({ maxSteps: MOST_STEPS })
  const began = clock.now()
  const draws = (purpose: string): Draws => drawsOf(`${seed}/${purpose}`)
  const story = createStory(() => clock.now() - began)
  const violations: Violation[] = []
  let offset = 0
  let setBack = 0
  const skews = drawSkews(draws, engines)
  let [slowest, fastest] = [0, 0]
  const skewOf = (place: number): number => skews[place % skews.length] ?? 0
  const noteSkews = (): void => {
    slowest = Math.min(slowest, ...skews)
    fastest = Math.max(fastest, ...skews)
  }
  noteSkews()
  const world: World = {
    seed,
    engines,
    clock,
    draws,
    story,
    violations,
    paused: new Map(),
    plan:
      planOf?.(draws('plan')) ?? drawPlan(draws('plan'), () => clock.now() - began < NOISE_MS, engines > 1),
    wall: () => clock.now() + offset,
    wallOf: (place) => clock.now() + offset + skewOf(place),
    setClockOf(place, by) {
      skews[place % skews.length] = skewOf(place) + by
      noteSkews()
      story.tell(
        `the clock of place ${place + 1} is set ${by < 0 ? 'back' : 'ahead'} by ${Math.abs(by) / 1_000} s`,
      )
    },
    get skew() {
      return fastest - slowest
    },
    get setBack() {
      return setBack
    },
    setClocks(by) {
      offset += by
      if (by < 0) setBack -= by
      story.tell(`the clocks are set ${by < 0 ? 'back' : 'ahead'} by ${Math.abs(by) / 1_000} s`)
    },
    violate(kind, says) {
      violations.push({ kind, says })
      story.tell(`VIOLATION ${kind}: ${says}`)
    },
    async ending(part, instead) {
      try {
        return await part()
      } catch (thrown) {
        world.violate('endless', String(thrown))
        return instead
      }
    },
  }
  for (const line of world.plan.planned) story.tell(`planned: ${line}`)
  return world
}

/** One engine alone has the time that the world has. */
function drawSkews(draws: World['draws'], engines: number): number[] {
  if (engines === 1) return [0]
  const drawn = draws('skews')
  return Array.from({ length: engines }, () => drawn.pick(SKEWS) * drawn.pick([-1, 1]))
}
