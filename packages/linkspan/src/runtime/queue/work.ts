import type { BacklogEntry } from '../../journal/journal.ts'
import type { Loaded } from '../loaded.ts'

/** A live message as its flow's queue knows it. */
export interface Work {
  readonly seq: number
  readonly key: string | null
  readonly partition: number
  readonly parent: number | null
  readonly bytes: number
  /** The message itself when it is in memory. */
  loaded: Loaded | null
  /** Until when it has to wait although it is the first of its key. */
  wakeAt: number | null
  attempt: number
  /** Set when it is run for the owner of its partition, which is or was another engine. */
  readonly borrowed?: true
}

/** How a pass ended, as far as the queue needs to know; told after the commit. */
export type PassEnd =
  | { readonly kind: 'ended' }
  | { readonly kind: 'suspended'; readonly wakeAt: number; readonly hold: boolean; readonly attempt: number }
  | { readonly kind: 'abandoned' }
  /** Nothing came of it: it is to be begun again, and is still the first of its key. */
  | { readonly kind: 'unstarted' }

/** A running pass's place among those that run at once. */
export interface Slot {
  /** Gives the place back while the pass waits for something other than an answer. */
  release(): void
  /** Resolves when there is a place again. */
  regain(): Promise<void>
}

/** A message of the backlog as work. */
export function workOf(row: BacklogEntry): Work {
  return {
    seq: row.seq,
    key: row.key,
    partition: row.partition,
    parent: row.parent,
    bytes: row.bytes,
    loaded: null,
    wakeAt: row.reason === 'ready' ? null : row.wakeAt,
    attempt: row.attempt,
  }
}
