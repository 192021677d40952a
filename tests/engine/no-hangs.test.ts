import { event, type Flow, flow, inbox } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

/** What a message carries: what the flow's function answers for it. */
interface Given {
  readonly answer: unknown
}

/** One message at a time: if one hung, the next would not get through. */
const ALONE = { concurrency: 1 } as const

const put = () => fakeOperation<unknown>('store.put', { kind: 'key', validFor: '24h' })
const start = (name: string) => flow(name, ALONE).from(inbox<Given>())
const answerOf = ({ answer }: Given) => answer as never

function* endless(name: unknown): Generator<never> {
  for (;;) yield name as never
}

/** What can be wrong with what a function answers, by flow: the flow, what is wrong, what is right. */
const CASES: readonly {
  readonly what: string
  readonly flow: Flow
  readonly wrong: readonly unknown[]
  readonly right: unknown
  readonly step: string
  readonly code: string
  readonly says: RegExp
}[] = [
  {
    what: 'a split of something that is not iterable',
    flow: start('f').split('items', answerOf, (s) => s.to('put', put())),
    wrong: [7, null, 'text', { length: 3 }, true],
    right: [1, 2],
    step: 'items',
    code: 'SPLIT_NOT_ITERABLE',
    says: /needs an array or another iterable of items/,
  },
  {
    what: 'a split of what only looks like the members of a group',
    flow: start('f').split('items', answerOf, (s) => s.to('put', put())),
    wrong: [{ kind: 'members', count: 1, scope: 'f/group//members', group: '1-x.0' }],
    right: [1],
    step: 'items',
    code: 'STEP_FAILED',
    says: /not those of this message/,
  },
  {
    what: 'a group that is longer than one body may be',
    flow: start('f')
      .map(({ answer }) => (answer === 'long' ? 'x'.repeat(17 * 2 ** 20) : 'short'))
      .aggregate('list', { key: () => 'k', complete: { size: 1 } }),
    wrong: ['long'],
    right: 'short',
    step: 'list',
    code: 'JOIN_TOO_LARGE',
    says: /at most 16777216 characters together/,
  },
  {
    what: 'a split that collects without end',
    flow: start('f').split(
      'items',
      ({ answer }) => (answer === 'endless' ? endless(1) : [1]),
      (s) => s.map((n) => n),
      { join: 'collect', as: 'all' },
    ),
    wrong: ['endless'],
    right: 'one',
    step: 'items',
    code: 'JOIN_TOO_LARGE',
    says: /collects more than 10000 outputs/,
  },
  {
    what: 'a recipient that there is not',
    flow: start('f').recipients('to', answerOf, (r) => r.branch('a', (s) => s.to('put', put()))),
    wrong: [['b'], ['a', 'b'], [undefined], 'a', 3],
    right: ['a'],
    step: 'to',
    code: 'STEP_FAILED',
    says: /has no such branch|are an array or another iterable/,
  },
  {
    what: 'a list of recipients without end',
    flow: start('f').recipients(
      'to',
      ({ answer }) => (answer === 'endless' ? endless('a') : ['a']),
      (r) => r.branch('a', (s) => s),
    ),
    wrong: ['endless'],
    right: 'one',
    step: 'to',
    code: 'STEP_FAILED',
    says: /Does it ever end\?/,
  },
  {
    what: 'a router that names a channel that there is not',
    flow: start('f').dynamicRouter(
      'next',
      ({ answer }, { turn }) => (turn === 0 ? (answer as never) : null),
      (r) => r.branch('a', (s) => s.to('put', put())),
    ),
    wrong: ['b', 5, {}],
    right: 'a',
    step: 'next',
    code: 'STEP_FAILED',
    says: /which is none of its branches: "a"/,
  },
  {
    what: 'a router that goes on for ever',
    flow: start('f').dynamicRouter(
      'next',
      ({ answer }, { turn }) => (answer === 'endless' || turn === 0 ? 'a' : null),
      (r) => r.branch('a', (s) => s.map((b) => b)),
    ),
    wrong: ['endless'],
    right: 'once',
    step: 'next',
    code: 'LOOP_ENDLESS',
    says: /taken for endless/,
  },
  {
    what: 'a slip that loops for ever, and one with a wrong name',
    flow: start('f').routingSlip(
      'slip',
      ({ answer }) => (answer === 'endless' ? endless('a') : ['a']),
      (r) => r.branch('a', (s) => s.map((b) => b)),
    ),
    wrong: ['endless'],
    right: 'once',
    step: 'slip',
    code: 'LOOP_ENDLESS',
    says: /taken for endless/,
  },
  {
    what: 'a slip with a name that there is not',
    flow: start('f').routingSlip('slip', answerOf, (r) => r.branch('a', (s) => s.map((b) => b))),
    wrong: [['a', 'b'], 'a', null],
    right: ['a'],
    step: 'slip',
    code: 'STEP_FAILED',
    says: /which is none of its branches: "a"|is a list of names/,
  },
  {
    what: 'a load balancer that is told a target that there is not',
    flow: start('f').loadBalance('farm', (b) => b.target('a', (s) => s.to('put', put())), {
      by: { choose: answerOf },
    }),
    wrong: ['b', null, 0],
    right: 'a',
    step: 'farm',
    code: 'STEP_FAILED',
    says: /which is none of its targets: a\./,
  },
  {
    what: 'a loop that goes on for ever',
    flow: start('f').loop('again', { while: ({ answer }) => answer === 'endless' }, (s) => s.map((b) => b)),
    wrong: ['endless'],
    right: 'not once',
    step: 'again',
    code: 'LOOP_ENDLESS',
    says: /taken for endless/,
  },
  {
    what: 'a throttle that lets nothing through',
    flow: start('f').throttle('slow', { max: answerOf, per: '1s' }),
    wrong: [0, -1, 'many'],
    right: 1,
    step: 'slow',
    code: 'STEP_FAILED',
    says: /is a whole number from 1/,
  },
  {
    what: 'a throttle with no place',
    flow: start('f').throttle('full', { concurrent: answerOf }, (s) => s.to('put', put())),
    wrong: [0, -1, 'many'],
    right: 1,
    step: 'full',
    code: 'STEP_FAILED',
    says: /is a whole number from 1/,
  },
  {
    what: 'a correlation that there is not',
    flow: start('f').aggregate('group', { key: answerOf, complete: { size: 1 } }),
    wrong: [undefined, '', Number.NaN, {}],
    right: 'key',
    step: 'group',
    code: 'STEP_FAILED',
    says: /needs a key by which/,
  },
  {
    what: 'a circuit of no key',
    flow: start('f').circuitBreaker('guard', (s) => s.to('put', put()), { key: answerOf }),
    wrong: [undefined, '', 4],
    right: 'host',
    step: 'guard',
    code: 'STEP_FAILED',
    says: /its key is a text that is not empty/,
  },
  {
    what: 'an event that nobody raises in time, or of no key',
    flow: start('f').waitFor('decision', event<string>('decided'), { key: answerOf, timeout: '5s' }),
    wrong: ['nobody'],
    right: undefined,
    step: 'decision',
    code: 'WAIT_TIMED_OUT',
    says: /the event was not raised/,
  },
]

describe.each(CASES)('$what', ({ flow: tested, wrong, right, step, code, says }) => {
  it('ends as a dead letter that says so, in the trace and in the metrics, and the next message gets through', async () => {
    await using one = await rig([tested])
    for (const answer of wrong) {
      const { id } = await one.send(tested as never, { answer } as never)
      await one.advance('6s')
      const { message, steps } = await one.trace(id)
      expect(message, JSON.stringify(answer)).toMatchObject({
        state: 'dead',
        error: { code, message: expect.stringMatching(says) },
      })
      expect(steps.find(({ path }) => path === step)).toMatchObject({ outcome: 'failed' })
      const blamed = steps.filter(({ attempts }) => attempts.length > 0).map(({ path }) => path)
      expect(blamed, `${JSON.stringify(answer)}: the error is on record there`).toEqual([step])
    }
    const metrics = one.engine.metrics.prometheus()
    expect(metrics).toContain(`linkspan_messages_ended_total{ending="dead",flow="f"} ${wrong.length}`)
    if (right === undefined) return
    const { id } = await one.send(tested as never, { answer: right } as never)
    await one.advance('6s')
    expect((await one.trace(id)).message).toMatchObject({ state: 'done' })
  })
})

describe('parallelism beyond the bound', () => {
  const nested = (bounds: { readonly concurrency: number; readonly window?: number }) => {
    const done = put()
    const built = flow('nested', bounds)
      .from(inbox<number>())
      .split(
        'outer',
        (n) => Array.from({ length: n }, (_, at) => at),
        (outer) =>
          outer.split(
            'inner',
            (at) => [at * 10, at * 10 + 1, at * 10 + 2],
            (inner) =>
              inner.multicast('both', (m) =>
                m
                  .branch('left', (s) => s.to('left', done, { input: (n) => ({ left: n }) }))
                  .branch('right', (s) =>
                    s.delay('a while', '1s').to('right', done, { input: (n) => ({ right: n }) }),
                  ),
              ),
            { concurrency: 50 },
          ),
        { concurrency: 50 },
      )
    return { built, done }
  }

  it.each([{ concurrency: 1 }, { concurrency: 1, window: 1 }, { concurrency: 2, window: 3 }])(
    'comes to its end with %o, though each of three levels asks for more',
    async (bounds) => {
      const { built, done } = nested(bounds)
      await using one = await rig([built])
      for (const n of [5, 3]) await one.send(built, n)
      await one.advance('5m')
      expect(await one.states()).toEqual(['done', 'done'])
      expect(done.effects).toHaveLength(8 * 3 * 2)
      expect(new Set(done.effects.map(({ input }) => JSON.stringify(input))).size).toBe(5 * 3 * 2)
    },
  )

  it('comes to its end behind a throttle with one place in each of the levels', async () => {
    const done = put()
    const built = flow('nested', { concurrency: 1 })
      .from(inbox<number>())
      .throttle('outer place', { concurrent: 1 }, (s) =>
        s.split(
          'items',
          (n) => Array.from({ length: n }, (_, at) => at),
          (item) =>
            item.throttle('inner place', { concurrent: 1 }, (t) => t.delay('a while', '1s').to('put', done)),
        ),
      )
    await using one = await rig([built])
    for (const n of [3, 2]) await one.send(built, n)
    await one.advance('1m')
    expect(await one.states()).toEqual(['done', 'done'])
    expect(done.effects.map(({ input }) => input)).toEqual([0, 1, 2, 0, 1])
  })

  it('ends by the time limit of its flow where two throttles wait for each other', async () => {
    const within = (name: string, first: string, second: string) =>
      flow(name, { timeLimit: '10m' })
        .from(inbox<number>())
        .throttle('a', { concurrent: 1, scope: first }, (s) =>
          s.delay('a while', '1s').throttle('b', { concurrent: 1, scope: second }, (t) => t.map((n) => n)),
        )
    const forth = within('forth', 'x', 'y')
    const back = within('back', 'y', 'x')
    await using one = await rig([forth, back])
    const ids = [(await one.send(forth, 1)).id, (await one.send(back, 1)).id]
    await one.advance('11m')
    const states = await Promise.all(ids.map(async (id) => (await one.message(id)).state))
    expect(states).toContain('dead')
    expect((await one.admin.messages({ states: ['dead'] })).items[0]).toMatchObject({
      error: { code: 'TIME_LIMIT' },
    })
    expect(states.filter((state) => state === 'waiting' || state === 'active')).toEqual([])
  })
})

describe('a compensation that throws', () => {
  it('is a dead letter at that step, and goes on when it is sent again', async () => {
    const undo = fakeOperation<string>('store.undo', { kind: 'natural' })
    const booked = flow('booked')
      .from(inbox<string>())
      .saga('trip', (s) =>
        s
          .step('hotel', (b) => b.map((text) => text), {
            compensate: (u) => u.to('undo hotel', undo),
          })
          .step('flight', (b) =>
            b.map((): string => {
              throw new Error('no seat')
            }),
          ),
      )
    await using one = await rig([booked])
    undo.when(() => ({ rejected: 'closed' }))
    const { id } = await one.send(booked, 'x')
    await one.advance('1m')
    expect(await one.message(id)).toMatchObject({ state: 'dead', error: { code: 'CALL_REJECTED' } })
    const { steps } = await one.trace(id)
    expect(steps.find(({ path }) => path === 'trip/undo hotel/undo hotel')).toMatchObject({
      outcome: 'failed',
    })
    // What failed first is shown within the part that it belongs to, and as what it is.
    expect(steps.map(({ path, kind }) => `${path} ${kind}`).slice(-2)).toEqual([
      'trip/flight part',
      'trip/flight/map-1 map',
    ])
    undo.when(() => undefined)
    await one.during(one.admin.redeliver({ ids: [id] }, { note: 'open again' }))
    await one.advance('1s')
    expect(undo.effects).toHaveLength(1)
    expect(await one.message(id)).toMatchObject({
      state: 'dead',
      error: { message: expect.stringContaining('no seat') },
    })
  })
})
