import { type AcceptsOf, event, flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { cluster, type Node } from './cluster-rig.ts'
import { rig } from './rig.ts'

interface Order {
  readonly id: string
}

const SEED = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)

function approvals(timeout?: '1h') {
  const decided = event<{ by: string }>('decided', { keep: '2h' })
  const put = fakeOperation<{ id: string; by: string }>('store.put', { kind: 'key', validFor: '24h' })
  const orders = flow('orders')
    .from(inbox<Order>(), { key: ({ id }) => id })
    .waitFor('decision', decided, {
      key: ({ id }) => id,
      as: 'decision',
      ...(timeout === undefined ? {} : { timeout }),
    })
    .to('put', put, { input: ({ id }, { decision }) => ({ id, by: decision.by }) })
  const decisions = flow('decisions')
    .from(inbox<{ order: string; by: string }>(), { key: ({ by }) => by })
    .raise('tell', decided, { key: ({ order }) => order, value: ({ by }) => ({ by }) })
  return {
    decided,
    put,
    orders,
    decisions,
    decision: (order: string, by = 'ada'): AcceptsOf<typeof decisions> => ({ order, by }),
  }
}

describe('a message that waits for an event', () => {
  it('goes on when it is raised, days later and after a restart', async () => {
    const { put, orders, decisions, decision } = approvals()
    await using one = await rig([orders, decisions])
    const { id } = await one.send(orders, { id: 'o1' })
    await one.send(orders, { id: 'o2' })
    await one.advance('3d')
    expect(await one.message(id)).toMatchObject({ state: 'waiting', reason: 'event' })
    one.crash()
    await one.start()
    await one.send(decisions, decision('o1'))
    await one.advance('1s')
    expect(put.effects.map(({ input }) => input)).toEqual([{ id: 'o1', by: 'ada' }])
    expect(await one.states()).toEqual(['done', 'waiting', 'done'])
  })

  it('finds what was raised before, as long as that is kept', async () => {
    const { put, orders, decisions, decision } = approvals('1h')
    await using one = await rig([orders, decisions])
    await one.send(decisions, decision('o1'))
    await one.advance('119m')
    await one.send(orders, { id: 'o1' })
    await one.send(decisions, decision('o2'))
    await one.advance('121m')
    await one.send(orders, { id: 'o2' })
    await one.advance('1m')
    expect(put.effects.map(({ input }) => input.id)).toEqual(['o1'])
    await one.advance('1h')
    const dead = await one.admin.messages({ states: ['dead'] })
    expect(dead.items.map(({ error }) => error?.code)).toEqual(['WAIT_TIMED_OUT'])
  })

  it('goes on when it is raised after an engine died that had looked, and before one runs it again', async () => {
    const { put, orders, decisions, decision } = approvals()
    const first = (): Node => engines.nodes[0] as Node
    let lives = true
    await using engines = await cluster([orders, decisions], {
      engines: 1,
      onCommit: ({ state }) => {
        if (!lives || !state.some(({ scope }) => scope === 'event decided')) return 'ok'
        lives = false
        engines.clock.defer(() => first().kill())
        return 'lost-after'
      },
    })
    await first().send(orders, { id: 'o1' })
    await engines.advance('1s')
    expect(first().isAlive).toBe(false)
    const second = await engines.join([decisions])
    await engines.advance('1m')
    await second.send(decisions, decision('o1'))
    await engines.advance('1m')
    await engines.join([orders, decisions])
    await second.stop()
    await engines.advance('1m')
    expect(put.effects.map(({ input }) => input)).toEqual([{ id: 'o1', by: 'ada' }])
  })

  it('is one of several: each event is taken once', async () => {
    const { put, orders, decisions, decision } = approvals()
    await using one = await rig([orders, decisions])
    for (let n = 0; n < 3; n += 1) await one.send(orders, { id: 'same' })
    await one.advance('1m')
    await one.send(decisions, decision('same', 'ada'))
    await one.advance('1m')
    expect(put.effects).toHaveLength(1)
    await Promise.all([
      one.send(decisions, decision('same', 'bob')),
      one.send(decisions, decision('same', 'cy')),
    ])
    await one.advance('1m')
    expect(put.effects.map(({ input }) => input.by).toSorted()).toEqual(['ada', 'bob', 'cy'])
  })

  it('goes on when it is raised in the very moment in which the message looks for it, or lies down', async () => {
    const { put, orders, decisions, decision } = approvals()
    await using one = await rig([orders, decisions], { seed: SEED })
    for (let n = 0; n < 60; n += 1) {
      const sends = [one.engine.send(orders, { id: `o${n}` }), one.engine.send(decisions, decision(`o${n}`))]
      // Another message of the event's key, so that the cell is in memory and the looks come closer.
      if (n % 2 === 0) sends.push(one.engine.send(orders, { id: `o${n}` }))
      await one.during(Promise.all(sends))
    }
    await one.advance('1m')
    expect(put.effects, `seed ${SEED}`).toHaveLength(60)
  })

  it('shows in its trace where it waits, and what it got', async () => {
    const { orders, decisions, decision } = approvals()
    await using one = await rig([orders, decisions])
    const { id } = await one.send(orders, { id: 'o1' })
    await one.advance('1m')
    const step = async () => (await one.trace(id)).steps.find(({ path }) => path === 'decision')
    expect(await step()).toMatchObject({ outcome: 'waiting' })
    await one.send(decisions, decision('o1'))
    await one.advance('1m')
    expect(await step()).toMatchObject({ outcome: 'done' })
    expect((await one.trace(id)).steps.map(({ path }) => path)).toEqual(['decision', 'put'])
  })

  it('goes on wherever the engine is killed', async () => {
    let kills = 0
    for (const fate of ['lost-before', 'lost-after'] as const) {
      for (let at = 1; at <= 12; at += 1) {
        const { put, orders, decisions, decision } = approvals()
        let left = Number.POSITIVE_INFINITY
        await using one = await rig([orders, decisions], { onCommit: () => (--left === 0 ? fate : 'ok') })
        await one.send(orders, { id: 'o0' })
        left = at
        const { engine } = one
        const arrived = new Set<string>()
        const send = (what: string, sent: Promise<unknown>): void =>
          void sent.then(
            () => arrived.add(what),
            () => undefined,
          )
        send('order', engine.send(orders, { id: 'o1' }))
        send('first', engine.send(decisions, decision('o0')))
        send('second', engine.send(decisions, decision('o1')))
        await one.advance('1s')
        const what = `${fate} at commit ${at}`
        if (left <= 0) {
          kills += 1
          one.crash()
          await one.start()
        }
        if (!arrived.has('order')) await one.send(orders, { id: 'o1' })
        if (!arrived.has('first')) await one.send(decisions, decision('o0'))
        if (!arrived.has('second')) await one.send(decisions, decision('o1'))
        await one.advance('1m')
        expect(new Set(put.effects.map(({ input }) => input.id)), what).toEqual(new Set(['o0', 'o1']))
      }
    }
    expect(kills).toBeGreaterThan(8)
  })

  it('goes on when another engine raises it, while engines die and come', async () => {
    const { put, orders, decisions, decision } = approvals()
    await using three = await cluster([orders, decisions], { seed: SEED })
    const node = (n: number): Node => {
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      return alive[n % alive.length] as Node
    }
    for (let n = 0; n < 40; n += 1) await node(n).send(orders, { id: `o${n}` })
    await three.advance('1m')
    for (let n = 0; n < 40; n += 1) {
      if (n === 10) node(0).kill()
      if (n === 20) await three.join()
      // Close to the moment at which the partitions of a dead engine are taken over.
      if (n > 10 && n < 20) await three.advance('1s')
      await node(n + 1).send(decisions, decision(`o${n}`))
    }
    await three.advance('2m')
    expect(put.effects.map(({ input }) => input.id).toSorted(), `seed ${SEED}`).toEqual(
      Array.from({ length: 40 }, (_, n) => `o${n}`).toSorted(),
    )
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })
})

describe('an event that is raised from outside', () => {
  it('lets go on who waits for it, once per dedupe key, also after a crash right after it was accepted', async () => {
    const { put, orders, decided } = approvals()
    await using one = await rig([orders])
    await one.send(orders, { id: 'o1' })
    await one.advance('3d')
    const first = await one.during(one.engine.raise(decided, 'o1', { by: 'ada' }, { dedupeKey: 'r1' }))
    one.crash()
    await one.start()
    const again = await one.during(one.engine.raise(decided, 'o1', { by: 'bob' }, { dedupeKey: 'r1' }))
    expect(again).toEqual({ id: first.id, duplicate: true })
    await one.advance('1s')
    expect(put.effects.map(({ input }) => input)).toEqual([{ id: 'o1', by: 'ada' }])
    expect(await one.trace(first.id)).toMatchObject({
      message: { flow: 'linkspan.control', key: 'decided/o1', state: 'done' },
      steps: [{ path: 'control', outcome: 'done' }],
    })
    await one.send(orders, { id: 'o1' })
    await one.advance('1s')
    expect(put.effects).toHaveLength(1)
  })

  it('is refused when no flow knows it, its key is none, or its schema says no', async () => {
    const strict = event('strict', { schema: z.object({ by: z.string() }) })
    const waits = flow('waits')
      .from(inbox<string>())
      .waitFor('w', strict, { key: (id) => id })
    await using one = await rig([waits])
    const { admin } = one
    await expect(admin.raise('other', 'k', {})).rejects.toMatchObject({
      code: 'EVENT_UNKNOWN',
      message: 'No flow waits for or raises an event "other". There are: strict.',
    })
    await expect(admin.raise('strict', '', { by: 'x' })).rejects.toMatchObject({ code: 'STEP_FAILED' })
    await expect(admin.raise('strict', 'k', { by: 1 })).rejects.toMatchObject({ code: 'BODY_INVALID' })
    expect(await one.states()).toEqual([])
  })

  it('is counted when nobody took it in its time, once, over restarts', async () => {
    const { put, orders, decided } = approvals()
    await using one = await rig([orders])
    for (const key of ['o1', 'o2', 'o2']) await one.during(one.engine.raise(decided, key, { by: 'ada' }))
    await one.advance('119m')
    await one.send(orders, { id: 'o1' })
    await one.advance('1m')
    expect((await one.admin.status()).events).toEqual([{ event: 'decided', expired: 0 }])
    await one.send(orders, { id: 'o2' })
    one.crash()
    await one.start()
    await one.advance('2h')
    expect((await one.admin.status()).events).toEqual([{ event: 'decided', expired: 2 }])
    expect(one.engine.metrics.prometheus()).toContain('linkspan_events_expired_total{event="decided"} 2')
    await one.advance('1d')
    expect((await one.admin.status()).events).toEqual([{ event: 'decided', expired: 2 }])
    expect(put.effects.map(({ input }) => input.id)).toEqual(['o1'])
    await one.during(one.engine.raise(decided, 'o2', { by: 'bob' }))
    await one.advance('1s')
    expect(put.effects.map(({ input }) => input.by)).toEqual(['ada', 'bob'])
  })

  it('is no longer kept where a thousand of its key lie there: who raises it is told, and what lies there is not lost', async () => {
    const { put, orders, decided } = approvals()
    await using one = await rig([orders])
    for (let n = 0; n < 1_000; n += 1) await one.during(one.engine.raise(decided, 'o1', { by: `${n}` }))
    const { id } = await one.during(one.engine.raise(decided, 'o1', { by: 'too many' }))
    await one.during(one.engine.raise(decided, 'o2', { by: 'of another key' }))
    await one.advance('1s')
    expect(await one.message(id)).toMatchObject({
      state: 'waiting',
      error: {
        code: 'EVENTS_UNTAKEN',
        message: expect.stringMatching(/^1000 events of this key were raised and nobody has taken them/),
      },
    })
    for (const order of ['o1', 'o2']) await one.send(orders, { id: order })
    await one.advance('1m')
    expect(await one.message(id)).toMatchObject({ state: 'done' })
    expect(put.effects.map(({ input }) => input.by).toSorted()).toEqual(['0', 'of another key'])
  })

  it('reaches who waits on any engine of a cluster, once', async () => {
    const { put, orders, decided } = approvals()
    await using three = await cluster([orders], { seed: SEED })
    const ids = Array.from({ length: 12 }, (_, n) => `o${n}`)
    for (const [n, id] of ids.entries()) await three.nodes[n % 3]?.send(orders, { id })
    await three.advance('5s')
    for (const [n, id] of ids.entries())
      await three.during((three.nodes[(n + 1) % 3] as Node).engine.raise(decided, id, { by: `by ${id}` }))
    await three.advance('1m')
    expect(put.effects.map(({ input }) => input.id).toSorted(), `seed ${SEED}`).toEqual(ids.toSorted())
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })
})
