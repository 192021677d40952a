import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { LinkspanError } from '../model/errors.ts'
import type { Ending, Json } from '../model/message.ts'
import { fixed, retry } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { testFlow } from '../testing/test-flow.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'
import { askForPlace, givePlaceBack, WAITING_MOST } from './parts/places-cell.ts'

interface Film {
  readonly id: string
  readonly studio?: string
}

const KEY = { kind: 'key', validFor: '24h' } as const

/** Places in a cell, and who has ended. */
function places(most: number) {
  let cell: Json | null = null
  const ended = new Set<string>()
  const endingOf = async (id: string): Promise<Ending | 'live'> => (ended.has(id) ? 'dead' : 'live')
  const sleeper = (id: string) => ({ id, seq: 1, flow: 'f', partition: 0 })
  const changed = <R>({ value, result }: { readonly value?: Json | null; readonly result: R }): R => {
    if (value !== undefined) cell = value
    return result
  }
  return {
    ended,
    get cell() {
      return cell as { in: string[]; waiting: { id: string }[] } | null
    },
    ask: async (id: string, at: number) => changed(await askForPlace(sleeper(id), most, endingOf)(cell, at)),
    leave: async (id: string, at: number) => changed(await givePlaceBack(id, most)(cell, at)),
  }
}

describe('places', () => {
  it('are had by as many as there are, and then by who waits longest', async () => {
    const two = places(2)
    const did: string[] = []
    for (const id of ['a', 'b', 'c', 'd', 'a']) did.push((await two.ask(id, 0)).did)
    expect(did).toEqual(['let', 'let', 'waits', 'waits', 'let'])
    expect((await two.leave('a', 1)).wake.map(({ id }) => id)).toEqual(['c'])
    // Whoever comes meanwhile does not take the place of the one who was woken.
    expect((await two.ask('e', 1)).did).toBe('waits')
    expect((await two.ask('c', 2)).did).toBe('let')
    for (const id of ['b', 'c', 'd']) await two.leave(id, 3)
    await two.leave('e', 4)
    expect(two.cell).toBeNull()
  })

  it('of those that ended without a word are taken by others', async () => {
    const one = places(1)
    await one.ask('a', 0)
    expect(await one.ask('b', 10)).toMatchObject({ did: 'waits', until: 30_010 })
    one.ended.add('a')
    expect(await one.ask('c', 900)).toMatchObject({ did: 'waits' })
    expect((await one.ask('c', 5_000)).wake.map(({ id }) => id)).toEqual(['b'])
    one.ended.add('b')
    expect(await one.ask('c', 40_000)).toMatchObject({ did: 'let', wake: [] })
  })

  it('have so many that wait to be woken; others look again by themselves', async () => {
    const one = places(1)
    for (let n = 0; n <= WAITING_MOST; n += 1) await one.ask(`m${n}`, 0)
    expect(one.cell?.waiting).toHaveLength(WAITING_MOST)
    const times: number[] = []
    for (const id of ['x', 'y', 'z']) times.push((await one.ask(id, 0)).until)
    expect(times).toEqual([1_000, 1_004, 1_008])
    expect(one.cell?.waiting).toHaveLength(WAITING_MOST)
  })
})

describe('throttle of messages at once', () => {
  const tested = begin<Film>().throttle('two at once', { concurrent: 2 }, (s) =>
    s.delay('render', '1m').map(({ id }) => `film ${id}`),
  )

  it('lets as many in as it says, the others wait', async () => {
    const around = world()
    const stops: unknown[] = []
    for (const id of ['a', 'b', 'c']) {
      around.records.clear()
      around.endings.set(id, 'live')
      stops.push((await run(tested, { id }, around, { id })).stop)
    }
    expect(stops).toMatchObject([
      { path: 'two at once/render' },
      { path: 'two at once/render' },
      { path: 'two at once', why: 'event', hold: false, wakeAt: 31_000 },
    ])
    expect(around.happened.told).toEqual(['two at once waited'])
  })

  it('gives the place back when the steps end or fail, and wakes the next', async () => {
    const failing = begin<Film>().throttle('one', { concurrent: 1 }, (s) =>
      s.map(({ id }) => {
        if (id === 'bad') throw new LinkspanError('CALL_FAILED', 'no')
        return id
      }),
    )
    const around = world()
    expect((await run(failing, { id: 'good' }, around)).body).toBe('good')
    around.records.clear()
    await expect(run(failing, { id: 'bad' }, around)).rejects.toThrow('no')
    expect(around.cells.size).toBe(0)
  })

  it('has places for each key, and asks a function how many', async () => {
    const keyed = begin<Film>().throttle(
      'at once',
      { concurrent: ({ studio }) => (studio === 'big' ? 2 : 1), key: ({ studio = '' }) => studio },
      (s) => s.delay('render', '1m'),
    )
    const around = world()
    const waiting: boolean[] = []
    for (const studio of ['big', 'small', 'big', 'small', 'big']) {
      around.records.clear()
      around.endings.set(`m${waiting.length}`, 'live')
      const { stop } = await run(keyed, { id: 'x', studio }, around, { id: `m${waiting.length}` })
      waiting.push(stop?.kind === 'suspend' && stop.why === 'event')
    }
    expect(waiting).toEqual([false, false, false, true, true])
    await expect(run(keyed, { id: 'x', studio: '' }, around)).rejects.toMatchObject({ code: 'STEP_FAILED' })
  })

  it('with reject fails, takes no place and notes nothing', async () => {
    const hard = begin<Film>().throttle('hard', { concurrent: 1, reject: true }, (s) =>
      s.delay('render', '1m'),
    )
    const around = world()
    around.endings.set('a', 'live')
    await run(hard, { id: 'a' }, around, { id: 'a' })
    around.records.clear()
    await expect(run(hard, { id: 'b' }, around, { id: 'b' })).rejects.toMatchObject({
      code: 'THROTTLED',
      retry: 'never',
      message: 'The throttle "hard" has 1 messages in its steps at once, and this is one more.',
    })
    expect(around.records.size).toBe(0)
    expect(around.happened.told).toEqual(['hard rejected'])
  })

  it('refuses what makes no sense', () => {
    const built = (options: unknown, scope?: unknown) => () =>
      begin<Film>().throttle('x', options as never, scope as never)
    const steps = (s: unknown) => s
    for (const concurrent of [0, 1.5, 1_001, '2'])
      expect(built({ concurrent }, steps)).toThrow(
        /concurrent is a whole number from 1 to 1000 or a function/,
      )
    expect(built({ concurrent: 2 })).toThrow(/the steps of throttle\(\) with concurrent must be a function/)
    expect(built({ max: 1, per: '1s' }, steps)).toThrow(
      /has steps of its own, so it needs the option concurrent/,
    )
    expect(built({ concurrent: 1, max: 1, per: '1s' }, steps)).toThrow(/concurrent beside max and per/)
    expect(built({ concurrent: 1, reject: true, hold: true }, steps)).toThrow(/Leave hold out/)
  })
})

/** When each of the films is rendered that come at their times, so many at once, first come first served. */
function model(
  films: readonly { readonly at: number; readonly takes: number }[],
  most: number,
): readonly number[] {
  const free = Array.from({ length: most }, () => 0)
  return films.map(({ at, takes }) => {
    const begins = Math.max(at, Math.min(...free))
    free[free.indexOf(Math.min(...free))] = begins + takes
    return begins + takes
  })
}

describe('throttle of messages at once, on any schedule', () => {
  it('serves first who came first, and never more at once than it says', async () => {
    const schedule = fc.array(
      fc.record({ gap: fc.integer({ min: 1, max: 4 }), takes: fc.integer({ min: 1, max: 9 }) }),
      { minLength: 1, maxLength: 12 },
    )
    await fc.assert(
      fc.asyncProperty(schedule, fc.integer({ min: 1, max: 3 }), async (given, most) => {
        let at = 0
        const films = given.map(({ gap, takes }) => {
          at += gap
          return { at, takes }
        })
        const render = fakeOperation<{ n: number }>('studio.render', KEY)
        const rendered = flow('rendered')
          .from(inbox<{ n: number; takes: number }>())
          .throttle('at once', { concurrent: most }, (s) =>
            s.delay('render', ({ takes }) => `${takes}s`).to('done', render, { input: ({ n }) => ({ n }) }),
          )
        await using flows = await testFlow(rendered)
        const start = flows.clock.now()
        for (const [n, { at: when, takes }] of films.entries()) {
          await flows.advance(start + when * 1_000 - flows.clock.now())
          await flows.send({ n, takes })
          await flows.advance(0)
        }
        await flows.run()
        const ends = render.effects.toSorted((a, b) => a.input.n - b.input.n).map((done) => done.at - start)
        expect(ends).toEqual(model(films, most).map((seconds) => seconds * 1_000))
      }),
      { numRuns: 60 },
    )
  })
})

describe('throttle of messages at once, when the engine is killed', () => {
  it('comes to the same, and no place is lost', async () => {
    const put = fakeOperation('shop.put', KEY, { result: (_: unknown) => 'put' })
    const films = flow('films', { onError: retry({ attempts: 6, backoff: fixed('1s') }) })
      .from(inbox<Film>())
      .throttle('one at once', { concurrent: 1 }, (s) =>
        s.to('begin', put).delay('render', '10s').to('end', put),
      )
      .to('tell', put)
    const report = await crashSweep(films, ({ send }) => {
      for (const id of ['a', 'b', 'c']) send({ id })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
