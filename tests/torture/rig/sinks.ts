/**
 * The systems that the flows call, one for each guarantee. Each effect is in the log before it is answered.
 * A path begins with the engine that calls: `/2/key`.
 * Usage: `node sinks.ts <folder> <seed> <fault rate> [asked early]`; tells its parent the port it listens on.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { argv, exit } from 'node:process'
import { lineLog } from './line-log.ts'
import { LOGS, type SinkKind, type SinkLine, type Sunk } from './protocol.ts'
import { chanceOf } from './seeded.ts'

type Fault = 'busy' | 'error' | 'drop' | 'applied-error' | 'applied-drop' | 'slow' | 'late'

/**
 * Which faults a sink has, each as likely as the others. `late` applies after a pause, when its caller may be dead:
 * only where a repeated request meets the first one, or the caller asks late enough. Elsewhere no caller could be right.
 */
const FAULTS: Readonly<Record<SinkKind, readonly Fault[]>> = {
  natural: ['busy', 'error', 'drop', 'applied-error', 'applied-drop', 'slow'],
  key: ['busy', 'error', 'drop', 'applied-error', 'applied-drop', 'slow', 'late'],
  verify: ['busy', 'error', 'drop', 'applied-error', 'applied-drop', 'slow', 'late'],
  none: ['busy', 'busy', 'error', 'drop', 'applied-drop', 'slow'],
}
/** From its fifth arrival on a request goes well, so that every message ends. */
const FAULTY_ARRIVALS = 4
/** An engine whose clock is set ahead asks too early: no answer to that is right while a request has yet to be applied. */
const EARLY: Partial<typeof FAULTS> = { verify: FAULTS.verify.filter((fault) => fault !== 'late') }
const PAUSE_MS = 150
/**
 * How long a key that was refused is refused again. The network may bring a request twice, and its caller, who was told that
 * nothing was done, sends it anew under another key: if the second copy took effect then, no caller could be right.
 */
const REFUSED_MS = 2_000

const [, , folder = '.', seedText = '1', rateText = '0.05', asked = ''] = argv
const seed = Number(seedText)
const rate = Number(rateText)
const faultsOf = asked === '' ? FAULTS : { ...FAULTS, ...EARLY }
const log = lineLog<SinkLine>(join(folder, LOGS.sinks))
const arrivals = new Map<string, number>()
/** What is known under a key or mark: the request, and whether it has taken effect. */
const known = new Map<string, { readonly text: string; done: boolean }>()
/** Until when a key is refused. */
const refused = new Map<string, number>()
const counts = { natural: 0, key: 0, verify: 0, none: 0, repeats: 0, faults: 0 }

function faultOf(sink: SinkKind, { flow, n, item }: Sunk): Fault | null {
  const label = `${sink}/${flow}/${n}/${item}`
  const nth = (arrivals.get(label) ?? 0) + 1
  arrivals.set(label, nth)
  if (nth > FAULTY_ARRIVALS) return null
  const chance = chanceOf(seed, `${label}/${nth}`)
  if (chance >= rate) return null
  const faults = faultsOf[sink]
  const fault = faults[Math.floor((chance / rate) * faults.length)] as Fault
  counts.faults += 1
  log.add({ t: 'fault', sink, flow, n, kind: fault })
  return fault
}

function apply(sink: SinkKind, from: number, sunk: Sunk): void {
  const { flow, n, key, item, value } = sunk
  counts[sink] += 1
  log.add({ t: 'effect', sink, at: Date.now(), from, flow, n, key, item, value })
}

function answer(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}

/** A key that is known is answered from memory; true when that was done. A mark is only there to be asked for. */
function answered(sink: SinkKind, mark: string, text: string, sunk: Sunk, response: ServerResponse): boolean {
  const before = known.get(mark)
  if (!before || sink !== 'key') return false
  counts.repeats += 1
  log.add({ t: 'repeat', sink, flow: sunk.flow, n: sunk.n, same: before.text === text })
  if (before.done) answer(response, 200, { echo: sunk.value })
  else answer(response, 409, { problem: 'in progress' })
  return true
}

/** A request that a sink has to do something about. */
interface Arrival {
  /** Puts it into effect. */
  readonly apply: () => void
  readonly answer: (status: number, body: unknown, headers?: Record<string, string>) => void
  readonly well: () => void
  readonly hangUp: () => void
  /** Makes the key known before it is in effect. */
  readonly remember: () => void
}

const BEHAVIOURS: Readonly<Record<Fault | 'none', (arrival: Arrival) => void>> = {
  none: ({ apply, well }) => {
    apply()
    well()
  },
  busy: ({ answer }) => answer(503, { problem: 'busy' }, { 'retry-after': '0' }),
  error: ({ answer }) => answer(500, { problem: 'error' }),
  drop: ({ hangUp }) => hangUp(),
  'applied-error': ({ apply, answer }) => {
    apply()
    answer(500, { problem: 'error after applying' })
  },
  'applied-drop': ({ apply, hangUp }) => {
    apply()
    hangUp()
  },
  slow: ({ apply, well }) => {
    apply()
    setTimeout(well, PAUSE_MS)
  },
  late: ({ apply, well, remember }) => {
    remember()
    setTimeout(() => {
      apply()
      well()
    }, PAUSE_MS)
  },
}

function take(
  sink: SinkKind,
  from: number,
  mark: string | null,
  text: string,
  response: ServerResponse,
): void {
  const sunk = JSON.parse(text) as Sunk
  if (mark !== null && answered(sink, mark, text, sunk, response)) return
  const isRefused = sink === 'key' && mark !== null && Date.now() < (refused.get(mark) ?? 0)
  const fault = isRefused ? 'busy' : faultOf(sink, sunk)
  if (mark !== null && fault === 'busy' && !isRefused) refused.set(mark, Date.now() + REFUSED_MS)
  BEHAVIOURS[fault ?? 'none']({
    apply: () => {
      if (mark !== null) known.set(mark, { text, done: true })
      apply(sink, from, sunk)
    },
    answer: (status, body, headers) => answer(response, status, body, headers),
    well: () => answer(response, 200, { echo: sunk.value }),
    hangUp: () => response.socket?.destroy(),
    remember: () => mark !== null && known.set(mark, { text, done: false }),
  })
}

function ask(mark: string, response: ServerResponse): void {
  const found = known.get(mark)
  if (found?.done) answer(response, 200, { echo: (JSON.parse(found.text) as Sunk).value })
  else answer(response, 404, { problem: 'unknown' })
}

function markOf(sink: SinkKind, request: IncomingMessage): string | null {
  if (sink === 'key') return `key ${String(request.headers['idempotency-key'])}`
  return sink === 'verify' ? `verify ${String(request.headers['x-mark'])}` : null
}

const server = createServer((request, response) => {
  const [, from, sink, rest = ''] = (request.url ?? '').split('/') as [string, string, SinkKind, string?]
  if (request.method === 'GET') {
    ask(`verify ${rest}`, response)
    return
  }
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  // A caller that died in the middle of its request has sent none.
  request.on('end', () =>
    take(sink, Number(from), markOf(sink, request), Buffer.concat(chunks).toString(), response),
  )
  request.on('error', () => undefined)
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }))
setInterval(() => process.send?.({ counts }), 250).unref()
process.on('disconnect', () => exit(0))
process.on('SIGTERM', () => {
  process.send?.({ counts }, undefined, {}, () => exit(0))
})
