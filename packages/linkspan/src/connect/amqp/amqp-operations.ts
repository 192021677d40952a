import { type Duration, durationMs } from '../../model/duration.ts'
import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { ByKey, Guarantee, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { CallContext, ConnectionDeclaration, Operation } from '../connector.ts'
import { type Format, json } from '../format.ts'
import { checkOperationName, invalidOperation } from '../invalid-operation.ts'
import type { AmqpClient } from './amqp-client.ts'
import type { AmqpMessage, AmqpPackage } from './amqp-package.ts'
import { type Destination, nameOf } from './destination.ts'
import { incomingOf } from './incoming.ts'
import type { ExpectedReply } from './replies.ts'
import { timedOut } from './sender-link.ts'

/**
 * What sending a message again does. Each carries the same message id every time.
 *
 * - `key`: the broker knows it by its duplicate id and keeps the first alone. Artemis does; Classic does not.
 * - `natural`: a second one is harmless, as where consumers know a message by its id; sources of ours do.
 * - `none`: neither. After an unknown outcome the call is in doubt, or made again with `onUnknown: 'atLeastOnce'`.
 */
export type SendGuarantee = 'key' | 'natural' | 'none'

/** The guarantee that an operation declares by {@link SendGuarantee}. */
export type Declared<G extends SendGuarantee> = G extends 'key'
  ? ByKey
  : G extends 'natural'
    ? Natural
    : NoGuarantee

/** Where messages go: one of the three, fixed or by the input. */
export type SendTo<In> =
  | { readonly queue: string | ((input: In) => string); readonly topic?: never; readonly address?: never }
  | { readonly topic: string | ((input: In) => string); readonly queue?: never; readonly address?: never }
  /** Whatever the broker has by this name: the `amqp-reply-to` of a message. */
  | { readonly address: string | ((input: In) => string); readonly queue?: never; readonly topic?: never }

/** What a message may say beside its body. Functions get the input of the call and must be pure. */
export interface MessageOptions<In> {
  /** @default the input */
  readonly body?: (input: In) => unknown
  /** @default json() */
  readonly format?: Format<never> | Format
  /** The message group: those of one group go to one consumer, in their order. @default none */
  readonly group?: (input: In) => string | null
  /** Application properties, which selectors see. */
  readonly properties?: (input: In) => Readonly<Record<string, string | number | boolean>>
  readonly correlationId?: (input: In) => string | null
  readonly replyTo?: string | ((input: In) => string | null)
  readonly subject?: (input: In) => string | null
  /** 0 to 9. @default 4 */
  readonly priority?: number | ((input: In) => number)
  /** After it the broker takes the message away. @default never */
  readonly expiresAfter?: Duration | ((input: In) => Duration | null)
  /** The broker keeps the message back for so long. @default not at all */
  readonly delay?: Duration | ((input: In) => Duration | null)
  /** Whether the message outlives the broker. @default true */
  readonly persistent?: boolean
}

interface Common<G extends SendGuarantee> {
  /** Unique within the connection. */
  readonly name: string
  readonly guarantee: G
  /** For `key`: how long the broker is sure to know an id, by its cache and your traffic. @default '10m' */
  readonly remembers?: Duration
  /** @default '30s' */
  readonly timeout?: Duration
}

/** Options of {@link Amqp.send}. */
export type SendOptions<In, G extends SendGuarantee> = Common<G> & SendTo<In> & MessageOptions<In>

/** Options of {@link Amqp.request}. */
export type RequestOptions<In, G extends SendGuarantee> = Common<G> &
  SendTo<In> &
  Omit<MessageOptions<In>, 'replyTo' | 'correlationId'> & {
    /** A queue that is there, from which only the reply of the call is taken. @default a temporary queue of the connection */
    readonly replyQueue?: string
    /** @default json() */
    readonly replyFormat?: Format
  }

/** What {@link Amqp.send} answers. */
export interface Sent {
  readonly address: string
  /** The same for each repetition of the call. */
  readonly messageId: string
}

/** The operation that sends. */
export function sendOperation<In>(
  connection: ConnectionDeclaration,
  options: SendOptions<In, SendGuarantee>,
): Operation<In, Sent> {
  const head = headOf(connection, options)
  return {
    ...head,
    async run(client, input, call) {
      const { library, sender } = client as AmqpClient
      const { to, message } = draft(library, options, input, call)
      if (call.signal.aborted) throw timedOut(`send to ${nameOf(to)}`, 'no')
      await sender(to).send(message, call)
      return { address: to.address, messageId: call.mark }
    },
  }
}

/** The operation that sends and waits for the reply. */
export function requestOperation<In>(
  connection: ConnectionDeclaration,
  options: RequestOptions<In, SendGuarantee>,
): Operation<In, unknown> {
  const head = headOf(connection, options)
  const { replyQueue, replyFormat = json() } = options
  return {
    ...head,
    async run(client, input, call) {
      const { library, sender, replies } = client as AmqpClient
      const { to, message } = draft(library, options, input, call)
      const what = `request to ${nameOf(to)}`
      const opening =
        replyQueue === undefined ? replies.temporary(call.mark) : replies.fixed(replyQueue, call.mark)
      const reply = await unlessGivenUp(opening, call, what, 'no', (late) => late.end())
      try {
        await sender(to).send({ ...message, correlation_id: call.mark, reply_to: reply.address }, call)
        const raw = await unlessGivenUp(reply.came, call, what, 'unknown')
        return replyOf(library, raw, replyFormat, reply)
      } finally {
        reply.end()
      }
    },
  }
}

function replyOf(library: AmqpPackage, raw: Buffer, format: Format, { address }: ExpectedReply): unknown {
  const { body, unreadable } = incomingOf(
    library,
    raw,
    { format, order: 'none', dedupeBy: false },
    { address, nth: 1 },
  )
  if (unreadable === undefined) return body
  throw new LinkspanError(
    'CALL_REPLY_INVALID',
    `AMQP: the reply cannot be read: ${unreadable}. Correct the other side, or the operation's replyFormat.`,
    { retry: 'never', applied: 'yes' },
  )
}

function unlessGivenUp<T>(
  coming: Promise<T>,
  call: CallContext,
  what: string,
  applied: 'no' | 'unknown',
  abandon: (late: T) => void = () => undefined,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let stopListening = (): void => undefined
    const settled = (): void => stopListening()
    coming.then(resolve, reject).then(settled)
    stopListening = call.onAbort(() => {
      coming.then(abandon, () => undefined)
      reject(timedOut(what, applied))
    })
  })
}

type Head = Pick<Operation<never, unknown>, 'connection' | 'name' | 'guarantee' | 'timeout'>

function headOf(connection: ConnectionDeclaration, options: Common<SendGuarantee> & Shaped): Head {
  const { name, guarantee, timeout = '30s', remembers = '10m' } = options
  const guarantees: Readonly<Record<SendGuarantee, Guarantee>> = {
    key: { kind: 'key', validFor: remembers },
    natural: { kind: 'natural' },
    none: { kind: 'none' },
  }
  checkOperationName(connection.name, name)
  if (!Object.hasOwn(guarantees, guarantee))
    throw invalidOperation(connection.name, name, 'has no guarantee. State "key", "natural" or "none"')
  if ([options.queue, options.topic, options.address].filter((each) => each !== undefined).length !== 1)
    throw invalidOperation(connection.name, name, 'needs one of `queue`, `topic` and `address`')
  durationMs(remembers)
  return { connection, name, guarantee: guarantees[guarantee], timeout }
}

interface Shaped {
  readonly queue?: unknown
  readonly topic?: unknown
  readonly address?: unknown
}

type Drafted<In> = Common<SendGuarantee> & SendTo<In> & MessageOptions<In>

/** The message of a call. What the operation's functions throw is refused for good. */
function draft<In>(
  library: AmqpPackage,
  options: Drafted<In>,
  input: In,
  call: CallContext,
): { readonly to: Destination; readonly message: AmqpMessage } {
  try {
    return { to: destinationOf(options, input), message: messageOf(library, options, input, call) }
  } catch (thrown) {
    if (isLinkspanError(thrown)) throw thrown
    throw new LinkspanError(
      'CALL_REJECTED',
      `AMQP: the message of "${options.name}" could not be made: ${thrown instanceof Error ? thrown.message : String(thrown)}. Correct the operation's functions.`,
      { retry: 'never', applied: 'no', cause: thrown },
    )
  }
}

function destinationOf<In>({ queue, topic, address }: SendTo<In>, input: In): Destination {
  const stated = queue ?? topic ?? address
  const name = typeof stated === 'function' ? stated(input) : stated
  if (typeof name !== 'string' || name === '') throw new Error(`${JSON.stringify(name)} is no address`)
  return { kind: queue !== undefined ? 'queue' : topic !== undefined ? 'topic' : 'any', address: name }
}

/** All else is bytes. */
const CONTENT_TYPES: Readonly<Record<string, string>> = {
  json: 'application/json',
  text: 'text/plain',
}

function messageOf<In>(
  library: AmqpPackage,
  options: Drafted<In>,
  input: In,
  call: CallContext,
): AmqpMessage {
  const { body, persistent = true, priority, delay, guarantee } = options
  const format = (options.format ?? json()) as Format
  const bytes = Buffer.from(format.encode(body === undefined ? input : body(input)))
  const given = <T>(value: T | ((input: In) => T) | undefined): T | undefined =>
    typeof value === 'function' ? (value as (input: In) => T)(input) : value
  const delayed = given(delay) ?? null
  const expires = given(options.expiresAfter) ?? null
  const level = given(priority)
  return {
    durable: persistent,
    ...(level === undefined ? {} : { priority: checkPriority(level) }),
    ...(expires === null ? {} : { ttl: durationMs(expires) }),
    ...(delayed === null
      ? {}
      : {
          message_annotations: { 'x-opt-delivery-delay': library.types.wrap_long(durationMs(delayed)) },
        }),
    message_id: call.mark,
    ...textually({
      subject: options.subject?.(input),
      reply_to: given(options.replyTo),
      correlation_id: options.correlationId?.(input),
      group_id: options.group?.(input),
    }),
    content_type: CONTENT_TYPES[format.name] ?? 'application/octet-stream',
    application_properties: {
      ...options.properties?.(input),
      traceparent: call.traceparent,
      ...(guarantee === 'key' ? { [DUPLICATE_ID]: call.mark } : {}),
    },
    body: format.name === 'text' ? bytes.toString() : library.message.data_section(bytes),
  }
}

/** By which Artemis knows a message that it has already. */
const DUPLICATE_ID = '_AMQ_DUPL_ID'

function textually(parts: Readonly<Record<string, string | null | undefined>>): Partial<AmqpMessage> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => part !== null && part !== undefined))
}

function checkPriority(level: number): number {
  if (Number.isInteger(level) && level >= 0 && level <= 9) return level
  throw new Error(`the priority ${level} is no whole number from 0 to 9`)
}
