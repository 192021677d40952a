import { expect, it } from 'vitest'
import { hrefOf, placeOf } from './router.ts'

it.each([[['messages', '3f-abc~a/b.0']], [['flows', 'tell subscribers?#%']], [[]]])(
  'finds %j again',
  (parts) => {
    expect(placeOf(hrefOf(parts)).parts).toEqual(parts)
  },
)

it('keeps the query, without what is empty', () => {
  const { parts, query } = placeOf(hrefOf(['messages'], { key: 'a&b=c', state: '' }))
  expect(parts).toEqual(['messages'])
  expect([...query]).toEqual([['key', 'a&b=c']])
})

it('takes what is no escape as it is', () => {
  expect(placeOf('#/messages/100%').parts).toEqual(['messages', '100%'])
})
