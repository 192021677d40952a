import { flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

const greet = flow('greet')
  .from(inbox<string>())
  .delay('think', (name) => (name === 'slow' ? '1m' : '0s'))
  .filter('known', (name) => name !== 'nobody')
  .reply('greeting', (name) => `Hello ${name}`)

describe('a request', () => {
  it('is answered by the reply, which is also found later by its id and after a restart', async () => {
    await using engine = await rig([greet])
    expect(await engine.during(engine.engine.request(greet, 'Ada'))).toBe('Hello Ada')
    const [item] = (await engine.admin.messages({})).items
    engine.crash()
    await engine.start()
    expect(await engine.reply(item?.id ?? '')).toBe('Hello Ada')
    expect(await engine.during(engine.engine.intake.reply(item?.id ?? '', { timeoutMs: 1 }))).toEqual({
      reply: 'Hello Ada',
    })
  })

  it('is answered by the first of several replies, then and later', async () => {
    const twice = flow('twice')
      .from(inbox<string>())
      .reply('first', (name) => `Hello ${name}`)
      .reply('second', () => 'Bye')
    await using engine = await rig([twice])
    expect(await engine.during(engine.engine.request(twice, 'Ada'))).toBe('Hello Ada')
    const [item] = (await engine.admin.messages({})).items
    expect(await engine.reply(item?.id ?? '')).toBe('Hello Ada')
    expect(await engine.during(engine.engine.intake.reply(item?.id ?? '', { timeoutMs: 1 }))).toEqual({
      reply: 'Hello Ada',
    })
  })

  it('that takes too long is told so, goes on, and its reply is there later', async () => {
    await using engine = await rig([greet])
    const late = engine.engine.request(greet, 'slow', { timeout: '10s' })
    await expect(engine.during(late)).rejects.toMatchObject({ code: 'REPLY_TIMED_OUT' })
    const [item] = (await engine.admin.messages({})).items
    expect(await engine.reply(item?.id ?? '')).toBeUndefined()
    engine.crash()
    await engine.start()
    await engine.advance('1m')
    expect(await engine.reply(item?.id ?? '')).toBe('Hello slow')
  })

  it('whose message ends without a reply is told so at once, with its id', async () => {
    await using engine = await rig([greet])
    const before = engine.clock.now()
    const none = engine.engine.request(greet, 'nobody', { timeout: '10s' })
    await expect(engine.during(none)).rejects.toMatchObject({
      code: 'REPLY_MISSING',
      message: expect.stringMatching(/linkspan trace 1-/),
    })
    expect(engine.clock.now() - before).toBeLessThan(1_000)
  })

  it('is given up by its caller without ending the message', async () => {
    await using engine = await rig([greet])
    const caller = new AbortController()
    const asked = engine.engine.request(greet, 'slow', { signal: caller.signal })
    const told = expect(asked).rejects.toMatchObject({ code: 'REPLY_TIMED_OUT' })
    await engine.advance('1s')
    caller.abort()
    await engine.advance('1s')
    await told
    await engine.advance('2m')
    expect(await engine.states()).toEqual(['done'])
  })

  it('hears nothing that is not committed', async () => {
    const after = fakeOperation<string>('store.put', { kind: 'natural' })
    const early = flow('early')
      .from(inbox<string>())
      .reply('early', (name) => name)
      .to('put', after, { timeout: '1h' })
    after.when(() => 'timeout-before')
    let held = true
    const onCommit = (batch: { readonly accept: readonly unknown[] }) =>
      held && batch.accept.length === 0 ? 'unreachable-before' : 'ok'
    await using engine = await rig([early], { onCommit })
    let answer: unknown = 'none yet'
    const asked = engine.engine.request(early, 'x', { timeout: '1h' }).then((value) => {
      answer = value
    })
    await engine.advance('20s')
    expect(answer).toBe('none yet')
    held = false
    await engine.advance('20s')
    await asked
    expect(answer).toBe('x')
  })
})
