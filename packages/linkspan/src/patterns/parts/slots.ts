import type { Json } from '../../model/message.ts'

/** Slots that were given out. Times are milliseconds since 1970. */
export interface Slots {
  /** The time of the last one. */
  readonly last: number
  /** Those of the last period, the earliest first: until when they are counted from, and how many they are. */
  readonly runs: readonly (readonly [time: number, count: number])[]
}

/** What a slot is asked for. */
export interface SlotRequest {
  /** The most slots in any stretch of time of `perMs`. */
  readonly most: number
  readonly perMs: number
  readonly at: number
}

/** Slots are told apart in so many parts of the period at most, so that the state of a budget is bounded. */
const PARTS = 128

/**
 * The earliest free slot that is not before one given out already: so that there are never more than `most` in
 * any stretch of the period, a slot comes at least the period after the one that is `most` places before it. Slots are
 * counted as no earlier than they are, so rounding never lets more through.
 */
export function reserveSlot(
  given: Slots | null,
  { most, perMs, at }: SlotRequest,
): { readonly slot: number; readonly slots: Slots & Json; readonly until: number } {
  const { last, runs }: Slots = given ?? { last: at, runs: [] }
  const bound = nthLast(runs, most)
  const slot = Math.max(at, last, bound === null ? at : Math.ceil(bound + perMs))
  const part = most <= PARTS ? 1 : Math.ceil(perMs / PARTS)
  const counted = Math.ceil(slot / part) * part
  const recent = runs.filter(([time]) => time > slot - perMs)
  const slots: Slots = { last: slot, runs: withOne(recent, counted) }
  return { slot, slots: slots as Slots & Json, until: counted + perMs }
}

function withOne(runs: Slots['runs'], time: number): Slots['runs'] {
  const end = runs.at(-1)
  return end !== undefined && end[0] >= time
    ? [...runs.slice(0, -1), [end[0], end[1] + 1]]
    : [...runs, [time, 1]]
}

/** The time of the slot that is so many places from the end, or null when there are fewer. */
function nthLast(runs: Slots['runs'], place: number): number | null {
  let left = place
  const found = runs.findLast(([, count]) => {
    left -= count
    return left <= 0
  })
  return found?.[0] ?? null
}
