/** Steps that look after what fails in them. */
import { asChain, type Chain, type Kind, kindOf } from '../kind.ts'
import { holds, type Sequence, type Step, type Thing } from '../recipe.ts'
import type { Course, Undo, Walk } from '../walk.ts'
import type { ValidateStep } from './pure.ts'

interface TryStep extends Step {
  readonly kind: 'try'
  readonly inner: Sequence
  readonly catches: readonly { readonly codes: readonly string[] | 'any'; readonly inner: Sequence }[]
  readonly last: Sequence | null
}

interface LooseTry {
  do(scope: (inner: Chain) => Chain): LooseTry
  catch(label: string, codes: unknown, scope: (failed: Chain) => Chain): LooseTry
  finally(scope: (after: Chain) => Chain): LooseTry
}

const CAUGHT: readonly (readonly string[] | 'any')[] = [
  'any',
  ['BODY_INVALID'],
  ['CALL_REJECTED', 'WAIT_TIMED_OUT'],
]

const tryStep: Kind<TryStep> = {
  kind: 'try',
  draw(maker, name) {
    const { draws } = maker
    const inner = maker.scope()
    const catches = Array.from({ length: draws.whole(0, 2) }, () => ({
      codes: draws.pick(CAUGHT),
      inner: maker.scope({ inBranch: true }),
    }))
    const last = catches.length === 0 || draws.chance(0.4) ? maker.scope() : null
    return { kind: 'try', name, inner, catches, last }
  },
  build: (steps, { name, inner, catches, last }, builder) =>
    asChain(
      steps.try(name, (start) => {
        let list = (start as unknown as LooseTry).do((s) => builder.sequence(s, inner))
        catches.forEach(({ codes, inner: failed }, at) => {
          list = list.catch(`k${at}`, codes, (s) => builder.sequence(s, failed))
        })
        if (last) list = list.finally((s) => builder.sequence(s, last))
        return list as never
      }),
    ),
  *run({ inner, catches, last }, walk) {
    const before = walk.thing
    let outcome = yield* walk.run(inner)
    if (typeof outcome === 'object' && 'fail' in outcome) {
      const { fail } = outcome
      const caught = catches.find(({ codes }) => codes === 'any' || codes.includes(fail))
      if (caught) {
        walk.thing = before
        outcome = yield* walk.run(caught.inner)
      }
    }
    if (last === null) return outcome
    const { thing } = walk
    walk.thing = before
    const ended = yield* walk.run(last)
    if (ended !== 'on') return ended
    walk.thing = thing
    return outcome
  },
}

interface SagaStep extends Step {
  readonly kind: 'saga'
  readonly parts: readonly { readonly inner: Sequence; readonly undo: Sequence | null }[]
}

interface LooseSaga {
  step(label: string, scope: (inner: Chain) => Chain, options: object): LooseSaga
}

function* runParts(parts: SagaStep['parts'], done: Undo[], walk: Walk): Course {
  for (const { inner, undo } of parts) {
    const outcome = yield* walk.run(inner)
    if (outcome === 'on') {
      if (undo !== null) done.push({ steps: undo, thing: walk.thing })
      continue
    }
    if ('end' in outcome) return outcome
    for (const { steps, thing } of done.toReversed()) {
      walk.thing = thing
      const undone = yield* walk.run(steps)
      // One that ends early has nothing more to undo; one that fails is for a person.
      if (typeof undone === 'object' && 'fail' in undone) return undone
    }
    return outcome
  }
  return 'on'
}

/** Ends a saga: without it few would ever have to undo anything. */
function lastCheck(saga: string): ValidateStep {
  return { kind: 'validate', name: `${saga} check`, mod: 4, rest: 1 }
}

const saga: Kind<SagaStep> = {
  kind: 'saga',
  draw(maker, name) {
    const { draws } = maker
    const length = draws.whole(2, 3)
    const parts = Array.from({ length }, (_, at) => {
      const inner = maker.scope()
      const undo = draws.chance(0.8) ? maker.scope({ inBranch: true }) : null
      return { inner: at === length - 1 ? [...inner, lastCheck(name)] : inner, undo }
    })
    return { kind: 'saga', name, parts }
  },
  build: (steps, { name, parts }, builder) =>
    asChain(
      steps.saga(name, (start) => {
        let list = start as unknown as LooseSaga
        parts.forEach(({ inner, undo }, at) => {
          const options = undo === null ? {} : { compensate: (s: Chain) => builder.sequence(s, undo) }
          list = list.step(`p${at}`, (s) => builder.sequence(s, inner), options)
        })
        return list as never
      }),
    ),
  *run({ parts }, walk) {
    const around = walk.sagas
    const done: Undo[] = []
    walk.sagas = [...around, done]
    const outcome = yield* runParts(parts, done, walk)
    walk.sagas = around
    // A saga within another belongs to it.
    if (outcome === 'on') around.at(-1)?.push(...done)
    return outcome
  },
}

interface CircuitStep extends Step {
  readonly kind: 'circuitBreaker'
  readonly inner: Sequence
  /** What runs instead where the steps failed for good. */
  readonly fallback: Sequence | null
  readonly perKey: boolean
  readonly hold: boolean
  readonly calls: number
  readonly trials: number
}

const circuitBreaker: Kind<CircuitStep> = {
  kind: 'circuitBreaker',
  draw(maker, name) {
    const { draws } = maker
    const hold = holds(maker)
    const fallback = draws.chance(0.5) ? maker.scope({ inBranch: true }) : null
    const [calls, trials] = [draws.whole(2, 4), draws.whole(1, 2)]
    return {
      kind: 'circuitBreaker',
      name,
      hold,
      calls,
      trials,
      perKey: draws.chance(0.5),
      inner: maker.scope(),
      fallback,
    }
  },
  build: (steps, { name, inner, fallback, perKey, hold, calls, trials }, builder) =>
    asChain(
      steps.circuitBreaker(name, (s) => builder.sequence(asChain(s), inner), {
        ...(perKey ? { key: ({ key }: Thing) => key } : {}),
        ...(fallback === null ? {} : { fallback: (s) => builder.sequence(asChain(s), fallback) }),
        // Whether it is open is a matter of time, which nobody promises; who waits goes through in the end.
        whenOpen: 'wait',
        hold,
        window: { calls },
        minimum: 2,
        openFor: '5s',
        trials,
        trialFor: '1m',
      }),
    ),
  *run({ inner, fallback, hold }, walk) {
    if (!hold) walk.stream = null
    const before = walk.thing
    const outcome = yield* walk.run(inner)
    if (fallback === null || typeof outcome !== 'object' || !('fail' in outcome)) return outcome
    walk.thing = before
    return yield* walk.run(fallback)
  },
}

export const failing: readonly Kind[] = [kindOf(tryStep), kindOf(saga), kindOf(circuitBreaker)]
