import type { Journal, RunningCount } from '../journal/journal.ts'
import { ENDINGS, type Ending, type MessageState } from '../model/message.ts'
import type { Metrics } from './engine-api.ts'

/** Messages of one flow by state; children are counted apart. */
export interface FlowCounts {
  readonly roots: Counts
  readonly children: Counts
}

interface Counts {
  /** Accepted and not ended. */
  live: number
  readonly endings: Record<Ending, number>
}

/** How many messages there are, by flow and state, as of the last commit. */
export interface Ledger {
  of(flow: string): FlowCounts
  readonly flows: ReadonlyMap<string, FlowCounts>
  accepted(flow: string, child: boolean): void
  ended(flow: string, ending: Ending, child: boolean): void
  revived(flow: string, ending: Ending, child: boolean): void
}

/** Messages by flow and state. */
export type Counted = Pick<Ledger, 'flows'>

const none = (): Counts => ({
  live: 0,
  endings: Object.fromEntries(ENDINGS.map((ending) => [ending, 0])) as Record<Ending, number>,
})

/** Makes an empty ledger that also feeds the metrics. */
export function createLedger(metrics: Metrics): Ledger {
  const flows = new Map<string, FlowCounts>()
  const meters = new Map<string, { accepted: { add(): void }; ended: Map<Ending, { add(): void }> }>()

  const of = countsIn(flows)

  const meterOf = (flow: string): { accepted: { add(): void }; ended: Map<Ending, { add(): void }> } => {
    const present = meters.get(flow)
    if (present) return present
    const meter = {
      accepted: metrics.counterOf('linkspan_messages_accepted_total', { flow }),
      ended: new Map(
        ENDINGS.map((ending) => [
          ending,
          metrics.counterOf('linkspan_messages_ended_total', { flow, ending }),
        ]),
      ),
    }
    meters.set(flow, meter)
    return meter
  }

  const side = (flow: string, child: boolean): Counts => (child ? of(flow).children : of(flow).roots)

  return {
    of,
    flows,
    accepted(flow, child) {
      side(flow, child).live += 1
      if (!child) meterOf(flow).accepted.add()
    },
    ended(flow, ending, child) {
      const counts = side(flow, child)
      counts.live -= 1
      counts.endings[ending] += 1
      if (!child) meterOf(flow).ended.get(ending)?.add()
    },
    revived(flow, ending, child) {
      const counts = side(flow, child)
      counts.live += 1
      counts.endings[ending] -= 1
    },
  }
}

/** Counts as states: `active` of the live ones are in memory, the others wait. */
export function statesOf(counts: Counts, active: number): Record<MessageState, number> {
  const running = Math.min(active, counts.live)
  return { active: running, waiting: counts.live - running, ...counts.endings }
}

/** Adds what a journal counts. */
export async function addCounts({ backlog, history }: Journal, of: Ledger['of']): Promise<void> {
  const side = (flow: string, child: boolean): Counts => (child ? of(flow).children : of(flow).roots)
  for (const { flow, child, count } of await backlog.count()) side(flow, child).live += count
  for (const { flow, ending, child, count } of await history.totals())
    side(flow, child).endings[ending] += count
}

/** What a journal that several engines share counts now, and what of it runs at any of them. */
export async function countedNow(
  journal: Journal,
): Promise<Counted & { readonly running: readonly RunningCount[] }> {
  const flows = new Map<string, FlowCounts>()
  const of = countsIn(flows)
  const [running] = await Promise.all([journal.ownership.running(), addCounts(journal, of)])
  for (const { flow, child, count } of running) of(flow)[child ? 'children' : 'roots'].live += count
  return { flows, running }
}

function countsIn(flows: Map<string, FlowCounts>): Ledger['of'] {
  return (flow) => {
    const present = flows.get(flow)
    if (present) return present
    const counts = { roots: none(), children: none() }
    flows.set(flow, counts)
    return counts
  }
}
