import type { ClusterMember, ClusterSurvey, RunningCount } from '../journal.ts'
import type { Cluster, MemberRow } from './cluster.ts'
import { lowestWater, runs } from './sharing.ts'
import type { Kept, World } from './world.ts'

/** Who shares a world, as seen by a member. */
export function membersOf({ cluster }: World, now: number, self: number | null): readonly ClusterMember[] {
  const owned = partitionsOf(cluster)
  return [...cluster.members.values()].map(
    (row): ClusterMember => ({
      member: row.member,
      name: row.name,
      since: row.since,
      leaseUntil: row.leaseUntil,
      state: stateOf(row, now),
      self: row.member === self,
      ...(row.fenced ? { fenced: true } : {}),
      partitions: owned.get(row.member) ?? [],
      flows: row.flows,
      ...(row.formerNames ? { formerNames: row.formerNames } : {}),
      ...(row.clockAheadMs === undefined ? {} : { clockAheadMs: row.clockAheadMs }),
    }),
  )
}

/** By member, what it owns, rising. */
function partitionsOf({ partitions }: Cluster): ReadonlyMap<number, readonly number[]> {
  const owned = new Map<number, number[]>()
  for (const [partition, { owner }] of partitions) {
    if (owner === null) continue
    const own = owned.get(owner)
    if (own) own.push(partition)
    else owned.set(owner, [partition])
  }
  return owned
}

/** How many messages run, whoever runs them. */
export function runningIn(world: World): readonly RunningCount[] {
  const counts = new Map<string, RunningCount>()
  for (const seq of world.places.above(lowestWater(world) - 1)) {
    if (!runs(world, seq)) continue
    const { flow, parent } = (world.messages.get(seq) as Kept).message
    const child = parent !== null
    const key = `${child} ${flow}`
    counts.set(key, { flow, child, count: (counts.get(key)?.count ?? 0) + 1 })
  }
  return [...counts.values()]
}

/** Who shares a world, and what waits where. */
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
