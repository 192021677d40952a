/** The engines of a simulated run: each place has one life after the other. */
import {
  createEngine,
  defineProject,
  type Flow,
  type Hooks,
  type JournalFactory,
  type MountableEngine,
} from 'linkspan'
import { ensureError, type Logger } from 'linkspan/connect'
import { seededRandom } from 'linkspan/testing'
import type { Draws } from './draws.ts'
import { createLifeTime, type LifeTime } from './life-time.ts'
import type { Phase } from './plan.ts'
import type { World } from './world.ts'

/** One engine from its start to its end. */
export interface Life {
  /** Its name is its directory too, by which what it calls tells engines apart. */
  readonly name: string
  readonly place: number
  readonly alive: boolean
  readonly phase: Phase
  /** When it began, and when it last stood still, by the world's clock. */
  readonly since: number
  readonly awakeSince: number
  readonly frozen: boolean
  readonly engine: MountableEngine
  /** Runs something now, or when it goes on, or never. */
  whenAwake(run: () => void): void
  /** Ends it as SIGKILL would: no timer, no answer and no promise of it does anything any more. */
  kill(why: string): void
  /** Asks it to stop. */
  stop(why: string): void
  /** Asks it to stop, and lets it stay away. */
  leave(why: string): void
  /** Lets one more join. */
  join(why: string): void
  /** Stops it as SIGSTOP would, for a time that is drawn; it goes on by itself. */
  freeze(why: string): void
  thaw(): void
}

/** All engines of a run. */
export interface Engines {
  /** One that runs, and has a flow of that name if one is said; drawn where there are several. */
  running(flow?: string): Life | null
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
  readonly figures: {
    lives: number
    kills: number
    stops: number
    freezes: number
    joins: number
    lent: number
  }
  /** Whether any of them ever died, stopped or stood still. */
  readonly interrupted: boolean
}

/** What engines are made of. */
export interface EnginesOptions {
  readonly world: World
  readonly engines: number
  /** The flows as they can be deployed in a place: each life has one of the deployments. */
  readonly deploymentsOf: (place: number) => readonly (() => readonly Flow[])[]
  readonly hooks: Hooks
  /** The journal as one engine opens it. */
  readonly journalFor: (life: Life) => JournalFactory
  /** Makes the journal lose its owner. */
  readonly crash: (life: Life) => void
  /** Stops what an engine has to do with the journal, and lets it go on. */
  readonly pause: (life: Life) => void
  readonly wake: (life: Life) => void
  /** Called with each life that stands still from now on. */
  readonly frozen: (life: Life) => void
  /** What the engines log to. @default nothing */
  readonly logger?: Logger
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

const SILENT: Logger = { log: () => undefined }

/** How long an engine stands still: shorter than a lease and longer. */
const FROZEN_MS: readonly number[] = [1_500, 6_000, 9_900, 11_000, 15_000, 30_000, 60_000]
/** How long one that left stays away. */
const AWAY_MS: readonly number[] = [15_000, 45_000, 90_000]
/** By how much the clock of one of several engines is set. */
const SET_BY: readonly number[] = [50, SECOND, 30 * SECOND, 120 * SECOND]
/** No more engines than so many join beside those of the beginning. */
const MORE = 2

/** Makes the engines of a run; none lives yet. */
export function createEngines(options: EnginesOptions): Engines {
  const { world } = options
  const { clock, story } = world
  const draws = world.draws('engines')
  const lives = new Map<string, Life>()
  const present: (Life | null)[] = Array.from({ length: options.engines }, () => null)
  const figures = { lives: 0, kills: 0, stops: 0, freezes: 0, joins: 0, lent: 0 }
  /** Those that were asked to stay away. */
  const leaving = new Set<Life>()
  let ended: (life: Life) => void = () => undefined
  let over = false

  const gone = (life: Life): void => {
    present[life.place] = null
    ended(life)
    const down = downTime(draws, world, life, options.engines === 1)
    if (over || life.place >= options.engines) return
    const away = leaving.delete(life) ? draws.pick(AWAY_MS) : down
    clock.timer(away, () => over || start(life.place))
  }

  /** In a place that nobody had, or that one who joined has left. */
  const join = (): void => {
    const extra = Array.from({ length: MORE }, (_, at) => options.engines + at)
    const place = extra.find((each) => (present[each] ?? null) === null)
    if (over || place === undefined) return
    figures.joins += 1
    start(place)
  }

  const start = (place: number): void => {
    figures.lives += 1
    const name = `engine-${place + 1}.${figures.lives}`
    const flows = draws.pick(options.deploymentsOf(place))()
    const life = createLife(
      options,
      { place, name, flows },
      {
        ended(how) {
          figures[how] += 1
          gone(life)
        },
        freezes: () => {
          figures.freezes += 1
          return draws.pick(FROZEN_MS)
        },
        leaves: () => void leaving.add(life),
        join,
        lends: () => {
          figures.lent += 1
        },
      },
    )
    present[place] = life
    lives.set(name, life)
    story.tell(`${name} starts`)
    life.start()
  }

  return {
    figures,
    get interrupted() {
      const { kills, stops, freezes } = figures
      return kills + stops + freezes > 0
    },
    running(flow) {
      const found = present.filter(
        (life) =>
          life?.phase === 'running' && !life.frozen && (flow === undefined || life.engine.flows.has(flow)),
      )
      return found.length > 1 ? draws.pick(found) : (found[0] ?? null)
    },
    named: (name) => lives.get(name) as Life,
    begin() {
      over = false
      for (let place = 0; place < options.engines; place += 1) start(place)
    },
    bury() {
      for (const { engine } of lives.values()) engine.stop({ within: 0 }).catch(() => undefined)
    },
    onEnd: (then) => {
      ended = then
    },
    async end() {
      over = true
      while (present.some((life) => life !== null)) {
        for (const life of present) {
          life?.thaw()
          life?.stop('all is over')
        }
        await new Promise<void>((resolve) => clock.timer(10, resolve))
      }
    },
  }
}

/** How long a place stays empty; what the plan does to the clocks happens meanwhile, where nobody else lives by them. */
function downTime(draws: Draws, world: World, { phase, place }: Life, alone: boolean): number {
  const down = draws.pick([SHORTEST_DOWN_MS, 200, SECOND, 10 * SECOND])
  const fault = world.plan.pass(['restart'], phase)
  if (fault === null) return down
  if (!alone) {
    const by = draws.pick(SET_BY)
    world.setClockOf(place, fault === 'clock ahead' ? by : -by)
    return down
  }
  const by = fault === 'clock ahead' ? draws.pick(AHEAD) : -draws.pick(BACK)
  world.clock.timer(SETTING_CLOCKS_MS - 1, () => world.setClocks(by))
  return Math.max(down, SETTING_CLOCKS_MS)
}

/** What the others have to do with a life. */
interface Among {
  readonly ended: (how: 'kills' | 'stops') => void
  /** Answers for how long it stands still. */
  readonly freezes: () => number
  readonly leaves: () => void
  readonly join: () => void
  /** A message went to an engine of another version. */
  readonly lends: () => void
}

function createLife(
  { world, hooks, journalFor, crash, pause, wake, frozen, logger = SILENT }: EnginesOptions,
  { place, name, flows }: Pick<Life, 'place' | 'name'> & { readonly flows: readonly Flow[] },
  { ended, freezes, leaves, join, lends }: Among,
): Life & { start(): void } {
  const { story, clock } = world
  const since = clock.now()
  let awakeSince = since
  let phase: Phase = 'starting'
  const time = createLifeTime(world, place, {
    phase: () => phase,
    strike: (fault) => {
      if (fault === 'stopped') life.stop('at a timer')
      else if (fault === 'left') life.leave('at a timer')
      else if (fault === 'joined') life.join('at a timer')
      else if (fault === 'frozen before') life.freeze('before a timer')
      else life.kill(`${fault} a timer`)
    },
  })

  const failed = (what: string) => (thrown: unknown) => {
    if (!time.alive) return
    // It stood still for longer than its lease while it started: whoever starts it tries again.
    if (awakeSince > since && ensureError(thrown).code === 'JOURNAL_TAKEN_OVER') {
      life.kill(`others took over before it could ${what}`)
      return
    }
    world.violate('failed', `${name} could not ${what}: ${String(thrown)}`)
    life.kill(`it could not ${what}`)
  }

  const life: Life & { start(): void } = {
    name,
    place,
    get alive() {
      return time.alive
    },
    since,
    get awakeSince() {
      return awakeSince
    },
    get frozen() {
      return time.frozen
    },
    get phase() {
      return phase
    },
    whenAwake: time.whenAwake,
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
      if (!time.alive || time.frozen || phase !== 'running') return
      phase = 'stopping'
      story.tell(`${name} is asked to stop, ${why}`)
      engine.stop({ within: 3_000 }).then(() => {
        if (!time.alive) return
        story.tell(`${name} has stopped`)
        time.end()
        ended('stops')
      }, failed('stop'))
    },
    leave(why) {
      leaves()
      life.stop(`to stay away, ${why}`)
    },
    join(why) {
      story.tell(`one more joins, ${why} of ${name}`)
      join()
    },
    freeze(why) {
      if (!time.alive || time.frozen) return
      const forMs = freezes()
      story.tell(`${name} is FROZEN for ${forMs / SECOND} s, ${why}`)
      time.freeze()
      pause(life)
      frozen(life)
      clock.timer(forMs, () => life.thaw())
    },
    thaw() {
      if (!time.alive || !time.frozen) return
      story.tell(`${name} wakes`)
      awakeSince = clock.now()
      time.thaw()
      wake(life)
    },
  }
  const noting: Logger = {
    log(level, what, fields) {
      logger.log(level, what, fields)
      if (what !== 'message.lent' || !time.alive) return
      story.tell(`${name} lends the message at place ${fields?.['seq']}`)
      lends()
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
      outside: { clock: time.clock, logger: noting, random: seededRandom(`${world.seed}/${name}`) },
    },
  )
  return life
}

function whileAlive(hooks: Hooks, time: LifeTime): Hooks {
  const gated = Object.entries(hooks).map(([name, hook]) => [
    name,
    (event: never) => (time.alive ? hook(event) : undefined),
  ])
  return Object.fromEntries(gated) as Hooks
}
