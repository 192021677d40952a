/**
 * The benchmark's job as a flow: a route, the one transformation, a call to the sink. Default settings, history on.
 */
import { createEngine, defineProject, type Flow, flow, type Guarantee, route } from 'linkspan'
import { httpConnection, typed } from 'linkspan/http'
import { announce, onStop, participantEnv } from '../participant/protocol.ts'
import { type Order, type Shipment, transform } from '../workload/order.ts'
import { journalOf } from './journal.ts'
import type { MixName, PatternName } from './pattern-names.ts'
import { type Addition, type Chain, MIXES, PATTERNS } from './patterns.ts'

const env = participantEnv()
const guarantee = (process.env['LINKSPAN_GUARANTEE'] ?? 'key') as Guarantee['kind']
const moreSteps = Number(process.env['LINKSPAN_STEPS'] ?? 0)

const sinkUrl = new URL(env.sinkUrl)
const sink = httpConnection('sink')
const path = sinkUrl.pathname
const common = { path, body: (shipment: Shipment) => shipment } as const

const accepted = flow('relay').from(route.post('/in', { schema: typed<Order>() }))
let mapped = accepted.map('shipment', transform)
for (let step = 1; step <= moreSteps; step += 1)
  mapped = mapped.map(`same ${step}`, (shipment) => ({ ...shipment }))

const patternName = process.env['LINKSPAN_PATTERN']
const pattern: Addition | undefined =
  patternName === undefined ? undefined : { ...PATTERNS, ...MIXES }[patternName as PatternName | MixName]
if (pattern?.before) mapped = pattern.before(mapped) as typeof mapped

const delivered = {
  key: () =>
    mapped.to(
      'deliver',
      sink.post({ ...common, name: 'deliver', guarantee: { kind: 'key', validFor: '24h' } }),
    ),
  natural: () => mapped.to('deliver', sink.put({ ...common, name: 'deliver' })),
  verify: () =>
    mapped.to(
      'deliver',
      sink.post({
        ...common,
        name: 'deliver',
        guarantee: {
          kind: 'verify',
          settleAfter: '1s',
          verify: () => ({ path, read: () => ({ state: 'unknown' as const }) }),
        },
      }),
    ),
  none: () =>
    mapped.to('deliver', sink.post({ ...common, name: 'deliver', guarantee: { kind: 'none' } }), {
      onUnknown: 'inDoubt',
    }),
}[guarantee]()
const relay = pattern?.behind ? (pattern.behind(delivered as Chain) as Flow) : delivered

const engine = createEngine(
  defineProject({
    journal: journalOf(),
    connections: { sink: { baseUrl: sinkUrl.origin } },
    flows: [relay, ...(pattern?.flows ?? [])],
    http: { port: env.port },
  }),
  { directory: env.dataDir, outside: { logger: { log: () => undefined } } },
)
await engine.start()
announce(engine.address?.port ?? 0)

onStop(async () => {
  const live = async (): Promise<number> => {
    const { messages } = await engine.admin.status()
    return messages.active + messages.waiting
  }
  while ((await live()) > 0) await new Promise((resolve) => setTimeout(resolve, 50))
  await engine.stop()
})
