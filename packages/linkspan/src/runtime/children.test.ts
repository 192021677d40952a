import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { testFlow } from '../testing/test-flow.ts'

const put = fakeOperation<unknown>('shop.put', { kind: 'natural' })
const charge = fakeOperation<unknown>('bank.charge', { kind: 'key', validFor: '24h' })

describe('children', () => {
  it('of a tap are not counted among those that a later step waits for', async () => {
    const both = flow('both')
      .from(inbox<number>())
      .tap('watch', (copy) => copy.to('put', put))
      .split(
        'items',
        (n) => [n, n + 1],
        (item) => item.to('charge', charge),
      )
      .to('after', put, { input: () => 'after' })
    const flows = await testFlow(both)
    put.next({ retryAfter: '1m' })
    charge.next('ok', { retryAfter: '2m' })
    await flows.send(1)
    await flows.advance('90s')
    expect(put.effects.map(({ input }) => input)).toEqual([1])
    await flows.run()
    expect(put.effects.map(({ input }) => input)).toEqual([1, 'after'])
    put.next({ retryAfter: '2m' })
    charge.next({ retryAfter: '1m' })
    await flows.send(2)
    await flows.run()
    expect(put.effects.map(({ input }) => input)).toEqual([1, 'after', 'after', 2])
  })

  it('are not made any more after one has failed, also when the engine died between', async () => {
    const strict = flow('strict')
      .from(inbox<number[]>())
      .split(
        'items',
        (all) => all,
        (item) => item.validate('small', small).to('put', put),
        {
          stopOnError: true,
          concurrency: 1,
        },
      )
    await crashSweep(strict, ({ send }) => send([1, 9, 2]))
  })

  it('keep the key of a call that an engine which died may have made', async () => {
    charge.reset()
    const items = flow('items')
      .from(inbox<number[]>())
      .split(
        'items',
        (all) => all,
        (item) => item.to('charge', charge),
      )
    const flows = await testFlow(items)
    charge.next('timeout-after', 'unavailable')
    await flows.send([1])
    await flows.clock.settle()
    expect(charge.effects).toHaveLength(1)
    flows.crash()
    await flows.restart()
    await flows.run()
    expect(charge.requests).toHaveLength(3)
    expect(charge.effects).toHaveLength(1)
  })
})

const small = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value: unknown) =>
      (value as number) < 5 ? { value } : { issues: [{ message: 'is not small' }] },
  },
} as const
