/** Seeds that follow each other. */
export interface SeedRange {
  readonly first: number
  readonly count: number
}

/** What of a range lies in none of those that are done, in rising order. */
export function lacking({ first, count }: SeedRange, done: readonly SeedRange[]): readonly SeedRange[] {
  const left: SeedRange[] = []
  const end = first + count
  let at = first
  for (const each of done.toSorted((a, b) => a.first - b.first)) {
    const upTo = Math.min(end, each.first)
    if (upTo > at) left.push({ first: at, count: upTo - at })
    at = Math.max(at, each.first + each.count)
  }
  if (at < end) left.push({ first: at, count: end - at })
  return left
}

/** Two of the ranges that have seeds in common, or null. */
export function overlap(ranges: readonly SeedRange[]): readonly [SeedRange, SeedRange] | null {
  const rising = ranges.toSorted((a, b) => a.first - b.first)
  for (const [at, range] of rising.entries()) {
    const next = rising[at + 1]
    if (next !== undefined && next.first < range.first + range.count) return [range, next]
  }
  return null
}

/** The ranges in parts of so many seeds at most. */
export function inParts(ranges: readonly SeedRange[], most: number): readonly SeedRange[] {
  return ranges.flatMap(({ first, count }) =>
    Array.from({ length: Math.ceil(count / most) }, (_, nth) => ({
      first: first + nth * most,
      count: Math.min(most, count - nth * most),
    })),
  )
}

/** For people: `1 to 1000, 1501 to 2000`, with neighbours as one. */
export function shownRanges(ranges: readonly SeedRange[]): string {
  const joined: SeedRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const last = joined.at(-1)
    if (last !== undefined && last.first + last.count === range.first)
      joined[joined.length - 1] = { first: last.first, count: last.count + range.count }
    else joined.push(range)
  }
  return joined.map(({ first, count }) => `${first} to ${first + count - 1}`).join(', ')
}
