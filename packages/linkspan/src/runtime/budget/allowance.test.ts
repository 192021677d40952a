import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { BudgetRules } from '../../model/budget.ts'
import { type Allowance, type Ask, allot, type Share, untouched } from './allowance.ts'

const DAY_MS = 86_400_000
const BEGIN = Date.UTC(2026, 0, 1, 23, 59)

const asking = (given: Partial<Ask> & { readonly now: number }): Ask => ({
  member: 1,
  at: given.now,
  demand: 1,
  extra: 0,
  back: [],
  inUse: 0,
  places: 0,
  leaseMs: 10_000,
  hold: 0,
  left: null,
  ...given,
})

/** What one engine does: waits, asks for starts, uses some of them somewhere in their time, and loses or gives back the rest. */
const move = fc.record({
  engine: fc.nat(2),
  afterMs: fc.nat(4_000),
  skewMs: fc.nat(1_500),
  demand: fc.nat(8),
  extra: fc.nat(8),
  /** Where in the time of the share each start is used, in thousandths; above 1,000 it is never used. */
  uses: fc.array(fc.nat(1_300), { maxLength: 16 }),
  dies: fc.boolean(),
})

const rules = fc
  .record({
    starts: fc.integer({ min: 1, max: 12 }),
    perMs: fc.integer({ min: 1_000, max: 20_000 }),
    burst: fc.integer({ min: 1, max: 12 }),
    perDay: fc.option(fc.integer({ min: 1, max: 40 })),
  })
  .map(
    ({ starts, perMs, burst, perDay }): BudgetRules => ({
      rate: { starts, perMs, burst: Math.min(starts, burst) },
      concurrent: null,
      perDay,
    }),
  )

type Move = typeof move extends fc.Arbitrary<infer M> ? M : never

/** When calls began, by playing the moves of engines that may be ahead of each other in time and die with what they hold. */
function play(budget: BudgetRules, moves: readonly Move[], engines: number, take: typeof allot): number[] {
  let allowance: Allowance = untouched(budget)
  let now = BEGIN
  const starts: number[] = []
  const unused = new Map<number, { slice: number; day: number; count: number }[]>()
  for (const { engine, afterMs, skewMs, demand, extra, uses, dies } of moves) {
    const member = engine % engines
    now += afterMs
    const { after, share } = take(
      budget,
      allowance,
      asking({ now, at: now + skewMs, member, demand, extra, back: unused.get(member) ?? [] }),
    )
    allowance = after
    const used = uses.slice(0, share.starts).filter((use) => use <= 1_000)
    for (const use of used) starts.push(within(share, use))
    const rest = share.starts - used.length
    unused.set(member, dies || rest === 0 ? [] : [{ slice: share.slice, day: share.day, count: rest }])
  }
  return starts.sort((one, other) => one - other)
}

const within = ({ from, until }: Share, thousandth: number): number =>
  Math.min(until - 1, from + Math.floor(((until - from) * thousandth) / 1_000))

/** The reference: the most starts in any stretch of a length, counted one by one. */
const mostWithin = (starts: readonly number[], ms: number): number =>
  Math.max(0, ...starts.map((from) => starts.filter((at) => at >= from && at < from + ms).length))

const mostPerDay = (starts: readonly number[]): number => {
  const days = Map.groupBy(starts, (at) => Math.floor(at / DAY_MS))
  return Math.max(0, ...[...days.values()].map(({ length }) => length))
}

function isKept(budget: BudgetRules, starts: readonly number[]): boolean {
  const rate = budget.rate as NonNullable<BudgetRules['rate']>
  return (
    mostWithin(starts, rate.perMs) <= rate.starts &&
    mostWithin(starts, rate.perMs / 20) <= rate.burst &&
    mostPerDay(starts) <= (budget.perDay ?? Number.POSITIVE_INFINITY)
  )
}

const plays = fc.tuple(rules, fc.array(move, { minLength: 10, maxLength: 60 }))

describe('the starts that engines take of a budget', () => {
  it.each([1, 3])('are never more than it allows, in any stretch of time, by %i engines', (engines) => {
    fc.assert(
      fc.property(plays, ([budget, moves]) => isKept(budget, play(budget, moves, engines, allot))),
      { numRuns: 500 },
    )
  })

  it('are counted also where another engine, whose clock is ahead by longer than a period, has asked meanwhile', () => {
    const budget: BudgetRules = {
      rate: { starts: 1, perMs: 1_000, burst: 1 },
      concurrent: null,
      perDay: null,
    }
    const first = allot(budget, untouched(budget), asking({ now: BEGIN }))
    const ahead = allot(budget, first.after, asking({ now: BEGIN + 707, at: BEGIN + 2_200, demand: 0 }))
    const again = allot(budget, ahead.after, asking({ now: BEGIN + 707 }))
    expect([first.share.starts, again.share.starts]).toEqual([1, 0])
  })

  it('would be more if they were counted only while they can be used: the property notices', () => {
    const forgetful: typeof allot = (budget, before, ask) => {
      const slice = Math.floor(ask.at / before.slice)
      const taken = before.taken.filter(([each]) => Math.abs(each - slice) < 20)
      return allot(budget, { ...before, taken }, ask)
    }
    const found = fc.check(
      fc.property(plays, ([budget, moves]) => isKept(budget, play(budget, moves, 3, forgetful))),
      { numRuns: 3_000 },
    )
    expect(found.failed).toBe(true)
  })

  it('are at least ten of eleven of the rate in the long run', () => {
    const budget: BudgetRules = {
      rate: { starts: 60, perMs: 60_000, burst: 60 },
      concurrent: null,
      perDay: null,
    }
    let allowance = untouched(budget)
    let total = 0
    for (let now = BEGIN; now < BEGIN + 3_600_000; now += 500) {
      const { after, share } = allot(budget, allowance, asking({ now, demand: 100 }))
      allowance = after
      total += share.starts
    }
    expect(total).toBeGreaterThanOrEqual((60 * 60 * 10) / 11)
  })

  it('count on when the budget is stated otherwise', () => {
    const slow: BudgetRules = {
      rate: { starts: 10, perMs: 60_000, burst: 10 },
      concurrent: null,
      perDay: null,
    }
    const fast: BudgetRules = {
      rate: { starts: 10, perMs: 30_000, burst: 10 },
      concurrent: null,
      perDay: null,
    }
    const { after } = allot(slow, untouched(slow), asking({ now: BEGIN, demand: 8 }))
    expect(allot(fast, after, asking({ now: BEGIN, demand: 8 })).share.starts).toBe(2)
  })
})

describe('the places for calls under way', () => {
  const five: BudgetRules = { rate: null, concurrent: 5, perDay: null }
  const take = (allowance: Allowance, given: Partial<Ask> & { readonly now: number }) =>
    allot(five, allowance, asking(given))

  it('are never more than the budget has', () => {
    const first = take(untouched(five), { now: BEGIN, places: 4 })
    const second = take(first.after, { now: BEGIN, member: 2, places: 4 })
    expect([first.share.places, second.share.places]).toEqual([4, 1])
  })

  it('of an engine that died are free when its calls are over for sure', () => {
    const dead = take(untouched(five), { now: BEGIN, places: 5, leaseMs: 40_000 })
    expect(take(dead.after, { now: BEGIN + 39_999, member: 2, places: 5 }).share.places).toBe(0)
    expect(take(dead.after, { now: BEGIN + 40_000, member: 2, places: 5 }).share.places).toBe(5)
  })

  it('are shared by turns when others wait, but for those in use', () => {
    const first = take(untouched(five), { now: BEGIN, places: 4, inUse: 4 })
    const waiting = take(first.after, { now: BEGIN, member: 2, places: 5 })
    const again = take(waiting.after, { now: BEGIN, places: 5, inUse: 4 })
    const free = take(again.after, { now: BEGIN, places: 5, inUse: 0 })
    expect([waiting.share.places, again.share.places, free.share.places]).toEqual([1, 4, 3])
    expect(take(free.after, { now: BEGIN, member: 2, places: 5 }).share.places).toBe(2)
  })
})

describe('what the system said', () => {
  const plain: BudgetRules = { rate: null, concurrent: null, perDay: null }

  it('holds back every engine until its time', () => {
    const told = allot(plain, untouched(plain), asking({ now: BEGIN, demand: 0, hold: BEGIN + 5_000 }))
    const other = allot(plain, told.after, asking({ now: BEGIN + 1, member: 2, demand: 3 }))
    expect([other.share.starts, other.share.next]).toEqual([0, BEGIN + 5_000])
    expect(allot(plain, other.after, asking({ now: BEGIN + 5_000, member: 2, demand: 3 })).share.starts).toBe(
      3,
    )
  })

  it('bounds what all engines may still begin', () => {
    const left = [4, BEGIN + 60_000] as const
    const told = allot(plain, untouched(plain), asking({ now: BEGIN, demand: 3, left }))
    const other = allot(plain, told.after, asking({ now: BEGIN, member: 2, demand: 3 }))
    expect([told.share.starts, other.share.starts]).toEqual([3, 1])
  })
})
