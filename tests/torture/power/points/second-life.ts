/** What becomes of the first life when its power fails at a point: an engine goes on with what is left, and is judged. */
import type { MountableEngine } from 'linkspan'
import type { SentTo } from '../../../faults/simulation/beginnings.ts'
import { check } from '../../../faults/simulation/checker.ts'
import type { Life } from '../../../faults/simulation/engines.ts'
import { type Observation, observe } from '../../../faults/simulation/observe.ts'
import { rootOf } from '../../../faults/simulation/operator.ts'
import type { Sent } from '../../../faults/simulation/sender.ts'
import type { Systems } from '../../../faults/simulation/systems.ts'
import { comesToRest, deliveriesOf, engineOn, hurriedClock, type PointEvent, systemsOn } from './scene.ts'

/** What is known of the first life at a point. */
export interface Cut {
  /** The journal as the loss of power left it. */
  readonly folder: string
  readonly flows: readonly SentTo[]
  /** All that had happened by then. */
  readonly events: readonly PointEvent[]
}

/** Later than the first life can have ended. */
const LATER_MS = 3_600_000
const LIMIT_MS = 30_000
const MOST_ROUNDS = 10

/** Lives on from there, and answers every promise that was broken. */
export async function liveOn({
  folder,
  flows,
  events,
}: Cut): Promise<readonly { kind: string; says: string }[]> {
  const clock = hurriedClock(LATER_MS)
  const { systems, violations } = systemsOn(clock)
  for (const event of events) if (event.t === 'effect') systems.arrive(event.request)
  const sent = sentBy(flows, events)
  const aside = new Set<string>()
  const begin = (): MountableEngine => engineOn(folder, flows, clock, systems)
  const look = async (engine: MountableEngine): Promise<Observation> => {
    const observed = await observe({ engine } as Life, sent)
    await engine.stop()
    return observed
  }
  try {
    const engine = begin()
    await engine.start()
    const stuck = await allEnds(engine, systems, aside)
    if (stuck !== null) {
      await engine.stop({ within: 0 })
      return [...violations, { kind: 'stuck', says: stuck }]
    }
    const observed = await look(engine)
    const effects = [...systems.effects]
    const next = begin()
    await next.start()
    const again = await look(next)
    check(
      { sent, fed: [], effects, aside, disturbed: new Set(), interrupted: true, skew: 0, observed, again },
      (kind, says) => void violations.push({ kind, says }),
    )
    return violations
  } catch (error) {
    return [...violations, { kind: 'refused', says: `the engine could not go on: ${String(error)}` }]
  }
}

/** Waits until all has ended, and resolves doubts by looking into the systems; answers what did not end, or null. */
async function allEnds(
  engine: MountableEngine,
  systems: Systems,
  aside: Set<string>,
): Promise<string | null> {
  const { admin } = engine
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    if (!(await comesToRest(engine, LIMIT_MS))) break
    const { items } = await admin.messages({
      states: ['inDoubt', 'dead', 'parked'],
      children: true,
      limit: 500,
    })
    for (const { id } of items) aside.add(rootOf(id))
    const doubts = items.filter(({ state }) => state === 'inDoubt')
    if (doubts.length === 0) return null
    for (const { id } of doubts) await resolve(engine, systems, id)
  }
  const { items } = await admin.messages({ states: ['active', 'waiting'], children: true, limit: 20 })
  return items.map(({ flow, id, state, reason }) => `${flow} ${id} is ${state} (${reason})`).join('; ')
}

async function resolve({ admin }: MountableEngine, systems: Systems, id: string): Promise<void> {
  const { steps } = await admin.trace(id)
  const path = steps.find(({ outcome }) => outcome === 'inDoubt')?.path ?? ''
  const effect = systems.effectOf(id, path)
  const result = effect ? { result: { ...effect.answer } } : {}
  await admin.resolve(id, effect !== null, { ...result, note: 'looked into the system' })
}

/** What the sender knows: of what was not acknowledged by then it is not known whether it was accepted. */
function sentBy(flows: readonly SentTo[], events: readonly PointEvent[]): readonly Sent[] {
  return deliveriesOf(flows)
    .filter(({ n }) => events.some((event) => event.t === 'sent' && event.n === n))
    .map((delivery) => {
      const accepted = events.find((event) => event.t === 'accepted' && event.n === delivery.n)
      const ids = new Set(accepted?.t === 'accepted' ? [accepted.id] : [])
      const unknown = ids.size === 0 ? 1 : 0
      return { ...delivery, ids, unknown, over: true, replies: [], unanswered: 0, sentAt: null }
    })
}
