import { channel, flow, inbox } from 'linkspan'
import { fakeOperation, testFlow } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { type Rig, rig } from './rig.ts'

interface Item {
  readonly key: string
  readonly n: number
}
const byKey = { key: (item: Item) => item.key }
const store = () => fakeOperation<Item>('store.put', { kind: 'key', validFor: '1d' })
const numbers = ({ effects }: { readonly effects: readonly { readonly input: Item }[] }) =>
  effects.map(({ input }) => `${input.key}${input.n}`)

describe('a delay', () => {
  it('frees its key: what comes after it overtakes', async () => {
    const put = store()
    const save = flow('save')
      .from(inbox<Item>(), byKey)
      .delay('wait', (item) => (item.n === 1 ? '1h' : '0s'))
      .to('put', put)
    await using engine = await rig([save])
    for (const n of [1, 2, 3]) await engine.send(save, { key: 'a', n })
    await engine.advance('59m')
    expect(numbers(put)).toEqual(['a2', 'a3'])
    await engine.advance('2m')
    expect(numbers(put)).toEqual(['a2', 'a3', 'a1'])
  })

  it('is no attempt: only what is tried again counts', async () => {
    const put = store()
    put.next('unavailable')
    const save = flow('save').from(inbox<Item>(), byKey).delay('wait', '1h').to('put', put)
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1m')
    expect(await engine.message(id)).toMatchObject({ state: 'waiting', attempt: 1 })
    await engine.advance('2h')
    expect(await engine.message(id)).toMatchObject({ state: 'done', attempt: 2 })
  })

  it('is not taken for time in which a call may have been made, when the engine died before it', async () => {
    const put = store()
    const save = flow('save').from(inbox<Item>(), byKey).delay('wait', '3d').to('put', put)
    await using flows = await testFlow(save)
    await flows.send({ key: 'a', n: 1 })
    flows.crash()
    await flows.restart()
    await flows.run()
    expect(await flows.messages()).toMatchObject([{ state: 'done' }])
    expect(numbers(put)).toEqual(['a1'])
  })

  it('with hold keeps its key, and no other', async () => {
    const put = store()
    const save = flow('save')
      .from(inbox<Item>(), byKey)
      .delay('wait', (item) => (item.n === 1 ? '1h' : '0s'), { hold: true })
      .to('put', put)
    await using engine = await rig([save])
    for (const n of [1, 2]) await engine.send(save, { key: 'a', n })
    await engine.send(save, { key: 'b', n: 9 })
    await engine.advance('59m')
    expect(numbers(put)).toEqual(['b9'])
    await engine.advance('2m')
    expect(numbers(put)).toEqual(['b9', 'a1', 'a2'])
  })

  it('is not prolonged by a restart, held or not, and is over at once when it ended meanwhile', async () => {
    for (const hold of [true, false]) {
      const put = store()
      const save = flow('save').from(inbox<Item>(), byKey).delay('wait', '1h', { hold }).to('put', put)
      await using engine = await rig([save])
      const { id } = await engine.send(save, { key: 'a', n: 1 })
      const accepted = (await engine.message(id)).acceptedAt
      await engine.advance('40m')
      engine.crash()
      await engine.start()
      await engine.advance('19m')
      expect(put.effects).toHaveLength(0)
      await engine.advance('1m')
      expect(put.effects.map(({ at }) => at - accepted)).toEqual([3_600_000])
      await engine.send(save, { key: 'a', n: 2 })
      await engine.advance('1m')
      await engine.stop()
      await engine.advance('3h')
      expect(put.effects).toHaveLength(1)
      await engine.start()
      await engine.advance('1s')
      expect(put.effects).toHaveLength(2)
    }
  })
})

describe('order per key', () => {
  it('is kept behind a failing message, over a crash, while other keys go on', async () => {
    const put = store()
    put.when(({ input, attempt }) =>
      input.key === 'a' && input.n === 1 && attempt < 4 ? 'unavailable' : undefined,
    )
    const save = flow('save').from(inbox<Item>(), byKey).to('put', put)
    await using engine = await rig([save])
    for (const n of [1, 2, 3]) for (const key of ['a', 'b']) await engine.send(save, { key, n })
    await engine.advance('1ms')
    expect(numbers(put)).toEqual(['b1', 'b2', 'b3'])
    engine.crash()
    await engine.start()
    await engine.send(save, { key: 'a', n: 4 })
    await engine.advance('1h')
    expect(numbers(put).filter((each) => each.startsWith('a'))).toEqual(['a1', 'a2', 'a3', 'a4'])
  })

  it('lets messages without a key run side by side, as many as the flow allows', async () => {
    const slow = fakeOperation<number>('slow.do', { kind: 'natural' })
    slow.when(() => 'timeout-after')
    const work = flow('work', { concurrency: 4 }).from(inbox<number>()).to('do', slow, { timeout: '10s' })
    await using engine = await rig([work])
    const sends = Array.from({ length: 20 }, (_, n) => engine.engine.send(work, n))
    await engine.advance('9s')
    await Promise.all(sends)
    expect(slow.requests.map(({ input }) => input)).toEqual([0, 1, 2, 3])
    slow.when(() => undefined)
    await engine.advance('1h')
    expect(new Set(slow.effects.map(({ input }) => input)).size).toBe(20)
  })
})

describe('dedupe', () => {
  it('on the source answers the first id, in the same commit, after a restart, and no longer than it remembers', async () => {
    const save = flow('save').from(inbox<Item>(), { dedupe: (item) => `${item.n}`, dedupeFor: '1h' })
    const counted = save.map('same', (item) => item)
    await using engine = await rig([counted])
    const both = Promise.all([
      engine.engine.send(counted, { key: 'a', n: 1 }),
      engine.engine.send(counted, { key: 'b', n: 1 }),
    ])
    const [first, second] = await engine.during(both)
    expect([first.duplicate, second.duplicate]).toEqual([false, true])
    expect(second.id).toBe(first.id)
    engine.crash()
    await engine.start()
    expect(await engine.send(counted, { key: 'c', n: 1 })).toEqual({ id: first.id, duplicate: true })
    await engine.advance('59m')
    expect((await engine.send(counted, { key: 'd', n: 1 })).duplicate).toBe(true)
    await engine.advance('2m')
    expect((await engine.send(counted, { key: 'e', n: 1 })).duplicate).toBe(false)
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done', 'done'])
  })

  it('as a step filters the second one, also after a crash, and lets the first through again when it is sent again', async () => {
    const put = store()
    put.next({ rejected: 'not today' })
    const save = flow('save')
      .from(inbox<Item>())
      .dedupe('once', { by: (item) => item.key, for: '1h' })
      .to('put', put)
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    engine.crash()
    await engine.start()
    await engine.send(save, { key: 'a', n: 2 })
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['dead', 'filtered'])
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'again' }))
    await engine.advance('2h')
    await engine.send(save, { key: 'a', n: 3 })
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done', 'filtered', 'done'])
    expect(numbers(put)).toEqual(['a1', 'a3'])
  })
})

describe('engine state', () => {
  const counting = (put: ReturnType<typeof store>) =>
    flow('count')
      .from(inbox<Item>())
      .state('tally', { key: (item) => item.key, initial: () => 0, as: 'tally' }, (tally) => ({
        state: tally + 1,
        result: tally + 1,
      }))
      .to('put', put, { input: (item, { tally }) => ({ key: item.key, n: tally }) })

  it('is changed by one message after the other, however many run at once', async () => {
    const put = store()
    const count = counting(put)
    await using engine = await rig([count])
    const sends = Array.from({ length: 200 }, (_, n) => engine.engine.send(count, { key: `k${n % 3}`, n }))
    await engine.during(Promise.all(sends))
    await engine.advance('1s')
    const tallies = new Map<string, number[]>()
    for (const { input } of put.effects) tallies.set(input.key, [...(tallies.get(input.key) ?? []), input.n])
    for (const [key, seen] of tallies)
      expect(
        seen.toSorted((a, b) => a - b),
        key,
      ).toEqual(seen.map((_, at) => at + 1))
  })

  it('shows nothing of an update that changed it in place and then threw', async () => {
    const put = fakeOperation<{ seen: readonly number[] }>('store.put', { kind: 'natural' })
    const count = flow('count')
      .from(inbox<number>())
      .state('seen', { key: () => 'all', initial: (): number[] => [], as: 'seen' }, (seen, n) => {
        seen.push(n)
        if (n < 0) throw new Error('no such number')
        return { state: seen, result: seen }
      })
      .to('put', put, { input: (_n, { seen }) => ({ seen }) })
    await using engine = await rig([count])
    await engine.during(Promise.all([1, -1, 2, -2, 3].map((n) => engine.engine.send(count, n))))
    await engine.advance('1s')
    expect(put.effects.map(({ input }) => input.seen)).toEqual([[1], [1, 2], [1, 2, 3]])
  })

  it('is committed with the record of who changed it: a crash at any commit counts nobody twice or not at all', async () => {
    let crashes = 0
    for (const fate of ['lost-before', 'lost-after'] as const) {
      for (let at = 1; at <= 12; at += 1) {
        const put = store()
        const count = counting(put)
        let left = Number.POSITIVE_INFINITY
        await using engine = await rig([count], { onCommit: () => (--left === 0 ? fate : 'ok') })
        left = at
        const ids = new Set<string>()
        const sendAll = async (): Promise<void> => {
          for (const n of [1, 2, 3, 4]) {
            const dedupeKey = `${n}`
            await engine.send(count, { key: 'a', n }, { dedupeKey }).then(
              ({ id }) => ids.add(id),
              () => undefined,
            )
          }
          await engine.advance('1s')
        }
        await sendAll()
        if (left <= 0) {
          crashes += 1
          engine.crash()
          await engine.start()
          await sendAll()
        }
        await engine.advance('10m')
        const told = `${fate} at commit ${at}`
        expect(ids.size, told).toBe(4)
        expect(await engine.states(), told).toEqual(['done', 'done', 'done', 'done'])
        expect(put.effects.map(({ input }) => input.n).toSorted(), told).toEqual([1, 2, 3, 4])
      }
    }
    expect(crashes).toBeGreaterThan(8)
  })
})

describe('channels', () => {
  const schema = z.object({ key: z.string(), n: z.number() })

  const behind = async (engine: Rig, name: string) =>
    (await engine.admin.messages({ flow: name, order: 'oldest' })).items

  it('of kind queue hand each message to the one flow behind; a topic hands a copy to each', async () => {
    const queue = channel('queue', { schema })
    const topic = channel('topic', { kind: 'topic', schema })
    const first = flow('first')
      .from(inbox<Item>())
      .publish('q', queue)
      .publish('t', topic, { key: (i) => i.key })
    const put = store()
    const flows = [
      first,
      flow('of queue').from(queue, byKey).to('put', put),
      flow('of topic 1').from(topic).to('put', put),
      flow('of topic 2')
        .from(topic)
        .filter('none', () => false),
    ]
    await using engine = await rig(flows)
    const { id } = await engine.send(first, { key: 'a', n: 1 })
    await engine.advance('1s')
    expect(await behind(engine, 'of queue')).toMatchObject([{ state: 'done', key: 'a' }])
    expect(await behind(engine, 'of topic 1')).toMatchObject([{ state: 'done', key: 'a' }])
    expect(await behind(engine, 'of topic 2')).toMatchObject([{ state: 'filtered' }])
    const trace = await engine.trace((await behind(engine, 'of queue'))[0]?.id ?? '')
    expect(trace.message.headers['linkspan-cause']).toBe(id)
  })

  it('get what is published exactly once, whenever the engine is killed', async () => {
    let crashes = 0
    for (const fate of ['lost-before', 'lost-after'] as const) {
      for (let at = 1; at <= 8; at += 1) {
        const queue = channel<Item>('queue')
        const put = store()
        const first = flow('first')
          .from(inbox<Item>())
          .publish('out', queue)
          .to('put', put)
          .publish('after', queue)
        const second = flow('second')
          .from(queue, byKey)
          .map('same', (item) => item)
        let left = Number.POSITIVE_INFINITY
        await using engine = await rig([first, second], { onCommit: () => (--left === 0 ? fate : 'ok') })
        left = at
        const send = () => engine.send(first, { key: 'a', n: 1 }, { dedupeKey: '1' }).catch(() => undefined)
        await send()
        await engine.advance('1s')
        if (left <= 0) {
          crashes += 1
          engine.crash()
          await engine.start()
          await send()
        }
        await engine.advance('10m')
        const told = `${fate} at commit ${at}`
        expect(
          (await behind(engine, 'second')).map(({ state }) => state),
          told,
        ).toEqual(['done', 'done'])
        expect(put.effects, told).toHaveLength(1)
      }
    }
    expect(crashes).toBeGreaterThan(6)
  })

  it('get nothing of a pass that fails before its first commit, and all of it when it is sent again', async () => {
    const queue = channel<Item>('queue')
    let broken = true
    const first = flow('first')
      .from(inbox<Item>())
      .publish('out', queue)
      .map('check', (item) => {
        if (broken) throw new Error('not yet')
        return item
      })
    const second = flow('second')
      .from(queue)
      .map('same', (item) => item)
    await using engine = await rig([first, second])
    const { id } = await engine.send(first, { key: 'a', n: 1 })
    await engine.advance('1s')
    expect(await behind(engine, 'second')).toEqual([])
    broken = false
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'again' }))
    await engine.advance('1s')
    expect(await behind(engine, 'second')).toMatchObject([{ state: 'done' }])
  })
})
