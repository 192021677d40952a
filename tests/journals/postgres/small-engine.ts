import type { Grant, Journal, JournalFactory } from '../../../packages/linkspan/src/journal/journal.ts'
import { partitionOf } from '../../../packages/linkspan/src/runtime/homes.ts'
import {
  ending,
  newMessage,
  type Owner,
  ownerOf,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { freshEnvironment, type RingingClock } from './rig.ts'

const MOST = 10_000

/** What all engines of a run know together, as somebody who sees everything would. */
export interface Run {
  /** Counts up with each ending, so that their order can be seen. */
  endings: number
  /** Messages that were answered as accepted. */
  readonly accepted: Set<number>
  /** Who runs what lies in a partition. */
  readonly servedBy: Map<number, SmallEngine>
  /** What must never be. */
  readonly wrong: string[]
}

/** The least that an engine has to do to share a journal: it accepts, runs in order per key, takes up and gives back. */
export interface SmallEngine {
  readonly journal: Journal
  readonly clock: RingingClock
  readonly member: number
  /** Whether it has taken on everything that it was told of, and nothing waits or runs in it. */
  readonly isIdle: boolean
  accept(key: string): Promise<void>
  /** Starts the first message of a key, or ends it if it runs. */
  step(pick: number): Promise<void>
  /** Does what it was told meanwhile. */
  tend(): Promise<void>
  /** It does nothing any more, and others may run what it ran. */
  die(): void
  /** Tries to write. */
  write(): Promise<unknown>
}

/** Opens a journal for one more engine. */
export async function smallEngine(factory: JournalFactory, run: Run): Promise<SmallEngine> {
  const { environment, clock, remove } = freshEnvironment()
  const journal = await factory.open({ ...environment, flows: new Map([['orders', 'v1']]) })
  remove()
  const owner: Owner = ownerOf(journal)
  const { ownership } = journal
  const { partitions } = ownership
  const lanes = new Map<string, number[]>()
  const running = new Set<number>()
  const served = new Set<number>()
  const told = { grants: [] as Grant[], asked: [] as number[], handed: 0 }
  let taken = 0

  const homeOf = (key: string): number => partitionOf('orders', key, partitions)
  const laneOf = (key: string): number[] => {
    const lane = lanes.get(key) ?? []
    lanes.set(key, lane)
    return lane
  }
  /** Takes on what waits in partitions that it serves. */
  const read = async (): Promise<void> => {
    const upTo = told.handed
    for (const { seq, key, partition } of await journal.backlog.page('orders', 0, MOST)) {
      const lane = laneOf(key as string)
      if (!served.has(partition) || lane.includes(seq)) continue
      const [first] = lane
      if (first !== undefined && running.has(first) && seq < first)
        run.wrong.push(`message ${first} of ${key} runs before ${seq}`)
      lane.push(seq)
      lane.sort((a, b) => a - b)
    }
    taken = Math.max(taken, upTo)
  }
  const takeUp = async (grants: readonly Grant[]): Promise<void> => {
    const died = grants.filter((grant) => grant.died !== null).map(({ partition }) => partition)
    if (died.length > 0) {
      const left = await journal.backlog.unsettled(0, MOST)
      await owner.commit({ waits: left.map(({ seq, key }) => wait(seq, { key })) })
      await ownership.recovered(died)
    }
    for (const { partition } of grants) {
      const other = run.servedBy.get(partition)
      if (other !== undefined)
        run.wrong.push(`partition ${partition} is served by ${other.member} and ${engine.member}`)
      run.servedBy.set(partition, engine)
      served.add(partition)
    }
    await read()
  }
  const giveBack = async (asked: readonly number[]): Promise<void> => {
    ownership.retire(asked)
    const waits = []
    for (const [key, lane] of lanes) {
      if (!asked.includes(homeOf(key))) continue
      for (const seq of lane) if (running.delete(seq)) waits.push(wait(seq, { key }))
      lanes.delete(key)
    }
    await owner.commit({ waits })
    for (const partition of asked) {
      served.delete(partition)
      run.servedBy.delete(partition)
    }
    await ownership.release(asked)
  }

  const engine: SmallEngine = {
    journal,
    clock,
    member: ownership.member,
    get isIdle() {
      const rests = told.grants.length === 0 && told.asked.length === 0 && told.handed <= taken
      return rests && [...lanes.values()].every((lane) => lane.length === 0)
    },
    accept: async (key) => {
      const partition = homeOf(key)
      const here = served.has(partition) && ownership.owned.has(partition)
      const direct = here && laneOf(key).length === 0
      const message = { key, partition, ready: !direct, handOver: !here, handedUpTo: taken }
      const { accepted } = await owner.commit({ accept: [newMessage(message)] })
      for (const { seq, behind } of accepted) {
        run.accepted.add(seq)
        // What was handed over before it comes first, and is told before the answer: both are read together.
        if (!here || behind || (!direct && told.handed > taken)) continue
        laneOf(key).push(seq)
        if (direct) running.add(seq)
      }
    },
    step: async (pick) => {
      const open = [...lanes].filter(([, lane]) => lane.length > 0)
      const [key, lane] = open[Math.floor(pick * open.length)] ?? []
      const seq = lane?.[0]
      if (key === undefined || lane === undefined || seq === undefined) return
      if (!running.has(seq)) {
        running.add(seq)
        return
      }
      run.endings += 1
      await owner.commit({ settle: [ending(seq, { endedAt: run.endings })] })
      running.delete(seq)
      lane.shift()
    },
    tend: async () => {
      const grants = told.grants.splice(0)
      if (grants.length > 0) await takeUp(grants)
      if (told.handed > taken) await read()
      const asked = told.asked.splice(0)
      if (asked.length > 0) await giveBack(asked)
    },
    die: () => {
      for (const partition of served) run.servedBy.delete(partition)
    },
    write: () => owner.accept({ partition: [...served][0] ?? 0, key: 'late', ready: true }),
  }
  const grants = await ownership.begin({
    granted: (more) => void told.grants.push(...more),
    asked: (asked) => void told.asked.push(...asked),
    handed: (places) => {
      told.handed = Math.max(told.handed, places.get('orders') ?? 0)
    },
    lost: () => undefined,
  })
  told.grants.push(...grants)
  return engine
}
