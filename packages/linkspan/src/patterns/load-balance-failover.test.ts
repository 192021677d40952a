import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { type ErrorCode, LinkspanError } from '../model/errors.ts'
import { fixed, retry } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run, type World, world } from './fixtures/pass-for-tests.ts'
import type { FailOver } from './load-balance.ts'

interface Ask {
  /** What each target fails with. */
  readonly fails: Readonly<Record<string, ErrorCode | 'unknown'>>
}

type Options = FailOver<Ask, unknown>['failover']

const answer =
  (label: string) =>
  ({ fails }: Ask): string => {
    const code = fails[label]
    if (code === 'unknown') throw new LinkspanError('CALL_TIMED_OUT', label, { applied: 'unknown' })
    if (code) throw new LinkspanError(code, `${label} says no`)
    return label
  }

const balancer = (labels: string, failover: Options) =>
  begin<Ask>().loadBalance(
    'farm',
    (targets) =>
      [...labels].reduce<never>(
        (chain, label) =>
          (chain as unknown as typeof targets).target(label, (s) =>
            s.map((b) => ({ fails: b.fails })).map(answer(label)),
          ) as never,
        targets as never,
      ),
    { by: { failover } },
  )

/** Sends one message, with a record of its own: which target did it, or which error it failed with. */
async function send(tested: ReturnType<typeof balancer>, fails: Ask['fails'], around: World = world()) {
  around.records.clear()
  const ran = run(tested, { fails }, around)
  return ran.then(
    ({ body }) => body,
    ({ code, message }: LinkspanError) => `${code}: ${message}`,
  )
}

describe('loadBalance with failover', () => {
  it('goes to the next target when one fails, until one does it or all have failed', async () => {
    const tested = balancer('abc', {})
    const around = world()
    expect(await send(tested, {}, around)).toBe('a')
    expect(around.happened.told).toEqual([])
    expect(await send(tested, { a: 'CALL_FAILED' }, around)).toBe('b')
    expect(await send(tested, { a: 'CALL_FAILED', b: 'CALL_REJECTED' }, around)).toBe('c')
    expect(around.happened.told).toEqual(['farm failed-over', 'farm failed-over', 'farm failed-over'])
    const all = { a: 'CALL_FAILED', b: 'CALL_FAILED', c: 'CALL_REJECTED' } as const
    expect(await send(tested, all, around)).toBe('CALL_REJECTED: c says no')
    expect(around.happened.told.slice(-3)).toEqual(['farm failed-over', 'farm failed-over', 'farm exhausted'])
  })

  it('goes on only with the errors that it is told, and not where the call may have taken effect', async () => {
    const only = balancer('ab', { errors: ['CONNECTION_FAILED', 'CALL_FAILED'] })
    expect(await send(only, { a: 'CALL_FAILED' })).toBe('b')
    expect(await send(only, { a: 'CALL_REJECTED' })).toBe('CALL_REJECTED: a says no')
    expect(await send(balancer('ab', {}), { a: 'unknown' })).toBe('CALL_TIMED_OUT: a')
    expect(await send(balancer('ab', { errors: 'any' }), { a: 'unknown' })).toBe('b')
    const picky = balancer('ab', {
      errors: ({ message }, { fails }) => message.startsWith('a') && 'a' in fails,
    })
    expect(await send(picky, { a: 'CALL_REJECTED' })).toBe('b')
  })

  it('tries as many as it may, and begins again when there are fewer', async () => {
    expect(await send(balancer('abc', { attempts: 2 }), { a: 'CALL_FAILED', b: 'CALL_FAILED' })).toBe(
      'CALL_FAILED: b says no',
    )
    const around = world()
    await send(balancer('ab', { attempts: 5 }), { a: 'CALL_FAILED', b: 'CALL_FAILED' }, around)
    expect(around.happened.told).toEqual([...Array(4).fill('farm failed-over'), 'farm exhausted'])
  })

  it('begins with the next one each time, or with the one that did it last', async () => {
    const turns = balancer('abc', { start: 'roundRobin' })
    const around = world()
    const came: unknown[] = []
    for (let n = 0; n < 4; n += 1) came.push(await send(turns, {}, around))
    expect(came).toEqual(['a', 'b', 'c', 'a'])
    expect(await send(turns, { b: 'CALL_FAILED' }, around)).toBe('c')
    // Behind a target that is dead comes one that has no more than its share: the next begins behind it.
    const share: unknown[] = []
    for (let n = 0; n < 6; n += 1) share.push(await send(turns, { b: 'CALL_FAILED' }, around))
    expect(share).toEqual(['a', 'c', 'a', 'c', 'a', 'c'])
    const sticky = balancer('abc', { start: 'sticky' })
    const other = world()
    expect(await send(sticky, { a: 'CALL_FAILED' }, other)).toBe('b')
    expect(await send(sticky, {}, other)).toBe('b')
    expect(await send(sticky, { b: 'CALL_FAILED', c: 'CALL_FAILED' }, other)).toBe('a')
    expect(await send(sticky, {}, other)).toBe('a')
  })

  it('stays with its target when it is computed again', async () => {
    const around = world()
    const tested = balancer('ab', {})
    await run(tested, { fails: { a: 'CALL_FAILED' } }, around)
    expect((await run(tested, { fails: {} }, around)).body).toBe('b')
  })

  it('refuses what makes no sense', () => {
    for (const attempts of [0, 1.5, Number.NaN])
      expect(() => balancer('ab', { attempts })).toThrow(/attempts is a whole number from 1/)
    expect(() => balancer('ab', { start: 'last' as never })).toThrow(
      /start is 'first', 'roundRobin' or 'sticky'/,
    )
    expect(() => balancer('ab', { errors: [] })).toThrow(/errors takes an error code, several, 'any'/)
    expect(() =>
      begin<Ask>().loadBalance('farm', (b) => b.target('a', (s) => s, { weight: 2 }), {
        by: { failover: {} },
      }),
    ).toThrow(/has a weight, but targets are tried in their order/)
  })

  it('comes to what the model comes to (any failures, any options)', async () => {
    const labels = fc.integer({ min: 1, max: 4 }).map((count) => 'abcd'.slice(0, count))
    const codes = fc.constantFrom<Ask['fails'][string]>('CALL_FAILED', 'CALL_REJECTED', 'unknown')
    const messages = fc.array(fc.dictionary(fc.constantFrom('a', 'b', 'c', 'd'), codes, { maxKeys: 4 }), {
      minLength: 1,
      maxLength: 8,
    })
    const options = fc.record(
      {
        attempts: fc.integer({ min: 1, max: 6 }),
        start: fc.constantFrom('first' as const, 'roundRobin' as const, 'sticky' as const),
        errors: fc.constantFrom('any' as const, 'CALL_FAILED' as const),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(labels, messages, options, async (all, given, drawn) => {
        const around = world()
        const tested = balancer(all, drawn)
        let last = -1
        for (const fails of given) {
          const from =
            drawn.start === 'roundRobin' ? last + 1 : drawn.start === 'sticky' ? Math.max(0, last) : 0
          const { answer: expected, at, reached } = expectedOf(all, fails, from, drawn)
          if (drawn.start === 'roundRobin') last = reached
          if (drawn.start === 'sticky' && at !== null) last = at
          expect(String(await send(tested, fails, around)).slice(0, expected.length)).toBe(expected)
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** What a failover is: a walk around the targets. */
function expectedOf(
  labels: string,
  fails: Ask['fails'],
  from: number,
  { attempts = labels.length, errors }: Options,
): { readonly answer: string; readonly at: number | null; readonly reached: number } {
  for (let n = 0; ; n += 1) {
    const at = (from + n) % labels.length
    const failure = fails[labels[at] as string]
    if (failure === undefined) return { answer: labels[at] as string, at, reached: at }
    const goesOn = errors === 'any' || (errors === undefined ? failure !== 'unknown' : failure === errors)
    if (!goesOn || n + 1 >= attempts)
      return { answer: failure === 'unknown' ? 'CALL_TIMED_OUT' : failure, at: null, reached: at }
  }
}

describe('loadBalance with failover, when the engine is killed', () => {
  it('comes to the same in turns', async () => {
    const put = (name: string) =>
      fakeOperation(
        name,
        { kind: 'key', validFor: '24h' },
        {
          result: (_: unknown) => {
            if (name === 'b.put') throw new LinkspanError('CALL_REJECTED', 'no')
            return name
          },
        },
      )
    const sent = flow('sent')
      .from(inbox<{ id: string }>(), { key: () => 'one' })
      .loadBalance(
        'farm',
        (b) =>
          b
            .target('a', (s) => s.call('put', put('a.put')))
            .target('b', (s) => s.call('put', put('b.put')))
            .target('c', (s) => s.call('put', put('c.put'))),
        { by: { failover: { errors: 'CALL_REJECTED', start: 'roundRobin' } } },
      )
    const report = await crashSweep(sent, ({ send: give }) => {
      for (const id of ['1', '2', '3', '4']) give({ id })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('comes to the same', async () => {
    const put = (name: string) =>
      fakeOperation(
        name,
        { kind: 'key', validFor: '24h' },
        {
          result: ({ id }: { id: string }) => {
            if (name === 'a.put' && id.startsWith('not a')) throw new LinkspanError('CALL_REJECTED', 'no')
            return name
          },
        },
      )
    const before = fakeOperation(
      'a.before',
      { kind: 'key', validFor: '24h' },
      { result: (_: unknown) => 'x' },
    )
    const sent = flow('sent', { onError: retry({ attempts: 6, backoff: fixed('1s') }) })
      .from(inbox<{ id: string }>(), { key: () => 'one' })
      .loadBalance(
        'farm',
        (b) =>
          b
            .target('a', (s) => s.to('before', before).call('put', put('a.put')))
            .target('b', (s) => s.call('put', put('b.put'))),
        { by: { failover: { errors: 'CALL_REJECTED' } } },
      )
      .reply('by', (by) => by)
    const report = await crashSweep(sent, ({ send: give }) => {
      for (const id of ['1', 'not a 2', '3', 'not a 4']) give({ id })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
