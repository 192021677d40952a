/** From topic to topic as a flow. LINKSPAN_DURABILITY=source leaves its messages in the topic (default: the journal keeps them). */
import { createEngine, defineProject, flow, sqlite } from 'linkspan'
import { kafka } from 'linkspan/kafka'
import { announce, onStop } from '../participant/protocol.ts'
import { type Order, type Shipment, transform } from '../workload/order.ts'
import { relayEnv } from './relay-env.ts'

interface Shipped {
  readonly key: string | null
  readonly shipment: Shipment
}

const env = relayEnv()
const topics = kafka('topics')
const shipments = topics.produce({
  name: 'shipments',
  topic: env.to,
  key: ({ key }: Shipped) => key,
  value: ({ shipment }) => shipment,
  guarantee: 'natural',
})

const isSource = process.env['LINKSPAN_DURABILITY'] === 'source'

const relay = flow('relay', isSource ? { durability: 'source' } : {})
  .from(
    topics.consume<Order>({
      topic: env.from,
      group: env.group,
      from: 'earliest',
      // The broker is one, so its topics have one copy.
      ...(isSource ? { minInSync: 1 } : {}),
    }),
  )
  .filter('to deliver', (order) => order.currency !== 'XXX')
  .map('shipment', transform)
  .to('ship', shipments, { input: (shipment, { key }) => ({ key, shipment }) })

const engine = createEngine(
  defineProject({
    journal: sqlite('journal.db'),
    connections: { topics: { brokers: env.brokers } },
    flows: [relay],
  }),
  { directory: env.dataDir, outside: { logger: { log: () => undefined } } },
)
await engine.start()
announce()
onStop(() => engine.stop())
