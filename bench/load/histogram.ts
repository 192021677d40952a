/** Counts of durations in microseconds, in buckets whose width is at most 1/64 of their value. */
export type Histogram = {
  readonly record: (micros: number) => void
  readonly snapshot: () => HistogramSnapshot
}

/** Plain data, so that it crosses processes; `counts` is sparse: bucket number, count. */
export type HistogramSnapshot = {
  readonly count: number
  readonly max: number
  readonly counts: readonly (readonly [bucket: number, count: number])[]
}

const linear = 128
const perOctave = 64
const octaves = 40

/** Buckets of 1 µs below 128, then 64 per power of two (an error of at most 1.6 %). */
export const bucketOf = (micros: number): number => {
  const value = Math.max(0, Math.floor(micros))
  if (value < linear) return value
  const octave = Math.floor(Math.log2(value))
  const within = Math.floor((value / 2 ** octave - 1) * perOctave)
  return Math.min(linear + (octave - 7) * perOctave + within, linear + octaves * perOctave - 1)
}

/** The largest whole number of microseconds that falls into the bucket. */
export const bucketTop = (bucket: number): number => {
  if (bucket < linear) return bucket
  const octave = 7 + Math.floor((bucket - linear) / perOctave)
  const within = (bucket - linear) % perOctave
  return 2 ** octave * (1 + (within + 1) / perOctave) - 1
}

export const histogram = (): Histogram => {
  const buckets = new Float64Array(linear + octaves * perOctave)
  let count = 0
  let max = 0
  return {
    record: (micros) => {
      buckets[bucketOf(micros)]! += 1
      count += 1
      if (micros > max) max = micros
    },
    snapshot: () => ({
      count,
      max,
      counts: Array.from(buckets, (n, bucket) => [bucket, n] as const).filter(([, n]) => n > 0),
    }),
  }
}

/** The value below or at which the share `q` (0..1) of all recorded values lies; NaN where there is none. */
export const quantile = (snapshot: HistogramSnapshot, q: number): number => {
  const rank = Math.max(1, Math.ceil(q * snapshot.count))
  let seen = 0
  for (const [bucket, count] of snapshot.counts) {
    seen += count
    if (seen >= rank) return Math.min(bucketTop(bucket), snapshot.max)
  }
  return Number.NaN
}

/** One histogram of several rounds, so that a high quantile rests on all their samples. */
export const merge = (snapshots: readonly HistogramSnapshot[]): HistogramSnapshot => {
  const counts = new Map<number, number>()
  for (const [bucket, count] of snapshots.flatMap((s) => s.counts)) {
    counts.set(bucket, (counts.get(bucket) ?? 0) + count)
  }
  return {
    count: snapshots.reduce((sum, s) => sum + s.count, 0),
    max: Math.max(0, ...snapshots.map((s) => s.max)),
    counts: [...counts].sort(([a], [b]) => a - b),
  }
}
