import type { Reading } from './reading.ts'

/**
 * How far places and times of acceptance may be out of step, milliseconds: a clock set back, or a message that was
 * published early in a pass and committed at its end.
 */
const SLACK_MS = 5 * 60_000
/** How many neighbours are looked at for the time around a place, so that a single late one does not mislead. */
const AROUND = 16
/** How many places are looked at in one query. */
const SAMPLES = 64

/**
 * Finds its way by the time of acceptance, which has no index: places rise with it, within a slack. Where samples show
 * a clock that was set back further, nothing is left out and everything is looked through.
 */
export interface AcceptanceTimes {
  /** A place such that all messages accepted at or after a time lie at or above it. */
  firstSince(time: number): Promise<number>
  /** A place such that all messages accepted before a time lie below it. */
  endOf(time: number): Promise<number>
  /** Whether all messages below a stretch, whose times reach so far, were accepted before a time. */
  allBelowBefore(latest: number, time: number): Promise<boolean>
  /** Whether all messages above a stretch, whose times begin so early, were accepted at or after a time. */
  allAboveSince(earliest: number, time: number): Promise<boolean>
}

/** What lies around a place. */
interface Sample {
  readonly place: number
  /** Null beyond the last message. */
  readonly latest: number | null
  readonly earliest: number | null
}

/** Prepares finding places by time. */
export function acceptanceTimes({ look, schema }: Reading): AcceptanceTimes {
  const bounds = async (): Promise<{ first: number; last: number }> => {
    const end = (order: string): string =>
      `(SELECT seq FROM ${schema}.messages ORDER BY seq ${order} LIMIT 1)`
    const [row] = await look(
      `SELECT coalesce(${end('ASC')}, 0) AS first, coalesce(${end('DESC')}, 0) AS last`,
    )
    return row as unknown as { first: number; last: number }
  }
  const around = async (places: readonly number[]): Promise<readonly Sample[]> => {
    const rows = await look(
      `SELECT p.place, max(a.accepted_at) AS latest, min(a.accepted_at) AS earliest
       FROM unnest($1::bigint[]) AS p(place) LEFT JOIN LATERAL (
         SELECT m.accepted_at FROM ${schema}.messages m WHERE m.seq >= p.place ORDER BY m.seq LIMIT ${AROUND}
       ) a ON true GROUP BY p.place ORDER BY p.place`,
      places,
    )
    return rows as readonly unknown[] as readonly Sample[]
  }
  const isSteady = async (): Promise<boolean> => {
    const { first, last } = await bounds()
    let highest = Number.NEGATIVE_INFINITY
    for (const { latest, earliest } of await around(spread(first, last))) {
      if (latest !== null && latest < highest - SLACK_MS) return false
      highest = Math.max(highest, earliest ?? highest)
    }
    return true
  }
  /** The lowest place at which a time is reached: each query narrows it down to one stretch between samples. */
  const placeOf = async (what: 'latest' | 'earliest', time: number): Promise<number> => {
    const { first, last } = await bounds()
    let low = first
    let high = last + 1
    while (low < high) {
      const samples = await around(spread(low, high - 1))
      const before = samples.filter((sample) => (sample[what] ?? Number.POSITIVE_INFINITY) < time).length
      const below = samples[before - 1]
      const above = samples[before]
      if (below !== undefined) low = below.place + 1
      if (above !== undefined) high = above.place
    }
    return low
  }
  return {
    firstSince: async (time) => ((await isSteady()) ? placeOf('latest', time - SLACK_MS) : 0),
    endOf: async (time) =>
      (await isSteady()) ? placeOf('earliest', time + SLACK_MS) : Number.MAX_SAFE_INTEGER,
    allBelowBefore: async (latest, time) => latest < time - SLACK_MS && isSteady(),
    allAboveSince: async (earliest, time) => earliest >= time + SLACK_MS && isSteady(),
  }
}

/** Up to so many places from one to another, both among them. */
function spread(first: number, last: number): readonly number[] {
  const count = Math.min(SAMPLES, last - first + 1)
  if (count === 1) return [first]
  return Array.from({ length: count }, (_, at) => first + Math.round(((last - first) * at) / (count - 1)))
}
