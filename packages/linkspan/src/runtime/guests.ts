import type { Journal } from '../journal/journal.ts'
import type { Taker } from './intake.ts'
import type { Live } from './live.ts'
import type { LoansOptions } from './loans.ts'
import type { Slot, Work } from './queue/work.ts'

/** What running borrowed messages takes. */
export interface GuestParts {
  readonly journal: Pick<Journal, 'backlog'>
  readonly takers: ReadonlyMap<string, Taker>
  /** The present name of each former one. */
  readonly present: ReadonlyMap<string, string>
  readonly live: () => Live
}

const PAGE = 256
/** Their owners have given them a place among those that run at once. */
const NO_SLOT: Slot = { release: () => undefined, regain: () => Promise.resolve() }

/** Runs borrowed messages beside the queues, which are for what this engine owns; no more of a flow than its concurrency. */
export function guestsOn({
  journal,
  takers,
  present,
  live,
}: GuestParts): Pick<LoansOptions, 'run' | 'cancel' | 'wakeChildren'> {
  const active = new Map<string, number>()
  const takerOf = (identity: string): Taker | undefined => takers.get(present.get(identity) ?? identity)
  return {
    run({ seq, partition, identity, attempt }, ended) {
      const taker = takerOf(identity)
      const running = active.get(identity) ?? 0
      if (!taker || taker.queue.paused || running >= taker.flow.flow.definition.settings.concurrency)
        return false
      active.set(identity, running + 1)
      const work: Work = {
        seq,
        key: null,
        partition,
        parent: null,
        bytes: 0,
        loaded: null,
        wakeAt: null,
        attempt,
        borrowed: true,
      }
      live().execute(taker.flow.name, work, NO_SLOT, () => {
        active.set(identity, (active.get(identity) ?? 1) - 1)
        ended()
      })
      return true
    },
    cancel: (seq, note) => void live().cancel(seq, note),
    async wakeChildren(seq, identity) {
      const queue = takerOf(identity)?.queue
      for (let after = 0; ; ) {
        const rows = await journal.backlog.pageOfParent(seq, after, PAGE)
        for (const row of rows) queue?.childOfGuest(row)
        const last = rows.at(-1)
        if (!last) return
        after = last.seq
      }
    },
  }
}
