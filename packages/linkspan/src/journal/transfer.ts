import type { Headers } from '../model/message.ts'
import type { JournalEnvironment } from './environment.ts'
import type { Grant } from './ownership.ts'
import type { Cursor, Settlement, Wait } from './rows.ts'

/**
 * Moving everything that a journal holds into another one of whatever kind, with its places and ids.
 *
 * The calling protocol: open the source, read its facts, open the target with them, put all messages in the order of
 * their places, then state, dedupe keys and cursors, read the facts again, and finish. Until it is finished, the target
 * is no journal: opening it is refused with `JOURNAL_INCOMPLETE`. A copy that was cut short goes on where it ended when the
 * source is still what it was.
 */
export interface JournalTransfer {
  /**
   * Opens a journal that no engine has, to be read whole. Where the journal can, it keeps engines off until it is closed.
   * @throws {LinkspanError} `JOURNAL_IN_USE`, and what `JournalFactory.openForReading` states
   */
  openSource(environment: JournalEnvironment): Promise<TransferSource>
  /**
   * Opens a place where nothing is, an empty journal, or a copy of the same source that did not come to its end.
   * @throws {LinkspanError} `JOURNAL_IN_USE`; `JOURNAL_FAILED` when there is something already; `JOURNAL_INCOMPLETE` when
   * a copy of something else was begun there and `anew` does not say to throw that away
   */
  openTarget(environment: JournalEnvironment, request: TransferRequest): Promise<TransferTarget>
}

/** What is to be copied. */
export interface TransferRequest {
  readonly source: SourceFacts
  /** Whether a copy that was begun there before is thrown away. */
  readonly anew: boolean
}

/** What a source is at a moment. Two of them are equal only when nothing was written to it in between. */
export interface SourceFacts {
  /** Its identity, the same as long as it lives. */
  readonly journal: string
  /** Another one after each commit, and after each opening by an engine. */
  readonly version: string
  /** The highest place that was given. */
  readonly lastSeq: number
  readonly counts: TransferCounts
}

/** How many of each there are. */
export interface TransferCounts {
  readonly messages: number
  readonly cells: number
  readonly dedupeKeys: number
  readonly cursors: number
}

/** A journal that is read whole. Whatever it answers was checked; what is damaged is refused with `JOURNAL_DAMAGED`. */
export interface TransferSource {
  /** As `Journal.name`. */
  readonly name: string
  /** @throws {LinkspanError} `JOURNAL_IN_USE` when an engine has it now */
  facts(): Promise<SourceFacts>
  /** Messages above a place in the order of places: at most `limit`, fewer where they are large, none at the end. */
  messages(after: number, limit: number): Promise<readonly MovedMessage[]>
  /** Cells of state after one, in an order of the journal's own, those past their time too; none at the end. */
  cells(after: Name | null, limit: number): Promise<readonly MovedCell[]>
  /** Dedupe keys after one, likewise. */
  dedupeKeys(after: Name | null, limit: number): Promise<readonly MovedDedupeKey[]>
  cursors(): Promise<readonly Cursor[]>
  /** The partitions whose last owner died, as the next one would be granted them. */
  orphans(): Promise<readonly Grant[]>
  close(): Promise<void>
}

/** What is found by two texts. */
export interface Name {
  readonly scope: string
  readonly key: string
}

/** A message with all that belongs to it. Bodies and frames are sealed envelopes. */
export interface MovedMessage {
  readonly seq: number
  readonly flow: string
  readonly key: string | null
  /** The part of its id that cannot be guessed; '' for a child. */
  readonly token: string
  readonly acceptedAt: number
  readonly codeVersion: string
  readonly headers: Headers
  readonly body: Uint8Array
  readonly index: Readonly<Record<string, string>> | null
  readonly parent: {
    readonly seq: number
    readonly id: string
    readonly path: string
    readonly index: number
  } | null
  readonly partition: number
  /** In the order of `n`. */
  readonly records: readonly { readonly n: number; readonly frame: Uint8Array }[]
  readonly wait: Wait | null
  readonly ending: Settlement | null
}

/** A cell of state. */
export interface MovedCell extends Name {
  readonly value: Uint8Array
  readonly until: number | null
}

/** A dedupe key with the message that has it. */
export interface MovedDedupeKey extends Name {
  readonly seq: number
  readonly id: string
  readonly until: number
}

/** A message on its way in. It waits or has ended: nothing that runs can be put. */
export interface PlacedMessage extends Omit<MovedMessage, 'partition'> {
  /** The partition it lies in; null for a child, which lies where its parent does, or anywhere when that is forgotten. */
  readonly partition: number | null
}

/** What is put at once: all of it is durable together, or not at all. */
export interface TransferPage {
  /** In the order of places, above all that were put before. */
  readonly messages?: readonly PlacedMessage[]
  /** What was put before may be put again. */
  readonly cells?: readonly MovedCell[]
  readonly dedupeKeys?: readonly MovedDedupeKey[]
  readonly cursors?: readonly Cursor[]
}

/** A journal in the making. */
export interface TransferTarget {
  /** As `Journal.name`. */
  readonly name: string
  /** Into how many partitions its key space is cut. */
  readonly partitions: number
  /** What is there of a copy that did not come to its end: the last place, and how many messages. */
  readonly present: { readonly seq: number; readonly messages: number }
  put(page: TransferPage): Promise<void>
  /**
   * Makes a journal of it, durably, which goes on at the source's last place. Closes it.
   * @throws {LinkspanError} `JOURNAL_INCOMPLETE` when it does not have as many of each as the source
   */
  finish(source: SourceFacts): Promise<void>
  /** Leaves it as it is. */
  close(): Promise<void>
}
