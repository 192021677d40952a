import { ENDINGS, fixed, flow, inbox, type MessageState, retry } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { createWorld } from '../faults/support.ts'
import { loadingBy } from './loading-by.ts'
import { type Rig, type RigOptions, rig } from './rig.ts'

interface Item {
  readonly key: string
  readonly n: number
}
const marksOf = ({ requests }: { readonly requests: readonly { readonly mark: string }[] }) =>
  requests.map(({ mark }) => mark)
const note = { note: 'by hand' }

/** A flow whose first call takes effect and whose second one fails until `mend` is called. */
function halfDone() {
  const first = fakeOperation<Item>('first.put', { kind: 'key', validFor: '1d' })
  const second = fakeOperation<Item>('second.put', { kind: 'key', validFor: '1d' })
  second.when(() => ({ rejected: 'no room' }))
  const save = flow('save')
    .from(inbox<Item>(), { key: (item) => item.key })
    .to('first', first)
    .to('second', second)
  return { first, second, save, mend: () => second.when(() => undefined) }
}

describe('a list of messages', () => {
  it('of those that are active leaves out those that wait, and the other way round', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    put.when(({ input }) => (input.n === 2 ? 'silent' : 'unavailable'))
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    await using engine = await rig([save])
    const first = await engine.send(save, { key: 'a', n: 1 })
    const second = await engine.send(save, { key: 'b', n: 2 })
    await engine.advance('10ms')
    const listed = async (...states: MessageState[]) =>
      (await engine.admin.messages({ states })).items.map(({ id, state }) => [id, state])
    expect(await listed('active')).toEqual([[second.id, 'active']])
    expect(await listed('waiting')).toEqual([[first.id, 'waiting']])
    expect(await listed('waiting', 'active')).toHaveLength(2)
    const page = await engine.admin.messages({ states: ['waiting'], limit: 1 })
    expect(page).toMatchObject({ items: [{ id: first.id }], next: expect.any(String) })
    expect(await engine.admin.messages({ states: ['waiting'], after: page.next ?? '' })).toEqual({
      items: [],
      next: null,
    })
  })
})

describe('a paused flow', () => {
  const quick = () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    return { put, save }
  }

  it('accepts and does not run, also after a restart, until it is resumed', async () => {
    const { put, save } = quick()
    await using engine = await rig([save])
    await engine.during(engine.admin.pause('save'))
    for (const n of [1, 2]) await engine.send(save, { key: 'a', n })
    await engine.advance('1h')
    engine.crash()
    await engine.start()
    expect((await engine.admin.flows())[0]).toMatchObject({ name: 'save', paused: true })
    await engine.send(save, { key: 'a', n: 3 })
    await engine.advance('1h')
    expect(put.requests).toHaveLength(0)
    expect(await engine.states()).toEqual(['waiting', 'waiting', 'waiting'])
    await engine.during(engine.admin.resume('save'))
    await engine.advance('1s')
    expect(put.effects.map(({ input }) => input.n)).toEqual([1, 2, 3])
    await engine.stop()
    await engine.start()
    expect((await engine.admin.flows())[0]).toMatchObject({ paused: false })
  })

  it('holds back retries that come due, and others run on', async () => {
    const { put, save } = quick()
    const other = fakeOperation<string>('other.put', { kind: 'natural' })
    const next = flow('next').from(inbox<string>()).to('other', other)
    put.next('unavailable')
    await using engine = await rig([save, next])
    await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('10ms')
    await engine.during(engine.admin.pause('save'))
    await engine.send(next, 'x')
    await engine.advance('1h')
    expect([put.requests.length, other.requests.length]).toEqual([1, 1])
    await engine.during(engine.admin.resume('save'))
    await engine.advance('1s')
    expect(put.effects).toHaveLength(1)
  })

  it('is refused for a name that is none, with the names there are', async () => {
    const { save } = quick()
    await using engine = await rig([save])
    await expect(engine.admin.pause('sav')).rejects.toMatchObject({
      code: 'FLOW_UNKNOWN',
      message: expect.stringMatching(/"sav".*save/),
    })
  })
})

describe('cancelling', () => {
  it('ends a message that waits, and frees its key', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    put.when(({ input }) => (input.n === 1 ? 'unavailable' : undefined))
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.send(save, { key: 'a', n: 2 })
    await engine.advance('1ms')
    await engine.during(engine.admin.cancel(id, 'not wanted'))
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['dropped', 'done'])
    expect((await engine.trace(id)).notes).toMatchObject([{ what: 'cancelled', note: 'not wanted' }])
    await expect(engine.admin.cancel(id, 'again')).rejects.toMatchObject({ code: 'MESSAGE_STATE' })
  })

  it('ends one that runs at its next step; the call under way is recorded', async () => {
    const slow = fakeOperation<Item>('slow.put', { kind: 'natural' })
    const after = fakeOperation<Item>('after.put', { kind: 'natural' })
    slow.next('timeout-after')
    const save = flow('save').from(inbox<Item>()).to('slow', slow, { timeout: '10s' }).to('after', after)
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    // The call has nine seconds to go, which is longer than the answer waits.
    expect(await engine.during(engine.admin.cancel(id, 'not wanted'))).toMatchObject({ id, state: 'active' })
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['dropped'])
    expect(after.requests).toHaveLength(0)
  })

  it('answers after the commit: what it says survives a crash', async () => {
    const slow = fakeOperation<Item>('slow.put', { kind: 'natural' })
    const after = fakeOperation<Item>('after.put', { kind: 'natural' })
    slow.next('timeout-after')
    const save = flow('save').from(inbox<Item>()).to('slow', slow, { timeout: '3s' }).to('after', after)
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    expect(await engine.during(engine.admin.cancel(id, 'not wanted'))).toMatchObject({ id, state: 'dropped' })
    engine.crash()
    await engine.start()
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['dropped'])
    expect(after.requests).toHaveLength(0)
  })

  it('ends one that is just being loaded before it runs', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    const save = flow('save').from(inbox<Item>()).to('put', put)
    let isThere = (): void => undefined
    const gate = new Promise<void>((resolve) => {
      isThere = resolve
    })
    const journal = loadingBy((load) => async (seqs, trust) => {
      const found = await load(seqs, trust)
      // Those who act on a message read it whole, as a pass does: only the pass comes first.
      if (seqs.length === 1 && !late) {
        late = true
        await gate
      }
      return found
    })
    let late = false
    const world = createWorld([save], journal)
    await world.start()
    const { admin } = world.engine
    await world.clock.during(admin.pause('save'))
    const { id } = await world.clock.during(world.engine.send(save, { key: 'a', n: 1 }))
    await world.clock.during(admin.resume('save'))
    await world.clock.advance('1s')
    const cancelled = admin.cancel(id, 'not wanted')
    await world.clock.advance('1s')
    isThere()
    expect(await world.clock.during(cancelled)).toMatchObject({ id, state: 'dropped' })
    await world.clock.advance('1h')
    expect(put.requests).toHaveLength(0)
    expect((await world.clock.during(admin.status())).messages).toMatchObject({ dropped: 1, done: 0 })
  })

  it('is refused where the message ends otherwise first', async () => {
    const save = flow('save').from(inbox<Item>())
    let held = true
    const onCommit: NonNullable<RigOptions['onCommit']> = ({ settle }) =>
      held && settle.length > 0 ? 'unreachable-before' : 'ok'
    await using engine = await rig([save], { onCommit })
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('100ms')
    const cancelled = expect(engine.admin.cancel(id, 'not wanted')).rejects.toMatchObject({
      code: 'MESSAGE_STATE',
      message: expect.stringContaining('is done. It ended before it could be cancelled.'),
    })
    held = false
    await engine.advance('4s')
    await cancelled
  })
})

describe('held keys', () => {
  it('are listed with who holds them, why and how many wait behind; skipping puts the holder aside', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    put.when(({ input }) => (input.key === 'a' && input.n === 1 ? 'unavailable' : undefined))
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    for (const n of [2, 3]) await engine.send(save, { key: 'a', n })
    await engine.send(save, { key: 'b', n: 4 })
    await engine.advance('1ms')
    expect(await engine.admin.keys(null, 10)).toMatchObject([
      { flow: 'save', key: 'a', by: id, reason: 'retry', attempt: 2, error: { code: 'CALL_FAILED' } },
    ])
    engine.crash()
    await engine.start()
    await engine.advance('1ms')
    expect(await engine.during(engine.admin.skipKey('save', 'a', 'later'))).toMatchObject({
      id,
      state: 'dead',
    })
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['dead', 'done', 'done', 'done'])
    expect(await engine.admin.keys('save', 10)).toEqual([])
    await expect(engine.admin.skipKey('save', 'a', 'again')).rejects.toMatchObject({
      code: 'MESSAGE_UNKNOWN',
    })
  })

  it('are not skipped while their holder runs, be it taken up by an engine that started after its time', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    put.next('unavailable')
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    await using engine = await rig([save])
    await engine.send(save, { key: 'a', n: 1 })
    await engine.send(save, { key: 'a', n: 2 })
    await engine.advance('1ms')
    engine.crash()
    await engine.advance('1h')
    put.next('silent')
    await engine.start()
    await engine.advance('1ms')
    expect(put.requests).toHaveLength(2)
    await expect(engine.during(engine.admin.skipKey('save', 'a', 'later'))).rejects.toMatchObject({
      code: 'MESSAGE_STATE',
      message: expect.stringContaining('It is running just now.'),
    })
    await engine.advance('10m')
    expect(await engine.states()).toEqual(['done', 'done'])
  })
})

describe('redelivering', () => {
  it('goes on from the record: what took effect is not repeated', async () => {
    const { first, second, save, mend } = halfDone()
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    mend()
    expect(await engine.during(engine.admin.redeliver({ ids: [id] }, note))).toMatchObject({
      done: 1,
      refused: [],
    })
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done'])
    expect([first.requests.length, second.effects.length]).toEqual([1, 1])
    const [before, after] = marksOf(second)
    expect(after).not.toBe(before)
    expect((await engine.trace(id)).notes).toMatchObject([{ what: 'redelivered', note: 'by hand' }])
  })

  it('afresh does everything again, under new marks', async () => {
    const { first, save, mend } = halfDone()
    await using engine = await rig([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    mend()
    for (const times of [2, 3]) {
      await engine.during(engine.admin.redeliver({ ids: [id] }, { ...note, fresh: true }))
      engine.crash()
      await engine.start()
      await engine.advance('1s')
      expect(await engine.states()).toEqual(['done'])
      expect(first.effects).toHaveLength(times)
      expect(new Set(marksOf(first)).size).toBe(times)
    }
  })

  it('is refused for what is on its way, done or in doubt, each with what to do', async () => {
    const { save, mend } = halfDone()
    await using engine = await rig([save])
    mend()
    const done = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    await engine.during(engine.admin.pause('save'))
    const waiting = await engine.send(save, { key: 'a', n: 2 })
    const { refused } = await engine.during(engine.admin.redeliver({ ids: [done.id, waiting.id] }, note))
    expect(refused.map(({ error }) => error.message)).toEqual([
      expect.stringContaining('Redeliver it afresh'),
      expect.stringContaining('on its way already'),
    ])
    await expect(
      engine.during(engine.admin.redeliver({ ids: ['999-nothing12345'] }, note)),
    ).rejects.toMatchObject({ code: 'MESSAGE_UNKNOWN' })
  })

  it('of many keeps to the stated rate, and to those that a query finds', async () => {
    const { first, save, mend } = halfDone()
    await using engine = await rig([save])
    for (let n = 0; n < 30; n += 1) await engine.send(save, { key: `k${n % 2}`, n })
    await engine.advance('1s')
    mend()
    const before = engine.clock.now()
    const selection = { query: { flow: 'save', states: ['dead' as const], key: 'k1' } }
    const outcome = await engine.during(engine.admin.redeliver(selection, { ...note, perSecond: 5 }))
    expect(outcome.done).toBe(15)
    expect(engine.clock.now() - before).toBeGreaterThanOrEqual(2_800)
    await engine.advance('1s')
    const states = await engine.states()
    expect(states.filter((state) => state === 'done')).toHaveLength(15)
    expect(first.requests).toHaveLength(30)
  })
})

describe('dropping', () => {
  it('gives up dead letters; live and done messages are refused', async () => {
    const { save, mend } = halfDone()
    await using engine = await rig([save])
    const dead = await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    mend()
    const done = await engine.send(save, { key: 'a', n: 2 })
    await engine.advance('1s')
    const outcome = await engine.during(engine.admin.drop({ ids: [dead.id, done.id] }, 'no use'))
    expect(outcome).toMatchObject({ done: 1, refused: [{ id: done.id, error: { code: 'MESSAGE_STATE' } }] })
    expect(await engine.states()).toEqual(['dropped', 'done'])
    expect((await engine.trace(dead.id)).notes).toMatchObject([{ what: 'dropped', note: 'no use' }])
    engine.crash()
    await engine.start()
    expect(await engine.states()).toEqual(['dropped', 'done'])
  })
})

describe('a doubt', () => {
  const doubtful = async () => {
    const mail = fakeOperation<Item, { receipt: string }, { kind: 'none' }>(
      'mail.send',
      { kind: 'none' },
      {
        result: () => ({ receipt: 'from the system' }),
      },
    )
    mail.next('reset-after')
    const tell = flow('tell')
      .from(inbox<Item>(), { key: (item) => item.key })
      .call('mail', mail, { as: 'sent', onUnknown: 'inDoubt' })
      .reply('answer', (_item, { sent }) => sent.receipt)
    const heard: string[] = []
    const engine = await rig([tell], {
      hooks: { onInDoubt: ({ id, path }) => void heard.push(`${id} ${path}`) },
    })
    const { id } = await engine.send(tell, { key: 'a', n: 1 })
    await engine.advance('1h')
    expect((await engine.message(id)).state).toBe('inDoubt')
    expect(heard).toEqual([`${id} mail`])
    return { mail, engine, id, tell }
  }

  it('is never silent: a crash between sending and the answer makes one too', async () => {
    const { mail, engine, tell } = await doubtful()
    await using _end = engine
    mail.next('silent')
    const { id } = await engine.send(tell, { key: 'b', n: 2 })
    await engine.advance('1s')
    expect(mail.requests).toHaveLength(2)
    engine.crash()
    await engine.start()
    await engine.advance('1h')
    expect(await engine.message(id)).toMatchObject({
      state: 'inDoubt',
      error: { code: 'CALL_UNKNOWN_OUTCOME' },
    })
    expect(mail.requests).toHaveLength(2)
  })

  it('resolved as applied goes on with the given result and does not call again', async () => {
    const { mail, engine, id } = await doubtful()
    await using _end = engine
    await engine.during(engine.admin.resolve(id, true, { result: { receipt: 'seen' }, note: 'in the log' }))
    engine.crash()
    await engine.start()
    await engine.advance('1s')
    expect(await engine.reply(id)).toBe('seen')
    expect(mail.requests).toHaveLength(1)
    expect((await engine.trace(id)).notes).toMatchObject([{ what: 'resolved', note: 'applied: in the log' }])
    expect(await engine.message(id)).toMatchObject({ state: 'done', error: null })
  })

  it('resolved as not applied calls again, under a new mark', async () => {
    const { mail, engine, id } = await doubtful()
    await using _end = engine
    await engine.during(engine.admin.resolve(id, false, { note: 'not there' }))
    await engine.advance('1s')
    expect(await engine.reply(id)).toBe('from the system')
    expect(new Set(marksOf(mail)).size).toBe(2)
    await expect(engine.admin.resolve(id, false, { note: 'again' })).rejects.toMatchObject({
      code: 'MESSAGE_STATE',
    })
  })

  it('is shown at its step until it is resolved, so that of two only the open one is', async () => {
    const first = fakeOperation<Item, undefined, { kind: 'none' }>('first.send', { kind: 'none' })
    const second = fakeOperation<Item, undefined, { kind: 'none' }>('second.send', { kind: 'none' })
    const both = flow('both')
      .from(inbox<Item>())
      .to('first', first, { onUnknown: 'inDoubt' })
      .to('second', second, { onUnknown: 'inDoubt' })
    for (const applied of [true, false]) {
      await using engine = await rig([both])
      first.next('reset-after')
      second.next('reset-after')
      const { id } = await engine.send(both, { key: 'a', n: 1 })
      const outcomes = async () => {
        await engine.advance('1h')
        return (await engine.trace(id)).steps.map(({ outcome }) => outcome)
      }
      expect(await outcomes()).toEqual(['inDoubt'])
      await engine.during(engine.admin.resolve(id, applied, note))
      expect(await outcomes(), `applied: ${applied}`).toEqual(['done', 'inDoubt'])
      await engine.during(engine.admin.resolve(id, applied, note))
      expect(await outcomes(), `applied: ${applied}`).toEqual(['done', 'done'])
    }
  })

  it.each([
    { concurrency: 1, window: 2 },
    { concurrency: 2, window: 3 },
    { concurrency: 4, window: 8 },
  ])('runs on when it is resolved while later ones of its key fill the window, $window', async (bounds) => {
    const left: number[] = []
    for (let after = 0; after <= 3_000; after += 100) {
      const put = fakeOperation<Item, undefined, { kind: 'none' }>('system.put', { kind: 'none' })
      put.when(({ input, attempt }) => {
        if (input.n === 0) return 'reset-after'
        return attempt === 1 ? 'refused' : undefined
      })
      const act = flow('act', { ...bounds, onError: retry({ attempts: 9, backoff: fixed('300ms') }) })
        .from(inbox<Item>(), { key: (item) => item.key })
        .to('put', put, { onUnknown: 'inDoubt' })
      await using engine = await rig([act])
      const { id } = await engine.send(act, { key: 'a', n: 0 })
      await engine.advance('1s')
      for (let n = 1; n <= 20; n++) await engine.send(act, { key: n % 5 === 4 ? 'b' : 'a', n })
      await engine.advance(after)
      await engine.during(engine.admin.resolve(id, true, note))
      await engine.advance('10m')
      if ((await engine.states()).some((state) => state !== 'done')) left.push(after)
    }
    expect(left).toEqual([])
  })

  it('is not redelivered before someone said what happened, but afresh it is', async () => {
    const { mail, engine, id } = await doubtful()
    await using _end = engine
    const { refused } = await engine.during(engine.admin.redeliver({ ids: [id] }, note))
    expect(refused).toMatchObject([{ id, error: { message: expect.stringContaining('doubt resolve') } }])
    await engine.during(engine.admin.redeliver({ ids: [id] }, { ...note, fresh: true }))
    await engine.advance('1s')
    expect(new Set(marksOf(mail)).size).toBe(2)
    expect(await engine.states()).toEqual(['done'])
  })
})

describe('the counts', () => {
  const totals = async (engine: Rig) => {
    const { messages } = await engine.admin.status()
    const ended = ENDINGS.reduce((sum, ending) => sum + messages[ending], 0)
    return { messages, all: ended + messages.active + messages.waiting }
  }

  it('add up at any time: accepted is the sum of the endings and what is live', async () => {
    const mail = fakeOperation<Item, undefined, { kind: 'none' }>('mail.send', { kind: 'none' })
    mail.when(({ input: { n } }) =>
      n % 10 === 1
        ? { rejected: 'no' }
        : n % 10 === 2
          ? 'reset-after'
          : n % 10 === 3
            ? 'unavailable'
            : undefined,
    )
    const tell = flow('tell')
      .from(inbox<Item>(), { key: (item) => item.key })
      .filter('wanted', (item) => item.n % 10 !== 4)
      .delay('some', (item) => (item.n % 10 === 5 ? '5m' : '0s'))
      .to('mail', mail, { onUnknown: 'inDoubt' })
    await using engine = await rig([tell])
    for (let n = 0; n < 100; n += 1) {
      await engine.send(tell, { key: `${n}`, n })
      if (n % 17 === 0) expect((await totals(engine)).all).toBe(n + 1)
    }
    await engine.advance('1s')
    expect(await totals(engine)).toMatchObject({
      all: 100,
      messages: { done: 50, filtered: 10, dead: 10, inDoubt: 10, waiting: 20, active: 0 },
    })
    engine.crash()
    await engine.start()
    expect((await totals(engine)).all).toBe(100)
    const dead = { query: { states: ['dead' as const] } }
    await engine.during(engine.admin.drop(dead, 'no use'))
    mail.when(() => undefined)
    await engine.advance('1h')
    expect(await totals(engine)).toMatchObject({
      all: 100,
      messages: { done: 70, filtered: 10, dead: 0, dropped: 10, inDoubt: 10, waiting: 0, active: 0 },
    })
    const text = engine.engine.metrics.prometheus()
    expect(text).toContain('linkspan_messages_ended_total{ending="dropped",flow="tell"} 10')
  })
})
