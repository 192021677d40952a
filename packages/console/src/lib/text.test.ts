import { expect, it } from 'vitest'
import { count, duration, rate, share, visible } from './text.ts'

it.each([
  [0.2, '<1 ms'],
  [12.4, '12 ms'],
  [3_440, '3.4 s'],
  [59_000, '59 s'],
  [7 * 60_000, '7 min'],
  [3 * 3_600_000, '3 h'],
  [80 * 3_600_000, '3 d'],
])('%d ms are told as %s', (ms, text) => {
  expect(duration(ms)).toBe(text)
})

it('tells numbers so that they can be read', () => {
  expect([1_234_567, 999, 0].map(count)).toEqual(['1 234 567', '999', '0'])
  expect([0, 0.04, 3.21, 1_500].map(rate)).toEqual(['0', '<0.1', '3.2', '1 500'])
  expect([0, 0.000_5, 0.021, 0.5].map(share)).toEqual(['0 %', '<0.1 %', '2.1 %', '50 %'])
})

it('shows marks that turn text around, or hide in it', () => {
  expect(visible('pay \u202e001\u202c\u0000 me')).toBe('pay \\u202e001\\u202c\\u0000 me')
  expect(visible('שלום\n\tx')).toBe('שלום\n\tx')
})
