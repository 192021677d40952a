import type { LinkspanError } from '../model/errors.ts'

/**
 * Which share of a journal this engine owns.
 *
 * The key space is cut into partitions. Every message lies in one, and only the engine that owns the partition runs it.
 * An engine owns its partitions under a lease that it renews as long as it lives. When the lease runs out, others take
 * its partitions over, and the journal refuses whatever it still writes: all of it, as an engine is fenced as a whole.
 * A partition moves between living engines only when its owner gives it back.
 *
 * A journal of one owner has one partition, owned from opening to closing: {@link soleOwnership}.
 */
export interface Ownership {
  /** The number of this engine among all that ever joined; later ones have greater numbers. 0 where there is one owner. */
  readonly member: number
  /** Into how many partitions the key space is cut. */
  readonly partitions: number
  /** The partitions whose messages this engine may take on: granted, and not retired. */
  readonly owned: ReadonlySet<number>
  /**
   * Whether the lease is good now, by a clock that nobody sets. While it is not, others may have taken over, so nothing
   * may be sent outside.
   */
  holds(): boolean
  /**
   * What the journal's own clock shows, as far as is known here and never ahead of it: what all engines that share the
   * journal go by, whatever their machines' clocks say. Null where the one owner's clock is as good as any.
   */
  now(): number | null
  /**
   * Begins to own, and answers what is granted at once. Called once, before anything is accepted. Later changes are told
   * to the listener.
   */
  begin(listener: OwnershipListener): Promise<readonly Grant[]>
  /** What ran in these partitions when their owner died has a wait now, and that is durable. */
  recovered(partitions: readonly number[]): Promise<void>
  /**
   * These partitions are to be given back: from now on they are not `owned`. An engine that retires what it was not asked
   * for is about to leave, so nothing more is granted to it.
   */
  retire(partitions: readonly number[]): void
  /** Gives back retired partitions, when all that ran in them has a wait or an ending, durably. */
  release(partitions: readonly number[]): Promise<void>
  /** The engines that share the journal and what they own. Cheap: asked again and again, whatever waits. */
  members(): Promise<readonly ClusterMember[]>
  /**
   * How many messages run at any of the engines and have no wait, per flow, children apart: for people. Empty where one
   * engine owns the journal, which knows.
   */
  running(): Promise<readonly RunningCount[]>
  /** Those members, with the count of what waits in each partition: for people. */
  survey(): Promise<ClusterSurvey>
}

/** A partition that this engine owns from now on. */
export interface Grant {
  readonly partition: number
  /**
   * Set when the last owner died: its number, and the highest place given by then. What ran there has to be taken up
   * before anything of the partition runs. An owner that died before it had taken up what ran changes the place only: the
   * number is still that of the one which ran it.
   */
  readonly died: { readonly member: number; readonly upTo: number } | null
}

/** Who is told of what changes in an engine's share. None of the calls may throw. */
export interface OwnershipListener {
  /** More partitions are owned. They are among `owned` already. */
  granted(grants: readonly Grant[]): void
  /** Partitions that another engine should have: they are to be retired, brought to rest, and released. */
  asked(partitions: readonly number[]): void
  /** Others accepted messages for this engine: for each flow the highest place up to now. May tell the same again. */
  handed(places: ReadonlyMap<string, number>): void
  /** Others have taken over: nothing that this engine does counts any more. Told once. */
  lost(error: LinkspanError): void
}

/** Messages that were accepted and have neither a wait nor an ending. */
export interface RunningCount {
  readonly flow: string
  readonly child: boolean
  readonly count: number
}

/** An engine that shares a journal. */
export interface ClusterMember {
  readonly member: number
  /** Its process and host. */
  readonly name: string
  /** Milliseconds since 1970, by the journal's clock. */
  readonly since: number
  readonly leaseUntil: number
  readonly state: 'live' | 'dead' | 'closed'
  /** Set when it was fenced: nothing that it does counts any more. A dead one may be so only soon. */
  readonly fenced?: true
  /** Whether it is the engine that was asked. */
  readonly self: boolean
  readonly partitions: readonly number[]
  /** The code version of each of its flows, by name. */
  readonly flows: Readonly<Record<string, string>>
  /** The present name, at this engine, of each name that one of its flows had before; absent where none was renamed. */
  readonly formerNames?: Readonly<Record<string, string>>
  /**
   * By how many milliseconds its machine's clock was ahead of the journal's when it last renewed its lease; behind, when
   * negative. Absent where the journal has no clock of its own.
   */
  readonly clockAheadMs?: number
}

/** A partition of a shared journal. */
export interface ClusterPartition {
  readonly partition: number
  /** The number of its owner; null when nobody owns it just now. */
  readonly owner: number | null
  /** How many messages wait in it, and the acceptance of the oldest (milliseconds since 1970). */
  readonly waiting: number
  readonly oldest: number | null
}

/** Who shares a journal, and what lies where. */
export interface ClusterSurvey {
  /** The journal's clock: milliseconds since 1970. */
  readonly now: number
  readonly members: readonly ClusterMember[]
  readonly partitions: readonly ClusterPartition[]
}
