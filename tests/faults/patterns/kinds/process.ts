/** The process manager: logic as an async function, which the reference runs from beginning to end. */
import type { SystemName } from '../../simulation/failpoints.ts'
import type { Echo, Sunk } from '../../simulation/systems.ts'
import { asChain, isRejected, type Kind, kindOf, named } from '../kind.ts'
import { holds, identityOf, mixed, type Step, type Thing } from '../recipe.ts'

interface ProcessStep extends Step {
  readonly kind: 'process'
  readonly system: Exclude<SystemName, 'none'>
  /** How often it calls and sleeps in turn. */
  readonly rounds: number
  readonly sleepMs: number
  /** Whether it waits for an event that its message has raised. */
  readonly waits: boolean
  /** Whether it makes two calls at once. */
  readonly together: boolean
  /** Whether it makes a call that may be rejected, and what it does then. */
  readonly strict: 'caught' | 'thrown' | null
  readonly hold: boolean
}

/** What the function asks of its context. */
interface Asked {
  call(name: 'ask' | 'strict', input: Sunk): Promise<Echo>
  sleep(name: string, ms: number): Promise<void>
  waitFor(name: 'told', key: string): Promise<number>
}

async function logic(
  step: ProcessStep,
  body: Thing,
  ctx: Asked,
  sunk: (part: string, v: number) => Sunk,
): Promise<number> {
  let { v } = body
  for (let round = 0; round < step.rounds; round += 1) {
    const { echo } = await ctx.call('ask', sunk(`round ${round}`, v))
    v = mixed(echo, round)
    await ctx.sleep('pause', step.sleepMs)
  }
  if (step.together) {
    const [left, right] = await Promise.all([
      ctx.call('ask', sunk('left', v)),
      ctx.call('ask', sunk('right', mixed(v, 1))),
    ])
    v = mixed(left.echo, right.echo)
  }
  if (step.waits) v = mixed(v, await ctx.waitFor('told', identityOf(body)))
  if (step.strict === null) return v
  try {
    const { echo } = await ctx.call('strict', sunk('strict', v))
    return mixed(v, echo)
  } catch (error) {
    if (step.strict === 'thrown') throw error
    return mixed(v, 3)
  }
}

const process: Kind<ProcessStep> = {
  kind: 'process',
  draw(maker, name) {
    const { draws } = maker
    return {
      kind: 'process',
      name,
      hold: holds(maker),
      system: draws.pick(['natural', 'key', 'verify']),
      rounds: draws.whole(0, 2),
      sleepMs: draws.whole(1, 15_000),
      waits: draws.chance(0.3),
      together: draws.chance(0.5),
      strict: draws.pick([null, 'caught', 'thrown']),
    }
  },
  build(steps, step, builder) {
    const { name, system, hold, waits } = step
    const told = builder.event(name)
    const ready = waits
      ? steps.raise(`${name} raised`, told, { key: identityOf, value: ({ v }) => v })
      : steps
    const uses = {
      ask: builder.operation(system, false),
      strict: builder.operation(system, true),
      ...(waits ? { told } : {}),
    }
    return asChain(
      ready
        .process(name, { uses: uses as never, hold, as: name }, (body, ctx) =>
          logic(step, body, ctx as unknown as Asked, (part, v) => ({
            ...builder.sunk(`${name} ${part}`)(body, ctx),
            value: v,
          })),
        )
        .map((body, ctx) => ({ ...body, v: mixed(body.v, named<number>(ctx, name)) })),
    )
  },
  run({ name, system, rounds, waits, together, strict, hold }, walk) {
    if (!hold) walk.stream = null
    const { thing } = walk
    let { v } = thing
    for (let round = 0; round < rounds; round += 1) {
      walk.effect(system, `${name} round ${round}`, v)
      v = mixed(v, round)
    }
    if (together) {
      const { frontier } = walk
      const left = walk.effect(system, `${name} left`, v)
      walk.frontier = frontier
      const right = walk.effect(system, `${name} right`, mixed(v, 1))
      walk.frontier = [left, right]
      v = mixed(v, mixed(v, 1))
    }
    if (waits) v = mixed(v, thing.v)
    if (strict !== null && isRejected(v)) {
      if (strict === 'thrown') return { fail: 'CALL_REJECTED' }
      v = mixed(v, 3)
    } else if (strict !== null) {
      walk.effect(system, `${name} strict`, v)
      v = mixed(v, v)
    }
    walk.thing = { ...thing, v: mixed(thing.v, v) }
    return 'on'
  },
}

export const processes: readonly Kind[] = [kindOf(process)]
