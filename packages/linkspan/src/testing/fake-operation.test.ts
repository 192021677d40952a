import { describe, expect, it } from 'vitest'
import type { CallContext } from '../connect/connector.ts'
import { fakeOperation } from './fake-operation.ts'
import { virtualClock } from './virtual-clock.ts'

const clock = virtualClock({ start: 0 })
const client = { clock }

function call(
  mark: string,
  abort = new AbortController(),
): CallContext & { readonly abort: AbortController } {
  return {
    messageId: '1-a',
    mark,
    signal: abort.signal,
    onAbort: () => () => undefined,
    maySend: () => true,
    jsonText: (value) => JSON.stringify(value),
    timeoutMs: 30_000,
    attempt: 1,
    firstMadeAt: null,
    limits: () => undefined,
    traceparent: '',
    abort,
  }
}

describe('fakeOperation', () => {
  it('answers a repeated key from its memory while it is valid', async () => {
    const made = fakeOperation(
      'bank.charge',
      { kind: 'key', validFor: '1h' },
      { result: (n: number) => n * 2 },
    )
    expect(await made.run(client, 1, call('m'))).toBe(2)
    expect(await made.run(client, 1, call('m'))).toBe(2)
    expect(made.effects).toHaveLength(1)
    await clock.advance('1h')
    await made.run(client, 1, call('m'))
    expect(made.effects).toHaveLength(2)
    expect(made.requests).toHaveLength(3)
    const liar = fakeOperation<number>('bank.charge', { kind: 'key', validFor: '1h' }, { remembers: false })
    await liar.run(client, 1, call('m'))
    await liar.run(client, 1, call('m'))
    expect(liar.effects).toHaveLength(2)
  })

  it('can be asked for a mark, and told what to say', async () => {
    const made = fakeOperation(
      'mail.send',
      { kind: 'verify', settleAfter: '5s' },
      { result: (text: string) => text },
    )
    await made.run(client, 'hi', call('m'))
    expect(await made.verify?.(client, 'hi', call('m'))).toEqual({ state: 'done', result: 'hi' })
    expect(await made.verify?.(client, 'hi', call('n'))).toEqual({ state: 'absent' })
    made.nextVerdict('unknown')
    expect(await made.verify?.(client, 'hi', call('m'))).toEqual({ state: 'unknown' })
    expect(made.questions).toBe(3)
    expect(fakeOperation('mail.send', { kind: 'natural' }).verify).toBeUndefined()
  })

  it('keeps a state', async () => {
    const made = fakeOperation(
      'shop.stock',
      { kind: 'natural' },
      {
        initial: () => 10,
        apply: (left, taken: number) => left - taken,
        result: (_taken, left) => ({ left }),
      },
    )
    expect(await made.run(client, 3, call('m'))).toEqual({ left: 7 })
    expect(made.state).toBe(7)
    made.reset()
    expect(made.state).toBe(10)
    expect(made.effects).toEqual([])
  })

  it('lets calls fail as they are told to', async () => {
    const made = fakeOperation<number, string>('x.y', { kind: 'natural' }, { result: () => 'fine' })
    const run = () => made.run(client, 1, call('m'))
    const effects = () => made.effects.length
    made.next(
      'refused',
      'reset-before',
      'reset-after',
      'unavailable',
      { retryAfter: '9s' },
      { rejected: 'no' },
    )
    await expect(run()).rejects.toMatchObject({ code: 'CONNECTION_FAILED', applied: 'no' })
    await expect(run()).rejects.toMatchObject({ code: 'CALL_FAILED', applied: 'unknown' })
    expect(effects()).toBe(0)
    await expect(run()).rejects.toMatchObject({ code: 'CALL_FAILED', applied: 'unknown' })
    expect(effects()).toBe(1)
    await expect(run()).rejects.toMatchObject({ code: 'CALL_FAILED', applied: 'no' })
    await expect(run()).rejects.toMatchObject({ code: 'CALL_RATE_LIMITED', retry: { afterMs: 9_000 } })
    await expect(run()).rejects.toMatchObject({ code: 'CALL_REJECTED', retry: 'never', applied: 'no' })
    made.next({ throws: 'a text' }, { result: 'other' })
    await expect(run()).rejects.toBe('a text')
    expect(await run()).toBe('other')
    expect(await run()).toBe('fine')
    made.when(({ input }) => (input === 1 ? 'refused' : undefined))
    await expect(run()).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
  })

  it('times out before, after and until the request arrives late', async () => {
    const made = fakeOperation<number>('x.y', { kind: 'natural' })
    for (const [outcome, count] of [
      ['timeout-before', 0],
      ['timeout-after', 1],
      [{ late: '40s' }, 1],
    ] as const) {
      made.next(outcome)
      const given = call('m')
      const answer = made.run(client, 1, given)
      given.abort.abort(new Error('given up'))
      await expect(answer).rejects.toThrow('given up')
      expect(made.effects).toHaveLength(count)
    }
    await clock.advance('40s')
    expect(made.effects).toHaveLength(2)
  })

  it('refuses a name that is none, and a client that is not its own', async () => {
    expect(() => fakeOperation('post', { kind: 'none' })).toThrow('connection.operation')
    expect(() => fakeOperation<number>('x.y', { kind: 'natural' }).run({}, 1, call('m'))).toThrow(
      'not its own',
    )
  })
})
