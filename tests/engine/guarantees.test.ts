import { fixed, flow, inbox, retry } from 'linkspan'
import type { Guarantee } from 'linkspan/connect'
import { type FakeOutcome, fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

const twice = retry({ attempts: 9, backoff: fixed('1m') })
const marksOf = ({ requests }: { readonly requests: readonly { readonly mark: string }[] }) => [
  ...new Set(requests.map(({ mark }) => mark)),
]

/** One message through one call of a guarantee, whose first attempts end so; a day later. */
async function after<G extends Guarantee>(guarantee: G, ...outcomes: FakeOutcome<undefined>[]) {
  const call = fakeOperation<string, undefined, G>('system.call', guarantee, { timeout: '10s' })
  call.next(...outcomes)
  const settings = guarantee.kind === 'none' ? { onUnknown: 'inDoubt' } : {}
  const act = flow('act', { onError: twice })
    .from(inbox<string>())
    .to('call', call as never, settings as never)
  await using engine = await rig([act])
  await engine.send(act, 'x')
  await engine.advance('1d')
  return { call, states: await engine.states() }
}

const unknown = ['reset-before', 'reset-after', 'timeout-before', 'timeout-after'] as const

describe('an outcome that nobody knows', () => {
  it('under a key is settled by the same request with the same key', async () => {
    for (const outcome of unknown) {
      const { call, states } = await after({ kind: 'key', validFor: '1h' }, outcome, outcome)
      expect(states, outcome).toEqual(['done'])
      expect(call.effects, outcome).toHaveLength(1)
      expect(marksOf(call), outcome).toHaveLength(1)
    }
  })

  it('under a key that is no longer valid becomes a doubt, and is not sent again', async () => {
    const { call, states } = await after(
      { kind: 'key', validFor: '90s' },
      'reset-after',
      'reset-before',
      'reset-before',
    )
    expect(states).toEqual(['inDoubt'])
    expect(call.requests).toHaveLength(2)
    expect(call.effects).toHaveLength(1)
  })

  it('under a key that ran out while the engine was down becomes a doubt', async () => {
    for (const resting of ['retry', 'running'] as const) {
      const call = fakeOperation<string>('system.call', { kind: 'key', validFor: '1h' }, { timeout: '10m' })
      call.next(resting === 'retry' ? 'reset-after' : 'timeout-after')
      const act = flow('act', { onError: twice }).from(inbox<string>()).to('call', call)
      await using engine = await rig([act])
      await engine.send(act, 'x')
      await engine.advance('10s')
      engine.crash()
      await engine.advance('2h')
      await engine.start()
      await engine.advance('1h')
      expect(await engine.states(), resting).toEqual(['inDoubt'])
      expect(call.requests, resting).toHaveLength(1)
    }
  })

  it('under a key that ran out is sent again once a person says that it did nothing', async () => {
    const call = fakeOperation<string>('system.call', { kind: 'key', validFor: '1h' }, { timeout: '10m' })
    call.next('timeout-before')
    const act = flow('act', { onError: twice }).from(inbox<string>()).to('call', call)
    await using engine = await rig([act])
    const { id } = await engine.send(act, 'x')
    await engine.advance('10s')
    engine.crash()
    await engine.advance('2h')
    await engine.start()
    await engine.advance('1m')
    expect(await engine.states()).toEqual(['inDoubt'])
    await engine.during(engine.admin.resolve(id, false, { note: 'it is not there' }))
    await engine.advance('1m')
    expect(await engine.states()).toEqual(['done'])
    expect(call.effects).toHaveLength(1)
    expect(marksOf(call)).toHaveLength(2)
  })

  it('that can be asked for is asked for, no sooner than the call is over and settled, and not sent again', async () => {
    for (const outcome of unknown) {
      const { call, states } = await after({ kind: 'verify', settleAfter: '30s' }, outcome)
      expect(states, outcome).toEqual(['done'])
      expect(call.effects, outcome).toHaveLength(1)
      expect(call.questions, outcome).toBe(1)
      const sent = call.requests[0]?.at ?? 0
      if (outcome.endsWith('before')) {
        expect((call.requests[1]?.at ?? 0) - sent, outcome).toBeGreaterThanOrEqual(40_000)
        expect(marksOf(call), outcome).toHaveLength(2)
      } else expect(call.requests, outcome).toHaveLength(1)
    }
  })

  it('is asked for late enough to see a request that arrives late', async () => {
    const { call, states } = await after({ kind: 'verify', settleAfter: '30s' }, { late: '35s' })
    expect(states).toEqual(['done'])
    expect(call.effects).toHaveLength(1)
  })

  it('is asked for late enough when the engine died and had waited long for the commit before the call', async () => {
    const call = fakeOperation<string, undefined>(
      'system.call',
      { kind: 'verify', settleAfter: '30s' },
      { timeout: '10s' },
    )
    call.next('timeout-before')
    const act = flow('act', { onError: twice }).from(inbox<string>()).to('call', call)
    let unreachable = false
    await using engine = await rig([act], { onCommit: () => (unreachable ? 'unreachable-before' : 'ok') })
    await engine.send(act, 'x')
    unreachable = true
    await engine.advance('45s')
    expect(call.requests).toHaveLength(0)
    unreachable = false
    await engine.advance('6s')
    expect(call.requests).toHaveLength(1)
    engine.crash()
    await engine.start()
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['done'])
    const [sent = 0, again = 0] = call.requests.map(({ at }) => at)
    expect(call.questions).toBe(1)
    expect(again - sent).toBeGreaterThanOrEqual(40_000)
  })

  it('with no guarantee is a doubt, and with at-least-once is sent again', async () => {
    for (const outcome of unknown) {
      const { call, states } = await after({ kind: 'none' }, outcome)
      expect(states, outcome).toEqual(['inDoubt'])
      expect(call.requests, outcome).toHaveLength(1)
    }
    const call = fakeOperation<string, undefined, { kind: 'none' }>('system.call', { kind: 'none' })
    call.next('reset-after')
    const act = flow('act', { onError: twice })
      .from(inbox<string>())
      .to('call', call, { onUnknown: 'atLeastOnce' })
    await using engine = await rig([act])
    await engine.send(act, 'x')
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['done'])
    expect(call.effects).toHaveLength(2)
  })
})

describe('a call that took effect, and whose answer cannot be kept', () => {
  const guarantees: readonly Guarantee[] = [
    { kind: 'natural' },
    { kind: 'key', validFor: '1d' },
    { kind: 'verify', settleAfter: '1s' },
    { kind: 'none' },
  ]
  const big = { result: () => 2n as unknown }

  it.each(guarantees)('is not made again under $kind: a person is told', async (guarantee) => {
    const pay = fakeOperation<string, unknown, Guarantee>('bank.pay', guarantee, big)
    const settings = guarantee.kind === 'none' ? { as: 'paid', onUnknown: 'inDoubt' } : { as: 'paid' }
    const act = flow('act')
      .from(inbox<string>())
      .call('pay', pay as never, settings as never)
    await using engine = await rig([act])
    const { id } = await engine.send(act, 'x')
    await engine.advance('1d')
    expect(await engine.message(id)).toMatchObject({
      state: 'dead',
      error: { code: 'CALL_REPLY_INVALID', applied: 'yes', message: expect.stringContaining('BigInt') },
    })
    await engine.during(engine.admin.redeliver({ ids: [id] }, { note: 'to see that it is not repeated' }))
    await engine.advance('1d')
    expect(pay.effects).toHaveLength(1)
  })

  it.each(guarantees)('goes on under $kind where nobody needs the answer', async (guarantee) => {
    const pay = fakeOperation<string, unknown, Guarantee>('bank.pay', guarantee, big)
    pay.next(guarantee.kind === 'none' ? 'refused' : 'timeout-after')
    const settings = guarantee.kind === 'none' ? { onUnknown: 'inDoubt' } : {}
    const act = flow('act', { onError: twice })
      .from(inbox<string>())
      .to('pay', pay as never, settings as never)
    await using engine = await rig([act])
    await engine.send(act, 'x')
    await engine.advance('1d')
    expect(await engine.states()).toEqual(['done'])
    expect(pay.effects).toHaveLength(guarantee.kind === 'natural' ? 2 : 1)
  })
})

describe('a system that is asked, and answers what is no verdict', () => {
  it.each([undefined, null, 'done', { state: 'perhaps' }])(
    '%j has not said what happened',
    async (verdict) => {
      const pay = fakeOperation<string>('bank.pay', { kind: 'verify', settleAfter: '1s' })
      const asked = { ...pay, run: pay.run, verify: async () => verdict as never }
      pay.next('timeout-after')
      const act = flow('act').from(inbox<string>()).to('pay', asked)
      await using engine = await rig([act])
      const { id } = await engine.send(act, 'x')
      await engine.advance('1d')
      expect(await engine.message(id)).toMatchObject({
        state: 'inDoubt',
        error: { code: 'CALL_UNKNOWN_OUTCOME' },
      })
      expect(pay.requests).toHaveLength(1)
    },
  )
})

describe('a call that certainly did nothing', () => {
  it('is made again under every guarantee, as a new one', async () => {
    const guarantees = [
      { kind: 'natural' },
      { kind: 'key', validFor: '1h' },
      { kind: 'verify', settleAfter: '30s' },
      { kind: 'none' },
    ] as const
    for (const guarantee of guarantees) {
      const { call, states } = await after(guarantee, 'refused', 'unavailable', { retryAfter: '2m' })
      expect(states, guarantee.kind).toEqual(['done'])
      expect(call.requests, guarantee.kind).toHaveLength(4)
      expect(marksOf(call), guarantee.kind).toHaveLength(4)
      expect(call.questions, guarantee.kind).toBe(0)
    }
  })
})

describe('a crash at any commit', () => {
  it('doubles nothing under any guarantee, and doubts only where there is none', async () => {
    const guarantees = [
      { kind: 'key', validFor: '1d' },
      { kind: 'verify', settleAfter: '1s' },
      { kind: 'none' },
    ] as const
    for (const guarantee of guarantees) {
      for (const fate of ['lost-before', 'lost-after'] as const) {
        for (let at = 1; at <= 6; at += 1) {
          const call = fakeOperation<string>('system.call', guarantee)
          const act = flow('act')
            .from(inbox<string>(), { key: () => 'one' })
            .to('first', call as never, (guarantee.kind === 'none' ? { onUnknown: 'inDoubt' } : {}) as never)
            .to('second', call as never, (guarantee.kind === 'none' ? { onUnknown: 'inDoubt' } : {}) as never)
          let left = Number.POSITIVE_INFINITY
          await using engine = await rig([act], { onCommit: () => (--left === 0 ? fate : 'ok') })
          left = at
          const send = () => engine.send(act, 'x', { dedupeKey: 'x' }).catch(() => undefined)
          await send()
          await engine.advance('1s')
          if (left <= 0) {
            engine.crash()
            await engine.start()
            await send()
            await engine.advance('1d')
          }
          const told = `${guarantee.kind}, ${fate} at commit ${at}`
          const [state] = await engine.states()
          expect(call.effects.length, told).toBeLessThanOrEqual(2)
          if (guarantee.kind === 'none') expect(['done', 'inDoubt'], told).toContain(state)
          else expect([state, call.effects.length], told).toEqual(['done', 2])
        }
      }
    }
  })
})
