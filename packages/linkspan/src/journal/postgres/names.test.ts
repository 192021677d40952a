import { expect, test } from 'vitest'
import { codeOf, digestOf } from './names.ts'

test('a name has a number that everyone finds alone, and that a double can hold', () => {
  expect(codeOf('orders')).toBe(codeOf('orders'))
  const codes = Array.from({ length: 5000 }, (_, i) => codeOf(`flow ${i}`))
  expect(new Set(codes).size).toBe(5000)
  expect(codes.every((code) => Number.isSafeInteger(code) && code >= 0 && code < 2 ** 52)).toBe(true)
  expect(Math.max(...codes)).toBeGreaterThan(2 ** 51)
})

test('a pair of texts has a digest of its own, wherever it is cut', () => {
  const pairs = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['', 'abc'],
    ['abc', ''],
    ['1:a', ''],
  ] as const
  const digests = pairs.map(([scope, key]) => digestOf(scope, key).toString('hex'))
  expect(new Set(digests).size).toBe(pairs.length)
  expect(digests[0]).toHaveLength(32)
})
