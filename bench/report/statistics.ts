/** The middle value, or the mean of the two middle ones; NaN of nothing. Values that are not numbers are left out. */
export const median = (values: readonly number[]): number => {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  if (sorted.length === 0) return Number.NaN
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** What is shown of a figure that was measured once per round. */
export type Spread = { readonly median: number; readonly min: number; readonly max: number }

export const spread = (values: readonly number[]): Spread => {
  const known = values.filter((value) => !Number.isNaN(value))
  return known.length === 0
    ? { median: Number.NaN, min: Number.NaN, max: Number.NaN }
    : { median: median(known), min: Math.min(...known), max: Math.max(...known) }
}

/**
 * One value as a share of the other's of the same round, so that what disturbed the machine in a round
 * disturbs both; rounds that either of them lacks are left out.
 */
export const ratios = (
  values: readonly (number | undefined)[],
  references: readonly (number | undefined)[],
): number[] =>
  values.flatMap((value, round) => {
    const reference = references[round]
    return value === undefined || reference === undefined || reference === 0 ? [] : [value / reference]
  })

/** A small seeded generator (mulberry32), so that an order of runs can be had again. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** The items in an order that `random` decides. */
export const shuffled = <T>(items: readonly T[], random: () => number): T[] => {
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    ;[result[i], result[j]] = [result[j]!, result[i]!]
  }
  return result
}
