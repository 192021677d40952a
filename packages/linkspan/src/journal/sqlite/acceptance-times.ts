import type { DatabaseSync } from 'node:sqlite'

/**
 * How far places and times of acceptance may be out of step, milliseconds: a clock set back, or a message that was
 * published early in a pass and committed at its end.
 */
const SLACK_MS = 5 * 60_000
/** How many neighbours are looked at for the time around a place, so that a single late one does not mislead. */
const AROUND = 16
const SAMPLES = 64

/**
 * Finds its way by the time of acceptance, which has no index: places rise with it, within a slack. Where samples show
 * a clock that was set back further, nothing is left out and everything is looked through.
 */
export interface AcceptanceTimes {
  /** A place such that all messages accepted at or after a time lie at or above it. */
  firstSince(time: number): number
  /** A place such that all messages accepted before a time lie below it. */
  endOf(time: number): number
  /** Whether all messages below these were accepted before a time. */
  allBelowBefore(times: readonly number[], time: number): boolean
  /** Whether all messages above these were accepted at or after a time. */
  allAboveSince(times: readonly number[], time: number): boolean
}

/** Prepares finding places by time. */
export function acceptanceTimes(db: DatabaseSync): AcceptanceTimes {
  const around = (what: 'max' | 'min') =>
    db.prepare(
      `SELECT ${what}(accepted_at) AS time FROM (SELECT accepted_at FROM messages WHERE seq >= ? ORDER BY seq LIMIT ${AROUND})`,
    )
  const latest = around('max')
  const earliest = around('min')
  const ends = db.prepare(
    'SELECT coalesce(min(seq), 0) AS first, coalesce(max(seq), 0) AS last FROM messages',
  )
  const timeAt = (statement: typeof latest, place: number): number =>
    (statement.get(place) as { time: number | null }).time ?? Number.POSITIVE_INFINITY
  const bounds = (): { first: number; last: number } => ends.get() as { first: number; last: number }

  /** Whether the clock went forward, as far as samples tell. */
  const isSteady = (): boolean => {
    const { first, last } = bounds()
    const stride = Math.max(1, Math.floor((last - first) / SAMPLES))
    let highest = Number.NEGATIVE_INFINITY
    for (let place = first; place <= last; place += stride) {
      if (timeAt(latest, place) < highest - SLACK_MS) return false
      highest = Math.max(highest, timeAt(earliest, place))
    }
    return true
  }
  /** The lowest place at which the time is reached, by halving. */
  const placeOf = (statement: typeof latest, time: number): number => {
    const { first, last } = bounds()
    let low = first
    let high = last + 1
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (timeAt(statement, middle) < time) low = middle + 1
      else high = middle
    }
    return low
  }
  return {
    firstSince: (time) => (isSteady() ? placeOf(latest, time - SLACK_MS) : 0),
    endOf: (time) => (isSteady() ? placeOf(earliest, time + SLACK_MS) : Number.MAX_SAFE_INTEGER),
    allBelowBefore: (times, time) => times.every((each) => each < time - SLACK_MS) && isSteady(),
    allAboveSince: (times, time) => times.every((each) => each >= time + SLACK_MS) && isSteady(),
  }
}
