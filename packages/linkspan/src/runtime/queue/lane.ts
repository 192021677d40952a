import type { Work } from './work.ts'

/** The messages of one key. */
export interface Lane {
  readonly key: string
  readonly queue: Work[]
  /** The message that runs, or is held. */
  holder: number | null
  /** When the holder goes on, if it is held. */
  heldUntil: number | null
  /** Messages of this key lie in the journal behind `tail`. */
  spilled: boolean
  /** The last place that paging left to a refill. */
  passed: number
  /** The last place that was queued. */
  tail: number
  /** Direct messages that are not committed yet. */
  reserved: number
  /** Ready messages that are not committed yet. */
  storing: number
  /** How many messages were ever left to the journal. */
  left: number
  refilling: boolean
}

/** How many messages of one key are kept in memory behind the first. */
export const LANE_DEPTH = 64

/** Makes the empty lane of a key. */
export function createLane(key: string): Lane {
  return {
    key,
    queue: [],
    holder: null,
    heldUntil: null,
    spilled: false,
    passed: 0,
    tail: 0,
    reserved: 0,
    storing: 0,
    left: 0,
    refilling: false,
  }
}
