import type { Work } from './work.ts'

/** The messages of one key. */
export interface Lane {
  readonly key: string
  /** Where the messages of this key lie; -1 until one of them is here. */
  partition: number
  readonly queue: Work[]
  /** The message that runs, or is held. */
  holder: number | null
  /** When the holder goes on, if it is held. */
  heldUntil: number | null
  /** Messages of this key lie in the journal behind `tail`. */
  spilled: boolean
  /** The highest place known to lie in the journal, 0 when none is. */
  passed: number
  /** The lowest such place: what is accepted after it must not run before it. */
  least: number
  /** What lies in the journal has places above this one. */
  tail: number
  /** The lowest `tail` since the last refill began, which may have missed what lies above it. */
  missed: number
  /** Direct messages that are not committed yet. */
  reserved: number
  /** Ready messages that are not committed yet. */
  storing: number
  /** Messages on their way back to the journal that are not committed yet; later ones may be there already. */
  returning: number
  /** How many messages were ever left to the journal. */
  left: number
  refilling: boolean
}

/** How many messages of one key are kept in memory behind the first. */
export const LANE_DEPTH = 64

/** Stands for a place above all. */
export const NO_PLACE: number = Number.MAX_SAFE_INTEGER

/** Makes the empty lane of a key. */
export function createLane(key: string): Lane {
  return {
    key,
    partition: -1,
    queue: [],
    holder: null,
    heldUntil: null,
    spilled: false,
    passed: 0,
    least: NO_PLACE,
    tail: 0,
    missed: NO_PLACE,
    reserved: 0,
    storing: 0,
    returning: 0,
    left: 0,
    refilling: false,
  }
}

/** A message of a lane lies in the journal at a place that is known. */
export function lieBehind(lane: Lane, seq: number): void {
  lane.spilled = true
  lane.left += 1
  lane.passed = Math.max(lane.passed, seq)
  lane.least = Math.min(lane.least, seq)
  lane.tail = Math.min(lane.tail, seq - 1)
  lane.missed = Math.min(lane.missed, seq - 1)
}

/** Nothing of a lane lies in the journal any more. */
export function unspill(lane: Lane): void {
  lane.spilled = false
  lane.passed = 0
  lane.least = NO_PLACE
}
