/** The bare loop on the same client library: a chunk of records, one request, one commit of their places. */
import { Consumer, type Message, Producer } from '@platformatic/kafka'
import { announce, onStop } from '../participant/protocol.ts'
import { type Order, transform } from '../workload/order.ts'
import { relayEnv } from './relay-env.ts'

const { brokers, from, to, group } = relayEnv()
const MOST = 1_000
const base = { clientId: 'bare', bootstrapBrokers: [brokers] }
const producer = new Producer({ ...base, idempotent: true, acks: -1 })
const consumer = new Consumer({ ...base, groupId: group, autocommit: false })

type Raw = Message<Buffer, Buffer, Buffer, Buffer>

const relay = async (records: readonly Raw[]): Promise<void> => {
  const messages = records.flatMap(({ key, value }) => {
    const order = JSON.parse(value.toString()) as Order
    return order.currency === 'XXX'
      ? []
      : [{ topic: to, key, value: Buffer.from(JSON.stringify(transform(order))) }]
  })
  if (messages.length > 0) await producer.send({ messages })
  const places = new Map(records.map((record) => [record.partition, record]))
  const offsets = [...places.values()].map(({ topic, partition, offset }) => ({
    topic,
    partition,
    offset: offset + 1n,
    leaderEpoch: -1,
  }))
  await consumer.commit({ offsets })
}

const stream = await consumer.consume({ topics: [from], mode: 'committed', fallbackMode: 'earliest' })
onStop(async () => {
  await stream.close()
  await Promise.all([consumer.close(true), producer.close()])
})
announce()

let gathered: Raw[] = []
for await (const record of stream) {
  gathered.push(record)
  if (gathered.length < MOST && stream.readableLength > 0) continue
  await relay(gathered)
  gathered = []
}
