import type { Ending, Headers, WaitReason } from '../model/message.ts'
import type { JournalEnvironment } from './environment.ts'
import type { Ownership } from './ownership.ts'
import type { CursorChange, Settlement, Wait } from './rows.ts'
import type { JournalTransfer } from './transfer.ts'

export type * from './environment.ts'
export type * from './ownership.ts'
export type * from './rows.ts'
export type * from './transfer.ts'

/**
 * The durable record of accepted messages, their records, waits, endings and state: the only source of truth.
 *
 * An engine owns a journal, or a share of it: {@link Ownership}. It writes by {@link Journal.commit}, one call at a time,
 * and reads by the small parts. Everything a commit carries becomes durable together (fsync included) or not at all.
 * Bytes are opaque here: the engine writes sealed envelopes with their own version and checksum.
 *
 * Errors: `JOURNAL_FULL` (nothing was written; try again when there is room), `JOURNAL_UNREACHABLE` (the outcome is
 * unknown: call again with the same batch), `JOURNAL_TAKEN_OVER` (nothing was written and nothing of this engine will be:
 * open anew), `JOURNAL_DAMAGED` and `JOURNAL_CLOSED` (give up).
 */
export interface Journal {
  /** The kind and place of the journal, for people: `sqlite data/hub.db`. */
  readonly name: string
  /** What the journal found when it was opened. */
  readonly opened: Opened
  /**
   * Writes a batch. Called again with the same `batch.id` after an unknown outcome, it must not write twice and
   * must answer what it answered, or would have answered, before.
   */
  commit(batch: Batch): Promise<Committed>
  readonly messages: MessageReader
  readonly backlog: BacklogReader
  readonly state: StateReader
  readonly cursors: CursorReader
  readonly ownership: Ownership
  readonly history: HistoryReader & HistoryKeeper
  /** Ends all use of the journal; the lock is given back. */
  close(how?: Closing): Promise<void>
}

/** How an owner leaves a journal. */
export interface Closing {
  /**
   * Something was given up while it ran, or could not be written any more: whoever comes next takes the journal over as
   * after a crash. @default false
   */
  readonly leftRunning?: boolean
}

/** A journal that is configured but not open: what `sqlite('data/hub.db')` returns. */
export interface JournalFactory {
  readonly kind: string
  /** Present while options of it are references: such a journal is opened only with their values. */
  readonly configuration?: JournalConfiguration
  /** Copying all of it to another journal, or of another one to here; absent where it cannot be copied. */
  readonly transfer?: JournalTransfer
  /**
   * Opens for an engine that writes: the one that owns it, taking the lock, or one of several, if this kind of journal
   * can be shared. Errors: `JOURNAL_IN_USE`, `_NEWER`, `_FOREIGN`, `_DAMAGED`, `_TAIL_LOST`.
   */
  open(environment: JournalEnvironment): Promise<Journal>
  /** Opens for reading while another process may own it; `commit` is refused. */
  openForReading(environment: JournalEnvironment): Promise<Journal>
}

/** Options of a journal with references in them (`env('DATABASE_URL')`), which the journal itself cannot look up. */
export interface JournalConfiguration {
  /** As the project states them. */
  readonly options: object
  /** The journal of the same options with a value in the place of each reference. */
  withValues(options: object): JournalFactory
}

/** What was found when the journal was opened. */
export interface Opened {
  /** True when the last owner did not close it, or left something running. */
  readonly crashed: boolean
  /** The highest place given so far; the next message gets the one after it. */
  readonly lastSeq: number
  /** How many ended messages are kept. An estimate is enough. */
  readonly historySize: number
}

/**
 * What one commit carries. The parts are independent of each other's order, except as stated. What concerns a message
 * that the journal does not have (any more) is left out.
 */
export interface Batch {
  /** Increases by one with each commit of an owner, starting at 1 after opening. */
  readonly id: number
  readonly accept: readonly NewMessage[]
  readonly records: readonly RecordFrame[]
  /** Puts or replaces the wait of a message. For one that has ended it comes too late and is left out. */
  readonly waits: readonly Wait[]
  /**
   * Ends messages; a wait of such a message is removed. Never for a message of the same batch's `accept`. The ending of
   * an ended message is replaced; the frame that came with it stays in the record.
   */
  readonly settle: readonly Settlement[]
  /** Takes back the ending of messages, whose frame stays in the record, and puts a wait instead. */
  readonly revive: readonly Wait[]
  /** Last one wins per scope and key. */
  readonly state: readonly StateChange[]
  readonly cursors: readonly CursorChange[]
  /**
   * All messages of this engine's partitions below this place that have no wait are ended; recovery need not look below
   * it. Once true of a place it stays true, so the journal keeps the highest one it was given. Partitions that are
   * granted and not yet {@link Ownership.recovered} are not meant.
   */
  readonly lowWater: number
}

/**
 * A message to be accepted. The journal gives it its place in the order of acceptance. A child that the journal has
 * already (same parent, path and index) is answered as its duplicate.
 */
export interface NewMessage {
  readonly flow: string
  readonly key: string | null
  /** The part of its id that cannot be guessed; '' for a child. */
  readonly token: string
  readonly acceptedAt: number
  readonly codeVersion: string
  readonly headers: Headers
  /** A sealed envelope. */
  readonly body: Uint8Array
  readonly parent: {
    readonly seq: number
    readonly id: string
    readonly path: string
    readonly index: number
    /** Whether the parent waits for it: its wait then names the parent. */
    readonly awaited: boolean
  } | null
  /** The partition it lies in: a child's is its parent's. */
  readonly partition: number
  /** When set, the message is written with a wait of reason `ready`; otherwise the engine runs it right after the commit. */
  readonly ready: boolean
  /**
   * For another engine: that of its partition is told ({@link OwnershipListener.handed}), whoever that is. Only with
   * `ready`.
   */
  readonly handOver: boolean
  /**
   * For a message with a key that is not `ready`: up to which place its engine has taken on what others handed over for
   * this flow. If there is more by now, the message must come after that, so it is written as if it were `ready`, and
   * answered as {@link AcceptedAt.behind}.
   */
  readonly handedUpTo: number
  /** Refuse it when this key was seen in this scope and is still remembered: `acceptedAt` is before its `until`. */
  readonly dedupe: { readonly scope: string; readonly key: string; readonly until: number } | null
  /** Fields a person can search by. */
  readonly index: Readonly<Record<string, string>> | null
}

/** A piece of a message's record, written while it runs. `n` counts up per message from 0 and is never reused. */
export interface RecordFrame {
  readonly seq: number
  readonly n: number
  /** A sealed envelope. */
  readonly frame: Uint8Array
}

/** A cell of engine state to be put; `until` as of {@link StateChange}. */
export interface StateCell {
  readonly scope: string
  readonly key: string
  readonly value: Uint8Array
  readonly until: number | null
}

/** A value of engine state; `value` null removes it. */
export interface StateChange {
  readonly scope: string
  readonly key: string
  readonly value: Uint8Array | null
  /** When it may be forgotten; null keeps it. */
  readonly until: number | null
  /**
   * What the change was made from, where several engines share the journal: it is written only if the cell still has that
   * value at that time (null: none, or one past its `until`), and `frame` and the cells `along` with it or not at all.
   * Otherwise its position in the batch is among {@link Committed.stale}. At most one change of a batch for the same cell has
   * it, and no other change of the batch is of a cell that goes along.
   */
  readonly basedOn?: {
    readonly value: Uint8Array | null
    readonly at: number
    readonly frame: RecordFrame | null
    readonly along?: readonly StateCell[]
  }
}

/** What a commit answers: one entry per accepted message, in order. */
export interface Committed {
  readonly accepted: readonly AcceptedAt[]
  /** Positions in the batch's `state` of changes that were not written, as another engine changed the cell meanwhile. */
  readonly stale?: readonly number[]
}

/** The place a message was given, or the earlier message that it repeats. */
export interface AcceptedAt {
  readonly seq: number
  readonly duplicateOf: { readonly seq: number; readonly id: string } | null
  /** Set when it was to run at once and lies in the backlog instead, behind what others handed over. */
  readonly behind?: true
}

/** A stored message with its record so far. */
export interface StoredMessage {
  readonly seq: number
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly acceptedAt: number
  readonly codeVersion: string
  readonly headers: Headers
  /** A sealed envelope; null when it was pruned or is damaged beyond reading. */
  readonly body: Uint8Array | null
  readonly parent: { readonly seq: number; readonly path: string; readonly index: number } | null
  readonly partition: number
  /** Sealed envelopes in the order of `n`, a settlement's last. */
  readonly frames: readonly Uint8Array[]
  /** The number the next frame gets. */
  readonly nextFrame: number
  readonly wait: Wait | null
  readonly ending: {
    readonly ending: Ending
    readonly endedAt: number
    readonly attempt: number
    readonly reason: string
  } | null
  /** What of it cannot be trusted, for people; the rest is as it was found. Absent when it is whole. */
  readonly damaged?: string
}

/**
 * What is wanted of a damaged message: `whole` refuses it by `JOURNAL_DAMAGED`, for those who act on it; `marked`
 * answers what can be read with {@link StoredMessage.damaged}, for people who look.
 */
export type Trust = 'whole' | 'marked'

/** Looking up single messages and relatives. */
export interface MessageReader {
  /** Those of the given places that exist, in the order of their places; by default `whole` ones. */
  load(seqs: readonly number[], trust?: Trust): Promise<readonly StoredMessage[]>
  /** The message with this id, marked when it is damaged, or null. Throws when it is the id that cannot be trusted. */
  find(id: string): Promise<StoredMessage | null>
  /** Children of a message made by one step (or by any), in the order of step and index; by default `whole` ones. */
  children(
    parent: number,
    path: string | null,
    fromIndex: number,
    limit: number,
    trust?: Trust,
  ): Promise<readonly StoredMessage[]>
  /** How many children of this step have not ended. */
  openChildren(parent: number, path: string): Promise<number>
}

/** A message that waits, without its body. */
export interface BacklogEntry extends Wait {
  readonly partition: number
  /** Its size, so that a window can be bounded in bytes. */
  readonly bytes: number
  /** Set when the wait cannot be trusted: only the place counts then, and loading the message says what is wrong. */
  readonly damaged?: true
}

/**
 * What waits, in the order of acceptance. Only what lies in {@link Ownership.owned} partitions is answered, but to
 * `pageOfParent`, as a parent in a retired partition needs its children to come to rest, and to `count` and `held`, which
 * are for people.
 */
export interface BacklogReader {
  /**
   * Messages that were running when the last owner of their partition died: no wait, no ending. Answers those of granted
   * partitions that are not yet {@link Ownership.recovered}. What is damaged is marked.
   */
  unsettled(after: number, limit: number): Promise<readonly StoredMessage[]>
  /** Waits of a flow without a parent, of reason `ready` or holding their key, above a place. */
  page(flow: string, after: number, limit: number): Promise<readonly BacklogEntry[]>
  /** The same for one key, up to and including a place. */
  pageOfKey(
    flow: string,
    key: string,
    after: number,
    upTo: number,
    limit: number,
  ): Promise<readonly BacklogEntry[]>
  /** Those of the same that hold their key, above a place. */
  pageOfHolders(flow: string, after: number, limit: number): Promise<readonly BacklogEntry[]>
  /** Waits of the children that a parent waits for, whatever their reason, above a place. */
  pageOfParent(parent: number, after: number, limit: number): Promise<readonly BacklogEntry[]>
  /** Waits of a flow that are due at a time, the earliest first. */
  due(flow: string, at: number, limit: number): Promise<readonly BacklogEntry[]>
  /** When the next wait of a flow is due, or null. */
  nextDue(flow: string): Promise<number | null>
  /** Waits per flow and reason, those of children apart, with the oldest acceptance of each group. */
  count(): Promise<
    readonly {
      readonly flow: string
      readonly reason: WaitReason
      readonly child: boolean
      readonly count: number
      readonly oldest: number
    }[]
  >
  /** Keys that are held, with the message that holds each, for people. */
  held(flow: string | null, limit: number): Promise<readonly BacklogEntry[]>
}

/** Engine state as of the last commit. A cell whose `until` has come is not answered, forgotten or not. */
export interface StateReader {
  get(scope: string, key: string): Promise<Uint8Array | null>
  list(
    scope: string,
    afterKey: string,
    limit: number,
  ): Promise<readonly { readonly key: string; readonly value: Uint8Array; readonly until: number | null }[]>
}

/** Cursors as of the last commit. */
export interface CursorReader {
  get(name: string): Promise<string | null>
  /** All cursors whose names begin so. */
  list(prefix: string): Promise<ReadonlyMap<string, string>>
}

/** What to look for in the history; all given conditions hold together. */
export interface HistoryQuery {
  readonly flow?: string
  readonly key?: string
  readonly endings?: readonly Ending[]
  /** Only messages without an ending. */
  readonly live?: boolean
  /** Bounds on the time of acceptance, milliseconds; from inclusive, to exclusive. */
  readonly since?: number
  readonly until?: number
  /** Fields given to `index` when the message was accepted. */
  readonly index?: Readonly<Record<string, string>>
  /** Only accepted messages, no children. @default true */
  readonly rootsOnly?: boolean
  /** Pages: only places below (newest first) or above (oldest first) this one. */
  readonly beyond?: number
  /** @default 'newest' */
  readonly order?: 'newest' | 'oldest'
  readonly limit: number
}

/** Reading what happened. */
export interface HistoryReader {
  /** Damaged messages are among the answers, marked. */
  query(query: HistoryQuery): Promise<readonly StoredMessage[]>
  /** Messages per flow and ending; children apart. */
  totals(): Promise<
    readonly {
      readonly flow: string
      readonly ending: Ending
      readonly child: boolean
      readonly count: number
    }[]
  >
  /** Sizes and counts, for people. */
  stats(): Promise<Readonly<Record<string, number | string>>>
  /** Reads everything and reports what is damaged. */
  verify(progress: (done: number, total: number) => void): Promise<readonly Damage[]>
}

/** Something in the journal that cannot be trusted. */
export interface Damage {
  readonly where: string
  readonly what: string
}

/** Keeping the history within its bounds. */
export interface HistoryKeeper {
  /**
   * Forgets up to `limit` messages that ended before a time (dead letters, in doubt and parked ones that ended before
   * `attentionBefore`), and state and dedupe keys past their time. Answers how many were looked at; 0 when done.
   * Kept in any case: parents of children that have not ended; children of any depth whose parent is kept, as a parent
   * reads what its children put out when it runs on, be it after days or after a redelivery; and everything at or above
   * the last `lowWater`. So a child goes with its parent or after it. Where that saves looking at the same messages
   * again and again, they may be kept longer by an eighth of the time from the later of both bounds to `now`.
   */
  prune(endedBefore: number, attentionBefore: number, now: number, limit: number): Promise<number>
  /** Writes a whole, consistent copy to a new file. */
  backup(path: string, progress: (done: number, total: number) => void): Promise<void>
}
