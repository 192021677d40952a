import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { acceptOrders } from '../../participant/accept.ts'
import { deliverer } from '../../participant/deliverer.ts'
import { onStop, participantEnv } from '../../participant/protocol.ts'
import { type Order, transform } from '../../workload/order.ts'

const env = participantEnv()
const connect = () =>
  new Redis(Number(process.env['REDIS_PORT']), '127.0.0.1', { maxRetriesPerRequest: null })
const name = `in-${process.env['RUN_ID']}`
const sink = deliverer(env.sinkUrl, 64, 'dispatch')
const clients = [connect(), connect()]
const queue = new Queue<Order>(name, {
  connection: clients[0]!,
  defaultJobOptions: { removeOnComplete: true },
})
const worker = new Worker<Order>(
  name,
  (job) => sink.deliver(job.data.id, JSON.stringify(transform(job.data))),
  { connection: clients[1]!, concurrency: 64 },
)

await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
const server = acceptOrders(env.port, (order) => queue.add('order', order))

onStop(async () => {
  server.close()
  await worker.close()
  await queue.close()
  for (const client of clients) client.disconnect()
  await sink.close()
})
