import type { Committed, Grant } from '../journal.ts'

/** A member as it lies on the simulated disk; replaced and never changed in place. */
export interface MemberRow {
  readonly member: number
  readonly name: string
  readonly since: number
  readonly leaseUntil: number
  /** Whether it takes its share: not before it begins, nor when it is about to leave. */
  readonly takes: boolean
  readonly fenced: boolean
  readonly closed: boolean
  readonly flows: Readonly<Record<string, string>>
  readonly formerNames?: Readonly<Record<string, string>>
  /** By how much its machine's clock was ahead of the world's at its last beat. */
  readonly clockAheadMs?: number
  readonly lowWater: number
  /** The highest place that it was given to run at once. */
  readonly ran: number
  /** Its last batch with its answer. */
  readonly last: { readonly id: number; readonly committed: Committed } | null
}

/** A partition as it lies on the simulated disk; replaced and never changed in place. */
export interface PartitionRow {
  readonly owner: number | null
  /** From which place on there may be what ran when its owner died; null when all of it is taken up. */
  readonly recoverFrom: number | null
  readonly died: Grant['died']
}

/** Who shares the world. */
export interface Cluster {
  readonly members: Map<number, MemberRow>
  readonly partitions: Map<number, PartitionRow>
  /** By member, then flow: the highest place that was handed over. */
  readonly mail: Map<number, ReadonlyMap<string, number>>
}

/** A cluster whose partitions nobody owns. */
export function createCluster(partitions: number): Cluster {
  const free: PartitionRow = { owner: null, recoverFrom: null, died: null }
  return {
    members: new Map(),
    partitions: new Map(Array.from({ length: partitions }, (_, at) => [at, free])),
    mail: new Map(),
  }
}

/** A copy that shares nothing that changes. */
export function copyCluster({ members, partitions, mail }: Cluster): Cluster {
  return { members: new Map(members), partitions: new Map(partitions), mail: new Map(mail) }
}

/** Whether a member may write. */
export const mayWrite = (row: MemberRow | undefined): row is MemberRow =>
  row !== undefined && !row.fenced && !row.closed

/** The partitions that a member owns, rising. */
export function ownedBy({ partitions }: Cluster, member: number): number[] {
  return [...partitions].filter(([, { owner }]) => owner === member).map(([partition]) => partition)
}

/** The number of the one member of a world that is not shared. */
export const SOLE = 0

/** Changes some of a member's row. */
export function change({ members }: Cluster, member: number, parts: Partial<MemberRow>): void {
  members.set(member, { ...(members.get(member) as MemberRow), ...parts })
}

/** Tells the owner of a message's partition that the message was handed over. */
export function putMail({ partitions, mail }: Cluster, partition: number, flow: string, seq: number): void {
  const owner = partitions.get(partition)?.owner ?? null
  if (owner !== null) mail.set(owner, new Map(mail.get(owner)).set(flow, seq))
}
