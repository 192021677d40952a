import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { type Rig, rig } from './rig.ts'

const store = () => fakeOperation<string>('store.put', { kind: 'key', validFor: '1d' })
const inputs = ({ effects }: { readonly effects: readonly { readonly input: unknown }[] }) =>
  effects.map(({ input }) => input)

const parent = async (engine: Rig) => (await engine.admin.messages({ order: 'oldest' })).items[0]
const children = async (engine: Rig) => {
  const { items } = await engine.admin.messages({ children: true, order: 'oldest', limit: 1_000 })
  return items.filter(({ id }) => id.includes('~'))
}

describe('split', () => {
  it('runs a child for each item, joins what they end with in the order of the items, and keeps the body', async () => {
    const put = store()
    put.when(({ input, attempt }) => (input === 'b' && attempt < 3 ? 'unavailable' : undefined))
    const save = flow('save')
      .from(inbox<string[]>())
      .split(
        'each',
        (all) => all,
        (one) => one.to('put', put).map('loud', (text) => text.toUpperCase()),
        { join: 'collect', as: 'loud' },
      )
      .reply('answer', (all, { loud }) => [...all, ...loud])
    await using engine = await rig([save])
    const { id } = await engine.send(save, ['a', 'b', 'c'])
    await engine.advance('1h')
    expect(await engine.reply(id)).toEqual(['a', 'b', 'c', 'A', 'B', 'C'])
    expect(inputs(put)).toEqual(['a', 'c', 'b'])
    expect((await children(engine)).map(({ state }) => state)).toEqual(['done', 'done', 'done'])
  })

  it('folds, leaves out children that did not reach their end, and counts those apart', async () => {
    const sum = flow('sum')
      .from(inbox<number[]>())
      .split(
        'each',
        (all) => all,
        (one) => one.filter('even', (n) => n % 2 === 0),
        { join: { initial: () => 0, add: (total, n: number) => total + n } },
      )
      .reply('answer', (total) => total)
    await using engine = await rig([sum])
    const { id } = await engine.send(sum, [1, 2, 3, 4])
    await engine.advance('1s')
    expect(await engine.reply(id)).toBe(6)
    const { messages, children: counted } = await engine.admin.status()
    expect([messages.done, counted.done, counted.filtered]).toEqual([1, 2, 2])
  })

  it('goes on without failed children, or with stopOnError makes no more and fails', async () => {
    for (const stopOnError of [false, true]) {
      const put = store()
      put.when(({ input }) => (input === '3' ? { rejected: 'three' } : undefined))
      const save = flow('save')
        .from(inbox<number>())
        .split(
          'each',
          (count) => Array.from({ length: count }, (_, at) => `${at}`),
          (one) => one.to('put', put),
          { stopOnError, concurrency: 2 },
        )
      await using engine = await rig([save])
      await engine.send(save, 50)
      await engine.advance('1s')
      const made = await children(engine)
      expect(made.filter(({ state }) => state === 'dead')).toHaveLength(1)
      if (stopOnError) {
        expect(made.length).toBeLessThan(10)
        expect(await parent(engine)).toMatchObject({ state: 'dead', error: { code: 'SPLIT_ITEM_FAILED' } })
      } else {
        expect(made).toHaveLength(50)
        expect(await parent(engine)).toMatchObject({ state: 'done' })
      }
    }
  })

  it('reads its items a few at a time: a million would not be in memory', async () => {
    let read = 0
    const put = store()
    put.when(() => 'timeout-before')
    const save = flow('save')
      .from(inbox<string>())
      .split(
        'each',
        function* () {
          for (let at = 0; at < 1_000_000; at += 1) {
            read += 1
            yield `${at}`
          }
        },
        (one) => one.to('put', put, { timeout: '1h' }),
      )
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('1m')
    expect(read).toBeGreaterThan(100)
    expect(read).toBeLessThan(1_000)
    engine.crash()
    await engine.start()
    await engine.advance('1m')
    expect(read).toBeLessThan(2_000)
    engine.crash()
    await engine.start([
      flow('save')
        .from(inbox<string>())
        .map('other', (text) => text),
    ])
  })

  it('has made no item of which one cannot be kept: once the flow is right, all of them are made', async () => {
    const put = fakeOperation<string>('store.put', { kind: 'natural' })
    const save = (item: (n: number) => unknown) =>
      flow('save')
        .from(inbox<number[]>())
        .split(
          'each',
          (all) => all.map(item),
          (one) => one.to('put', put, { input: (n) => String(n) }),
        )
    const wrong = save((n) => (n === 3 ? BigInt(n) : n))
    await using engine = await rig([wrong])
    const { id } = await engine.send(wrong, [1, 2, 3])
    await engine.advance('1m')
    expect(await engine.message(id)).toMatchObject({ state: 'dead', error: { code: 'BODY_INVALID' } })
    await engine.stop()
    await engine.start([save((n) => n)])
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'the flow is right now' }))
    await engine.advance('1m')
    expect(await engine.states()).toEqual(['done'])
    expect(inputs(put).toSorted()).toEqual(['1', '2', '3'])
  })

  it('makes no item twice and leaves none out, whenever the engine is killed', async () => {
    const items = Array.from({ length: 300 }, (_, at) => `${at}`)
    let crashes = 0
    for (const fate of ['lost-before', 'lost-after'] as const) {
      for (let at = 1; at <= 8; at += 1) {
        const put = fakeOperation<string>('store.put', { kind: 'natural' })
        const save = flow('save')
          .from(inbox<string[]>())
          .split(
            'each',
            (all) => all,
            (one) => one.to('put', put),
            { join: 'collect', as: 'all' },
          )
          .reply('answer', (_all, { all }) => all)
        let left = Number.POSITIVE_INFINITY
        await using engine = await rig([save], { onCommit: () => (--left === 0 ? fate : 'ok') })
        left = at
        const send = () => engine.send(save, items, { dedupeKey: '1' }).catch(() => undefined)
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
        const { id, state } = (await parent(engine)) ?? {}
        expect(state, told).toBe('done')
        expect(await engine.reply(id ?? ''), told).toEqual(items)
        expect((await children(engine)).length, told).toBe(300)
        expect(new Set(inputs(put)).size, told).toBe(300)
        const { children: counted } = await engine.admin.status()
        expect(counted, told).toMatchObject({ done: 300, active: 0, waiting: 0 })
      }
    }
    expect(crashes).toBeGreaterThan(6)
  })
})

describe('multicast', () => {
  it('sends the body down all branches, waits for them, and goes on when one fails', async () => {
    const one = fakeOperation<string>('one.put', { kind: 'natural' })
    const two = fakeOperation<string>('two.put', { kind: 'natural' })
    const after = fakeOperation<string>('after.put', { kind: 'natural' })
    one.next('unavailable')
    two.when(() => ({ rejected: 'no' }))
    const tell = flow('tell')
      .from(inbox<string>())
      .multicast('both', (m) =>
        m
          .branch('one', (s) => s.map('loud', (text) => text.toUpperCase()).to('one', one))
          .branch('two', (s) => s.to('two', two)),
      )
      .to('after', after)
    await using engine = await rig([tell])
    await engine.send(tell, 'hi')
    await engine.advance('100ms')
    expect(after.requests).toHaveLength(0)
    await engine.advance('1h')
    expect([inputs(one), inputs(two), inputs(after)]).toEqual([['HI'], [], ['hi']])
    expect((await children(engine)).map(({ state }) => state)).toEqual(['done', 'dead'])
    expect((await parent(engine))?.state).toBe('done')
  })
})

describe('tap', () => {
  it('sends a copy that nobody waits for, whose failure does not matter, with the names bound so far', async () => {
    const look = fakeOperation<string, { n: number }, { kind: 'natural' }>(
      'look.up',
      { kind: 'natural' },
      {
        result: () => ({ n: 7 }),
      },
    )
    const audit = fakeOperation<string>('audit.put', { kind: 'natural' })
    const tell = flow('tell')
      .from(inbox<string>())
      .call('look', look, { as: 'found' })
      .tap('audit', (copy) =>
        copy.delay('later', '1h').to('log', audit, { input: (text, { found }) => `${text} ${found.n}` }),
      )
      .tap('broken', (copy) =>
        copy.map('break', () => {
          throw new Error('broken copy')
        }),
      )
      .reply('answer', (text) => text)
    await using engine = await rig([tell])
    const { id } = await engine.send(tell, 'hi')
    await engine.advance('1m')
    expect((await engine.message(id)).state).toBe('done')
    engine.crash()
    await engine.start()
    await engine.advance('2h')
    expect(inputs(audit)).toEqual(['hi 7'])
    expect((await children(engine)).map(({ state }) => state)).toEqual(['done', 'dead'])
    const { messages, children: counted } = await engine.admin.status()
    expect([messages.done, messages.dead, counted.done, counted.dead]).toEqual([1, 0, 1, 1])
  })
})
