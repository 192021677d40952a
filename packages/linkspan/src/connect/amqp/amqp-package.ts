import type { Socket } from 'node:net'

/** What we use of the package `rhea`; it exports one container, from which others are made. */
export interface AmqpPackage {
  create_container(options: { readonly id: string }): AmqpContainer
  readonly message: {
    decode(bytes: Buffer): AmqpMessage
    encode(message: AmqpMessage): Buffer
    data_section(bytes: Buffer): object
  }
  readonly filter: { selector(text: string): object }
  readonly types: { wrap_long(value: number): object; wrap_timestamp(value: number): object }
}

/** One end of connections, with its name. */
export interface AmqpContainer extends Emitter {
  connect(options: Readonly<Record<string, unknown>>): RheaConnection
}

interface Emitter {
  on(event: string, listener: (context: EventContext) => void): unknown
  once(event: string, listener: (context: EventContext) => void): unknown
}

/** What an event is about; each has some of it. */
export interface EventContext {
  readonly error?: unknown
  readonly message?: unknown
  readonly delivery?: Delivery
}

/** A connection of the library. */
export interface RheaConnection extends Emitter {
  readonly error: AmqpCondition | undefined
  /** Those that the other side has said. */
  readonly properties: Readonly<Record<string, unknown>> | undefined
  create_session(): RheaSession
  close(): void
}

/** An error as AMQP has it: `amqp:not-found`. */
export interface AmqpCondition {
  readonly condition?: string
  readonly description?: string
}

/** A session; each of our links has one of its own, since a link without credit holds up all others of its session. */
export interface RheaSession extends Emitter {
  readonly error: AmqpCondition | undefined
  begin(): void
  close(): void
  open_sender(options: Readonly<Record<string, unknown>>): RheaSender
  open_receiver(options: Readonly<Record<string, unknown>>): RheaReceiver
  /** Gets each transfer; not in the library's types. See `raw-messages.ts`. */
  on_transfer(frame: { readonly performative: { message_format: number } }): void
}

interface RheaLink extends Emitter {
  readonly error: AmqpCondition | undefined
  readonly source?: { readonly address?: string } | null
  close(): void
  /** Ends the link and lets what is at the other end be. */
  detach(): void
}

/** A link that sends. */
export interface RheaSender extends RheaLink {
  readonly credit: number
  sendable(): boolean
  send(message: AmqpMessage): Delivery
}

/** A link that receives. */
export interface RheaReceiver extends RheaLink {
  add_credit(count: number): void
}

/** A message on its way, and what becomes of it. */
export interface Delivery {
  readonly remote_state?: { readonly error?: AmqpCondition }
  accept(): void
  reject(error: AmqpCondition): void
}

/** A message as the library has it; names are those of the AMQP specification (3.2). */
export interface AmqpMessage {
  durable?: boolean
  priority?: number
  ttl?: number
  delivery_count?: number
  message_annotations?: Readonly<Record<string, unknown>>
  message_id?: unknown
  to?: string
  subject?: string
  reply_to?: string
  correlation_id?: unknown
  content_type?: string
  creation_time?: unknown
  group_id?: string
  group_sequence?: number
  application_properties?: Readonly<Record<string, unknown>>
  body?: unknown
}

/** Makes the socket of a connection; `connected` is called once it can be written to. */
export type Dial = (connected: () => void) => Socket
