import { channel, createEngine, type Flow, fixed, flow, inbox, LinkspanError, retry } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { type FakeOutcome, fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { type Rig, rig } from './rig.ts'

interface Order {
  readonly id: string
  readonly n: number
}
const first = () => fakeOperation<object>('first.put', { kind: 'key', validFor: '1d' })
const second = () => fakeOperation<object>('second.put', { kind: 'key', validFor: '1d' })

/** A message whose first call is on record, waiting before its second one. */
async function waiting(options: { readonly settle?: boolean } = {}) {
  const one = first()
  const two = second()
  const before = flow('ship')
    .from(inbox<Order>())
    .map('label', (order) => ({ ...order, label: `to ${order.id}` }))
    .to('first', one)
    .delay('rest', '1h')
    .to('second', two)
  const engine = await rig([before])
  const { id } = await engine.send(before, { id: 'a', n: 1 })
  await engine.advance(options.settle ? '2h' : '1s')
  return { engine, one, two, before, id }
}

const check = (engine: Rig) => engine.admin.check(() => undefined)
const deploy = async (engine: Rig, changed: Parameters<Rig['start']>[0]) => {
  await engine.stop()
  await engine.start(changed)
}

describe('a message under way, and changed code', () => {
  it('goes on where the change does not touch what is on record', async () => {
    const { engine, one, two } = await waiting()
    await using _end = engine
    const changed = flow('ship')
      .from(inbox<Order>())
      .map('label', (order) => ({ ...order, label: ['to', order.id].join(' ') }))
      .to('first', one)
      .delay('rest', '1h')
      .map('more', (order) => ({ ...order, extra: true }))
      .to('second', two)
    await deploy(engine, [changed])
    expect((await check(engine)).flows).toMatchObject([{ flow: 'ship', live: 1, fit: 1, parked: [] }])
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['done'])
    expect(one.requests).toHaveLength(1)
    expect(two.effects).toMatchObject([{ input: { extra: true } }])
  })

  it('is parked with the reason when a recorded call would now be sent with another input', async () => {
    const { engine, one, two, id } = await waiting()
    await using _end = engine
    const changed = flow('ship')
      .from(inbox<Order>())
      .map('label', (order) => ({ ...order, label: `for ${order.id}` }))
      .to('first', one)
      .delay('rest', '1h')
      .to('second', two)
    const parked: string[] = []
    await engine.stop()
    await engine.start([changed], {
      hooks: { onParked: ({ id: each, path }) => void parked.push(`${each} ${path}`) },
    })
    expect((await check(engine)).flows).toMatchObject([
      { live: 1, fit: 0, parked: [{ id, reason: expect.stringContaining('"first"') }] },
    ])
    await engine.advance('2h')
    expect(await engine.message(id)).toMatchObject({ state: 'parked' })
    expect((await engine.message(id)).error?.message).toMatch(/"first".*former flow back/)
    expect(parked).toEqual([`${id} first`])
    expect([one.requests.length, two.requests.length]).toEqual([1, 0])
  })

  it('is parked when a recorded step is gone, renamed unannounced, or has others before it', async () => {
    const put = { kind: 'key', validFor: '1d' } as const
    const changes = {
      gone: (s: ReturnType<typeof second>) =>
        flow('ship').from(inbox<Order>()).delay('rest', '1h').to('second', s),
      renamed: (s: ReturnType<typeof second>) =>
        flow('ship')
          .from(inbox<Order>())
          .to('erst', fakeOperation<Order>('first.put', put))
          .delay('rest', '1h')
          .to('second', s),
      before: (s: ReturnType<typeof second>) =>
        flow('ship')
          .from(inbox<Order>())
          .to('new', fakeOperation<Order>('new.put', put))
          .map('label', (order) => ({ ...order, label: `to ${order.id}` }))
          .to('first', first())
          .delay('rest', '1h')
          .to('second', s),
    }
    for (const [what, change] of Object.entries(changes)) {
      const { engine, two, id } = await waiting()
      await using _end = engine
      await deploy(engine, [change(two)])
      await engine.advance('2h')
      expect(await engine.message(id), what).toMatchObject({ state: 'parked' })
      expect(two.requests, what).toHaveLength(0)
    }
  })

  it('goes on when the former flow is back and it is redelivered', async () => {
    const { engine, one, two, before, id } = await waiting()
    await using _end = engine
    await deploy(engine, [flow('ship').from(inbox<Order>()).to('second', two)])
    await engine.advance('2h')
    expect((await engine.message(id)).state).toBe('parked')
    await deploy(engine, [before])
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'back' }))
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['done'])
    expect([one.requests.length, two.effects.length]).toEqual([1, 1])
  })

  it('carries its record over to new names of steps', async () => {
    const { engine, one, two } = await waiting()
    await using _end = engine
    const changed = flow('ship')
      .from(inbox<Order>())
      .map('label', (order) => ({ ...order, label: `to ${order.id}` }))
      .to('announce', one, { renamedFrom: 'first' })
      .delay('pause', '1h', { renamedFrom: 'rest' })
      .to('deliver', two, { renamedFrom: 'second' })
    await deploy(engine, [changed])
    expect((await check(engine)).flows).toMatchObject([{ live: 1, fit: 1 }])
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['done'])
    expect([one.requests.length, two.effects.length]).toEqual([1, 1])
  })

  it('stays where it is while its flow is not in the project, and goes on when it is again', async () => {
    const { engine, two, before } = await waiting()
    await using _end = engine
    const other = flow('other')
      .from(inbox<string>())
      .map('same', (text) => text)
    await deploy(engine, [other])
    expect((await check(engine)).flows).toMatchObject([{ flow: 'ship', live: 1, fit: 0, gone: true }])
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['waiting'])
    await deploy(engine, [before])
    await engine.advance('2h')
    expect(await engine.states()).toEqual(['done'])
    expect(two.effects).toHaveLength(1)
  })
})

describe('a flow that was renamed', () => {
  interface Item {
    readonly key: string
    readonly n: number
    readonly parts?: readonly number[]
  }
  const sinks = () => ({
    put: fakeOperation<Item>('store.put', { kind: 'natural' }),
    part: fakeOperation<number>('part.put', { kind: 'natural' }),
  })
  /** Its messages wait in every way there is: delayed, to be retried, behind another of their key, for children. */
  const shipping = ({ put, part }: ReturnType<typeof sinks>, name: string, renamedFrom?: string) =>
    flow(name, {
      onError: retry({ attempts: 3, backoff: fixed('10m') }),
      ...(renamedFrom ? { renamedFrom } : {}),
    })
      .from(inbox<Item>(), { key: (item) => item.key })
      .split(
        'parts',
        (item) => item.parts ?? [],
        (part_) => part_.delay('dry', '1h').to('part', part),
      )
      .delay('rest', (item) => (item.key === 'delayed' ? '1h' : 0))
      .state('count', { initial: () => 0, as: 'count' }, (count) => ({ state: count + 1, result: count + 1 }))
      .to('put', put, { input: (item, { count }) => ({ ...item, count }) })

  it.each(['a stop', 'a crash'])(
    'runs the messages of its former name after %s, in their order',
    async (end) => {
      const to = sinks()
      let down = true
      to.put.when(({ input }) => (down && input.key === 'failing' ? 'unavailable' : undefined))
      const before = shipping(to, 'ship')
      const after = shipping(to, 'deliver', 'ship')
      await using engine = await rig([before])
      const ids: string[] = []
      for (const [key, n] of [
        ['delayed', 1],
        ['failing', 2],
        ['failing', 3],
        ['failing', 4],
      ] as const)
        ids.push((await engine.send(before, { key, n })).id)
      ids.push((await engine.send(before, { key: 'split', n: 5, parts: [1, 2, 3] })).id)
      await engine.advance('1s')
      expect(await engine.states()).toEqual(['waiting', 'waiting', 'waiting', 'waiting', expect.any(String)])
      if (end === 'a crash') engine.crash()
      else await engine.stop()
      await engine.start([after])

      expect((await check(engine)).flows).toMatchObject([
        { flow: 'deliver', fit: 8, parked: [], gone: false },
      ])
      expect((await engine.admin.messages({ flow: 'deliver' })).items.map(({ id }) => id).toSorted()).toEqual(
        ids.toSorted(),
      )
      expect((await engine.admin.messages({ flow: 'ship' })).items).toHaveLength(5)
      expect(
        (await engine.admin.keys('deliver', 10)).map(({ key, by, behind }) => [key, by, behind]),
      ).toContainEqual(['failing', ids[1], 2])
      expect(await engine.admin.flows()).toMatchObject([{ name: 'deliver', messages: { done: 0 } }])
      down = false
      ids.push((await engine.send(after, { key: 'failing', n: 6 })).id)
      await engine.advance('2h')
      expect(await engine.states()).toEqual(Array(6).fill('done'))
      const failing = to.put.effects.filter(({ input }) => input.key === 'failing')
      expect(failing.map(({ input }) => input.n)).toEqual([2, 3, 4, 6])
      expect(to.put.effects).toHaveLength(6)
      expect(to.part.effects.map(({ input }) => input)).toEqual([1, 2, 3])
      const { messages, children } = await engine.admin.status()
      expect([messages.done, messages.waiting, children.done, children.waiting]).toEqual([6, 0, 3, 0])
      expect((await engine.trace(ids[0] as string)).steps.at(-1)).toMatchObject({
        path: 'put',
        outcome: 'done',
      })

      await engine.stop()
      await engine.start()
      expect((await engine.admin.status()).messages).toMatchObject({ done: 6, waiting: 0 })
    },
  )

  it('stays paused, and its dead letters are redelivered', async () => {
    const to = sinks()
    to.put.next({ rejected: 'no' })
    const before = shipping(to, 'ship')
    await using engine = await rig([before])
    const { id } = await engine.send(before, { key: 'a', n: 1 })
    await engine.advance('1s')
    await engine.during(engine.admin.pause('ship'))
    await engine.send(before, { key: 'b', n: 2 })
    await deploy(engine, [shipping(to, 'deliver', 'ship')])
    expect(await engine.admin.flows()).toMatchObject([
      { name: 'deliver', paused: true, messages: { dead: 1, waiting: 1 } },
    ])
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'again' }))
    await engine.during(engine.admin.resume('deliver'))
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done', 'done'])
    await deploy(engine, [shipping(to, 'deliver', 'ship')])
    expect(await engine.admin.flows()).toMatchObject([{ paused: false, messages: { dead: 0, done: 2 } }])
  })

  it('knows again what was accepted under its former name', async () => {
    const named = (name: string, renamedFrom?: string) =>
      flow(name, renamedFrom ? { renamedFrom } : {}).from(inbox<string>())
    const before = named('ship')
    await using engine = await rig([before])
    const { id } = await engine.send(before, 'a', { dedupeKey: 'delivery-1' })
    const after = named('deliver', 'ship')
    await deploy(engine, [after])
    expect(await engine.send(after, 'a', { dedupeKey: 'delivery-1' })).toEqual({ id, duplicate: true })
  })

  it('without saying so leaves messages that say what they wait for', async () => {
    const to = sinks()
    const before = shipping(to, 'ship')
    await using engine = await rig([before])
    const { id } = await engine.send(before, { key: 'delayed', n: 1 })
    await engine.advance('1s')
    await deploy(engine, [shipping(to, 'deliver')])
    const error = { code: 'FLOW_UNKNOWN', message: expect.stringContaining("renamedFrom: 'ship'") }
    expect((await engine.admin.messages({})).items).toMatchObject([{ id, state: 'waiting', error }])
    expect((await engine.trace(id)).message).toMatchObject({ error })
    expect(engine.log.of('flow.unknown')).toMatchObject([{ fields: { flow: 'ship', waiting: 1 } }])
    await engine.during(engine.admin.cancel(id, 'gone'))
    expect(await engine.states()).toEqual(['dropped'])
  })

  it('cannot be called what another flow is, or was', () => {
    const named = (name: string, renamedFrom?: string) =>
      flow(name, renamedFrom ? { renamedFrom } : {}).from(inbox<string>())
    const project =
      (...flows: Flow[]) =>
      () =>
        createEngine({ journal: simulated(), flows, http: false })
    expect(project(named('a', 'b'), named('b'))).toThrow(
      /"a" was called "b" \(renamedFrom\), and there is a flow of that name/,
    )
    expect(project(named('a', 'x'), named('b', 'x'))).toThrow(
      /"b" was called "x" \(renamedFrom\), and so was "a"/,
    )
  })
})

describe('replay', () => {
  const replay = (engine: Rig) => engine.admin.replay({ query: { flow: 'ship' } }, () => undefined)

  it('of unchanged code shows no difference, and sends nothing', async () => {
    const { engine, one, two } = await waiting({ settle: true })
    await using _end = engine
    const commits = engine.journal.commits
    expect(await replay(engine)).toEqual({ messages: 1, unchanged: 1, differences: [] })
    expect([one.requests.length, two.requests.length]).toEqual([1, 1])
    expect(engine.journal.commits).toBe(commits)
  })

  it('and a check say how far they are, and of how many where that is known', async () => {
    const { engine, before, id } = await waiting()
    await using _end = engine
    await engine.send(before, { id: 'b', n: 2 })
    await engine.advance('1s')
    const heard: [number, number][] = []
    const progress = (done: number, total: number) => void heard.push([done, total])
    await engine.admin.replay({ query: { flow: 'ship' } }, progress)
    expect(heard.splice(0)).toEqual([
      [1, 0],
      [2, 0],
    ])
    await engine.admin.replay({ ids: [id] }, progress)
    expect(heard.splice(0)).toEqual([[1, 1]])
    await engine.admin.check(progress)
    expect(heard.splice(0)).toEqual([
      [1, 2],
      [2, 2],
    ])
  })

  it('of unchanged code shows no difference for what is still on its way', async () => {
    const { engine } = await waiting()
    await using _end = engine
    expect(await replay(engine)).toEqual({ messages: 1, unchanged: 1, differences: [] })
  })

  it('shows what a message on its way has sent differently, and not what it comes to later', async () => {
    const { engine, one, two } = await waiting()
    await using _end = engine
    const extra = fakeOperation<object>('extra.put', { kind: 'natural' })
    await deploy(engine, [
      flow('ship')
        .from(inbox<Order>())
        .to('first', one)
        .delay('rest', '1h')
        .to('extra', extra)
        .to('second', two),
    ])
    expect((await replay(engine)).differences).toMatchObject([{ path: 'first', kind: 'changed' }])
    await deploy(engine, [flow('ship').from(inbox<Order>()).to('extra', extra).to('first', one)])
    expect((await replay(engine)).differences).toMatchObject([{ path: 'extra', kind: 'unanswerable' }])
  })

  it('of unchanged code shows no difference for what a person or its time limit cut short', async () => {
    const pure = flow('ship', { timeLimit: '1m' })
      .from(inbox<Order>(), { key: ({ id }) => id })
      .map('label', (order) => ({ ...order, label: `to ${order.id}` }))
    for (const slow of [pure, pure.to('first', first())]) {
      await using engine = await rig([slow])
      await engine.during(engine.admin.pause('ship'))
      const { id } = await engine.send(slow, { id: 'a', n: 1 })
      await engine.send(slow, { id: 'b', n: 2 })
      expect((await replay(engine)).differences).toEqual([])
      await engine.during(engine.admin.cancel(id, 'withdrawn'))
      await engine.advance('2m')
      await engine.during(engine.admin.resume('ship'))
      await engine.advance('1s')
      expect(await engine.states()).toEqual(['dropped', 'dead'])
      expect(await replay(engine)).toEqual({ messages: 2, unchanged: 2, differences: [] })
    }
  })

  it('of unchanged code shows no difference for what waits to be tried again', async () => {
    let broken = true
    const label = (order: Order) => {
      if (broken) throw new LinkspanError('STEP_FAILED', 'no label', { retry: 'later' })
      return order
    }
    const tried = flow('ship', { onError: retry({ attempts: 9, backoff: fixed('1h') }) })
      .from(inbox<Order>())
      .map('label', label)
      .to('first', first())
    await using engine = await rig([tried])
    await engine.send(tried, { id: 'a', n: 1 })
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['waiting'])
    expect((await replay(engine)).differences).toEqual([])
    broken = false
    expect((await replay(engine)).differences).toEqual([])
  })

  it('does not miss children and messages that are still to be made', async () => {
    const put = first()
    const words = channel<string>('words')
    const out = flow('ship')
      .from(inbox<string[]>())
      .delay('rest', '1h')
      .publish('tell', words, { body: (all) => all.join(' ') })
      .split(
        'each',
        (all) => all,
        (one) => one.to('put', put, { input: (text) => ({ text }) }),
      )
      .reply('answer', (all) => all.length)
    const heard = flow('heard').from(words)
    await using engine = await rig([out, heard])
    await engine.during(engine.admin.pause('ship'))
    await engine.send(out, ['a', 'b'])
    await engine.advance('1s')
    expect((await replay(engine)).differences).toEqual([])
    await engine.during(engine.admin.resume('ship'))
    await engine.advance('2h')
    expect(await replay(engine)).toMatchObject({ unchanged: 1, differences: [] })
  })

  it('shows field by field what would be sent differently', async () => {
    const { engine, one, two, id } = await waiting({ settle: true })
    await using _end = engine
    const changed = flow('ship')
      .from(inbox<Order>())
      .map('label', ({ id: order, n }) => ({ id: order, label: `for ${order}`, count: n }))
      .to('first', one)
      .delay('rest', '1h')
      .to('second', two, { input: (order) => ({ id: order.id, n: order.count, label: `to ${order.id}` }) })
    await deploy(engine, [changed])
    const { differences, unchanged } = await replay(engine)
    expect(unchanged).toBe(0)
    expect(differences).toMatchObject([{ id, path: 'first', kind: 'changed' }])
    expect(differences[0]?.fields.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
      { path: '/count', kind: 'added', before: null, after: 1 },
      { path: '/label', kind: 'changed', before: 'to a', after: 'for a' },
      { path: '/n', kind: 'removed', before: 1, after: null },
    ])
  })

  it('shows calls that are gone, calls whose answer is not on record, and another ending', async () => {
    const { engine, one, two } = await waiting({ settle: true })
    await using _end = engine
    await deploy(engine, [
      flow('ship')
        .from(inbox<Order>())
        .map('label', (order) => ({ ...order, label: `to ${order.id}` }))
        .to('first', one)
        .delay('rest', '1h'),
    ])
    expect((await replay(engine)).differences).toMatchObject([{ path: 'second', kind: 'removed' }])
    const extra = fakeOperation<Order>('extra.put', { kind: 'natural' })
    await deploy(engine, [flow('ship').from(inbox<Order>()).to('extra', extra).to('second', two)])
    expect((await replay(engine)).differences).toMatchObject([
      { path: 'extra', kind: 'unanswerable', before: null, after: { id: 'a', n: 1 } },
    ])
    await deploy(engine, [
      flow('ship')
        .from(inbox<Order>())
        .filter('none', () => false),
    ])
    const found = (await replay(engine)).differences
    expect(found.filter(({ kind }) => kind === 'removed').map(({ path }) => path)).toEqual([
      'first',
      'second',
    ])
    expect(found).toContainEqual(
      expect.objectContaining({ kind: 'ending', before: 'done', after: 'filtered' }),
    )
    expect(extra.requests).toHaveLength(0)
  })

  it('answers calls from the record, random numbers and the time included', async () => {
    const put = second()
    const dice = flow('ship')
      .from(inbox<Order>())
      .map('dice', (order, ctx) => ({ ...order, dice: ctx.random(), at: ctx.now }))
      .to('first', first())
      .delay('rest', '3h')
      .to('second', put, { input: (order, ctx) => ({ ...order, later: ctx.now, more: ctx.random() }) })
    await using engine = await rig([dice])
    for (const n of [1, 2, 3]) await engine.send(dice, { id: 'a', n })
    await engine.advance('1h')
    engine.crash()
    await engine.start()
    await engine.advance('3h')
    expect(await engine.states()).toEqual(['done', 'done', 'done'])
    expect(new Set(put.effects.map(({ input }) => (input as { dice: number }).dice)).size).toBe(3)
    await engine.advance('3h')
    expect(await replay(engine)).toMatchObject({ messages: 3, unchanged: 3, differences: [] })
  })

  it('goes through children, published messages and replies', async () => {
    const put = first()
    const make = (suffix: string) =>
      flow('ship')
        .from(inbox<string[]>())
        .split(
          'each',
          (all) => all,
          (one) => one.to('put', put, { input: (text) => ({ text: text + suffix }) }),
        )
        .reply('answer', (all) => all.length)
    const before = make('')
    await using engine = await rig([before])
    await engine.send(before, ['a', 'b'])
    await engine.advance('1s')
    expect(await replay(engine)).toMatchObject({ unchanged: 1, differences: [] })
    await deploy(engine, [make('!')])
    const { differences } = await replay(engine)
    expect(differences.map(({ path, kind, fields }) => [path, kind, fields[0]?.after])).toEqual([
      ['each/put', 'changed', 'a!'],
      ['each/put', 'changed', 'b!'],
    ])
  })
})

describe('a trace', () => {
  it('of a message that waits ends at the step that it waits in', async () => {
    const put = fakeOperation<Order>('store.put', { kind: 'natural' })
    put.next('silent')
    const later = flow('later').from(inbox<Order>()).delay('rest', '1h').to('put', put)
    await using engine = await rig([later])
    const { id } = await engine.send(later, { id: 'a', n: 1 })
    const outcomes = async () => (await engine.trace(id)).steps.map(({ path, outcome }) => [path, outcome])
    await engine.advance('1s')
    expect(await outcomes()).toEqual([['rest', 'waiting']])
    await engine.advance('1h')
    expect((await engine.message(id)).state).toBe('active')
    expect(await outcomes()).toEqual([
      ['rest', 'done'],
      ['put', 'waiting'],
    ])
    await engine.advance('1h')
    expect(await outcomes()).toEqual([
      ['rest', 'done'],
      ['put', 'done'],
    ])
  })

  it('shows each step with its input, output, outcome and attempts, of each ending', async () => {
    const put = fakeOperation<Order, { ok: boolean }, { kind: 'none' }>(
      'store.put',
      { kind: 'none' },
      {
        result: () => ({ ok: true }),
      },
    )
    const flows = flow('ship')
      .from(inbox<Order>())
      .map('double', (order) => ({ ...order, n: order.n * 2 }))
      .filter('small', (order) => order.n < 100)
      .call('put', put, { as: 'stored', onUnknown: 'inDoubt' })
      .map('after', (order, { stored }) => ({ ...order, ...stored }))
    await using engine = await rig([flows])
    const trace = async (n: number, ...outcomes: FakeOutcome<{ ok: boolean }>[]) => {
      put.next(...outcomes)
      const { id } = await engine.send(flows, { id: 'a', n })
      await engine.advance('1h')
      return engine.trace(id)
    }
    const done = await trace(1, 'unavailable')
    expect(done.message).toMatchObject({ state: 'done', body: { id: 'a', n: 1 } })
    expect(done.steps).toMatchObject([
      { path: 'double', kind: 'map', outcome: 'done', input: { n: 1 }, output: { n: 2 }, attempts: [] },
      { path: 'small', kind: 'filter', outcome: 'done' },
      { path: 'put', kind: 'call', outcome: 'done', guarantee: 'none', output: { id: 'a', n: 2 } },
      { path: 'after', outcome: 'done', output: { id: 'a', n: 2, ok: true } },
    ])
    expect(done.steps[2]?.attempts).toMatchObject([
      { outcome: 'sent', request: { id: 'a', n: 2 } },
      { outcome: 'failed', error: { code: 'CALL_FAILED' } },
      { outcome: 'sent' },
      { outcome: 'done', result: { ok: true } },
    ])
    const filtered = await trace(77)
    expect(filtered.message.state).toBe('filtered')
    expect(filtered.steps.map(({ path, outcome }) => [path, outcome])).toEqual([
      ['double', 'done'],
      ['small', 'filtered'],
    ])
    const dead = await trace(3, { rejected: 'no' })
    expect([dead.message.state, dead.message.error?.code]).toEqual(['dead', 'CALL_REJECTED'])
    expect(dead.steps.at(-1)).toMatchObject({ path: 'put', outcome: 'failed' })
    const doubt = await trace(4, 'reset-after')
    expect(doubt.message.state).toBe('inDoubt')
    expect(doubt.steps.at(-1)).toMatchObject({
      path: 'put',
      outcome: 'inDoubt',
      attempts: [{}, { outcome: 'unknown' }],
    })
    await expect(engine.trace('9-nothere12345')).rejects.toMatchObject({ code: 'MESSAGE_UNKNOWN' })
  })
})
