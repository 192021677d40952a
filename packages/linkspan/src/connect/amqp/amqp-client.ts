import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { importClient } from '../clients.ts'
import type { ConnectEnvironment } from '../connector.ts'
import type { ReadAmqpConfig } from './amqp-config.ts'
import { type AmqpConnection, openConnection } from './amqp-connection.ts'
import { amqpError } from './amqp-error.ts'
import type { AmqpPackage } from './amqp-package.ts'
import { type Destination, nameOf } from './destination.ts'
import { type DialTo, dialTo } from './dial.ts'
import { createReplies, type Replies } from './replies.ts'
import { openSender, type SenderLink } from './sender-link.ts'
import { rhea } from './spec.ts'

/** A connection in use. Calls share one connection to the broker; each source has one of its own, and outlives this. */
export interface AmqpClient {
  readonly library: AmqpPackage
  readonly config: ReadAmqpConfig
  readonly clock: Clock
  /** The broker's address, for people. */
  readonly system: string
  /** A further connection; where no name is given it gets one that nobody else has. */
  open(containerId?: string): Promise<AmqpConnection>
  /** The link to a destination, for all that is sent there. */
  sender(destination: Destination): SenderLink
  readonly replies: Replies
  /** Throws `CONNECTION_FAILED` once the connection of the calls is lost: then nothing can be sent by this client. */
  live(): AmqpConnection
  close(): Promise<void>
}

/** Imports the client library and connects. */
export async function amqpClient(
  config: ReadAmqpConfig,
  environment: ConnectEnvironment,
): Promise<AmqpClient> {
  const module = await importClient<{ readonly default: AmqpPackage }>(rhea, environment)
  return clientOf(module.default, config, environment, dialTo)
}

/** Links beyond these are closed when nothing uses them: the addresses of replies are not used again. */
const MOST_LINKS = 64

/** A client on a library that was imported already. */
export async function clientOf(
  library: AmqpPackage,
  config: ReadAmqpConfig,
  { clock, random }: Pick<ConnectEnvironment, 'clock' | 'random'>,
  dial: DialTo,
): Promise<AmqpClient> {
  const open = (containerId = `${config.clientId}-${random.token(12)}`): Promise<AmqpConnection> =>
    openConnection({ library, config, clock, dialTo: dial, containerId })
  const connection = await open()
  const { system } = connection
  const senders = new Map<string, SenderLink>()
  const live = (): AmqpConnection => {
    if (connection.lost !== null) throw overError(connection.lost, system)
    return connection
  }
  return {
    library,
    config,
    clock,
    system,
    open,
    live,
    replies: createReplies(library, live),
    sender(destination) {
      const name = nameOf(destination)
      const known = senders.get(name)
      senders.delete(name)
      const link = known === undefined || known.broken !== null ? openSender(live(), destination) : known
      senders.set(name, link)
      closeIdle(senders)
      return link
    },
    close: () => connection.close(),
  }
}

function closeIdle(senders: Map<string, SenderLink>): void {
  for (const [name, link] of senders) {
    if (senders.size <= MOST_LINKS) return
    if (link.busy > 0) continue
    senders.delete(name)
    link.close()
  }
}

function overError(lost: unknown, system: string): LinkspanError {
  const { message, details } = amqpError(lost, { what: `the connection to ${system}`, applied: 'no' })
  return new LinkspanError('CONNECTION_FAILED', message, { retry: 'later', applied: 'no', details })
}

/** Whether the broker lets us in. */
export async function checkAmqp(client: AmqpClient): Promise<void> {
  const connection = await client.open()
  await connection.close()
}
