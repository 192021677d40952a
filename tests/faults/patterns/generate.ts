import { type Draws, drawsOf } from '../simulation/draws.ts'
import type { Kind } from './kind.ts'
import { KINDS } from './kinds/index.ts'
import type {
  ChannelRecipe,
  CompletionRecipe,
  Delivery,
  FlowRecipe,
  Maker,
  Order,
  Recipe,
  ScopeChange,
  Sequence,
  Step,
} from './recipe.ts'

/** How deep scopes may lie in each other. */
const DEEPEST = 4
/** How often one message may meet a step. */
const MOST_TIMES = 9
const BOUNDS: readonly FlowRecipe['bounds'][] = [
  { concurrency: 128, window: 10_000 },
  { concurrency: 128, window: 10_000 },
  { concurrency: 1, window: 10_000 },
  { concurrency: 2, window: 3 },
]

/** Kinds as often as they are drawn: effects show what the others did. */
const DRAWN: readonly Kind[] = [...KINDS.values()].flatMap((kind) =>
  kind.kind === 'to' ? [kind, kind, kind] : [kind],
)

/** What all of a run shares while it is drawn. */
interface Project {
  readonly draws: Draws
  readonly flows: FlowRecipe[]
  readonly channels: ChannelRecipe[]
  readonly raises: { step: string; afterMs: number }[]
  names: number
}

/** What all of a flow shares. */
interface Budget {
  left: number
}

/** Draws the project of a run, and what is sent to it. */
export function generate(seed: number | string): Recipe {
  const draws = drawsOf(`${seed}/recipe`)
  const project: Project = { draws, flows: [], channels: [], raises: [], names: 0 }
  drawFlow(project, { name: 'first', channel: null, order: 'accepted', steps: draws.whole(4, 14) })
  drawCompletions({ ...project, draws: drawsOf(`${seed}/completions`) })
  const { flows, channels, raises } = project
  return {
    channels,
    raises,
    flows: flows.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    deliveries: drawDeliveries(draws),
  }
}

function drawFlow(
  project: Project,
  { name, channel, order, steps }: { name: string; channel: string | null; order: Order; steps: number },
): void {
  const { draws } = project
  const way: { order: Order } = { order }
  const maker = makerOf(
    project,
    { left: steps },
    {
      way,
      frees: draws.chance(0.6),
      depth: 0,
      turns: channel === null ? 0 : 1,
      times: 1,
      inTurns: false,
      inChild: false,
      inBranch: false,
      isFirst: channel === null,
      isLast: false,
    },
  )
  const before = drawSteps(maker, Math.max(1, steps - 2))
  const last = drawStep({ ...maker, isLast: true }, draws.chance(0.6) ? LAST : DRAWN)
  const fallback = draws.chance(0.3) ? maker.scope({ inBranch: true }) : null
  const bounds = draws.pick(BOUNDS)
  project.flows.push({ name, channel, steps: [...before, last], fallback, completion: null, bounds })
}

/** Draws what flows do at the end of their messages: the last of all, so that the rest is what it is without. */
function drawCompletions(project: Project): void {
  const { draws } = project
  const drawn = project.flows.map((flow, at): [number, CompletionRecipe] | null =>
    draws.chance(0.3) ? [at, drawCompletion(project, flow)] : null,
  )
  for (const each of drawn) {
    if (each === null) continue
    const [at, completion] = each
    project.flows[at] = { ...(project.flows[at] as FlowRecipe), completion }
  }
}

function drawCompletion(project: Project, { channel }: FlowRecipe): CompletionRecipe {
  const { draws } = project
  const budget: Budget = { left: 2 }
  const place: Place = {
    way: { order: 'none' },
    frees: false,
    depth: 1,
    turns: channel === null ? 0 : 1,
    times: 1,
    inTurns: false,
    inChild: true,
    inBranch: false,
    isFirst: false,
    isLast: false,
  }
  const maker = makerOf(project, budget, place)
  const name = maker.name()
  const steps = drawSteps(maker, draws.whole(1, 2), budget)
  return { name, on: draws.pick(['any', 'success', 'failure']), steps: [...steps, drawStep(maker, TO)] }
}

/** What may come at the end of a flow, as nothing comes after it. */
const LAST: readonly Kind[] = DRAWN.filter(({ kind }) => ['to', 'publish', 'aggregate'].includes(kind))

type Place = Omit<Maker, 'draws' | 'name' | 'mayMultiply' | 'scope' | 'channel' | 'raise'> & {
  readonly times: number
}

function makerOf(project: Project, budget: Budget, place: Place): Maker {
  const { draws } = project
  const name = (): string => {
    project.names += 1
    return `s${project.names}`
  }
  return {
    ...place,
    draws,
    name,
    mayMultiply: (by) => place.times * by <= MOST_TIMES && place.depth < DEEPEST,
    scope: (change = {}) => drawScope(project, budget, place, change),
    channel(order) {
      project.names += 1
      const channel: ChannelRecipe = { name: `c${project.names}`, kind: draws.pick(['queue', 'topic']) }
      project.channels.push(channel)
      const readers = channel.kind === 'topic' ? draws.whole(1, 2) : 1
      for (let reader = 1; reader <= readers; reader += 1)
        drawFlow(project, {
          name: `reads ${channel.name} ${reader}`,
          channel: channel.name,
          order,
          steps: draws.whole(2, 5),
        })
      return channel.name
    },
    raise: (step, afterMs) => void project.raises.push({ step, afterMs }),
  }
}

function drawScope(project: Project, budget: Budget, place: Place, change: ScopeChange): Sequence {
  const { times = 1, ...rest } = change
  const child = rest.inChild === true ? { way: { order: 'none' as const } } : {}
  const maker = makerOf(project, budget, {
    ...place,
    inBranch: false,
    ...rest,
    ...child,
    depth: place.depth + 1,
    times: place.times * times,
    isLast: false,
  })
  const most = place.depth + 1 >= DEEPEST || budget.left <= 0 ? 1 : 3
  const steps = drawSteps({ ...maker, isLast: false }, project.draws.whole(1, most), budget)
  const ends = maker.inBranch && project.draws.chance(0.1) ? STOP : DRAWN
  const last = project.draws.chance(0.7) ? drawStep({ ...maker, isLast: true }, ends, budget) : null
  return last === null ? steps : [...steps, last]
}

function drawSteps(maker: Maker, count: number, budget?: Budget): Sequence {
  return Array.from({ length: count }, () => drawStep(maker, DRAWN, budget))
}

/** Draws until there is one that may stand here; there is always one. Where nothing is left, it holds no others. */
function drawStep(maker: Maker, from: readonly Kind[], budget: Budget = { left: 1 }): Step {
  budget.left -= 1
  const small = maker.depth >= DEEPEST || budget.left < -4
  for (;;) {
    const kind = maker.draws.pick(small && from !== STOP ? SMALL : from)
    const step = kind.draw(maker, maker.name())
    if (step !== null) return step
  }
}

const TO: readonly Kind[] = DRAWN.filter(({ kind }) => kind === 'to')

const STOP: readonly Kind[] = DRAWN.filter(({ kind }) => kind === 'stop')

/** Kinds that hold no others, and can stand anywhere. */
const SMALL: readonly Kind[] = DRAWN.filter(({ kind }) =>
  ['map', 'filter', 'sort', 'log', 'state', 'dedupe', 'delay', 'raise', 'aggregate'].includes(kind),
)

function drawDeliveries(draws: Draws): readonly Delivery[] {
  const keys = ['a', 'b', 'c'].slice(0, draws.whole(1, 3))
  const epochs = draws.whole(1, 3)
  const count = draws.whole(6, 16)
  const all = Array.from({ length: count }, (_, at) => ({
    n: at + 1,
    key: draws.pick(keys),
    v: draws.whole(0, 996),
    epoch: Math.floor((at * epochs) / count),
  }))
  return keys
    .flatMap((key) =>
      placed(
        draws,
        all.filter((each) => each.key === key),
      ),
    )
    .toSorted((a, b) => a.thing.n - b.thing.n)
}

/** Gives messages of a key their places in a sequence: near their turn, now and then far from it or with a gap. */
function placed(
  draws: Draws,
  all: readonly { n: number; key: string; v: number; epoch: number }[],
): readonly Delivery[] {
  const wishes = all.map((_, at) => at + draws.pick([0, 0, 0, 1.5, -1.5, 2.5, 6.5]))
  const gapAt = draws.chance(0.3) ? draws.whole(1, all.length) : Number.POSITIVE_INFINITY
  return all.map(({ epoch, ...thing }, at) => {
    const before = wishes.filter((wish, other) => {
      const mine = wishes[at] as number
      return wish < mine || (wish === mine && other < at)
    }).length
    const place = before + 1 + (before + 1 >= gapAt ? 1 : 0)
    return { epoch, thing: { ...thing, place, at: [] } }
  })
}

/** How many steps of each kind a recipe has. */
export function stepsOf(recipe: Recipe): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  const count = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(count)
    else if (typeof value === 'object' && value !== null) {
      const { kind, name } = value as Partial<Step>
      if (kind !== undefined && name !== undefined) counts[kind] = (counts[kind] ?? 0) + 1
      Object.values(value).forEach(count)
    }
  }
  count(
    recipe.flows.map(({ steps, fallback, completion }) => [
      steps,
      fallback ?? [],
      completion === null ? [] : { kind: 'onCompletion', ...completion },
    ]),
  )
  return counts
}
