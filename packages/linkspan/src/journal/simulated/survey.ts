import type { ClusterMember, ClusterSurvey } from '../journal.ts'
import { type MemberRow, ownedBy } from './cluster.ts'
import type { Kept, World } from './world.ts'

/** Who shares a world, as seen by a member. */
export function membersOf({ cluster }: World, now: number, self: number | null): readonly ClusterMember[] {
  return [...cluster.members.values()].map(
    (row): ClusterMember => ({
      member: row.member,
      name: row.name,
      since: row.since,
      leaseUntil: row.leaseUntil,
      state: stateOf(row, now),
      self: row.member === self,
      ...(row.fenced ? { fenced: true } : {}),
      partitions: ownedBy(cluster, row.member),
      flows: row.flows,
      ...(row.formerNames ? { formerNames: row.formerNames } : {}),
      ...(row.clockAheadMs === undefined ? {} : { clockAheadMs: row.clockAheadMs }),
    }),
  )
}

/** The same, and what waits where. */
export function survey(world: World, now: number, self: number | null): ClusterSurvey {
  const { cluster, waits, messages } = world
  const waiting = new Map<number, { count: number; oldest: number }>()
  for (const seq of waits.keys()) {
    const { partition, acceptedAt } = (messages.get(seq) as Kept).message
    const { count, oldest } = waiting.get(partition) ?? { count: 0, oldest: acceptedAt }
    waiting.set(partition, { count: count + 1, oldest: Math.min(oldest, acceptedAt) })
  }
  return {
    now,
    members: membersOf(world, now, self),
    partitions: [...cluster.partitions].map(([partition, { owner }]) => {
      const { count, oldest } = waiting.get(partition) ?? { count: 0, oldest: null }
      return { partition, owner, waiting: count, oldest }
    }),
  }
}

function stateOf({ closed, fenced, leaseUntil }: MemberRow, now: number): ClusterMember['state'] {
  if (closed) return 'closed'
  return fenced || leaseUntil <= now ? 'dead' : 'live'
}
