import fc from 'fast-check'
import { fixed, flow, inbox, retry } from 'linkspan'
import { crashSweep, fakeOperation, testFlow } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Wish {
  readonly id: string
}

const offers = (guarantee: 'natural' | 'key' | 'verify', timeout: '5s' | '1m' = '5s') => {
  const kind =
    guarantee === 'key'
      ? ({ kind: 'key', validFor: '24h' } as const)
      : guarantee === 'verify'
        ? ({ kind: 'verify', settleAfter: '1s' } as const)
        : ({ kind: 'natural' } as const)
  const north = fakeOperation<Wish, number>('north.ask', kind, { result: () => 3 })
  const south = fakeOperation<Wish, number>('south.ask', kind, { result: () => 4, timeout: '30s' })
  const wishes = flow('wishes', { onError: retry({ attempts: 50, backoff: fixed('1s') }) })
    .from(inbox<Wish>())
    .multicast(
      'ask',
      (m) => m.branch('north', (s) => s.call('ask', north)).branch('south', (s) => s.call('ask', south)),
      { timeout, join: 'collect', as: 'offers' },
    )
    .reply('answer', (_wish, { offers: all }) => all.map(({ from }) => from))
  return { wishes, north, south }
}

describe('children that have only so much time', () => {
  it('are dropped when it is over, and the message goes on with the others', async () => {
    const { wishes, south } = offers('key')
    await using one = await rig([wishes])
    south.when(() => 'unavailable')
    const { id } = await one.send(wishes, { id: 'a' })
    await one.advance('4900ms')
    expect(await one.reply(id)).toBeUndefined()
    await one.advance('200ms')
    expect(await one.reply(id)).toEqual(['north'])
    const trace = await one.trace(id)
    expect(trace.children.map(({ state }) => state)).toEqual(['done', 'dropped'])
    const late = await one.trace(trace.children[1]?.id ?? '')
    expect(late.notes.at(-1)).toMatchObject({
      what: 'cancelled',
      note: expect.stringContaining('It was too late'),
    })
    expect(one.engine.metrics.prometheus()).toMatch(
      /step_events_total\{event="timed-out",flow="wishes",step="ask"\} 1$/m,
    )
    const asked = south.requests.length
    await one.advance('1m')
    expect(south.requests).toHaveLength(asked)
  })

  it('break off a call that may be repeated, and let one come to its end that may not', async () => {
    const harmless = offers('natural')
    await using one = await rig([harmless.wishes])
    harmless.south.when(() => 'silent')
    const first = await one.send(harmless.wishes, { id: 'a' })
    await one.advance('5100ms')
    expect(await one.reply(first.id)).toEqual(['north'])
    await one.stop()

    const asked = offers('verify')
    await one.start([asked.wishes])
    asked.south.next('timeout-after')
    const { id } = await one.send(asked.wishes, { id: 'b' })
    await one.advance('10s')
    expect(await one.reply(id)).toBeUndefined()
    // It was asked what became of the call, and it took effect: what is done is not thrown away.
    await one.advance('2m')
    expect(await one.reply(id)).toEqual(['north', 'south'])
  })

  it('have no more time after a crash than before', async () => {
    const { wishes, south } = offers('key', '1m')
    await using one = await rig([wishes])
    south.when(() => 'unavailable')
    const { id } = await one.send(wishes, { id: 'a' })
    await one.advance('10s')
    one.crash()
    await one.advance('20s')
    await one.start()
    await one.advance('29s')
    expect(await one.reply(id)).toBeUndefined()
    await one.advance('2s')
    expect(await one.reply(id)).toEqual(['north'])
    const other = await one.send(wishes, { id: 'b' })
    await one.advance('10s')
    one.crash()
    await one.advance('2m')
    await one.start()
    await one.advance('1ms')
    expect(await one.reply(other.id)).toEqual(['north'])
    expect(await one.states()).toEqual(['done', 'done'])
  })

  it('are not made any more, and hand their time down', async () => {
    const put = fakeOperation<number>('store.put', { kind: 'key', validFor: '24h' })
    const inner = fakeOperation<number>('store.inner', { kind: 'key', validFor: '24h' })
    const lists = flow('lists')
      .from(inbox<number>())
      .split(
        'numbers',
        (count) => Array.from({ length: count }, (_, n) => n),
        (s) =>
          s
            .delay('a while', '2s')
            .to('put', put)
            .split(
              'again',
              (n) => [n],
              (t) => t.delay('long', '1h').to('inner', inner),
            ),
        { timeout: '5s', concurrency: 1 },
      )
      .reply('done', () => 'done')
    await using one = await rig([lists])
    const { id } = await one.send(lists, 10)
    await one.advance('6s')
    expect(await one.reply(id)).toBe('done')
    expect(put.effects).toHaveLength(1)
    expect(inner.requests).toHaveLength(0)
    const states = (await one.admin.messages({ children: true, limit: 100 })).items.map(({ state }) => state)
    expect(states.filter((state) => state === 'waiting' || state === 'active')).toEqual([])
    // What there was no time for is no difference to what would be done now.
    expect(await one.admin.replay({ ids: [id] }, () => undefined)).toMatchObject({
      unchanged: 1,
      differences: [],
    })
  })

  it('have as much as the flow gives them, where that is less', async () => {
    const { wishes: _other, ...rest } = offers('key')
    const short = flow('short', { timeLimit: '2s', onError: retry({ attempts: 50, backoff: fixed('1s') }) })
      .from(inbox<Wish>())
      .multicast('ask', (m) => m.branch('south', (s) => s.call('ask', rest.south)), { timeout: '1m' })
    await using one = await rig([short])
    rest.south.when(() => 'unavailable')
    await one.send(short, { id: 'a' })
    await one.advance('3s')
    expect(rest.south.requests).toHaveLength(3)
    const states = (await one.admin.messages({ children: true, limit: 100 })).items.map(({ state }) => state)
    expect(states).not.toContain('dropped')
  })
})

/** Which items come to their end in time when so many at once wait so many seconds each. */
function inTime(seconds: readonly number[], atOnce: number, limit: number): readonly number[] {
  const free = Array.from({ length: atOnce }, () => 0)
  return seconds.flatMap((wait, index) => {
    const begins = Math.min(...free)
    if (begins >= limit) return []
    free[free.indexOf(begins)] = begins + wait
    return begins + wait < limit ? [index] : []
  })
}

describe('children that have only so much time, whatever they take', () => {
  it('are those of the model', async () => {
    const lists = fc.array(fc.integer({ min: 1, max: 12 }), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(
        lists,
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 1, max: 20 }),
        async (seconds, atOnce, limit) => {
          const waits = flow('waits')
            .from(inbox<number[]>())
            .split(
              'each',
              (all) => all.map((wait, index) => ({ wait, index })),
              (s) => s.delay('a while', ({ wait }) => `${wait}s`).map(({ index }) => index),
              {
                timeout: `${limit}s`,
                concurrency: atOnce,
                join: 'collect',
                as: 'done',
              },
            )
            .reply('which', (_all, { done }) => done)
          await using flows = await testFlow(waits)
          expect(await flows.request(seconds)).toEqual(inTime(seconds, atOnce, limit))
        },
      ),
      { numRuns: 60 },
    )
  })

  it('come to the same wherever the engine is killed', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const late = fakeOperation(
      'shop.late',
      { kind: 'key', validFor: '24h' },
      { result: (_: unknown) => 'late' },
    )
    const asking = flow('asking')
      .from(inbox<{ id: string }>(), { key: () => 'one' })
      .multicast(
        'ask',
        (m) =>
          m
            .branch('at once', (s) => s.call('put', put))
            .branch('late', (s) => s.call('before', put).delay('too long', '3h').call('late', late)),
        { timeout: '2h', join: 'collect', as: 'answers' },
      )
      .reply('answers', (_body, { answers }) => answers)
    const report = await crashSweep(asking, ({ send }) => {
      for (const id of ['1', '2']) send({ id })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
    expect(late.requests).toEqual([])
  })
})
