import type { Draws } from '../../faults/simulation/draws.ts'
import type { FanOut } from '../case.ts'
import { BEHIND, type Drawn, drawBranches, drawMessages, drawNames, drawSteps, untimed } from './drawn.ts'

/** What runs at once cannot be stopped at a certain one. */
function drawFanOut({ chance, pick }: Draws): FanOut {
  const parallel = chance(0.3)
  return {
    parallel,
    stopOnError: !parallel && chance(0.3),
    join: pick(['none', 'latest', 'collect'] as const),
  }
}

export function splitter(draws: Draws): Drawn {
  const how = drawFanOut(draws)
  const each = drawSteps(draws, 'part', true)
  return untimed([{ do: 'split', each, ...how }, ...BEHIND], drawMessages(draws), !how.parallel)
}

export function multicast(draws: Draws): Drawn {
  const how = drawFanOut(draws)
  const branches = drawBranches(draws, true)
  return untimed([{ do: 'multicast', branches, ...how }, ...BEHIND], drawMessages(draws), !how.parallel)
}

export function recipientList(draws: Draws): Drawn {
  const how = drawFanOut(draws)
  const branches = drawBranches(draws, true)
  const ignoreUnknown = draws.chance(0.4)
  return untimed(
    [{ do: 'recipients', branches, ignoreUnknown, ...how }, ...BEHIND],
    drawMessages(draws, () => ({ to: drawNames(draws, branches) })),
    !how.parallel,
  )
}
