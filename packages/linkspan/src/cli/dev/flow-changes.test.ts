import { expect, test } from 'vitest'
import { fakeFlow } from '../fixtures/fake-cli.ts'
import { flowChanges, printOf } from './flow-changes.ts'

test('the same flow written again has the same fingerprint', () => {
  const make = () => printOf(fakeFlow('hello', { transform: (body: unknown) => [body], match: /x/g }))
  expect(make()).toEqual(make())
  expect(flowChanges([make()], [make()])).toEqual({ added: [], removed: [], changed: [] })
})

test('another text of a function is a change of its step alone', () => {
  const before = printOf(fakeFlow('hello', { transform: () => 1 }))
  const after = printOf(fakeFlow('hello', { transform: () => 2 }))
  expect(flowChanges([before], [after]).changed).toEqual([{ flow: 'hello', parts: ['greeting'] }])
})

test('code that holds itself, and values that JSON lacks, have a fingerprint too', () => {
  const circle: Record<string, unknown> = { big: 3n, map: new Map([['a', 1]]) }
  circle['self'] = circle
  expect(printOf(fakeFlow('hello', circle)).parts['greeting']).toMatch(/^[0-9a-f]{16}$/)
})

test('flows that come and go are named', () => {
  const [a, b] = [printOf(fakeFlow('a')), printOf(fakeFlow('b'))]
  expect(flowChanges([a], [b])).toEqual({ added: ['b'], removed: ['a'], changed: [] })
})
