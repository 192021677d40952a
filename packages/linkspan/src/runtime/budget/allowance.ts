import type { BudgetRules } from '../../model/budget.ts'

/**
 * What all engines together have taken of a budget: the value of one cell of engine state.
 *
 * Time is cut into slices, {@link SLICES} to a period. A start is taken for a slice and may be used in it and the next
 * one ({@link LIFE}), so the starts that can fall into a stretch of one period belong to `SLICES + LIFE` slices in a row:
 * as long as no such row has more than the rate, no such stretch has, whichever engine uses what it took when.
 */
export interface Allowance {
  /** How long a slice is, in milliseconds. */
  readonly slice: number
  /** Starts taken, by slice (counted from 1970). */
  readonly taken: readonly (readonly [slice: number, count: number])[]
  readonly day: readonly [day: number, count: number]
  /** Per engine: its places for calls under way, until when they count, how many it would use. */
  readonly engines: Readonly<Record<string, readonly [places: number, until: number, wanted: number]>>
  /** Nothing begins before this time: the system asked for that. */
  readonly heldUntil: number
  /** How many more starts the system allows until a time, by what it said last. */
  readonly left: readonly [count: number, until: number] | null
}

/** What one engine wants, and gives back. */
export interface Ask {
  readonly member: number
  readonly now: number
  /** When the answer will be there: the starts are taken for the slice of this time. */
  readonly at: number
  /** Starts that are waited for, and how many more would soon be used. */
  readonly demand: number
  readonly extra: number
  /** Starts that were taken and will never be used. */
  readonly back: readonly Back[]
  /** Calls under way, how many could be, and for how long a place is wanted. */
  readonly inUse: number
  readonly places: number
  readonly leaseMs: number
  /** What the system said: to begin nothing before, and how many more until when. */
  readonly hold: number
  readonly left: readonly [count: number, until: number] | null
}

/** Starts that are given back. */
export interface Back {
  readonly slice: number
  readonly day: number
  readonly count: number
}

/** What an engine has of a budget from now on. */
export interface Share {
  readonly starts: number
  readonly slice: number
  readonly day: number
  /** When the starts may be used: from, to exclusive. */
  readonly from: number
  readonly until: number
  readonly places: number
  readonly placesUntil: number
  /** There are fewer places than engines, and others wait: nothing more begins here until the next share. */
  readonly yields: boolean
  readonly heldUntil: number
  /** The first time at which more starts can be had than were given. */
  readonly next: number
  /** How many engines use the budget. */
  readonly engines: number
}

/** Into how many slices a period is cut. */
export const SLICES = 20
/** For how many slices a start can be used. */
export const LIFE = 2
/** An engine asks again after so long, so what others were told it knows by then. */
export const LOT_MS = 2_000

const ROW = SLICES + LIFE
const BURST_ROW = LIFE + 1
const PLAIN_SLICE_MS = 1_000
/** By how much the clocks that engines go by may differ. */
const TRUSTED_MS = 2_000
const PRESENT_MS = 10_000
const DAY_MS = 86_400_000

/** How long a slice of a budget is. */
export function sliceMs({ rate }: BudgetRules): number {
  return rate === null ? PLAIN_SLICE_MS : Math.ceil(rate.perMs / SLICES)
}

/** A budget that nobody has taken of. */
export function untouched(rules: BudgetRules): Allowance {
  return { slice: sliceMs(rules), taken: [], day: [0, 0], engines: {}, heldUntil: 0, left: null }
}

/** What becomes of a budget when an engine asks. */
export function allot(
  rules: BudgetRules,
  before: Allowance,
  ask: Ask,
): { readonly after: Allowance; readonly share: Share } {
  const length = sliceMs(rules)
  const slice = Math.floor(ask.at / length)
  const present = givenBack(current(before, length, slice, ask), ask)
  const heldUntil = Math.max(present.heldUntil, ask.hold)
  const left = sparser(present.left, ask)
  const others = Object.entries(present.engines).filter(([member]) => member !== String(ask.member))
  const engines = others.length + 1
  const day = Math.floor(ask.at / DAY_MS)
  const waits = heldUntil > ask.at || (rules.perDay !== null && present.day[0] > day)
  const free = waits ? 0 : freeAt(rules, { ...present, left }, slice)
  const spare = Math.min(ask.extra, Math.floor((free - ask.demand) / (2 * engines)))
  const starts = Math.min(free, ask.demand + Math.max(0, spare))
  const held = present.engines[ask.member]?.[0] ?? 0
  const { places, yields } = placesFor(
    rules,
    others.map(([, each]) => each),
    held,
    ask,
  )
  const placesUntil = ask.now + ask.leaseMs
  const taken = withTaken(present.taken, slice, starts)
  const after: Allowance = {
    slice: length,
    taken,
    day: [present.day[0], present.day[1] + starts],
    engines: {
      ...Object.fromEntries(others),
      [ask.member]: [places, Math.max(placesUntil, ask.now + PRESENT_MS), ask.places],
    },
    heldUntil,
    left: left && [left[0] - starts, left[1]],
  }
  const ends = Math.min((slice + LIFE) * length, (day + 1) * DAY_MS, ask.at + LOT_MS)
  const share: Share = {
    starts,
    slice,
    day: after.day[0],
    from: Math.max(slice * length, day * DAY_MS),
    until: ends,
    places,
    placesUntil,
    yields,
    heldUntil,
    next: nextFree(rules, after, slice),
    engines,
  }
  return { after, share }
}

/**
 * Without what no longer counts, also for engines whose clocks are behind by up to a period, or as much as clocks may be. When the slices are cut
 * differently now, what was taken counts from now on.
 */
function current(before: Allowance, length: number, slice: number, { now, at }: Ask): Allowance {
  const today = Math.floor(at / DAY_MS)
  const [day, used] = before.day
  const recut = before.slice !== length
  const total = before.taken.reduce((sum, [, count]) => sum + count, 0)
  const taken = recut
    ? total > 0
      ? [[slice, total] as const]
      : []
    : before.taken.filter(
        ([each]) => Math.abs(each - slice) < ROW + Math.max(ROW, Math.ceil(TRUSTED_MS / length)),
      )
  // For a clock that is behind the day of the others has begun, and it waits for it.
  const sameDay = day === today || day === today + 1
  return {
    ...before,
    taken,
    day: sameDay ? [day, used] : [today, 0],
    engines: Object.fromEntries(Object.entries(before.engines).filter(([, [, until]]) => until > now)),
    left: before.left !== null && before.left[1] > now ? before.left : null,
  }
}

function givenBack(present: Allowance, { back }: Ask): Allowance {
  const ofSlice = (slice: number): number => sumOf(back.filter((each) => each.slice === slice))
  const taken = present.taken.map(([slice, count]) => [slice, count - ofSlice(slice)] as const)
  const ofDay = sumOf(back.filter(({ day }) => day === present.day[0]))
  return {
    ...present,
    taken: taken.filter(([, count]) => count > 0),
    day: [present.day[0], Math.max(0, present.day[1] - ofDay)],
  }
}

function sumOf(counts: readonly { readonly count: number }[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0)
}

/** The narrower of what is known and what was said: answers may come in another order than they were made. */
function sparser(known: Allowance['left'], { left, now }: Ask): Allowance['left'] {
  if (left === null || left[1] <= now) return known
  return known === null || known[0] > left[0] || left[1] > known[1] + PLAIN_SLICE_MS ? left : known
}

function withTaken(taken: Allowance['taken'], slice: number, starts: number): Allowance['taken'] {
  if (starts === 0) return taken
  const had = taken.find(([each]) => each === slice)?.[1] ?? 0
  const rest = taken.filter(([each]) => each !== slice)
  return [...rest, [slice, had + starts] as const].sort(([one], [other]) => one - other)
}

/** How many starts can be taken for a slice. */
function freeAt(rules: BudgetRules, allowance: Allowance, slice: number): number {
  const byDay = rules.perDay === null ? Number.MAX_SAFE_INTEGER : rules.perDay - allowance.day[1]
  const bySystem = allowance.left === null ? Number.MAX_SAFE_INTEGER : allowance.left[0]
  return Math.max(0, Math.min(byRate(rules, allowance, slice), byDay, bySystem))
}

function byRate({ rate }: BudgetRules, { taken }: Allowance, slice: number): number {
  if (rate === null) return Number.MAX_SAFE_INTEGER
  // Slices after this one are those of engines whose clocks are ahead.
  const around = (row: number): number =>
    taken.reduce((sum, [each, count]) => (Math.abs(each - slice) < row ? sum + count : sum), 0)
  return Math.min(rate.starts - around(ROW), rate.burst - around(BURST_ROW))
}

/** When a start can be taken next, by what is known now. */
function nextFree(rules: BudgetRules, allowance: Allowance, slice: number): number {
  const { day, left, heldUntil, slice: length } = allowance
  const isSpent = rules.perDay !== null && day[1] >= rules.perDay
  const nextDay = rules.perDay === null ? 0 : (day[0] + (isSpent ? 1 : 0)) * DAY_MS
  const bySystem = left !== null && left[0] <= 0 ? left[1] : 0
  let next = slice
  while (byRate(rules, allowance, next) <= 0 && next < slice + 2 * ROW) next += 1
  return Math.max(next * length, nextDay, bySystem, heldUntil)
}

/**
 * How many calls an engine may have under way. While others wait it keeps no more than its part, as soon as what it has
 * under way allows that; and if there is not one for each, it gives up all that it has, so that they take turns.
 */
function placesFor(
  { concurrent }: BudgetRules,
  others: readonly (readonly [places: number, until: number, wanted: number])[],
  held: number,
  { inUse, places }: Ask,
): { readonly places: number; readonly yields: boolean } {
  if (concurrent === null) return { places, yields: false }
  const engines = others.length + 1
  const isWaitedFor = others.some(([count, , wanted]) => wanted > count)
  if (isWaitedFor && concurrent < engines && held > 0) return { places: Math.min(inUse, held), yields: true }
  const elsewhere = others.reduce((sum, [count]) => sum + count, 0)
  const most = isWaitedFor ? Math.max(Math.ceil(concurrent / engines), inUse) : concurrent
  return { places: Math.max(0, Math.min(places, most, concurrent - elsewhere)), yields: false }
}
