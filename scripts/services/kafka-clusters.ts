import type { Cluster } from './kafka.ts'

/** One broker: what most tests and the benchmarks use. */
export const single: Cluster = {
  id: 'linkspan-single.',
  about: 'Apache Kafka, one broker',
  brokers: [
    { service: 'kafka', id: 1, port: 17_092, loginPort: 17_094, controllerPort: 17_093, heapMiB: 512 },
  ],
}

/** Three brokers, of which one may fail. */
export const triple: Cluster = {
  id: 'linkspan-triple.',
  about: 'Apache Kafka, one of three',
  brokers: [1, 2, 3].map((id) => ({
    service: `kafka-${id}`,
    id,
    port: 17_092 + id * 100,
    loginPort: 17_094 + id * 100,
    controllerPort: 17_093 + id * 100,
    heapMiB: 192,
  })),
}
