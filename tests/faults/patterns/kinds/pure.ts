/** Steps that are recomputed. */
import { asChain, type Kind, kindOf } from '../kind.ts'
import { mixed, type Sequence, type Step, type Thing } from '../recipe.ts'

interface MapStep extends Step {
  readonly kind: 'map'
  readonly by: number
}

const map: Kind<MapStep> = {
  kind: 'map',
  draw: ({ draws }, name) => ({ kind: 'map', name, by: draws.whole(0, 99) }),
  build: (steps, { name, by }) => steps.map(name, (body) => ({ ...body, v: mixed(body.v, by) })),
  run({ by }, walk) {
    walk.thing = { ...walk.thing, v: mixed(walk.thing.v, by) }
    return 'on'
  },
}

interface Sieve extends Step {
  readonly mod: number
  readonly rest: number
}

interface FilterStep extends Sieve {
  readonly kind: 'filter'
}

const filter: Kind<FilterStep> = {
  kind: 'filter',
  draw: ({ draws }, name) => ({ kind: 'filter', name, mod: draws.whole(4, 7), rest: draws.whole(0, 3) }),
  build: (steps, { name, mod, rest }) => asChain(steps.filter(name, ({ v }) => v % mod !== rest)),
  run({ mod, rest }, { thing }) {
    return thing.v % mod === rest ? { end: 'filtered' } : 'on'
  },
}

export interface ValidateStep extends Sieve {
  readonly kind: 'validate'
}

const validate: Kind<ValidateStep> = {
  kind: 'validate',
  draw: ({ draws }, name) => ({ kind: 'validate', name, mod: draws.whole(5, 9), rest: draws.whole(0, 4) }),
  build: (steps, { name, mod, rest }) =>
    asChain(
      steps.validate(name, {
        '~standard': {
          version: 1,
          vendor: 'torture',
          validate: (given) => {
            const body = given as Thing
            if (body.v % mod === rest) return { issues: [{ message: `${body.v} is not wanted` }] }
            return { value: { ...body, v: mixed(body.v, mod) } }
          },
        },
      }),
    ),
  run({ mod, rest }, walk) {
    const { thing } = walk
    if (thing.v % mod === rest) return { fail: 'BODY_INVALID' }
    walk.thing = { ...thing, v: mixed(thing.v, mod) }
    return 'on'
  },
}

interface SortStep extends Step {
  readonly kind: 'sort'
  readonly rising: boolean
}

const partsOf = (v: number): readonly number[] => [11, 7, 5, 3].map((mod) => v % mod)

const sort: Kind<SortStep> = {
  kind: 'sort',
  draw: ({ draws }, name) => ({ kind: 'sort', name, rising: draws.chance(0.5) }),
  build: (steps, { name, rising }) =>
    asChain(
      steps
        .map((body) => partsOf(body.v).map((part) => ({ body, part })))
        .sort(name, (a, b) => (rising ? a.part - b.part : b.part - a.part))
        .map((list) => {
          const body = (list[0] as (typeof list)[number]).body
          return { ...body, v: list.reduce((v, { part }) => mixed(v, part), 0) }
        }),
    ),
  run({ rising }, walk) {
    const ordered: number[] = []
    for (const part of partsOf(walk.thing.v)) {
      const at = ordered.findIndex((other) => (rising ? other > part : other < part))
      ordered.splice(at === -1 ? ordered.length : at, 0, part)
    }
    walk.thing = { ...walk.thing, v: ordered.reduce(mixed, 0) }
    return 'on'
  },
}

interface ClaimStep extends Step {
  readonly kind: 'claimCheck'
  readonly how: 'stack' | 'keep' | 'remove'
  readonly inner: Sequence
}

const claimCheck: Kind<ClaimStep> = {
  kind: 'claimCheck',
  draw: (maker, name) => ({
    kind: 'claimCheck',
    name,
    how: maker.draws.pick(['stack', 'keep', 'remove']),
    inner: maker.scope(),
  }),
  build(steps, { name, how, inner }, builder) {
    const back = `${name} back`
    const merge = (body: Thing, claimed: Thing): Thing => ({ ...body, v: mixed(body.v, claimed.v) })
    if (how === 'stack') {
      const pushed = builder.sequence(asChain(steps.claimPush(name)), inner)
      return asChain((pushed as unknown as Pushed).claimPop(back, { merge }))
    }
    const set = builder.sequence(asChain(steps.claimSet(name, name)), inner) as unknown as Pushed
    return asChain(
      how === 'keep' ? set.claimGet(back, name, { merge }) : set.claimGetAndRemove(back, name, { merge }),
    )
  },
  *run({ inner }, walk) {
    const { v } = walk.thing
    const outcome = yield* walk.run(inner)
    if (outcome === 'on') walk.thing = { ...walk.thing, v: mixed(walk.thing.v, v) }
    return outcome
  },
}

/** Where the types no longer know what was put aside. */
interface Pushed {
  claimPop(name: string, options: object): unknown
  claimGet(name: string, key: string, options: object): unknown
  claimGetAndRemove(name: string, key: string, options: object): unknown
}

interface LogStep extends Step {
  readonly kind: 'log'
}

const log: Kind<LogStep> = {
  kind: 'log',
  draw: (_maker, name) => ({ kind: 'log', name }),
  build: (steps, { name }, { flow }) =>
    steps.log(name, ({ n, at }) => ({ flow, step: name, who: [n, ...at].join('/') })),
  run({ name }, walk) {
    walk.logged(name)
    return 'on'
  },
}

interface StopStep extends Step {
  readonly kind: 'stop'
}

const stop: Kind<StopStep> = {
  kind: 'stop',
  draw: ({ inBranch, isLast }, name) => (inBranch && isLast ? { kind: 'stop', name } : null),
  build: (steps, { name }) => asChain(steps.stop(name)),
  run() {
    return { end: 'done' }
  },
}

export const pure: readonly Kind[] = [
  kindOf(map),
  kindOf(filter),
  kindOf(validate),
  kindOf(sort),
  kindOf(claimCheck),
  kindOf(log),
  kindOf(stop),
]
