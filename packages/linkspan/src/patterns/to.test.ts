import { describe, expect, it } from 'vitest'
import { ignore } from '../model/policy.ts'
import { operation } from './fixtures/operations.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'
import { to } from './to.ts'

const post = operation<{ text: string }, { id: number }, { kind: 'key'; validFor: '1h' }>('post', {
  kind: 'key',
  validFor: '1h',
})

describe('to', () => {
  it('makes the call and leaves the body', async () => {
    const around = world(() => ({ id: 7 }))
    const tested = begin<string>()
      .to('chat', post, { input: (text) => ({ text }) })
      .map((text) => `${text} sent`)
    expect(await run(tested, 'hi', around)).toMatchObject({ body: 'hi sent', names: {} })
    expect(around.happened.calls).toMatchObject([{ path: 'chat', input: { text: 'hi' } }])
  })

  it('takes the body as input when none is given', async () => {
    const around = world()
    await run(begin<{ text: string }>().to('chat', post), { text: 'hi' }, around)
    expect(around.happened.calls).toMatchObject([{ input: { text: 'hi' } }])
  })

  it('may be ignored, since nobody needs its result', () => {
    expect(() => begin<{ text: string }>().to('chat', post, { onError: ignore() })).not.toThrow()
  })

  it('has the body back after its fallback', () => {
    const pass = { body: 'from fallback' }
    to.afterFallback?.({} as never, pass as never, 'before')
    expect(pass.body).toBe('before')
  })

  it('requires a choice for guarantee none', () => {
    const none = operation<string, void, { kind: 'none' }>('send', { kind: 'none' })
    expect(() => begin<string>().to('chat', none as never)).toThrow(/state onUnknown/)
    expect(() => begin<string>().to('chat', none, { onUnknown: 'inDoubt' })).not.toThrow()
  })
})
