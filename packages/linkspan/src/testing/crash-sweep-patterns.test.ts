import { expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { exponential, retry } from '../model/policy.ts'
import type { Flow } from '../patterns/steps.ts'
import { type CrashSweepOptions, crashSweep } from './crash-sweep.ts'
import { asked, keyed, natural } from './fixtures/sweep-operations.ts'
import type { Scenario } from './sweep/scenario.ts'

interface Order {
  readonly id: string
  readonly customer: string
  readonly to: readonly string[]
}

const from = (name: string) =>
  flow(name, { onError: retry({ attempts: 5, backoff: exponential('1s', '1m') }) }).from(inbox<Order>(), {
    key: (order) => order.customer,
  })

const order = (id: string, customer: string, ...to: string[]): Order => ({ id, customer, to })

async function sweep(flows: Flow, scenario: Scenario<Flow>, options: CrashSweepOptions = {}): Promise<void> {
  const report = await crashSweep(flows, scenario, options)
  expect(report.runs).toBeGreaterThan(report.boundaries)
}

it('crashSweep passes a recipient list whose answers are joined', async () => {
  const tell = from('tell')
    .recipients(
      'tell',
      ({ to }) => to,
      (r) =>
        r
          .branch('mail', (s) => s.call('send', asked))
          .branch('bank', (s) => s.call('charge', keyed).map(({ receipt }) => receipt)),
      { join: 'collect', as: 'answers', concurrency: 2 },
    )
    .to('put', natural, { input: ({ id }, { answers }) => [id, answers] })
  await sweep(tell, ({ send }) => {
    send(order('o1', 'ada', 'bank', 'mail'))
    send(order('o2', 'bob', 'mail', 'bank', 'mail'))
    send(order('o3', 'ada'))
  })
})

it('crashSweep passes a load balancer, each turn taken once', async () => {
  const farm = from('farm')
    .loadBalance('farm', (b) =>
      b
        .target('one', (s) => s.to('one', keyed, { input: ({ id }) => `one ${id}` }), { weight: 2 })
        .target('two', (s) => s.to('two', natural, { input: ({ id }) => `two ${id}` })),
    )
    .to('after', asked)
  await sweep(farm, ({ send }) => {
    for (const id of ['o1', 'o2', 'o3', 'o4']) send(order(id, 'ada'))
  })
})

it('crashSweep passes groups, logs and stops', async () => {
  const steps = from('simple')
    .log('in', ({ id }) => id)
    .group(
      'paid',
      (s) =>
        s
          .choice('free', (c) =>
            c.when(
              'nothing to do',
              ({ to }) => to.length === 0,
              (free) => free.stop('free'),
            ),
          )
          .call('charge', keyed),
      { as: 'paid' },
    )
    .log('was paid')
    .to('put', natural, { input: ({ id }, { paid }) => [id, paid] })
  await sweep(steps, ({ send }) => {
    send(order('o1', 'ada', 'x'))
    send(order('o2', 'bob'))
    send(order('o3', 'ada', 'y'))
  })
})
