import { LinkspanError } from '../../model/errors.ts'
import type { AmqpConfirmChannel } from './amqp-package.ts'
import type { Draft } from './draft.ts'
import { type Line, onChannel } from './line.ts'
import { rabbitmqError } from './rabbitmq-error.ts'

/** The call's mark, by which its message can be recognised. */
export const MARK_HEADER = 'linkspan-mark'

/** A channel of its own for one exchange: what RabbitMQ finds wrong with one exchange ends what goes to it, and nothing else. */
export interface Publisher {
  /** Resolves once the broker answers for the message; throws at once what was not sent at all. */
  publish(draft: Draft): Promise<void>
}

const publishers = new WeakMap<Line, Map<string, Promise<Publisher>>>()

/** The publisher of an exchange on a line. One that does not exist is told before anything is sent. */
export function publisherOf(line: Line, exchange: string): Promise<Publisher> {
  const known = publishers.get(line) ?? new Map<string, Promise<Publisher>>()
  publishers.set(line, known)
  const present = known.get(exchange)
  if (present !== undefined) return present
  const forget = (): void => {
    if (known.get(exchange) === made) known.delete(exchange)
  }
  const made = openPublisher(line, exchange, forget)
  known.set(exchange, made)
  made.catch(forget)
  return made
}

async function openPublisher(line: Line, exchange: string, forget: () => void): Promise<Publisher> {
  const what = `publish to ${nameOf(exchange)} at ${line.system}`
  try {
    if (exchange !== '')
      await onChannel(line, (channel) => checkExchange(channel.checkExchange(exchange), what))
    return publisherOn(await line.connection.createConfirmChannel(), line, what, forget)
  } catch (error) {
    throw rabbitmqError(line.isOpen ? error : (line.endedBy ?? error), { what, writes: false })
  }
}

async function checkExchange(checking: Promise<unknown>, what: string): Promise<void> {
  try {
    await checking
  } catch (error) {
    throw rabbitmqError(error, { what, writes: false })
  }
}

export const nameOf = (exchange: string): string =>
  exchange === '' ? 'the default exchange' : `the exchange "${exchange}"`

function publisherOn(channel: AmqpConfirmChannel, line: Line, what: string, forget: () => void): Publisher {
  const returned = new Map<unknown, string>()
  let open = true
  /** The broker has answered for a message: the exchange was there, and we had the right to it. */
  let proven = false
  let endedBy: unknown
  channel.on('error', (error) => {
    endedBy ??= error
  })
  channel.on('close', () => {
    open = false
    forget()
  })
  channel.on('return', ({ fields, properties }) => {
    returned.set(properties.headers?.[MARK_HEADER], fields.replyText)
  })
  const failed = (error: unknown): LinkspanError => {
    // An error of the channel says why it ended; else it ended with its line.
    const cause = open ? error : (endedBy ?? line.endedBy ?? error)
    return rabbitmqError(cause, { what, writes: proven || !isRefusal(cause) })
  }
  const answered = (draft: Draft, error: unknown): LinkspanError | null => {
    const unrouted = returned.get(draft.mark)
    returned.delete(draft.mark)
    if (error !== null && error !== undefined) return failed(error)
    proven = true
    return unrouted === undefined ? null : unroutable(draft, unrouted, line)
  }
  return {
    publish: (draft) =>
      new Promise((resolve, reject) => {
        const { exchange, routingKey, content, properties } = draft
        const confirmed = (error: unknown): void => {
          const failure = answered(draft, error)
          if (failure === null) resolve()
          else reject(failure)
        }
        try {
          channel.publish(exchange, routingKey, content, properties, confirmed)
        } catch (error) {
          reject(
            open
              ? unwritable(error)
              : rabbitmqError(endedBy ?? line.endedBy ?? error, { what, writes: false }),
          )
        }
      }),
  }
}

/** No such exchange, or no right to it: where nothing was ever taken by it, nothing was now. */
function isRefusal(cause: unknown): boolean {
  const { code } = (cause ?? {}) as { code?: unknown }
  return code === 403 || code === 404
}

function unroutable({ exchange, routingKey }: Draft, said: string, { system }: Line): LinkspanError {
  return new LinkspanError(
    'CALL_FAILED',
    `RabbitMQ: ${nameOf(exchange)} at ${system} has no queue for the routing key "${routingKey}" (${said}), and gave the message back. Create or bind the queue, correct the routing key, or state \`mandatory: false\` where nobody need listen.`,
    { retry: 'later', applied: 'no', details: { rabbitmq: said } },
  )
}

function unwritable(error: unknown): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `RabbitMQ: a message cannot be written: ${error instanceof Error ? error.message : String(error)}. Correct the operation's functions.`,
    { retry: 'never', applied: 'no', cause: error },
  )
}
