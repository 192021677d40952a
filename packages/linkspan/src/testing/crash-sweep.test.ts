import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { channel, flow, inbox } from '../flow/index.ts'
import { deadLetter, exponential, fixed, ignore, retry, rules, when } from '../model/policy.ts'
import type { Flow } from '../patterns/steps.ts'
import { type CrashSweepOptions, type CrashSweepReport, crashSweep } from './crash-sweep.ts'
import { asked, keyed, natural, once } from './fixtures/sweep-operations.ts'
import type { Scenario } from './sweep/scenario.ts'

interface Order {
  readonly id: string
  readonly customer: string
  readonly lines: readonly number[]
}

const first: Order = { id: 'o1', customer: 'ada', lines: [1, 2, 3] }
const second: Order = { id: 'o2', customer: 'bob', lines: [4] }
const third: Order = { id: 'o3', customer: 'ada', lines: [] }

const from = (name: string, options = {}) =>
  flow(name, { onError: retry({ attempts: 5, backoff: exponential('1s', '1m') }), ...options }).from(
    inbox<Order>(),
    {
      key: (order) => order.customer,
    },
  )

const three: Scenario<Flow> = ({ send }) => {
  send(first)
  send(second)
  send(third)
}

async function sweep(
  flows: Flow | readonly [Flow, ...Flow[]],
  scenario: Scenario<Flow> = three,
  options: CrashSweepOptions = {},
): Promise<CrashSweepReport> {
  const report = await crashSweep(flows, scenario, options)
  expect(report.runs).toBeGreaterThan(report.boundaries)
  return report
}

describe('a flow whose connection has a budget', () => {
  const budget = { rate: 2, per: '10s', concurrent: 1, perDay: 1_000 } as const
  it('withstands all faults, whatever the guarantee', async () => {
    const calls = from('calls').to('put', natural).to('charge', keyed).to('send', asked)
    const connections = { shop: { budget }, bank: { budget }, mail: { budget } }
    const report = await sweep(calls, three, { connections })
    const free = await sweep(calls, three)
    // What is taken of a budget is committed, which makes boundaries of its own.
    expect(report.boundaries).toBeGreaterThan(free.boundaries)
  })
})

describe('crashSweep passes flows with', () => {
  it('pure steps', async () => {
    await sweep(
      from('pure')
        .map('line count', (order) => ({ ...order, count: order.lines.length }))
        .filter('has lines', (order) => order.count > 0)
        .validate('checked', z.object({ id: z.string(), count: z.number().max(2) }))
        .to('put', natural),
    )
  })

  it('a choice', async () => {
    await sweep(
      from('choice')
        .choice('size', (c) =>
          c
            .when(
              'large',
              (order) => order.lines.length > 2,
              (large) => large.to('charge', keyed),
            )
            .otherwise((small) => small.to('put', natural)),
        )
        .to('tell', asked),
    )
  })

  it.each([
    [
      'natural',
      from('call natural')
        .call('it', natural, { as: 'it' })
        .to('after', keyed, { input: (o, { it }) => [o.id, it] }),
    ],
    [
      'key',
      from('call key')
        .call('it', keyed, { as: 'it' })
        .to('after', natural, { input: (o, { it }) => [o.id, it] }),
    ],
    [
      'verify',
      from('call verify')
        .call('it', asked, { as: 'it' })
        .to('after', natural, { input: (o, { it }) => [o.id, it] }),
    ],
    [
      'none',
      from('call none')
        .call('it', once, { as: 'it', onUnknown: 'inDoubt' })
        .to('after', natural, { input: (o, { it }) => [o.id, it] }),
    ],
    [
      'none, at least once',
      from('call none at least once').call('it', once, { onUnknown: 'atLeastOnce' }).to('after', natural),
    ],
  ] as const)('calls of guarantee %s', async (name, subject) => {
    const report = await sweep(subject)
    expect(report.kinds.call).toBe(6)
    expect(report.inDoubt > 0).toBe(name === 'none')
  })

  it('a split', async () => {
    await sweep(
      from('split')
        .split(
          'lines',
          (order) => order.lines,
          (line) => line.to('charge', keyed),
        )
        .to('after', natural),
    )
  })

  it('a split whose children are awaited in parts, with calls that can only be asked after', async () => {
    await sweep(
      from('split in parts').split(
        'lines',
        (order) => order.lines,
        (line) => line.to('mail', asked),
        { concurrency: 1 },
      ),
    )
  })

  it('a split with doubts', async () => {
    const report = await sweep(
      from('split doubts')
        .split(
          'lines',
          (order) => order.lines,
          (line) => line.to('ring', once, { onUnknown: 'inDoubt' }),
        )
        .to('after', keyed),
    )
    expect(report.inDoubt).toBeGreaterThan(0)
  })

  it('splits that join', async () => {
    await sweep(
      from('join')
        .split(
          'lines',
          (order) => order.lines,
          (line) => line.call('charge', keyed, { as: 'paid' }).map((n, { paid }) => `${n} ${paid.receipt}`),
          { join: 'collect', as: 'paid' },
        )
        .split(
          'sum',
          (order) => order.lines,
          (line) => line.map((n) => n * 2),
          {
            join: { as: 'sum', initial: () => 0, add: (sum, n) => sum + n },
          },
        )
        .to('after', natural, { input: (order, { paid, sum }) => ({ id: order.id, paid, sum }) }),
    )
  })

  it('splits within splits, and a failed item that stops them', async () => {
    await sweep(
      from('nested')
        .split(
          'twice',
          (order) => [order.lines, order.lines],
          (lines) =>
            lines.split(
              'lines',
              (all) => all,
              (line) => line.to('charge', keyed),
            ),
        )
        .split(
          'strict',
          (order) => order.lines,
          (line) =>
            line.map((n) => {
              if (n === 2) throw new Error('two')
              return n
            }),
          {
            stopOnError: true,
            concurrency: 1,
          },
        )
        .to('after', natural),
    )
  })

  it('a multicast and a tap', async () => {
    await sweep(
      from('both')
        .tap('audit', (copy) => copy.to('put', natural))
        .multicast('all', (m) =>
          m.branch('bank', (s) => s.to('charge', keyed)).branch('mail', (s) => s.to('send', asked)),
        )
        .to('after', natural, { input: (order) => ['after', order.id] }),
    )
  })

  it('delays', async () => {
    await sweep(
      from('delays')
        .to('before', keyed)
        .delay('held', '1m', { hold: true })
        .to('between', natural)
        .delay('freed', '1h')
        .to('after', asked),
      async ({ send, advance }) => {
        send(first)
        await advance('90s')
        send(third)
        send(second)
      },
    )
  })

  it('state', async () => {
    await sweep(
      from('state')
        .state(
          'count',
          { key: (order) => order.customer, initial: () => 0, as: 'count' },
          (count, order) => ({
            state: count + order.lines.length,
            result: count + order.lines.length,
          }),
        )
        .to('put', keyed, { input: (order, { count }) => ({ id: order.id, count }) })
        .state('again', { initial: () => [] as readonly string[] }, (all, order) => ({
          state: [...all, order.id],
          result: all,
        })),
    )
  })

  it('dedupe, at the source and as a step', async () => {
    const step = from('dedupe')
      .dedupe('once', { by: (order) => order.id })
      .to('charge', keyed)
    const source = flow('source')
      .from(inbox<Order>(), { dedupe: (order) => order.id })
      .to('charge', keyed)
    const repeated: Scenario<Flow> = ({ send }) => {
      send(first)
      send(first)
      send(second)
    }
    await sweep(step, repeated)
    await sweep(source, repeated)
    await sweep(from('by key').to('charge', keyed), ({ send }) => {
      send(first, { dedupeKey: 'a' })
      send(second, { dedupeKey: 'b' })
    })
  })

  it('channels between flows', async () => {
    const orders = channel<Order>('orders')
    const news = channel<{ id: string }>('news', { kind: 'topic' })
    const take = from('take')
      .publish('out', orders)
      .to('put', natural)
      .publish('told', news, { body: ({ id }) => ({ id }) })
    const ship = flow('ship')
      .from(orders, { key: (order) => order.customer })
      .to('charge', keyed)
    const tell = flow('tell').from(news).to('mail', asked)
    await sweep([take, ship, tell])
  })

  it('replies', async () => {
    await sweep(
      from('reply')
        .call('charge', keyed, { as: 'paid' })
        .reply('answer', (o, { paid }) => [o.id, paid])
        .to('put', natural),
    )
  })

  it('fallbacks of steps and flows, and what is ignored', async () => {
    const policy = rules(
      when('CALL_REJECTED', deadLetter()),
      retry({ attempts: 5, backoff: fixed('1s'), final: 'fallback' }),
    )
    const careful = from('careful', { onError: policy })
      .to('ignored', natural, { onError: ignore() })
      .call('charge', keyed, {
        as: 'paid',
        fallback: (failed) => failed.to('instead', asked).map(() => ({ receipt: 'none' })),
      })
      .to('mail', asked, { input: (order, { paid }) => [order.id, paid] })
      .onError((failed) =>
        failed.to('tell', once, {
          input: (order, { error }) => [order.id, error.code],
          onUnknown: 'inDoubt',
        }),
      )
    const scenario: Scenario<Flow> = (steps) => {
      steps
        .fake('bank.charge')
        .when(({ input }) => ((input as Order).id === 'o2' ? { rejected: 'no money' } : undefined))
      steps
        .fake('mail.send')
        .when(({ input }) => (JSON.stringify(input).includes('o3') ? { rejected: 'no address' } : undefined))
      three(steps)
    }
    const report = await sweep(careful, scenario)
    expect(report.byPolicy).toBeGreaterThan(0)
  })

  it('retries', async () => {
    await sweep(from('retries').to('charge', keyed).to('mail', asked), (steps) => {
      steps.fake('bank.charge').next('refused', 'timeout-after', { retryAfter: '20s' })
      steps.fake('mail.send').next('reset-after', 'reset-before', { throws: 'a text' })
      three(steps)
    })
  })

  it('two faults in one run', async () => {
    const both = from('deep')
      .split(
        'lines',
        (order) => order.lines,
        (line) => line.to('charge', keyed),
      )
      .to('mail', asked)
      .to('ring', once, { onUnknown: 'inDoubt' })
    await sweep(both, three, { depth: 2, samples: 150, seed: 'deep' })
  })
})
