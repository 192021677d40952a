import fc from 'fast-check'
import { expect, it } from 'vitest'
import { callState } from '../calls/call-state.ts'
import type { Entry } from '../record.ts'
import { RecordIndex } from './record-index.ts'

const error = {
  name: 'x',
  code: 'CALL_FAILED',
  message: '',
  retry: 'later',
  applied: 'no',
  details: {},
  causes: [],
} as const

const entry: fc.Arbitrary<Entry> = fc.oneof(
  fc.record({
    t: fc.constant('done' as const),
    p: fc.constantFrom('a', 'b', 'c'),
    at: fc.nat(9),
    ms: fc.constant(1),
    g: fc.nat(3),
    i: fc.nat(9),
    r: fc.nat(9),
  }),
  fc.record({
    t: fc.constant('failed' as const),
    p: fc.constantFrom('a', 'b', 'c'),
    at: fc.nat(9),
    ms: fc.constant(1),
    g: fc.nat(3),
    i: fc.nat(9),
    e: fc.constant(error),
  }),
  fc.record({
    t: fc.constant('redelivered' as const),
    at: fc.nat(9),
    fresh: fc.constant(false),
    note: fc.constant(''),
  }),
)

it('tells of a place what going through the whole record does, also when that grows', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 120 }), fc.array(entry, { maxLength: 60 }), (first, more) => {
      const record = [...first]
      const index = new RecordIndex(record)
      for (const place of ['a', 'b'])
        expect(callState(index.at(place), place, 0)).toEqual(callState(record, place, 0))
      record.push(...more)
      for (const place of ['a', 'b', 'nowhere']) {
        expect(callState(index.at(place), place, 0)).toEqual(callState(record, place, 0))
        const last = (entries: readonly Entry[]) =>
          entries.findLast((each) => 'p' in each && each.p === place)
        expect(last(index.at(place))).toBe(last(record))
      }
    }),
  )
})
