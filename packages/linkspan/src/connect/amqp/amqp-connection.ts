import type { Socket } from 'node:net'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { within } from '../within.ts'
import type { AmqpAddress, ReadAmqpConfig } from './amqp-config.ts'
import { amqpError } from './amqp-error.ts'
import type { AmqpPackage, RheaConnection, RheaSession } from './amqp-package.ts'
import { type Prefixes, prefixesOf } from './destination.ts'
import type { DialTo } from './dial.ts'

/** What a connection is made with. */
export interface Opening {
  readonly library: AmqpPackage
  readonly config: ReadAmqpConfig
  readonly clock: Clock
  readonly dialTo: DialTo
  /** The name by which the broker knows this connection. */
  readonly containerId: string
}

/** One connection that is open; once lost it stays so. */
export interface AmqpConnection {
  /** The broker's address, for people. */
  readonly system: string
  readonly prefixes: Prefixes
  /** Why it is not open any more. */
  readonly lost: unknown
  /** A session of its own, begun. */
  session(): RheaSession
  /** Calls back once when the connection is lost, at once where it is; the answer takes that back. */
  onLost(run: (reason: unknown) => void): () => void
  /** Says goodbye, and hangs up where nobody answers. */
  close(): Promise<void>
}

/** Opens a connection to the first broker of the list that lets us in. */
export async function openConnection(opening: Opening): Promise<AmqpConnection> {
  const { url } = opening.config
  for (const [nth, address] of url.entries()) {
    try {
      return await openTo(address, opening)
    } catch (error) {
      if (nth === url.length - 1) throw error
    }
  }
  throw new LinkspanError('CONFIG_INVALID', 'AMQP: the connection has no url.')
}

const CLOSE_WITHIN_MS = 2_000

async function openTo(address: AmqpAddress, opening: Opening): Promise<AmqpConnection> {
  const { clock, config } = opening
  const system = `${address.host}:${address.port}`
  const { connection, socket } = start(address, opening)
  const line = createLine(connection, socket)
  const opened = new Promise<void>((resolve, reject) => {
    connection.once('connection_open', () => resolve())
    line.onLost(reject)
  })
  const cancel = clock.timer(config.connectTimeout, () =>
    line.lose(new Error(`nothing came of it within ${config.connectTimeout} ms`)),
  )
  try {
    await opened
  } catch (error) {
    const { secure } = address
    throw amqpError(error, { what: `connecting to ${system}`, applied: 'no', connecting: true, secure })
  } finally {
    cancel()
  }
  return {
    system,
    prefixes: prefixesOf(connection.properties),
    get lost() {
      return line.lost
    },
    session() {
      const session = connection.create_session()
      session.begin()
      return session
    },
    onLost: line.onLost,
    async close() {
      if (line.lost === null) {
        connection.close()
        await within(clock, CLOSE_WITHIN_MS, line.ended)
      }
      line.lose(new Error('the connection was closed'))
    },
  }
}

function start(
  address: AmqpAddress,
  { library, config, dialTo, containerId }: Opening,
): { readonly connection: RheaConnection; readonly socket: Socket } {
  const made: Socket[] = []
  const container = library.create_container({ id: containerId })
  // What nobody listens to ends the process.
  container.on('error', () => undefined)
  const connection = container.connect({
    container_id: containerId,
    host: address.host,
    reconnect: false,
    idle_time_out: config.heartbeat,
    sasl_mechanisms: mechanismsOf(config),
    connection_details: () => ({
      connect: (_port: number, _host: string, _options: object, connected: () => void) => {
        const socket = dialTo(address, config)(connected)
        made.push(socket)
        return socket
      },
    }),
  })
  // The library asks for it at once.
  return { connection, socket: made[0] as Socket }
}

/** The library's own count the characters of a password where bytes are meant. */
function mechanismsOf({ user, password, tls }: ReadAmqpConfig): object {
  const answering = (text: string) => () => ({
    start: (done: (error: undefined, response: Buffer) => void) => done(undefined, Buffer.from(text)),
  })
  if (user !== undefined) return { PLAIN: answering(`\0${user}\0${password ?? ''}`) }
  return {
    ...(tls?.cert === undefined ? {} : { EXTERNAL: answering('') }),
    ANONYMOUS: answering('anonymous'),
  }
}

/** What is known of a connection's end. */
interface Line {
  lost: unknown
  /** Resolves when the socket is closed. */
  readonly ended: Promise<void>
  readonly onLost: AmqpConnection['onLost']
  /** Ends it, and the timers of the library with it. */
  lose(reason: unknown): void
}

const ENDS = ['connection_error', 'connection_close', 'protocol_error', 'error', 'disconnected'] as const

function createLine(connection: RheaConnection, socket: Socket): Line {
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const listeners = new Set<(reason: unknown) => void>()
  const line: Line = {
    lost: null,
    ended,
    onLost(run) {
      if (line.lost !== null) run(line.lost)
      else listeners.add(run)
      return () => void listeners.delete(run)
    },
    lose(reason) {
      line.lost ??= reason
      // Only an error lets the library stop its timers.
      socket.destroy(new Error('hung up'))
      for (const run of listeners) run(line.lost)
      listeners.clear()
    },
  }
  socket.on('error', () => undefined)
  socket.on('close', () => {
    resolve()
    line.lose(new Error('the broker closed the connection'))
  })
  for (const event of ENDS)
    connection.on(event, (context) => {
      const said = reasonOf(context)
      line.lost ??= said ?? connection.error ?? new Error('the connection was closed')
      if (event !== 'connection_close') line.lose(line.lost)
    })
  return line
}

/** A protocol error is handed in bare, all others within what they are about. */
function reasonOf(context: unknown): unknown {
  return context instanceof Error ? context : (context as { readonly error?: unknown } | undefined)?.error
}
