import { DBOS } from '@dbos-inc/dbos-sdk'
import { acceptOrders } from '../../participant/accept.ts'
import { deliverer } from '../../participant/deliverer.ts'
import { onStop, participantEnv } from '../../participant/protocol.ts'
import { type Order, transform } from '../../workload/order.ts'

const env = participantEnv()
const sink = deliverer(env.sinkUrl, 64, 'dispatch')

const relay = DBOS.registerWorkflow(
  async (order: Order): Promise<void> => {
    const shipment = await DBOS.runStep(async () => transform(order), { name: 'transform' })
    await DBOS.runStep(() => sink.deliver(order.id, JSON.stringify(shipment)), { name: 'deliver' })
  },
  { name: 'relay' },
)

DBOS.setConfig({
  name: 'linkspan-bench',
  systemDatabaseUrl: process.env['DATABASE_URL']!,
  systemDatabasePoolSize: 20,
  logLevel: 'error',
})
await DBOS.launch()
const server = acceptOrders(env.port, (order) => DBOS.startWorkflow(relay, { workflowID: order.id })(order))

onStop(async () => {
  server.close()
  await DBOS.shutdown()
  await sink.close()
})
