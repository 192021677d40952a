import type { Json } from '../../model/message.ts'
import type { CellChange, CellChanged, Pass, Sleeper } from '../pattern.ts'

type StoredSleeper = Pick<Sleeper, keyof Sleeper>

/** Who is in, by id, and who waits to be woken, in the order in which they came. */
type PlacesCell = {
  readonly in: readonly string[]
  readonly waiting: readonly StoredSleeper[]
  /** When the last of those looks again for whom there was no room to wait. */
  readonly line: number
  /** When it was last looked who of those that are in has ended. */
  readonly looked: number
}

/** What a message finds that asks for a place. */
export type Place = {
  readonly did: 'let' | 'waits'
  readonly at: number
  /** When it looks again, if nobody wakes it before. */
  readonly until: number
  /** Who has a place now that waited for it. */
  readonly wake: readonly StoredSleeper[]
  /** How many are in. */
  readonly taken: number
}

/** How many wait to be woken; others look again by themselves, as many in a second. */
export const WAITING_MOST = 256
/** How long one sleeps that nobody wakes: who was to do so may have ended without a word. */
const LOOK_AGAIN_MS = 30_000
/** How often it is looked, at most, whether those that are in have ended. */
const LOOK_EVERY_MS = 1_000

/** Asks for one of `most` places. One that has a place has it still, and one that waits keeps its rank. */
export function askForPlace(sleeper: Sleeper, most: number, endingOf: Pass['endingOf']): CellChange<Place> {
  return async (present, at) => {
    const stored = (present as PlacesCell | null) ?? EMPTY
    const cell = await withoutEnded(stored, sleeper.id, most, at, endingOf)
    const { next, wake } = filled(cell, most)
    const others = wake.filter(({ id }) => id !== sleeper.id)
    if (next.in.includes(sleeper.id)) return placed(next, 'let', at, at, others)
    const isFree = next.in.length < most && next.waiting.length === 0
    if (isFree) return placed({ ...next, in: [...next.in, sleeper.id] }, 'let', at, at, others)
    return waits(next, sleeper, at, others)
  }
}

/** Gives a place back; whoever waits longest has it. */
export function givePlaceBack(id: string, most: number): CellChange<Place> {
  return (present, at) => {
    const cell = (present as PlacesCell | null) ?? EMPTY
    const { next, wake } = filled({ ...cell, in: cell.in.filter((other) => other !== id) }, most)
    return placed(next, 'let', at, at, wake)
  }
}

const EMPTY: PlacesCell = { in: [], waiting: [], line: 0, looked: 0 }

function waits(
  cell: PlacesCell,
  sleeper: Sleeper,
  at: number,
  wake: readonly StoredSleeper[],
): CellChanged<Place> {
  const { waiting } = cell
  if (waiting.some(({ id }) => id === sleeper.id)) return placed(cell, 'waits', at, at + LOOK_AGAIN_MS, wake)
  if (waiting.length < WAITING_MOST)
    return placed({ ...cell, waiting: [...waiting, plain(sleeper)] }, 'waits', at, at + LOOK_AGAIN_MS, wake)
  const line = Math.max(at + LOOK_EVERY_MS, cell.line + Math.ceil(1_000 / WAITING_MOST))
  return placed({ ...cell, line }, 'waits', at, line, wake)
}

/** Where there is no place, those that ended without a word have none. */
async function withoutEnded(
  cell: PlacesCell,
  id: string,
  most: number,
  at: number,
  endingOf: Pass['endingOf'],
): Promise<PlacesCell> {
  if (cell.in.length < most || cell.in.includes(id) || at < cell.looked + LOOK_EVERY_MS) return cell
  const endings = await Promise.all(cell.in.map(endingOf))
  return { ...cell, looked: at, in: cell.in.filter((_other, index) => endings[index] === 'live') }
}

function filled(
  cell: PlacesCell,
  most: number,
): { readonly next: PlacesCell; readonly wake: readonly StoredSleeper[] } {
  const free = Math.max(0, most - cell.in.length)
  const wake = cell.waiting.slice(0, free)
  if (wake.length === 0) return { next: cell, wake }
  const inNow = [...cell.in, ...wake.map(({ id }) => id)]
  return { next: { ...cell, in: inNow, waiting: cell.waiting.slice(free) }, wake }
}

function placed(
  cell: PlacesCell,
  did: Place['did'],
  at: number,
  until: number,
  wake: readonly StoredSleeper[],
): CellChanged<Place> {
  const isEmpty = cell.in.length === 0 && cell.waiting.length === 0 && cell.line <= at
  const value: Json | null = isEmpty ? null : cell
  return { value, result: { did, at, until, wake, taken: cell.in.length } }
}

function plain({ id, seq, flow, partition }: Sleeper): StoredSleeper {
  return { id, seq, flow, partition }
}
