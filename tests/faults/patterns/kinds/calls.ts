/** Steps that call a system, and the reply. */
import type { SystemName } from '../../simulation/failpoints.ts'
import type { Echo } from '../../simulation/systems.ts'
import { asChain, type Builder, type Chain, isRejected, type Kind, kindOf, named } from '../kind.ts'
import { CALLED, type Maker, mixed, type Sequence, type Step, type Thing } from '../recipe.ts'
import type { Hold, Outcome, Walk } from '../walk.ts'

interface CallingStep extends Step {
  readonly system: SystemName
  /** Whether the system rejects some of what it is sent. */
  readonly strict: boolean
  /** What runs in its stead when it was rejected. */
  readonly fallback: Sequence | null
}

function drawCalling(maker: Maker): Omit<CallingStep, 'kind' | 'name'> {
  const { draws } = maker
  const strict = draws.chance(0.35)
  return {
    strict,
    system: draws.pick(CALLED),
    fallback: strict && draws.chance(0.5) ? maker.scope({ inBranch: true }) : null,
  }
}

function settings({ name, system, fallback }: CallingStep, builder: Builder): object {
  return {
    input: builder.sunk(name),
    ...(system === 'none' ? { onUnknown: 'atLeastOnce' } : {}),
    ...(fallback === null ? {} : { fallback: (failed: Chain) => builder.sequence(failed, fallback) }),
  }
}

/** Answers what the fallback came to, or null when the call went well. */
function* calling(
  { name, system, strict, fallback }: CallingStep,
  walk: Walk,
): Generator<Hold, 'went well' | 'fell back' | Exclude<Outcome, 'on'>, void> {
  if (!strict || !isRejected(walk.thing.v)) {
    walk.effect(system, name, walk.thing.v)
    return 'went well'
  }
  if (fallback === null) return { fail: 'CALL_REJECTED' }
  const outcome = yield* walk.run(fallback)
  return outcome === 'on' ? 'fell back' : outcome
}

interface ToStep extends CallingStep {
  readonly kind: 'to'
}

const to: Kind<ToStep> = {
  kind: 'to',
  draw: (maker, name) => ({ kind: 'to', name, ...drawCalling(maker) }),
  build: (steps, step, builder) =>
    asChain(
      steps.to(
        step.name,
        builder.operation(step.system, step.strict) as never,
        settings(step, builder) as never,
      ),
    ),
  *run(step, walk) {
    const before = walk.thing
    const came = yield* calling(step, walk)
    if (typeof came === 'object') return came
    walk.thing = before
    return 'on'
  },
}

interface CallStep extends CallingStep {
  readonly kind: 'call'
}

const call: Kind<CallStep> = {
  kind: 'call',
  draw: (maker, name) => ({ kind: 'call', name, ...drawCalling(maker) }),
  build: (steps, step, builder) => {
    const { name, system, strict } = step
    const given = { ...settings(step, builder), as: name }
    const called = steps.call(name, builder.operation(system, strict) as never, given as never)
    return asChain(called).map((body, ctx) => {
      const answer = named<Echo | Thing>(ctx, name)
      return { ...body, v: mixed(body.v, 'echo' in answer ? answer.echo : answer.v) }
    })
  },
  *run(step, walk) {
    const before = walk.thing
    const came = yield* calling(step, walk)
    if (typeof came === 'object') return came
    // A system answers what it was sent, and a fallback what it ended with.
    walk.thing = { ...before, v: mixed(before.v, (came === 'went well' ? before : walk.thing).v) }
    return 'on'
  },
}

interface ReplyStep extends Step {
  readonly kind: 'reply'
}

const reply: Kind<ReplyStep> = {
  kind: 'reply',
  draw: ({ inChild }, name) => (inChild ? null : { kind: 'reply', name }),
  build: (steps, { name }) => asChain(steps.reply(name, ({ v }) => v)),
  run(_step, { message, thing }) {
    message.reply ??= { value: thing.v }
    return 'on'
  },
}

export const calls: readonly Kind[] = [kindOf(to), kindOf(call), kindOf(reply)]
