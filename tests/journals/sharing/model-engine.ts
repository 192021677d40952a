import type {
  Batch,
  Committed,
  Journal,
  OwnershipListener,
  StoredMessage,
  Wait,
} from '../../../packages/linkspan/src/journal/journal.ts'
import { isLinkspanError } from '../../../packages/linkspan/src/model/errors.ts'
import { partitionOf } from '../../../packages/linkspan/src/runtime/homes.ts'
import {
  ending,
  newMessage,
  ownerOf,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'

export const FLOWS = ['orders', 'invoices'] as const

/** A message that an engine has taken on, in its memory. */
export interface Taken {
  readonly seq: number
  readonly flow: string
  readonly key: string | null
  readonly partition: number
  /** Whether the journal has a wait of it; what runs right after its acceptance has none. */
  stored: boolean
  /** Whether it runs, and does not only stand in the lane of its key. */
  runs: boolean
}

/** How often what was done, to show that the runs do what they are for. */
export type Seen = Record<
  | 'accepted'
  | 'handedOver'
  | 'behind'
  | 'takenOver'
  | 'refused'
  | 'recovered'
  | 'given'
  | 'started'
  | 'ended'
  | 'lostAnswers',
  number
>

/** The least that an engine has to do to keep order per key on a shared journal. */
export interface ModelEngine {
  readonly journal: Journal
  readonly member: number
  readonly taken: ReadonlyMap<number, Taken>
  /** Tokens of messages whose acceptance has not been answered. */
  readonly underWay: ReadonlySet<string>
  readonly lost: boolean
  /** Accepts a message; answers its token when that is durable. */
  accept(flow: string, key: string | null, token: string): Promise<string | null>
  /** Takes on all that waits. */
  read(): Promise<void>
  /** Begins to run a message that is the first of its key; answers it. */
  start(pick: number): Taken | null
  /** Ends a message that runs. */
  finish(pick: number): Promise<void>
  /** Puts a message that runs aside: its key is free. */
  suspend(pick: number): Promise<void>
  /** Takes up what ran where others have died. */
  recover(): Promise<void>
  /** Gives back what it was asked for. */
  give(): Promise<void>
}

const RETRIED = ['JOURNAL_UNREACHABLE', 'JOURNAL_FULL'] as const

/** Begins an engine on an opened journal. */
export async function modelEngine(journal: Journal, seen: Seen): Promise<ModelEngine> {
  const { ownership, backlog } = journal
  const owner = ownerOf(journal)
  const taken = new Map<number, Taken>()
  const underWay = new Set<string>()
  const told = new Map<string, number>()
  const readUpTo = new Map<string, number>()
  /** Owned partitions with what is known of them: nothing may run at once where it is not all taken on. */
  const known = new Map<number, 'to recover' | 'to read' | 'read'>()
  let wanted: readonly number[] = []
  let lost = false

  const listener: OwnershipListener = {
    granted: (grants) => {
      for (const { partition, died } of grants) known.set(partition, died === null ? 'to read' : 'to recover')
    },
    asked: (partitions) => {
      wanted = partitions
    },
    handed: (places) => {
      for (const [flow, seq] of places) told.set(flow, seq)
    },
    lost: () => {
      seen.takenOver += 1
      lost = true
      taken.clear()
      known.clear()
    },
  }
  listener.granted(await ownership.begin(listener))

  const lowWater = (): number => {
    const running = [...taken.values()].filter(({ stored }) => !stored).map(({ seq }) => seq)
    return Math.min(...running, highest + 1)
  }
  let highest = 0
  const commit = async (parts: Partial<Omit<Batch, 'id'>>): Promise<Committed | null> => {
    let committing = owner.commit({ ...parts, lowWater: underWay.size === 0 ? lowWater() : 0 })
    for (;;) {
      try {
        return await committing
      } catch (error) {
        if (isLinkspanError(error, 'JOURNAL_TAKEN_OVER')) {
          seen.refused += 1
          return null
        }
        if (!RETRIED.some((code) => isLinkspanError(error, code))) throw error
        committing = journal.commit(owner.lastBatch)
      }
    }
  }
  const ofKey = ({ seq, flow, key }: Taken): Taken[] =>
    [...taken.values()].filter((other) => other.flow === flow && other.key === key && other.seq < seq)
  const pickRunning = (pick: number): Taken | undefined => {
    const running = [...taken.values()].filter(({ runs }) => runs)
    return running[pick % Math.max(1, running.length)]
  }
  const waitOf = ({ seq, flow, key }: Taken, reason: Wait['reason'] = 'ready'): Wait =>
    wait(seq, { flow, key, reason, wakeAt: reason === 'delay' ? 10 ** 15 : null })
  const take = (message: Omit<Taken, 'runs'>): void =>
    void taken.set(message.seq, { ...message, runs: false })

  return {
    journal,
    member: ownership.member,
    taken,
    underWay,
    get lost() {
      return lost
    },
    async accept(flow, key, token) {
      const own = [...ownership.owned]
      const partition =
        key === null ? (own[token.length % own.length] ?? 0) : partitionOf(flow, key, ownership.partitions)
      const here = ownership.owned.has(partition)
      const state = known.get(partition)
      const ready = !here || state === 'to recover' || (key !== null && state !== 'read')
      const handedUpTo = readUpTo.get(flow) ?? 0
      const message = { flow, key, partition, token, ready, handOver: !here, handedUpTo }
      underWay.add(token)
      const committed = await commit({ accept: [newMessage(message)] })
      underWay.delete(token)
      const [at] = committed?.accepted ?? []
      if (at === undefined) return null
      highest = Math.max(highest, at.seq)
      if (!here) seen.handedOver += 1
      if (at.behind) seen.behind += 1
      if (!ready && at.behind === undefined) take({ seq: at.seq, flow, key, partition, stored: false })
      else if (known.get(partition) === 'read') known.set(partition, 'to read')
      return token
    },
    async read() {
      for (const flow of FLOWS) {
        const upTo = told.get(flow) ?? 0
        // What is yet to be recovered may come before what waits there already.
        for (const { seq, key, partition } of await backlog.page(flow, 0, 10_000))
          if (!taken.has(seq) && known.get(partition) !== 'to recover')
            take({ seq, flow, key, partition, stored: true })
        readUpTo.set(flow, upTo)
      }
      for (const [partition, state] of known) if (state === 'to read') known.set(partition, 'read')
    },
    start(pick) {
      if (!ownership.holds()) return null
      const first = [...taken.values()].filter(
        (one) =>
          !one.runs &&
          known.get(one.partition) !== 'to recover' &&
          (one.key === null || ofKey(one).length === 0),
      )
      const next = first[pick % Math.max(1, first.length)]
      if (next === undefined) return null
      next.runs = true
      return next
    },
    async finish(pick) {
      const running = pickRunning(pick)
      if (running && (await commit({ settle: [ending(running.seq)] }))) taken.delete(running.seq)
    },
    async suspend(pick) {
      const running = pickRunning(pick)
      if (running && (await commit({ waits: [waitOf(running, 'delay')] }))) taken.delete(running.seq)
    },
    async recover() {
      const partitions = [...known]
        .filter(([, state]) => state === 'to recover')
        .map(([partition]) => partition)
      if (partitions.length === 0) return
      const left = await backlog.unsettled(0, 10_000)
      if (left.length > 0 && (await commit({ waits: left.map(readyWait) })) === null) return
      await ownership.recovered(partitions).catch(unlessTakenOver)
      seen.recovered += left.length
      for (const partition of partitions) if (known.has(partition)) known.set(partition, 'to read')
    },
    async give() {
      const partitions = wanted.filter((partition) => ownership.owned.has(partition))
      wanted = []
      ownership.retire(partitions)
      const here = [...taken.values()].filter(({ partition }) => partitions.includes(partition))
      const fresh = here.filter(({ stored }) => !stored)
      for (const { seq } of here) taken.delete(seq)
      for (const partition of partitions) known.delete(partition)
      if (fresh.length > 0 && (await commit({ waits: fresh.map((one) => waitOf(one)) })) === null) return
      await ownership.release(partitions).catch(unlessTakenOver)
      seen.given += partitions.length
    },
  }
}

function readyWait({ seq, flow, key }: StoredMessage): Wait {
  return wait(seq, { flow, key })
}

function unlessTakenOver(error: unknown): void {
  if (!isLinkspanError(error, 'JOURNAL_TAKEN_OVER')) throw error
}
