/** One run: random flows in the simulated world, engines killed at random, and what came of it held against the reference. */
import type { Logger } from 'linkspan/connect'
import { createDisk } from '../simulation/disk.ts'
import { createEngines, type Engines, type Life } from '../simulation/engines.ts'
import type { Coverage } from '../simulation/failpoints.ts'
import { createNetwork } from '../simulation/network.ts'
import { observe } from '../simulation/observe.ts'
import { connected } from '../simulation/operations.ts'
import { createSystems } from '../simulation/systems.ts'
import { createWorld, type Violation, type World } from '../simulation/world.ts'
import { build } from './build.ts'
import { check, type Found } from './check.ts'
import { type Control, planted, withoutNetwork, withoutRecords } from './controls.ts'
import { generate, stepsOf } from './generate.ts'
import { drawKills } from './kills.ts'
import type { Recipe } from './recipe.ts'
import { interpret, type Reference } from './reference.ts'
import { createSender, type Sender } from './sender.ts'
import { tellRecipe } from './tell.ts'

/** What may be said of a run beside its seed. */
export interface RunOptions {
  /** A fault that is planted in the engine or in a pattern. */
  readonly control?: Control
}

/** How often something of a kind of steps was there. */
export type PerKind = Readonly<Record<string, number>>

/** What a run was like. */
export interface Figures {
  readonly messages: number
  readonly children: number
  readonly effects: number
  readonly calls: number
  readonly kills: number
  readonly stops: number
  readonly faults: number
  readonly commits: number
}

/** What came of a run. */
export interface Outcome {
  readonly seed: number
  readonly violations: readonly Violation[]
  readonly story: readonly string[]
  readonly digest: string
  readonly figures: Figures
  /** How many steps were drawn of each kind, and how often messages met them. */
  readonly drawn: PerKind
  readonly visits: PerKind
  /** What struck where. */
  readonly coverage: Coverage
}

const DAY_MS = 86_400_000
/** Past so much time what has not ended never will. */
const PATIENCE_MS = 30 * DAY_MS
/** Longer than any state is asked to remember less than for good. */
const BETWEEN_EPOCHS_MS = 1.2 * DAY_MS
const FIRST_LOOK_MS = 5_000
const LONGEST_LOOK_MS = 6 * 3_600_000

/** Runs a seed and judges what came of it. */
export async function run(seed: number, { control }: RunOptions = {}): Promise<Outcome> {
  const recipe = generate(seed)
  const reference = interpret(recipe)
  const world = createWorld(seed, 1, drawKills)
  for (const line of tellRecipe(recipe)) world.story.tell(line)
  const lift = planted(control)
  try {
    const { found, figures } = await live(world, recipe, reference, control)
    if (found !== null) check(reference, recipe, found, world.violate)
    return {
      seed,
      violations: world.violations,
      story: world.story.lines,
      digest: world.story.digest(),
      figures,
      drawn: stepsOf(recipe),
      visits: reference.visits,
      coverage: world.plan.coverage,
    }
  } finally {
    lift()
  }
}

/** Lets engines live until everything has ended; answers what they left, or null where something never ended. */
async function live(
  world: World,
  recipe: Recipe,
  reference: Reference,
  control: Control | undefined,
): Promise<{ readonly found: Found | null; readonly figures: Figures }> {
  const { clock } = world
  const disk = createDisk(world, 1)
  const systems = createSystems(world)
  const network = createNetwork(world, systems)
  const { operations } = connected(withoutNetwork(control, network), (name) => engines.named(name))
  const flows = build(recipe, operations)
  const lines: Found['lines'][number][] = []
  const engines: Engines = createEngines({
    world,
    engines: 1,
    deploymentsOf: () => [() => flows],
    hooks: {},
    logger: loggerOf(lines),
    crash: disk.crash,
    pause: disk.pause,
    wake: disk.wake,
    frozen: () => undefined,
    journalFor: (life) => withoutRecords(control, disk.journalFor(life)),
  })
  const sender = createSender(world, () => engines, recipe)
  engines.onEnd(sender.lost)
  engines.begin()
  const ended = await world.ending(() => allEpochs(world, engines, sender, reference), false)
  const { kills, stops } = engines.figures
  const interrupted = engines.interrupted
  world.plan.end()
  const seen = ended ? await observedOrNot(world, engines, sender) : null
  const found = seen && { ...seen, systems, network, lines, interrupted, ids: sender.ids }
  engines.bury()
  const messages = found?.observed.messages ?? []
  const children = messages.filter(({ id }) => id.includes('~')).length
  await world.ending(() => clock.settle(), undefined)
  return {
    found,
    figures: {
      messages: messages.length - children,
      children,
      effects: systems.effects.length,
      calls: network.calls,
      kills,
      stops,
      faults: world.plan.struck,
      commits: disk.commits,
    },
  }
}

/** The lines of the flows' own `log` steps. */
function loggerOf(lines: Found['lines'][number][]): Logger {
  return {
    log(_level, _event, fields = {}) {
      const { flow, step, who } = (fields['data'] ?? {}) as Partial<Found['lines'][number]>
      if (flow !== undefined && step !== undefined && who !== undefined) lines.push({ flow, step, who })
    },
  }
}

async function allEpochs(
  world: World,
  engines: Engines,
  sender: Sender,
  { waiting }: Reference,
): Promise<boolean> {
  const { clock, story } = world
  for (const [epoch, left] of waiting.entries()) {
    story.tell(`epoch ${epoch} begins`)
    sender.begin(epoch)
    if (!(await untilEnded(world, engines, sender, left))) return false
    await clock.drive(clock.now() + BETWEEN_EPOCHS_MS, () => false)
  }
  return true
}

/** Until all is acknowledged, and so many messages are left that wait for what may never come. */
async function untilEnded(world: World, engines: Engines, sender: Sender, left: number): Promise<boolean> {
  const { clock } = world
  const until = clock.now() + PATIENCE_MS
  let over = false
  let lookMs = FIRST_LOOK_MS

  const look = async (life: Life): Promise<void> => {
    const { messages, children } = await life.engine.admin.status()
    const running = messages.active + children.active
    if (running === 0 && messages.waiting + children.waiting === left && sender.idle) over = true
  }
  const next = (): void => {
    const life = engines.running()
    lookMs = Math.min(lookMs * 2, LONGEST_LOOK_MS)
    if (life !== null && sender.idle) look(life).catch(() => undefined)
    if (!over) clock.timer(lookMs, next)
  }
  clock.timer(lookMs, next)
  await clock.drive(until, () => over)
  if (over) return true
  over = true
  await reportStuck(world, engines)
  return false
}

async function reportStuck(world: World, engines: Engines): Promise<void> {
  world.plan.end()
  const life = engines.running()
  if (life === null) return world.violate('stuck', 'no engine runs')
  const { items } = await world.clock.during(
    life.engine.admin.messages({ states: ['active', 'waiting'], children: true, limit: 20 }),
  )
  const left = items.map(({ flow, id, state, reason }) => `${flow} ${id} is ${state} (${reason})`)
  world.violate('stuck', left.length === 0 ? 'something was never acknowledged' : left.join('; '))
}

/** An engine that cannot say what it has is a finding. */
async function observedOrNot(
  world: World,
  engines: Engines,
  sender: Sender,
): Promise<Awaited<ReturnType<typeof observed>> | null> {
  try {
    return await observed(world, engines, sender)
  } catch (thrown) {
    world.violate('failed', `the engine could not be observed: ${String(thrown)}`)
    return null
  }
}

/** What the last engine says, and what one says that is started after it has stopped. */
async function observed(
  { clock, story }: World,
  engines: Engines,
  sender: Sender,
): Promise<Pick<Found, 'observed' | 'again' | 'replies'>> {
  story.tell('all is over: the engine is observed')
  const running = async (): Promise<Life> => {
    await clock.run(() => engines.running() !== null)
    return engines.running() as Life
  }
  const life = await running()
  const first = await clock.during(observe(life, []))
  const replies = new Map<string, unknown>()
  for (const id of sender.ids.values())
    replies.set(id, (await clock.during(life.engine.admin.reply(id)))?.reply)
  await clock.during(engines.end())
  engines.begin()
  const again = await clock.during(observe(await running(), []))
  await clock.during(engines.end())
  return { observed: first, again, replies }
}
