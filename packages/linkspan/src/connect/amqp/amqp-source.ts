import { LinkspanError } from '../../model/errors.ts'
import { acceptWhenRoom } from '../accept.ts'
import { type Bell, createBell } from '../bell.ts'
import type { RunningSource, SourceContext } from '../connector.ts'
import { unlessAborted } from '../unless-aborted.ts'
import type { AmqpClient } from './amqp-client.ts'
import type { AmqpConnection } from './amqp-connection.ts'
import { amqpError } from './amqp-error.ts'
import type { Delivery, RheaReceiver, RheaSession } from './amqp-package.ts'
import { type Destination, nameOf, terminusOf } from './destination.ts'
import { incomingOf, type ReadingOptions } from './incoming.ts'
import { asBytes } from './raw-messages.ts'

/** A source with its options read. */
export interface ConsumeSettings extends ReadingOptions {
  readonly destination: Destination
  readonly subscription: { readonly name: string; readonly shared: boolean } | null
  readonly selector: string | null
  readonly prefetch: number
  readonly batch: number
  readonly unreadable: 'deadLetter' | 'reject'
}

interface Arrived {
  readonly raw: Buffer
  readonly delivery: Delivery
  readonly nth: number
}

/** A link at work. Nothing of it outlives the link: the broker keeps what is not accepted, the journal what is. */
interface Reader {
  readonly settings: ConsumeSettings
  readonly context: SourceContext
  readonly client: AmqpClient
  readonly signal: AbortSignal
  readonly receiver: RheaReceiver
  readonly arrived: Arrived[]
  readonly bell: Bell
}

/** Subscribes; resolves once the broker delivers. What it cannot do on its own is told by `failed`. */
export async function startAmqpSource(
  settings: ConsumeSettings,
  context: SourceContext,
): Promise<RunningSource> {
  const client = (await context.client()) as AmqpClient
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const connection = await opened(client, settings, signal)
  try {
    const reader = await subscribe(settings, { ...context, signal }, client, connection)
    const ended = read(reader).catch((error: unknown) => context.failed(explained(settings, client, error)))
    return {
      stop: async () => {
        end.abort()
        await ended
        leave(reader)
        await connection.close()
      },
    }
  } catch (error) {
    await connection.close()
    throw explained(settings, client, error)
  }
}

async function opened(
  client: AmqpClient,
  { subscription }: ConsumeSettings,
  signal: AbortSignal,
): Promise<AmqpConnection> {
  const { clientId } = client.config
  // A durable subscription belongs to the name of its connection, of which there may be only one.
  const own = subscription !== null && !subscription.shared
  const opening = client.open(own ? `${clientId}.${subscription.name}` : undefined)
  const abandon = (): void => void opening.then((late) => late.close()).catch(() => undefined)
  if (signal.aborted) abandon()
  else return unlessAborted(opening, signal, abandon)
  throw new LinkspanError('CALL_FAILED', 'The source was stopped.', { retry: 'later' })
}

async function subscribe(
  settings: ConsumeSettings,
  context: SourceContext,
  client: AmqpClient,
  connection: AmqpConnection,
): Promise<Reader> {
  const { signal } = context
  const bell = createBell(signal)
  const arrived: Arrived[] = []
  const session = connection.session()
  asBytes(session)
  const receiver = session.open_receiver(linkOptions(settings, client, connection))
  let count = 0
  receiver.on('message', ({ message, delivery }) => {
    count += 1
    arrived.push({ raw: message as Buffer, delivery: delivery as Delivery, nth: count })
    bell.ring()
  })
  const failed = told(connection, session, receiver, bell)
  const open = new Promise<void>((resolve) => receiver.once('receiver_open', () => resolve()))
  receiver.add_credit(settings.prefetch)
  await unlessAborted(Promise.race([open, failed]), signal, () => undefined)
  return { settings, context, client, signal, receiver, arrived, bell }
}

/** Rejects with what ends the link, and tells it to the bell. */
function told(
  connection: AmqpConnection,
  session: RheaSession,
  receiver: RheaReceiver,
  bell: Bell,
): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  promise.catch(() => undefined)
  const fail = (reason: unknown): void => {
    const said = reason ?? new Error('the broker closed the link')
    bell.fail(said)
    reject(said)
  }
  connection.onLost(fail)
  for (const event of ['receiver_error', 'receiver_close']) receiver.on(event, () => fail(receiver.error))
  for (const event of ['session_error', 'session_close']) session.on(event, () => fail(session.error))
  return promise
}

/** Durable until it is removed at the broker (AMQP 1.0, 3.5.3 and 3.5.5). */
const KEPT = { durable: 2, expiry_policy: 'never' }

function linkOptions(
  { destination, subscription, selector }: ConsumeSettings,
  { library }: AmqpClient,
  { prefixes }: AmqpConnection,
): Readonly<Record<string, unknown>> {
  const shared = subscription?.shared === true ? ['shared', 'global'] : []
  return {
    ...(subscription === null ? {} : { name: subscription.name }),
    source: {
      ...terminusOf(destination, prefixes, shared),
      ...(subscription === null ? {} : KEPT),
      ...(destination.kind === 'topic' ? { distribution_mode: 'copy' } : {}),
      ...(selector === null ? {} : { filter: library.filter.selector(selector) }),
    },
    autoaccept: false,
    credit_window: 0,
  }
}

async function read(reader: Reader): Promise<void> {
  const { settings, context, signal, bell, arrived } = reader
  while (!signal.aborted) {
    bell.check()
    if (arrived.length > 0) await handIn(reader, arrived.splice(0, settings.batch))
    else await bell.rung(context.clock, Number.POSITIVE_INFINITY)
  }
}

/** Hands messages in, and accepts them at the broker once they are in the journal. */
async function handIn(reader: Reader, taken: readonly Arrived[]): Promise<void> {
  const { settings, context, signal, client, receiver } = reader
  const { address } = settings.destination
  const seen = taken.map((each) => ({
    ...each,
    incoming: incomingOf(client.library, each.raw, settings, { address, nth: each.nth }),
  }))
  const bad = ({ incoming }: (typeof seen)[number]): boolean =>
    settings.unreadable === 'reject' && incoming.unreadable !== undefined
  const good = seen.filter((each) => !bad(each))
  const messages = good.map(({ incoming }) => incoming)
  if (messages.length > 0 && !(await acceptWhenRoom(context, signal, messages, null))) return
  for (const { delivery } of good) delivery.accept()
  receiver.add_credit(taken.length)
  await reject(seen.filter(bad))
}

/**
 * The library makes one frame of what was settled in a tick, and takes the first one's outcome for the second's: what is accepted
 * must have left before anything is rejected.
 */
async function reject(
  seen: readonly { readonly delivery: Delivery; readonly incoming: { readonly unreadable?: string } }[],
): Promise<void> {
  for (const { delivery, incoming } of seen) {
    await nextTick()
    delivery.reject({ condition: 'amqp:decode-error', description: incoming.unreadable ?? '' })
  }
  if (seen.length > 0) await nextTick()
}

function nextTick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve))
}

/** To close the link of a subscription would be to end the subscription. */
function leave({ settings, receiver }: Reader): void {
  if (settings.subscription === null) receiver.close()
  else receiver.detach()
}

function explained({ destination }: ConsumeSettings, { system }: AmqpClient, error: unknown): LinkspanError {
  return amqpError(error, { what: `reading ${nameOf(destination)} at ${system}`, applied: 'no' })
}
