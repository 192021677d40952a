import type { Json } from '../../model/message.ts'
import type { CellChange, Sleeper } from '../pattern.ts'

/** What made a group complete. */
export type CompletedBy = 'size' | 'when' | 'last' | 'timeout' | 'maxAge'

/** When a group is complete by itself, in milliseconds, and how long its key is closed after that. */
export interface GroupTimes {
  /** Since its last member. */
  readonly timeoutMs: number | null
  /** Since its first member. */
  readonly maxAgeMs: number | null
  readonly closedMs: number | null
}

/** A message that is to be counted in. */
export interface Member {
  readonly sleeper: Sleeper
  /** The value with this member; `null` stands for a group that has none yet. */
  readonly fold: (before: { readonly value: Json } | null) => Json
  /** Whether it completes the group that it is now in, and why. */
  readonly completes: (group: {
    readonly value: Json
    readonly count: number
    readonly since: number
  }) => CompletedBy | null
}

/** A group that is complete. An alias, as an interface is not plain data to the compiler. */
export type CompleteGroup = {
  readonly value: Json
  readonly count: number
  readonly since: number
  readonly at: number
  readonly by: CompletedBy
}

type StoredSleeper = Pick<Sleeper, keyof Sleeper>

/** What became of a member, or of its leader's look. */
export type GroupAnswer =
  | { readonly did: 'joined' }
  | { readonly did: 'leads'; readonly until: number; readonly wake: StoredSleeper | null }
  | { readonly did: 'complete'; readonly group: CompleteGroup; readonly wake: StoredSleeper | null }
  | { readonly did: 'late'; readonly closedAt: number }
  | { readonly did: 'over' }

/** The members so far; the leader is who waits for the group's time. */
interface OpenGroup {
  readonly value: Json
  readonly count: number
  readonly first: number
  readonly last: number
  readonly leader: StoredSleeper | null
  /** How often the leader has looked. */
  readonly looks: number
}

type GroupCell = OpenGroup | { readonly closedAt: number }

type Changed = ReturnType<CellChange<GroupAnswer>>

/**
 * How often a leader looks before a later member takes its place: each look stays on its record, and a group that
 * always gets one more member in time may last for months.
 */
const LOOKS = 16

/** Counts a message in: it is one of many, leads the group, or completes it. */
export function join(member: Member, times: GroupTimes): CellChange<GroupAnswer> {
  return (present, at) => {
    const cell = present as GroupCell | null
    if (cell !== null && 'closedAt' in cell) return { result: { did: 'late', closedAt: cell.closedAt } }
    const group: OpenGroup = {
      value: member.fold(cell),
      count: (cell?.count ?? 0) + 1,
      first: cell?.first ?? at,
      last: at,
      leader: cell?.leader ?? null,
      looks: cell?.looks ?? 0,
    }
    const { value, count, first } = group
    const by = member.completes({ value, count, since: first }) ?? (isDue(group, times, at) ? 'maxAge' : null)
    if (by !== null) return completed(group, by, at, times, other(group.leader, member.sleeper))
    const isLate = cell !== null && isDue(cell, times, at)
    return counted(group, member.sleeper, times, isLate)
  }
}

/** Looks whether a group's time has come, for the message that leads it. */
export function look(sleeper: Sleeper, times: GroupTimes): CellChange<GroupAnswer> {
  return (present, at) => {
    const cell = present as GroupCell | null
    if (cell === null || 'closedAt' in cell || cell.leader?.id !== sleeper.id)
      return { result: { did: 'over' } }
    if (isDue(cell, times, at)) {
      const by = at >= oldAt(cell, times) ? 'maxAge' : 'timeout'
      return completed(cell, by, at, times, null)
    }
    const result = { did: 'leads', until: dueAt(cell, times), wake: null } as const
    return { value: stored({ ...cell, looks: cell.looks + 1 }), result }
  }
}

/** A leader that is overdue may be a dead letter or dropped, so who comes then leads. */
function counted(group: OpenGroup, sleeper: Sleeper, times: GroupTimes, isLate: boolean): Changed {
  const { leader, looks } = group
  const until = dueAt(group, times)
  const leads = until !== Number.POSITIVE_INFINITY && (leader === null || isLate || looks >= LOOKS)
  if (!leads && leader?.id !== sleeper.id) return { value: stored(group), result: { did: 'joined' } }
  const wake = other(leader, sleeper)
  return {
    value: stored({ ...group, leader: plain(sleeper), looks: 0 }),
    result: { did: 'leads', until, wake },
  }
}

function completed(
  { value, count, first }: OpenGroup,
  by: CompletedBy,
  at: number,
  { closedMs }: GroupTimes,
  wake: StoredSleeper | null,
): Changed {
  const result = { did: 'complete', group: { value, count, since: first, at, by }, wake } as const
  return closedMs === null
    ? { value: null, result }
    : { value: stored({ closedAt: at }), until: at + closedMs, result }
}

function idleAt({ last }: OpenGroup, { timeoutMs }: GroupTimes): number {
  return timeoutMs === null ? Number.POSITIVE_INFINITY : last + timeoutMs
}

function oldAt({ first }: OpenGroup, { maxAgeMs }: GroupTimes): number {
  return maxAgeMs === null ? Number.POSITIVE_INFINITY : first + maxAgeMs
}

function dueAt(group: OpenGroup, times: GroupTimes): number {
  return Math.min(idleAt(group, times), oldAt(group, times))
}

function isDue(group: OpenGroup, times: GroupTimes, at: number): boolean {
  return at >= dueAt(group, times)
}

function other(leader: StoredSleeper | null, sleeper: Sleeper): StoredSleeper | null {
  return leader === null || leader.id === sleeper.id ? null : leader
}

function plain({ id, seq, flow, partition }: Sleeper): StoredSleeper {
  return { id, seq, flow, partition }
}

function stored(cell: GroupCell): Json {
  return cell as unknown as Json
}
