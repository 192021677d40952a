import { isLinkspanError, type LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { within } from '../within.ts'
import type { AmqpChannel, AmqpConnection, AmqpPackage } from './amqp-package.ts'
import type { RabbitmqHost, ReadRabbitmqConfig } from './rabbitmq-config.ts'
import { rabbitmqError } from './rabbitmq-error.ts'
import { declarationsOf, type Topology } from './topology.ts'

/** One connection to a broker, until it is lost. */
export interface Line {
  /** For people. */
  readonly system: string
  readonly connection: AmqpConnection
  readonly isOpen: boolean
  /** Why the broker takes nothing for now, by its own words. */
  readonly blocked: string | null
  /** What it ended by; undefined where nothing was said. */
  readonly endedBy: unknown
  /** Calls back when it is lost. */
  onEnd(run: () => void): void
  /** Declares what is not declared yet; one that fails is tried again when it is asked for again. */
  declare(topology: Topology): Promise<void>
  close(): Promise<void>
  /** Ends it at once, as one that does not answer: the next call makes another. */
  giveUp(): void
}

const CLOSE_WITHIN_MS = 3_000

/** Connects to the first of the hosts that answers, and declares the topology. */
export async function openLine(
  library: AmqpPackage,
  config: ReadRabbitmqConfig,
  clock: Clock,
  topology: Topology,
): Promise<Line> {
  const { connection, system } = await connectToOne(library, config)
  const line = lineOf(connection, system, clock)
  try {
    await line.declare(topology)
  } catch (error) {
    await line.close()
    throw error
  }
  return line
}

export const systemOf = ({ hostname, port, vhost }: RabbitmqHost): string =>
  `${hostname}:${port}${vhost === '/' ? '' : `/${vhost}`}`

/** A broker that refuses us is not asked at its neighbours: they would refuse us too, and count it. */
async function connectToOne(
  library: AmqpPackage,
  config: ReadRabbitmqConfig,
): Promise<{ readonly connection: AmqpConnection; readonly system: string }> {
  let failure: LinkspanError | null = null
  for (const host of config.url) {
    const system = systemOf(host)
    try {
      return { connection: await library.connect(addressOf(host, config), socketOf(host, config)), system }
    } catch (error) {
      failure = rabbitmqError(error, { what: `connecting to ${system}`, writes: false })
      if (failure.code === 'CALL_UNAUTHENTICATED') break
    }
  }
  throw failure
}

function addressOf(host: RabbitmqHost, { user, password, heartbeat }: ReadRabbitmqConfig) {
  const { protocol, hostname, port, vhost } = host
  return {
    protocol,
    hostname,
    port,
    username: user ?? host.user ?? 'guest',
    password: password ?? host.password ?? 'guest',
    vhost: encodeURIComponent(vhost),
    heartbeat: Math.round(heartbeat / 1_000),
  }
}

function socketOf({ protocol }: RabbitmqHost, config: ReadRabbitmqConfig): Readonly<Record<string, unknown>> {
  const { tls, connectTimeout, connectionName } = config
  const { serverName, ...secure } = tls ?? {}
  return {
    noDelay: true,
    keepAlive: true,
    timeout: connectTimeout,
    clientProperties: { connection_name: connectionName },
    ...(protocol === 'amqps' ? secure : {}),
    ...(protocol === 'amqps' && serverName !== undefined ? { servername: serverName } : {}),
  }
}

function lineOf(connection: AmqpConnection, system: string, clock: Clock): Line {
  const ends: (() => void)[] = []
  const declared = new Map<string, Promise<void>>()
  let open = true
  let blocked: string | null = null
  let endedBy: unknown
  connection.on('error', (error) => {
    endedBy ??= error
  })
  connection.on('close', (error) => {
    endedBy ??= error
    open = false
    connection.connection.stream.destroy()
    for (const end of ends) end()
  })
  connection.on('blocked', (reason) => {
    blocked = reason
  })
  connection.on('unblocked', () => {
    blocked = null
  })
  const line: Line = {
    system,
    connection,
    get isOpen() {
      return open
    },
    get blocked() {
      return blocked
    },
    get endedBy() {
      return endedBy
    },
    onEnd: (run) => void ends.push(run),
    declare: (topology) => declareOnce(line, topology, declared),
    async close() {
      if (open) await within(clock, CLOSE_WITHIN_MS, connection.close())
      connection.connection.stream.destroy()
    },
    giveUp: () => void connection.connection.stream.destroy(new Error('it did not answer, and was given up')),
  }
  return line
}

/** The same is asked for once, also by several at a time. */
function declareOnce(line: Line, topology: Topology, declared: Map<string, Promise<void>>): Promise<void> {
  const name = JSON.stringify(topology)
  const known = declared.get(name) ?? declareAll(line, topology)
  declared.set(name, known)
  known.catch(() => declared.delete(name))
  return known
}

/** A wrong declaration costs its channel, which is therefore of no other use. */
async function declareAll(line: Line, topology: Topology): Promise<void> {
  const declarations = declarationsOf(topology)
  if (declarations.length === 0) return
  await onChannel(line, async (channel) => {
    for (const { what, run } of declarations) {
      try {
        await run(channel)
      } catch (error) {
        throw rabbitmqError(error, { what: `${what} at ${line.system}`, writes: false })
      }
    }
  })
}

/** Does something on a channel of its own, which may end by it. */
export async function onChannel<T>(line: Line, run: (channel: AmqpChannel) => Promise<T>): Promise<T> {
  let ended = false
  try {
    const channel = await line.connection.createChannel()
    channel.on('error', () => undefined)
    channel.on('close', () => {
      ended = true
    })
    try {
      return await run(channel)
    } finally {
      if (!ended) await channel.close()
    }
  } catch (error) {
    if (isLinkspanError(error)) throw error
    throw rabbitmqError(error, { what: `a channel to ${line.system}`, writes: false })
  }
}
