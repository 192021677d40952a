/**
 * Fills a journal with ended messages, as a relay that has run for long has them: LINKSPAN_ENDED of them, in the
 * journal in DATA_DIR, each with its body and the record of its one call.
 */
import { type Journal, seal, sealJson, sqlite } from 'linkspan/journal'
import { participantEnv } from '../participant/protocol.ts'
import { type Order, transform } from '../workload/order.ts'
import { orderBody } from '../workload/request.ts'
import { batchOf, filledEnding, filledMessage, outside } from './filling.ts'

const env = participantEnv({ SINK_URL: 'http://unused', ...process.env })
const count = Number(process.env['LINKSPAN_ENDED'] ?? 5_000_000)
const GROUP = 2_000

const body = orderBody
const order = JSON.parse(body) as Order
const shipment = transform(order)
const journal = await sqlite('journal.db').open(outside(env.dataDir))
let id = 0

for (let done = 0; done < count; done += GROUP) await fill(journal, Math.min(GROUP, count - done), Date.now())
await journal.close()

async function fill(into: Journal, size: number, at: number): Promise<void> {
  const tokens = Array.from({ length: size }, (_, n) => `${(id + n).toString(36).padStart(12, '0')}`)
  const accept = tokens.map((token) =>
    filledMessage(token, at, seal(Buffer.from(body), `b:${token}`, 'json')),
  )
  id += 1
  const { accepted } = await into.commit(batchOf(id, { accept }))
  const call = [{ t: 'done', p: 'deliver', at, ms: 2, g: 0, i: shipment }]
  id += 1
  const settle = accepted.map(({ seq }) => filledEnding(seq, at, sealJson(call, `r:${seq}:0`)))
  await into.commit(batchOf(id, { settle }))
}
