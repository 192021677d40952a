import { Admin, Consumer, type MessageToProduce, Producer } from '@platformatic/kafka'
import type { Shipment } from '../workload/order.ts'
import { orderOf } from '../workload/request.ts'

/** What a relay put on its topic, as the broker's clock has it. */
export type Arrived = {
  /** Records per second, from when the first fifth was there to the last one: who compiles as it goes has done so by then. */
  readonly rate: number
  readonly delivered: number
  readonly doubled: number
  readonly lost: number
}

const CLIENT = 'linkspan-bench'
const ALL = -1
const PER_REQUEST = 1_000

/** Every tenth order is not to be delivered. */
export const isDelivered = (sequence: number): boolean => sequence % 10 !== 0

/** How many of so many orders are to be delivered. */
export const deliveredOf = (orders: number): number => orders - Math.ceil(orders / 10)

/** Makes two topics and puts orders on the first one, spread over its partitions in turn. */
export const fill = async (
  brokers: string,
  topics: { readonly from: string; readonly to: string },
  partitions: number,
  orders: number,
): Promise<void> => {
  const base = { clientId: CLIENT, bootstrapBrokers: [brokers] }
  const admin = new Admin(base)
  await admin.createTopics({
    topics: [topics.from, topics.to],
    partitions,
    replicas: 1,
    configs: [{ name: 'message.timestamp.type', value: 'LogAppendTime' }],
  })
  await admin.close()
  const producer = new Producer({ ...base, idempotent: true, acks: ALL })
  for (let first = 0; first < orders; first += PER_REQUEST) {
    const count = Math.min(PER_REQUEST, orders - first)
    const messages = Array.from({ length: count }, (_, at) => recordOf(topics.from, first + at, partitions))
    await producer.send({ messages })
  }
  await producer.close()
}

type Bytes = MessageToProduce<Buffer, Buffer, Buffer, Buffer>

const recordOf = (topic: string, sequence: number, partitions: number): Bytes => ({
  topic,
  partition: sequence % partitions,
  key: Buffer.from(`customer-${sequence % 1_000}`),
  value: Buffer.from(JSON.stringify(orderOf(sequence, isDelivered(sequence) ? 'SEK' : 'XXX'))),
})

/** How many records a topic has. */
export const countOf = async (brokers: string, topic: string, partitions: number): Promise<number> => {
  const admin = new Admin({ clientId: CLIENT, bootstrapBrokers: [brokers] })
  try {
    const [found] = await admin.listOffsets({
      topics: [
        {
          name: topic,
          partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
            partitionIndex,
            timestamp: -1n,
          })),
        },
      ],
    })
    return (found?.partitions ?? []).reduce((sum, { offset }) => sum + Number(offset), 0)
  } finally {
    await admin.close()
  }
}

/** Reads all of a topic, and holds it against the orders that were put on the other one. */
export const arrivedOn = async (
  brokers: string,
  topic: string,
  records: number,
  orders: number,
): Promise<Arrived> => {
  const consumer = new Consumer({
    clientId: CLIENT,
    bootstrapBrokers: [brokers],
    groupId: `${topic}-check`,
    autocommit: false,
  })
  const seen = new Set<string>()
  const times: number[] = []
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest' })
  for await (const { value, timestamp } of stream) {
    seen.add((JSON.parse(value.toString()) as Shipment).id)
    times.push(Number(timestamp))
    if (times.length === records) break
  }
  await stream.close()
  await consumer.close(true)
  const delivered = seen.size
  return {
    rate: rateOf(times.sort((a, b) => a - b)),
    delivered,
    doubled: times.length - delivered,
    lost: deliveredOf(orders) - delivered,
  }
}

const rateOf = (times: readonly number[]): number => {
  const warm = Math.floor(times.length / 5)
  return ((times.length - warm) * 1e3) / ((times.at(-1) ?? 0) - (times[warm] ?? 0))
}
