import type { ClusterSurvey } from '../journal/journal.ts'
import type { ErrorCode, StoredError } from '../model/errors.ts'
import type { FlowDefinition } from '../model/flow-definition.ts'
import type { Ending, Headers, Json, MessageState, MessageSummary, WaitReason } from '../model/message.ts'
import type { Accepted, SendEventOptions } from './sending.ts'

/**
 * Everything a person can see and do to a running engine, as plain data: the admin API answers it over HTTP, the CLI
 * prints it, the console draws it. Reading works on a stopped engine's journal too.
 */
export interface Admin extends AdminReader {
  /**
   * Starts nothing more of a flow and stops its source, on all engines that share the journal: at once here, within a
   * second at the others, after a restart too. Any of them may be asked, also one that lacks the flow while another one
   * that lives has it. Throws `FLOW_UNKNOWN` where none has.
   */
  pause(flow: string): Promise<void>
  /** Undoes {@link Admin.pause}, at any engine too. */
  resume(flow: string): Promise<void>
  /**
   * Gives up a live message: it ends as *dropped*. Answers after that is committed. One that is in the middle of a call
   * ends when the call does; when that takes more than 5 seconds, it is answered while still `active`: the cancellation
   * is requested then, and is forgotten if the engine dies first. Throws `MESSAGE_STATE` where it has ended, or ends
   * otherwise meanwhile.
   */
  cancel(id: string, note: string): Promise<MessageSummary>
  /**
   * Puts the message that holds a key aside as a dead letter, so that the key moves on. Any engine may be asked, as of
   * {@link Admin.pause}. Throws `MESSAGE_UNKNOWN` where nothing holds the key, `MESSAGE_STATE` while its message runs.
   */
  skipKey(flow: string, key: string, note: string): Promise<MessageSummary>
  /**
   * Sends ended messages through their flow again. One that somebody else acts on just now, or has acted on since it was
   * read, is refused with `MESSAGE_STATE`; so it is by {@link Admin.drop} and {@link Admin.resolve}.
   */
  redeliver(selection: Selection, options: RedeliverOptions): Promise<BulkOutcome>
  /** Gives up dead letters, doubts or parked messages: they end as *dropped*. */
  drop(selection: Selection, note: string): Promise<BulkOutcome>
  /** Says of a message in doubt whether its call was applied; it then goes on, or makes the call again. */
  resolve(
    id: string,
    applied: boolean,
    options: { readonly result?: Json; readonly note: string },
  ): Promise<void>
  /**
   * Raises an event for a key: a message that waits for it goes on, and one that nobody waits for is kept as long as its
   * declaration says. Answers after the commit, with the message of the engine's own flow that does it. Throws
   * `EVENT_UNKNOWN` when no flow waits for it or raises it, `BODY_INVALID` when its schema refuses the value.
   */
  raise(event: string, key: string | number, value: Json, options?: SendEventOptions): Promise<Accepted>
  /**
   * Completes the group of a key of an `aggregate` step (`step` is its path), or all that it has when `key` is null, whatever
   * else they wait for. Answers how many they are once all go on. Throws `FLOW_UNKNOWN`, which says which engine to ask where
   * another one has the flow, and `STEP_UNKNOWN`.
   */
  completeGroups(flow: string, step: string, key: string | null): Promise<GroupsCompleted>
  backup(path: string, progress: Progress): Promise<void>
}

/** The reading half of {@link Admin}. */
export interface AdminReader {
  status(): Promise<EngineStatus>
  flows(): Promise<readonly FlowStatus[]>
  messages(query: MessageQuery): Promise<Page<MessageSummary>>
  /**
   * The dead letters, doubts and parked messages, children among them, grouped by what ails them: the newest ten thousand.
   * The largest group comes first.
   */
  causes(): Promise<Causes>
  trace(id: string): Promise<Trace>
  /** The reply of a message, or null when it has none yet. */
  reply(id: string): Promise<{ readonly reply: Json } | null>
  /** Keys that are held. */
  keys(flow: string | null, limit: number): Promise<readonly HeldKey[]>
  /** Runs recorded messages through the present code and says what would now be sent differently. Sends nothing. */
  replay(selection: Selection, progress: Progress): Promise<ReplayReport>
  /** Which live messages fit the present flows, and which would be parked. */
  check(progress: Progress): Promise<CheckReport>
  stats(): Promise<Readonly<Record<string, number | string>>>
  /** The engines that share the journal, the partitions that each owns, and what waits in them. */
  cluster(): Promise<ClusterView>
  verify(progress: Progress): Promise<readonly { readonly where: string; readonly what: string }[]>
}

/** Messages of a flow that an engine runs for the owners of their partitions, which cannot run them. */
export interface ClusterLoan {
  /** The flow's first name. */
  readonly flow: string
  /** The number of the engine that runs them. */
  readonly to: number
  readonly count: number
}

/** Who shares the journal, what lies where, and what is lent. */
export interface ClusterView extends ClusterSurvey {
  readonly loans: readonly ClusterLoan[]
}

/** Called during long work; `total` may be an estimate, and is 0 where nobody knows. */
export type Progress = (done: number, total: number) => void

/** One page of a list; `next` continues it, null at its end. */
export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

/** What the engine is doing. */
export interface EngineStatus {
  readonly state: EngineState
  readonly journal: string
  readonly startedAt: number
  readonly version: string
  readonly node: string
  /** Messages by state over all flows; ended ones as far as the history reaches. Children are counted apart. */
  readonly messages: Readonly<Record<MessageState, number>>
  readonly children: Readonly<Record<MessageState, number>>
  /** Why new messages are refused, or null. */
  readonly refusing: StoredError | null
  /** The events that the flows wait for or raise. */
  readonly events: readonly EventStatus[]
  /** The budgets of connections, as the engine that answers has a share in them. */
  readonly budgets: readonly BudgetStatus[]
}

/** What is to be seen of an event. */
export interface EventStatus {
  readonly event: string
  /** How many were raised that nobody took as long as they were kept; counted within the hour. */
  readonly expired: number
}

/** What is to be seen of the budget of a connection. */
export interface BudgetStatus {
  readonly connection: string
  /** Calls that wait for it, of those that came to this engine since it started. */
  readonly waiting: number
  readonly underWay: number
  /** Until when the system asked that nothing begins, milliseconds since 1970, or null. */
  readonly heldUntil: number | null
}

/**
 * The engine's life. `refusing`: it runs, but the journal has no room for new messages. `rejoining`: other engines took
 * over from it, and it joins them again.
 */
export type EngineState =
  | 'new'
  | 'starting'
  | 'running'
  | 'refusing'
  | 'rejoining'
  | 'stopping'
  | 'stopped'
  | 'failed'

/** One flow with its counts. */
export interface FlowStatus {
  readonly name: string
  readonly definition: FlowDefinition
  readonly codeVersion: string
  readonly paused: boolean
  readonly messages: Readonly<Record<MessageState, number>>
  /** When the oldest live message was accepted, or null. */
  readonly oldest: number | null
  /**
   * `passive`: fed by the server, a sender or a channel. `elsewhere`: it runs on another engine of the cluster. `stopped`:
   * the journal of a stopped engine is read.
   */
  readonly source: {
    readonly state: 'running' | 'paused' | 'failing' | 'passive' | 'elsewhere' | 'stopped'
    readonly error: StoredError | null
  }
}

/** Which messages: times in milliseconds since 1970. */
export interface MessageQuery {
  readonly flow?: string
  readonly key?: string
  readonly states?: readonly MessageState[]
  readonly since?: number
  readonly until?: number
  readonly index?: Readonly<Record<string, string>>
  readonly children?: boolean
  readonly order?: 'newest' | 'oldest'
  readonly limit?: number
  /** A page's `next`. */
  readonly after?: string
}

/** What ails the messages that want a person. */
export interface Causes {
  readonly groups: readonly CauseGroup[]
  /** Whether there are messages beyond those that were read. */
  readonly more: boolean
}

/** Messages that ended alike: in the same flow and state, at the same step, for the same cause. */
export interface CauseGroup {
  readonly flow: string
  readonly state: MessageState
  /** The path of the step at which they ended; empty where it was none. */
  readonly step: string
  readonly code: ErrorCode | null
  /** What the error says, without what differs from message to message: values, ids and numbers are `…`. */
  readonly cause: string
  readonly count: number
  /** When the first and the last of them ended, milliseconds since 1970. */
  readonly first: number
  readonly last: number
  /** The one that ended last. */
  readonly sample: MessageSummary
  /** All of them, those accepted last first. */
  readonly ids: readonly string[]
}

/** Single messages, or all that a query finds. */
export type Selection = { readonly ids: readonly string[] } | { readonly query: MessageQuery }

/** What came of completing groups. */
export interface GroupsCompleted {
  /** The message of the engine's own flow that does it. */
  readonly id: string
  /** How many groups were complete by it; null when it goes on after 5 seconds, as where there are very many. */
  readonly groups: number | null
}

/** How redelivery goes about it. */
export interface RedeliverOptions {
  /** At most so many a second. @default 100 */
  readonly perSecond?: number
  /** Recorded effects are kept and not repeated (false), or everything is done afresh (true). @default false */
  readonly fresh?: boolean
  readonly note: string
  readonly progress?: Progress
}

/** What came of an action on many messages. */
export interface BulkOutcome {
  readonly done: number
  readonly refused: readonly { readonly id: string; readonly error: StoredError }[]
}

/** A key that is held, and by which message. */
export interface HeldKey {
  readonly flow: string
  readonly key: string
  readonly by: string
  readonly reason: WaitReason
  readonly wakeAt: number | null
  /** Which attempt comes next, from 1. */
  readonly attempt: number
  readonly error: StoredError | null
  /** How many messages wait behind it, as far as they were counted. */
  readonly behind: number
}

/** The way of one message. */
export interface Trace {
  readonly message: MessageSummary & {
    readonly headers: Headers
    readonly body: Json | null
    readonly codeVersion: string
    readonly bodyLost: boolean
  }
  readonly steps: readonly TraceStep[]
  readonly reply: Json | null
  readonly parent: string | null
  readonly children: readonly MessageSummary[]
  readonly notes: readonly TraceNote[]
  /** Why the pure steps could not be recomputed, or null. */
  readonly unfinished: StoredError | null
}

/** One step of a trace. */
export interface TraceStep {
  readonly path: string
  readonly kind: string
  readonly input: Json | null
  readonly output: Json | null
  readonly outcome: 'done' | 'filtered' | 'failed' | 'inDoubt' | 'waiting' | 'ignored' | 'skipped' | 'unknown'
  /** When its outcome was recorded; null for pure steps. */
  readonly at: number | null
  readonly durationMs: number | null
  readonly attempts: readonly TraceAttempt[]
  readonly guarantee: string | null
}

/** One attempt of an effect. */
export interface TraceAttempt {
  readonly at: number
  readonly outcome: 'done' | 'failed' | 'unknown' | 'sent'
  readonly mark: string | null
  readonly durationMs: number | null
  readonly request: Json | null
  readonly result: Json | null
  readonly error: StoredError | null
}

/** Something a person or the engine did to the message. */
export interface TraceNote {
  readonly at: number
  readonly what: 'redelivered' | 'resolved' | 'cancelled' | 'skipped' | 'dropped' | 'parked' | 'lent' | 'step'
  readonly note: string
}

/** What would now be sent differently. */
export interface ReplayReport {
  readonly messages: number
  readonly unchanged: number
  readonly differences: readonly ReplayDifference[]
}

/** One difference of one message. */
export interface ReplayDifference {
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly path: string
  /** `ending`: the message would end otherwise. `unanswerable`: a call whose answer is not on record. */
  readonly kind: 'added' | 'removed' | 'changed' | 'unanswerable' | 'ending' | 'error'
  readonly before: Json | null
  readonly after: Json | null
  readonly fields: readonly FieldDifference[]
}

/** A field that differs; `path` as a JSON Pointer (RFC 6901). */
export interface FieldDifference {
  readonly path: string
  readonly kind: 'added' | 'removed' | 'changed'
  readonly before: Json | null
  readonly after: Json | null
}

/** Whether live messages fit the present flows. */
export interface CheckReport {
  readonly flows: readonly {
    readonly flow: string
    readonly live: number
    readonly fit: number
    readonly parked: readonly { readonly id: string; readonly reason: string }[]
    /** True when the flow is no longer in the project. */
    readonly gone: boolean
  }[]
}

/** Counts that a dashboard wants, all at once. */
export interface Totals {
  readonly accepted: number
  readonly endings: Readonly<Record<Ending, number>>
}
