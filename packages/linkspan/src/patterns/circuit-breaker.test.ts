import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { LinkspanError } from '../model/errors.ts'
import { fixed, retry } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run, type World, world } from './fixtures/pass-for-tests.ts'

interface Ask {
  readonly host: string
  readonly fails?: 'CALL_FAILED' | 'CALL_REJECTED' | 'BODY_INVALID'
}

const small = { window: { calls: 2 }, minimum: 2, openFor: 1_000, trials: 1 } as const

const answer = (ask: Ask): string => {
  if (ask.fails) throw new LinkspanError(ask.fails, 'no', { retry: 'later' })
  return `from ${ask.host}`
}

/** Sends messages one after the other, each with a record of its own; what came of each, in a word. */
async function send(
  tested: Parameters<typeof run>[0],
  asks: readonly Ask[],
  around: World = world(),
  now = 1_000,
): Promise<readonly unknown[]> {
  const came: unknown[] = []
  for (const [at, ask] of asks.entries()) {
    around.records.clear()
    const ran = run(tested, ask, around, { id: `m-${now}-${at}`, now })
    came.push(
      await ran.then(
        ({ stop, body }) => stop ?? body,
        (error: LinkspanError) => error.code,
      ),
    )
  }
  return came
}

const good: Ask = { host: 'a' }
const bad: Ask = { host: 'a', fails: 'CALL_FAILED' }

describe('circuitBreaker', () => {
  it('lets through what does well, and fails with what fails', async () => {
    const tested = begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), { ...small, whenOpen: 'fail' })
    const around = world()
    expect(await send(tested, [good, bad, bad, good], around)).toEqual([
      'from a',
      'CALL_FAILED',
      'CIRCUIT_OPEN',
      'CIRCUIT_OPEN',
    ])
    expect(around.happened.told).toEqual([
      'asking succeeded',
      'asking failed',
      'asking opened',
      'asking refused',
      'asking refused',
    ])
    expect(around.happened.standing.at(-1)).toBe('asking open')
    const open = run(tested, good, { ...around, records: new Map() }, { now: 1_400 })
    await expect(open).rejects.toMatchObject({
      code: 'CIRCUIT_OPEN',
      retry: { afterMs: 600 },
      message:
        'The message was not let through "asking": the circuit is open: not before 1970-01-01T00:00:02.000Z.',
    })
    expect(await send(tested, [good, bad], around, 2_000)).toEqual(['from a', 'CALL_FAILED'])
    expect(around.happened.told.slice(-4)).toEqual([
      'asking half-opened',
      'asking succeeded',
      'asking closed',
      'asking failed',
    ])
  })

  it('waits in the journal where there is no fallback, and holds its key', async () => {
    const tested = begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), small)
    const around = world()
    const wait = { kind: 'suspend', path: 'asking', wakeAt: 2_000, hold: true, why: 'delay' }
    expect(await send(tested, [bad, bad, good], around)).toEqual(['CALL_FAILED', 'CALL_FAILED', wait])
    // Woken before its time it waits on; at its time it is let through, and its own time goes on.
    const records = new Map(around.records)
    const own = { ...around, records }
    expect((await run(tested, good, own, { id: 'm-1000-2', now: 1_500 })).stop).toEqual(wait)
    const timed = begin<Ask>().circuitBreaker('asking', (s) => s.map((_, { now }) => now), small)
    // Others try it when it looks again: its own time goes on only with being let through.
    const again = { ...own, records: new Map(around.records) }
    await run(
      begin<Ask>().circuitBreaker('asking', (s) => s.delay('long', '1h'), small),
      good,
      { ...around, records: new Map() },
      { id: 'other', now: 2_000 },
    )
    around.endings.set('other', 'live')
    expect((await run(timed, good, again, { id: 'm-1000-2', now: 2_000 })).stop).toMatchObject({
      wakeAt: 3_000,
    })
    around.endings.set('other', 'dropped')
    expect((await run(timed, good, again, { id: 'm-1000-2', now: 3_000 })).body).toBe(3_000)
    const free = begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), { ...small, hold: false })
    expect(await send(free, [bad, bad, good])).toMatchObject(['CALL_FAILED', 'CALL_FAILED', { hold: false }])
  })

  it('runs the fallback with the body and the names from before, and the error', async () => {
    const tested = begin<Ask>().circuitBreaker(
      'asking',
      (s) => s.map('other', (b) => ({ ...b, host: 'changed' })).map(answer),
      { ...small, fallback: (s) => s.map((b, { error }) => `${b.host}: ${error.code}`) },
    )
    expect(await send(tested, [bad, bad, good])).toEqual([
      'a: CALL_FAILED',
      'a: CALL_FAILED',
      'a: CIRCUIT_OPEN',
    ])
  })

  it('has a circuit for each key', async () => {
    const around = world()
    const tested = begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), {
      ...small,
      key: ({ host }) => host,
      whenOpen: 'fail',
    })
    expect(await send(tested, [bad, bad, good, { host: 'b' }], around)).toEqual([
      'CALL_FAILED',
      'CALL_FAILED',
      'CIRCUIT_OPEN',
      'from b',
    ])
    expect([...around.cells.keys()]).toEqual(['tested/asking|a', 'tested/asking|b'])
    // As many series as keys would be too many.
    expect(around.happened.standing).toEqual([])
    await expect(run(tested, { host: '' })).rejects.toMatchObject({ code: 'STEP_FAILED' })
  })

  it('counts as failures what is one, and leaves out what says nothing of the system', async () => {
    const tested = begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), {
      ...small,
      whenOpen: 'fail',
      failures: ({ code }) => code !== 'CALL_REJECTED',
      ignored: 'BODY_INVALID',
    })
    const around = world()
    const asks = (['CALL_FAILED', 'BODY_INVALID', 'CALL_REJECTED'] as const).map((fails) => ({
      host: 'a',
      fails,
    }))
    await send(tested, [...asks, good, good], around)
    expect(around.happened.told).toEqual([
      'asking failed',
      'asking ignored',
      'asking succeeded',
      // One of two failed, which is enough.
      'asking opened',
      'asking refused',
      'asking refused',
    ])
  })

  it('counts a message once that ends early, and not yet one that waits within', async () => {
    const around = world()
    const ends = begin<Ask>().circuitBreaker('asking', (s) => s.filter('none', () => false), small)
    await send(ends, [good], around)
    expect(around.happened.told).toEqual(['asking succeeded'])
    const waits = begin<Ask>().circuitBreaker('waiting', (s) => s.delay('a while', '1m'), small)
    await send(waits, [good], around)
    expect(around.happened.told).toHaveLength(1)
  })

  it('does not count again what went through before it died', async () => {
    const around = world()
    const tested = begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), small)
    await run(tested, good, around)
    expect((await run(tested, good, around)).body).toBe('from a')
    expect(around.happened.told).toEqual(['asking succeeded'])
  })

  it('refuses what makes no sense', () => {
    const built = (options: unknown) => () =>
      begin<Ask>().circuitBreaker('asking', (s) => s.map(answer), options as never)
    for (const calls of [0, 1.5, 1_001])
      expect(built({ window: { calls } })).toThrow(/window.calls is a whole number from 1 to 1000/)
    expect(built({ window: { time: 0 } })).toThrow(/window.time is a duration longer than 0/)
    for (const window of [{}, { calls: 1, time: '1m' }, 5])
      expect(built({ window })).toThrow(/window is \{ calls \} or \{ time \}/)
    expect(built({ minimum: 0 })).toThrow(/minimum is a whole number from 1, not 0/)
    for (const failureRate of [0, 101, '50'])
      expect(built({ failureRate })).toThrow(/failureRate is per cent, over 0 to 100/)
    expect(built({ slow: { after: '1s', rate: 0 } })).toThrow(/slow.rate is per cent/)
    expect(built({ openFor: 0 })).toThrow(/openFor is a duration/)
    expect(built({ trials: 0 })).toThrow(/trials is a whole number from 1/)
    expect(built({ whenOpen: 'drop' })).toThrow(/whenOpen is 'fallback', 'wait' or 'fail', not "drop"/)
    expect(built({ whenOpen: 'fallback' })).toThrow(/there is none. Add the option fallback/)
    expect(built({ whenOpen: 'fail', hold: true })).toThrow(/nothing waits there with whenOpen: 'fail'/)
    expect(built({ failures: [] })).toThrow(/failures takes an error code, several, 'any', or a function/)
    expect(built({ key: 'host' })).toThrow(/option key of circuitBreaker\(\) must be a function/)
  })
})

describe('circuitBreaker, when the engine is killed', () => {
  const system = () =>
    fakeOperation(
      'shop.ask',
      { kind: 'key', validFor: '24h' },
      {
        result: ({ id }: { id: string }) => {
          if (id.startsWith('bad')) throw new LinkspanError('CALL_REJECTED', `${id} is refused`)
          return id
        },
      },
    )

  it('comes to the same, and counts nothing twice', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const asking = flow('asking', { onError: retry({ attempts: 6, backoff: fixed('1s') }) })
      .from(inbox<{ id: string }>(), { key: () => 'one' })
      .circuitBreaker('shop', (s) => s.to('before', put).call('ask', system()), {
        window: { calls: 3 },
        minimum: 3,
        failureRate: 100,
        openFor: '1h',
        failures: 'CALL_REJECTED',
        ignored: ({ code }) => code !== 'CALL_REJECTED',
        fallback: (s) => s.map('kept', ({ id }, { error }) => `${error.code} ${id}`),
      })
      .to('end', put)
    const report = await crashSweep(
      asking,
      ({ send: give }) => {
        for (const id of ['good', 'bad 1', 'bad 2', 'bad 3', 'last']) give({ id })
      },
      { normalize: timeless },
    )
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('lets those go on that wait', async () => {
    const asking = flow('asking', { onError: retry({ attempts: 6, backoff: fixed('1s') }) })
      .from(inbox<{ id: string }>(), { key: () => 'one' })
      .try('asked', (t) =>
        t
          .do((s) =>
            s.circuitBreaker('shop', (c) => c.call('ask', system()), {
              window: { calls: 1 },
              minimum: 1,
              openFor: '10s',
              trials: 1,
              failures: 'CALL_REJECTED',
              ignored: ({ code }) => code !== 'CALL_REJECTED',
            }),
          )
          .catch('refused', 'CALL_REJECTED', (s) => s.map(() => 'refused')),
      )
    const report = await crashSweep(
      asking,
      ({ send: give }) => {
        for (const id of ['bad 1', 'good', 'bad 2', 'last']) give({ id })
      },
      { normalize: timeless },
    )
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})

/** A circuit without its times: those are a matter of the moment. */
function timeless(value: unknown): unknown {
  const { state, era, calls, trying } = (value ?? {}) as Readonly<Record<string, unknown>>
  return era === undefined ? value : { state, era, calls, trying }
}
