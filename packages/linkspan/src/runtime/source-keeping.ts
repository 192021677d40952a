import type { ClusterMember } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Claims } from './claims.ts'
import { type FlowNames, identityOf, versionOf } from './former-names.ts'
import { partitionOf } from './homes.ts'
import type { Taker } from './intake.ts'
import { type KeptSource, keepSource, type SourceOptions } from './sources.ts'

/**
 * The sources of all flows. Each runs on the engine that owns its partition; where that one lacks the flow, on the
 * eldest of those that have it.
 */
export interface SourceKeeping {
  readonly byFlow: ReadonlyMap<string, KeptSource>
  /** Starts those that run here, now and when partitions are gained. */
  open(): void
  /** Partitions were added to this engine's share. */
  gained(): void
  /** Stops those that no longer run here. */
  rest(partitions: readonly number[]): Promise<void>
  /** Sees who has which flows now, and starts and stops those that this engine runs for others. */
  follow(members: readonly ClusterMember[]): Promise<void>
  stop(): Promise<void>
}

/** What keeping all sources takes. */
export interface SourceKeepingOptions extends Omit<SourceOptions, 'isHere' | 'claim'> {
  readonly takers: ReadonlyMap<string, Taker>
  readonly partitions: number
  /** The partitions of this engine's share. */
  readonly owned: ReadonlySet<number>
  /** The number of this engine. */
  readonly member: number
  /** Null where no other engine shares the journal. */
  readonly claims: Claims | null
}

/** Keeps the sources of all flows. */
export function keepSources(options: SourceKeepingOptions): SourceKeeping {
  const { takers, partitions, owned, member, claims } = options
  /** The identities of the flows whose sources this engine runs for the owners of their partitions. */
  let adopted: ReadonlySet<string> = new Set()
  const homeOf = (flow: FlowNames): number => partitionOf('source', identityOf(flow), partitions)
  const isHere = (flow: FlowNames): boolean => owned.has(homeOf(flow)) || adopted.has(identityOf(flow))
  const claim = claims === null ? null : claiming(claims)
  const byFlow = new Map(
    [...takers].map(
      ([name, taker], nth) => [name, keepSource(taker, { ...options, isHere, claim, nth })] as const,
    ),
  )
  let opened = false

  const startAll = (): void => {
    for (const [name, source] of byFlow) if (!takers.get(name)?.queue.paused) source.start()
  }

  const stopAbsent = (flows: readonly Taker[]): Promise<unknown> => {
    const absent = flows.map(({ flow }) => byFlow.get(flow.name)).filter((source) => source?.isHere === false)
    return Promise.all(absent.map((source) => source?.stop()))
  }

  return {
    byFlow,
    open() {
      opened = true
      startAll()
    },
    gained() {
      if (opened) startAll()
    },
    async rest(left) {
      const leaving = [...takers.values()].filter(({ flow }) => left.includes(homeOf(flow.flow.definition)))
      await stopAbsent(leaving)
    },
    async follow(members) {
      const flows = [...takers.values()]
      const names = flows.map(({ flow }) => flow.flow.definition)
      const orphans = names.filter((flow) => foundling(flow, homeOf(flow), members) === member)
      adopted = new Set(orphans.map(identityOf))
      await stopAbsent(flows)
      if (opened) startAll()
    },
    async stop() {
      opened = false
      await Promise.allSettled([...byFlow.values()].map((source) => source.stop()))
    },
  }
}

/** Who runs the source of a flow that the owner of its partition lacks: a member's number, or null where that is not so. */
function foundling(flow: FlowNames, home: number, members: readonly ClusterMember[]): number | null {
  const has = (member: ClusterMember): boolean => versionOf(member, identityOf(flow)) !== undefined
  const live = members.filter(({ state }) => state === 'live')
  const owner = live.find(({ partitions }) => partitions.includes(home))
  if (owner === undefined || has(owner)) return null
  return Math.min(...live.filter(has).map(({ member }) => member))
}

function claiming(claims: Claims): NonNullable<SourceOptions['claim']> {
  const givingBack = new Map<string, Promise<void>>()
  return async (flow) => {
    const identity = identityOf(flow)
    await givingBack.get(identity)
    const giveBack = await claims.take(identity)
    if (giveBack !== null) return () => void givingBack.set(identity, giveBack())
    throw new LinkspanError(
      'ENGINE_BUSY',
      `The source of the flow "${flow.name}" still runs on another engine of the cluster. See linkspan cluster.`,
      { retry: 'later', details: { flow: flow.name } },
    )
  }
}
