import { describe, expect, it } from 'vitest'
import { ignore, retry, rules, when } from '../model/policy.ts'
import { call } from './call.ts'
import { operation } from './fixtures/operations.ts'
import { begin, run, world } from './fixtures/pass-for-tests.ts'

const get = operation<{ id: number }, { title: string }, { kind: 'natural' }>(
  'get',
  { kind: 'natural' },
  '10s',
)
const make = operation<{ id: number }, { made: true }, { kind: 'none' }>('make', { kind: 'none' })

describe('call', () => {
  it('goes on with the result, bound beside the body or as the body', async () => {
    const around = world(() => ({ title: 'found' }))
    const bound = begin<number>().call('load', get, { input: (id) => ({ id }), as: 'item' })
    expect(await run(bound, 3, around)).toMatchObject({ body: 3, names: { item: { title: 'found' } } })
    const body = begin<{ id: number }>().call('load', get)
    expect((await run(body, { id: 3 }, around)).body).toEqual({ title: 'found' })
    expect(around.happened.calls).toMatchObject([{ input: { id: 3 } }, { input: { id: 3 } }])
  })

  it('asks for the call as the step says', async () => {
    const around = world(() => ({ made: true }))
    const tested = begin<{ id: number }>()
      .call('a', get, { as: 'a' })
      .call('b', get, { as: 'b', timeout: '500ms' })
      .call('c', make, { as: 'c', onUnknown: 'atLeastOnce' })
    await run(tested, { id: 1 }, around)
    expect(around.happened.calls).toMatchObject([
      { path: 'a', operation: get, timeoutMs: 10_000, onUnknown: 'inDoubt' },
      { path: 'b', operation: get, timeoutMs: 500, onUnknown: 'inDoubt' },
      { path: 'c', operation: make, timeoutMs: null, onUnknown: 'atLeastOnce' },
    ])
    expect(tested.definition.steps[2]).toMatchObject({
      connection: 'system',
      operation: 'make',
      guarantee: 'none',
    })
  })

  it('hands on what the call throws', async () => {
    const failure = new Error('down')
    await expect(
      run(
        begin<{ id: number }>().call('a', get),
        { id: 1 },
        world(() => Promise.reject(failure)),
      ),
    ).rejects.toBe(failure)
  })

  it('requires a choice for guarantee none and refuses one for others', () => {
    const steps = begin<{ id: number }>()
    expect(() => steps.call('x', make, {} as never)).toThrow(
      /"system\.make", which has the guarantee "none": state onUnknown/,
    )
    expect(() => steps.call('x', make, { onUnknown: 'maybe' } as never)).toThrow(/not "maybe"/)
    expect(() => steps.call('x', get, { onUnknown: 'inDoubt' } as never)).toThrow(
      /has the guarantee "natural", which decides an unknown outcome/,
    )
  })

  it('refuses to be ignored, as its result would be missing, but for a fallback', () => {
    const steps = begin<{ id: number }>()
    expect(() => steps.call('x', get, { onError: ignore() })).toThrow(/would lack its result/)
    expect(() =>
      steps.call('x', get, { onError: rules(when('CALL_REJECTED', ignore()), retry({ attempts: 2 })) }),
    ).toThrow(/would lack/)
    expect(() => steps.call('x', get, { onError: ignore(), fallback: (s) => s })).not.toThrow()
  })

  it('keeps its policy beside the data and its fallback as a scope', () => {
    const tested = begin<{ id: number }>().call('x', get, {
      as: 'item',
      onError: retry({ attempts: 3 }),
      fallback: (failed) => failed.map((body, { error }) => ({ title: `${body.id} ${error.code}` })),
    })
    expect(tested.definition.steps[0]?.scopes).toMatchObject([
      { name: 'fallback', steps: [{ name: 'map-1' }] },
    ])
    expect(tested.code.get('x')?.['onError']).toMatchObject({
      rules: [],
      otherwise: { attempts: 3, final: 'dead' },
    })
    expect(tested.code.has('x/fallback/map-1')).toBe(true)
  })

  it('puts what a fallback ended with in the place of the result', () => {
    const bound: Record<string, unknown> = {}
    const pass = {
      body: 'from fallback',
      bind: (name: string, value: unknown) => {
        bound[name] = value
      },
    }
    const named = begin<{ id: number }>().call('x', get, { as: 'item' }).definition.steps[0]!
    call.afterFallback?.(named, pass as never, 'before')
    expect([pass.body, bound]).toEqual(['before', { item: 'from fallback' }])
    const unnamed = begin<{ id: number }>().call('x', get).definition.steps[0]!
    pass.body = 'from fallback'
    call.afterFallback?.(unnamed, pass as never, 'before')
    expect(pass.body).toBe('from fallback')
  })

  it('refuses what is no operation, and an asynchronous input', async () => {
    expect(() => begin().call('x', { name: 'get' } as never)).toThrow(
      /needs an operation of a connection .* but got an object/,
    )
    const slow = begin<number>().call('x', get, { input: (async () => ({ id: 1 })) as never })
    await expect(run(slow, 1)).rejects.toMatchObject({ code: 'STEP_ASYNC' })
  })
})
