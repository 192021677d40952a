import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { schedule } from '../connect/schedule/index.ts'
import { channel, flow, inbox } from '../flow/index.ts'
import { fixed, retry } from '../model/policy.ts'
import { operation } from '../patterns/fixtures/operations.ts'
import { fakeOperation } from './fake-operation.ts'
import { testFlow } from './test-flow.ts'

const post = operation<{ text: string }, { id: number }, { kind: 'key'; validFor: '24h' }>('post', {
  kind: 'key',
  validFor: '24h',
})

const greet = flow('greet', { onError: retry({ attempts: 3, backoff: fixed('10s') }) })
  .from(inbox(z.object({ name: z.string() })), { key: (p) => p.name })
  .delay('a while', '5m')
  .to('say', post, { input: (person) => ({ text: `Hello ${person.name}` }) })
  .reply('answer', (person) => `greeted ${person.name}`)

describe('testFlow', () => {
  it('sends what the flow sends, when it sends it', async () => {
    await using flows = await testFlow(greet)
    const { id } = await flows.send({ name: 'Ada' })
    await flows.advance('299s')
    expect(flows.sent('system.post')).toEqual([])
    await flows.advance('1s')
    expect(flows.sent('system.post')).toEqual([{ text: 'Hello Ada' }])
    expect(await flows.reply(id)).toEqual({ reply: 'greeted Ada' })
    expect(await flows.messages()).toMatchObject([{ id, state: 'done', key: 'Ada' }])
    expect((await flows.trace(id)).steps.map(({ path }) => path)).toEqual(['a while', 'say', 'answer'])
  })

  it('waits for replies and over retries', async () => {
    await using flows = await testFlow(greet)
    flows.fake('system.post').next('refused', 'timeout-after')
    expect(await flows.request({ name: 'Ada' }, { timeout: '10m' })).toBe('greeted Ada')
    expect(flows.sent('system.post')).toHaveLength(3)
    expect(flows.applied('system.post')).toHaveLength(1)
  })

  it('goes on after a crash', async () => {
    await using flows = await testFlow(greet)
    await flows.send({ name: 'Ada' })
    flows.crash()
    await expect(async () => flows.run()).rejects.toThrow('Call restart() first')
    await flows.restart()
    await flows.run()
    expect(flows.applied('system.post')).toEqual([{ text: 'Hello Ada' }])
  })

  it('redelivers dead letters', async () => {
    await using flows = await testFlow(greet)
    flows.fake('system.post').next({ rejected: 'no such room' })
    const { id } = await flows.send({ name: 'Ada' })
    await flows.run()
    expect(await flows.messages()).toMatchObject([{ state: 'dead', error: { code: 'CALL_REJECTED' } }])
    await flows.redeliver(id)
    await flows.run()
    expect(await flows.messages()).toMatchObject([{ state: 'done' }])
    await expect(flows.redeliver(id)).rejects.toThrow('Everything it does is on record')
  })

  it('resolves doubts', async () => {
    const mail = fakeOperation<string, undefined, { kind: 'none' }>('mail.send', { kind: 'none' })
    const tell = flow('tell').from(inbox<string>()).to('mail', mail, { onUnknown: 'inDoubt' })
    await using flows = await testFlow(tell)
    mail.next('reset-after')
    const { id } = await flows.send('hello')
    await flows.run()
    expect(await flows.messages()).toMatchObject([{ id, state: 'inDoubt' }])
    await flows.resolve(id, true)
    await flows.run()
    expect(await flows.messages()).toMatchObject([{ id, state: 'done' }])
    expect(mail.effects).toHaveLength(1)
  })

  it('runs flows that work together', async () => {
    const texts = channel<string>('texts')
    const first = flow('first')
      .from(inbox<string[]>())
      .split(
        'each',
        (all) => all,
        (one) => one.publish('out', texts),
      )
    const second = flow('second')
      .from(texts)
      .to('post', post, { input: (text) => ({ text }) })
    await using flows = await testFlow([first, second])
    await flows.send(['a', 'b'])
    await flows.sendTo(second, 'c')
    await flows.run()
    expect(flows.sent('system.post')).toHaveLength(3)
    expect(await flows.messages({ children: true })).toHaveLength(6)
  })

  it('starts sources that need only the clock', async () => {
    const hourly = flow('hourly')
      .from(schedule('1h'))
      .to('post', post, { input: (run) => ({ text: run.scheduledAt }) })
    await using flows = await testFlow(hourly, { sources: true })
    await flows.advance('2h')
    expect(flows.sent('system.post')).toEqual([
      { text: '2026-01-01T01:00:00.000Z' },
      { text: '2026-01-01T02:00:00.000Z' },
    ])
  })

  it('asks for a fake where the answer is used, and for the right one', async () => {
    const load = flow('load').from(inbox<{ text: string }>()).call('load', post)
    await expect(testFlow(load)).rejects.toThrow("needs a fake: operations: { 'system.post': (input) => … }")
    const wrong = fakeOperation('system.post', { kind: 'none' })
    await expect(testFlow(load, { operations: { 'system.post': wrong } })).rejects.toThrow(
      'has the guarantee',
    )
    const known = { 'system.post': () => ({ id: 1 }) }
    await expect(testFlow(load, { operations: { ...known, 'x.y': () => 1 } })).rejects.toThrow(
      '"x.y", which no flow calls',
    )
    await using flows = await testFlow(load, {
      operations: { 'system.post': ({ text }: { text: string }) => ({ id: text.length }) },
    })
    const { id } = await flows.send({ text: 'four' })
    await flows.run()
    expect((await flows.trace(id)).steps.at(-1)?.output).toEqual({ id: 4 })
    expect(() => flows.sent('x.y')).toThrow('No flow here calls "x.y". They call: system.post.')
  })

  it('says which message never ends', async () => {
    const waits = flow('waits').from(inbox<string>()).delay('long', '1000d')
    await using more = await testFlow(waits)
    await more.send('x')
    await expect(more.run()).rejects.toThrow(/of "waits" waits \(delay\)/)
  })
})
