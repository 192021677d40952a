import type { Journal } from '../journal/journal.ts'
import type { Clock } from '../model/outside.ts'
import type { Metrics } from './engine-api.ts'
import type { KeptSource, SourceStatus } from './sources.ts'

/** What is looked at for metrics that the journal has to be asked for. */
export interface SurveyOptions {
  readonly journal: Journal
  readonly clock: Clock
  readonly metrics: Metrics
  readonly sources: ReadonlyMap<string, KeptSource>
  /** Whether new messages are refused. */
  readonly refusing: () => boolean
  /** How many messages of a flow wait and run, where this engine has them all in view; null where others share the journal. */
  readonly live: ((flow: string) => number) | null
  /** How many of them run here. */
  readonly active: (flow: string) => number
}

const FRESH_MS = 1_000
const STATES: readonly SourceStatus['state'][] = ['running', 'paused', 'failing', 'passive', 'elsewhere']

/**
 * Offers metrics about the engine and its journal. What the journal has to be asked for is read while the metrics are,
 * so it is as old as the reading before: no timer runs for a page that nobody looks at.
 */
export function offerSurvey({
  journal,
  clock,
  metrics,
  sources,
  refusing,
  live,
  active,
}: SurveyOptions): void {
  const startedAt = clock.monotonic()
  let oldest: ReadonlyMap<string, number> = new Map()
  let waiting: ReadonlyMap<string, number> = new Map()
  let bytes = 0
  let readAt = Number.NEGATIVE_INFINITY

  const read = async (): Promise<void> => {
    const rows = await journal.backlog.count()
    const flows = new Set(rows.map(({ flow }) => flow))
    oldest = new Map(
      [...flows].map((flow) => [
        flow,
        Math.min(...rows.filter((row) => row.flow === flow).map((row) => row.oldest)),
      ]),
    )
    waiting = new Map([...flows].map((flow) => [flow, rootsOf(rows, flow)]))
    const { databaseBytes, logBytes } = await journal.history.stats()
    bytes = Number(databaseBytes ?? 0) + Number(logBytes ?? 0)
  }
  const surveyed = (value: () => number): number => {
    const now = clock.monotonic()
    if (now - readAt >= FRESH_MS) {
      readAt = now
      read().catch(() => undefined)
    }
    return value()
  }

  metrics.gauge('linkspan_uptime_seconds', {}, () => (clock.monotonic() - startedAt) / 1_000)
  metrics.gauge('linkspan_engine_refusing', {}, () => (refusing() ? 1 : 0))
  metrics.gauge('linkspan_journal_bytes', {}, () => surveyed(() => bytes))
  for (const [flow, source] of sources) {
    metrics.gauge('linkspan_oldest_waiting_seconds', { flow }, () =>
      surveyed(() =>
        oldest.has(flow) ? Math.max(0, clock.now() - (oldest.get(flow) as number)) / 1_000 : 0,
      ),
    )
    metrics.gauge('linkspan_messages_active', { flow }, () => active(flow))
    metrics.gauge('linkspan_messages_waiting', { flow }, () =>
      live === null ? surveyed(() => waiting.get(flow) ?? 0) : Math.max(0, live(flow) - active(flow)),
    )
    for (const state of STATES)
      metrics.gauge('linkspan_source_state', { flow, state }, () => (source.status.state === state ? 1 : 0))
  }
}

type Counts = Awaited<ReturnType<Journal['backlog']['count']>>

function rootsOf(rows: Counts, flow: string): number {
  return rows.filter((row) => row.flow === flow && !row.child).reduce((sum, { count }) => sum + count, 0)
}
