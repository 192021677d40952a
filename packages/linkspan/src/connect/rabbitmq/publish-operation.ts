import { type Duration, durationMs } from '../../model/duration.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Guarantee, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { CallContext, ConnectionDeclaration, Operation } from '../connector.ts'
import { type Format, json } from '../format.ts'
import { unlessGivenUp } from '../unless-given-up.ts'
import { checkOperationName, invalidOperation } from '../invalid-operation.ts'
import type { Draft } from './draft.ts'
import { type DraftOf, type Published, publishAll } from './publish.ts'
import { MARK_HEADER } from './publisher.ts'
import type { RabbitmqClient } from './rabbitmq-client.ts'
import type { UnreadableMessage } from './unreadable.ts'

/**
 * What publishing a message again does. AMQP has no way to ask whether a message was published.
 *
 * - `natural`: a second one is harmless, as where consumers know a message by its id, which is the same for each repetition.
 * - `none`: it is not. After an unknown outcome the call is in doubt, or made again with `onUnknown: 'atLeastOnce'`.
 */
export type PublishGuarantee = 'natural' | 'none'

/** The guarantee that an operation declares by {@link PublishGuarantee}. */
export type Declared<G extends PublishGuarantee> = G extends 'natural' ? Natural : NoGuarantee

/** A value of a message's header. */
export type HeaderValue = string | number | boolean | Uint8Array

/** Options of {@link Rabbitmq.publish}. Functions get the input of the call and must be pure. */
export interface PublishOptions<In, G extends PublishGuarantee> {
  /** Unique within the connection. */
  readonly name: string
  readonly guarantee: G
  /** @default the default exchange, whose routing keys are names of queues */
  readonly exchange?: string | ((input: In) => string)
  readonly routingKey?: string | ((input: In) => string)
  /** What is written. @default the input */
  readonly value?: (input: In) => unknown
  /** Beside those that Linkspan sends: `linkspan-mark` and `traceparent`. */
  readonly headers?: (input: In) => Readonly<Record<string, HeaderValue>>
  /** By which consumers know the message. @default the mark of the call, which is the same for each repetition */
  readonly messageId?: (input: In) => string
  readonly correlationId?: (input: In) => string
  readonly replyTo?: (input: In) => string
  /** What kind of message it is. */
  readonly type?: (input: In) => string
  readonly priority?: (input: In) => number
  /** How long it may wait in a queue; then it expires. */
  readonly expiration?: Duration | ((input: In) => Duration)
  /** How long it is held back before it goes to its exchange, by a queue made for that. */
  readonly delay?: Duration
  /** Whether a message that no queue takes is an error. @default true */
  readonly mandatory?: boolean
  /** Whether it outlives a restart of the broker. @default true */
  readonly persistent?: boolean
  /** How values are written. @default json() */
  readonly format?: Format<never> | Format
  /** The most messages whose answers are awaited together. @default 500 */
  readonly batch?: number
  /** @default '1m' */
  readonly timeout?: Duration
}

/** Options of {@link Rabbitmq.deadLetters}. */
export interface DeadLetterOptions<G extends PublishGuarantee> {
  /** Unique within the connection. */
  readonly name: string
  readonly guarantee: G
  /** @default the default exchange, whose routing keys are names of queues */
  readonly exchange?: string
  readonly routingKey: string
}

/** Longer than the answers of the broker are waited for. */
const TIMEOUT: Duration = '1m'
const BATCH = 500

/** The operation that publishes messages. */
export function publishOperation<In>(
  connection: ConnectionDeclaration,
  options: PublishOptions<In, PublishGuarantee>,
): Operation<In, Published> {
  const { name, guarantee, batch = BATCH, timeout = TIMEOUT, delay } = options
  checkOptions(connection.name, name, guarantee)
  if (!Number.isInteger(batch) || batch < 1 || batch > 10_000)
    throw invalidOperation(
      connection.name,
      name,
      `has the batch ${batch}, which is no whole number from 1 to 10000`,
    )
  const delayMs = delay === undefined ? null : durationMs(delay)
  if (delayMs !== null && (delayMs < 1 || delayMs > LONGEST_MS))
    throw invalidOperation(
      connection.name,
      name,
      `has the delay ${delayMs} ms; it can be from 1 ms to ${LONGEST_MS} ms`,
    )
  return writing(connection, { name, guarantee, batch, timeout }, drafting(options, delayMs))
}

/** The operation that publishes messages that could not be read, as they were. */
export function deadLetterOperation(
  connection: ConnectionDeclaration,
  options: DeadLetterOptions<PublishGuarantee>,
): Operation<UnreadableMessage, Published> {
  const { name, guarantee } = options
  checkOptions(connection.name, name, guarantee)
  const draftOf: DraftOf<UnreadableMessage> = (input, call) => deadLetter(options, input, call)
  return writing(connection, { name, guarantee, batch: BATCH, timeout: TIMEOUT }, draftOf)
}

const GUARANTEES: Readonly<Record<PublishGuarantee, Guarantee>> = {
  natural: { kind: 'natural' },
  none: { kind: 'none' },
}

interface Writing {
  readonly name: string
  readonly guarantee: PublishGuarantee
  readonly batch: number
  readonly timeout: Duration
}

function writing<In>(
  connection: ConnectionDeclaration,
  { name, guarantee, batch, timeout }: Writing,
  draftOf: DraftOf<In>,
): Operation<In, Published> {
  const run: NonNullable<Operation<In, Published>['batch']>['run'] = (client, calls) =>
    publishAll(client as RabbitmqClient, calls, draftOf)
  return {
    connection,
    name,
    guarantee: GUARANTEES[guarantee],
    timeout,
    batch: { max: batch, run },
    async run(client, input, call) {
      const [outcome] = await unlessGivenUp('RabbitMQ', call, () => run(client, [{ input, call }]))
      if (outcome !== undefined && 'result' in outcome) return outcome.result
      throw outcome?.error
    },
  }
}

const PERSISTENT = 2
const TRANSIENT = 1

function drafting<In>(options: PublishOptions<In, PublishGuarantee>, delayMs: number | null): DraftOf<In> {
  const { exchange = '', routingKey = '', value, persistent = true, mandatory = true } = options
  const format = (options.format ?? json()) as Format
  const contentType =
    { json: 'application/json', text: 'text/plain' }[format.name] ?? 'application/octet-stream'
  return (input, call) => {
    const messageId = shortText('message id', options.messageId?.(input) ?? call.mark)
    const content = format.encode(value === undefined ? input : value(input))
    const properties = {
      ...stated(options, input),
      messageId,
      contentType,
      mandatory,
      deliveryMode: persistent ? PERSISTENT : TRANSIENT,
      timestamp: secondsOf(call),
      headers: { ...plain(options.headers?.(input) ?? {}), ...own(call) },
    }
    return {
      mark: call.mark,
      exchange: shortText('exchange', typeof exchange === 'function' ? exchange(input) : exchange),
      routingKey: shortText('routing key', typeof routingKey === 'function' ? routingKey(input) : routingKey),
      content: Buffer.from(content),
      properties: definedOnly(properties) as Draft['properties'],
      delayMs,
    }
  }
}

/** When the call was first made, where that is on record: the same for each repetition. */
function secondsOf({ firstMadeAt }: CallContext): number | undefined {
  return firstMadeAt === null ? undefined : Math.floor(firstMadeAt / 1_000)
}

/** The properties that the author of a flow states by functions. */
function stated<In>(
  options: PublishOptions<In, PublishGuarantee>,
  input: In,
): Readonly<Record<string, unknown>> {
  const { correlationId, replyTo, type, priority, expiration } = options
  return {
    correlationId: correlationId && shortText('correlation id', correlationId(input)),
    replyTo: replyTo && shortText('reply-to', replyTo(input)),
    type: type && shortText('type', type(input)),
    priority: priority && wholeNumber('priority', priority(input), 255),
    expiration:
      expiration === undefined
        ? undefined
        : String(expirationMs(typeof expiration === 'function' ? expiration(input) : expiration)),
  }
}

/** The longest time that RabbitMQ can count. */
const LONGEST_MS = 4_294_967_295

const expirationMs = (given: Duration): number => wholeNumber('expiration', durationMs(given), LONGEST_MS)

function wholeNumber(what: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 0 && value <= most) return value
  throw refused(`its ${what} is ${value}, which is no whole number from 0 to ${most}`)
}

/** AMQP counts the bytes of names with one byte. */
const MOST_BYTES_OF_A_NAME = 255

function shortText(what: string, text: string): string {
  if (typeof text === 'string' && Buffer.byteLength(text) <= MOST_BYTES_OF_A_NAME) return text
  throw refused(
    typeof text === 'string'
      ? `its ${what} has ${Buffer.byteLength(text)} bytes, and AMQP takes ${MOST_BYTES_OF_A_NAME}`
      : `its ${what} is no text`,
  )
}

function refused(problem: string): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `RabbitMQ: a message cannot be published: ${problem}. Correct the operation's functions.`,
    { retry: 'never', applied: 'no' },
  )
}

function plain(headers: Readonly<Record<string, HeaderValue>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      shortText('header name', name),
      value instanceof Uint8Array ? Buffer.from(value) : value,
    ]),
  )
}

function own({ mark, traceparent }: CallContext): Readonly<Record<string, unknown>> {
  return { [MARK_HEADER]: mark, traceparent }
}

/** What says where the message came from stands in names that begin alike, beside its own headers. */
function deadLetter(
  { exchange = '', routingKey }: DeadLetterOptions<PublishGuarantee>,
  message: UnreadableMessage,
  call: CallContext,
): Draft {
  const { headers, content, unreadableMessage } = message
  // It would expire once more, and who publishes it now is another user.
  const { expiration: _1, userId: _2, ...properties } = message.properties
  return {
    mark: call.mark,
    exchange,
    routingKey,
    content: Buffer.from(content, 'base64'),
    properties: {
      ...properties,
      messageId: properties.messageId ?? call.mark,
      mandatory: true,
      deliveryMode: PERSISTENT,
      headers: {
        ...headersAsTheyWere(headers),
        'linkspan-dead-reason': unreadableMessage,
        'linkspan-dead-queue': message.queue,
        'linkspan-dead-exchange': message.exchange,
        'linkspan-dead-routing-key': message.routingKey,
        [MARK_HEADER]: call.mark,
      },
    },
    delayMs: null,
  }
}

/** What RabbitMQ would act on: whom else to send it to, and where it was a dead letter before. */
const ACTED_ON = new Set(['CC', 'BCC', 'x-death'])

function headersAsTheyWere(headers: UnreadableMessage['headers']): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    headers
      .filter(({ name }) => !ACTED_ON.has(name))
      .map(({ name, value, base64 }) => [name, base64 === undefined ? value : Buffer.from(base64, 'base64')]),
  )
}

function definedOnly(options: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function checkOptions(connection: string, name: string, guarantee: PublishGuarantee): void {
  checkOperationName(connection, name)
  if (!Object.hasOwn(GUARANTEES, guarantee))
    throw invalidOperation(connection, name, 'has no guarantee. State "natural" or "none"')
}
