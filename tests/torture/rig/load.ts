/**
 * Posts messages and keeps a log: each before it is sent, and each acceptance before it goes on.
 * Each key is a lane of its own that posts one message at a time, so the order of acceptance per key is known.
 * Where there are several engines, each message goes to the next one, and one that does not answer in time is given up.
 * Usage: `node load.ts <folder> <ports> <seed> <lanes per flow> <pause ms>`, ports with commas; ends by SIGTERM.
 */
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { setTimeout as pause } from 'node:timers/promises'
import { lineLog } from './line-log.ts'
import { FLOWS, type FlowName, LOGS, type LoadLine, type Posted } from './protocol.ts'
import { seeded } from './seeded.ts'

const [, , folder = '.', portsText = '', seedText = '1', lanesText = '8', pauseText = '40'] = argv
const ports = portsText.split(',').map(Number)
const seed = Number(seedText)
const lanes = Number(lanesText)
const pauseMs = Number(pauseText)

const agent = new Agent({ keepAlive: true, maxSockets: 512 })
const log = lineLog<LoadLine>(join(folder, LOGS.load))
const counts = { sent: 0, accepted: 0, refused: 0, unavailable: 0, unknown: 0 }
let nextN = 0
let turn = 0
let stopping = false

type Outcome =
  | { readonly kind: 'answer'; readonly status: number; readonly text: string; readonly location: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'broken' }

/** A stopped engine takes connections and does not answer. One engine alone is waited for. */
function patienceMs(flow: FlowName): number {
  if (ports.length === 1) return 0
  return flow === 'ask' ? REPLY_PATIENCE_MS : PATIENCE_MS
}

const PATIENCE_MS = 2_000
/** Longer than the flow's own limit. */
const REPLY_PATIENCE_MS = 6_000

function post(flow: FlowName, body: Posted): Promise<Outcome> {
  const text = JSON.stringify(body)
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    ...(flow === 'once' ? { 'x-delivery': String(body.n) } : {}),
  }
  const port = ports[turn++ % ports.length]
  return new Promise((resolve) => {
    const outgoing = request({ agent, host: '127.0.0.1', port, method: 'POST', path: `/${flow}`, headers })
    const patience = patienceMs(flow)
    const late = patience > 0 ? setTimeout(() => outgoing.destroy(), patience) : undefined
    outgoing.on('close', () => {
      clearTimeout(late)
      resolve({ kind: 'broken' })
    })
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: error.code === 'ECONNREFUSED' ? 'refused' : 'broken' }),
    )
    outgoing.on('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', () => resolve({ kind: 'broken' }))
      response.on('end', () =>
        resolve({
          kind: 'answer',
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          location: response.headers.location ?? '',
        }),
      )
    })
    outgoing.end(text)
  })
}

/** Sends and writes down what came of it. */
async function send(flow: FlowName, body: Posted): Promise<'accepted' | 'refused' | 'unknown'> {
  const { n, key, items } = body
  counts.sent += 1
  log.add({ t: 'sent', flow, n, key, at: Date.now(), ...(items === undefined ? {} : { items }) })
  const outcome = await post(flow, body)
  if (outcome.kind === 'answer' && outcome.status >= 200 && outcome.status < 300) {
    counts.accepted += 1
    log.add(acceptance(n, outcome))
    return 'accepted'
  }
  if (outcome.kind === 'refused' || (outcome.kind === 'answer' && NOT_ACCEPTED.has(outcome.status))) {
    counts.refused += 1
    if (outcome.kind === 'answer' && outcome.status === UNAVAILABLE) counts.unavailable += 1
    log.add({ t: 'refused', n, status: outcome.kind === 'answer' ? outcome.status : 0 })
    return 'refused'
  }
  counts.unknown += 1
  log.add({ t: 'unknown', n })
  return 'unknown'
}

/** Answers that say that nothing was accepted. A 500 says nothing. */
const UNAVAILABLE = 503
const NOT_ACCEPTED: ReadonlySet<number> = new Set([400, 404, 413, 415, 422, 429, UNAVAILABLE])

function acceptance(n: number, { status, text, location }: Extract<Outcome, { kind: 'answer' }>): LoadLine {
  const body = JSON.parse(text) as { readonly id?: string }
  const id = status === 202 ? String(body.id) : decodeURIComponent(location.split('/').at(-1) ?? '')
  return status === 202 ? { t: 'accepted', n, id } : { t: 'accepted', n, id, reply: body }
}

async function lane(flow: FlowName, key: string, random: () => number): Promise<void> {
  while (!stopping) {
    await pause(random() * 2 * pauseMs)
    nextN += 1
    const body: Posted = {
      n: nextN,
      key,
      ...(flow === 'split' ? { items: 1 + Math.floor(random() * 6) } : {}),
    }
    const first = await send(flow, body)
    if (flow === 'first' || flow === 'once') await again(flow, body, first)
    if (first === 'refused') await pause(60 + random() * 120)
  }
}

/** `once`: a sender that repeats its delivery until it knows. `first`: one that sends everything twice. */
async function again(flow: FlowName, body: Posted, first: string): Promise<void> {
  if (flow === 'first') return void (await send(flow, body))
  for (let last = first, times = 0; times < 200 && (last !== 'accepted' || times === 0); times++) {
    if (last !== 'accepted') await pause(30)
    last = await send(flow, body)
  }
}

process.on('disconnect', () => exit(0))
process.on('SIGTERM', () => {
  stopping = true
})
setInterval(() => process.send?.({ counts }), 250).unref()

const all = FLOWS.flatMap((flow, at) =>
  Array.from({ length: lanes }, (_, nth) => lane(flow, `${flow}-${nth}`, seeded(seed + at * 1_000 + nth))),
)
await Promise.all(all)
process.send?.({ counts }, undefined, {}, () => exit(0))
