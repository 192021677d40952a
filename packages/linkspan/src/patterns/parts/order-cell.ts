import type { Json } from '../../model/message.ts'
import type { CellChange, CellChanged, Pass, Sleeper } from '../pattern.ts'
import { type StoredSleeper, storedSleeper } from './stored-sleeper.ts'

/** A message that waits for those before it, until its time. */
type Waiting = { readonly place: number; readonly until: number; readonly sleeper: StoredSleeper }

/** How far a sequence is: the place that goes on next, null while nothing has, and who waits. */
type OrderCell = { readonly next: number | null; readonly waiting: readonly Waiting[] }

/** What a message finds when it looks whether it is its turn. */
export type Turn = {
  readonly did: 'goes' | 'late' | 'waits'
  readonly at: number
  /** Until when it waits. */
  readonly until: number
  /** The place before which it comes too late. */
  readonly next: number | null
  /** Who is to look now. */
  readonly wake: StoredSleeper | null
}

/** The rules of a sequence. */
export interface OrderRules {
  readonly first: number | null
  readonly timeoutMs: number
  readonly capacity: number
  readonly forMs: number | null
}

/**
 * Looks whether a message's turn has come: it is the next, or those before it are waited for no longer, as somebody
 * waited for his time or too many wait. Then the one with the lowest place goes first.
 */
export function takeTurn(
  place: number,
  sleeper: Sleeper,
  rules: OrderRules,
  endingOf: Pass['endingOf'],
): CellChange<Turn> {
  return async (present, at) => {
    const { next, waiting } = (present as OrderCell | null) ?? { next: rules.first, waiting: [] }
    const others = waiting.filter((other) => other.sleeper.id !== sleeper.id)
    const before = waiting.find((other) => other.sleeper.id === sleeper.id)
    const mine = before ?? { place, until: at + rules.timeoutMs, sleeper: storedSleeper(sleeper) }
    if (next !== null && place < next) return left({ next, waiting: others }, 'late', at, rules)
    if (place === next) return left({ next: place + 1, waiting: others }, 'goes', at, rules)
    // One keeps its rank among those of its place, or two of them would send each other ahead for ever.
    const all = before ? waiting : sorted([...waiting, mine])
    const queue = await alive(all, mine, rules, at, endingOf)
    const isOver = isGapOver(queue, rules, at)
    if (isOver && queue[0] === mine)
      return left({ next: place + 1, waiting: queue.slice(1) }, 'goes', at, rules)
    const until = mine.until > at ? mine.until : at + rules.timeoutMs
    const wake = isOver ? (queue[0]?.sleeper ?? null) : null
    return { value: stored({ next, waiting: queue }), result: { did: 'waits', at, until, next, wake } }
  }
}

/** Who is before a message when its time is over, and has ended without going on, is waited for no longer. */
async function alive(
  queue: readonly Waiting[],
  mine: Waiting,
  rules: OrderRules,
  at: number,
  endingOf: Pass['endingOf'],
): Promise<readonly Waiting[]> {
  let left = queue
  while (left[0] !== undefined && left[0] !== mine && isGapOver(left, rules, at)) {
    if ((await endingOf(left[0].sleeper.id)) === 'live') return left
    left = left.slice(1)
  }
  return left
}

/** Goes on, or is too late: whoever may be the next one is woken. */
function left(cell: OrderCell, did: 'goes' | 'late', at: number, rules: OrderRules): CellChanged<Turn> {
  const { next, waiting } = cell
  const [first] = waiting
  const mayGo = first !== undefined && (first.place <= (next as number) || isGapOver(waiting, rules, at))
  return {
    value: stored(cell),
    until: waiting.length === 0 && rules.forMs !== null ? at + rules.forMs : null,
    result: { did, at, until: at, next, wake: mayGo ? first.sleeper : null },
  }
}

function isGapOver(waiting: readonly Waiting[], { capacity }: OrderRules, at: number): boolean {
  return waiting.length > capacity || waiting.some(({ until }) => until <= at)
}

function sorted(waiting: readonly Waiting[]): readonly Waiting[] {
  return waiting.toSorted((a, b) => a.place - b.place)
}

function stored(cell: OrderCell): Json {
  return cell
}
