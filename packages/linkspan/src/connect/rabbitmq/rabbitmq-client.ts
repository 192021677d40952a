import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { importClient } from '../clients.ts'
import type { ConnectEnvironment } from '../connector.ts'
import type { AmqpPackage } from './amqp-package.ts'
import { type Line, onChannel, openLine, systemOf } from './line.ts'
import type { ReadRabbitmqConfig } from './rabbitmq-config.ts'
import { packages } from './spec.ts'
import type { Topology } from './topology.ts'

/**
 * A connection in use. What is published and what is read go over two lines to the broker, each made when it is first
 * needed, and again when it is needed after it was lost: a broker that is short of memory reads nothing more from lines that
 * publish, and would not see acknowledgements there.
 */
export interface RabbitmqClient {
  /** The addresses, for people. */
  readonly system: string
  readonly clock: Clock
  readonly confirmTimeout: number
  publishing(): Promise<Line>
  reading(): Promise<Line>
  close(): Promise<void>
}

/** Imports the client library and makes a connection of it; nothing is sent yet. */
export async function rabbitmqClient(
  config: ReadRabbitmqConfig,
  environment: ConnectEnvironment,
  topology: Topology,
): Promise<RabbitmqClient> {
  const library = await importClient<AmqpPackage>(packages.amqp, environment)
  return clientOf(library, config, environment, topology)
}

/** A connection on a library that was imported already. */
export function clientOf(
  library: AmqpPackage,
  config: ReadRabbitmqConfig,
  { clock }: ConnectEnvironment,
  topology: Topology,
): RabbitmqClient {
  let closed = false
  const open = (): Promise<Line> => {
    if (closed) throw closedAlready()
    return inTime(openLine(library, config, clock, topology), config, clock)
  }
  const publishing = keptLine(open)
  const reading = keptLine(open)
  return {
    system: config.url.map(systemOf).join(', '),
    clock,
    confirmTimeout: config.confirmTimeout,
    publishing: publishing.line,
    reading: reading.line,
    async close() {
      closed = true
      await Promise.all([publishing.close(), reading.close()])
    },
  }
}

function closedAlready(): LinkspanError {
  return new LinkspanError('CALL_FAILED', 'RabbitMQ: the connection was closed.', { retry: 'later' })
}

/** The client's own limit is for a broker that says nothing at all; this one is for the whole. */
function inTime(opening: Promise<Line>, config: ReadRabbitmqConfig, clock: Clock): Promise<Line> {
  return new Promise((resolve, reject) => {
    const { connectTimeout, url } = config
    const cancel = clock.timer(url.length * connectTimeout, () => {
      reject(
        new LinkspanError(
          'CALL_TIMED_OUT',
          `RabbitMQ: ${url.map(systemOf).join(', ')} took longer than ${connectTimeout} ms (connectTimeout) to connect. Look at the broker; it is tried again.`,
          { retry: 'later', applied: 'no' },
        ),
      )
      opening.then((line) => line.giveUp()).catch(() => undefined)
    })
    opening.then(resolve, reject).finally(cancel)
  })
}

interface KeptLine {
  line(): Promise<Line>
  close(): Promise<void>
}

/** A line that is made when it is asked for, and is not there or no more. */
function keptLine(open: () => Promise<Line>): KeptLine {
  let kept: Promise<Line> | null = null
  const begin = (): Promise<Line> => {
    const mine = Promise.resolve().then(open)
    const forget = (): void => {
      if (kept === mine) kept = null
    }
    mine.then((line) => (line.isOpen ? line.onEnd(forget) : forget()), forget)
    return mine
  }
  return {
    line: () => {
      kept ??= begin()
      return kept
    },
    async close() {
      const line = await kept?.catch(() => null)
      await line?.close()
    },
  }
}

/** Whether the broker answers, and takes messages. */
export async function checkRabbitmq(client: RabbitmqClient, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>()
  const giveUp = (): void =>
    reject(
      new LinkspanError('CALL_TIMED_OUT', `RabbitMQ: ${client.system} did not answer in time.`, {
        retry: 'later',
      }),
    )
  if (signal.aborted) giveUp()
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    await Promise.race([asked(client), promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function asked(client: RabbitmqClient): Promise<void> {
  const line = await client.publishing()
  await onChannel(line, async () => undefined)
  if (line.blocked !== null) throw blockedBy(line)
}

/** What is said while the broker takes nothing. */
export function blockedBy({ system, blocked }: Line): LinkspanError {
  return new LinkspanError(
    'CALL_FAILED',
    `RabbitMQ: ${system} takes no messages for now: ${blocked}. Let its queues be emptied, or give it more memory or disk (rabbitmqctl status); it is tried again.`,
    { retry: 'later', applied: 'no', details: { rabbitmq: 'blocked' } },
  )
}
