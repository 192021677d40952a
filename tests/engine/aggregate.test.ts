import { flow, inbox } from 'linkspan'
import { fakeOperation, seededRandom } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster, type Node } from './cluster-rig.ts'
import { rig } from './rig.ts'

interface Part {
  readonly key: string
  readonly n: number
}

interface Whole {
  readonly key: string
  readonly ns: readonly number[]
  readonly by: string
}

const SEED = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)

function aggregating(complete: {
  onStop?: boolean
  size?: number
  timeout?: '1m' | '10m'
  maxAge?: '1h' | '1d'
}) {
  const put = fakeOperation<Whole>('store.put', { kind: 'key', validFor: '24h' })
  const parts = flow('parts')
    .from(inbox<Part>())
    .aggregate('parts', {
      key: ({ key }) => key,
      initial: (): readonly number[] => [],
      add: (ns, { n }) => [...ns, n],
      complete,
      result: (ns, { key, by }): Whole => ({ key, ns, by }),
    })
    .to('put', put)
  return { put, parts, whole: (): readonly Whole[] => put.effects.map(({ input }) => input) }
}

describe('messages that are aggregated', () => {
  it('go on as one by size, and all others are done', async () => {
    const { parts, whole } = aggregating({ size: 3 })
    await using one = await rig([parts])
    for (let n = 0; n < 4; n += 1) await one.send(parts, { key: 'a', n })
    await one.advance('1m')
    expect(whole()).toEqual([{ key: 'a', ns: [0, 1, 2], by: 'size' }])
    expect(await one.states()).toEqual(['done', 'done', 'done', 'waiting'])
    const { items } = await one.admin.messages({ states: ['waiting'] })
    expect(items).toEqual([expect.objectContaining({ reason: 'event', wakeAt: null, waitsAt: 'parts' })])
    one.crash()
    await one.start()
    for (const n of [4, 5]) await one.send(parts, { key: 'a', n })
    await one.advance('1m')
    expect(whole()[1]).toEqual({ key: 'a', ns: [3, 4, 5], by: 'size' })
  })

  it('go on as one when their time has come, though the engine was away', async () => {
    const { parts, whole } = aggregating({ timeout: '10m', maxAge: '1h' })
    await using one = await rig([parts])
    const { id } = await one.send(parts, { key: 'a', n: 0 })
    await one.advance('9m')
    await one.send(parts, { key: 'a', n: 1 })
    await one.advance('5m')
    expect(await one.message(id)).toMatchObject({ state: 'waiting', reason: 'event' })
    expect((await one.trace(id)).steps.find(({ path }) => path === 'parts')).toMatchObject({
      outcome: 'waiting',
    })
    one.crash()
    await one.advance('2m')
    await one.start()
    await one.advance('2m')
    expect(whole()).toEqual([])
    await one.advance('2m')
    expect(whole()).toEqual([{ key: 'a', ns: [0, 1], by: 'timeout' }])
    expect((await one.trace(id)).steps.map(({ path, outcome }) => [path, outcome])).toEqual([
      ['parts', 'done'],
      ['put', 'done'],
    ])
    await one.send(parts, { key: 'b', n: 2 })
    for (let n = 3; n < 12; n += 1) {
      await one.advance('9m')
      await one.send(parts, { key: 'b', n })
    }
    await one.advance('10m')
    expect(whole()[1]).toEqual({ key: 'b', ns: [2, 3, 4, 5, 6, 7, 8], by: 'maxAge' })
    expect(whole()[2]).toMatchObject({ key: 'b', ns: [9, 10, 11] })
  })

  it('need their leader no longer when another completes the group', async () => {
    const { parts, whole } = aggregating({ size: 2, maxAge: '1d' })
    await using one = await rig([parts])
    for (const n of [0, 1]) await one.send(parts, { key: 'a', n })
    await one.advance('1s')
    expect(whole()).toHaveLength(1)
    expect(await one.states()).toEqual(['done', 'done'])
  })

  it('leave nothing behind when their leader is put aside', async () => {
    const { parts, whole } = aggregating({ timeout: '1m' })
    await using one = await rig([parts])
    const { id } = await one.send(parts, { key: 'a', n: 0 })
    await one.advance('1s')
    await one.during(one.admin.cancel(id, 'not this one'))
    await one.send(parts, { key: 'a', n: 1 })
    await one.advance('2m')
    expect(whole()).toEqual([])
    await one.send(parts, { key: 'a', n: 2 })
    await one.advance('1m')
    expect(whole()).toEqual([{ key: 'a', ns: [0, 1, 2], by: 'timeout' }])
  })

  it('go on when somebody completes their groups, one or all', async () => {
    const { parts, whole } = aggregating({ size: 9 })
    await using one = await rig([parts])
    for (const [n, key] of ['a', 'b', 'a', 'c'].entries()) await one.send(parts, { key, n })
    await one.advance('1d')
    expect(await one.states()).toEqual(['waiting', 'waiting', 'done', 'waiting'])
    const { admin } = one
    const { id, groups } = await one.during(admin.completeGroups('parts', 'parts', 'a'))
    expect(groups).toBe(1)
    await one.advance('1s')
    expect(whole()).toEqual([{ key: 'a', ns: [0, 2], by: 'forced' }])
    expect((await one.trace(id)).message).toMatchObject({ flow: 'linkspan.control', state: 'done' })
    expect(await one.during(admin.completeGroups('parts', 'parts', 'a'))).toMatchObject({ groups: 0 })
    expect(await one.during(admin.completeGroups('parts', 'parts', null))).toMatchObject({ groups: 2 })
    await one.advance('1s')
    expect(whole().map(({ key }) => key)).toEqual(['a', 'b', 'c'])
    await expect(admin.completeGroups('parts', 'put', null)).rejects.toMatchObject({
      code: 'STEP_UNKNOWN',
      message: 'The flow "parts" has no aggregate step "put". It has: parts.',
    })
    await expect(admin.completeGroups('other', 'parts', null)).rejects.toMatchObject({ code: 'FLOW_UNKNOWN' })
  })

  it('go on when the engine stops, where the step says so, and only when it is the last', async () => {
    const { parts, whole } = aggregating({ size: 9, onStop: true })
    const one = await rig([parts])
    for (const [n, key] of ['a', 'b', 'a'].entries()) await one.send(parts, { key, n })
    one.crash()
    await one.start()
    await one.advance('1m')
    expect(whole()).toEqual([])
    await one.stop()
    expect(whole().map(({ ns }) => ns)).toEqual([[0, 2], [1]])

    await using three = await cluster([parts], { seed: SEED })
    for (const [n, node] of three.nodes.entries()) await node.send(parts, { key: 'c', n })
    await three.advance('5s')
    await three.during((three.nodes[0] as Node).engine.stop())
    await three.advance('1m')
    expect(whole()).toHaveLength(2)
    await three.during((three.nodes[1] as Node).engine.stop())
    await three.advance('1m')
    await three.during((three.nodes[2] as Node).engine.stop())
    expect(whole()[2]?.ns.toSorted()).toEqual([0, 1, 2])
  })

  it('go on after the next start when the stop was too short for it', async () => {
    const { parts, whole } = aggregating({ size: 9, onStop: true })
    await using one = await rig([parts])
    await one.send(parts, { key: 'a', n: 0 })
    await one.advance('1s')
    await one.during(one.admin.pause('parts'))
    await one.stop()
    expect(whole()).toEqual([])
    await one.start()
    await one.during(one.admin.resume('parts'))
    await one.advance('1s')
    expect(whole()).toEqual([{ key: 'a', ns: [0], by: 'forced' }])
  })

  it('are each counted once wherever the engine is killed', async () => {
    let kills = 0
    for (const fate of ['lost-before', 'lost-after'] as const) {
      for (let at = 1; at <= 14; at += 1) {
        const { parts, whole } = aggregating({ size: 3, timeout: '1m' })
        let left = Number.POSITIVE_INFINITY
        await using one = await rig([parts], { onCommit: () => (--left === 0 ? fate : 'ok') })
        await one.send(parts, { key: 'a', n: 0 })
        left = at
        const { engine } = one
        const arrived = new Set<number>()
        for (const n of [1, 2, 3, 4])
          void engine.send(parts, { key: 'a', n }, { dedupeKey: `p${n}` }).then(
            () => arrived.add(n),
            () => undefined,
          )
        await one.advance('1s')
        // Those that were not met yet are met while time passes.
        if (left > 0) await one.advance('2m')
        const what = `${fate} at commit ${at}`
        if (left <= 0) {
          kills += 1
          one.crash()
          await one.start()
        }
        left = Number.POSITIVE_INFINITY
        for (const n of [1, 2, 3, 4])
          if (!arrived.has(n)) await one.send(parts, { key: 'a', n }, { dedupeKey: `p${n}` })
        await one.advance('5m')
        expect(
          whole()
            .flatMap(({ ns }) => ns)
            .toSorted(),
          what,
        ).toEqual([0, 1, 2, 3, 4])
        expect(
          whole().map(({ ns }) => ns.length),
          what,
        ).toEqual([3, 2])
        expect(new Set(await one.states()), what).toEqual(new Set(['done']))
      }
    }
    expect(kills).toBeGreaterThan(8)
  })

  it('go on from any engine of a cluster when a signal comes, each group once', async () => {
    const put = fakeOperation<readonly Part[]>('store.put', { kind: 'key', validFor: '24h' })
    const parts = flow('parts')
      .from(inbox<Part>(), { key: ({ key }) => key })
      .aggregate('parts', {
        key: ({ key }) => key,
        complete: { size: 100 },
        signal: ({ n }) => (n < 0 ? 'all' : null),
      })
      .to('put', put)
    await using three = await cluster([parts], { seed: SEED })
    const keys = ['a', 'b', 'c', 'd', 'e', 'f']
    for (let n = 0; n < 30; n += 1)
      await three.nodes[n % 3]?.send(parts, { key: keys[n % keys.length] as string, n })
    await three.advance('5s')
    expect(put.effects).toEqual([])
    await three.nodes[1]?.send(parts, { key: 'signal', n: -1 })
    await three.advance('1m')
    expect(
      put.effects.map(({ input }) => input.map(({ key }) => key).join('')).toSorted(),
      `seed ${SEED}`,
    ).toEqual(keys.map((key) => key.repeat(5)))
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })

  it('are each counted once on any engine of a cluster, while engines die and come', async () => {
    const { parts, whole } = aggregating({ size: 4, timeout: '10m' })
    await using three = await cluster([parts], { seed: SEED })
    const random = seededRandom(SEED)
    const node = (n: number): Node => {
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      return alive[n % alive.length] as Node
    }
    const keys = ['a', 'b', 'c', 'd', 'e']
    const sent: number[] = []
    for (let n = 0; n < 90; n += 1) {
      if (n === 30) node(0).kill()
      if (n === 60) await three.join()
      if (n % 10 === 5) await three.advance('1s')
      await node(n).send(parts, { key: keys[Math.floor(random.next() * keys.length)] as string, n })
      sent.push(n)
    }
    await three.advance('30m')
    const what = `seed ${SEED}`
    expect(
      whole()
        .flatMap(({ ns }) => ns)
        .toSorted((a, b) => a - b),
      what,
    ).toEqual(sent)
    for (const { ns, by } of whole())
      expect(by === 'size' ? 4 : 'less', what).toBe(ns.length === 4 ? 4 : 'less')
    expect(whole().filter(({ by }) => by === 'timeout').length, what).toBeLessThanOrEqual(keys.length)
    expect(new Set(await three.states()), what).toEqual(new Set(['done']))
  })
})
