import type { AmqpConnection } from './amqp-connection.ts'
import { amqpError } from './amqp-error.ts'
import type { AmqpPackage, RheaReceiver, RheaSession } from './amqp-package.ts'
import { terminusOf } from './destination.ts'
import { asBytes } from './raw-messages.ts'

/** A reply that is waited for. */
export interface ExpectedReply {
  /** Where the other side is to send it. */
  readonly address: string
  /** The bytes of the message; rejects when the connection or the link is lost. */
  readonly came: Promise<Buffer>
  /** It is not waited for any more. */
  end(): void
}

/** Gets the replies to requests. */
export interface Replies {
  /** On a queue of the connection's own, which the broker makes and takes away. */
  temporary(correlationId: string): Promise<ExpectedReply>
  /** On a queue that is there, from which only this reply is taken. */
  fixed(queue: string, correlationId: string): Promise<ExpectedReply>
}

type Waiting = Map<string, PromiseWithResolvers<Buffer>>

interface Inbox {
  readonly connection: AmqpConnection
  readonly address: string
  readonly waiting: Waiting
  open: boolean
}

const PREFETCH = 100

/** The replies of a client; the temporary queue is made when it is first needed. */
export function createReplies(library: AmqpPackage, live: () => AmqpConnection): Replies {
  let opening: Promise<Inbox> | null = null
  const inbox = async (): Promise<Inbox> => {
    const present = await opening?.catch(() => null)
    if (present?.open === true) return present
    opening = openInbox(library, live())
    return opening
  }
  return {
    async temporary(correlationId) {
      const { address, waiting } = await inbox()
      const coming = quiet(Promise.withResolvers<Buffer>())
      waiting.set(correlationId, coming)
      return { address, came: coming.promise, end: () => void waiting.delete(correlationId) }
    },
    fixed: (queue, correlationId) => expectOn(library, live(), queue, correlationId),
  }
}

/** Nobody may be waiting any more when it fails. */
function quiet<T>(coming: PromiseWithResolvers<T>): PromiseWithResolvers<T> {
  coming.promise.catch(() => undefined)
  return coming
}

async function openInbox(library: AmqpPackage, connection: AmqpConnection): Promise<Inbox> {
  const what = `making a temporary queue at ${connection.system}`
  const session = connection.session()
  asBytes(session)
  const receiver = session.open_receiver({
    source: { dynamic: true, capabilities: ['temporary-queue'] },
    autoaccept: false,
    credit_window: 0,
  })
  const waiting: Waiting = new Map()
  const inbox: { open: boolean } = { open: true }
  const failed = heard(connection, session, receiver, (reason) => {
    inbox.open = false
    for (const each of waiting.values()) each.reject(amqpError(reason, { what, applied: 'unknown' }))
    waiting.clear()
  })
  receiver.on('message', ({ message, delivery }) => {
    delivery?.accept()
    receiver.add_credit(1)
    const id = correlationOf(library, message as Buffer)
    if (id !== null) waiting.get(id)?.resolve(message as Buffer)
  })
  receiver.add_credit(PREFETCH)
  await opened(receiver, failed.promise, what)
  const address = receiver.source?.address ?? ''
  return Object.assign(inbox, { connection, address, waiting })
}

async function expectOn(
  library: AmqpPackage,
  connection: AmqpConnection,
  queue: string,
  correlationId: string,
): Promise<ExpectedReply> {
  const what = `reading the reply from queue "${queue}" at ${connection.system}`
  const session = connection.session()
  asBytes(session)
  const coming = quiet(Promise.withResolvers<Buffer>())
  const selector = `JMSCorrelationID = '${correlationId.replaceAll("'", "''")}'`
  const receiver = session.open_receiver({
    source: {
      ...terminusOf({ kind: 'queue', address: queue }, connection.prefixes),
      filter: library.filter.selector(selector),
    },
    autoaccept: false,
    credit_window: 0,
  })
  const failed = heard(connection, session, receiver, (reason) =>
    coming.reject(amqpError(reason, { what, applied: 'unknown' })),
  )
  receiver.on('message', ({ message, delivery }) => {
    delivery?.accept()
    coming.resolve(message as Buffer)
  })
  receiver.add_credit(1)
  await opened(receiver, failed.promise, what)
  return {
    address: queue,
    came: coming.promise,
    end() {
      failed.forget()
      receiver.close()
      session.close()
    },
  }
}

/** Whatever ends a link that receives is told once. */
function heard(
  connection: AmqpConnection,
  session: RheaSession,
  receiver: RheaReceiver,
  failed: (reason: unknown) => void,
): { readonly promise: Promise<never>; readonly forget: () => void } {
  const { promise, reject } = quiet(Promise.withResolvers<never>())
  const fail = (reason: unknown): void => {
    const said = reason ?? new Error('the broker closed the link')
    failed(said)
    reject(said)
  }
  for (const event of ['receiver_error', 'receiver_close']) receiver.on(event, () => fail(receiver.error))
  for (const event of ['session_error', 'session_close']) session.on(event, () => fail(session.error))
  return { promise, forget: connection.onLost(fail) }
}

async function opened(receiver: RheaReceiver, failed: Promise<never>, what: string): Promise<void> {
  const open = new Promise<void>((resolve) => receiver.once('receiver_open', () => resolve()))
  try {
    await Promise.race([open, failed])
  } catch (error) {
    throw amqpError(error, { what, applied: 'no' })
  }
}

function correlationOf(library: AmqpPackage, raw: Buffer): string | null {
  try {
    const { correlation_id: id } = library.message.decode(raw)
    return id === undefined || id === null ? null : String(id)
  } catch {
    return null
  }
}
