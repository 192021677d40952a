/** Steps that hold others and run them within the same pass. */

import type { SystemName } from '../../simulation/failpoints.ts'
import { asChain, type Builder, type Chain, type Kind, kindOf, named } from '../kind.ts'
import { CALLED, mixed, type Sequence, type Step, type Thing } from '../recipe.ts'
import type { Course, Outcome, Walk } from '../walk.ts'

interface ChoiceStep extends Step {
  readonly kind: 'choice'
  readonly mod: number
  /** Taken by messages with this rest. */
  readonly branches: readonly Sequence[]
  readonly otherwise: Sequence | null
}

/** Typed by its methods, since each branch makes another type. */
interface LooseChoice {
  when(label: string, fits: (body: Thing) => boolean, scope: (branch: Chain) => Chain): LooseChoice
  otherwise(scope: (branch: Chain) => Chain): LooseChoice
}

const choice: Kind<ChoiceStep> = {
  kind: 'choice',
  draw(maker, name) {
    const branches = Array.from({ length: maker.draws.whole(1, 3) }, () => maker.scope({ inBranch: true }))
    return {
      kind: 'choice',
      name,
      mod: branches.length + 1,
      branches,
      otherwise: maker.draws.chance(0.5) ? maker.scope({ inBranch: true }) : null,
    }
  },
  build: (steps, { name, mod, branches, otherwise }, builder) =>
    asChain(
      steps.choice(name, (start) => {
        let list = start as unknown as LooseChoice
        branches.forEach((inner, rest) => {
          list = list.when(
            `b${rest}`,
            ({ v }) => v % mod === rest,
            (b) => builder.sequence(b, inner),
          )
        })
        if (otherwise) list = list.otherwise((b) => builder.sequence(b, otherwise))
        return list as never
      }),
    ),
  *run({ mod, branches, otherwise }, walk) {
    const inner = branches[walk.thing.v % mod] ?? otherwise
    return inner === null ? 'on' : yield* walk.run(inner)
  },
}

interface GroupStep extends Step {
  readonly kind: 'group'
  readonly as: boolean
  readonly inner: Sequence
}

const group: Kind<GroupStep> = {
  kind: 'group',
  draw: (maker, name) => ({ kind: 'group', name, as: maker.draws.chance(0.5), inner: maker.scope() }),
  build(steps, { name, as, inner }, builder) {
    const scope = (inside: Chain): Chain => builder.sequence(inside, inner)
    if (!as) return asChain(steps.group(name, (inside) => scope(asChain(inside))))
    return asChain(
      steps
        .group(name, (inside) => scope(asChain(inside)), { as: name })
        .map((body, ctx) => ({ ...body, v: mixed(body.v, named<Thing>(ctx, name).v) })),
    )
  },
  *run({ as, inner }, walk) {
    const before = walk.thing
    const outcome = yield* walk.run(inner)
    if (outcome === 'on' && as) walk.thing = { ...before, v: mixed(before.v, walk.thing.v) }
    return outcome
  },
}

interface LoopStep extends Step {
  readonly kind: 'loop'
  readonly until: 'times' | 'body' | 'while'
  readonly most: number
  readonly copy: boolean
  readonly turns: number
  readonly inner: Sequence
}

/** Says in a body which turn it is. */
const turned = (body: Thing, turns: number, turn: number): Thing => ({
  ...body,
  at: [...body.at.slice(0, turns), `t${turn}`],
})
const returned = (body: Thing, turns: number): Thing => ({ ...body, at: body.at.slice(0, turns) })

const loop: Kind<LoopStep> = {
  kind: 'loop',
  draw(maker, name) {
    if (!maker.mayMultiply(3)) return null
    const { draws, turns } = maker
    return {
      kind: 'loop',
      name,
      until: draws.pick(['times', 'body', 'while']),
      most: draws.whole(2, 3),
      copy: draws.chance(0.3),
      turns,
      inner: maker.scope({ turns: turns + 1, times: 3, inTurns: true }),
    }
  },
  build(steps, { name, until, most, copy, turns, inner }, builder) {
    const count = ({ v }: Thing): number => v % (most + 1)
    const ways = {
      times: most,
      body: count,
      while: { while: (body: Thing, ctx: { readonly turn: number }) => ctx.turn < count(body) },
    }
    return asChain(
      steps
        .loop(
          name,
          ways[until] as number,
          (each) => builder.sequence(asChain(each.map((body, { turn }) => turned(body, turns, turn))), inner),
          { copy },
        )
        .map((body) => returned(body, turns)),
    )
  },
  *run({ until, most, copy, turns, inner }, walk) {
    const first = walk.thing
    const goesOn = (turn: number): boolean => {
      if (until === 'times') return turn < most
      return turn < (until === 'body' ? first : walk.thing).v % (most + 1)
    }
    for (let turn = 0; goesOn(turn); turn += 1) {
      walk.thing = turned(copy ? first : walk.thing, turns, turn)
      const outcome = yield* walk.run(inner)
      if (outcome !== 'on') return outcome
    }
    walk.thing = returned(walk.thing, turns)
    return 'on'
  },
}

interface StationsStep extends Step {
  readonly kind: 'routingSlip' | 'dynamicRouter'
  readonly stations: readonly Sequence[]
  readonly turns: number
  /** Whether a name that no branch has is among those that are named. */
  readonly unknown: boolean
}

interface LooseStations {
  branch(label: string, scope: (branch: Chain) => Chain): LooseStations
}

/** The next turn, by the one that the body comes from. */
const nextTurn = (body: Thing, turns: number): Thing => {
  const before = body.at[turns]
  return turned(body, turns, before === undefined ? 0 : Number(before.slice(1)) + 1)
}

function addStations(start: unknown, { stations, turns }: StationsStep, builder: Builder): never {
  let list = start as LooseStations
  stations.forEach((inner, at) => {
    list = list.branch(`s${at}`, (b) =>
      builder.sequence(
        b.map((body) => nextTurn(body, turns)),
        inner,
      ),
    )
  })
  return list as never
}

/** Which stations a message comes through: up to three, some of them twice. */
function slipOf({ v }: Thing, { stations, unknown }: StationsStep): readonly string[] {
  const known = Array.from({ length: v % 4 }, (_, at) => `s${(v + at * 3) % stations.length}`)
  return unknown ? ['nowhere', ...known] : known
}

/** Which one is next, of what the body is now. */
function routeOf({ v }: Thing, turn: number, { stations, unknown }: StationsStep): string | null {
  if (turn === 0 && unknown) return 'nowhere'
  return turn < 3 && v % 5 !== 0 ? `s${v % stations.length}` : null
}

function drawStations<K extends StationsStep['kind']>(kind: K): Kind<StationsStep>['draw'] {
  return (maker, name) => {
    if (!maker.mayMultiply(3)) return null
    const { draws, turns } = maker
    const scope = (): Sequence => maker.scope({ turns: turns + 1, times: 3, inTurns: true })
    return {
      kind,
      name,
      turns,
      unknown: draws.chance(0.2),
      stations: Array.from({ length: draws.whole(1, 2) }, scope),
    }
  }
}

function* visitStation(label: string, { stations, turns }: StationsStep, walk: Walk): Course {
  walk.thing = nextTurn(walk.thing, turns)
  return yield* walk.run(stations[Number(label.slice(1))] as Sequence)
}

const routingSlip: Kind<StationsStep> = {
  kind: 'routingSlip',
  draw: drawStations('routingSlip'),
  build: (steps, step, builder) =>
    asChain(
      steps
        .routingSlip(
          step.name,
          (body) => slipOf(body, step),
          (s) => addStations(s, step, builder),
          {
            ignoreUnknown: true,
          },
        )
        .map((body) => returned(body, step.turns)),
    ),
  *run(step, walk) {
    for (const label of slipOf(walk.thing, step)) {
      if (label === 'nowhere') continue
      const outcome = yield* visitStation(label, step, walk)
      if (outcome !== 'on') return outcome
    }
    walk.thing = returned(walk.thing, step.turns)
    return 'on'
  },
}

const dynamicRouter: Kind<StationsStep> = {
  kind: 'dynamicRouter',
  draw: drawStations('dynamicRouter'),
  build: (steps, step, builder) =>
    asChain(
      steps
        .dynamicRouter(
          step.name,
          (body, { turn }) => routeOf(body, turn, step) as never,
          (s) => addStations(s, step, builder),
          { ignoreUnknown: true },
        )
        .map((body) => returned(body, step.turns)),
    ),
  *run(step, walk) {
    for (let turn = 0; ; turn += 1) {
      const label = routeOf(walk.thing, turn, step)
      if (label === null) break
      if (label === 'nowhere') continue
      const outcome = yield* visitStation(label, step, walk)
      if (outcome !== 'on') return outcome
    }
    walk.thing = returned(walk.thing, step.turns)
    return 'on'
  },
}

interface BalanceStep extends Step {
  readonly kind: 'loadBalance'
  readonly by: 'roundRobin' | 'random' | 'stickTo' | 'choose' | 'failover'
  readonly weights: readonly number[]
  /** What a chosen target does, where the choice can be computed here. */
  readonly targets: readonly Sequence[]
  readonly system: SystemName
}

interface LooseTargets {
  target(label: string, scope: (target: Chain) => Chain, options: { readonly weight?: number }): LooseTargets
}

/** Rules by which the reference knows the target: these do more than one call each. */
const COMPUTED: readonly BalanceStep['by'][] = ['choose', 'failover']
const FAILED_OVER = ['CALL_REJECTED', 'BODY_INVALID'] as const

function* failOver(targets: readonly Sequence[], walk: Walk): Course {
  const before = walk.thing
  let outcome: Outcome = 'on'
  for (const target of targets) {
    walk.thing = before
    outcome = yield* walk.run(target)
    const failed = typeof outcome === 'object' && 'fail' in outcome ? outcome.fail : null
    if (failed === null || !FAILED_OVER.some((code) => code === failed)) return outcome
  }
  return outcome
}

const loadBalance: Kind<BalanceStep> = {
  kind: 'loadBalance',
  draw(maker, name) {
    const { draws } = maker
    const by = draws.pick([
      'roundRobin',
      'roundRobin',
      'random',
      'stickTo',
      'choose',
      'failover',
      'failover',
    ] as const)
    const weights = Array.from({ length: draws.whole(2, 3) }, () => draws.whole(1, 3))
    const targets = COMPUTED.includes(by) ? weights.map(() => maker.scope({ inBranch: true })) : []
    return { kind: 'loadBalance', name, by, weights, targets, system: draws.pick(CALLED) }
  },
  build(steps, { name, by, weights, targets, system }, builder) {
    const alone = (target: Chain, at: number): Chain =>
      asChain(target.to(`${name} ${at}`, ...sending(builder, system, `${name} ${at}`)))
    const rules = {
      roundRobin: 'roundRobin',
      random: 'random',
      stickTo: { stickTo: ({ key }: Thing) => key },
      choose: { choose: ({ v }: Thing) => `g${v % weights.length}` },
      // What the network does is tried again by the flow's policy, and no reason to go to the next target.
      failover: { failover: { errors: [...FAILED_OVER] } },
    } as const
    return asChain(
      steps.loadBalance(
        name,
        (start) => {
          let list = start as unknown as LooseTargets
          weights.forEach((weight, at) => {
            const inner = targets[at]
            const scope = (t: Chain): Chain => (inner ? builder.sequence(t, inner) : alone(t, at))
            list = list.target(`g${at}`, scope, COMPUTED.includes(by) ? {} : { weight })
          })
          return list as never
        },
        { by: rules[by] as 'random' },
      ),
    )
  },
  *run({ name, by, weights, targets, system }, walk) {
    const { v, key } = walk.thing
    if (by === 'choose') return yield* walk.run(targets[v % weights.length] as Sequence)
    if (by === 'failover') return yield* failOver(targets, walk)
    const all = Object.fromEntries(weights.map((weight, at) => [`g${at}`, weight]))
    const one = { flow: walk.flow, step: name, rule: by, weights: all, key }
    weights.forEach((_, at) => {
      walk.choice(one, `g${at}`, `${name} ${at}`, system, v)
    })
    return 'on'
  },
}

/** The arguments of a `to` that cannot be rejected. */
function sending(builder: Builder, system: SystemName, step: string): [never, never] {
  const given = { input: builder.sunk(step), ...(system === 'none' ? { onUnknown: 'atLeastOnce' } : {}) }
  return [builder.operation(system, false) as never, given as never]
}

export const scopes: readonly Kind[] = [
  kindOf(choice),
  kindOf(group),
  kindOf(loop),
  kindOf(routingSlip),
  kindOf(dynamicRouter),
  kindOf(loadBalance),
]
