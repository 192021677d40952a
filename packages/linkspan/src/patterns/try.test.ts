import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { LinkspanError } from '../model/errors.ts'
import { retry } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { testFlow } from '../testing/test-flow.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { begin, run, testConnection, world } from './fixtures/pass-for-tests.ts'

const fail = (code: 'CALL_REJECTED' | 'CALL_FAILED', message = 'no'): never => {
  throw new LinkspanError(code, message)
}

describe('try', () => {
  const careful = begin<{ n: number; text?: string }>().try('risky', (t) =>
    t
      .do((s) => s.map((b) => ({ ...b, text: b.n > 0 ? 'fine' : fail('CALL_REJECTED') })))
      .catch('rejected', 'CALL_REJECTED', (s) =>
        s.map((b, { error }) => ({ ...b, text: `caught ${error.message}` })),
      ),
  )

  it('goes on with what was tried', async () => {
    expect((await run(careful, { n: 1 })).body).toEqual({ n: 1, text: 'fine' })
  })

  it('runs the catch that takes the error, on the body from before', async () => {
    expect((await run(careful, { n: 0 })).body).toEqual({ n: 0, text: 'caught no' })
  })

  it('asks the catches in turn, by code, by codes, by predicate, or for any', async () => {
    const sorted = begin<{ code: 'CALL_REJECTED' | 'CALL_FAILED'; message: string }>().try('risky', (t) =>
      t
        .do((s) => s.map((b) => fail(b.code, b.message)))
        .catch(
          'teapot',
          (error) => error.message === 'teapot',
          (s) => s.map(() => 'teapot'),
        )
        .catch('rejected', ['CALL_REJECTED'], (s) => s.map(() => 'rejected'))
        .catch('rest', 'any', (s) => s.map(() => 'rest')),
    )
    expect((await run(sorted, { code: 'CALL_REJECTED', message: 'teapot' })).body).toBe('teapot')
    expect((await run(sorted, { code: 'CALL_REJECTED', message: 'x' })).body).toBe('rejected')
    expect((await run(sorted, { code: 'CALL_FAILED', message: 'x' })).body).toBe('rest')
  })

  it('fails with what no catch takes, and with what a catch throws', async () => {
    const through = begin<'CALL_REJECTED' | 'CALL_FAILED'>().try('risky', (t) =>
      t
        .do((s) => s.map((code) => fail(code, 'first')))
        .catch('rejected', 'CALL_REJECTED', (s) => s.map(() => fail('CALL_FAILED', 'second'))),
    )
    await expect(run(through, 'CALL_FAILED')).rejects.toThrow('first')
    await expect(run(through, 'CALL_REJECTED')).rejects.toThrow('second')
  })

  it('runs finally in any case, and goes on with the body from before it', async () => {
    const around = world()
    const op = {
      connection: testConnection,
      name: 'tell',
      guarantee: { kind: 'natural' },
      spec: {},
      run: async () => undefined,
    } as never
    const told = begin<number>().try('risky', (t) =>
      t
        .do((s) =>
          s.map((n) => (n > 0 ? n * 2 : n === 0 ? fail('CALL_FAILED', 'zero') : fail('CALL_REJECTED'))),
        )
        .catch('rejected', 'CALL_REJECTED', (s) => s.map(() => -100))
        .finally((s) => s.to('tell', op, { input: (n: number) => n } as never)),
    )
    expect((await run(told, 4, around)).body).toBe(8)
    expect((await run(told, -1, around)).body).toBe(-100)
    await expect(run(told, 0, around)).rejects.toThrow('zero')
    expect(around.happened.calls.map(({ input }) => input)).toEqual([4, -1, 0])
  })

  it('refuses a try without a catch, and parts of the same name', () => {
    const steps = begin<number>()
    expect(() => steps.try('x', (t) => t.do((s) => s))).toThrow(/neither a catch\(\) nor a finally\(\)/)
    expect(() => steps.try('x', (t) => t.do((s) => s).catch('do', 'any', (s) => s))).toThrow(
      /may not be called "do"/,
    )
    expect(() => steps.try('x', (t) => t.do((s) => s).catch('c', [] as never, (s) => s))).toThrow(
      /takes an error code/,
    )
  })

  it('comes to the same, wherever the engine is killed', async () => {
    const flaky = fakeOperation(
      'shop.flaky',
      { kind: 'key', validFor: '24h' },
      {
        result: (input: { id: string }) => {
          if (input.id.startsWith('bad')) throw new LinkspanError('CALL_REJECTED', `${input.id} is refused`)
          return { receipt: input.id }
        },
      },
    )
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const tried = flow('tried', { onError: retry({ attempts: 4 }) })
      .from(inbox<{ id: string }>(), { key: () => 'one' })
      .try('charge', (t) =>
        t
          .do((s) =>
            s
              .to('before', put)
              .call('pay', flaky, { input: (b) => b, as: 'paid' })
              .map((_, { paid }) => paid.receipt),
          )
          .catch('refused', 'CALL_REJECTED', (s) =>
            s.to('refund', put, { input: (b) => b }).map((_b, { error }) => error.message),
          )
          .finally((s) => s.to('log', put)),
      )
      .to('end', put)
    const report = await crashSweep(tried, ({ send }) => {
      send({ id: 'good' })
      send({ id: 'bad' })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })

  it('goes on with its last part after a wait when nothing takes the failure, wherever the engine is killed', async () => {
    const put = fakeOperation('shop.put', { kind: 'key', validFor: '24h' }, { result: (_: unknown) => 'put' })
    const tried = flow('waits in finally')
      .from(inbox<{ id: string }>())
      .try('care', (t) =>
        t
          .do((s) =>
            s.to('before', put).filter('bad', ({ id }) => {
              if (id === 'bad') throw new LinkspanError('CALL_REJECTED', 'refused', { retry: 'never' })
              return true
            }),
          )
          .finally((s) => s.delay('a while', '1m').to('log', put)),
      )
      .onError((s) => s.to('told', put))
    await crashSweep(tried, ({ send }) => {
      send({ id: 'good' })
      send({ id: 'bad' })
    })
    await using undisturbed = await testFlow(tried)
    const { id } = await undisturbed.send({ id: 'bad' })
    await undisturbed.run()
    expect((await undisturbed.trace(id)).message.state).toBe('done')
  })
})
