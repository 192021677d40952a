import type { Logger } from '../../model/outside.ts'
import type {
  BacklogReader,
  Batch,
  Committed,
  HistoryQuery,
  HistoryReader,
  MessageReader,
  Opened,
} from '../journal.ts'
import type { AtOnce } from './at-once.ts'
import type { Stretch } from './history-rows.ts'
import type { Migration } from './schema.ts'

/** What a store is opened with: plain data, so that it can be sent to another thread. */
export interface StoreOptions {
  /** The absolute path of the database. */
  readonly path: string
  readonly readOnly: boolean
  /** Go on although the end of the journal is lost. */
  readonly acceptLoss: boolean
  /** How many pages the write-ahead log holds before they are moved into the database. */
  readonly checkpointPages: number
  readonly cacheBytes: number
}

/** What a store takes from outside beside its options; all but the logger is for tests. */
export interface StoreOutside {
  readonly logger: Logger
  readonly commit?: Commit
  readonly migrations?: readonly Migration[]
}

/** Runs the step of a transaction that makes it durable; a test puts a failing one in its place. */
export type Commit = (run: () => void) => void

/** All messages per flow and ending. */
export type Totals = Awaited<ReturnType<HistoryReader['totals']>>

type Backlog = AtOnce<BacklogReader>

/**
 * The journal as plain calls that block: the same on the main thread and in a worker. `now` and `at` are the clock's
 * wall time and monotonic time, in milliseconds, as the caller has them.
 */
export interface Store extends AtOnce<MessageReader>, Omit<Backlog, 'count'> {
  readonly opened: Opened
  commit(batch: Batch, at: number): Committed
  /** Moves the write-ahead log into the database when it has grown: called when nobody waits. */
  tidy(): void
  countWaits(): ReturnType<Backlog['count']>
  getState(scope: string, key: string, now: number): Uint8Array | null
  listState(
    scope: string,
    afterKey: string,
    limit: number,
    now: number,
  ): readonly { readonly key: string; readonly value: Uint8Array; readonly until: number | null }[]
  getCursor(name: string): string | null
  listCursors(prefix: string): readonly (readonly [name: string, value: string])[]
  look(query: HistoryQuery, beyond: number | null, scan: number): Stretch
  totals(): Totals
  stats(): Readonly<Record<string, number | string>>
  prune(endedBefore: number, attentionBefore: number, now: number, limit: number): number
  /** With something left running, the next owner is told as after a crash. */
  close(leftRunning: boolean): void
}

/** The same calls, answered later. */
export type StoreCalls = {
  readonly [Name in Exclude<keyof Store, 'opened' | 'tidy'>]: (
    ...args: Parameters<Store[Name]>
  ) => Promise<ReturnType<Store[Name]>>
}
