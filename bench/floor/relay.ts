/**
 * The floor: the barest relay that keeps promise 1 by hand. node:http, one SQLite table, group commit with
 * fsync, undici. No retries, no order, no bounds, no metrics, no flow: what is left is what the job costs.
 * bench/floor/README.md lists its variants and says what may change here.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { deliverer } from '../participant/deliverer.ts'
import { announce, onStop, participantEnv } from '../participant/protocol.ts'
import { type Order, transform } from '../workload/order.ts'
import { mainCommitter, workerCommitter } from './committer.ts'

const concurrency = Number(process.env['FLOOR_CONCURRENCY'] ?? 64)
const env = participantEnv()
const file = join(env.dataDir, 'floor.db')
const committer = process.env['FLOOR_STORE'] === 'worker' ? await workerCommitter(file) : mainCommitter(file)
const sink = deliverer(
  env.sinkUrl,
  concurrency,
  process.env['FLOOR_CLIENT'] === 'request' ? 'request' : 'dispatch',
)

type Pending = { readonly seq: number; readonly order: Order }

let queue: Pending[] = []
let taken = 0
let active = 0
let drained: (() => void) | undefined

const enqueue = (pending: Pending): void => {
  queue.push(pending)
  if (active < concurrency) void work()
}

const work = async (): Promise<void> => {
  active += 1
  for (let next = take(); next !== undefined; next = take()) {
    await sink.deliver(next.order.id, JSON.stringify(transform(next.order)))
    committer.done(next.seq)
  }
  active -= 1
  if (active === 0) drained?.()
}

const take = (): Pending | undefined => {
  const next = queue[taken]
  taken += 1
  if (next === undefined || taken === 4096) {
    queue = queue.slice(taken)
    taken = 0
  }
  return next
}

const accept = (body: Buffer, response: ServerResponse): void => {
  const order = parse(body)
  if (order === undefined) {
    reply(response, 400)
    return
  }
  committer.accept(body, (seq) => {
    reply(response, 202)
    enqueue({ seq, order })
  })
}

const parse = (body: Buffer): Order | undefined => {
  try {
    return JSON.parse(body.toString()) as Order
  } catch {
    return undefined
  }
}

const reply = (response: ServerResponse, status: number): void => {
  response.writeHead(status, { 'content-length': 0 })
  response.end()
}

const receive = (request: IncomingMessage, response: ServerResponse): void => {
  if (request.method !== 'POST' || request.url !== '/in') {
    reply(response, 404)
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => accept(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks), response))
}

for (const row of await committer.pending()) {
  enqueue({ seq: row.seq, order: JSON.parse(Buffer.from(row.body).toString()) as Order })
}

const server = createServer(receive)
server.listen(env.port, '127.0.0.1', 1024, () => announce((server.address() as AddressInfo).port))

onStop(async () => {
  server.close()
  server.closeIdleConnections()
  if (active > 0) {
    await new Promise<void>((resolve) => {
      drained = resolve
    })
  }
  await committer.close()
  await sink.close()
})
