import type { IncomingMessage, ServerResponse } from 'node:http'
import { brokenOff, checkAnnounced, joined, type ReadSettings, tooLarge, tooSlow } from './body-limits.ts'
import type { Answer, Exchange } from './exchange.ts'

/**
 * A request of Node's own server as an exchange. Headers are looked up in the raw list: building Node's object of all
 * headers for the few that a route reads costs more than the rest of the request.
 */
export function nodeExchange(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  path: string,
  search: string,
  settings: ReadSettings,
): Exchange {
  const header = (name: string): string | null => rawHeader(incoming.rawHeaders, name)
  return {
    method: incoming.method ?? '',
    path,
    search,
    remoteAddress: () => incoming.socket.remoteAddress ?? null,
    gone: () => goneSignal(outgoing),
    header,
    read: (limit) => readIncoming(incoming, header, limit, settings),
  }
}

function rawHeader(raw: readonly string[], name: string): string | null {
  let value: string | null = null
  for (let at = 0; at < raw.length; at += 2) {
    const found = raw[at] as string
    if (found.length !== name.length || found.toLowerCase() !== name) continue
    value = value === null ? (raw[at + 1] as string) : `${value}, ${raw[at + 1]}`
  }
  return value
}

function goneSignal(outgoing: ServerResponse): AbortSignal {
  const controller = new AbortController()
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) controller.abort()
  })
  return controller.signal
}

/** Listeners stay after the end: they go with the request, and taking them off costs more than leaving them. */
function readIncoming(
  incoming: IncomingMessage,
  header: Exchange['header'],
  limit: number,
  { deadlines, timeoutMs }: ReadSettings,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    checkAnnounced(header, limit)
    if (incoming.destroyed && !incoming.readableEnded) throw brokenOff()
    const chunks: Buffer[] = []
    let size = 0
    let settled = false
    const fail = (error: Error): void => {
      if (settled) return
      settled = true
      cancelTimer()
      incoming.pause()
      reject(error)
    }
    const cancelTimer = deadlines.start(timeoutMs, () => fail(tooSlow(timeoutMs)))
    incoming.on('data', (chunk: Buffer) => {
      if (settled) return
      size += chunk.length
      if (size > limit) fail(tooLarge(limit))
      else chunks.push(chunk)
    })
    incoming.on('end', () => {
      if (settled) return
      settled = true
      cancelTimer()
      resolve(joined(chunks, size))
    })
    incoming.on('close', () => {
      if (!settled) fail(brokenOff())
    })
  })
}

const SMALL_REST = 64 * 1_024

/** Writes an answer with a text or no body. What was not read of the request is drained, or the connection closed. */
export function writeAnswer(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  answer: Answer,
  settings: ReadSettings,
  closing: boolean,
): void {
  if (outgoing.destroyed) return
  const text = typeof answer.body === 'string' ? answer.body : ''
  const rest = incoming.readableEnded ? 0 : restOf(incoming)
  const headers: Record<string, string | number> = { ...answer.headers }
  const size = Buffer.byteLength(text)
  if (answer.status !== 204) headers['content-length'] = size
  if (closing || rest > SMALL_REST || (rest > 0 && answer.status === 408)) headers['connection'] = 'close'
  outgoing.writeHead(answer.status, headers)
  if (rest > SMALL_REST) linger(incoming, outgoing, text, settings)
  else outgoing.end(text, size === text.length ? 'latin1' : 'utf8')
}

/** How much of the body may still come: unknown lengths count as much. */
function restOf(incoming: IncomingMessage): number {
  if (incoming.complete && incoming.readableLength === 0) return 0
  if (rawHeader(incoming.rawHeaders, 'transfer-encoding') !== null) return Number.POSITIVE_INFINITY
  return Number(rawHeader(incoming.rawHeaders, 'content-length') ?? 0)
}

const LINGER_BYTES = 4 * 1_024 * 1_024
const LINGER_MS = 1_000

/**
 * A connection that is closed while its client still sends is reset, and the client may never read the answer. So the
 * rest is read for a moment before the end is written.
 */
function linger(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  text: string,
  { clock }: ReadSettings,
): void {
  let left = LINGER_BYTES
  const finish = (): void => {
    cancelTimer()
    incoming.off('data', onData).off('end', finish).off('close', finish)
    if (!outgoing.writableEnded) outgoing.end()
  }
  const onData = (chunk: Buffer): void => {
    left -= chunk.length
    if (left < 0) finish()
  }
  const cancelTimer = clock.timer(LINGER_MS, finish)
  outgoing.write(text)
  incoming.on('data', onData).on('end', finish).on('close', finish)
  incoming.on('error', () => undefined)
  incoming.resume()
}
