import { fixed, flow, inbox, retry } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Order {
  readonly id: string
}

const KEY = { kind: 'key', validFor: '24h' } as const

function farm(attempts = 3, options: { readonly start?: 'first' | 'sticky'; readonly errors?: 'any' } = {}) {
  const reserve = fakeOperation<Order>('north.reserve', KEY)
  const north = fakeOperation<Order>('north.put', KEY, { timeout: '1s' })
  const south = fakeOperation<Order>('south.put', KEY)
  const orders = flow('orders', { onError: retry({ attempts, backoff: fixed('10s') }) })
    .from(inbox<Order>())
    .loadBalance(
      'farm',
      (b) =>
        b
          .target('north', (s) => s.to('reserve', reserve).to('put', north))
          .target('south', (s) => s.to('put', south)),
      { by: { failover: options } },
    )
  return { orders, north, reserve, south }
}

describe('failover between targets', () => {
  it('is at once, and another round is made by the policy, in which nothing is done twice', async () => {
    const { orders, north, reserve, south } = farm()
    await using one = await rig([orders])
    north.when(() => 'unavailable')
    south.next('unavailable', 'unavailable')
    const { id } = await one.send(orders, { id: 'a' })
    await one.advance('1s')
    expect([north.requests.length, south.requests.length]).toEqual([1, 1])
    await one.advance('10s')
    expect([north.requests.length, south.requests.length]).toEqual([2, 2])
    one.crash()
    await one.start()
    await one.advance('10s')
    expect([north.requests.length, south.requests.length]).toEqual([3, 3])
    expect(south.effects).toHaveLength(1)
    // What the first target did before it failed stands, and is not done again.
    expect(reserve.requests).toHaveLength(1)
    expect(await one.message(id)).toMatchObject({ state: 'done' })
    const { steps, notes } = await one.trace(id)
    expect(
      steps
        .find(({ path }) => path === 'farm/south/put')
        ?.attempts.flatMap(({ outcome }) => (outcome === 'sent' ? [] : [outcome])),
    ).toEqual(['failed', 'failed', 'done'])
    expect(notes[0]?.note).toBe('farm: "north" failed: CALL_FAILED, goes to "south"')
    expect(one.engine.metrics.prometheus()).toMatch(/step_events_total\{event="failed-over".*\} 1$/m)
  })

  it('is a dead letter after as many rounds as the policy allows, and can be sent again', async () => {
    const { orders, north, south } = farm(2)
    await using one = await rig([orders])
    north.when(() => 'unavailable')
    south.when(() => 'unavailable')
    const { id } = await one.send(orders, { id: 'a' })
    await one.advance('1m')
    expect(await one.message(id)).toMatchObject({ state: 'dead', error: { code: 'CALL_FAILED' } })
    expect([north.requests.length, south.requests.length]).toEqual([2, 2])
    south.when(() => undefined)
    await one.during(one.admin.redeliver({ ids: [id] }, { note: 'south is back' }))
    await one.advance('1s')
    expect(await one.message(id)).toMatchObject({ state: 'done' })
  })

  it('does not go elsewhere where the call may have taken effect, but asks the same target again', async () => {
    const { orders, north, south } = farm()
    await using one = await rig([orders])
    north.next('timeout-after')
    await one.send(orders, { id: 'a' })
    await one.advance('20s')
    expect([north.effects.length, south.requests.length]).toEqual([1, 0])
    expect(await one.states()).toEqual(['done'])
    const careless = farm(3, { errors: 'any' })
    await one.stop()
    await one.start([careless.orders])
    careless.north.next('timeout-before')
    await one.send(careless.orders, { id: 'b' })
    await one.advance('20s')
    expect([careless.north.requests.length, careless.south.effects.length]).toEqual([1, 1])
  })

  it('begins with the target that did it last, after a restart too', async () => {
    const { orders, north, south } = farm(3, { start: 'sticky' })
    await using one = await rig([orders])
    north.next('unavailable')
    for (const id of ['a', 'b']) {
      await one.send(orders, { id })
      await one.advance('10ms')
    }
    one.crash()
    await one.start()
    await one.send(orders, { id: 'c' })
    await one.advance('10ms')
    expect([north.requests.length, south.effects.length]).toEqual([1, 3])
  })
})
