import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type LineLog, openLog } from '../lib/ndjson.ts'
import { type Fault, type SinkLine, UNKNOWN_OUTCOME } from '../protocol.ts'
import { type FaultRates, misbehave, NO_OUTAGES, type Outages } from './faults.ts'
import { type Route, refusal, type Simulator, type SinkAnswer, type SinkRequest } from './sink.ts'

/** How a simulator is served. */
export interface SinkServerOptions {
  readonly seed: number
  readonly rates: FaultRates
  /** @default none */
  readonly outages?: Outages
  /** The file of its log. */
  readonly log: string
}

/** A simulator that listens. */
export interface SinkServer {
  readonly url: string
  close(): Promise<void>
}

const LONGEST_BODY = 1_000_000
const LONGEST_HANG_MS = 60_000
const SOON = { 'retry-after': '1' }
const ASK_FAULTS: readonly Fault[] = [
  'error-500',
  'error-503',
  'limit-429',
  'drop-before',
  'slow-after',
  'not-json',
]

interface Sitting {
  readonly simulator: Simulator
  readonly options: SinkServerOptions
  readonly log: LineLog<SinkLine>
  /** Attempts seen, by the identity of the request. */
  readonly attempts: Map<string, number>
  requests: number
  unknownOutcomes: number
  closing: boolean
}

interface Exchange {
  readonly sitting: Sitting
  readonly request: number
  readonly response: ServerResponse
  unknownCounted: boolean
}

/** Serves a simulator on a free port of 127.0.0.1. Everything it does is in its log before the caller hears of it. */
export async function serveSink(simulator: Simulator, options: SinkServerOptions): Promise<SinkServer> {
  const log = openLog<SinkLine>(options.log)
  const sitting: Sitting = {
    simulator,
    options,
    log,
    attempts: new Map(),
    requests: 0,
    unknownOutcomes: 0,
    closing: false,
  }
  const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
    sitting.requests += 1
    const exchange: Exchange = { sitting, request: sitting.requests, response, unknownCounted: false }
    handle(exchange, incoming).catch((error: unknown) => {
      console.error(`${simulator.sink}: ${error instanceof Error ? error.stack : String(error)}`)
      response.destroy()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => closeServer(server, sitting) }
}

async function closeServer(server: Server, sitting: Sitting): Promise<void> {
  sitting.closing = true
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
  sitting.log.close()
}

async function handle(exchange: Exchange, incoming: IncomingMessage): Promise<void> {
  const request = await readRequest(incoming)
  const { sitting } = exchange
  const route =
    request === null
      ? refusal(400, `The body is not JSON, or longer than ${LONGEST_BODY} bytes.`)
      : sitting.simulator.route(request)
  if ('perform' in route && route.kind === 'look') return send(exchange, route.perform())
  const attempt = 'perform' in route ? countAttempt(sitting, route) : 1
  const { fault, delayMs } =
    'perform' in route ? faultOf(sitting, route, attempt) : { fault: null, delayMs: 0 }
  sitting.log.write({
    event: 'request',
    request: exchange.request,
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    deliveryId: 'perform' in route ? route.deliveryId : null,
    attempt,
    fault,
  })
  if (!('perform' in route)) return reply(exchange, route, null)
  watchCaller(exchange)
  await act(exchange, route, fault, delayMs)
}

function countAttempt(sitting: Sitting, route: Route): number {
  const attempt = (sitting.attempts.get(route.identity) ?? 0) + 1
  sitting.attempts.set(route.identity, attempt)
  return attempt
}

function faultOf(sitting: Sitting, route: Route, attempt: number): { fault: Fault | null; delayMs: number } {
  const { seed, rates, outages = NO_OUTAGES } = sitting.options
  if (route.kind === 'apply' && outages.refuses(Date.now())) return { fault: 'error-503', delayMs: 0 }
  const { fault, delayMs } = misbehave(seed, sitting.simulator.sink, route.identity, attempt, rates)
  const possible = route.kind === 'apply' || (fault !== null && ASK_FAULTS.includes(fault))
  return { fault: possible ? fault : null, delayMs }
}

async function act(exchange: Exchange, route: Route, fault: Fault | null, delayMs: number): Promise<void> {
  const before = refuseBefore(fault)
  if (before) return reply(exchange, before, fault)
  if (fault === 'drop-before') return vanish(exchange, fault)
  if (fault === 'slow-before') await pause(delayMs)
  const answer = route.perform()
  if (answer.effect)
    exchange.sitting.log.write({ event: 'effect', request: exchange.request, ...answer.effect })
  if (fault === 'drop-after') return vanish(exchange, fault)
  if (fault === 'hang-after') return hang(exchange)
  if (fault === 'slow-after') await pause(delayMs)
  reply(exchange, answer, fault)
}

function refuseBefore(fault: Fault | null): SinkAnswer | null {
  if (fault === 'error-500') return refusal(500, 'Something broke.')
  // Without Retry-After a 503 may come from a proxy that lost its server, so callers rightly call it unknown.
  if (fault === 'error-503') return { ...refusal(503, 'Not available now; nothing was done.'), headers: SOON }
  if (fault === 'limit-429') return { ...refusal(429, 'Too many requests.'), headers: SOON }
  return null
}

function vanish(exchange: Exchange, fault: Fault): void {
  logReply(exchange, null, fault, fault)
  exchange.response.destroy()
}

function hang(exchange: Exchange): void {
  logReply(exchange, null, 'hang-after', 'hang-after')
  setTimeout(() => exchange.response.destroy(), LONGEST_HANG_MS).unref()
}

function reply(exchange: Exchange, answer: SinkAnswer, fault: Fault | null): void {
  logReply(exchange, answer.status, fault, answer.note)
  if (fault === 'not-json') sendPage(exchange)
  else send(exchange, answer)
}

function sendPage({ response }: Exchange): void {
  response.writeHead(200, { 'content-type': 'text/html' })
  response.end('<html><body>It works!</body></html>')
}

function send(exchange: Exchange, answer: SinkAnswer): void {
  const type = answer.status >= 400 ? 'application/problem+json' : 'application/json'
  exchange.response.writeHead(answer.status, { 'content-type': type, ...answer.headers })
  exchange.response.end(JSON.stringify(answer.body))
}

function logReply(exchange: Exchange, status: number | null, fault: Fault | null, note: string): void {
  const { sitting, request } = exchange
  const unknown = fault !== null && UNKNOWN_OUTCOME.includes(fault)
  if (unknown) countUnknown(exchange)
  sitting.log.write({
    event: 'reply',
    request,
    status,
    unknown,
    unknownOutcomes: sitting.unknownOutcomes,
    note,
  })
}

// A caller that is killed while it waits does not know the outcome either.
function watchCaller(exchange: Exchange): void {
  const { sitting, request, response } = exchange
  response.on('close', () => {
    if (response.writableFinished || exchange.unknownCounted || sitting.closing) return
    countUnknown(exchange)
    sitting.log.write({ event: 'gone', request, unknownOutcomes: sitting.unknownOutcomes })
  })
}

function countUnknown(exchange: Exchange): void {
  if (exchange.unknownCounted) return
  exchange.unknownCounted = true
  exchange.sitting.unknownOutcomes += 1
}

async function readRequest(incoming: IncomingMessage): Promise<SinkRequest | null> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > LONGEST_BODY) return null
    chunks.push(chunk)
  }
  const url = new URL(incoming.url ?? '/', 'http://simulator')
  const text = Buffer.concat(chunks).toString()
  try {
    const body: unknown = text === '' ? null : JSON.parse(text)
    return { method: incoming.method ?? '', url, headers: incoming.headers, body }
  } catch {
    return null
  }
}
