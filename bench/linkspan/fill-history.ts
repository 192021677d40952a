/**
 * Fills a journal with ended messages, as a relay that has run for long has them: LINKSPAN_ENDED of them, in the
 * journal in DATA_DIR, each with its body and the record of its one call.
 */
import { join } from 'node:path'
import { type Batch, type Journal, seal, sealJson, sqlite } from 'linkspan/journal'
import { participantEnv } from '../participant/protocol.ts'
import { type Order, transform } from '../workload/order.ts'
import { orderBody } from '../workload/request.ts'

const env = participantEnv({ SINK_URL: 'http://unused', ...process.env })
const count = Number(process.env['LINKSPAN_ENDED'] ?? 5_000_000)
const GROUP = 2_000
const outside = {
  clock: {
    now: Date.now,
    monotonic: () => performance.now(),
    timer: () => () => undefined,
    defer: setImmediate,
  },
  logger: { log: () => undefined },
}

const body = orderBody
const order = JSON.parse(body) as Order
const shipment = transform(order)
const journal = await sqlite('journal.db').open({ ...outside, directory: join(env.dataDir) })
let id = 0

for (let done = 0; done < count; done += GROUP) await fill(journal, Math.min(GROUP, count - done), Date.now())
await journal.close()

async function fill(into: Journal, size: number, at: number): Promise<void> {
  const tokens = Array.from({ length: size }, (_, n) => `${(id + n).toString(36).padStart(12, '0')}`)
  const { accepted } = await into.commit({
    ...batch(),
    accept: tokens.map((token) => ({
      flow: 'relay',
      key: null,
      token,
      acceptedAt: at,
      codeVersion: 'filled',
      headers: {},
      body: seal(Buffer.from(body), `b:${token}`, 'json'),
      parent: null,
      partition: 0,
      handOver: false,
      handedUpTo: 0,
      ready: false,
      dedupe: null,
      index: null,
    })),
  })
  await into.commit({
    ...batch(),
    settle: accepted.map(({ seq }) => ({
      seq,
      ending: 'done',
      endedAt: at,
      attempt: 0,
      n: 0,
      reason: '',
      frame: sealJson([{ t: 'done', p: 'deliver', at, ms: 2, g: 0, i: shipment }], `r:${seq}:0`),
    })),
  })
}

function batch(): Batch {
  id += 1
  return {
    id,
    accept: [],
    records: [],
    waits: [],
    settle: [],
    revive: [],
    state: [],
    cursors: [],
    lowWater: 1,
  }
}
