import type { CellChange, CellChanged, Pass, Sleeper } from '../pattern.ts'
import { type StoredSleeper, storedSleeper } from './stored-sleeper.ts'

/** A message of a batch, with its place in the order. */
type InBatch = { readonly place: number; readonly sleeper: StoredSleeper }

/** The batch that is being gathered, and who is to go on of those that are complete, in order. */
type BatchCell = {
  readonly since: number | null
  readonly gathering: readonly InBatch[]
  readonly going: readonly InBatch[]
}

/** What a message finds when it looks whether it is its turn. */
export type BatchTurn = {
  readonly did: 'goes' | 'waits' | 'twice'
  readonly at: number
  readonly until: number
  /** Who is to look now. */
  readonly wake: StoredSleeper | null
}

/** The rules of batches. */
export interface BatchRules {
  readonly size: number
  readonly timeoutMs: number
  readonly reverse: boolean
  /** Whether two of a batch may have the same place. */
  readonly twice: 'fail' | 'filter' | 'pass'
}

/** How often who waits for others looks whether they are still alive. */
const LOOK_AGAIN_MS = 60_000

const NONE: BatchCell = { since: null, gathering: [], going: [] }

/**
 * Takes a message into the batch, or looks whether it goes on: a batch is complete with its last message or when its time is over,
 * and its messages go on in order, each waking the next, behind those of the batches before.
 */
export function takePlace(
  place: number,
  sleeper: Sleeper,
  rules: BatchRules,
  endingOf: Pass['endingOf'],
): CellChange<BatchTurn> {
  return async (present, at) => {
    const before = (present as BatchCell | null) ?? NONE
    const due = closed(before, rules, at)
    const isIn = [...due.gathering, ...due.going].some(isOf(sleeper))
    if (!isIn && rules.twice !== 'pass' && due.gathering.some((other) => other.place === place))
      return { result: { did: 'twice', at, until: at, wake: null } }
    const joined = isIn ? due : added(due, { place, sleeper: storedSleeper(sleeper) }, at)
    const { since, gathering, going } = closed(joined, rules, at)
    const left = await alive(going, sleeper, endingOf)
    const [first, second] = left
    if (first !== undefined && isOf(sleeper)(first))
      return changed({ since, gathering, going: left.slice(1) }, 'goes', at, at, second)
    const cell = { since, gathering, going: left }
    // Who was first before has been woken for that.
    const isNew = first !== undefined && first.sleeper.id !== before.going[0]?.sleeper.id
    return changed(cell, 'waits', at, lookAt(cell, sleeper, rules, at), isNew ? first : undefined)
  }
}

/** The first of a batch sees to its time. The others look later, for the case that the first does not come. */
function lookAt({ since, gathering }: BatchCell, sleeper: Sleeper, rules: BatchRules, at: number): number {
  if (since === null || !gathering.some(isOf(sleeper))) return at + LOOK_AGAIN_MS
  const [first] = gathering
  const due = since + rules.timeoutMs
  return first !== undefined && isOf(sleeper)(first) ? due : due + LOOK_AGAIN_MS
}

function added(cell: BatchCell, member: InBatch, at: number): BatchCell {
  return { ...cell, since: cell.since ?? at, gathering: [...cell.gathering, member] }
}

/** Puts a batch that is complete behind those before it. */
function closed(cell: BatchCell, { size, timeoutMs, reverse }: BatchRules, at: number): BatchCell {
  const { since, gathering, going } = cell
  if (since === null || (gathering.length < size && at < since + timeoutMs)) return cell
  const sign = reverse ? -1 : 1
  const sorted = gathering.toSorted((a, b) => sign * (a.place - b.place))
  return { since: null, gathering: [], going: [...going, ...sorted] }
}

/** Who is first and has ended without going on is waited for no longer. */
async function alive(
  going: readonly InBatch[],
  mine: Sleeper,
  endingOf: Pass['endingOf'],
): Promise<readonly InBatch[]> {
  let left = going
  while (left[0] !== undefined && left[0].sleeper.id !== mine.id) {
    if ((await endingOf(left[0].sleeper.id)) === 'live') return left
    left = left.slice(1)
  }
  return left
}

function changed(
  cell: BatchCell,
  did: BatchTurn['did'],
  at: number,
  until: number,
  next: InBatch | undefined,
): CellChanged<BatchTurn> {
  const isEmpty = cell.gathering.length === 0 && cell.going.length === 0
  return { value: isEmpty ? null : cell, result: { did, at, until, wake: next?.sleeper ?? null } }
}

function isOf(sleeper: Sleeper): (other: InBatch) => boolean {
  return (other) => other.sleeper.id === sleeper.id
}
