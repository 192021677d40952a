/** Steps that wait. Where order is promised they hold their key, unless the flow lets go of keys. */
import { asChain, type Kind, kindOf, named } from '../kind.ts'
import { holds, identityOf, mixed, type Step } from '../recipe.ts'

interface DelayStep extends Step {
  readonly kind: 'delay'
  readonly ms: number
  readonly hold: boolean
}

const delay: Kind<DelayStep> = {
  kind: 'delay',
  draw(maker, name) {
    const hold = holds(maker)
    return { kind: 'delay', name, hold, ms: maker.draws.whole(10, hold ? 20_000 : 1_200_000) }
  },
  build: (steps, { name, ms, hold }) => steps.delay(name, ms, { hold }),
  run({ hold }, walk) {
    if (!hold) walk.stream = null
    return 'on'
  },
}

interface ThrottleStep extends Step {
  readonly kind: 'throttle'
  readonly max: number
  readonly perKey: boolean
  readonly hold: boolean
  readonly reject: boolean
}

/** More than ever come: what is rejected depends on time, which nobody promises. */
const NEVER_TOO_MANY = 10_000

const throttle: Kind<ThrottleStep> = {
  kind: 'throttle',
  draw(maker, name) {
    const { draws } = maker
    const reject = draws.chance(0.2)
    const max = reject ? NEVER_TOO_MANY : draws.whole(1, 3)
    return { kind: 'throttle', name, max, perKey: draws.chance(0.5), reject, hold: reject || holds(maker) }
  },
  build: (steps, { name, max, perKey, hold, reject }) =>
    steps.throttle(name, {
      max,
      per: '5s',
      ...(reject ? { reject } : { hold }),
      ...(perKey ? { key: ({ key }: { readonly key: string }) => key } : {}),
    }),
  run({ hold }, walk) {
    if (!hold) walk.stream = null
    return 'on'
  },
}

interface RaiseStep extends Step {
  readonly kind: 'raise'
}

const raise: Kind<RaiseStep> = {
  kind: 'raise',
  draw: (_maker, name) => ({ kind: 'raise', name }),
  build: (steps, { name }, builder) =>
    steps.raise(name, builder.event(name), { key: identityOf, value: ({ v }) => v }),
  run() {
    return 'on'
  },
}

interface WaitStep extends Step {
  readonly kind: 'waitFor'
  /** Raised by the message itself before it looks, by somebody later, or by nobody. */
  readonly raised: 'before' | 'later' | 'never'
  readonly hold: boolean
}

/** What is raised by somebody else. */
export const RAISED_VALUE = 77

const waitFor: Kind<WaitStep> = {
  kind: 'waitFor',
  draw(maker, name) {
    const { draws, isFirst, turns, inTurns, inChild } = maker
    const known = isFirst && turns === 0 && !inTurns && !inChild
    const raised = draws.pick([
      'before',
      'before',
      'never',
      ...(known ? (['later', 'later'] as const) : []),
    ] as const)
    if (raised === 'later') maker.raise(name, draws.pick([0, 60_000, 3_600_000]))
    return { kind: 'waitFor', name, raised, hold: raised === 'before' || holds(maker) }
  },
  build(steps, { name, raised, hold }, builder) {
    const event = builder.event(name)
    const ready =
      raised === 'before'
        ? steps.raise(`${name} raised`, event, { key: identityOf, value: ({ v }) => v + 1 })
        : steps
    return asChain(
      ready
        .waitFor(name, event, {
          key: identityOf,
          hold,
          as: name,
          ...(raised === 'never' ? { timeout: hold ? '30s' : '1h' } : {}),
        })
        .map((body, ctx) => ({ ...body, v: mixed(body.v, named<number>(ctx, name)) })),
    )
  },
  run({ raised, hold }, walk) {
    if (!hold) walk.stream = null
    if (raised === 'never') return { fail: 'WAIT_TIMED_OUT' }
    const { v } = walk.thing
    walk.thing = { ...walk.thing, v: mixed(v, raised === 'before' ? v + 1 : RAISED_VALUE) }
    return 'on'
  },
}

export const waits: readonly Kind[] = [kindOf(delay), kindOf(throttle), kindOf(raise), kindOf(waitFor)]
