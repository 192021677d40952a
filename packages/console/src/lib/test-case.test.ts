import { flow, inbox } from 'linkspan'
import { fakeOperation, testFlow } from 'linkspan/testing'
import { expect, it } from 'vitest'
import { testCase } from './test-case.ts'

interface Order {
  readonly id: string
  readonly n: number
}

/** The flow with a fake of its own, which remembers what was sent. */
function takeOrders() {
  const put = fakeOperation<Order>('store.put', { kind: 'natural' })
  return flow('take orders')
    .from(inbox<Order>(), { key: ({ id }) => id })
    .to('put', put, { input: ({ id, n }) => ({ id, n: n + 1 }) })
}

it('makes a test that passes with the message that it was made of', async () => {
  const made = takeOrders()
  await using flows = await testFlow(made)
  const { id } = await flows.send({ id: "o'1`${", n: 6 }, { headers: { origin: 'shop' } })
  await flows.run()
  const text = testCase(await flows.trace(id), made.definition)
  expect(text).toContain("import { takeOrders } from './take-orders.ts'")
  const [, body = ''] = /^test\(.*async \(\) => \{\n([\s\S]*)^\}\)$/m.exec(text) ?? []
  const run = new Function('testFlow', 'expect', 'takeOrders', `return (async () => {${body}})()`)
  const assertions: unknown[][] = []
  const recording = (actual: unknown) => ({
    toEqual: (expected: unknown) => assertions.push([actual, expected]) && expect(actual).toEqual(expected),
    toMatchObject: (expected: object[]) =>
      assertions.push([actual, expected]) && expect(actual).toMatchObject(expected),
  })
  await run(testFlow, recording, takeOrders())
  expect(assertions).toMatchObject([
    [[{ id: "o'1`${", n: 7 }], [{ n: 7 }]],
    [[{ state: 'done' }], [{ state: 'done' }]],
  ])
})
