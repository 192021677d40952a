import assert from 'node:assert/strict'
import type { ClusterMember, Grant, Journal, Ownership } from '../../journal/journal.ts'
import { type Owner, ownerOf } from './harness.ts'

/** An engine that has opened a shared journal, and what may become of it. */
export interface RigEngine {
  readonly journal: Journal
  /** Ends it as a kill would: nothing is closed and its lease runs on. */
  crash(): Promise<void>
  /** Stops its timers, as SIGSTOP would; its monotonic clock goes on. Nothing is asked of it until it wakes. */
  pause(): Promise<void>
  wake(): Promise<void>
}

/** A journal under test that several engines can share, fresh for each test, with a lease as short as it allows. */
export interface SharedJournalRig {
  /** Into how many partitions its key space is cut: 4 or more. */
  readonly partitions: number
  /**
   * Opens it for one more engine, which has a clock of its own; `flows` are their code versions by name, `formerNames`
   * the present names of what they were called.
   */
  join(flows?: ReadonlyMap<string, string>, formerNames?: ReadonlyMap<string, string>): Promise<RigEngine>
  /** Opens it for reading. */
  read(): Promise<Journal>
  /** Opens it with another count of partitions in its configuration. */
  joinWith(partitions: number): Promise<Journal>
  /** Lets time pass until it is so, and rejects when it is not after several leases. */
  until(isSo: () => boolean | Promise<boolean>): Promise<void>
  /** Closes what is open, and removes everything. */
  dispose(): Promise<void>
}

/** Declares a test of a shared journal. */
export type DeclareShared = (what: string, run: (rig: SharedJournalRig) => Promise<void>) => void

/** An engine as far as a journal knows it. */
export interface Engine extends Owner, Omit<RigEngine, 'journal'> {
  readonly member: number
  readonly ownership: Ownership
  /** The partitions it owns, rising. */
  readonly owned: readonly number[]
  /** What it was granted, at its beginning and since. */
  readonly grants: readonly Grant[]
  /** Which partitions it was asked for, each time. */
  readonly asked: readonly (readonly number[])[]
  /** By flow, the highest place that was handed over to it, as it was told. */
  readonly handed: ReadonlyMap<string, number>
  /** The codes of the errors by which it was told that others have taken over. */
  readonly lost: readonly string[]
  /** Retires partitions and gives them back. */
  giveBack(partitions: readonly number[]): Promise<void>
}

/** How an engine behaves. */
export interface EngineOptions {
  /** Whether it gives back what it is asked for, at once. @default true */
  readonly gives?: boolean
  readonly flows?: ReadonlyMap<string, string>
  readonly formerNames?: ReadonlyMap<string, string>
}

/** Opens a journal for one more engine, which begins to own its share. */
export async function engine(
  rig: SharedJournalRig,
  { gives = true, flows, formerNames }: EngineOptions = {},
): Promise<Engine> {
  const { journal, ...fates } = await rig.join(flows, formerNames)
  const { ownership } = journal
  const grants: Grant[] = []
  const asked: (readonly number[])[] = []
  const handed = new Map<string, number>()
  const lost: string[] = []
  const giveBack = async (partitions: readonly number[]): Promise<void> => {
    ownership.retire(partitions)
    await ownership.release(partitions)
  }
  const first = await ownership.begin({
    granted: (more) => void grants.push(...more),
    asked: (partitions) => {
      asked.push(partitions)
      // One that is taken over meanwhile hears so by itself.
      if (gives) giveBack(partitions).catch(() => undefined)
    },
    handed: (places) => {
      for (const [flow, seq] of places) handed.set(flow, seq)
    },
    lost: ({ code }) => void lost.push(code),
  })
  grants.unshift(...first)
  const owner = ownerOf(journal)
  return {
    ...owner,
    ...fates,
    get lastBatch() {
      return owner.lastBatch
    },
    member: ownership.member,
    ownership,
    get owned() {
      return [...ownership.owned].sort((a, b) => a - b)
    },
    grants,
    asked,
    handed,
    lost,
    giveBack,
  }
}

/** Opens a journal for several engines, one after the other, and waits until each owns its share. */
export function engines(rig: SharedJournalRig, count: 2): Promise<[Engine, Engine]>
export function engines(rig: SharedJournalRig, count: 3): Promise<[Engine, Engine, Engine]>
export function engines(rig: SharedJournalRig, count: number): Promise<Engine[]>
export async function engines(rig: SharedJournalRig, count: number): Promise<Engine[]> {
  const all: Engine[] = []
  for (let made = 0; made < count; made += 1) all.push(await engine(rig))
  await shared(rig, all)
  return all
}

/** Waits until all partitions are owned, in even shares. */
export async function shared(rig: SharedJournalRig, all: readonly Engine[]): Promise<void> {
  const least = Math.floor(rig.partitions / all.length)
  await rig.until(() => {
    const owned = all.flatMap((one) => one.owned)
    return owned.length === rig.partitions && all.every((one) => one.owned.length >= least)
  })
  const owned = all.flatMap((one) => one.owned)
  assert.equal(new Set(owned).size, rig.partitions, 'each partition has one owner')
}

/** Lets each of the engines make two beats or more. */
export async function beats(rig: SharedJournalRig, all: readonly Engine[]): Promise<void> {
  const leases = (): Promise<number[]> =>
    Promise.all(all.map(async (one) => (await seen(one, one.member)).leaseUntil))
  for (let round = 0; round < 2; round += 1) {
    const before = await leases()
    await rig.until(async () => (await leases()).every((lease, at) => lease > (before[at] as number)))
  }
}

/** What an engine sees of another. */
export async function seen({ ownership }: Engine, member: number): Promise<ClusterMember> {
  const found = (await ownership.survey()).members.find((one) => one.member === member)
  assert.ok(found, `member ${member} is in the survey`)
  return found
}

/** The only one of what may be several. */
export function the<T>(items: readonly T[]): T {
  assert.equal(items.length, 1)
  return items[0] as T
}

/** The first partition that an engine owns. */
export function home({ owned }: Engine): number {
  assert.notEqual(owned.length, 0)
  return owned[0] as number
}
