import type { Family, HistogramSeries, Series } from './metric-series.ts'

const LABEL = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Labels as they stand between the braces, sorted by name; empty without labels. Other characters in names become `_`. */
export function labelText(labels: Readonly<Record<string, string>>): string {
  const names = Object.keys(labels)
  if (names.length > 1) names.sort()
  return names.map((name) => `${labelName(name)}="${escapeValue(labels[name] as string)}"`).join(',')
}

function labelName(name: string): string {
  return LABEL.test(name) ? name : name.replace(/[^a-zA-Z0-9_]/g, '_').replace(/^(?=\d|$)/, '_')
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}

/** All metrics in the Prometheus text format 0.0.4, by name. */
export function metricText(families: readonly Family[]): string {
  return families
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(familyText)
    .join('')
}

function familyText({ name, description, series }: Family): string {
  const help = description.help === '' ? '' : `# HELP ${name} ${escapeHelp(description.help)}\n`
  const lines = [...series].flatMap(([labels, one]) => seriesLines(name, labels, one))
  return `${help}# TYPE ${name} ${description.type}\n${lines.map((line) => `${line}\n`).join('')}`
}

function seriesLines(name: string, labels: string, series: Series): readonly string[] {
  if (series.type === 'counter') return [line(name, labels, series.value)]
  if (series.type === 'gauge') return gaugeLines(name, labels, series.read)
  return histogramLines(name, labels, series)
}

/** A gauge that cannot be read now has no sample. */
function gaugeLines(name: string, labels: string, read: () => number): readonly string[] {
  try {
    return [line(name, labels, read())]
  } catch {
    return []
  }
}

function histogramLines(
  name: string,
  labels: string,
  { bounds, counts, sum }: HistogramSeries,
): readonly string[] {
  let total = 0
  const buckets = [...counts].map((count, at) => {
    total += count
    const bound = `le="${numberText(bounds[at] ?? Number.POSITIVE_INFINITY)}"`
    return line(`${name}_bucket`, labels === '' ? bound : `${labels},${bound}`, total)
  })
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, total)]
}

function line(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${numberText(value)}` : `${name}{${labels}} ${numberText(value)}`
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  return value === Number.NEGATIVE_INFINITY ? '-Inf' : String(value)
}
