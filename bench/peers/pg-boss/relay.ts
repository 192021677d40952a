import { PgBoss } from 'pg-boss'
import { acceptOrders } from '../../participant/accept.ts'
import { deliverer } from '../../participant/deliverer.ts'
import { onStop, participantEnv } from '../../participant/protocol.ts'
import { type Order, transform } from '../../workload/order.ts'

const env = participantEnv()
const sink = deliverer(env.sinkUrl, 64, 'dispatch')
const boss = new PgBoss({ connectionString: process.env['DATABASE_URL']!, max: 20 })
boss.on('error', console.error)

await boss.start()
await boss.createQueue('in')
await boss.work<Order>(
  'in',
  { batchSize: 500, localConcurrency: 4, pollingIntervalSeconds: 0.5 },
  async (jobs) => {
    await Promise.all(jobs.map(({ data }) => sink.deliver(data.id, JSON.stringify(transform(data)))))
  },
)
const server = acceptOrders(env.port, (order) => boss.send('in', order))

onStop(async () => {
  server.close()
  await boss.stop({ graceful: true })
  await sink.close()
})
