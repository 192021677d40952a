import { describe, expect, it } from 'vitest'
import { begin } from './fixtures/pass-for-tests.ts'

describe('onError', () => {
  it("is the flow's fallback, its steps under the path onError", () => {
    const tested = begin<number>()
      .map('risky', (n) => n)
      .onError((failed) => failed.map('risky', (n, { error }) => `${n} ${error.message}`))
      .map('after', (n) => n)
    expect(tested.definition.fallback).toMatchObject([{ kind: 'map', name: 'risky' }])
    expect(tested.definition.steps.map(({ name }) => name)).toEqual(['risky', 'after'])
    expect([...tested.code.keys()]).toEqual(['risky', 'after', 'onError/risky'])
    expect(begin().definition.fallback).toBeNull()
  })

  it('stands once, and outside scopes', () => {
    const steps = begin<number[]>().onError((failed) => failed)
    expect(() => steps.onError((failed) => failed)).toThrow(/has a fallback branch already/)
    expect(() =>
      begin<number[]>().split(
        'x',
        (l) => l,
        (n) => n.onError((f) => f),
      ),
    ).toThrow(/may not stand inside a scope/)
  })

  it('keeps its path free', () => {
    expect(() => begin<number>().map('onError', (n) => n)).toThrow(/No step may be called "onError"/)
  })
})
