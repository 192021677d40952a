import fc from 'fast-check'
import { expect, it } from 'vitest'
import { reserveSlot, type Slots } from './slots.ts'

/** Gives slots to arrivals, one after the other. */
function slotsOf(arrivals: readonly number[], most: number, perMs: number) {
  let slots: Slots | null = null
  let largest = 0
  const given = arrivals.map((at) => {
    const next = reserveSlot(slots, { most, perMs, at })
    slots = JSON.parse(JSON.stringify(next.slots))
    largest = Math.max(largest, next.slots.runs.length)
    return next.slot
  })
  return { given, largest }
}

/** The reference: every slot is remembered for good. */
function exact(arrivals: readonly number[], most: number, perMs: number): readonly number[] {
  const given: number[] = []
  for (const at of arrivals) {
    const before = given.at(-most)
    const bound = given.length < most || before === undefined ? at : before + perMs
    given.push(Math.max(at, given.at(-1) ?? at, bound))
  }
  return given
}

const gaps = fc.array(
  fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2_000 })),
  {
    maxLength: 200,
  },
)
const times = (between: readonly number[]): number[] => {
  let at = 1_700_000_000_000
  return between.map((gap) => {
    at += gap
    return at
  })
}

it('gives each arrival the slot that remembering all of them would give (any arrivals, up to 128)', () => {
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 128 }),
      fc.integer({ min: 1, max: 3_000 }),
      (between, most, perMs) => {
        const arrivals = times(between)
        expect(slotsOf(arrivals, most, perMs).given).toEqual(exact(arrivals, most, perMs))
      },
    ),
  )
})

it('above it never gives more, and gives hardly fewer, in a state that stays small', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 400, maxLength: 900 }),
      fc.integer({ min: 129, max: 250 }),
      (between, most) => {
        const arrivals = times(between)
        const perMs = 1_000
        const { given, largest } = slotsOf(arrivals, most, perMs)
        for (const [at, slot] of given.entries())
          if (at >= most) expect(slot - (given[at - most] as number)).toBeGreaterThanOrEqual(perMs)
        const last = exact(arrivals, most, perMs).at(-1) as number
        const rounds = Math.ceil(given.length / most)
        expect((given.at(-1) as number) - last).toBeLessThanOrEqual(rounds * Math.ceil(perMs / 128))
        expect(largest).toBeLessThanOrEqual(130)
      },
    ),
    { numRuns: 30 },
  )
})

it('lets through at once what is under the budget, whatever the rounding', () => {
  const arrivals = Array.from({ length: 1_000 }, (_, n) => 1_000 + n)
  expect(slotsOf(arrivals, 1_000, 60_000).given).toEqual(arrivals)
})
