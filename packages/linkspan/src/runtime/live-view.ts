import { storeError } from '../model/errors.ts'
import type { LiveView } from './admin-reader.ts'
import { countedNow, statesOf } from './ledger.ts'
import type { Runtime } from './runtime.ts'

/** What a running engine knows beside its journal. */
export function liveView(runtime: Runtime): LiveView {
  const parts = (): Runtime['parts'] => runtime.parts
  return {
    get state() {
      return runtime.state
    },
    get startedAt() {
      return runtime.startedAt
    },
    get refusing() {
      const { refusing } = runtime.intake
      return refusing && storeError(refusing)
    },
    get budgets() {
      return parts().budgets.status()
    },
    runs: (seq) => parts().live.runs(seq),
    elsewhere: (flow) => parts().foreign.isElsewhere(flow),
    async counts() {
      const { journal, ledger, takers } = parts()
      // What other engines accept and end, this one does not hear of.
      const isAlone = journal.ownership.partitions === 1
      const { flows, running } = isAlone ? { flows: ledger.flows, running: [] } : await countedNow(journal)
      const runningOf = (name: string, isChild: boolean): number =>
        running.find(({ flow, child }) => flow === name && child === isChild)?.count ?? 0
      const states = [...flows].map(([flow, { roots, children }]) => {
        // What runs here may have a wait, and what has none may run elsewhere.
        const active = Math.max(takers.get(flow)?.queue.active ?? 0, runningOf(flow, false))
        const activeChildren = runningOf(flow, true)
        return [
          flow,
          { roots: statesOf(roots, active), children: statesOf(children, activeChildren) },
        ] as const
      })
      return new Map(states)
    },
    paused: (flow) => parts().takers.get(flow)?.queue.paused ?? false,
    source: (flow) => parts().sources.get(flow)?.status ?? { state: 'passive', error: null },
  }
}
