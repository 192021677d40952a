/** Where several engines share the journal, some flows are often on some of them only. */
import type { FlowName } from './beginnings.ts'
import type { Draws } from './draws.ts'

/** Which flows are rare, and in which places they are lacking. */
export interface Rarity {
  /** None of them where all engines have all flows. */
  readonly flows: ReadonlySet<FlowName>
  lacks(place: number): boolean
}

/**
 * Flows that are everywhere. A message of these that has a step of one version on record would find no engine of that
 * version again, if all places that keep it were of the other one.
 */
const EVERYWHERE: ReadonlySet<FlowName> = new Set<FlowName>(['chain', 'held'])

/** An engine puts on a channel what those subscribe to that it knows: such flows are in the same places. */
const TOGETHER: readonly (readonly FlowName[])[] = [
  ['relay', 'relayed', 'heard'],
  ['waits', 'managed', 'raised'],
]

/** So many places may be taken by engines that join. */
const JOINERS = 2

/** Draws the rare flows of a run, and the places that lack them: one at least, and not all that are always taken. */
export function drawRarity(draws: Draws, flows: ReadonlySet<FlowName>, engines: number): Rarity {
  const places = Array.from({ length: engines }, (_, place) => place)
  const lacking = new Set<number>()
  const rare = engines > 1 && draws.chance(0.6) ? drawFlows(draws, flows) : []
  if (rare.length > 0) {
    const count = draws.whole(1, engines - 1)
    while (lacking.size < count) lacking.add(draws.pick(places))
    for (let extra = 0; extra < JOINERS; extra += 1) if (draws.chance(0.5)) lacking.add(engines + extra)
  }
  return { flows: new Set(rare), lacks: (place) => lacking.has(place) }
}

/** Engines that share a journal have a flow in common. */
function drawFlows(draws: Draws, flows: ReadonlySet<FlowName>): readonly FlowName[] {
  const units = unitsOf(flows)
  const rare = units.filter(() => draws.chance(0.5)).flat()
  return rare.length < flows.size ? rare : rare.filter((name) => !units[0]?.includes(name))
}

function unitsOf(flows: ReadonlySet<FlowName>): readonly (readonly FlowName[])[] {
  const inTogether = new Set(TOGETHER.flat())
  const alone = [...flows].filter((name) => !EVERYWHERE.has(name) && !inTogether.has(name))
  const together = TOGETHER.map((names) => names.filter((name) => flows.has(name)))
  return [...alone.map((name) => [name]), ...together.filter((names) => names.length > 0)]
}
