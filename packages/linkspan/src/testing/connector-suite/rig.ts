import type { ConnectionDeclaration, Operation, SourceDeclaration } from '../../connect/connector.ts'
import type { Headers } from '../../model/message.ts'

/** What the suite sends through a connector. Texts are empty, large, or of any characters; ids are not repeated. */
export interface TrialItem {
  readonly id: string
  /** Items of one key have an order. */
  readonly key: string
  readonly text: string
}

/** A message of a source as a flow gets it. */
export interface TrialMessage {
  readonly body: unknown
  readonly headers: Headers
  readonly key: string | null
}

/**
 * One connection of a connector, and the system behind it: a fake, a simulator or the real one. Made afresh for each test,
 * with nothing left of the tests before it. What it does not have is named in `without`.
 */
export interface ConnectorRig {
  /** Absent for a source that needs none, as a schedule. */
  readonly connection?: ConnectionDeclaration
  /** What a project would bind to the connection. */
  readonly config?: unknown
  /** The same with credentials that the system refuses. */
  readonly wrongConfig?: unknown
  /** Texts that nothing may show: passwords, tokens, those of `wrongConfig` too. */
  readonly secrets?: readonly string[]
  /** The folder that relative paths start from. @default '/' */
  readonly directory?: string
  readonly source?: SourceTrial
  readonly operation?: OperationTrial
  /** How the system is hurt. */
  readonly system?: SystemTrial
  /** Takes everything away, also after a test that failed. */
  dispose(): Promise<void>
}

/** A source, and what somebody else does at its system. */
export interface SourceTrial {
  readonly source: SourceDeclaration<never>
  /** Puts items into the system in this order; resolves when the system has them for good. */
  put(items: readonly TrialItem[]): Promise<void>
  /** The item that a message was made of; null for one that the suite did not send. Used in a flow, so it must be pure. */
  item(message: TrialMessage): TrialItem | null
  /** The key of a message, where the source gives none of its own. */
  key?(body: never, source: { readonly headers: Headers }): string
  /** The identity of a message, where the source gives none of its own. */
  identity?(body: never, source: { readonly headers: Headers }): string
  /** Puts something that cannot be read: no JSON, an unknown schema. */
  putUnreadable?(): Promise<void>
  /** Makes the system deliver again what was accepted, as it may at any time. */
  redeliver?(): Promise<void>
}

/** An operation, and what it leaves behind in its system. */
export interface OperationTrial {
  readonly operation: Operation<never, unknown>
  /** The operation's input for an item. */
  input(item: TrialItem): unknown
  /** What has taken effect so far, in its order, read from the system itself and not through the connector. */
  effects(): Promise<readonly TrialItem[]>
  /** An input that the system refuses for good. */
  readonly refused?: unknown
}

/** What can be done to a system. Each resolves when it is so. */
export interface SystemTrial {
  /** Ends it at once, with no word to anybody; what it had acknowledged it keeps. */
  stop?(): Promise<void>
  /** Brings it back under the same address, and resolves when it takes connections. */
  start?(): Promise<void>
  /** Lets it keep its connections and answer nothing. */
  freeze?(): Promise<void>
  thaw?(): Promise<void>
  /** Breaks all connections that there are; new ones can be made. */
  cut?(): Promise<void>
  /** Lets each answer come so much later, in milliseconds of the suite's clock; 0 ends that. */
  delay?(ms: number): Promise<void>
  /** The next call of the operation takes effect, and its connection breaks before the answer arrives. */
  loseReply?(): Promise<void>
}

/** What a connector, or its rig, may not have; each needs a reason. */
export type Capability =
  /** It has no source, or none that runs by itself. */
  | 'source'
  | 'operation'
  | 'connection'
  /** The source gets what came while nothing ran. */
  | 'backlog'
  /** A message has an identity, so that one that is delivered again is not accepted again. */
  | 'identity'
  /** Items of one key come, or take effect, in their order. */
  | 'order'
  | 'unreadable'
  | 'redelivery'
  | 'refusal'
  | 'batch'
  | 'check'
  | 'secrets'
  | 'credentials'
  | 'restart'
  | 'freeze'
  | 'cut'
  | 'slow'
  | 'lostReply'
