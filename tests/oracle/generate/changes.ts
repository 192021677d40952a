import type { Draws } from '../../faults/simulation/draws.ts'
import type { Step } from '../case.ts'
import {
  BEHIND,
  type Drawn,
  drawBody,
  drawMessages,
  drawSteps,
  drawTest,
  rareTest,
  untimed,
} from './drawn.ts'

export function loop(draws: Draws): Drawn {
  const { chance, whole, pick } = draws
  const times = pick([whole(0, 5), 'n', { while: { below: whole(5, 20) } }] as const)
  const doWhile = typeof times === 'object'
  const steps: readonly Step[] = [
    { do: 'turn' },
    ...(doWhile ? [{ do: 'add', by: whole(1, 4) } as const] : []),
    ...drawSteps(draws, 'turn', true),
  ]
  // A copy of what the loop was given would never be more than it is.
  const copy = !doWhile && chance(0.4)
  const messages = drawMessages(draws, () => (times === 'n' ? { n: whole(-1, 6) } : {}))
  return untimed([{ do: 'loop', times, copy, steps }, ...BEHIND], messages)
}

const CLAIMS = ['set', 'get', 'getAndRemove', 'push', 'pop'] as const

export function claimCheck(draws: Draws): Drawn {
  const { pick, chance, whole } = draws
  const steps = Array.from({ length: whole(2, 7) }, (_none, place): readonly Step[] => [
    { do: 'claim', op: pick(place === 0 ? (['set', 'push'] as const) : CLAIMS), key: pick(['x', 'y']) },
    ...(chance(0.7) ? [{ do: 'mark', with: `after ${place}` } as const] : []),
  ])
  return untimed([...steps.flat(), ...BEHIND], drawMessages(draws, undefined, [1, 3]))
}

export function sort(draws: Draws): Drawn {
  const by = draws.pick(['up', 'down', { mod: draws.whole(2, 4) }] as const)
  const items = (): readonly number[] => Array.from({ length: draws.whole(0, 12) }, () => draws.whole(0, 15))
  return untimed(
    [{ do: 'sort', by }, ...BEHIND],
    drawMessages(draws, () => ({ items: items() }), [1, 4]),
  )
}

export function enricher(draws: Draws): Drawn {
  const { chance, whole } = draws
  const resource: readonly Step[] = [
    { do: 'mark', with: 'resource' },
    { do: 'add', by: whole(1, 9) },
    ...(chance(0.5) ? [{ do: 'fail', when: rareTest(draws) } as const] : []),
  ]
  const replaces = chance(0.4)
  return untimed(
    [
      ...drawSteps(draws, 'before'),
      { do: 'enrich', resource, replaces, rescued: !replaces && chance(0.5) },
      ...BEHIND,
    ],
    drawMessages(draws),
  )
}

/** Several equal ones; some fail behind it. */
export function idempotentConsumer(draws: Draws): Drawn {
  const { pick, chance } = draws
  const remember = pick(['seen', 'unlessFailed', 'done'] as const)
  const behind: readonly Step[] = [
    ...(chance(0.7) ? [{ do: 'fail', when: drawTest(draws) } as const] : []),
    ...BEHIND,
  ]
  const keyed = (): { readonly k: string } => ({ k: chance(0.03) ? '' : pick(['a', 'b', 'c', 'd']) })
  const dedupe: Step = { do: 'dedupe', remember }
  if (chance(0.7)) return untimed([dedupe, ...behind], drawMessages(draws, keyed, [4, 14]))
  return underWay(draws, [dedupe, { do: 'delay', ticks: 2 }, ...behind])
}

/** Messages that come while others are on their way. They go on half a tick away from those that come. */
function underWay(draws: Draws, steps: readonly Step[]): Drawn {
  const messages = Array.from({ length: 6 }, (_none, index) => ({
    at: index * 2 + draws.whole(0, 1),
    body: drawBody(draws, index, { k: draws.pick(['a', 'b']) }),
  }))
  return { steps: steps.map(halved), messages, ticks: 16, ordered: true }
}

const halved = (step: Step): Step => (step.do === 'delay' ? { ...step, ticks: step.ticks + 0.5 } : step)
