/** The engines of a simulated run: each place has one life after the other. */
import {
  createEngine,
  defineProject,
  type Flow,
  type Hooks,
  type JournalFactory,
  type MountableEngine,
} from 'linkspan'
import type { Clock } from 'linkspan/connect'
import { memoryLogger, seededRandom } from 'linkspan/testing'
import type { Draws } from './draws.ts'
import type { Phase } from './plan.ts'
import type { World } from './world.ts'

/** One engine from its start to its end. */
export interface Life {
  /** Its name is its directory too, by which what it calls tells engines apart. */
  readonly name: string
  readonly place: number
  readonly alive: boolean
  readonly phase: Phase
  readonly engine: MountableEngine
  /** Ends it as SIGKILL would: no timer, no answer and no promise of it does anything any more. */
  kill(why: string): void
  /** Asks it to stop. */
  stop(why: string): void
}

/** All engines of a run. */
export interface Engines {
  /** One that runs, drawn where there are several. */
  running(): Life | null
  /** The life of this name; one that is over answers nothing. */
  named(name: string): Life
  /** Starts one in each place. */
  begin(): void
  /** Called with each life that has ended, before the next one begins. */
  onEnd(then: (life: Life) => void): void
  /** Stops all of them for good; resolves when the last one has stopped. */
  end(): Promise<void>
  /**
   * Lets go of the dead ones, when nothing can come of it any more: the platform keeps signals that nobody fires, and
   * all that hangs on them.
   */
  bury(): void
  /** How many lives there were, and how many of them ended by a kill. */
  readonly figures: { lives: number; kills: number; stops: number }
}

/** What engines are made of. */
export interface EnginesOptions {
  readonly world: World
  readonly engines: number
  /** The flows as they can be deployed: each life has one of them. */
  readonly deployments: readonly (readonly Flow[])[]
  readonly hooks: Hooks
  /** The journal as one engine opens it. */
  readonly journalFor: (life: Life) => JournalFactory
  /** Makes the journal lose its owner. */
  readonly crash: (life: Life) => void
}

/** Longer than any message may be on its way in the network, so that a kept history cannot be pruned by set clocks. */
const KEEP = '1000d'
/** No request that is not late is longer on its way than this. */
const SHORTEST_DOWN_MS = 100
/** Longer than the latest request is on its way: while clocks are set, what was sent before arrives. */
const SETTING_CLOCKS_MS = 5_000
const SECOND = 1_000
const DAY = 86_400_000
const AHEAD: readonly number[] = [5 * SECOND, 60 * SECOND, 3_600 * SECOND, 2 * DAY, 30 * DAY]
const BACK: readonly number[] = [SECOND, 30 * SECOND, 600 * SECOND, 3_600 * SECOND, 3_600 * SECOND, 7 * DAY]

/** Makes the engines of a run; none lives yet. */
export function createEngines(options: EnginesOptions): Engines {
  const { world } = options
  const { clock, story } = world
  const draws = world.draws('engines')
  const lives = new Map<string, Life>()
  const present: (Life | null)[] = Array.from({ length: options.engines }, () => null)
  const figures = { lives: 0, kills: 0, stops: 0 }
  let ended: (life: Life) => void = () => undefined
  let over = false

  const gone = (life: Life): void => {
    present[life.place] = null
    ended(life)
    const down = downTime(draws, world, life.phase, options.engines === 1)
    if (!over) clock.timer(down, () => over || start(life.place))
  }

  const start = (place: number): void => {
    figures.lives += 1
    const name = `engine-${place + 1}.${figures.lives}`
    const flows = draws.pick(options.deployments)
    const life = createLife(options, { place, name, flows }, (how) => {
      figures[how] += 1
      gone(life)
    })
    present[place] = life
    lives.set(name, life)
    story.tell(`${name} starts`)
    life.start()
  }

  return {
    figures,
    running() {
      const found = present.filter((life) => life?.phase === 'running')
      return found.length > 1 ? draws.pick(found) : (found[0] ?? null)
    },
    named: (name) => lives.get(name) as Life,
    begin() {
      over = false
      for (const place of present.keys()) start(place)
    },
    bury() {
      for (const { engine } of lives.values()) engine.stop({ within: 0 }).catch(() => undefined)
    },
    onEnd: (then) => {
      ended = then
    },
    async end() {
      over = true
      for (const life of present) life?.stop('all is over')
      while (present.some((life) => life !== null))
        await new Promise<void>((resolve) => clock.timer(10, resolve))
    },
  }
}

/** How long a place stays empty; what the plan does to the clocks happens meanwhile, where nobody else lives by them. */
function downTime(draws: Draws, world: World, phase: Phase, alone: boolean): number {
  const down = draws.pick([SHORTEST_DOWN_MS, 200, SECOND, 10 * SECOND])
  if (!alone) return down
  const fault = world.plan.pass(['restart'], phase)
  if (fault === null) return down
  const by = fault === 'clock ahead' ? draws.pick(AHEAD) : -draws.pick(BACK)
  world.clock.timer(SETTING_CLOCKS_MS - 1, () => world.setClocks(by))
  return Math.max(down, SETTING_CLOCKS_MS)
}

function createLife(
  { world, hooks, journalFor, crash }: EnginesOptions,
  { place, name, flows }: Pick<Life, 'place' | 'name'> & { readonly flows: readonly Flow[] },
  ended: (how: 'kills' | 'stops') => void,
): Life & { start(): void } {
  const { story } = world
  let phase: Phase = 'starting'
  const time = createLifeTime(
    world,
    () => phase,
    (fault) => {
      if (fault === 'stopped') life.stop('at a timer')
      else life.kill(`${fault} a timer`)
    },
  )

  const failed = (what: string) => (thrown: unknown) => {
    if (!time.alive) return
    world.violate('failed', `${name} could not ${what}: ${String(thrown)}`)
    life.kill(`it could not ${what}`)
  }

  const life: Life & { start(): void } = {
    name,
    place,
    get alive() {
      return time.alive
    },
    get phase() {
      return phase
    },
    get engine() {
      return engine
    },
    start: () => {
      engine.start().then(() => {
        if (time.alive) phase = 'running'
        if (time.alive) story.tell(`${name} runs`)
      }, failed('start'))
    },
    kill(why) {
      if (!time.alive) return
      story.tell(`${name} is KILLED, ${why}`)
      time.end()
      crash(life)
      ended('kills')
    },
    stop(why) {
      if (!time.alive || phase !== 'running') return
      phase = 'stopping'
      story.tell(`${name} is asked to stop, ${why}`)
      engine.stop({ within: 3_000 }).then(() => {
        if (!time.alive) return
        story.tell(`${name} has stopped`)
        time.end()
        ended('stops')
      }, failed('stop'))
    },
  }
  const engine = createEngine(
    defineProject({
      flows,
      hooks: whileAlive(hooks, time),
      journal: journalFor(life),
      retention: KEEP,
      attentionRetention: KEEP,
    }),
    {
      directory: name,
      lookup: () => undefined,
      outside: { clock: time.clock, logger: memoryLogger(), random: seededRandom(`${world.seed}/${name}`) },
    },
  )
  return life
}

/** The time that one engine has: it stands still for ever when the engine is dead. */
interface LifeTime {
  readonly alive: boolean
  readonly clock: Clock
  end(): void
}

function createLifeTime(world: World, phase: () => Phase, strike: (fault: string) => void): LifeTime {
  const { clock, plan } = world
  const timers = new Set<() => void>()
  let alive = true
  const due = (run: () => void): void => {
    const fault = plan.pass(['timer'], phase())
    if (fault === 'killed before') strike(fault)
    if (!alive) return
    run()
    if (fault !== null) clock.defer(() => strike(fault))
  }
  return {
    get alive() {
      return alive
    },
    clock: {
      now: world.wall,
      monotonic: clock.monotonic,
      defer: (run) => clock.defer(() => alive && run()),
      timer(afterMs, run) {
        if (!alive) return () => undefined
        const cancel = clock.timer(afterMs, () => {
          timers.delete(cancel)
          if (alive) due(run)
        })
        timers.add(cancel)
        return () => {
          timers.delete(cancel)
          cancel()
        }
      },
    },
    end() {
      alive = false
      for (const cancel of timers) cancel()
      timers.clear()
    },
  }
}

function whileAlive(hooks: Hooks, time: LifeTime): Hooks {
  const gated = Object.entries(hooks).map(([name, hook]) => [
    name,
    (event: never) => (time.alive ? hook(event) : undefined),
  ])
  return Object.fromEntries(gated) as Hooks
}
