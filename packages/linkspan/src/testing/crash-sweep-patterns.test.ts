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

/** How many slots were given out, whenever they are. */
const slotCount = (value: unknown): unknown => {
  const runs = (value as { runs?: readonly (readonly [number, number])[] } | null)?.runs
  return runs === undefined ? value : runs.reduce((sum, [, count]) => sum + count, 0)
}

it('crashSweep passes a throttle, each message with one slot', async () => {
  const gently = from('gently')
    .throttle('gently', { max: 100, per: '30d', key: ({ customer }) => customer })
    .to('charge', keyed)
  const some: Scenario<Flow> = ({ send }) => {
    for (const id of ['o1', 'o2', 'o3']) send(order(id, 'ada'))
    send(order('o4', 'bob'))
  }
  await sweep(gently, some, { normalize: slotCount })
})

it('crashSweep passes a throttle at which messages wait', async () => {
  const gently = from('gently')
    .throttle('gently', { max: 2, per: '10s', hold: true })
    .to('charge', keyed)
    .to('put', natural)
  const more: Scenario<Flow> = async ({ send, advance }) => {
    for (const id of ['o1', 'o2', 'o3']) send(order(id, 'ada'))
    await advance('5s')
    send(order('o4', 'ada'))
    send(order('o5', 'bob'))
  }
  const noTimes = (value: unknown): unknown => (slotCount(value) === value ? value : 'slots')
  await sweep(gently, more, { normalize: noTimes })
  await sweep(gently, more, { normalize: noTimes, downtime: '30s', depth: 2, samples: 60 })
})

it('crashSweep passes sampling by count, each message counted once', async () => {
  const some = from('some').sample('second', { every: 2 }).to('put', natural)
  await sweep(some, ({ send }) => {
    for (const id of ['o1', 'o2', 'o3', 'o4', 'o5']) send(order(id, 'ada'))
  })
})

it('crashSweep passes a claim check, by key, by stack and in children', async () => {
  const aside = from('aside')
    .claimSet('keep', 'order')
    .claimPush('push')
    .map(({ to }) => to)
    .to('tell', asked)
    .split(
      'each',
      (to) => to,
      (s) => s.claimGet('whose', 'order', { merge: (to, { id }) => `${id} ${to}` }).to('put', keyed),
    )
    .delay('later', '1m')
    .claimPop('pop', { merge: (to, { id }) => `${id} ${to.length}` })
    .to('sum', natural)
  await sweep(aside, ({ send }) => {
    send(order('o1', 'ada', 'x', 'y'))
    send(order('o2', 'bob', 'z'))
  })
})

it.each(['unlessFailed', 'done'] as const)(
  'crashSweep passes a dedupe that remembers %s',
  async (remember) => {
    const once = from('once')
      .dedupe('once', { by: ({ id }) => id, remember })
      .to('charge', keyed)
      .to('put', natural)
    const scenario: Scenario<Flow> = ({ send, fake }) => {
      fake('bank.charge').when(({ input }) =>
        (input as Order).to.includes('refused') ? { rejected: 'no money' } : undefined,
      )
      send(order('o1', 'ada', 'refused'))
      send(order('o1', 'ada'))
      send(order('o1', 'ada'))
      send(order('o2', 'bob'))
    }
    // A refused delivery that comes twice is refused twice: the second one takes the place of the failed first.
    await sweep(once, scenario, { duplicates: false, reorder: false })
  },
)
