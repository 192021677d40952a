/** What we use of the package `amqplib`; a test puts another one in its place. */
export interface AmqpPackage {
  connect(address: AmqpAddress, socketOptions: Readonly<Record<string, unknown>>): Promise<AmqpConnection>
}

/** Where a broker is, and as whom we come. The virtual host is percent-encoded; the heartbeat is in seconds. */
export interface AmqpAddress {
  readonly protocol: 'amqp' | 'amqps'
  readonly hostname: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  readonly heartbeat: number
}

/** A connection as the package has it: it does not come back when it is lost. */
export interface AmqpConnection {
  createChannel(): Promise<AmqpChannel>
  createConfirmChannel(): Promise<AmqpConfirmChannel>
  close(): Promise<void>
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'close', listener: (error?: unknown) => void): unknown
  /** The broker takes nothing more for now, and why. */
  on(event: 'blocked', listener: (reason: string) => void): unknown
  on(event: 'unblocked', listener: () => void): unknown
  /** What lies beneath: a socket to a broker that does not answer stays half open unless it is destroyed. */
  readonly connection: { readonly stream: { destroy(error?: Error): unknown } }
}

/** What is declared, read and acknowledged by. */
export interface AmqpChannel {
  assertExchange(name: string, type: string, options: Readonly<Record<string, unknown>>): Promise<unknown>
  checkExchange(name: string): Promise<unknown>
  assertQueue(name: string, options: Readonly<Record<string, unknown>>): Promise<unknown>
  bindQueue(
    queue: string,
    exchange: string,
    routingKey: string,
    args: Readonly<Record<string, unknown>>,
  ): Promise<unknown>
  prefetch(count: number): Promise<unknown>
  /** `null` is told when the broker cancels the consumer: its queue was deleted, or its node went. */
  consume(
    queue: string,
    deliver: (delivery: AmqpDelivery | null) => void,
    options: Readonly<Record<string, unknown>>,
  ): Promise<unknown>
  ack(delivery: Pick<AmqpDelivery, 'fields'>, allUpTo: boolean): void
  nack(delivery: Pick<AmqpDelivery, 'fields'>, allUpTo: boolean, requeue: boolean): void
  close(): Promise<unknown>
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'close', listener: () => void): unknown
}

/** A channel on which the broker answers each message. */
export interface AmqpConfirmChannel extends AmqpChannel {
  /** Throws before anything was sent. */
  publish(
    exchange: string,
    routingKey: string,
    content: Buffer,
    options: Readonly<Record<string, unknown>>,
    confirmed: (error: unknown) => void,
  ): boolean
  /** A message that reached no queue; it comes before the answer to it. */
  on(event: 'return', listener: (returned: AmqpReturned) => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'close', listener: () => void): unknown
}

/** What a message says of itself. */
export interface AmqpProperties {
  readonly contentType?: string | undefined
  readonly contentEncoding?: string | undefined
  readonly headers?: Readonly<Record<string, unknown>> | undefined
  readonly priority?: number | undefined
  readonly correlationId?: string | undefined
  readonly replyTo?: string | undefined
  readonly expiration?: string | undefined
  readonly messageId?: string | undefined
  /** In seconds since 1970, by its publisher's clock. */
  readonly timestamp?: number | undefined
  readonly type?: string | undefined
  readonly userId?: string | undefined
  readonly appId?: string | undefined
}

/** A message on its way to us. */
export interface AmqpDelivery {
  readonly fields: {
    readonly deliveryTag: number
    readonly redelivered: boolean
    readonly exchange: string
    readonly routingKey: string
  }
  readonly properties: AmqpProperties
  readonly content: Buffer
}

/** A message that comes back to who published it. */
export interface AmqpReturned {
  readonly fields: { readonly replyCode: number; readonly replyText: string }
  readonly properties: AmqpProperties
}
