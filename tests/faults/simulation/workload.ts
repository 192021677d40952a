import type { Draws } from './draws.ts'
import { type FlowName, type Order, SENT_TO, type SentTo, worth } from './beginnings.ts'
import type { Sunk } from './systems.ts'

/** A message that is to be sent. */
export interface Delivery {
  readonly n: number
  readonly flow: SentTo
  readonly body: Order
  /** Milliseconds since the run began. */
  readonly at: number
  /**
   * Whether its sender says who it is and sends it until it is acknowledged. Otherwise it is not sent again when nobody
   * knows whether it was accepted.
   */
  readonly insists: boolean
  /** Whether it is sent a second time although it was acknowledged. */
  readonly twice: boolean
  /** Whether its system rejects it until a person has mended that. */
  readonly rejected: boolean
}

/** What a run has to do. */
export interface Workload {
  readonly flows: ReadonlySet<FlowName>
  readonly deliveries: readonly Delivery[]
  /** What appears in the feed, and when. */
  readonly fed: readonly { readonly at: number; readonly item: Sunk }[]
  readonly missed: 'once' | 'all'
  readonly bounds: { readonly concurrency: number; readonly window: number }
}

const LEAST = 20
const MOST = 60

/** The usual ones, and some that put much of what comes into the journal first. */
const BOUNDS: readonly Workload['bounds'][] = [
  { concurrency: 128, window: 10_000 },
  { concurrency: 128, window: 10_000 },
  { concurrency: 1, window: 10_000 },
  { concurrency: 2, window: 3 },
  { concurrency: 4, window: 8 },
]

/** Draws the flows of a run and their messages. */
export function drawWorkload(draws: Draws): Workload {
  const sentTo = drawFlows(draws)
  const keys = ['a', 'b', 'c', 'd'].slice(0, draws.whole(1, 4))
  const spread = draws.pick([0, 5_000, 30_000, 90_000])
  const count = draws.whole(LEAST, MOST)
  const feeds = draws.chance(0.4)
  const fedCount = feeds ? Math.floor(count / 5) : 0
  const deliveries = Array.from({ length: count - fedCount }, (_, at) =>
    drawDelivery(draws, at + 1, draws.pick(sentTo), draws.pick(keys), draws.whole(0, spread)),
  )
  const fed = Array.from({ length: fedCount }, (_, at) => ({
    at: draws.whole(0, spread),
    item: fedItem(count - fedCount + at + 1, draws.pick(keys)),
  }))
  return {
    deliveries: deliveries.toSorted((a, b) => a.at - b.at || a.n - b.n),
    fed: fed.toSorted((a, b) => a.at - b.at || a.item.n - b.item.n),
    missed: draws.pick(['once', 'all']),
    bounds: draws.pick(BOUNDS),
    flows: new Set<FlowName>([
      ...sentTo,
      ...(sentTo.includes('relay') ? (['relayed', 'heard'] as const) : []),
      ...(sentTo.includes('waits') || sentTo.includes('managed') ? (['raised'] as const) : []),
      ...(feeds ? (['feed'] as const) : []),
      ...(draws.chance(0.25) ? (['ticks'] as const) : []),
    ]),
  }
}

/** A few flows of all, so that the runs differ in what meets. */
function drawFlows(draws: Draws): readonly SentTo[] {
  const some = draws.some(SENT_TO, 0.35)
  return some.length > 0 ? some : [draws.pick(SENT_TO)]
}

function drawDelivery(draws: Draws, n: number, flow: SentTo, key: string, at: number): Delivery {
  const insists = draws.chance(0.75)
  const fate = flow === 'sieve' ? draws.pick(['plain', 'other', 'filtered', 'poison'] as const) : 'plain'
  return {
    n,
    flow,
    at,
    insists,
    twice: insists && draws.chance(0.2),
    rejected: flow === 'mended' && draws.chance(0.4),
    body: {
      n,
      key,
      fate,
      items: draws.whole(0, 5),
      delayMs: draws.whole(0, 40_000),
      same: draws.whole(1, 4),
    },
  }
}

function fedItem(n: number, key: string): Sunk {
  return { flow: 'feed', n, key, step: 'put', item: '', value: worth(n) }
}
