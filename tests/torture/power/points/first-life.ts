/**
 * The life whose every point is cut: an engine on SQLite whose disk is recorded, from its start to its stop. Usage:
 * `node first-life.ts <folder> <file of its disk's records> <file of its events> <flows, with commas>`.
 */
import { existsSync, statSync } from 'node:fs'
import { argv, exit } from 'node:process'
import type { SentTo } from '../../../faults/simulation/beginnings.ts'
import { lineLog } from '../../rig/line-log.ts'
import { comesToRest, deliveriesOf, engineOn, hurriedClock, type PointEvent, systemsOn } from './scene.ts'

const [, , folder = '', diskLog = '', eventLog = '', names = ''] = argv
const flows = names.split(',') as SentTo[]
const events = lineLog<PointEvent>(eventLog)
/** Whatever was done to the disk is recorded before it is done: so long a record is what a loss of power now would leave. */
const at = (): number => (existsSync(diskLog) ? statSync(diskLog).size : 0)

const clock = hurriedClock(0)
const { systems, violations } = systemsOn(clock)
const engine = engineOn(folder, flows, clock, {
  answered: systems.answered,
  arrive(request) {
    const before = systems.effects.length
    const place = at()
    const arrival = systems.arrive(request)
    if (systems.effects.length > before) events.add({ t: 'effect', request, at: place })
    return arrival
  },
})

const LIMIT_MS = 60_000

await engine.start()
for (const { n, flow, body } of deliveriesOf(flows)) {
  events.add({ t: 'sent', n, at: at() })
  const { id } = await engine.intake.accept(flow, { body })
  events.add({ t: 'accepted', n, id, at: at() })
}
const rests = await comesToRest(engine, LIMIT_MS)
await engine.stop()
if (!rests || violations.length > 0)
  throw new Error(`The first life did not go well: ${JSON.stringify(violations)}`)
exit(0)
