/** One run: the whole engine with simulated clock, disk, network and random numbers, all of it drawn from one seed. */
import type { Flow } from 'linkspan'
import type { FlowName, FlowOptions } from './beginnings.ts'
import { check } from './checker.ts'
import { type Control, withoutFlows, withoutJournal, withoutNetwork } from './controls.ts'
import { createDisk } from './disk.ts'
import { createEngines, type Engines, type Life } from './engines.ts'
import type { Evidence } from './evidence.ts'
import type { Coverage } from './failpoints.ts'
import { flowsOf } from './flows.ts'
import { createNetwork } from './network.ts'
import { type Observation, observe } from './observe.ts'
import { connected } from './operations.ts'
import { createOperator } from './operator.ts'
import { drawRarity } from './rarity.ts'
import { createSender } from './sender.ts'
import { createSystems, type Systems } from './systems.ts'
import { drawWorkload } from './workload.ts'
import { createWorld, type Violation, type World } from './world.ts'

/** What may be said of a run beside its seed. */
export interface SimulationOptions {
  /** How many engines share the journal. @default 1 */
  readonly engines?: number
  /** A protection of the engine that is switched off: the checker must object. */
  readonly without?: Control
}

/** What a run was like. */
export interface Figures {
  readonly messages: number
  readonly effects: number
  readonly calls: number
  readonly repeats: number
  readonly faults: number
  readonly lives: number
  readonly kills: number
  readonly stops: number
  readonly freezes: number
  readonly joins: number
  /** Messages that an engine of the other version ran, or one that has their flow. */
  readonly lent: number
  /** Runs in which some flows were on some of the engines only. */
  readonly partial: number
  readonly commits: number
  readonly resolved: number
  /** How much time passed in it, in seconds. */
  readonly seconds: number
}

/** What came of a run. */
export interface Outcome {
  readonly seed: number
  readonly engines: number
  readonly violations: readonly Violation[]
  /** Two runs with the same digest did the same. */
  readonly digest: string
  readonly story: readonly string[]
  readonly coverage: Coverage
  readonly figures: Figures
}

/** How long nothing more is sent, at most, after which messages may still be under way. */
const LOAD_MS = 120_000
/** By how much the clock of an engine is trusted. */
const TRUSTED_MS = 1_000
/** Past so much time what has not ended never will; clocks that were set back prolong it. */
const PATIENCE_MS = 4 * 3_600_000

/** Places have them in turn; an engine that is alone has the first one. */
const VERSIONS: readonly FlowOptions['version'][] = ['this', 'next']
const DEPLOYED: readonly FlowOptions['deployed'][] = ['first', 'second']

/** Runs a seed and judges what came of it. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const { engines: count = 1 } = options
  const world = createWorld(seed, count)
  const { clock, story } = world
  const began = clock.now()
  const work = drawWorkload(world.draws('workload'))
  const disk = createDisk(world, count)
  const systems = createSystems(world)
  const network = createNetwork(world, systems)
  const calm = (): boolean => clock.now() - began > LOAD_MS && network.readTo === work.fed.length
  const systemsOf = connected(withoutNetwork(options.without, network), (name) => engines.named(name))
  const rarity = drawRarity(world.draws('rarity'), work.flows, count)
  const common = new Set([...work.flows].filter((name) => !rarity.flows.has(name)))
  const deployment = (
    names: ReadonlySet<FlowName>,
    version: FlowOptions['version'],
    deployed: FlowOptions['deployed'],
  ): readonly Flow[] =>
    flowsOf(
      names,
      withoutFlows(options.without, {
        deployed,
        version,
        connected: systemsOf,
        keyOf: ({ key }) => key,
        missed: work.missed,
        bounds: work.bounds,
      }),
    )
  const deployments = [work.flows, common].map((names) =>
    VERSIONS.map((version) => DEPLOYED.map((deployed) => made(() => deployment(names, version, deployed)))),
  )
  const engines = createEngines({
    world,
    deploymentsOf: (place) => {
      const versions = deployments[rarity.lacks(place) ? 1 : 0] ?? []
      return versions[place % versions.length] ?? []
    },
    engines: count,
    hooks: hooksOf(world),
    crash: disk.crash,
    pause: disk.pause,
    frozen: (life) => sender.givesUp(life),
    wake: disk.wake,
    journalFor: (life) => withoutJournal(options.without, disk.journalFor(life), clock),
  })
  const sender = createSender(world, () => engines, work.deliveries)
  const operator = createOperator({ world, engines, systems, network, sender, calm, rare: [...rarity.flows] })
  engines.onEnd(sender.lost)
  for (const { n, rejected } of work.deliveries) if (rejected) systems.rejects.add(n)
  for (const { at, item } of work.fed) clock.timer(at, () => systems.feed.push(item))

  engines.begin()
  sender.begin()
  operator.begin()
  const limit = (): number => began + PATIENCE_MS + world.setBack
  const isOver = await world.ending(async () => {
    await runUntil(world, limit, () => operator.content)
    return true
  }, false)
  // What comes now is no part of the run.
  const seconds = Math.round((clock.now() - began) / 1_000)
  const { lives, kills, stops, freezes, joins, lent } = engines.figures
  const { interrupted } = engines
  world.plan.end()
  const judge = async (): Promise<void> => {
    if (!operator.content) return reportStuck(world, engines)
    const observed = await observeAll(world, engines, systems, (life) => observe(life, sender.all))
    check(
      {
        sent: sender.all,
        fed: systems.feed,
        aside: operator.aside,
        disturbed: network.disturbed,
        interrupted,
        // Engines that share a journal go by its clock, and by their machine's while that is within a second of it.
        skew: count === 1 ? world.skew : 2 * TRUSTED_MS,
        ...observed,
      },
      world.violate,
    )
  }
  if (isOver) await world.ending(judge, undefined)
  engines.bury()
  story.end()
  return {
    seed,
    engines: count,
    violations: world.violations,
    get digest() {
      return story.digest()
    },
    get story() {
      return story.lines
    },
    coverage: world.plan.coverage,
    figures: {
      messages: work.deliveries.length + work.fed.length,
      effects: systems.effects.length,
      calls: network.calls,
      repeats: systems.repeats,
      faults: world.plan.struck,
      lives,
      kills,
      stops,
      freezes,
      joins,
      lent,
      partial: rarity.flows.size > 0 ? 1 : 0,
      commits: disk.commits,
      resolved: operator.resolved,
      seconds,
    },
  }
}

/** Makes something when it is asked for, and once. */
function made<T extends object>(make: () => T): () => T {
  let present: T | undefined
  return () => {
    present ??= make()
    return present
  }
}

function hooksOf({ story }: World) {
  const tell = (what: string) => (event: { readonly id: string; readonly path: string }) =>
    story.tell(`${event.id} ${what} at "${event.path}"`)
  return { onDead: tell('is a dead letter'), onInDoubt: tell('is in doubt'), onParked: tell('is parked') }
}

/**
 * Engines look for what others changed, and renew their leases, for as long as they live. So the steps are counted for each
 * stretch of this length: too many in one of them are work without an end, and not time that passes.
 */
const STRETCH_MS = 600_000

/** Lets time pass until something is so, or until there is no point in waiting. */
async function runUntil({ clock }: World, limit: () => number, over: () => boolean): Promise<void> {
  // Clocks that are set back meanwhile move the limit.
  for (let until = clock.now(); until < limit() && !over(); ) {
    until = Math.min(limit(), until + STRETCH_MS)
    await clock.drive(until, over)
  }
}

/** What the last engine says, and what one says that is started after it has stopped. */
async function observeAll(
  { clock, story }: World,
  engines: Engines,
  systems: Systems,
  look: (life: Life) => Promise<Observation>,
): Promise<Pick<Evidence, 'observed' | 'again' | 'effects'>> {
  const lookNow = (): Promise<Observation> => clock.during(look(engines.running() as Life))
  story.tell('all is over: the engine is observed')
  await clock.run(() => engines.running() !== null)
  const observed = await lookNow()
  // A schedule runs on while several engines stop.
  const effects = [...systems.effects]
  await clock.during(engines.end())
  engines.begin()
  await clock.run(() => engines.running() !== null)
  const again = await lookNow()
  await clock.during(engines.end())
  return { observed, again, effects }
}

async function reportStuck(world: World, engines: Engines): Promise<void> {
  const life = engines.running()
  if (life === null) return world.violate('stuck', 'no engine runs')
  const { items } = await world.clock.during(
    life.engine.admin.messages({ states: ['active', 'waiting'], children: true, limit: 20 }),
  )
  const { members, partitions } = await world.clock.during(life.engine.admin.cluster())
  for (const { member, name, state } of members) world.story.tell(`member ${member} (${name}) is ${state}`)
  for (const { partition, owner, waiting } of partitions)
    world.story.tell(`partition ${partition} is owned by ${owner}, and ${waiting} wait in it`)
  const left = items.map(({ flow, id, state, reason }) => `${flow} ${id} is ${state} (${reason})`)
  world.violate('stuck', left.length === 0 ? 'the run did not come to its end' : left.join('; '))
  life.kill('it is stuck')
}
