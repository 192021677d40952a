import fc from 'fast-check'
import { expect, test } from 'vitest'
import { differenceLines, fieldDifferences } from './field-differences.ts'
import type { Json } from './library.ts'

test('names what was added, removed and changed by JSON Pointer', () => {
  expect(
    fieldDifferences({ a: 1, b: { c: [1, 2] }, gone: null }, { a: 1, b: { c: [1, 3, 4] }, 'x/y~z': true }),
  ).toEqual([
    { path: '/b/c/1', kind: 'changed', before: 2, after: 3 },
    { path: '/b/c/2', kind: 'added', before: null, after: 4 },
    { path: '/gone', kind: 'removed', before: null, after: null },
    { path: '/x~1y~0z', kind: 'added', before: null, after: true },
  ])
})

test('a value that turns into another kind is one change', () => {
  expect(fieldDifferences({ a: [1] }, { a: { 0: 1 } })).toEqual([
    { path: '/a', kind: 'changed', before: [1], after: { 0: 1 } },
  ])
})

test('equal values have no differences, others have some', () => {
  const json = fc.jsonValue() as fc.Arbitrary<Json>
  fc.assert(
    fc.property(json, json, (a, b) => {
      const copy = JSON.parse(JSON.stringify(a)) as Json
      expect(fieldDifferences(JSON.parse(JSON.stringify(a)), copy)).toEqual([])
      const same = JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
      expect(
        fieldDifferences(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b))).length === 0,
      ).toBe(same)
    }),
  )
})

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, sorted(v)]),
  )
}

test('lines show before and after, cut to the width', () => {
  const plain = (_tone: unknown, text: string): string => text
  const differences = fieldDifferences({ name: 'Ada' }, { name: 'Grace Hopper', at: 1 })
  expect(differenceLines(differences, plain, 16)).toEqual(['- /name "Ada"', '+ /name "Grace …', '+ /at 1'])
})
