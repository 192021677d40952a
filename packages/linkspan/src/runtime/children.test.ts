import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { testFlow } from '../testing/test-flow.ts'
import { type ChildrenOptions, createChildren } from './children.ts'
import type { MessagePass } from './pass/pass.ts'

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

describe('a parent that takes up its children again', () => {
  const plan = {
    path: 'items',
    scopeOf: () => 'items',
    bodies: () => [1, 2],
    keepOutputs: true,
    concurrency: null,
    stopOnError: false,
    timeoutMs: null,
  }
  const pass = {
    loaded: { seq: 1 },
    names: () => ({}),
    flow: {
      steps: new Map([['items', { scopes: [{ name: '', label: 'each', steps: [] }] }]]),
      entries: new Map([['items', {}]]),
    },
  } as unknown as MessagePass
  const stored = (index: number) => ({ ending: { ending: 'done' }, parent: { index } })

  /** Two children are open when the parent comes back: 11, which runs, and 12. */
  const taking = (restart: (ended: (child: number) => void) => Promise<readonly number[]>) => {
    const options = {
      messages: { children: async () => [stored(0), stored(1)] },
      restart: () => restart((child) => children.ended(1, child, 'done')),
      aborted: new AbortController().signal,
    } as unknown as ChildrenOptions
    const children = createChildren(options)
    let over = false
    const outcome = children.spawn(pass, plan, { count: 2, all: true, until: undefined }).finally(() => {
      over = true
    })
    return { children, outcome, isOver: () => over }
  }
  const turns = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) await Promise.resolve()
  }

  it('waits for those that are open, though one ended before it was found', async () => {
    const { children, outcome, isOver } = taking(async (ended) => {
      ended(11)
      return [12]
    })
    await turns()
    expect(isOver()).toBe(false)
    children.ended(1, 12, 'done')
    expect(await outcome).toEqual({ count: 2, endings: { done: 2 } })
  })

  it('does not wait for one that ended after it was found', async () => {
    const { children, outcome } = taking(async (ended) => {
      ended(11)
      return [11, 12]
    })
    await turns()
    children.ended(1, 12, 'done')
    expect(await outcome).toEqual({ count: 2, endings: { done: 2 } })
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
