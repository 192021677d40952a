import { ENDINGS, type Ending } from '../protocol.ts'

/** What the hub's `/metrics` say at one moment. */
export interface HubMetrics {
  /** Ended messages of the flow that the feeder feeds. */
  readonly ended: Readonly<Record<Ending, number>>
  /** On their way or in the journal, of that flow. */
  readonly open: number
  /** On their way or in the journal, of all flows. */
  readonly openOfAll: number
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** The flow that receives the feeder's deliveries. */
export const FED_FLOW = 'github'

/** Asks the hub for its metrics, or null when it does not answer. */
export async function readMetrics(url: string): Promise<HubMetrics | null> {
  try {
    const response = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2000) })
    const text = await response.text()
    return response.ok ? interpretMetrics(text) : null
  } catch {
    return null
  }
}

/** Picks what the runner needs from a Prometheus text. */
export function interpretMetrics(text: string): HubMetrics {
  const samples = parseSamples(text)
  const sum = (name: string, matches: (labels: Sample['labels']) => boolean): number =>
    samples
      .filter((sample) => sample.name === name && matches(sample.labels))
      .reduce((all, { value }) => all + value, 0)
  const fed = (labels: Sample['labels']): boolean => labels['flow'] === FED_FLOW
  const ended = ENDINGS.map((ending) => [
    ending,
    sum('linkspan_messages_ended_total', (labels) => fed(labels) && labels['ending'] === ending),
  ])
  return {
    ended: Object.fromEntries(ended) as Record<Ending, number>,
    open: sum('linkspan_messages_active', fed) + sum('linkspan_messages_waiting', fed),
    openOfAll: sum('linkspan_messages_active', () => true) + sum('linkspan_messages_waiting', () => true),
  }
}

function parseSamples(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line)
    if (!match) return []
    const pairs = (match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)
    const labels = Object.fromEntries([...pairs].map(([, name, value]) => [name, value] as [string, string]))
    return [{ name: match[1] ?? '', labels, value: Number(match[3]) }]
  })
}

/** Endings over several lives of a hub, whose counters may start again at zero. */
export interface EndingTally {
  add(metrics: HubMetrics): void
  readonly counts: Readonly<Record<Ending, number>>
  total(): number
}

/** A tally that starts at zero. */
export function endingTally(): EndingTally {
  const base = Object.fromEntries(ENDINGS.map((ending) => [ending, 0])) as Record<Ending, number>
  const last = { ...base }
  const counts = { ...base }
  return {
    counts,
    total: () => ENDINGS.reduce((sum, ending) => sum + counts[ending], 0),
    add: ({ ended }) => {
      const restarted = ENDINGS.some((ending) => ended[ending] < last[ending])
      for (const ending of ENDINGS) {
        if (restarted) base[ending] += last[ending]
        last[ending] = ended[ending]
        counts[ending] = base[ending] + ended[ending]
      }
    },
  }
}
