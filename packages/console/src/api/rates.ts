import type { FlowCounts, Sample } from './metrics.ts'

/** How a flow goes, over the last minute or as long as is known. */
export interface Rates {
  /** Accepted per second. */
  readonly accepted: number
  /** Ended per second, in whatever way. */
  readonly ended: number
  /** Of those that ended: dead, in doubt or parked; null when none ended. */
  readonly failed: number | null
  /** Milliseconds from acceptance to the end, null when none ended. */
  readonly p50: number | null
  readonly p99: number | null
  /** How many seconds were looked at. */
  readonly over: number
}

const WINDOW_SECONDS = 60
const KEPT = 180
const FAILED = ['dead', 'inDoubt', 'parked']

/** Adds a sample; one of an engine that was started again makes the ones before it worthless. */
export function withSample(samples: readonly Sample[], next: Sample): readonly Sample[] {
  const last = samples.at(-1)
  if (last !== undefined && next.uptime < last.uptime) return [next]
  if (last !== undefined && next.uptime === last.uptime) return samples
  return [...samples, next].slice(-KEPT)
}

const START: Sample = { uptime: 0, flows: {} }

/** The sample at the beginning of the window; the engine's start when that is all that is known. */
function windowStart(samples: readonly Sample[]): Sample {
  const last = samples.at(-1) ?? START
  if (samples.length < 2) return START
  return samples.find(({ uptime }) => uptime >= last.uptime - WINDOW_SECONDS) ?? START
}

/** How a flow goes now. */
export function ratesOf(samples: readonly Sample[], flow: string): Rates {
  const last = samples.at(-1) ?? START
  const first = windowStart(samples)
  const over = last.uptime - first.uptime
  const [before, after] = [first.flows[flow], last.flows[flow]]
  const ended = endedIn(after) - endedIn(before)
  const failed = endedIn(after, FAILED) - endedIn(before, FAILED)
  const seconds = since(before?.seconds, after?.seconds)
  return {
    accepted: over === 0 ? 0 : ((after?.accepted ?? 0) - (before?.accepted ?? 0)) / over,
    ended: over === 0 ? 0 : ended / over,
    failed: ended === 0 ? null : failed / ended,
    p50: quantile(seconds, 0.5),
    p99: quantile(seconds, 0.99),
    over,
  }
}

/** Attempts of a step in the window: per second, and the share that did not work. */
export function stepRates(
  samples: readonly Sample[],
  flow: string,
  step: string,
): { readonly perSecond: number; readonly failed: number; readonly p50: number | null } | null {
  const last = samples.at(-1) ?? START
  const first = windowStart(samples)
  const [before, after] = [first.flows[flow]?.steps[step], last.flows[flow]?.steps[step]]
  if (after === undefined) return null
  const madeIn = (counts: typeof after | undefined, outcome?: string): number =>
    sum(
      Object.entries(counts?.attempts ?? {}).flatMap(([name, n]) =>
        outcome === undefined || name === outcome ? [n] : [],
      ),
    )
  const made = madeIn(after) - madeIn(before)
  const done = madeIn(after, 'done') - madeIn(before, 'done')
  const over = last.uptime - first.uptime
  return {
    perSecond: over === 0 ? 0 : made / over,
    failed: made === 0 ? 0 : (made - done) / made,
    p50: quantile(since(before?.seconds, after.seconds), 0.5),
  }
}

/** Accepted per second between each two samples, the oldest first. */
export function history(
  samples: readonly Sample[],
  flow: string,
): readonly { readonly accepted: number; readonly failed: number }[] {
  return samples.slice(1).map((sample, at) => {
    const [before, after] = [samples[at]?.flows[flow], sample.flows[flow]]
    const over = sample.uptime - (samples[at]?.uptime ?? 0)
    return {
      accepted: ((after?.accepted ?? 0) - (before?.accepted ?? 0)) / over,
      failed: (endedIn(after, FAILED) - endedIn(before, FAILED)) / over,
    }
  })
}

function endedIn(counts: FlowCounts | undefined, endings?: readonly string[]): number {
  const entries = Object.entries(counts?.ended ?? {})
  return sum(entries.flatMap(([ending, n]) => (endings === undefined || endings.includes(ending) ? [n] : [])))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

type Buckets = readonly (readonly [bound: number, count: number])[]

function since(before: Buckets | undefined, after: Buckets | undefined): Buckets {
  return (after ?? []).map(([bound, n], at) => [bound, n - (before?.[at]?.[1] ?? 0)])
}

/** A quantile in milliseconds, between two bounds in proportion; past the last bound, that bound. */
export function quantile(cumulative: Buckets, q: number): number | null {
  const total = cumulative.at(-1)?.[1] ?? 0
  if (total === 0) return null
  const wanted = q * total
  const at = cumulative.findIndex(([, n]) => n >= wanted)
  const [bound, n] = cumulative[at] ?? [0, 0]
  const [lower, below] = cumulative[at - 1] ?? [0, 0]
  if (!Number.isFinite(bound)) return 1_000 * lower
  return 1_000 * (lower + ((wanted - below) / (n - below)) * (bound - lower))
}
