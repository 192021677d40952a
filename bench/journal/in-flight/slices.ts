import { median } from '../../report/statistics.ts'

/** Stretches of time in which so many commits may be in flight; what happens in each is counted. */
export type Slices = {
  readonly depth: () => number
  readonly began: () => void
  readonly settled: (count: number) => void
  readonly acknowledged: (ms: number) => void
  /** Medians over the slices of each depth. */
  readonly figures: () => readonly Figures[]
  /** The second depth as a share of the first, pair by pair: lower quartile, median, upper quartile. */
  readonly ratios: () => Readonly<Record<Measure, Quartiles>>
}

export type Measure =
  | 'messagesPerSecond'
  | 'commitsPerSecond'
  | 'ackP50'
  | 'ackP99'
  | 'serverMicrosPerMessage'

export type Figures = Readonly<Record<'inFlight' | 'slices' | Measure, number>>

export type Quartiles = readonly [lower: number, middle: number, upper: number]

export type SlicesPlan = {
  readonly depths: readonly [number, number]
  readonly sliceMs: number
  /** What the server has used of the CPU so far. */
  readonly serverCpuSeconds: () => number
  readonly now: () => number
}

type Slice = {
  readonly depth: number
  readonly serverCpu: number
  commits: number
  settled: number
  /** Settled in the whole of it. */
  all: number
  readonly acks: number[]
}

/** What a change of depth leaves behind is over after that share of a slice; before, nothing is counted. */
const SETTLING = 0.25
/** So many slices pass until all is warm. */
export const WARM_UP = 8

/** Depths take turns as in a, b, b, a, so that a machine that gets slower or faster is fair to both. */
export const createSlices = ({ depths, sliceMs, serverCpuSeconds, now }: SlicesPlan): Slices => {
  const start = now()
  const slices: Slice[] = []
  const nth = (): number => Math.floor((now() - start) / sliceMs)
  const depthOf = (at: number): number => depths[at % 4 === 1 || at % 4 === 2 ? 1 : 0]
  const current = (): Slice => {
    const at = nth()
    const fresh = { depth: depthOf(at), commits: 0, settled: 0, all: 0 }
    slices[at] ??= { ...fresh, acks: [], serverCpu: serverCpuSeconds() }
    return slices[at]
  }
  const counts = (): boolean => ((now() - start) % sliceMs) / sliceMs >= SETTLING
  const pairs = (): readonly (readonly [Figures, Figures])[] => pairsOf(slices, depths[0], sliceMs)
  return {
    depth: () => depthOf(nth()),
    began: () => {
      if (counts()) current().commits += 1
    },
    settled: (count) => {
      const slice = current()
      slice.all += count
      if (counts()) slice.settled += count
    },
    acknowledged: (ms) => {
      if (counts()) current().acks.push(ms)
    },
    figures: () => [medians(pairs().map(([first]) => first)), medians(pairs().map(([, second]) => second))],
    ratios: () => ({
      messagesPerSecond: shares(pairs(), 'messagesPerSecond'),
      commitsPerSecond: shares(pairs(), 'commitsPerSecond'),
      ackP50: shares(pairs(), 'ackP50'),
      ackP99: shares(pairs(), 'ackP99'),
      serverMicrosPerMessage: shares(pairs(), 'serverMicrosPerMessage'),
    }),
  }
}

/** Neighbours of different depth, the first depth first. Each ends where the slice after it begins. */
const pairsOf = (
  slices: readonly (Slice | undefined)[],
  first: number,
  sliceMs: number,
): readonly (readonly [Figures, Figures])[] => {
  const found: (readonly [Figures, Figures])[] = []
  for (let at = WARM_UP; at + 2 < slices.length; at += 2) {
    const [one, other, next] = slices.slice(at, at + 3)
    if (!one?.acks.length || !other?.acks.length || next === undefined) continue
    const [a, b] = [figuresOf(one, other, sliceMs), figuresOf(other, next, sliceMs)]
    found.push(one.depth === first ? [a, b] : [b, a])
  }
  return found
}

const figuresOf = (slice: Slice, next: Slice, sliceMs: number): Figures => {
  const seconds = (sliceMs * (1 - SETTLING)) / 1_000
  return {
    inFlight: slice.depth,
    slices: 1,
    messagesPerSecond: slice.settled / seconds,
    commitsPerSecond: slice.commits / seconds,
    ackP50: quantile(slice.acks, 0.5),
    ackP99: quantile(slice.acks, 0.99),
    serverMicrosPerMessage: ((next.serverCpu - slice.serverCpu) * 1e6) / slice.all,
  }
}

const medians = (all: readonly Figures[]): Figures => {
  const of = (name: keyof Figures): number => rounded(median(all.map((each) => each[name])))
  return {
    inFlight: of('inFlight'),
    slices: all.length,
    messagesPerSecond: of('messagesPerSecond'),
    commitsPerSecond: of('commitsPerSecond'),
    ackP50: of('ackP50'),
    ackP99: of('ackP99'),
    serverMicrosPerMessage: of('serverMicrosPerMessage'),
  }
}

const shares = (pairs: readonly (readonly [Figures, Figures])[], name: Measure): Quartiles => {
  const all = pairs.map(([one, two]) => two[name] / one[name])
  return [rounded(quantile(all, 0.25)), rounded(quantile(all, 0.5)), rounded(quantile(all, 0.75))]
}

const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

const rounded = (value: number): number => Number(value.toPrecision(3))
