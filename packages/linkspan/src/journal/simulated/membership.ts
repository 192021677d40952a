import { LinkspanError } from '../../model/errors.ts'
import type { CancelTimer, Clock } from '../../model/outside.ts'
import type { ClusterSurvey, Grant, Ownership, OwnershipListener } from '../journal.ts'
import { change, mayWrite, ownedBy, type PartitionRow } from './cluster.ts'
import type { Life } from './life.ts'
import {
  anyRuns,
  atRest,
  fenceDead,
  giveBack,
  markRecovered,
  raiseLowWater,
  surplus,
  takeShare,
} from './sharing.ts'
import { membersOf, runningIn, survey } from './survey.ts'
import type { World } from './world.ts'

/** What a membership takes. */
export interface MembershipOptions {
  readonly member: number
  readonly world: () => World
  /** The clock of the world, which leases run by. */
  readonly now: () => number
  /** The clock of the engine, and what its machine's shows. */
  readonly clock: Clock
  readonly wall: () => number
  readonly life: Life
  readonly leaseMs: number
}

/** One engine's share of a shared journal. */
export interface Membership {
  readonly ownership: Ownership
  /** Answers why the member may not write, which tells the engine so too; or null. */
  refusal(): LinkspanError | null
  /** By partition, between which places there may be what ran when its owner died. */
  left(): ReadonlyMap<number, { readonly from: number; readonly upTo: number }>
  /** Others may have handed something over: the engine hears of it soon. */
  mailed(): void
  /** The engine hears now of what was handed over. */
  tellMail(): void
  /** No beat is made any more. */
  end(): void
}

const BEATS_PER_LEASE = 5
/** How soon an engine hears that something was handed over; where there is a database it asks that often. */
const MAIL_MS = 25

/** Begins the beats of a member that has joined; it takes partitions once it is told to begin. */
export function createMembership(options: MembershipOptions): Membership {
  const { member, world, now, clock, wall, life, leaseMs } = options
  /** Granted partitions: whether they are owned, or retired and on their way back. */
  const granted = new Map<number, 'owned' | 'retired'>()
  const owned = new Set<number>()
  const asked = new Set<number>()
  const told = new Map<string, number>()
  let listener: OwnershipListener | null = null
  let goodUntil = clock.monotonic() + leaseMs
  let lost: LinkspanError | null = null
  let cancelMail: CancelTimer | null = null

  const refusal = (): LinkspanError | null => {
    if (lost === null && !mayWrite(world().cluster.members.get(member))) {
      lost = takenOver(member)
      owned.clear()
      granted.clear()
      end()
      listener?.lost(lost)
    }
    return lost
  }
  const refuseLost = (): void => {
    const refused = refusal()
    if (refused !== null) throw refused
  }

  const unread = (): [string, number][] => {
    const mail = world().cluster.mail.get(member) ?? new Map<string, number>()
    return [...mail].filter(([flow, seq]) => seq > (told.get(flow) ?? 0))
  }
  const tellMail = (): void => {
    const news = unread()
    for (const [flow, seq] of news) told.set(flow, seq)
    if (news.length > 0) listener?.handed(new Map(news))
  }
  const mailed = (): void => {
    if (unread().length === 0) return
    cancelMail ??= clock.timer(MAIL_MS, () => {
      cancelMail = null
      life.run(tellMail)
    })
  }

  /** What the world says is this member's and was not known to be. */
  const newlyGranted = (): Grant[] => {
    const { cluster } = world()
    const fresh = ownedBy(cluster, member).filter((partition) => !granted.has(partition))
    for (const partition of fresh) {
      granted.set(partition, 'owned')
      owned.add(partition)
    }
    return fresh.map((partition) => ({
      partition,
      died: (cluster.partitions.get(partition) as PartitionRow).died,
    }))
  }
  const takes = (): boolean => world().cluster.members.get(member)?.takes === true
  const take = (): Grant[] => {
    change(world().cluster, member, { leaseUntil: now() + leaseMs, clockAheadMs: wall() - now() })
    goodUntil = clock.monotonic() + leaseMs
    raiseLowWater(world(), member)
    fenceDead(world(), now())
    if (takes()) takeShare(world(), member)
    return newlyGranted()
  }
  const tellSurplus = (): void => {
    const staying = [...owned].filter((partition) => !asked.has(partition)).sort((a, b) => a - b)
    const count = surplus(world(), member) - (granted.size - staying.length)
    if (count <= 0) return
    const wanted = staying.slice(-count)
    for (const partition of wanted) asked.add(partition)
    listener?.asked(wanted)
  }
  const beat = (): void => {
    cancelBeat = clock.timer(leaseMs / BEATS_PER_LEASE, () => life.run(beat))
    if (refusal() !== null) return
    const grants = take()
    if (grants.length > 0) listener?.granted(grants)
    if (takes()) tellSurplus()
    tellMail()
  }
  let cancelBeat = clock.timer(leaseMs / BEATS_PER_LEASE, () => life.run(beat))
  const end = (): void => {
    cancelBeat()
    cancelMail?.()
  }

  const release = (partition: number): void => {
    if (granted.get(partition) !== 'retired') throw notRetired(partition)
    if (!atRest(world(), member, partition)) throw notAtRest(partition)
    giveBack(world(), partition)
    granted.delete(partition)
  }

  return {
    refusal,
    left: () =>
      new Map(
        [...granted.keys()].flatMap((partition) => {
          const { recoverFrom, died } = world().cluster.partitions.get(partition) as PartitionRow
          return recoverFrom === null || died === null
            ? []
            : [[partition, { from: recoverFrom, upTo: died.upTo }] as const]
        }),
      ),
    mailed,
    tellMail,
    end,
    ownership: {
      member,
      partitions: world().cluster.partitions.size,
      owned,
      holds: () => lost === null && clock.monotonic() < goodUntil,
      now,
      begin: async (told) => {
        refuseLost()
        if (listener !== null) throw new Error('An engine begins to own its share of a journal once.')
        listener = told
        change(world().cluster, member, { takes: true })
        return take()
      },
      recovered: async (partitions) => {
        refuseLost()
        for (const partition of partitions) recover(world(), partition, granted)
      },
      retire: (partitions) => {
        for (const partition of partitions) {
          if (!owned.delete(partition)) continue
          granted.set(partition, 'retired')
          // Who gives up what nobody asked for is about to leave.
          if (!asked.delete(partition)) change(world().cluster, member, { takes: false })
        }
      },
      release: async (partitions) => {
        refuseLost()
        for (const partition of partitions) release(partition)
      },
      running: async () => runningIn(world()),
      members: async () => membersOf(world(), now(), member),
      survey: async (): Promise<ClusterSurvey> => survey(world(), now(), member),
    },
  }
}

function recover(world: World, partition: number, granted: ReadonlyMap<number, unknown>): void {
  const { recoverFrom, died } = world.cluster.partitions.get(partition) as PartitionRow
  if (!granted.has(partition)) throw new Error(`Partition ${partition} is not this member's to take up.`)
  if (recoverFrom !== null && died !== null && anyRuns(world, partition, recoverFrom, died.upTo))
    throw notAtRest(partition)
  markRecovered(world, partition)
}

function takenOver(member: number): LinkspanError {
  return new LinkspanError(
    'JOURNAL_TAKEN_OVER',
    `The lease of member ${member} of the simulated journal ran out, and another engine has taken over. Open it anew.`,
    { details: { member } },
  )
}

function notRetired(partition: number): Error {
  return new Error(`Partition ${partition} cannot be given back: it was not granted and retired.`)
}

function notAtRest(partition: number): Error {
  return new Error(`In partition ${partition} runs something yet: it needs a wait or an ending first.`)
}
