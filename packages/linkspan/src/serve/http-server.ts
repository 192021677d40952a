import { createServer, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Duration, durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Clock } from '../model/outside.ts'
import type { HttpApp } from './http-app.ts'
import { nodeListener } from './node-listener.ts'
import { problemAnswer, problemOf } from './problem.ts'
import { type RequestCode, refusal } from './refusal.ts'

/** Where the engine's own server listens. */
export interface HttpServerOptions {
  /** 0 picks a free one. */
  readonly port: number
  /** @default '127.0.0.1' */
  readonly host?: string
  readonly clock: Clock
  /** How long a request's head may take to arrive; its body has as long again. @default '30s' */
  readonly requestTimeout?: Duration
}

/** A listening server. */
export interface HttpServer {
  readonly address: { readonly host: string; readonly port: number }
  /** Where a client on this machine reaches it. */
  readonly url: string
  /** Stops accepting, lets running requests end within the limit, and closes what is left. */
  stop(within: Duration): Promise<void>
}

const KEEP_ALIVE_MS = 65_000
const BACKLOG = 1_024

/**
 * Starts the engine's own server.
 * @throws {LinkspanError} `PORT_IN_USE` when another program listens there, `CONFIG_INVALID` for an address it cannot use.
 */
export async function startHttpServer(app: HttpApp, options: HttpServerOptions): Promise<HttpServer> {
  const timeoutMs = durationMs(options.requestTimeout ?? '30s')
  let stopping = false
  const server = createServer(
    {
      headersTimeout: timeoutMs,
      requestTimeout: 2 * timeoutMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: Math.max(250, Math.min(5_000, timeoutMs / 4)),
      noDelay: true,
    },
    nodeListener(app, () => stopping),
  )
  server.on('clientError', answerClientError)
  const host = options.host ?? '127.0.0.1'
  const { port } = await listen(server, options.port, host)
  return {
    address: { host, port },
    url: `http://${reachable(host)}:${port}`,
    stop(within) {
      stopping = true
      return close(server, options.clock, durationMs(within))
    },
  }
}

function listen(server: Server, port: number, host: string): Promise<AddressInfo> {
  const { promise, resolve, reject } = Promise.withResolvers<AddressInfo>()
  const onError = (error: NodeJS.ErrnoException): void => reject(cannotListen(error, port, host))
  server.once('error', onError)
  server.listen({ port, host, backlog: BACKLOG }, () => {
    server.off('error', onError)
    resolve(server.address() as AddressInfo)
  })
  return promise
}

function cannotListen(error: NodeJS.ErrnoException, port: number, host: string): LinkspanError {
  const details = { port, host }
  if (error.code === 'EADDRINUSE')
    return new LinkspanError(
      'PORT_IN_USE',
      `Port ${port} on ${host} is in use by another program. Stop it, or set http.port to a free port (0 picks one).`,
      { details, cause: error },
    )
  return new LinkspanError(
    'CONFIG_INVALID',
    `The HTTP server cannot listen on ${host}:${port} (${error.code ?? error.message}). Set http.host and http.port to an address of this machine.`,
    { details, cause: error },
  )
}

/** Every address of the machine is no address to connect to. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function close(server: Server, clock: Clock, withinMs: number): Promise<void> {
  if (!server.listening) return
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  const cancelTimer = clock.timer(withinMs, () => server.closeAllConnections())
  await promise
  cancelTimer()
}

const CLIENT_ERRORS: Readonly<Record<string, readonly [RequestCode, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMED_OUT', 'The request did not arrive in time.'],
  HPE_HEADER_OVERFLOW: ['REQUEST_MALFORMED', 'The headers are too large.'],
}

/** Answers what Node's parser refuses before there is a request to answer. */
function answerClientError(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const [code, detail] = CLIENT_ERRORS[error.code ?? ''] ?? [
    'REQUEST_MALFORMED',
    'This is not a valid HTTP request.',
  ]
  const { problem } = problemOf(refusal(code, detail), '/')
  const { status, headers, body } = problemAnswer(problem)
  const text = body as string
  const lines = Object.entries({ ...headers, 'content-length': Buffer.byteLength(text), connection: 'close' })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  socket.end(`HTTP/1.1 ${status} ${problem.title}\r\n${head}\r\n${text}`)
}
