import { integerBetween, seededRandom } from '../lib/random.ts'
import { FAULTS, type Fault, type Sink } from '../protocol.ts'

/** How often each fault happens, as a share of all requests. */
export type FaultRates = Readonly<Record<Fault, number>>

/** About one request in nine is disturbed. */
export const DEFAULT_RATES: FaultRates = {
  'error-500': 0.01,
  'error-503': 0.015,
  'limit-429': 0.01,
  'drop-before': 0.01,
  'drop-after': 0.015,
  'hang-after': 0.005,
  'slow-before': 0.02,
  'slow-after': 0.02,
  'not-json': 0.005,
}

/** All rates times a factor; 0 gives well-behaved systems. */
export function scaleRates(rates: FaultRates, factor: number): FaultRates {
  return Object.fromEntries(FAULTS.map((fault) => [fault, rates[fault] * factor])) as FaultRates
}

/** What can go wrong, and how long slow things take, for one attempt at one request. */
export interface Misbehaviour {
  readonly fault: Fault | null
  readonly delayMs: number
}

const SHORTEST_DELAY_MS = 20
const LONGEST_DELAY_MS = 400

/**
 * The fault of an attempt. It depends on the seed, the request's identity and the number of the attempt only, so the
 * same delivery meets the same faults in each run of a seed, in whatever order requests arrive.
 */
export function misbehave(
  seed: number,
  sink: Sink,
  identity: string,
  attempt: number,
  rates: FaultRates,
): Misbehaviour {
  const random = seededRandom(seed, `fault|${sink}|${identity}|${attempt}`)
  const delayMs = SHORTEST_DELAY_MS + random() * (LONGEST_DELAY_MS - SHORTEST_DELAY_MS)
  let rest = random()
  for (const fault of FAULTS) {
    rest -= rates[fault]
    if (rest < 0) return { fault, delayMs }
  }
  return { fault: null, delayMs }
}

/** Times in which a system refuses everything, as one does that is being restarted. */
export interface Outages {
  /** Counts a request that would change something. Whether it is refused. */
  refuses(now: number): boolean
}

const REQUESTS_BETWEEN = [180, 320] as const
const SHORTEST_OUTAGE_MS = [1000, 2000] as const
const LONGEST_OUTAGE_MS = 5000
const REFUSED_AT_LEAST = 100

/**
 * Outages after numbers of requests that are drawn from the seed, each of a second or two. On a slow machine they last
 * until enough requests were refused for a backlog to gather.
 */
export function seededOutages(seed: number, sink: Sink): Outages {
  const random = seededRandom(seed, `outages|${sink}`)
  const pause = (): number => integerBetween(random, ...REQUESTS_BETWEEN)
  let left = pause()
  let until = Number.NEGATIVE_INFINITY
  let latest = Number.NEGATIVE_INFINITY
  let refused = 0
  return {
    refuses: (now) => {
      if (now < until || (now < latest && refused < REFUSED_AT_LEAST)) {
        refused += 1
        return true
      }
      left -= 1
      if (left > 0) return false
      left = pause()
      until = now + integerBetween(random, ...SHORTEST_OUTAGE_MS)
      latest = now + LONGEST_OUTAGE_MS
      refused = 1
      return true
    },
  }
}

/** A system that is always there. */
export const NO_OUTAGES: Outages = { refuses: () => false }
