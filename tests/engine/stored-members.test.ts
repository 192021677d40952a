import { type Completion, flow, inbox, type StoredMembers } from 'linkspan'
import { fakeOperation, seededRandom } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { cluster, type Node } from './cluster-rig.ts'
import { rig } from './rig.ts'

const SEED = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)

type Complete = Completion<number, unknown, StoredMembers<number>> & { readonly maxAge: '1d' }

function gathering(complete: Complete, concurrency = 1) {
  const put = fakeOperation<number>('store.put', { kind: 'key', validFor: '24h' })
  const open = fakeOperation<number>('store.open', { kind: 'key', validFor: '24h' })
  const end = fakeOperation<{ readonly sum: number; readonly count: number }>('store.end', {
    kind: 'key',
    validFor: '24h',
  })
  const parts = flow('parts')
    .from(inbox<number>(), { key: () => 'one' })
    .aggregate('all', { key: () => 'k', collect: 'stored', complete, keep: '7d' })
    .to('open', open, { input: ({ count }) => count })
    .split(
      'each',
      (members) => members,
      (each) => each.call('put', put, { as: 'answer' }).map('same', (n) => n),
      { concurrency, join: { as: 'sum', initial: () => 0, add: (sum, n) => sum + n } },
    )
    .to('end', end, { input: ({ count }, { sum }) => ({ sum, count }) })
  return {
    parts,
    open,
    puts: (): readonly number[] => put.effects.map(({ input }) => input),
    ends: () => end.effects.map(({ input }) => input),
  }
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n)

describe('members that are stored', () => {
  it('are each taken once by a split, and their group goes on', async () => {
    const { parts, puts, ends } = gathering({ size: 600, maxAge: '1d' }, 50)
    await using one = await rig([parts])
    await one.during(Promise.all(upTo(600).map((n) => one.engine.send(parts, n))))
    await one.advance('1m')
    expect(puts().toSorted((a, b) => a - b)).toEqual(upTo(600))
    expect(ends()).toEqual([{ sum: 179_700, count: 600 }])
    expect(new Set(await one.states())).toEqual(new Set(['done']))
  })

  it('go on when their time has come, after a crash and long after that too', async () => {
    const { parts, puts } = gathering({ maxAge: '1d' })
    await using one = await rig([parts])
    for (const n of upTo(5)) await one.send(parts, n)
    await one.advance('1s')
    one.crash()
    await one.advance('5d')
    await one.start()
    await one.advance('1m')
    expect(puts()).toEqual(upTo(5))
  })

  it('are each taken once wherever the engine is killed', async () => {
    let kills = 0
    for (const fate of ['lost-before', 'lost-after'] as const)
      for (let at = 1; at <= 24; at += 1) {
        const { parts, puts, ends } = gathering({ size: 5, maxAge: '1d' })
        let left = at
        await using one = await rig([parts], { onCommit: () => (--left === 0 ? fate : 'ok') })
        for (const n of upTo(5)) void one.engine.send(parts, n, { dedupeKey: `p${n}` }).catch(() => undefined)
        await one.advance('1s')
        const what = `${fate} at commit ${at}`
        if (left <= 0) {
          kills += 1
          one.crash()
          await one.start()
        }
        left = Number.POSITIVE_INFINITY
        for (const n of upTo(5)) await one.send(parts, n, { dedupeKey: `p${n}` })
        await one.advance('1m')
        expect(puts(), what).toEqual(upTo(5))
        expect(ends(), what).toEqual([{ sum: 10, count: 5 }])
        expect(new Set(await one.states()), what).toEqual(new Set(['done']))
      }
    expect(kills).toBeGreaterThan(16)
  })

  it('are taken on from where a split was when the engine was killed', async () => {
    const { parts, puts, ends } = gathering({ size: 900, maxAge: '1d' }, 10)
    let killed = false
    const onCommit = () => {
      if (killed || puts().length < 300) return 'ok'
      killed = true
      return 'lost-after'
    }
    await using one = await rig([parts], { onCommit })
    await one.during(Promise.all(upTo(900).map((n) => one.engine.send(parts, n))))
    await one.advance('1s')
    const before = puts().length
    expect(before, 'puts before the kill').toBeLessThan(900)
    one.crash()
    await one.start()
    await one.advance('5m')
    expect(puts().toSorted((a, b) => a - b)).toEqual(upTo(900))
    expect(ends()).toEqual([{ sum: 404_550, count: 900 }])
  })

  it('are there when what takes them is redelivered, as long as they are kept', async () => {
    for (const after of ['7d', '9d'] as const) {
      const { parts, open, puts, ends } = gathering({ size: 3, maxAge: '1d' })
      open.next({ rejected: 'no room' })
      await using one = await rig([parts])
      for (const n of upTo(2)) await one.send(parts, n)
      const { id } = await one.send(parts, 2)
      await one.advance('1m')
      expect(await one.message(id)).toMatchObject({ state: 'dead', error: { code: 'CALL_REJECTED' } })
      await one.advance(after)
      await one.during(one.admin.redeliver({ ids: [id] }, { note: 'there is room' }))
      await one.advance('1m')
      expect(puts()).toEqual(after === '7d' ? upTo(3) : [])
      expect(ends()).toHaveLength(after === '7d' ? 1 : 0)
      if (after === '9d')
        expect(await one.message(id)).toMatchObject({
          state: 'dead',
          error: { code: 'STEP_FAILED', message: expect.stringMatching(/not in the journal any more/) },
        })
    }
  })

  it('are shown by a trace, and no difference to a replay', async () => {
    const { parts } = gathering({ size: 3, maxAge: '1d' })
    await using one = await rig([parts])
    for (const n of upTo(3)) await one.send(parts, n)
    await one.advance('1m')
    const { items } = await one.admin.messages({ order: 'newest', limit: 1 })
    const { steps } = await one.trace((items[0] as { id: string }).id)
    expect(steps.map(({ path, outcome }) => [path, outcome])).toEqual([
      ['all', 'done'],
      ['open', 'done'],
      ['each', 'done'],
      ['end', 'done'],
    ])
    const report = await one.admin.replay({ query: { flow: 'parts' } }, () => undefined)
    expect(report).toEqual({ messages: 3, unchanged: 3, differences: [] })
  })

  it('are each counted once on any engine of a cluster, while engines die and come', async () => {
    const { parts, puts, ends } = gathering({ size: 60, maxAge: '1d' }, 5)
    await using three = await cluster([parts], { seed: SEED })
    const random = seededRandom(SEED)
    const node = (): Node => {
      const alive = three.nodes.filter(({ isAlive }) => isAlive)
      return alive[Math.floor(random.next() * alive.length)] as Node
    }
    for (const n of upTo(60)) {
      if (n === 20) node().kill()
      if (n === 40) await three.join()
      if (n % 10 === 5) await three.advance('1s')
      await node().send(parts, n)
    }
    node().kill()
    await three.advance('10m')
    const what = `seed ${SEED}`
    expect(
      puts().toSorted((a, b) => a - b),
      what,
    ).toEqual(upTo(60))
    expect(ends(), what).toEqual([{ sum: 1_770, count: 60 }])
    expect(new Set(await three.states()), what).toEqual(new Set(['done']))
  })
})

describe('an array that lay in rows', () => {
  it('is the same wherever the engine is killed', async () => {
    let kills = 0
    for (const fate of ['lost-before', 'lost-after'] as const)
      for (let at = 1; at <= 12; at += 1) {
        const put = fakeOperation<readonly number[]>('store.put', { kind: 'key', validFor: '24h' })
        const parts = flow('parts')
          .from(inbox<number>(), { key: () => 'one' })
          .aggregate('all', { key: () => 'k', complete: { size: 130 } })
          .to('put', put)
        let left = Number.POSITIVE_INFINITY
        await using one = await rig([parts], { onCommit: () => (--left === 0 ? fate : 'ok') })
        const send = (n: number) => one.engine.send(parts, n, { dedupeKey: `p${n}` })
        await one.during(Promise.all(upTo(126).map(send)))
        await one.advance('1s')
        left = at
        for (const n of [126, 127, 128, 129]) void send(n).catch(() => undefined)
        await one.advance('1s')
        if (left <= 0) {
          kills += 1
          one.crash()
          await one.start()
        }
        left = Number.POSITIVE_INFINITY
        for (const n of [126, 127, 128, 129]) await one.during(send(n))
        await one.advance('1m')
        const what = `${fate} at commit ${at}`
        expect(
          put.effects.map(({ input }) => input),
          what,
        ).toEqual([upTo(130)])
        expect(new Set(await one.states()), what).toEqual(new Set(['done']))
      }
    expect(kills).toBeGreaterThan(12)
  })
})
