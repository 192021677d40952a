import { describe, expect, it } from 'vitest'
import { event } from '../flow/event.ts'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const decided = event<{ yes: boolean }>('decided', { keep: '1h' })

describe('waitFor', () => {
  const waiting = begin<{ id: string }>().waitFor('decision', decided, {
    key: ({ id }) => id,
    timeout: '1m',
    as: 'decision',
  })

  it('looks, lies down until its time limit, and looks again when it goes on', async () => {
    const around = world()
    const first = await run(waiting, { id: 'a' }, around, { now: 1_000 })
    expect(first.stop).toMatchObject({ kind: 'suspend', why: 'event', wakeAt: 61_000, hold: false })
    const second = await run(waiting, { id: 'a' }, around, { now: 1_000 })
    expect(second.stop).toMatchObject({ path: 'decision//4' })
  })

  it('goes on at the time at which it found the event, so that what follows counts from there', async () => {
    const around = world()
    const telling = waiting.map((_body, { now }) => now)
    await run(telling, { id: 'a' }, around, { now: 1_000 })
    around.cells.set('event decided|a', {
      value: { raised: [{ value: { yes: true }, until: 99_999 }], waiting: [] },
      until: null,
    })
    expect((await run(telling, { id: 'a' }, around, { now: 50_000 })).body).toBe(50_000)
    expect((await run(telling, { id: 'a' }, around, { now: 1_000 })).body).toBe(50_000)
  })

  it('takes an event of its key only, and only once', async () => {
    const around = world()
    around.cells.set('event decided|a', {
      value: { raised: [{ value: { yes: true }, until: 9_999 }], waiting: [] },
      until: null,
    })
    const fresh = () => ({ ...around, records: new Map() })
    expect((await run(waiting, { id: 'b' }, fresh())).stop).toMatchObject({ kind: 'suspend' })
    expect(await run(waiting, { id: 'a' }, fresh())).toMatchObject({
      body: { id: 'a' },
      names: { decision: { yes: true } },
    })
    expect((await run(waiting, { id: 'a' }, fresh(), { id: 'm-9' })).stop).toMatchObject({ kind: 'suspend' })
  })

  it('refuses what is no event, a wait without a key, and names that are taken', () => {
    const steps = begin<{ id: string }>()
    expect(() => steps.waitFor('x', undefined as never, { key: () => 'k' })).toThrow(/needs an event/)
    expect(() => steps.waitFor('x', decided, {} as never)).toThrow(
      /option key of waitFor\(\) must be a function/,
    )
    expect(() => steps.waitFor('x', decided, { key: () => 'k', as: 'id' as never })).toThrow(
      /may not be "id"/,
    )
    expect(() => event('')).toThrow(/name of a event|name of an event/)
  })

  it('comes to the same with an event from outside, wherever the engine is killed', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const orders = flow('orders')
      .from(inbox<{ id: string }>(), { key: ({ id }) => id })
      .waitFor('decision', decided, { key: ({ id }) => id, timeout: '14d', as: 'decision' })
      .to('put', put, { input: ({ id }, { decision }) => ({ id, yes: decision.yes }) })
    const report = await crashSweep(orders, async ({ send, raise, advance }) => {
      raise(decided, 'early', { yes: true })
      for (const id of ['early', 'o1']) send({ id })
      await advance('30m')
      raise(decided, 'o1', { yes: false })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('comes to the same, wherever the engine is killed', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const orders = flow('orders')
      .from(inbox<{ id: string }>(), { key: ({ id }) => id })
      .waitFor('decision', decided, { key: ({ id }) => id, as: 'decision', timeout: '30m' })
      .to('put', put, { input: ({ id }, { decision }) => ({ id, yes: decision.yes }) })
    const decisions = flow('decisions')
      .from(inbox<{ order: string; yes: boolean }>(), { key: () => 'one' })
      .raise('tell', decided, { key: ({ order }) => order, value: ({ yes }) => ({ yes }) })
    const report = await crashSweep([orders, decisions], ({ send, sendTo }) => {
      send({ id: 'o1' })
      sendTo(decisions, { order: 'o1', yes: true })
      sendTo(decisions, { order: 'o2', yes: false })
      send({ id: 'o2' })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
