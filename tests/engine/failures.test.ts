import {
  deadLetter,
  type EndedEvent,
  exponential,
  fixed,
  flow,
  ignore,
  inbox,
  LinkspanError,
  retry,
  rules,
  when,
} from 'linkspan'
import { type FakeOutcome, fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

const put = () => fakeOperation<string>('store.put', { kind: 'natural' })
const pausesOf = ({ requests }: { readonly requests: readonly { readonly at: number }[] }): number[] =>
  requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0))

describe('the attempt that lists and traces show', () => {
  it('is counted from 1: the last one of what ended, the next one of what waits', async () => {
    const put = fakeOperation<string>('store.put', { kind: 'natural' })
    const save = flow('save', { onError: retry({ attempts: 3, backoff: fixed('1m') }) })
      .from(inbox<string>())
      .to('put', put)
    put.when(({ input, attempt }) =>
      input === 'bad' || (input === 'late' && attempt === 1) ? 'refused' : 'ok',
    )
    await using engine = await rig([save])
    const attempts: Record<string, number[]> = {}
    for (const body of ['good', 'late', 'bad']) {
      const { id } = await engine.send(save, body)
      await engine.advance('1s')
      const early = (await engine.message(id)).attempt
      await engine.advance('10m')
      const ended = (await engine.message(id)).attempt
      expect((await engine.trace(id)).message.attempt).toBe(ended)
      attempts[body] = [early, ended]
    }
    expect(attempts).toEqual({ good: [1, 1], late: [2, 2], bad: [2, 3] })
    expect(await engine.states()).toEqual(['done', 'done', 'dead'])
  })
})

describe('trying again', () => {
  it('pauses longer each time up to the longest, a stated share of each pause left to chance', async () => {
    const op = put()
    op.when(() => 'refused')
    const backoff = exponential('1s', '8s', { jitter: 0.25 })
    const save = flow('save', { onError: retry({ attempts: 40, backoff }) })
      .from(inbox<string>())
      .to('put', op)
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('1h')
    const pauses = pausesOf(op)
    expect(op.requests).toHaveLength(40)
    pauses.forEach((pause, at) => {
      const full = Math.min(8_000, 1_000 * 2 ** at)
      // The connection is not tried sooner than it can be made; a pause is never longer than the policy says.
      expect(pause).toBeGreaterThanOrEqual(full * 0.75)
      expect(pause).toBeLessThanOrEqual(full)
    })
    const last = pauses.slice(4)
    expect(new Set(last).size).toBeGreaterThan(last.length / 2)
    expect(Math.max(...last) - Math.min(...last)).toBeGreaterThan(1_000)
    expect(await engine.states()).toEqual(['dead'])
  })

  it('waits at least as long as the system asks for, and as the policy says when that is longer', async () => {
    const op = put()
    op.next({ retryAfter: '90s' }, { retryAfter: '1s' })
    const save = flow('save', { onError: retry({ attempts: 5, backoff: fixed('10s') }) })
      .from(inbox<string>())
      .to('put', op)
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('5m')
    expect(pausesOf(op)).toEqual([90_000, 10_000])
    expect(await engine.states()).toEqual(['done'])
  })

  it('goes by the first rule that fits the error, by code or by predicate', async () => {
    const op = put()
    const policy = rules(
      when('CALL_RATE_LIMITED', retry({ attempts: 2, backoff: fixed('1s') })),
      when((error) => error.message.includes('503'), retry({ attempts: 4, backoff: fixed('1s') })),
      when(['CALL_FAILED', 'CONNECTION_FAILED'], deadLetter()),
      retry({ attempts: 9, backoff: fixed('1s') }),
    )
    const save = flow('save', { onError: policy }).from(inbox<string>()).to('put', op)
    await using engine = await rig([save])
    const attempts = async (outcome: FakeOutcome<undefined>): Promise<number> => {
      const before = op.requests.length
      op.when(() => outcome)
      await engine.send(save, 'x')
      await engine.advance('1m')
      return op.requests.length - before
    }
    expect(await attempts({ retryAfter: '1s' })).toBe(2)
    expect(await attempts('unavailable')).toBe(4)
    expect(await attempts('refused')).toBe(1)
    expect(await attempts({ throws: new LinkspanError('BODY_TOO_LARGE', 'big', { retry: 'later' }) })).toBe(9)
    expect(await engine.states()).toEqual(['dead', 'dead', 'dead', 'dead'])
  })

  it('does not happen for an error that says never, whatever the policy', async () => {
    const op = put()
    op.when(() => ({ rejected: 'no such room' }))
    const save = flow('save', { onError: retry({ attempts: 9, backoff: fixed('1s') }) })
      .from(inbox<string>())
      .to('put', op)
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('1m')
    expect(op.requests).toHaveLength(1)
    expect(await engine.states()).toEqual(['dead'])
  })

  it("asks the step's own policy before the flow's, and not the flow's after it", async () => {
    const first = fakeOperation<string>('store.first', { kind: 'natural' })
    const second = fakeOperation<string>('store.second', { kind: 'natural' })
    second.when(() => 'unavailable')
    first.next('unavailable')
    const save = flow('save', { onError: retry({ attempts: 6, backoff: fixed('2s') }) })
      .from(inbox<string>())
      .to('first', first)
      .to('second', second, { onError: retry({ attempts: 3, backoff: fixed('5s') }) })
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('5m')
    expect(pausesOf(first)).toEqual([2_000])
    expect(pausesOf(second)).toEqual([5_000, 5_000])
    expect(await engine.states()).toEqual(['dead'])
  })

  it("goes by the project's policy where the flow has none", async () => {
    const op = put()
    op.when(() => 'unavailable')
    const save = flow('save').from(inbox<string>()).to('put', op)
    await using engine = await rig([save], { onError: retry({ attempts: 3, backoff: fixed('1s') }) })
    await engine.send(save, 'x')
    await engine.advance('1m')
    expect(op.requests).toHaveLength(3)
  })

  it('counts on after a crash, and keeps the time of the next attempt', async () => {
    const op = put()
    op.when(() => 'unavailable')
    const save = flow('save', { onError: retry({ attempts: 3, backoff: fixed('1m') }) })
      .from(inbox<string>())
      .to('put', op)
    await using engine = await rig([save])
    const { id } = await engine.send(save, 'x')
    await engine.advance('30s')
    engine.crash()
    await engine.start()
    expect(await engine.message(id)).toMatchObject({ state: 'waiting', reason: 'retry' })
    await engine.advance('10m')
    expect(pausesOf(op)).toEqual([60_000, 60_000])
    expect(await engine.message(id)).toMatchObject({ state: 'dead' })
  })

  it('takes what is no Error for a failure, and says what was thrown', async () => {
    const op = put()
    const thrown = ['a text', { code: 7 }, undefined, null, 42]
    const save = flow('save', { onError: deadLetter() }).from(inbox<string>()).to('put', op)
    await using engine = await rig([save])
    for (const value of thrown) op.next({ throws: value })
    for (const _ of thrown) await engine.send(save, 'x')
    await engine.advance('1m')
    const { items } = await engine.admin.messages({ order: 'oldest' })
    expect(items.map(({ state, error }) => [state, error?.code])).toEqual(
      thrown.map(() => ['dead', 'CALL_FAILED']),
    )
    expect(items.map(({ error }) => error?.message)).toEqual([
      expect.stringContaining('"a text"'),
      expect.stringContaining('{"code":7}'),
      expect.stringContaining('undefined'),
      expect.stringContaining('null'),
      expect.stringContaining('42'),
    ])
  })
})

describe('time limits', () => {
  it('give up a call that does not answer, also one that ignores it', async () => {
    const op = put()
    op.next('silent', 'timeout-before')
    const save = flow('save', { onError: retry({ attempts: 3, backoff: fixed('1s') }) })
      .from(inbox<string>())
      .to('put', op, { timeout: '5s' })
    await using engine = await rig([save])
    const { id } = await engine.send(save, 'x')
    await engine.advance('1m')
    expect(pausesOf(op)).toEqual([6_000, 6_000])
    const step = (await engine.trace(id)).steps.find(({ path }) => path === 'put')
    expect(step?.attempts.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ['unknown', 'CALL_TIMED_OUT'],
      ['unknown', 'CALL_TIMED_OUT'],
      ['done', undefined],
    ])
  })

  it('end a message that is older than its flow allows, at its next step and not only at its next wake', async () => {
    const op = put()
    op.when(() => 'unavailable')
    const save = flow('save', { timeLimit: '2m', onError: retry({ attempts: 999, backoff: fixed('50s') }) })
      .from(inbox<string>())
      .to('put', op)
    await using engine = await rig([save])
    const { id } = await engine.send(save, 'x')
    await engine.advance('2h')
    expect(await engine.message(id)).toMatchObject({ state: 'dead', error: { code: 'TIME_LIMIT' } })
    const { endedAt, acceptedAt } = await engine.message(id)
    expect((endedAt ?? 0) - acceptedAt).toBe(120_001)
    expect(op.requests).toHaveLength(3)
  })

  it('count afresh for a message that is sent again, and for one whose doubt was resolved', async () => {
    const op = fakeOperation<string>('bank.pay', { kind: 'none' })
    op.next('unavailable')
    const after = put()
    const pay = flow('pay', { timeLimit: '1h', onError: retry({ attempts: 9, backoff: fixed('2h') }) })
      .from(inbox<string>())
      .to('pay', op, { onUnknown: 'inDoubt' })
      .to('put', after)
    for (const fresh of [false, true]) {
      await using engine = await rig([pay])
      const { id } = await engine.send(pay, 'x')
      await engine.advance('1d')
      expect(await engine.message(id)).toMatchObject({ state: 'dead', error: { code: 'TIME_LIMIT' } })
      op.next('timeout-after')
      await engine.during(engine.admin.redeliver({ ids: [id] }, { fresh, note: 'the bank is back' }))
      await engine.advance('1d')
      expect(await engine.states(), `fresh: ${fresh}`).toEqual(['inDoubt'])
      await engine.during(engine.admin.resolve(id, true, { note: 'paid' }))
      await engine.advance('1d')
      expect(await engine.states(), `fresh: ${fresh}`).toEqual(['done'])
      op.next('unavailable')
    }
    expect(after.effects).toHaveLength(2)
  })

  it('let a call be settled whose outcome is unknown, and begin with no other after it', async () => {
    const paid = fakeOperation<string>('bank.pay', { kind: 'verify', settleAfter: '2h' }, { timeout: '10s' })
    const after = put()
    const pay = flow('pay', { timeLimit: '1h' }).from(inbox<string>()).to('pay', paid).to('put', after)
    for (const [outcome, effects] of [
      ['timeout-after', 1],
      ['timeout-before', 0],
    ] as const) {
      paid.reset()
      paid.next(outcome)
      await using engine = await rig([pay])
      const { id } = await engine.send(pay, 'x')
      await engine.advance('1d')
      expect(await engine.message(id), outcome).toMatchObject({
        state: 'dead',
        error: { code: 'TIME_LIMIT' },
      })
      expect([paid.questions, paid.requests.length, paid.effects.length], outcome).toEqual([1, 1, effects])
    }
    expect(after.requests).toHaveLength(0)
  })

  it('make no dead letter of a call that nobody can ask for: it is in doubt', async () => {
    const op = fakeOperation<string>('bank.pay', { kind: 'none' }, { timeout: '2h' })
    op.next('timeout-after')
    const pay = flow('pay', { timeLimit: '1h' }).from(inbox<string>()).to('pay', op, { onUnknown: 'inDoubt' })
    await using engine = await rig([pay])
    const { id } = await engine.send(pay, 'x')
    await engine.advance('1m')
    engine.crash()
    await engine.advance('3h')
    await engine.start()
    await engine.advance('1m')
    expect(await engine.message(id)).toMatchObject({
      state: 'inDoubt',
      error: { code: 'CALL_UNKNOWN_OUTCOME' },
    })
    expect(op.requests).toHaveLength(1)
  })
})

describe('what becomes of a message that has failed for good', () => {
  const failing = () => {
    const op = put()
    op.when(() => ({ rejected: 'full' }))
    return op
  }

  it('is a dead letter with its error and where it happened; the hook hears of it after the commit', async () => {
    const heard: (EndedEvent & { readonly state: string })[] = []
    const save = flow('save')
      .from(inbox<string>(), { key: (text) => text })
      .to('put', failing())
    const engine = await rig([save], {
      hooks: {
        onDead: async (event) => {
          heard.push({ ...event, state: (await engine.message(event.id)).state })
        },
      },
    })
    await using _end = engine
    const { id } = await engine.send(save, 'x')
    await engine.advance('1s')
    expect(heard).toMatchObject([
      { id, flow: 'save', key: 'x', path: 'put', error: { code: 'CALL_REJECTED' }, state: 'dead' },
    ])
  })

  it('is not changed by a hook that throws, which is logged', async () => {
    const save = flow('save').from(inbox<string>()).to('put', failing())
    await using engine = await rig([save], {
      hooks: {
        onDead: () => {
          throw new Error('the hook is broken')
        },
      },
    })
    await engine.send(save, 'x')
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['dead'])
    expect(JSON.stringify(engine.log.lines)).toContain('the hook is broken')
  })

  it("is the flow's fallback, which begins with the accepted body and knows the error", async () => {
    const told = fakeOperation<string>('chat.tell', { kind: 'natural' })
    const save = flow('save')
      .from(inbox<string>())
      .map('loud', (text) => text.toUpperCase())
      .to('put', failing())
      .onError((failed) =>
        failed.to('tell', told, { input: (text, { error }) => `${text}: ${error.code} ${error.message}` }),
      )
    await using engine = await rig([save])
    await engine.send(save, 'quiet')
    await engine.advance('1s')
    expect(told.effects.map(({ input }) => input)).toEqual([
      expect.stringMatching(/^quiet: CALL_REJECTED .*full/),
    ])
    expect(await engine.states()).toEqual(['done'])
  })

  it("is never the flow's fallback for a child, whose body is another one: its parent has it if it fails too", async () => {
    const told = fakeOperation<string>('chat.tell', { kind: 'natural' })
    const save = (name: string, stopOnError: boolean) =>
      flow(name)
        .from(inbox<{ id: string; lines: string[] }>())
        .split(
          'lines',
          (order) => order.lines,
          (line) => line.to('put', failing()),
          { stopOnError },
        )
        .onError((failed) =>
          failed.to('tell', told, {
            input: (order, { error }) => `${order.id}: ${error.code}`,
          }),
        )
    const patient = save('patient', false)
    const strict = save('strict', true)
    await using engine = await rig([patient, strict])
    await engine.send(patient, { id: 'a', lines: ['1'] })
    await engine.send(strict, { id: 'b', lines: ['1'] })
    await engine.advance('1s')
    expect(told.effects.map(({ input }) => input)).toEqual(['b: SPLIT_ITEM_FAILED'])
    expect(await engine.states()).toEqual(['done', 'done'])
    expect((await engine.admin.status()).children).toMatchObject({ dead: 2, done: 0 })
  })

  it('is a dead letter when the fallback fails too, and the fallback is not begun again and again', async () => {
    const told = fakeOperation<string>('chat.tell', { kind: 'natural' })
    told.when(() => 'unavailable')
    const op = failing()
    const save = flow('save', { onError: retry({ attempts: 2, backoff: fixed('1s') }) })
      .from(inbox<string>())
      .to('put', op)
      .onError((failed) => failed.to('tell', told))
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['dead'])
    expect(op.requests).toHaveLength(1)
    expect(told.requests).toHaveLength(2)
  })

  it("is a call's own fallback, whose last body takes the place of the result", async () => {
    const load = fakeOperation<string, { name: string }, { kind: 'natural' }>('users.load', {
      kind: 'natural',
    })
    load.when(() => ({ rejected: 'unknown user' }))
    const greet = flow('greet')
      .from(inbox<string>())
      .call('load', load, {
        as: 'user',
        fallback: (failed) => failed.map('nobody', (id, { error }) => ({ name: `${id} (${error.code})` })),
      })
      .reply('greeting', (_id, { user }) => `Hello ${user.name}`)
    await using engine = await rig([greet])
    const { id } = await engine.send(greet, 'u1')
    await engine.advance('1s')
    expect(await engine.reply(id)).toBe('Hello u1 (CALL_REJECTED)')
    expect(await engine.states()).toEqual(['done'])
  })

  it('is nothing at a step that may be ignored; that is counted and shown', async () => {
    const after = fakeOperation<string>('store.after', { kind: 'natural' })
    const save = flow('save')
      .from(inbox<string>())
      .to('put', failing(), { onError: ignore() })
      .to('after', after)
    await using engine = await rig([save])
    const { id } = await engine.send(save, 'x')
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['done'])
    expect(after.effects).toHaveLength(1)
    expect(engine.engine.metrics.prometheus()).toMatch(/ignored_errors_total\{[^}]*step="put"[^}]*\} 1/)
    expect((await engine.trace(id)).steps[0]).toMatchObject({ path: 'put', outcome: 'ignored' })
  })

  it('is dropped by a flow that ignores failures, and counted as that', async () => {
    const save = flow('save', { onError: ignore() }).from(inbox<string>()).to('put', failing())
    await using engine = await rig([save])
    await engine.send(save, 'x')
    await engine.advance('1s')
    expect(await engine.states()).toEqual(['dropped'])
    expect((await engine.admin.status()).messages.dropped).toBe(1)
  })

  it('is the same after a crash at any commit: no step that was passed over is made again', async () => {
    let crashes = 0
    for (let at = 1; at < 12; at += 1) {
      const op = failing()
      const after = fakeOperation<string>('store.after', { kind: 'key', validFor: '1d' })
      const save = flow('save').from(inbox<string>()).to('put', op, { onError: ignore() }).to('after', after)
      let left = Number.POSITIVE_INFINITY
      await using engine = await rig([save], { onCommit: () => (--left === 0 ? 'lost-after' : 'ok') })
      left = at
      await engine.send(save, 'x').catch(() => undefined)
      await engine.advance('1s')
      if (left <= 0) {
        engine.crash()
        await engine.start()
        await engine.advance('1h')
      }
      expect(await engine.states(), `crash at commit ${at}`).toEqual(['done'])
      expect(after.effects, `crash at commit ${at}`).toHaveLength(1)
      const calls = op.requests.length
      expect(calls, `crash at commit ${at}`).toBeLessThanOrEqual(left <= 0 ? 2 : 1)
      crashes += left <= 0 ? 1 : 0
    }
    expect(crashes).toBeGreaterThan(1)
  })
})

describe('an error that is too large to be kept', () => {
  it('ends its message like any other, with the beginning of what it said', async () => {
    const save = flow('save')
      .from(inbox<string>())
      .map('parse', (body): string => {
        const details: Record<string, unknown> = { body: body.repeat(1_000_000) }
        details['self'] = details
        throw new LinkspanError('STEP_FAILED', `no JSON: ${body.repeat(1_000_000)}`, { details })
      })
    const told: EndedEvent[] = []
    await using engine = await rig([save], {
      hooks: { onDead: (event) => void told.push(event) },
    })
    const { id } = await engine.send(save, 'x')
    await engine.advance('1s')
    const { state, error } = await engine.message(id)
    expect(state).toBe('dead')
    expect(error?.message).toMatch(/^no JSON: x+ … \(\d+ of 1000009 characters are cut off\)$/)
    expect(error?.details).toEqual({ cutOff: 'body (1000002 characters), self (no JSON)' })
    expect(JSON.stringify(await engine.trace(id)).length).toBeLessThan(100_000)
    expect(told.map(({ error }) => error.message)).toEqual([error?.message])
  })
})
