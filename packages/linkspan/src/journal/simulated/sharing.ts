import {
  type Cluster,
  change,
  type MemberRow,
  mayWrite,
  ownedBy,
  type PartitionRow,
  SOLE,
} from './cluster.ts'
import { type Shares, sharesToGive, sharesToTake } from './shares.ts'
import type { World } from './world.ts'

const REMEMBERED = 20

/** Takes a world that is not shared; answers whether the owner before left without closing. */
export function takeWhole({ cluster }: World, name: string, now: number): boolean {
  const before = cluster.members.get(SOLE)
  const lowWater = before?.lowWater ?? 0
  const life = { takes: true, fenced: false, closed: false, leaseUntil: Number.MAX_SAFE_INTEGER, flows: {} }
  cluster.members.set(SOLE, { ...life, member: SOLE, name, since: now, lowWater, ran: 0, last: null })
  cluster.partitions.set(0, { owner: SOLE, recoverFrom: null, died: null })
  return before !== undefined && !before.closed
}

/** Puts a new member among the others, which owns nothing yet. */
export function join(
  { cluster, head }: World,
  given: Pick<MemberRow, 'name' | 'since' | 'leaseUntil' | 'flows' | 'formerNames'>,
): number {
  const member = Math.max(0, ...cluster.members.keys()) + 1
  const heard = new Set([...cluster.partitions.values()].map(({ died }) => died?.member))
  for (const [past, row] of cluster.members)
    if (!mayWrite(row) && past < member - REMEMBERED && !heard.has(past)) cluster.members.delete(past)
  const fresh = { takes: false, fenced: false, closed: false, lowWater: head.lastSeq + 1, ran: 0, last: null }
  cluster.members.set(member, { ...given, ...fresh, member })
  return member
}

/** Takes everything from the members whose lease has run out. */
export function fenceDead(world: World, now: number): void {
  for (const row of [...world.cluster.members.values()]) {
    if (!mayWrite(row) || row.leaseUntil > now) continue
    change(world.cluster, row.member, { fenced: true })
    world.cluster.mail.delete(row.member)
    for (const partition of ownedBy(world.cluster, row.member)) leaveBehind(world, row, partition)
  }
}

/** What ran in a partition is to be taken up by its next owner. */
function leaveBehind({ cluster, head }: World, { member, lowWater }: MemberRow, partition: number): void {
  const { recoverFrom, died } = cluster.partitions.get(partition) as PartitionRow
  cluster.partitions.set(partition, {
    owner: null,
    recoverFrom: Math.min(recoverFrom ?? lowWater, lowWater),
    // An heir that dies before it has taken up what ran has begun with nothing itself.
    died: { member: recoverFrom === null ? member : (died?.member ?? member), upTo: head.lastSeq },
  })
}

/** A member takes its fair share of what nobody owns. */
export function takeShare({ cluster }: World, member: number): void {
  const free = [...cluster.partitions].filter(([, { owner }]) => owner === null)
  for (const [partition, row] of free.slice(0, sharesToTake(sharesOf(cluster), member)))
    cluster.partitions.set(partition, { ...row, owner: member })
}

/** How many partitions a member should give back. */
export function surplus({ cluster }: World, member: number): number {
  return sharesToGive(sharesOf(cluster), member)
}

function sharesOf(cluster: Cluster): Shares {
  const live = [...cluster.members.values()].filter((row) => mayWrite(row) && row.takes)
  const owned = new Map(live.map(({ member }) => [member, ownedBy(cluster, member).length]))
  return { partitions: cluster.partitions.size, owned }
}

/** The low water of a member that has nothing under way rises by itself, so that it holds back no forgetting. */
export function raiseLowWater({ cluster, head }: World, member: number): void {
  const { lowWater, ran } = cluster.members.get(member) as MemberRow
  if (lowWater > ran) change(cluster, member, { lowWater: Math.max(lowWater, head.lastSeq + 1) })
}

/** What ran in a partition when its owner died has been taken up. */
export function markRecovered({ cluster }: World, partition: number): void {
  const row = cluster.partitions.get(partition) as PartitionRow
  cluster.partitions.set(partition, { ...row, recoverFrom: null, died: null })
}

/** Nobody owns a partition from now on. */
export function giveBack({ cluster }: World, partition: number): void {
  const row = cluster.partitions.get(partition) as PartitionRow
  cluster.partitions.set(partition, { ...row, owner: null })
}

/** A member leaves: what it brought to rest is free, and what still ran is to be taken up. */
export function leave(world: World, member: number, now: number, leftRunning: boolean): void {
  const row = world.cluster.members.get(member)
  if (!mayWrite(row)) return
  for (const partition of ownedBy(world.cluster, member)) {
    if (!leftRunning && atRest(world, member, partition)) giveBack(world, partition)
    else leaveBehind(world, row, partition)
  }
  world.cluster.mail.delete(member)
  change(world.cluster, member, { closed: true, leaseUntil: Math.min(row.leaseUntil, now) })
}

/** Whether a message has neither a wait nor an ending. */
export function runs({ waits, endings }: World, seq: number): boolean {
  return !waits.has(seq) && !endings.has(seq)
}

/** Whether any message of a partition runs, of those from one place up to another. */
export function anyRuns(world: World, partition: number, from: number, upTo: number): boolean {
  for (const seq of world.places.above(from - 1)) {
    if (seq > upTo) return false
    if (world.messages.get(seq)?.message.partition === partition && runs(world, seq)) return true
  }
  return false
}

/** Whether nothing of a member's partition runs, but for what an owner before it left to be taken up. */
export function atRest(world: World, member: number, partition: number): boolean {
  const { lowWater } = world.cluster.members.get(member) as MemberRow
  const { died } = world.cluster.partitions.get(partition) as PartitionRow
  const from = Math.max(lowWater, died === null ? 0 : died.upTo + 1)
  return !anyRuns(world, partition, from, world.head.lastSeq)
}

/** Below this place nothing may be running, whoever owns it. */
export function lowestWater({ cluster, head }: World): number {
  const living = [...cluster.members.values()].filter(mayWrite).map(({ lowWater }) => lowWater)
  const left = [...cluster.partitions.values()].flatMap(({ recoverFrom }) => recoverFrom ?? [])
  return Math.min(head.lastSeq + 1, ...living, ...left)
}
