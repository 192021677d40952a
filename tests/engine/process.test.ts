import { event, type Flow, flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster, type Node } from './cluster-rig.ts'
import { type Rig, rig } from './rig.ts'

interface Order {
  readonly id: string
  readonly amount: number
}

const approved = event<{ by: string }>('approved')
const put = <Name extends string>(name: Name) =>
  fakeOperation(name, { kind: 'key', validFor: '1d' }, { result: (input: unknown) => ({ input }) })

/** A process of two calls with a day between, with what its systems saw. */
function ordered() {
  const charge = put('bank.charge')
  const ship = put('post.ship')
  const uses = { charge, ship, approved }
  const orders = () => flow('orders').from(inbox<Order>(), { key: ({ id }) => id })
  const deliver = orders().process('deliver', { uses }, async ({ id, amount }, ctx) => {
    await ctx.call('charge', amount)
    await ctx.sleep('a day', '1d')
    await ctx.call('ship', id)
  })
  return { charge, ship, uses, orders, deliver }
}

const deploy = async (engine: Rig, changed: Flow): Promise<void> => {
  await engine.stop()
  await engine.start([changed])
}

const parkedBy = async (engine: Rig): Promise<unknown> =>
  (await engine.admin.check(() => undefined)).flows[0]?.parked

describe('a process', () => {
  it('goes on where it was after each crash, and calls nothing twice', async () => {
    const { charge, ship, deliver } = ordered()
    await using engine = await rig([deliver])
    await engine.send(deliver, { id: 'o1', amount: 7 })
    for (const time of ['1s', '12h', '13h'] as const) {
      await engine.advance(time)
      engine.crash()
      await engine.start()
    }
    await engine.advance('1m')
    expect(await engine.states()).toEqual(['done'])
    expect([charge.requests.length, ship.effects.length]).toEqual([1, 1])
  })

  it('takes no place among those that run while it sleeps', async () => {
    const { ship, deliver } = ordered()
    await using engine = await rig([deliver])
    for (let at = 0; at < 300; at += 1) await engine.send(deliver, { id: `o${at}`, amount: at })
    await engine.advance('1h')
    expect(new Set(await engine.states())).toEqual(new Set(['waiting']))
    await engine.advance('1d')
    expect(ship.effects).toHaveLength(300)
  })

  it('is told of by a trace: what it asked for, with attempts, and what it waits for', async () => {
    const { charge, deliver } = ordered()
    charge.next('unavailable')
    await using engine = await rig([deliver])
    const { id } = await engine.send(deliver, { id: 'o1', amount: 7 })
    await engine.advance('1m')
    const told = async (): Promise<readonly string[]> =>
      (await engine.trace(id)).steps.map(({ path, kind, outcome }) => `${path} ${kind} ${outcome}`)
    expect(await told()).toEqual([
      'deliver process waiting',
      'deliver//1/charge call done',
      'deliver//1/a day sleep waiting',
    ])
    const [, call] = (await engine.trace(id)).steps
    expect(call).toMatchObject({ guarantee: 'key', input: 7, output: { input: 7 } })
    expect(call?.attempts.map(({ outcome }) => outcome)).toEqual(['failed', 'sent', 'done'])
    await engine.advance('2d')
    expect(await told()).toEqual([
      'deliver process done',
      'deliver//1/charge call done',
      'deliver//1/a day sleep done',
      'deliver//1/ship call done',
    ])
  })

  it('fits a changed function that does on record what it did before, and is parked by another', async () => {
    const { uses, orders, deliver, charge, ship } = ordered()
    await using engine = await rig([deliver])
    const { id } = await engine.send(deliver, { id: 'o1', amount: 7 })
    await engine.advance('1h')
    await deploy(
      engine,
      orders().process('deliver', { uses }, async (order, ctx) => {
        await ctx.sleep('think first', '1h')
        await ctx.call('charge', order.amount)
        await ctx.sleep('a day', '1d')
      }),
    )
    expect(await parkedBy(engine)).toMatchObject([
      {
        id,
        reason: expect.stringMatching(
          /flow "orders" changed.*"deliver\/\/1\/think first" where its record goes on with "deliver\/\/1\/charge"/,
        ),
      },
    ])
    const changed = orders().process('deliver', { uses }, async (order, ctx) => {
      const { input } = await ctx.call('charge', order.amount)
      await ctx.sleep('a day', '3d')
      await ctx.call('ship', ['changed', input])
    })
    await deploy(engine, changed)
    expect(await parkedBy(engine)).toEqual([])
    await engine.advance('1d')
    expect(await engine.states()).toEqual(['done'])
    expect(charge.requests).toHaveLength(1)
    expect(ship.effects.map(({ input }) => input)).toEqual([['changed', 7]])
  })

  it('is parked by another function before anything is called, and goes on when the former one is back', async () => {
    const { uses, orders, deliver, charge, ship } = ordered()
    await using engine = await rig([deliver])
    const { id } = await engine.send(deliver, { id: 'o1', amount: 7 })
    await engine.advance('1h')
    const other = orders().process('deliver', { uses }, async (order, ctx) => {
      await ctx.call('ship', order.id)
      await ctx.call('charge', order.amount)
    })
    await deploy(engine, other)
    await engine.advance('1d')
    expect(await engine.message(id)).toMatchObject({ state: 'parked', error: { code: 'MESSAGE_STATE' } })
    expect(ship.requests).toHaveLength(0)
    await deploy(engine, deliver)
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'back' }))
    await engine.advance('1d')
    expect(await engine.states()).toEqual(['done'])
    expect([charge.effects.length, ship.effects.length]).toEqual([1, 1])
  })

  it('is not run again once it has ended, whatever its function is then', async () => {
    const { uses, orders, ship, charge } = ordered()
    const later = (flows: ReturnType<typeof orders>, run: (amount: number) => number) =>
      flows
        .process('price', { uses, as: 'price' }, async ({ amount }, ctx) => {
          await ctx.call('charge', run(amount))
          return ctx.now + amount
        })
        .delay('rest', '1d')
        .to('told', ship, { input: (_order, { price, now }) => [price, now] })
    await using engine = await rig([later(orders(), (amount) => amount)])
    const [only] = [later(orders(), (amount) => amount)]
    await engine.send(only, { id: 'o1', amount: 7 })
    await engine.advance('1h')
    await deploy(
      engine,
      later(orders(), (amount) => amount + 1),
    )
    expect(await parkedBy(engine)).toEqual([])
    await engine.advance('2d')
    expect(await engine.states()).toEqual(['done'])
    expect(charge.effects).toHaveLength(1)
    const day = Date.UTC(2026, 0, 1)
    expect(ship.effects[0]?.input).toEqual([day + 7, day + 86_400_000])
  })

  it('finds its record when it and what it uses are renamed', async () => {
    const { orders, deliver, charge, ship } = ordered()
    await using engine = await rig([deliver])
    await engine.send(deliver, { id: 'o1', amount: 7 })
    await engine.advance('1h')
    const uses = { pay: { operation: charge, renamedFrom: 'charge' }, ship } as const
    await deploy(
      engine,
      orders().process('bring', { uses, renamedFrom: 'deliver' }, async ({ id, amount }, ctx) => {
        await ctx.call('pay', amount)
        await ctx.sleep('a day', '1d')
        await ctx.call('ship', id)
      }),
    )
    expect(await parkedBy(engine)).toEqual([])
    await engine.advance('1d')
    expect(await engine.states()).toEqual(['done'])
    expect([charge.requests.length, ship.effects.length]).toEqual([1, 1])
  })

  it('replays without a difference, and with those of another function', async () => {
    const { uses, orders, deliver } = ordered()
    await using engine = await rig([deliver])
    const { id } = await engine.send(deliver, { id: 'o1', amount: 7 })
    const replay = () => engine.during(engine.admin.replay({ ids: [id] }, () => undefined))
    await engine.advance('1h')
    expect((await replay()).differences).toEqual([])
    await engine.advance('2d')
    expect((await replay()).differences).toEqual([])
    await deploy(
      engine,
      orders().process('deliver', { uses }, async ({ amount }, ctx) => {
        await ctx.call('charge', amount + 1)
        await ctx.sleep('a day', '1d')
      }),
    )
    expect((await replay()).differences).toMatchObject([
      { kind: 'changed', path: 'deliver//1/charge', before: 7, after: 8 },
      { kind: 'removed', path: 'deliver//1/ship' },
    ])
    await deploy(
      engine,
      orders().process('deliver', { uses }, async ({ id: order, amount }, ctx) => {
        await ctx.call('charge', amount)
        await ctx.call('ship', order)
        await ctx.call('ship', 'more')
      }),
    )
    expect((await replay()).differences).toMatchObject([{ kind: 'unanswerable', path: 'deliver//2/ship' }])
  })

  it('hears an event that is raised while it is busy, and one that was raised before', async () => {
    const { uses, orders, ship } = ordered()
    const wait = orders().process('wait', { uses }, async ({ id }, ctx) => {
      const heard = ctx.waitFor('approved', id)
      await ctx.call('charge', 1)
      await ctx.call('ship', (await heard).by)
    })
    const tell = flow('tell')
      .from(inbox<string>())
      .raise('raise', approved, { key: (id) => id, value: (id) => ({ by: `for ${id}` }) })
    uses.charge.next('timeout-after', 'ok')
    await using engine = await rig([wait, tell])
    await engine.send(wait, { id: 'o1', amount: 7 })
    await engine.advance('1s')
    await engine.send(tell, 'o1')
    await engine.send(tell, 'o2')
    await engine.send(wait, { id: 'o2', amount: 7 })
    await engine.advance('5m')
    expect(await engine.states()).toEqual(['done', 'done', 'done', 'done'])
    expect(ship.effects.map(({ input }) => input).toSorted()).toEqual(['for o1', 'for o2'])
  })

  it('tells of answers in the order in which they came on record, each time it is run', async () => {
    const { orders } = ordered()
    const answers: ((value: string) => void)[] = []
    const slow = {
      ...fakeOperation('slow.ask', { kind: 'natural' }, { result: (_: string) => '' }),
      run: () => new Promise<string>((resolve) => answers.push(resolve)),
    }
    const won: string[] = []
    const race = orders().process('race', { uses: { slow } }, async (_order, ctx) => {
      const [first, other] = [ctx.call('slow', 'first'), ctx.call('slow', 'other')]
      won.push(await Promise.race([first, other]))
      await Promise.all([first, other])
      await ctx.sleep('a while', '1h')
    })
    await using engine = await rig([race])
    await engine.send(race, { id: 'o1', amount: 7 })
    await engine.advance('1s')
    answers[1]?.('other')
    answers[0]?.('first')
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['done'])
    expect(won).toEqual(['other', 'other'])
  })

  it('does not take a call for one that was never made, when it was begun with others and waited in the journal before', async () => {
    const { orders, charge, ship } = ordered()
    const old = fakeOperation('old.put', { kind: 'key', validFor: '1h' }, { result: (_: string) => 'put' })
    const both = orders().process('both', { uses: { old, charge, ship } }, async (_order, ctx) => {
      await Promise.all([ctx.call('old', 'a'), ctx.call('charge', 1).then(() => ctx.call('ship', 's'))])
    })
    old.next('timeout-after')
    await using engine = await rig([both])
    await engine.during(engine.admin.pause('orders'))
    const { id } = await engine.send(both, { id: 'o1', amount: 7 })
    await engine.during(engine.admin.resume('orders'))
    await engine.advance('5s')
    expect([old.requests.length, ship.effects.length]).toEqual([1, 1])
    engine.crash()
    await engine.advance('2h')
    await engine.start()
    await engine.advance('1m')
    // The key was valid for an hour: nobody knows, and it is not made a second time.
    expect((await engine.message(id)).state).toBe('inDoubt')
    expect(old.effects).toHaveLength(1)
  })

  it('keeps the answer of a call that comes while a change of shared state is written', async () => {
    const { orders, charge, ship, uses } = ordered()
    const answers: (() => void)[] = []
    let asked = 0
    const slow = {
      ...fakeOperation('slow.ask', { kind: 'natural' }, { result: (_: string) => '' }),
      run: () => {
        asked += 1
        return new Promise<string>((resolve) => answers.push(() => resolve('yes')))
      },
    }
    const wait = orders().process('wait', { uses: { ...uses, slow } }, async ({ id }, ctx) => {
      const called = ctx.call('slow', id)
      await ctx.call('charge', 1)
      const heard = ctx.waitFor('approved', id)
      await ctx.call('ship', await called)
      await heard
    })
    const tell = flow('tell')
      .from(inbox<string>())
      .raise('raise', approved, { key: (id) => id, value: (id) => ({ by: id }) })
    const answer = (): void => {
      for (const each of answers.splice(0)) each()
    }
    await using one = await cluster([wait, tell], {
      engines: 1,
      onCommit: ({ state }) => {
        if (state.some(({ scope }) => scope.startsWith('event'))) answer()
        return 'ok'
      },
    })
    const [node] = one.nodes as readonly [Node]
    await node.send(wait, { id: 'o1', amount: 7 })
    await one.advance('20s')
    answer()
    await one.advance('20s')
    await node.send(tell, 'o1')
    await one.advance('1m')
    expect(await one.states()).toEqual(['done', 'done'])
    expect([asked, charge.effects.length, ship.effects.length]).toEqual([1, 1, 1])
  })

  it('goes on at whichever engine has it, while engines die and come', async () => {
    const { charge, ship, uses, orders } = ordered()
    const wait = orders().process('wait', { uses }, async ({ id, amount }, ctx) => {
      const charged = ctx.call('charge', [id, amount])
      await ctx.sleep('a while', '20s')
      const heard = ctx.waitFor('approved', id, { timeout: '1h' })
      await Promise.all([charged, ctx.call('charge', [id, 'again'])])
      await ctx.call('ship', [id, (await heard).by])
    })
    const tell = flow('tell')
      .from(inbox<string>(), { key: (id) => id })
      .raise('raise', approved, { key: (id) => id, value: (id) => ({ by: `for ${id}` }) })
    await using three = await cluster([wait, tell], { seed: 3 })
    const node = (n: number): Node => {
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      return alive[n % alive.length] as Node
    }
    charge.next('unavailable', 'timeout-after', 'reset-after', 'unavailable')
    for (let n = 0; n < 30; n += 1) await node(n).send(wait, { id: `o${n}`, amount: n })
    await three.advance('15s')
    node(0).kill()
    for (let n = 0; n < 30; n += 1) {
      if (n === 20) await three.join()
      if (n > 10) await three.advance('1s')
      await node(n + 1).send(tell, `o${n}`)
    }
    await three.advance('5m')
    expect(new Set(await three.states())).toEqual(new Set(['done']))
    expect(charge.effects).toHaveLength(60)
    expect(ship.effects.map(({ input }) => (input as [string, string])[1]).toSorted()).toEqual(
      Array.from({ length: 30 }, (_, n) => `for o${n}`).toSorted(),
    )
  })
})
