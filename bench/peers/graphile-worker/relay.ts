import { run } from 'graphile-worker'
import { acceptOrders } from '../../participant/accept.ts'
import { deliverer } from '../../participant/deliverer.ts'
import { onStop, participantEnv } from '../../participant/protocol.ts'
import { type Order, transform } from '../../workload/order.ts'

const env = participantEnv()
const sink = deliverer(env.sinkUrl, 64, 'dispatch')
const runner = await run({
  noHandleSignals: true,
  crontab: '',
  taskList: {
    order: async (payload) => {
      const order = payload as Order
      await sink.deliver(order.id, JSON.stringify(transform(order)))
    },
  },
  preset: {
    worker: {
      connectionString: process.env['DATABASE_URL']!,
      maxPoolSize: 20,
      concurrentJobs: 64,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
})
const server = acceptOrders(env.port, (order) => runner.addJob('order', order))

onStop(async () => {
  server.close()
  await runner.stop()
  await sink.close()
})
