import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { deadLetter, fixed, retry } from '../model/policy.ts'
import type { Flow } from '../patterns/steps.ts'
import { type CrashSweepFailure, type CrashSweepOptions, crashSweep } from './crash-sweep.ts'
import { fakeOperation } from './fake-operation.ts'
import type { Scenario } from './sweep/scenario.ts'

interface Order {
  readonly id: string
  readonly total: number
}

const begin = (name: string) =>
  flow(name, { onError: retry({ attempts: 5, backoff: fixed('1s') }) }).from(inbox<Order>(), {
    key: (o) => o.id,
  })

const two: Scenario<Flow> = ({ send }) => {
  send({ id: 'a', total: 1 })
  send({ id: 'b', total: 2 })
}

async function found(
  subject: Flow,
  scenario: Scenario<Flow> = two,
  options: CrashSweepOptions = {},
): Promise<CrashSweepFailure> {
  const sweeping = crashSweep(subject, scenario, options)
  return sweeping.then(
    (report) => {
      throw new Error(`The sweep found nothing: ${JSON.stringify(report)}`)
    },
    (failure: CrashSweepFailure) => {
      if (!failure.sweep) throw failure
      return failure
    },
  )
}

describe('crashSweep finds', () => {
  it('an operation that says key and knows none again', async () => {
    const charge = fakeOperation<Order>('bank.charge', { kind: 'key', validFor: '1h' }, { remembers: false })
    const failure = await found(begin('liar').to('charge', charge))
    expect(failure.message).toMatch(/at (call|commit) \d of \d/)
    expect(failure.sweep.differences).toEqual([
      'bank.charge was doubled with {"id":"a","total":1} for message 1: 2 instead of 1 times',
      'bank.charge was doubled with {"id":"b","total":2} for message 2: 2 instead of 1 times',
    ])
    expect(failure.sweep.faults[0]?.fault).toContain('the engine was killed')
  })

  it('an operation that says natural and counts', async () => {
    const add = fakeOperation(
      'books.add',
      { kind: 'natural' },
      {
        initial: () => 0,
        apply: (sum, order: Order) => sum + order.total,
      },
    )
    const failure = await found(begin('counts').to('add', add))
    expect(failure.message).toMatch(/books\.add left the state \d, undisturbed 3/)
    expect(failure.sweep.run).toMatch(/^\d+:[a-z-]+$/)
  })

  it('a system that cannot say what it has done', async () => {
    const mail = fakeOperation<Order>(
      'mail.send',
      { kind: 'verify', settleAfter: '5s' },
      { remembers: false },
    )
    const failure = await found(begin('forgets').to('send', mail))
    expect(failure.message).toContain('mail.send was doubled')
    expect(failure.message).toMatch(/at (call|commit|timer|question) \d+ of \d+/)
  })

  it('a step that keeps something in a variable', async () => {
    const put = fakeOperation('shop.put', { kind: 'natural' })
    let count = 0
    const counting = begin('variable')
      .map('number', (order) => ({ ...order, number: ++count }))
      .to('put', put)
    const failure = await found(counting)
    expect(failure.message).toContain('comes out differently when it is run again: something is kept outside')
    const reset = await found(counting, (steps) => {
      count = 0
      return two(steps)
    })
    expect(reset.message).toMatch(/at (delivery|commit|call) \d of \d/)
    expect(reset.message).toContain('shop.put was applied with')
  })

  it('a flow that takes a repeated delivery for a new one', async () => {
    const total = begin('total').state('total', { key: () => 'all', initial: () => 0 }, (sum, order) => ({
      state: sum + order.total,
      result: null,
    }))
    const report = await crashSweep(total, two)
    expect(report.kinds.delivery).toBe(2)
    const failure = await found(total, two, { duplicates: true })
    expect(failure.sweep.faults).toEqual([
      { boundary: 'delivery 1 of 2: 1 to "total"', fault: 'it was delivered twice at once' },
    ])
    expect(failure.sweep.differences).toEqual(['the state of "all" in "total/total" is 4, undisturbed 3'])
  })

  it('an outcome that depends on an order which nobody promises', async () => {
    const put = fakeOperation('shop.put', { kind: 'natural' })
    const numbered = begin('numbered')
      .state('number', { key: () => 'all', initial: () => 0, as: 'n' }, (n) => ({
        state: n + 1,
        result: n + 1,
      }))
      .to('put', put, { input: ({ id }, { n }) => ({ id, n }) })
    const failure = await found(numbered)
    expect(failure.message).toContain('it was delivered after the next one')
    await crashSweep(numbered, two, { reorder: false })
    const one: Scenario<Flow> = ({ send }) => {
      send({ id: 'a', total: 1 })
      send({ id: 'a', total: 2 })
    }
    await crashSweep(numbered, one)
  })

  it('what depends on when something happened, unless it is left out of the comparison', async () => {
    const put = fakeOperation('shop.put', { kind: 'natural' })
    const load = fakeOperation<Order>('shop.load', { kind: 'natural' })
    const stamped = begin('stamped')
      .to('load', load)
      .to('put', put, { input: ({ id }, { now }) => ({ id, now }) })
    const failure = await found(stamped)
    expect(failure.message).toMatch(/shop\.put was applied with \{"id":"a","now":\d+\} for message 1/)
    const withoutTime = (value: unknown): unknown =>
      typeof value === 'object' && value !== null ? { ...value, now: null } : value
    await crashSweep(stamped, two, { normalize: withoutTime })
  })

  it('one run alone, by the name that a failure gives it', async () => {
    const charge = fakeOperation<Order>('bank.charge', { kind: 'key', validFor: '1h' }, { remembers: false })
    const liar = begin('liar').to('charge', charge)
    const failure = await found(liar)
    const again = await found(liar, two, { only: failure.sweep.run })
    expect(again.message).toBe(failure.message)
    expect((await crashSweep(liar, two, { only: '3:kill-before' })).runs).toBe(3)
  })

  it('nothing wrong with what a policy states, and says how often it came to that', async () => {
    const put = fakeOperation<Order>('shop.put', { kind: 'natural' })
    const strict = flow('strict', { onError: deadLetter() }).from(inbox<Order>()).to('put', put)
    const report = await crashSweep(strict, two)
    expect(report.byPolicy).toBe(8)
  })
})
