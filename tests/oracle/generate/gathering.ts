import type { Draws } from '../../faults/simulation/draws.ts'
import type { Body, Completion, Sent, Step } from '../case.ts'
import { BEHIND, type Drawn, drawBody, drawMessages, drawTest, rareTest, untimed } from './drawn.ts'

/** Whatever is due is so between two ticks, and what comes comes at one: nothing depends on which was first. */
const HALF = 0.5

function drawTimes({ whole, chance, pick }: Draws): readonly number[] {
  const ticks = Array.from({ length: 12 }, (_none, tick) => tick).filter(() => chance(0.55))
  return ticks.length > 0 ? ticks : [whole(0, 3), pick([4, 5])]
}

function drawCompletion(draws: Draws): Completion {
  const { whole, pick, chance } = draws
  const size = { size: whole(1, 4) }
  return pick<Completion>([
    size,
    { ...size, closed: true },
    { sizeOfMember: true },
    { sum: whole(10, 60) },
    { ...size, sum: whole(10, 60) },
    { last: rareTest(draws), ...(chance(0.5) ? size : {}) },
  ])
}

function behind(draws: Draws): readonly Step[] {
  return draws.chance(0.2) ? [{ do: 'fail', when: drawTest(draws) }, ...BEHIND] : BEHIND
}

/** A key is empty now and then: no group is found by that. */
function keyed({ chance, pick }: Draws, n?: number): { k: string; n?: number } {
  return { k: chance(0.04) ? '' : pick(['a', 'b']), ...(n === undefined ? {} : { n }) }
}

export function aggregator(draws: Draws): Drawn {
  const complete = drawCompletion(draws)
  const n = (): number | undefined => (complete.sizeOfMember ? draws.whole(1, 4) : undefined)
  return untimed(
    [{ do: 'aggregate', complete }, ...behind(draws)],
    drawMessages(draws, () => keyed(draws, n()), [4, 16]),
  )
}

/** All groups at once: by signals among the members, at an interval, when the engine stops. */
export function aggregatorOfAll(draws: Draws): Drawn {
  const { whole, pick, chance } = draws
  const how = pick(['signal', 'interval', 'onStop'] as const)
  const size = chance(0.5) ? { size: whole(2, 4) } : { sum: whole(30, 90) }
  const body = (index: number): Body =>
    drawBody(draws, index, {
      ...keyed(draws),
      ...(how === 'signal' && chance(0.25) ? { signal: pick(['all', 'inclusive']) } : {}),
    })
  const steps = (complete: Completion): readonly Step[] => [{ do: 'aggregate', complete }, ...BEHIND]
  if (how === 'interval') {
    const interval = whole(3, 5)
    const messages = drawTimes(draws).map((at, index): Sent => ({ at, body: body(index) }))
    const complete = { interval, ...(chance(0.5) ? size : {}) }
    return { steps: steps(complete), messages, ticks: 17, ordered: false, begins: whole(0, interval - 1) }
  }
  const messages = Array.from({ length: whole(4, 12) }, (_none, at): Sent => ({ at, body: body(at) }))
  const stops = how === 'onStop'
  return {
    ...untimed(steps({ ...size, ...(stops ? { onStop: true } : {}) }), messages, false),
    ...(stops ? { stops } : {}),
  }
}

export function aggregatorByTime(draws: Draws): Drawn {
  const complete: Completion = {
    timeout: draws.whole(1, 3) + HALF,
    ...(draws.chance(0.5) ? drawCompletion(draws) : {}),
  }
  const n = (): number | undefined => (complete.sizeOfMember ? draws.whole(1, 4) : undefined)
  const messages = drawTimes(draws).map(
    (at, index): Sent => ({ at, body: drawBody(draws, index, keyed(draws, n())) }),
  )
  return { steps: [{ do: 'aggregate', complete }, ...behind(draws)], messages, ticks: 17, ordered: false }
}

/** Batches of any places. */
export function batchResequencer(draws: Draws): Drawn {
  const { whole, chance } = draws
  const messages = drawTimes(draws).map(
    (at, index): Sent => ({ at, body: drawBody(draws, index, { n: whole(-3, 6) }) }),
  )
  const batch = { size: whole(2, 5), reverse: chance(0.4), twice: chance(0.5) }
  const step: Step = { do: 'resequence', timeout: whole(1, 4) + HALF, late: 'fail', batch }
  return { steps: [step, ...BEHIND], messages, ticks: 24, ordered: true }
}

/** Most of a sequence in another order, with gaps and some places twice. */
export function resequencer(draws: Draws): Drawn {
  const { whole, chance } = draws
  const times = drawTimes(draws)
  const first = whole(1, 5)
  const places = times.map((_time, index) => first + Math.max(0, index + whole(-2, 2)))
  const messages = times.map(
    (at, index): Sent => ({ at, body: drawBody(draws, index, { n: places[index] as number }) }),
  )
  const step: Step = { do: 'resequence', timeout: whole(1, 4) + HALF, late: chance(0.6) ? 'fail' : 'pass' }
  return { steps: [step, ...BEHIND], messages, ticks: 24, ordered: true }
}
