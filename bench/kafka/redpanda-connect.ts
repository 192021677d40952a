/** The relay as a stream of Redpanda Connect: this process becomes the program that runs it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { relayEnv } from './relay-env.ts'
import { binary } from './redpanda-connect-binary.ts'

const { brokers, from, to, group, dataDir } = relayEnv()
const config = {
  http: { enabled: false },
  logger: { level: 'NONE' },
  input: {
    kafka_franz: {
      seed_brokers: [brokers],
      topics: [from],
      consumer_group: group,
      start_from_oldest: true,
      batching: { count: 1000, period: '10ms' },
    },
  },
  pipeline: {
    processors: [
      {
        mapping: `
root = if this.currency == "XXX" { deleted() } else {
  {
    "id": this.id,
    "at": this.at,
    "to": this.customer.name + ", " + this.customer.city,
    "currency": this.currency,
    "total": (this.lines.map_each(line -> line.quantity * line.price).sum() * 100).round() / 100,
    "items": this.lines.map_each(line -> {
      "sku": line.sku,
      "label": line.quantity.string() + " x " + line.title.uppercase(),
      "quantity": line.quantity
    }),
    "note": this.note.trim()
  }
}`,
      },
    ],
  },
  output: {
    kafka_franz: {
      seed_brokers: [brokers],
      topic: to,
      key: `\${! meta("kafka_key") }`,
      idempotent_write: true,
      max_in_flight: 10,
    },
  },
}
const file = join(dataDir, 'stream.json')
writeFileSync(file, JSON.stringify(config))
if (process.execve === undefined) throw new Error('A Node is needed that can replace itself (execve).')
process.execve(binary(), ['redpanda-connect', 'run', file], process.env as Record<string, string>)
