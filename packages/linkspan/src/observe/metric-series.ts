import type { MetricDescription } from './metric-names.ts'

/** One counter with its labels, found once: for hot paths. */
export interface CounterHandle {
  /** Adds, 1 where nothing is said; a counter never goes down. */
  add(by?: number): void
}

/** One histogram with its labels, found once: for hot paths. */
export interface HistogramHandle {
  observe(value: number): void
}

/** A counter with its value. */
export interface CounterSeries extends CounterHandle {
  readonly type: 'counter'
  value: number
}

/** A gauge, read when it is asked for. */
export interface GaugeSeries {
  readonly type: 'gauge'
  read: () => number
}

/** A histogram with its buckets. */
export interface HistogramSeries extends HistogramHandle {
  readonly type: 'histogram'
  readonly bounds: readonly number[]
  /** How many fell into each bucket, the last one without a bound. Added up when they are read. */
  readonly counts: Float64Array
  sum: number
}

/** One series of a metric. */
export type Series = CounterSeries | GaugeSeries | HistogramSeries

/** A metric with its series by the text of their labels. */
export interface Family {
  readonly name: string
  readonly description: MetricDescription
  readonly series: Map<string, Series>
}
