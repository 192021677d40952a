import { LinkspanError } from '../../model/errors.ts'
import { acceptWhenRoom } from '../accept.ts'
import type { RunningSource, SourceContext } from '../connector.ts'
import { within } from '../within.ts'
import type { AmqpChannel, AmqpDelivery } from './amqp-package.ts'
import { incomingOf, type ReadingOptions } from './incoming.ts'
import type { Line } from './line.ts'
import type { RabbitmqClient } from './rabbitmq-client.ts'
import { rabbitmqError } from './rabbitmq-error.ts'

/** A source with its options read. */
export interface ConsumeSettings extends ReadingOptions {
  readonly queues: readonly string[]
  readonly prefetch: number
  readonly batch: number
  readonly priority: number | null
  readonly exclusive: boolean
}

interface Delivered {
  readonly queue: string
  readonly delivery: AmqpDelivery
}

/** A consumer at work. Nothing of it outlives its channel: what is not acknowledged there is delivered again. */
interface Consumer {
  readonly settings: ConsumeSettings
  readonly context: SourceContext
  readonly signal: AbortSignal
  readonly channel: AmqpChannel
  readonly delivered: Delivered[]
  /** What is being handed in, until it is acknowledged. */
  working: Promise<void> | null
  /** It reads from all its queues: what goes wrong from here on is told by `failed`. */
  begun: boolean
  failed: boolean
}

const LEAVE_WITHIN_MS = 5_000

/** Begins to read; resolves once the broker delivers. What it cannot do on its own is told by `failed`. */
export async function startConsuming(
  settings: ConsumeSettings,
  context: SourceContext,
): Promise<RunningSource> {
  const client = (await context.client()) as RabbitmqClient
  const end = new AbortController()
  const signal = AbortSignal.any([context.signal, end.signal])
  const line = await unlessAborted(signal, client.reading())
  const beginning = begin({ ...context, signal }, settings, line)
  const consumer = await unlessAborted(signal, beginning).catch((error: unknown) => {
    // What it was given meanwhile goes to others once its channel is closed.
    beginning.then(({ channel }) => channel.close()).catch(() => undefined)
    throw error
  })
  return {
    stop: async () => {
      end.abort()
      await consumer.working
      // Closing it flushes the last acknowledgements.
      if (!consumer.failed) await within(context.clock, LEAVE_WITHIN_MS, consumer.channel.close())
    },
  }
}

async function begin(context: SourceContext, settings: ConsumeSettings, line: Line): Promise<Consumer> {
  const what = readingOf(settings, line)
  try {
    const channel = await line.connection.createChannel()
    const { signal } = context
    const [begun, failed] = [false, false]
    const consumer: Consumer = {
      settings,
      context,
      signal,
      channel,
      delivered: [],
      working: null,
      begun,
      failed,
    }
    listen(consumer, line, what)
    await channel.prefetch(settings.prefetch)
    for (const queue of settings.queues) await consume(consumer, queue, what)
    consumer.begun = true
    if (consumer.failed) throw new Error('the channel was closed')
    return consumer
  } catch (error) {
    throw rabbitmqError(error, { what, writes: false })
  }
}

const readingOf = ({ queues }: ConsumeSettings, { system }: Line): string =>
  `reading ${queues.map((queue) => `"${queue}"`).join(', ')} at ${system}`

/** A channel that ends ends the source: the engine starts it again. */
function listen(consumer: Consumer, line: Line, what: string): void {
  let endedBy: unknown
  consumer.channel.on('error', (error) => {
    endedBy ??= error
  })
  consumer.channel.on('close', () => {
    const lost = endedBy ?? line.endedBy ?? new Error('the channel was closed')
    fail(consumer, rabbitmqError(lost, { what, writes: false }))
  })
}

async function consume(consumer: Consumer, queue: string, what: string): Promise<void> {
  const { channel, settings } = consumer
  const deliver = (delivery: AmqpDelivery | null): void => {
    if (delivery === null) {
      fail(consumer, cancelled(queue, what))
      return
    }
    consumer.delivered.push({ queue, delivery })
    work(consumer)
  }
  const { priority, exclusive } = settings
  await channel.consume(queue, deliver, {
    noAck: false,
    exclusive,
    ...(priority === null ? {} : { priority }),
  })
}

function cancelled(queue: string, what: string): LinkspanError {
  return new LinkspanError(
    'CALL_FAILED',
    `RabbitMQ: ${what} failed: the broker cancelled the consumer of "${queue}". The queue was deleted, or has moved; it is tried again.`,
    { retry: 'later', details: { rabbitmq: 'basic.cancel' } },
  )
}

/** What was delivered on a channel that has ended is delivered again: it is forgotten here. */
function fail(consumer: Consumer, error: unknown): void {
  if (consumer.failed) return
  consumer.failed = true
  consumer.delivered.length = 0
  if (consumer.signal.aborted || !consumer.begun) return
  // The channel may still be there, as when one of several queues is gone.
  consumer.channel.close().catch(() => undefined)
  consumer.context.failed(error)
}

function work(consumer: Consumer): void {
  consumer.working ??= handInAll(consumer)
    .catch((error: unknown) => fail(consumer, error))
    .finally(() => {
      consumer.working = null
      if (consumer.delivered.length > 0 && !consumer.signal.aborted) work(consumer)
    })
}

async function handInAll(consumer: Consumer): Promise<void> {
  const { delivered, settings, signal } = consumer
  // All that has come in one read of the socket is handed in together.
  await Promise.resolve()
  while (delivered.length > 0 && !signal.aborted && !consumer.failed)
    await handIn(consumer, delivered.splice(0, settings.batch))
}

/** Hands messages in, and acknowledges them once they are in the journal. */
async function handIn(consumer: Consumer, taken: readonly Delivered[]): Promise<void> {
  const { settings, context, signal, channel } = consumer
  const read = taken.map(({ queue, delivery }) => ({
    delivery,
    message: incomingOf(delivery, queue, settings),
  }))
  const messages = read.flatMap(({ message }) => (message === null ? [] : [message]))
  if (messages.length > 0 && !(await acceptWhenRoom(context, signal, messages, null))) return
  if (consumer.failed) return
  for (const { delivery, message } of read) if (message === null) channel.nack(delivery, false, false)
  // In the order of their delivery: what came before was settled before.
  const last = read.findLast(({ message }) => message !== null)
  if (last !== undefined) channel.ack(last.delivery, true)
}

async function unlessAborted<T>(signal: AbortSignal, starting: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const stopped = (): void =>
    reject(new LinkspanError('CALL_FAILED', 'The source was stopped.', { retry: 'later' }))
  starting.catch(() => undefined)
  if (signal.aborted) stopped()
  signal.addEventListener('abort', stopped, { once: true })
  try {
    return await Promise.race([starting, promise])
  } finally {
    signal.removeEventListener('abort', stopped)
  }
}
