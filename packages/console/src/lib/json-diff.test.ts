import { expect, it } from 'vitest'
import { fieldChanges } from './json-diff.ts'

it('names what was added, removed and changed', () => {
  const before = { a: 1, b: { c: [1, 2, 3] }, gone: null, same: { deep: [true] } }
  const after = { a: 2, b: { c: [1, 9] }, same: { deep: [true] }, 'new/er~': 'x' }
  expect(fieldChanges(before, after)).toEqual([
    { path: '/a', kind: 'changed', before: 1, after: 2 },
    { path: '/b/c/1', kind: 'changed', before: 2, after: 9 },
    { path: '/b/c/2', kind: 'removed', before: 3, after: undefined },
    { path: '/gone', kind: 'removed', before: null, after: undefined },
    { path: '/new~1er~0', kind: 'added', before: undefined, after: 'x' },
  ])
})

it('does not take a list for an object, nor null for one', () => {
  expect(fieldChanges([1], { 0: 1 })).toEqual([{ path: '', kind: 'changed', before: [1], after: { 0: 1 } }])
  expect(fieldChanges(null, {})).toEqual([{ path: '', kind: 'changed', before: null, after: {} }])
})

it('takes no field for one of every object', () => {
  expect(fieldChanges({}, JSON.parse('{"__proto__": 1, "constructor": 2}')).map(({ path }) => path)).toEqual([
    '/__proto__',
    '/constructor',
  ])
})

it('stops at so many', () => {
  const many = Array.from({ length: 5_000 }, (_, n) => n)
  expect(fieldChanges([], many)).toHaveLength(500)
})
