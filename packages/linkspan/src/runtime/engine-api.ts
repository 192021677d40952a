import type { Incoming } from '../connect/connector.ts'
import type { JournalFactory } from '../journal/journal.ts'
import type { Duration } from '../model/duration.ts'
import type { LinkspanError, StoredError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import type { Outside } from '../model/outside.ts'
import type { ErrorAction, ErrorPolicy } from '../model/policy.ts'
import type { Reference } from '../model/reference.ts'
import type { Flow, FlowFacts } from '../patterns/steps.ts'
import type { EventDeclaration } from '../patterns/wait-for.ts'
import type { Admin, EngineState } from './admin-api.ts'
import type { Accepted, SendEventOptions, SendOptions } from './sending.ts'

// Whoever gets to a flow's type through here finds the steps that the patterns add to it.
export type { Reference } from '../model/reference.ts'
export type { Accepted, SendEventOptions, SendOptions } from './sending.ts'
export type {} from '../patterns/index.ts'

/** A value, or a reference to it, at any depth of a configuration. */
export type Configurable<T> =
  | T
  | Reference
  | (T extends object ? { readonly [K in keyof T]: Configurable<T[K]> } : never)

/** A project: what the project file exports. */
export interface Project {
  readonly journal: JournalFactory
  readonly flows: readonly Flow[]
  /** Configuration by connection name. */
  readonly connections?: Readonly<Record<string, unknown>>
  /** The HTTP server; absent or false for none. */
  readonly http?: HttpSettings | false
  /** How long ended messages are kept. @default '14d' */
  readonly retention?: Duration
  /** How long dead letters, doubts and parked messages are kept. @default '90d' */
  readonly attentionRetention?: Duration
  /** The error policy of flows that state none. */
  readonly onError?: ErrorAction | ErrorPolicy
  readonly hooks?: Hooks
  /** A word that changes with each deployment, joined to each flow's own code version. */
  readonly version?: string | Reference
}

/** The engine's own HTTP server. */
export interface HttpSettings {
  /** @default 7070 */
  readonly port?: number | Reference
  /** @default '127.0.0.1' */
  readonly host?: string | Reference
  /** The most bytes of a request's body where a route states none. @default 1 MiB */
  readonly bodyLimit?: number
  /** How long a request may take to arrive. @default '30s' */
  readonly requestTimeout?: Duration
  /** The bearer token of the admin API; without one, the API answers on the loopback only, with a token made at start. */
  readonly adminToken?: string | Reference
}

/** Called after the fact is committed. What a hook throws is logged and changes nothing. */
export interface Hooks {
  readonly onDead?: (event: EndedEvent) => void | Promise<void>
  readonly onInDoubt?: (event: EndedEvent) => void | Promise<void>
  readonly onParked?: (event: EndedEvent) => void | Promise<void>
}

/** What a hook is told. */
export interface EndedEvent {
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly path: string
  readonly error: StoredError
}

/** The body type a flow accepts. */
export type AcceptsOf<L> = L extends Flow<infer F> ? F['accepts'] : unknown
/** The type a flow replies. */
export type RepliesOf<L> = L extends Flow<infer F> ? F['replies'] : unknown

/**
 * An integration engine in this process.
 *
 * @example
 * ```ts
 * import { createEngine, defineProject, flow, inbox, sqlite } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (p) => `Hello ${p.name}`).reply('answer')
 * const engine = createEngine(defineProject({ journal: sqlite('data/hub.db'), flows: [greet] }))
 * await engine.start()
 * const text: string = await engine.request(greet, { name: 'Ada' })
 * await engine.stop()
 * ```
 */
export interface Engine {
  readonly state: EngineState
  /**
   * Checks all that {@link Engine.start} checks before it opens anything: connections and their configuration, routes,
   * durations. Opens and sends nothing. Rejects with the first thing that is wrong.
   */
  validate(): Promise<void>
  /** Opens the journal, resumes what was under way and starts the sources and the server. Rejects with what is wrong and closes what it opened. */
  start(): Promise<void>
  /** Stops the sources, lets running passes end or parks them within the limit, and closes the journal. */
  stop(options?: { readonly within?: Duration }): Promise<void>
  /** Accepts a message; resolves after the commit. Rejects with `ENGINE_BUSY` or `JOURNAL_FULL` when there is no room. */
  send<L extends Flow>(flow: L, body: AcceptsOf<L>, options?: SendOptions): Promise<Accepted>
  /**
   * Raises an event for a key from outside a flow, once per `dedupeKey`; resolves after the commit. A message that waits for it
   * by `waitFor` goes on. Rejects with `EVENT_UNKNOWN` when no flow waits for it or raises it, and with `BODY_INVALID`.
   */
  raise<V>(
    event: EventDeclaration<V>,
    key: string | number,
    value: NoInfer<V>,
    options?: SendEventOptions,
  ): Promise<Accepted>
  /** Accepts a message and waits for its reply. Rejects with `REPLY_TIMED_OUT` (the message goes on) or what it failed with. */
  request<L extends Flow>(
    flow: L,
    body: AcceptsOf<L>,
    options?: SendOptions & { readonly timeout?: Duration; readonly signal?: AbortSignal },
  ): Promise<RepliesOf<L>>
  readonly intake: Intake
  readonly admin: Admin
  readonly metrics: Metrics
  /** The flows by name. */
  readonly flows: ReadonlyMap<string, Flow>
  /** Answers a request on the flows' routes, the health pages and the admin API: mount it in any fetch-style server. */
  fetch(request: Request): Promise<Response>
  /** Where the engine's own server listens, once it is started with one. */
  readonly address: { readonly host: string; readonly port: number } | null
}

/** The door for servers and sources: by flow name, with untyped bodies. */
export interface Intake {
  /** Validates, derives key and index, and accepts. `BODY_INVALID` when the schema refuses it. */
  accept(flow: string, incoming: Incoming, options?: { readonly key?: string }): Promise<Accepted>
  /** Resolves with the reply of a message once it is committed, at once when it is there already; null when it ended without one. */
  reply(
    id: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<{ readonly reply: Json } | null>
  /** Why nothing can be accepted now, or null. */
  readonly refusing: LinkspanError | null
}

/** What the engine counts and times, for `/metrics` and tests. Histograms are cumulative, in seconds. */
export interface Metrics {
  /** In the Prometheus text format 0.0.4. */
  prometheus(): string
  counter(name: string, labels: Readonly<Record<string, string>>, by?: number): void
  gauge(name: string, labels: Readonly<Record<string, string>>, value: () => number): void
  observe(name: string, labels: Readonly<Record<string, string>>, seconds: number): void
  /** One counter with its labels, found once: for hot paths. */
  counterOf(name: string, labels: Readonly<Record<string, string>>): { add(by?: number): void }
  /** One histogram with its labels, found once: for hot paths. */
  histogramOf(name: string, labels: Readonly<Record<string, string>>): { observe(value: number): void }
}

/** What an engine may be handed beside its project. Everything defaults to the real world. */
export interface EngineOptions {
  readonly outside?: Partial<Outside>
  /** Where relative paths start. @default the working directory */
  readonly directory?: string
  /** @default the process's environment and secret files */
  readonly lookup?: (reference: Reference) => string | undefined
}

/** The types of a project's flows, unused at run time. */
export type AnyFlow = Flow<FlowFacts>
