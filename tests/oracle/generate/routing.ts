import type { Draws } from '../../faults/simulation/draws.ts'
import type { Branch, Sent, Step } from '../case.ts'
import {
  BEHIND,
  type Drawn,
  drawBody,
  drawBranches,
  drawMessages,
  drawNames,
  drawSteps,
  drawTest,
  NAMES,
  untimed,
} from './drawn.ts'

export function choice(draws: Draws): Drawn {
  const branches = NAMES.slice(0, draws.whole(1, 3)).map((name) => ({
    when: drawTest(draws),
    steps: drawSteps(draws, name, true),
  }))
  const otherwise = draws.chance(0.6) ? drawSteps(draws, 'otherwise', true) : null
  return untimed([{ do: 'choice', branches, otherwise }, ...BEHIND], drawMessages(draws))
}

export function filter(draws: Draws): Drawn {
  const more: readonly Step[] = draws.chance(0.5)
    ? [...drawSteps(draws, 'between'), { do: 'filter', when: drawTest(draws) }]
    : []
  return untimed([{ do: 'filter', when: drawTest(draws) }, ...more, ...BEHIND], drawMessages(draws))
}

export function routingSlip(draws: Draws): Drawn {
  const branches = drawBranches(draws, true)
  const ignoreUnknown = draws.chance(0.4)
  return untimed(
    [{ do: 'slip', branches, ignoreUnknown }, ...BEHIND],
    drawMessages(draws, () => ({ to: drawNames(draws, branches) })),
  )
}

/** Every branch adds to `n`, or the router would ask for ever. */
export function dynamicRouter(draws: Draws): Drawn {
  const branches = drawBranches(draws, true).map(
    ({ name, steps }): Branch => ({ name, steps: [{ do: 'add', by: draws.whole(1, 5) }, ...steps] }),
  )
  const known = branches.map(({ name }) => name)
  const table = Array.from({ length: draws.whole(1, 5) }, () =>
    draws.chance(0.05) ? 'nobody' : draws.pick(known),
  )
  return untimed(
    [{ do: 'router', branches, table, until: draws.whole(10, 35) }, ...BEHIND],
    drawMessages(draws),
  )
}

export function loadBalancer(draws: Draws): Drawn {
  const by = draws.pick(['roundRobin', 'weighted', 'sticky'] as const)
  // Which target a key sticks to differs on purpose, so it must make no difference to how a message ends.
  const steps = (name: string): readonly Step[] => [
    { do: 'mark', with: name },
    { do: 'see', at: name },
  ]
  const targets = drawBranches(draws).map((branch) => ({
    ...branch,
    ...(by === 'sticky' ? { steps: steps(branch.name) } : {}),
    weight: draws.whole(1, 4),
  }))
  return untimed(
    [{ do: 'balance', by, targets }, ...BEHIND],
    drawMessages(draws, () => ({}), [4, 20]),
  )
}

/** Targets that often fail, some in a way that is not gone on with. */
export function failover(draws: Draws): Drawn {
  const { pick, chance, whole } = draws
  const targets = NAMES.slice(0, whole(2, 4)).map((name): Branch => {
    const fail: Step = { do: 'fail', when: drawTest(draws), ...(chance(0.7) ? { as: 'io' } : {}) }
    return { name, steps: [{ do: 'see', at: name }, { do: 'mark', with: name }, fail] }
  })
  const start = pick(['first', 'roundRobin', 'sticky'] as const)
  // In turn Camel would go on for ever.
  const attempts = start === 'roundRobin' || chance(0.5) ? whole(1, targets.length + 1) : null
  return untimed(
    [{ do: 'failover', targets, errors: pick(['any', 'io']), attempts, start }, ...BEHIND],
    drawMessages(draws, () => ({}), [3, 10]),
  )
}

/** Half of the calls that it looks at may fail. It is open for whole seconds, as Camel takes no others. */
export function circuitBreaker(draws: Draws): Drawn {
  const { whole, chance } = draws
  const minimum = whole(2, 3)
  const fail: Step = { do: 'fail', when: { mod: 2, of: [0] } }
  const step: Step = {
    do: 'breaker',
    steps: [{ do: 'mark', with: 'in' }, { do: 'see', at: 'in' }, fail],
    calls: minimum + whole(0, 2),
    minimum,
    openFor: 2.5,
    trials: whole(1, 3),
    fallback: chance(0.5) ? [{ do: 'mark', with: 'instead' }] : null,
  }
  const ticks = Array.from({ length: 24 }, (_none, tick) => tick).filter(() => chance(0.7))
  const messages = ticks.map((at, index): Sent => ({ at, body: drawBody(draws, index) }))
  return { steps: [step, ...BEHIND], messages, ticks: 26, ordered: true }
}
