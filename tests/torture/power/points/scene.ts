/** What the first life and all the others have in common: the flows, what they are sent, the systems, and a fast clock. */
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { createEngine, defineProject, type MountableEngine, sqlite } from 'linkspan'
import { type Clock, LinkspanError } from 'linkspan/connect'
import { seededRandom } from 'linkspan/testing'
import type { FlowName, SentTo } from '../../../faults/simulation/beginnings.ts'
import type { Life } from '../../../faults/simulation/engines.ts'
import { flowsOf } from '../../../faults/simulation/flows.ts'
import type { Network } from '../../../faults/simulation/network.ts'
import { connected } from '../../../faults/simulation/operations.ts'
import { createSystems, type Request, type Systems } from '../../../faults/simulation/systems.ts'
import type { Delivery } from '../../../faults/simulation/workload.ts'
import type { Violation } from '../../../faults/simulation/world.ts'

/** What is written down in the first life; `at` is how long the record of its disk was by then. */
export type PointEvent =
  | { readonly t: 'sent'; readonly n: number; readonly at: number }
  | { readonly t: 'accepted'; readonly n: number; readonly id: string; readonly at: number }
  | { readonly t: 'effect'; readonly request: Request; readonly at: number }

/** Flows of the simulation that need nobody beside them to come to their end. */
export const FLOWS = [
  'plain',
  'keyed',
  'verified',
  'bare',
  'again',
  'chain',
  'parts',
  'later',
  'held',
  'once',
  'counter',
  'relay',
  'ask',
  'sieve',
  'fan',
  'spare',
  'rounds',
  'balanced',
  'asked',
  'waits',
  'managed',
  'routed',
  'guarded',
  'booked',
] as const satisfies readonly SentTo[]

const FED: readonly FlowName[] = ['relayed', 'heard', 'raised']

/** What is sent: one message to each flow, and another one of the same key to some, for their order. */
export function deliveriesOf(flows: readonly SentTo[]): readonly Delivery[] {
  const twice = flows.filter((flow) => ORDERED.includes(flow))
  return [...flows, ...twice].map((flow, at) => {
    const n = at + 1
    const body = { n, key: 'a', fate: 'plain', items: 3, delayMs: 700, same: (n % 4) + 1 } as const
    return { n, flow, body, at: 0, insists: false, twice: false, rejected: false }
  })
}

const ORDERED: readonly SentTo[] = ['plain', 'keyed', 'verified', 'counter', 'held']

/** How much faster than real time goes by. */
const TIMES = 50
/** The longest pause that Node's timers can make. */
const LONGEST_TIMER_MS = 2_147_483_647
const STARTED = Date.UTC(2026, 0, 1)

/** A clock that hurries, so that delays and retries cost little; it begins so long after the first life began. */
export function hurriedClock(afterMs: number): Clock {
  const began = performance.now()
  const monotonic = (): number => (performance.now() - began) * TIMES
  return {
    now: () => STARTED + afterMs + Math.floor(monotonic()),
    monotonic,
    timer(ms, run) {
      if (ms === Number.POSITIVE_INFINITY) return () => undefined
      const timer = setTimeout(run, Math.min(Math.max(0, ms) / TIMES, LONGEST_TIMER_MS))
      return () => clearTimeout(timer)
    },
    defer: (run) => void setImmediate(run),
  }
}

/** Systems that keep what their guarantees say, and what they saw broken. */
export function systemsOn(clock: Clock): { readonly systems: Systems; readonly violations: Violation[] } {
  const violations: Violation[] = []
  const story = { tell: () => undefined, end: () => undefined, lines: [], digest: () => '' }
  const systems = createSystems({
    story,
    wall: () => clock.now(),
    setBack: 0,
    violate: (kind, says) => void violations.push({ kind, says }),
  })
  return { systems, violations }
}

/** An engine on the journal of a folder, whose calls go to these systems; `arrive` is how. */
export function engineOn(
  folder: string,
  flows: readonly SentTo[],
  clock: Clock,
  systems: Pick<Systems, 'arrive' | 'answered'>,
): MountableEngine {
  const network: Network = {
    disturbed: new Set(),
    calls: 0,
    readTo: 0,
    async call(_life, request) {
      await turn()
      const arrival = systems.arrive(request)
      if ('result' in arrival) return arrival.result
      throw new LinkspanError('CALL_REJECTED', arrival.rejected, { retry: 'never', applied: 'no' })
    },
    async ask(_life, { system, mark }) {
      const result = systems.answered(system, mark)
      return result === null ? { state: 'absent' } : { state: 'done', result }
    },
    read: async () => [],
  }
  const options = {
    connected: connected(network, (name) => ({ name }) as Life),
    keyOf: ({ key }: { readonly key: string }) => key,
    missed: 'once',
    bounds: { concurrency: 128, window: 10_000 },
    deployed: 'first',
    version: 'this',
  } as const
  const project = defineProject({
    flows: flowsOf(new Set<FlowName>([...flows, ...FED]), options),
    journal: sqlite(join(folder, 'hub.db')),
    http: false,
    retention: '1000d',
  })
  const logger = { log: () => undefined }
  const outside = { clock, logger, random: seededRandom(`points of ${folder}`) }
  return createEngine(project, { directory: folder, lookup: () => undefined, outside })
}

/** Waits until nothing is on its way; false when that takes too long. */
export async function comesToRest({ admin }: MountableEngine, limitMs: number): Promise<boolean> {
  const deadline = performance.now() + limitMs
  for (;;) {
    const { messages, children } = await admin.status()
    if (messages.active + messages.waiting + children.active + children.waiting === 0) return true
    if (performance.now() > deadline) return false
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
}
