import { LinkspanError } from '../../model/errors.ts'
import type { CallContext } from '../connector.ts'
import type { AmqpConnection } from './amqp-connection.ts'
import { amqpError } from './amqp-error.ts'
import type { AmqpMessage, Delivery, EventContext, RheaSender } from './amqp-package.ts'
import { type Destination, nameOf, terminusOf } from './destination.ts'

/** A link to one destination, for all calls that send there. */
export interface SenderLink {
  /** How many calls wait for credit or for the broker's word. */
  readonly busy: number
  /** Why no more can be sent by it. */
  readonly broken: unknown
  /** Sends once the broker gives credit; resolves when the broker has the message for good. */
  send(message: AmqpMessage, call: CallContext): Promise<void>
  close(): void
}

interface Waiting {
  readonly message: AmqpMessage
  readonly call: CallContext
  readonly settle: (error?: unknown) => void
}

const OUTCOMES = ['accepted', 'rejected', 'released', 'modified'] as const

/** Opens a link; what it is refused for comes with the calls. */
export function openSender(connection: AmqpConnection, destination: Destination): SenderLink {
  const session = connection.session()
  const sender = session.open_sender({
    target: terminusOf(destination, connection.prefixes),
    treat_modified_as_released: false,
  })
  const what = `send to ${nameOf(destination)} at ${connection.system}`
  const queue: Waiting[] = []
  const sent = new Map<Delivery, Waiting>()
  let broken: unknown = null
  let pumping = false

  const fail = (reason: unknown): void => {
    if (broken !== null) return
    broken = reason ?? new Error('the broker closed the link')
    for (const each of queue.splice(0)) each.settle(amqpError(broken, { what, applied: 'no' }))
    for (const each of sent.values()) each.settle(amqpError(broken, { what, applied: 'unknown' }))
    sent.clear()
  }
  // The library takes off what was sent from the credit in its next tick.
  const pump = (): void => {
    if (pumping || broken !== null) return
    const leaving = sender.sendable() ? queue.splice(0, sender.credit) : []
    for (const each of leaving) leave(sender, each, sent, what)
    if (leaving.length === 0) return
    pumping = true
    process.nextTick(() => {
      pumping = false
      pump()
    })
  }
  const forget = connection.onLost(fail)
  sender.on('sendable', pump)
  for (const outcome of OUTCOMES)
    sender.on(outcome, ({ delivery }) => answer(sent, delivery, outcomeError(outcome, delivery, what)))
  // Settled without a word of what became of it.
  sender.on('settled', ({ delivery }) =>
    answer(
      sent,
      delivery,
      amqpError(new Error('the broker said nothing of it'), { what, applied: 'unknown' }),
    ),
  )
  for (const event of ['sender_error', 'sender_close']) sender.on(event, () => fail(sender.error))
  for (const event of ['session_error', 'session_close']) session.on(event, () => fail(session.error))

  return {
    get busy() {
      return queue.length + sent.size
    },
    get broken() {
      return broken
    },
    send(message, call) {
      if (broken !== null) return Promise.reject(amqpError(broken, { what, applied: 'no' }))
      return new Promise<void>((resolve, reject) => {
        const waiting: Waiting = {
          message,
          call,
          settle(error) {
            stopListening()
            if (error === undefined) resolve()
            else reject(error)
          },
        }
        let stopListening = (): void => undefined
        queue.push(waiting)
        stopListening = call.onAbort(() => giveUp(waiting, queue, sent, what))
        pump()
      })
    },
    close() {
      forget()
      fail(new Error('the link was closed'))
      sender.close()
      session.close()
    },
  }
}

function leave(sender: RheaSender, waiting: Waiting, sent: Map<Delivery, Waiting>, what: string): void {
  const { message, call, settle } = waiting
  if (!call.maySend()) {
    settle(withheld(what))
    return
  }
  try {
    sent.set(sender.send(message), waiting)
  } catch (thrown) {
    const why = thrown instanceof Error ? thrown.message : String(thrown)
    settle(
      new LinkspanError(
        'CALL_REJECTED',
        `AMQP: ${what}: the message cannot be written: ${why}. Correct it.`,
        {
          retry: 'never',
          applied: 'no',
          cause: thrown,
        },
      ),
    )
  }
}

function withheld(what: string): LinkspanError {
  return new LinkspanError('CALL_FAILED', `AMQP: ${what} was withheld.`, { retry: 'later', applied: 'no' })
}

function answer(sent: Map<Delivery, Waiting>, delivery: EventContext['delivery'], error?: unknown): void {
  const waiting = delivery && sent.get(delivery)
  if (waiting === undefined) return
  sent.delete(delivery as Delivery)
  waiting.settle(error)
}

/** What the broker refuses it does not have. */
function outcomeError(
  outcome: (typeof OUTCOMES)[number],
  delivery: EventContext['delivery'],
  what: string,
): LinkspanError | undefined {
  if (outcome === 'accepted') return undefined
  const error = delivery?.remote_state?.error
  if (outcome === 'rejected' && error?.condition === undefined)
    return new LinkspanError(
      'CALL_REJECTED',
      `AMQP: ${what}: the broker rejected the message${error?.description === undefined ? '' : `: ${error.description}`}. Correct it.`,
      { retry: 'never', applied: 'no' },
    )
  return amqpError(error ?? new Error(`the broker answered "${outcome}"`), { what, applied: 'no' })
}

function giveUp(waiting: Waiting, queue: Waiting[], sent: Map<Delivery, Waiting>, what: string): void {
  const at = queue.indexOf(waiting)
  if (at !== -1) queue.splice(at, 1)
  for (const [delivery, each] of sent) if (each === waiting) sent.delete(delivery)
  waiting.settle(timedOut(what, at === -1 ? 'unknown' : 'no'))
}

/** A call that was given up, before or after its message left. */
export function timedOut(what: string, applied: 'no' | 'unknown'): LinkspanError {
  const how =
    applied === 'no'
      ? 'before its message was sent'
      : 'before the broker answered; it may or may not have been done'
  return new LinkspanError('CALL_TIMED_OUT', `AMQP: ${what} was given up ${how}.`, {
    retry: 'later',
    applied,
  })
}
