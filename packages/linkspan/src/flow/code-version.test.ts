import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { deadLetter, retry } from '../model/policy.ts'
import { operation } from '../patterns/fixtures/operations.ts'
import { orders } from './fixtures/orders.ts'
import { type FlowOptions, flow } from './flow.ts'
import { inbox } from './inbox.ts'

const get = operation<number, number, { kind: 'natural' }>('get', { kind: 'natural' })
const begin = (options?: FlowOptions) => flow('x', options).from(inbox<number>())

describe('code version', () => {
  it('is 12 digits, the same for the same code', () => {
    expect(orders.codeVersion).toMatch(/^[0-9a-f]{12}$/)
    expect(begin().map((n) => n + 1).codeVersion).toBe(begin().map((n) => n + 1).codeVersion)
    expect(begin().call('g', get).codeVersion).toBe(begin().call('g', { ...get }).codeVersion)
  })

  it('is the same in every run', () => {
    const fixed = begin().map('one', Number)
    expect(fixed.codeVersion).toBe(
      flow('x', { summary: 'told otherwise', concurrency: 2 }).from(inbox<number>()).map('one', Number)
        .codeVersion,
    )
    expect(fixed.codeVersion).toMatchInlineSnapshot(`"1ff10676cca6"`)
  })

  it('changes with names, functions, options, operations, policies and schemas', () => {
    const versions = [
      begin().map('a', (n) => n),
      begin().map('b', (n) => n),
      begin().map('a', (n) => n + 1),
      begin({ onError: deadLetter() }).map('a', (n) => n),
      begin({ onError: retry({ attempts: 3 }) }).map('a', (n) => n),
      begin().choice('c', (c) =>
        c.when(
          'a',
          (n) => n > 1,
          (s) => s,
        ),
      ),
      begin().choice('c', (c) =>
        c.when(
          'a',
          (n) => n > 2,
          (s) => s,
        ),
      ),
      begin().call('g', get),
      begin().call(
        'g',
        operation<number, number, { kind: 'key'; validFor: '1h' }>('get', { kind: 'key', validFor: '1h' }),
      ),
      begin().call(
        'g',
        operation<number, number, { kind: 'key'; validFor: '2h' }>('get', { kind: 'key', validFor: '2h' }),
      ),
      begin().validate('v', z.object({ a: z.string() })),
      begin().validate('v', z.object({ a: z.number() })),
      flow('x').from(inbox<number>(), { key: (n) => n }),
      flow('x').from(inbox<number>(), { key: (n) => n + 1 }),
      flow('x').from(inbox(z.object({ a: z.string() }))),
      flow('x').from(inbox(z.object({ a: z.number() }))),
    ].map(({ codeVersion }) => codeVersion)
    expect(new Set(versions).size).toBe(versions.length)
  })
})
