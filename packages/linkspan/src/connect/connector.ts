import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { Duration } from '../model/duration.ts'
import type { Guarantee } from '../model/guarantee.ts'
import type { Headers, Json } from '../model/message.ts'
import type { Clock, Logger, Random } from '../model/outside.ts'

/**
 * What Linkspan knows of a system. A connector offers sources and operations and nothing else: it never retries,
 * reconnects, logs, caches or limits rates. It throws a {@link LinkspanError} whose `retry` and `applied` tell the
 * engine what to do, and the engine does it the same way for every system.
 */
export interface Connector<Config, Client> {
  /** The connector's name: `http`, `files`, `kafka`. */
  readonly name: string
  readonly spec: ConnectorSpec
  /** Checks and completes the configuration that the project binds. */
  readonly config: StandardSchemaV1<unknown, Config>
  /**
   * Makes the client. Called once before the first use, and again after an error that says `CONNECTION_FAILED`,
   * with the engine's pauses between calls.
   */
  connect(config: Config, environment: ConnectEnvironment): Promise<Client>
  /** Ends the client; called once, also after failures. */
  close?(client: Client): Promise<void>
  /** Whether the system can be used now; throws when it cannot. */
  check?(client: Client, signal: AbortSignal): Promise<void>
}

/** What a connector says of itself, as data: for the reference page, `linkspan doc`, forms and validation. */
export interface ConnectorSpec {
  readonly summary: string
  readonly stability: 'stable' | 'experimental'
  /** The npm package that a user must install, when there is one; several where it depends on the system which is used. */
  readonly client?: ClientSpec | readonly ClientSpec[]
  /** What the project binds under the connection's name. */
  readonly options: readonly OptionSpec[]
  readonly sources?: readonly SourceSpec[]
  readonly operations?: readonly OperationSpec[]
}

/** An npm package that a connector speaks through. */
export interface ClientSpec {
  readonly package: string
  /** The versions that it is tested with: `^2.9.0`. */
  readonly range: string
}

/** An option of a connection, a source or an operation. */
export interface OptionSpec {
  readonly name: string
  readonly type: string
  readonly summary: string
  readonly default?: string
  readonly secret?: boolean
}

/** A source that a connector offers, as data. */
export interface SourceSpec {
  /** As it is written in a flow: `poll`, `consume`. */
  readonly name: string
  readonly kind: 'push' | 'poll' | 'stream'
  readonly summary: string
  readonly options?: readonly OptionSpec[]
}

/** An operation that a connector offers, as data. */
export interface OperationSpec {
  /** As it is written in a flow: `workItems.update`. */
  readonly name: string
  readonly summary: string
  /** The guarantee that it has; several where the author of a flow chooses. */
  readonly guarantees: readonly Guarantee['kind'][]
  readonly options?: readonly OptionSpec[]
}

/** What a connector may use of the world. */
export interface ConnectEnvironment {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** The folder that relative paths start from. */
  readonly directory: string
}

/** A named use of a connector. Flows refer to it; the project binds its configuration under the same name. */
export interface ConnectionDeclaration<Config = unknown, Client = unknown> {
  readonly name: string
  readonly connector: Connector<Config, Client>
  /** True when it works without configuration. */
  readonly optional?: boolean
}

/** What the engine tells an operation about the call. */
export interface CallContext {
  /** The id of the message that makes the call. */
  readonly messageId: string
  /** For `key`: send it as the idempotency key. For `verify`: send it so that it can be asked for. Stable over repetitions of this call. */
  readonly mark: string
  /** Fires at the time limit or when the engine stops. Made when it is asked for. */
  readonly signal: AbortSignal
  /**
   * Calls back when `signal` would fire, with its reason; at once when it has. The answer takes that back. One at a
   * time; for clients that take no signal, since making one costs more than many a call.
   */
  onAbort(run: (reason: unknown) => void): () => void
  /**
   * Whether the request may leave now. Ask where the first byte is written, when there was a wait before it, as for a
   * free connection: an engine that was halted meanwhile may have lost its lease, and the message may run elsewhere.
   * Where it may not, send nothing and throw a `LinkspanError` with `applied: 'no'`; the call is made again when the
   * engine may, and that counts as no attempt.
   */
  maySend(): boolean
  /** A value as JSON text, as `JSON.stringify` makes it; that of the input itself is made once, as it is kept too. */
  jsonText(value: unknown): string | undefined
  readonly timeoutMs: number
  readonly attempt: number
  /**
   * When this call was first made, in milliseconds since 1970 by the journal's clock; null where nothing is on record of it. What
   * `verify` looks for is no older.
   */
  readonly firstMadeAt: number | null
  /**
   * To be told what an answer says of the system's own limits, whether the call succeeds or fails; the engine then holds
   * back the calls of this connection, on all engines, where the project gives it a budget. It is no error and decides
   * nothing about this call. May be called more than once.
   */
  limits(said: SystemLimits): void
  /** W3C trace context to pass on. */
  readonly traceparent: string
}

/**
 * What a system says of its limits: it takes `remaining` more calls within `resetMs` milliseconds from now, and then more.
 * 0 remaining asks for quiet until then, as `Retry-After` does.
 */
export interface SystemLimits {
  readonly remaining: number
  readonly resetMs: number
}

/** What asking after a call of guarantee `verify` can answer. */
export type Verdict<Out> =
  | { readonly state: 'done'; readonly result: Out }
  | { readonly state: 'absent' }
  | { readonly state: 'unknown' }

/**
 * One typed outgoing call with its guarantee.
 *
 * `run` resolves with the result when the call certainly took effect. It throws a `LinkspanError` with
 * `applied: 'no'` when it certainly did not (refused connection, 4xx), and `applied: 'unknown'` when nobody can say
 * (reset after sending, time limit). Any other thrown value counts as `unknown`, to be tried later.
 */
export interface Operation<In, Out, G extends Guarantee = Guarantee> {
  readonly connection: ConnectionDeclaration
  /** Unique within the connector: `post`, `workItems.update`. */
  readonly name: string
  readonly guarantee: G
  /** The call's time limit where the step states none. @default '30s' */
  readonly timeout?: Duration
  run(client: unknown, input: In, call: CallContext): Promise<Out>
  /** Only for `verify`: asks whether the call with this mark was applied. */
  verify?(client: unknown, input: In, call: CallContext): Promise<Verdict<Out>>
  /** Present where the system takes several calls in one request; `run` is then not used by the engine. */
  readonly batch?: CallBatch<In, Out>
  /** Phantom: the input type, for inference. Never set. */
  readonly __in?: (input: In) => void
}

/**
 * How an operation makes several calls in one request: a produce of many records, an insert of many rows.
 *
 * The engine gathers the calls that are made, by any message of any flow, while a request is under way; one that is alone
 * does not wait for company. Each call keeps its own record, mark, time limit and outcome, so the guarantee is the same
 * as with a request for each.
 */
export interface CallBatch<In, Out> {
  /** The most calls in one request. */
  readonly max: number
  /** How many requests may be under way at once. @default 1 */
  readonly inFlight?: number
  /** The most a request may weigh, by `sizeOf`; a call that weighs more goes alone. */
  readonly maxSize?: number
  /** What a call weighs, usually in bytes. @default 1 each */
  sizeOf?(input: In): number
  /**
   * Makes the calls and resolves with an outcome for each, in their order. An outcome's error says `retry` and `applied` as
   * a thrown one does; one that is thrown counts for all calls. A call whose signal fires is given up by the engine, and
   * its outcome is not looked at any more: the request itself ends for the others.
   */
  run(client: unknown, calls: readonly BatchedCall<In>[]): Promise<readonly CallOutcome<Out>[]>
}

/** One call of a request that makes several. */
export interface BatchedCall<In> {
  readonly input: In
  readonly call: CallContext
}

/** What became of one call of a request that made several. */
export type CallOutcome<Out> = { readonly result: Out } | { readonly error: unknown }

/** The identity and data of a source inside a flow's definition. */
export interface SourceDeclaration<T> {
  readonly kind: 'push' | 'poll' | 'stream' | 'channel'
  /** `http`, `schedule`, `files`, `channel`. */
  readonly connector: string
  /** For a channel its name; for others a readable one, as `POST /orders`. */
  readonly name: string
  /** Plain data: what the diagram and the definition show. */
  readonly options: Readonly<Record<string, Json>>
  /** Checks and types each body before it is accepted. */
  readonly schema?: StandardSchemaV1<unknown, T>
  /** The connection it reads from, when there is one. */
  readonly connection?: ConnectionDeclaration
  /**
   * Where it runs when several engines share a journal: on one of them, or on each, where the system divides its messages
   * among those that read, as consumer groups and queues do. One that runs on each has no cursor. @default 'once'
   */
  readonly runs?: 'once' | 'everywhere'
  /**
   * Present where the system's own log can be the record of the messages, so that a flow may state `durability: 'source'`:
   * replicated, durable before it acknowledges, read again from what was acknowledged last, with a `dedupeKey` for each
   * message that is the same each time. Its `start` checks what of that is a matter of settings.
   */
  readonly log?: SourceLogDeclaration
  /** Makes the running source; absent for push sources that the server feeds and for channels. */
  readonly start?: (context: SourceContext) => Promise<RunningSource>
  /** What a push source needs of the server (route, authentication); opaque here. */
  readonly push?: unknown
  /** Phantom: the body type, for inference. Never set. */
  readonly __body?: () => T
}

/** What a source says of its system's log. */
export interface SourceLogDeclaration {
  /** Why it cannot be the record as the source is declared, with what to change; null where it can. */
  readonly unfit: string | null
}

/** How a message is acknowledged that lies in its source's log only. */
export interface Delivery {
  /** It need not come again: it has ended, or the journal has it. Called once. */
  settled(): void
  /** Whether it is still this engine's. Asked before anything leaves for it; once false, it is dropped unacknowledged. */
  isOurs(): boolean
}

/** A message as a source hands it in. */
export interface Incoming {
  readonly body: unknown
  /**
   * The JSON text (UTF-8, no byte order mark) that `body` was parsed from and still says, where the source has it: it
   * is kept as it is and not made anew.
   */
  readonly json?: Uint8Array
  readonly headers?: Headers
  /** The key the system gives it; used where the flow says none of its own. Messages of one key are run in their order. */
  readonly key?: string
  /**
   * Why it could not be read: no JSON, an unknown schema. It is accepted all the same, with what there is of it as its
   * body, and ends as a dead letter by this reason, so that it is seen and what comes after it is not held up.
   */
  readonly unreadable?: string
  /** The identity the system gives it: a repeated one is answered as a duplicate and not accepted again. */
  readonly dedupeKey?: string
  readonly acceptedAt?: number
  /** Where {@link SourceContext.durability} is `source`, always; else of no interest. */
  readonly delivery?: Delivery
}

/** What the engine offers to a running source. */
export interface SourceContext {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly directory: string
  /** The connected client of the source's connection, connected on first use. */
  client(): Promise<unknown>
  /**
   * Where messages are kept until they have ended. With `source`, `accept` resolves when the engine has taken them on, in
   * memory only: each is acknowledged by its own {@link Delivery}, and never by `accept`. There is no cursor then.
   */
  readonly durability: 'journal' | 'source'
  /** The committed position of this source, or null at the first start. */
  cursor(): Promise<string | null>
  /**
   * Accepts messages and moves the cursor, in one commit. Resolves after it. Rejects with `ENGINE_BUSY` or
   * `JOURNAL_FULL` when there is no room: nothing was accepted, call again after the error's `retry`.
   */
  accept(messages: readonly Incoming[], cursor: string | null): Promise<void>
  /**
   * Makes one request to the source's system when the budget of its connection has room for it, which calls of messages
   * take from too; `limits` is {@link CallContext.limits}. Rejects with the reason of `signal` when that fires first.
   */
  request<T>(run: (limits: (said: SystemLimits) => void) => Promise<T>): Promise<T>
  /**
   * Says that the source cannot go on: a lost connection, a subscription that was taken away. The engine stops it, shows why,
   * and starts it again after a pause; after `CONNECTION_FAILED` with a new client. A source reconnects nothing itself.
   */
  failed(error: unknown): void
  /** Fires when the source must stop. */
  readonly signal: AbortSignal
}

/** A started source. */
export interface RunningSource {
  /** Resolves when nothing more will be handed in. */
  stop(): Promise<void>
}
