import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromText, toText } from './text.ts'

const awkward = fc.string({
  unit: fc.constantFrom('\u0000', '\u0001', '\u0002', 'a', 'é', '🗻'),
  maxLength: 8,
})

test('any text comes back as it was, and what is stored has no NUL', () => {
  fc.assert(
    fc.property(awkward, (value) => {
      expect(toText(value)).not.toContain('\u0000')
      expect(fromText(toText(value))).toBe(value)
    }),
    { numRuns: 2000 },
  )
})

test('the order of bytes stays, so that lists are in the order of their keys', () => {
  const order = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)))
  fc.assert(
    fc.property(awkward, awkward, (a, b) => {
      expect(order(toText(a), toText(b))).toBe(order(a, b))
    }),
    { numRuns: 2000 },
  )
})
