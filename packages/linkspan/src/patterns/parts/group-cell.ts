import type { Json } from '../../model/message.ts'
import { type CellAlong, type CellChange, type CellChanged, NEVER_MS, type Sleeper } from '../pattern.ts'
import { type StoredSleeper, storedSleeper } from './stored-sleeper.ts'

/** What made a group complete. */
export type CompletedBy = 'size' | 'when' | 'last' | 'timeout' | 'maxAge' | 'interval' | 'forced'

/** When a group is complete by itself, in milliseconds, and how long its key is closed after that. */
export interface GroupTimes {
  /** Since its last member. */
  readonly timeoutMs: number | null
  /** Since its first member. */
  readonly maxAgeMs: number | null
  /** At the multiples of it, counted from 1970. */
  readonly intervalMs: number | null
  readonly closedMs: number | null
}

/** A group as a member finds it. */
export interface Gathered {
  readonly value: Json
  readonly count: number
}

/** What a member makes of a group, and the cells that are put with that. */
export interface Folded {
  readonly value: Json
  readonly along: readonly CellAlong[]
}

/** A message that is to be counted in. */
export interface Member {
  readonly sleeper: Sleeper
  /** Whether somebody waits for this message to end, as a parent for its child: it leads no group that may never be complete. */
  readonly isAwaited: boolean
  /** The group with this member, at the engine's time; `null` stands for one that has none yet. */
  readonly fold: (before: Gathered | null, at: number) => Folded
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

/** What became of a member, or of its leader's look. */
export type GroupAnswer =
  | { readonly did: 'joined' }
  | { readonly did: 'leads'; readonly until: number; readonly wake: StoredSleeper | null }
  | { readonly did: 'complete'; readonly group: CompleteGroup; readonly wake: StoredSleeper | null }
  | { readonly did: 'late'; readonly closedAt: number }
  | { readonly did: 'over' }

/** What became of a group that was to be completed from outside: who is to be woken, when anybody is. */
export type Forced = { readonly did: 'forced' | 'nothing'; readonly wake: StoredSleeper | null }

/** The members so far; the leader is who waits until the group is complete. */
interface OpenGroup {
  readonly value: Json
  readonly count: number
  readonly first: number
  readonly last: number
  readonly leader: StoredSleeper | null
  /** How often the leader has looked. */
  readonly looks: number
  /** When it was asked for from outside that it be complete. */
  readonly forcedAt?: number | null
}

type GroupCell = OpenGroup | { readonly closedAt: number }

type Changed = CellChanged<GroupAnswer>

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
    const { value, along } = member.fold(cell, at)
    const group: OpenGroup = {
      value,
      count: (cell?.count ?? 0) + 1,
      first: cell?.first ?? at,
      last: at,
      leader: cell?.leader ?? null,
      looks: cell?.looks ?? 0,
      forcedAt: cell?.forcedAt ?? null,
    }
    const { count, first } = group
    const by = member.completes({ value, count, since: first }) ?? dueBy(group, times, at)
    if (by !== null) return { ...completed(group, by, at, times, other(group.leader, member.sleeper)), along }
    const isLate = cell !== null && dueBy(cell, times, at) !== null
    return { ...counted(group, member, times, isLate), along }
  }
}

/** Looks whether a group's time has come, for the message that leads it. */
export function look(sleeper: Sleeper, times: GroupTimes): CellChange<GroupAnswer> {
  return (present, at) => {
    const cell = present as GroupCell | null
    if (cell === null || 'closedAt' in cell || cell.leader?.id !== sleeper.id)
      return { result: { did: 'over' } }
    const by = dueBy(cell, times, at)
    if (by !== null) return completed(cell, by, at, times, null)
    const result = { did: 'leads', until: dueAt(cell, times), wake: null } as const
    return { value: stored({ ...cell, looks: cell.looks + 1 }), result }
  }
}

/**
 * Has a group completed that had begun by a time: its leader finds it so when it is woken. One that was asked for before is
 * not asked for again, but its leader is woken, as who asked may have died before that.
 */
export function force(since: number): CellChange<Forced> {
  return (present, at) => {
    const cell = present as GroupCell | null
    if (cell === null || 'closedAt' in cell || cell.first > since)
      return { result: { did: 'nothing', wake: null } }
    const result = { did: 'forced', wake: cell.leader } as const
    return cell.forcedAt == null ? { value: stored({ ...cell, forcedAt: at }), result } : { result }
  }
}

/** Whether a cell is that of a group which was asked to be complete and has not gone on. */
export function isForced(cell: Json): boolean {
  return (cell as unknown as Partial<OpenGroup>).forcedAt != null
}

/** A leader that is overdue may be a dead letter or dropped, so who comes then leads. */
function counted(
  group: OpenGroup,
  { sleeper, isAwaited }: Member,
  times: GroupTimes,
  isLate: boolean,
): Changed {
  const { leader, looks } = group
  const until = dueAt(group, times)
  const mayLead = until < NEVER_MS || !isAwaited
  const leads = mayLead && (leader === null || isLate || looks >= LOOKS)
  if (!leads && leader?.id !== sleeper.id) return { value: stored(group), result: { did: 'joined' } }
  const wake = other(leader, sleeper)
  return {
    value: stored({ ...group, leader: storedSleeper(sleeper), looks: 0 }),
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

/** When something makes a group complete by itself, the weightiest first. */
function bounds(
  { first, last, forcedAt }: OpenGroup,
  { timeoutMs, maxAgeMs, intervalMs }: GroupTimes,
): readonly (readonly [by: CompletedBy, at: number | null])[] {
  return [
    ['forced', forcedAt ?? null],
    ['maxAge', maxAgeMs === null ? null : first + maxAgeMs],
    ['interval', intervalMs === null ? null : (Math.floor(first / intervalMs) + 1) * intervalMs],
    ['timeout', timeoutMs === null ? null : last + timeoutMs],
  ]
}

function dueAt(group: OpenGroup, times: GroupTimes): number {
  return Math.min(NEVER_MS, ...bounds(group, times).map(([, at]) => at ?? NEVER_MS))
}

function dueBy(group: OpenGroup, times: GroupTimes, now: number): CompletedBy | null {
  return bounds(group, times).find(([, at]) => at !== null && at <= now)?.[0] ?? null
}

function other(leader: StoredSleeper | null, sleeper: Sleeper): StoredSleeper | null {
  return leader === null || leader.id === sleeper.id ? null : leader
}

function stored(cell: GroupCell): Json {
  return cell as unknown as Json
}
