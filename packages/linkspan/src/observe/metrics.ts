import { LinkspanError } from '../model/errors.ts'
import type { Metrics } from '../runtime/engine-api.ts'
import { METRICS, type MetricDescription, SECONDS } from './metric-names.ts'
import type { CounterSeries, Family, GaugeSeries, HistogramSeries, Series } from './metric-series.ts'
import { labelText, metricText } from './prometheus-text.ts'

/** The labels of one series. */
export type Labels = Readonly<Record<string, string>>

/**
 * Makes a registry. Names that are not described are taken as well, with what their first use says of their type.
 *
 * @example
 * ```ts
 * import { createMetrics } from 'linkspan/serve'
 * const metrics = createMetrics()
 * metrics.counterOf('linkspan_messages_accepted_total', { flow: 'orders' }).add()
 * const text: string = metrics.prometheus()
 * ```
 */
export function createMetrics(described: Readonly<Record<string, MetricDescription>> = METRICS): Metrics {
  const families = new Map<string, Family>()
  const seriesOf = <S extends Series>(
    name: string,
    labels: Labels,
    type: S['type'],
    make: (family: Family) => S,
  ): S => {
    const family = familyOf(families, described, name, type)
    const key = labelText(labels)
    const series = family.series.get(key) ?? make(family)
    family.series.set(key, series)
    return series as S
  }
  const counterOf = (name: string, labels: Labels): CounterSeries =>
    seriesOf(name, labels, 'counter', counterSeries)
  const histogramOf = (name: string, labels: Labels): HistogramSeries =>
    seriesOf(name, labels, 'histogram', histogramSeries)
  return {
    counterOf,
    histogramOf,
    counter: (name, labels, by) => counterOf(name, labels).add(by),
    observe: (name, labels, seconds) => histogramOf(name, labels).observe(seconds),
    gauge(name, labels, read) {
      seriesOf(name, labels, 'gauge', (): GaugeSeries => ({ type: 'gauge', read })).read = read
    },
    prometheus: () => metricText([...families.values()]),
  }
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/

function familyOf(
  families: Map<string, Family>,
  described: Readonly<Record<string, MetricDescription>>,
  name: string,
  type: Series['type'],
): Family {
  const known = families.get(name)
  if (known?.description.type === type) return known
  const description = known?.description ?? (Object.hasOwn(described, name) ? described[name] : undefined)
  if (description !== undefined && description.type !== type) throw misused(name, description.type, type)
  if (!NAME.test(name))
    throw new LinkspanError('CONFIG_INVALID', `"${name}" is not a metric name of Prometheus.`)
  const family = { name, description: description ?? { type, help: '', labels: [] }, series: new Map() }
  families.set(name, family)
  return family
}

function misused(name: string, is: string, as: string): LinkspanError {
  return new LinkspanError('CONFIG_INVALID', `The metric "${name}" is a ${is} and was used as a ${as}.`)
}

function counterSeries(): CounterSeries {
  const series: CounterSeries = {
    type: 'counter',
    value: 0,
    add(by = 1) {
      if (by > 0) series.value += by
    },
  }
  return series
}

function histogramSeries({ description }: Family): HistogramSeries {
  const bounds = description.buckets ?? SECONDS
  const counts = new Float64Array(bounds.length + 1)
  const series: HistogramSeries = {
    type: 'histogram',
    bounds,
    counts,
    sum: 0,
    observe(value) {
      if (Number.isNaN(value)) return
      let at = 0
      while (at < bounds.length && value > (bounds[at] as number)) at++
      counts[at] = (counts[at] as number) + 1
      series.sum += value
    },
  }
  return series
}
