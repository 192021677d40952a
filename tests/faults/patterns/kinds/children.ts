/** Steps that make messages of their own: children, copies, and messages on channels. */
import { asChain, type Chain, type Kind, kindOf, named } from '../kind.ts'
import { type Maker, mixed, type Sequence, type Step, type Thing } from '../recipe.ts'
import type { Child, Course, Expected, Walk } from '../walk.ts'

type Join = 'none' | 'collect' | 'fold'

interface Family extends Step {
  readonly join: Join
  readonly stopOnError: boolean
  readonly concurrency: number | null
  readonly turns: number
}

const drawFamily = ({ draws, turns }: Maker): Omit<Family, 'kind' | 'name'> => ({
  join: draws.pick(['none', 'collect', 'fold']),
  stopOnError: draws.chance(0.3),
  concurrency: draws.pick([null, 1, 2]),
  turns,
})

const scopeOf = (maker: Maker): Sequence =>
  maker.scope({ turns: maker.turns + 1, times: 3, inTurns: true, inChild: true })

/** What the children ended with, as one number. */
const summed = (outputs: readonly Thing[]): number => outputs.reduce((sum, { v }) => mixed(sum, v), 0)

/** The options of a step with children, as they are given. */
function optionsOf({ name, join, stopOnError, concurrency }: Family): object {
  const common = { stopOnError, ...(concurrency === null ? {} : { concurrency }) }
  if (join === 'none') return common
  if (join === 'collect') return { ...common, join, as: name }
  return {
    ...common,
    join: { as: name, initial: () => 0, add: (sum: number, { v }: Thing) => mixed(sum, v) },
  }
}

/** Puts what was joined into the body. */
function joined(steps: unknown, { name, join }: Family): Chain {
  const chain = asChain(steps)
  if (join === 'none') return chain
  return chain.map((body, ctx) => {
    const given = named<number | readonly (Thing | { readonly body: Thing })[]>(ctx, name)
    const sum =
      typeof given === 'number' ? given : summed(given.map((each) => ('body' in each ? each.body : each)))
    return { ...body, v: mixed(body.v, sum) }
  })
}

/** Runs children one after the other: they share nothing, so that their order is of no account. */
function* family(
  step: Family,
  walk: Walk,
  children: readonly { readonly thing: Thing; readonly inner: Sequence }[],
): Course {
  const outputs: Thing[] = []
  const ends: Expected[] = []
  let failed = false
  for (const { thing, inner } of children) {
    const ended: Child = yield* walk.child(thing, inner, failed && step.stopOnError)
    if (ended.output) outputs.push(ended.output)
    failed ||= ended.dead
    ends.push(...ended.frontier)
  }
  if (children.length > 0) walk.frontier = [...walk.frontier, ...ends]
  if (failed && step.stopOnError) return { fail: 'SPLIT_ITEM_FAILED' }
  if (step.join !== 'none') walk.thing = { ...walk.thing, v: mixed(walk.thing.v, summed(outputs)) }
  return 'on'
}

interface SplitStep extends Family {
  readonly kind: 'split'
  readonly inner: Sequence
}

const itemsOf = (body: Thing, turns: number): readonly Thing[] =>
  Array.from({ length: body.v % 4 }, (_, item) => ({
    ...body,
    v: mixed(body.v, item),
    at: [...body.at.slice(0, turns), `i${item}`],
  }))

const split: Kind<SplitStep> = {
  kind: 'split',
  draw: (maker, name) =>
    maker.mayMultiply(3) ? { kind: 'split', name, ...drawFamily(maker), inner: scopeOf(maker) } : null,
  build: (steps, step, builder) =>
    joined(
      steps.split(
        step.name,
        (body) => itemsOf(body, step.turns),
        (each) => builder.sequence(asChain(each), step.inner),
        optionsOf(step) as { readonly join?: undefined },
      ),
      step,
    ),
  *run(step, walk) {
    const things = itemsOf(walk.thing, step.turns)
    return yield* family(
      step,
      walk,
      things.map((thing) => ({ thing, inner: step.inner })),
    )
  },
}

interface FanStep extends Family {
  readonly kind: 'multicast' | 'recipients'
  readonly branches: readonly Sequence[]
}

interface LooseBranches {
  branch(label: string, scope: (branch: Chain) => Chain): LooseBranches
}

/** A copy says by its place among its siblings which one it is. */
const copied = (body: Thing, turns: number, index: number): Thing => ({
  ...body,
  at: [...body.at.slice(0, turns), `c${index}`],
})

function fanOut<K extends FanStep['kind']>(
  kind: K,
  listOf: (body: Thing, step: FanStep) => readonly number[],
): Kind<FanStep> {
  return {
    kind,
    draw(maker, name) {
      if (!maker.mayMultiply(3)) return null
      const branches = Array.from({ length: maker.draws.whole(1, 3) }, () => scopeOf(maker))
      return { kind, name, ...drawFamily(maker), branches }
    },
    build(steps, step, builder) {
      const branches = (start: unknown): never => {
        let list = start as LooseBranches
        step.branches.forEach((inner, at) => {
          list = list.branch(`b${at}`, (b) =>
            builder.sequence(
              asChain(b.map((body, { index }) => copied(body, step.turns, index ?? -1))),
              inner,
            ),
          )
        })
        return list as never
      }
      const options = optionsOf(step) as { readonly join?: undefined }
      if (kind === 'multicast') return joined(steps.multicast(step.name, branches, options), step)
      const to = (body: Thing): readonly string[] => listOf(body, step).map((at) => `b${at}`)
      return joined(steps.recipients(step.name, to, branches, options), step)
    },
    *run(step, walk) {
      const { thing } = walk
      const children = listOf(thing, step).map((at, index) => ({
        thing: copied(thing, step.turns, index),
        inner: step.branches[at] as Sequence,
      }))
      return yield* family(step, walk, children)
    },
  }
}

const multicast = fanOut('multicast', (_body, { branches }) => branches.map((_, at) => at))

/** Up to three, some of them twice. */
const recipients = fanOut('recipients', ({ v }, { branches }) =>
  Array.from({ length: v % 4 }, (_, at) => (v + at) % branches.length),
)

interface TapStep extends Step {
  readonly kind: 'tap'
  readonly turns: number
  readonly inner: Sequence
}

const tap: Kind<TapStep> = {
  kind: 'tap',
  draw(maker, name) {
    const { turns } = maker
    return { kind: 'tap', name, turns, inner: maker.scope({ turns, inChild: true }) }
  },
  build: (steps, { name, inner }, builder) =>
    asChain(steps.tap(name, (copy) => builder.sequence(asChain(copy), inner))),
  run({ inner }, walk) {
    walk.detach(inner)
    return 'on'
  },
}

interface PublishStep extends Step {
  readonly kind: 'publish'
  readonly channel: string
  readonly inOrder: boolean
}

/** On a channel it begins anew: which part of its message it comes from is one place of its identity. */
const published = (body: Thing): Thing => ({ ...body, at: [`p${body.at.join('.')}`] })

const publish: Kind<PublishStep> = {
  kind: 'publish',
  draw(maker, name) {
    if (!maker.isFirst) return null
    // What fails after it may or may not have published, which those behind the channel must not depend on.
    const inOrder = maker.isLast && maker.depth === 0 && maker.way.order === 'accepted'
    return { kind: 'publish', name, inOrder, channel: maker.channel(inOrder ? 'accepted' : 'none') }
  },
  build: (steps, { name, channel }, builder) =>
    steps.publish(name, builder.channel(channel), { body: (body) => published(body) }),
  run({ channel, inOrder }, walk) {
    walk.publish(channel, published(walk.thing), inOrder)
    return 'on'
  },
}

export const children: readonly Kind[] = [
  kindOf(split),
  kindOf(multicast),
  kindOf(recipients),
  kindOf(tap),
  kindOf(publish),
]
