import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { flow } from '../flow/flow.ts'
import { inbox } from '../flow/inbox.ts'
import { LinkspanError } from '../model/errors.ts'
import { exponential, retry } from '../model/policy.ts'
import { crashSweep } from '../testing/crash-sweep.ts'
import { fakeOperation } from '../testing/fake-operation.ts'
import { testFlow } from '../testing/test-flow.ts'
import { begin, run } from './fixtures/pass-for-tests.ts'
import type { FlowFacts, Steps } from './steps.ts'

interface Trip {
  readonly id: string
  readonly log: readonly string[]
}

const booked = fakeOperation(
  'agency.book',
  { kind: 'key', validFor: '24h' },
  {
    result: (what: string) => {
      if (what.includes('full')) throw new LinkspanError('CALL_REJECTED', `${what}: no room`)
      return what
    },
  },
)
const cancelled = fakeOperation(
  'agency.cancel',
  { kind: 'verify', settleAfter: '5s' },
  { result: (what: string) => what },
)

/** Books what the message says, one after the other. */
const trips = flow('trips', { onError: retry({ attempts: 4, backoff: exponential('1s', '10s') }) })
  .from(inbox<{ id: string; hotel: string; car: string; flight: string }>(), { key: ({ id }) => id })
  .saga('book', (s) =>
    s
      .step('hotel', (b) => b.to('book hotel', booked, { input: ({ hotel }) => hotel }), {
        compensate: (undo) =>
          undo.to('cancel hotel', cancelled, { input: ({ hotel }, { error }) => `${hotel}: ${error.code}` }),
      })
      .step('car', (b) => b.to('book car', booked, { input: ({ car }) => car }), {
        compensate: (undo) => undo.to('cancel car', cancelled, { input: ({ car }) => car }),
      })
      .step('flight', (b) => b.to('book flight', booked, { input: ({ flight }) => flight })),
  )

describe('saga', () => {
  const logging = (label: string) => (b: Trip) => ({ ...b, log: [...b.log, label] })

  it('undoes what was done before the failure, the last first, and fails as the step did: as a model does', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 3 }),
        fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
        async (failsAt, undone) => {
          const seen: string[] = []
          const act = (at: number) => (b: Trip) => {
            if (at === failsAt) throw new LinkspanError('CALL_REJECTED', `step ${at}`)
            return logging(`do ${at}`)(b)
          }
          const undo = (at: number) => (b: Trip) => {
            seen.push(`${at} after ${b.log.join()}`)
            return b
          }
          const options = (at: number) =>
            undone[at]
              ? { compensate: (u: never) => (u as ReturnType<typeof begin<Trip>>).map(undo(at)) }
              : {}
          const tested = begin<Trip>().saga('all', (s) =>
            s
              .step('s0', (b) => b.map(act(0)), options(0) as never)
              .step('s1', (b) => b.map(act(1)), options(1) as never)
              .step('s2', (b) => b.map(act(2)), options(2) as never),
          )
          const ran = run(tested, { id: 'a', log: [] })
          if (failsAt === 3) expect((await ran).body).toEqual({ id: 'a', log: ['do 0', 'do 1', 'do 2'] })
          else await expect(ran).rejects.toThrow(`step ${failsAt}`)
          const expected = [0, 1, 2]
            .filter((at) => failsAt < 3 && at < failsAt && undone[at])
            .toReversed()
            .map(
              (at) =>
                `${at} after ${[0, 1, 2]
                  .slice(0, at + 1)
                  .map((n) => `do ${n}`)
                  .join()}`,
            )
          expect(seen).toEqual(expected)
        },
      ),
    )
  })

  it('calls nothing that is not to be undone, and tells the compensation of the failure', async () => {
    booked.reset()
    cancelled.reset()
    const flows = await testFlow(trips)
    await flows.send({ id: 't1', hotel: 'h', car: 'c', flight: 'f' })
    await flows.send({ id: 't2', hotel: 'h', car: 'c', flight: 'full' })
    await flows.send({ id: 't3', hotel: 'h', car: 'full', flight: 'f' })
    await flows.run()
    expect(cancelled.effects.map(({ input }) => input)).toEqual(['c', 'h: CALL_REJECTED', 'h: CALL_REJECTED'])
    const states = (await flows.messages()).map(({ state }) => state)
    expect(states.toSorted()).toEqual(['dead', 'dead', 'done'])
  })

  it('is undone with the one around it, after the compensation of the step that it is in', async () => {
    const undone: string[] = []
    const note = (what: string) => (b: string) => {
      undone.push(what)
      return b
    }
    const nested = begin<string>().saga('outer', (s) =>
      s
        .step(
          'inner',
          (b) =>
            b.saga('inner saga', (i) =>
              i.step('a', (x) => x.map((v) => `${v}a`), { compensate: (u) => u.map(note('a')) }),
            ),
          {
            compensate: (u) => u.map(note('inner')),
          },
        )
        .step('last', (b) =>
          b.map((): string => {
            throw new LinkspanError('CALL_REJECTED', 'last')
          }),
        ),
    )
    await expect(run(nested, 'x')).rejects.toThrow('last')
    expect(undone).toEqual(['inner', 'a'])
  })

  it('fails when it takes longer than it may, and undoes what was done', async () => {
    const undone: string[] = []
    const slow = flow('slow')
      .from(inbox<string>())
      .saga(
        'all',
        (s) =>
          s
            .step('first', (b) => b.map((v) => `${v} booked`), {
              compensate: (u) =>
                u.map((b) => {
                  undone.push(b)
                  return b
                }),
            })
            .step('second', (b) => b.delay('wait', '2m'))
            .step('third', (b) => b),
        { timeout: '1m' },
      )
    await using flows = await testFlow(slow)
    const { id } = await flows.send('x')
    await flows.advance('59s')
    expect((await flows.trace(id)).message).toMatchObject({ state: 'waiting', reason: 'delay' })
    expect(undone).toEqual([])
    await flows.advance('1s')
    const { message } = await flows.trace(id)
    expect(message).toMatchObject({ state: 'dead', error: { code: 'TIME_LIMIT' } })
    expect((message.endedAt ?? 0) - message.acceptedAt).toBe(60_000)
    expect(new Set(undone)).toEqual(new Set(['x booked']))
  })

  it('fails when the next step would begin too late', async () => {
    const tested = begin<string>().saga(
      'all',
      (s) => s.step('first', (b) => b.delay('wait', '2m')).step('second', (b) => b.map((v) => v)),
      { timeout: '1m' },
    )
    await using flows = await testFlow(tested)
    const { id } = await flows.send('x')
    flows.crash()
    // Nobody was there when the time was over.
    await flows.advance('5m').catch(() => undefined)
    flows.clock.advance('5m')
    await flows.restart()
    await flows.run()
    expect((await flows.trace(id)).message.error).toMatchObject({ code: 'TIME_LIMIT' })
  })

  it('undoes sagas within sagas as a model does, whichever step fails', async () => {
    interface Tree {
      readonly parts: readonly (number | Tree)[]
      readonly undone: boolean
    }
    const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
      tree: fc.record({
        parts: fc.array(fc.oneof({ maxDepth: 2, withCrossShrink: true }, fc.constant(0), tie('tree')), {
          minLength: 1,
          maxLength: 3,
        }),
        undone: fc.boolean(),
      }),
    }))
    await fc.assert(
      fc.asyncProperty(tree, fc.integer({ min: 0, max: 12 }), async (of, failsAt) => {
        const seen: string[] = []
        const expected: string[] = []
        let count = 0
        type Steps = ReturnType<typeof begin<string>>
        /** Builds the saga, and notes what the model undoes: all that was done before the failure, the last first. */
        const build = (b: Steps, { parts, undone }: Tree, name: string, done: string[]): Steps =>
          b.saga(name, (s) => {
            let all = s as never as { step(...args: unknown[]): never }
            for (const [at, part] of parts.entries()) {
              const label = `${name}.${at}`
              const scope = (inner: Steps): unknown => {
                if (typeof part === 'object') return build(inner, part, label, done)
                const mine = count++
                return inner.map(`act ${label}`, (v: string) => {
                  if (mine === failsAt) throw new LinkspanError('CALL_REJECTED', 'failed')
                  return v
                })
              }
              const compensate = (u: Steps): unknown =>
                u.map((v: string) => {
                  seen.push(label)
                  return v
                })
              all = all.step(label, scope, undone ? { compensate } : {})
              if (count <= failsAt && undone) done.unshift(label)
            }
            return all as never
          }) as never
        const tested = build(begin<string>(), of, 's', expected)
        const ran = run(tested, 'x')
        if (failsAt >= count) {
          await ran
          expect(seen).toEqual([])
        } else {
          await expect(ran).rejects.toThrow('failed')
          expect(seen).toEqual(expected)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('refuses a saga without steps, and labels that clash', () => {
    const steps = begin<string>()
    expect(() => steps.saga('x', (s) => s)).toThrow(/has no branch/)
    expect(() => steps.saga('x', (s) => s.step('a', (b) => b).step('a', (b) => b))).toThrow(
      /two branches called "a"/,
    )
    expect(() => steps.saga('x', (s) => s.step('undo a', (b) => b))).toThrow(/may not be called "undo a"/)
  })

  it('undoes sagas within sagas, in each turn and after a failure in the same step, wherever the engine is killed', async () => {
    const nested = flow('nested', { onError: retry({ attempts: 4, backoff: exponential('1s', '10s') }) })
      .from(inbox<{ id: string; rooms: number; car: string; flight: string }>(), { key: ({ id }) => id })
      .saga('trip', (s) =>
        s
          .step('rooms', (b) =>
            b.loop(
              'each',
              ({ rooms }) => rooms,
              (each) =>
                each.saga('room', (r) =>
                  r.step(
                    'book',
                    (x) => x.to('book room', booked, { input: ({ id }, { turn }) => `${id} room ${turn}` }),
                    {
                      compensate: (u) => u.to('cancel room', cancelled, { input: ({ id }) => `${id} room` }),
                    },
                  ),
                ),
            ),
          )
          .step('rest', (b) =>
            b
              .saga('car', (c) =>
                c.step('book', (x) => x.to('book car', booked, { input: ({ id, car }) => `${id} ${car}` }), {
                  compensate: (u) =>
                    u.to('cancel car', cancelled, { input: ({ id, car }) => `${id} ${car}` }),
                }),
              )
              .to('book flight', booked, { input: ({ flight }) => flight }),
          ),
      )
    const report = await crashSweep(nested, ({ send }) => {
      send({ id: 't1', rooms: 2, car: 'c', flight: 'f' })
      send({ id: 't2', rooms: 2, car: 'c', flight: 'full' })
      send({ id: 't3', rooms: 1, car: 'full', flight: 'f' })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
    cancelled.reset()
    await using flows = await testFlow(nested)
    const { id } = await flows.send({ id: 't2', rooms: 2, car: 'c', flight: 'full' })
    await flows.run()
    expect(cancelled.effects.map(({ input }) => input)).toEqual(['t2 c', 't2 room', 't2 room'])
    const { steps } = await flows.trace(id)
    expect(
      steps.filter(({ path }) => path.includes('cancel')).map(({ path, outcome }) => [path, outcome]),
    ).toEqual([
      ['trip/rest/car/undo book/cancel car', 'done'],
      ['trip/rooms/each//2/room/undo book/cancel room', 'done'],
      ['trip/rooms/each//1/room/undo book/cancel room', 'done'],
    ])
  })

  it('undoes a saga that was done before a failure that something between it and the saga around has seen, also after a wait', async () => {
    const booking = <N, F extends FlowFacts>(b: Steps<{ id: string }, N, F>, name: string) =>
      b.saga(name, (inner) =>
        inner.step('book', (x) => x.to(`book ${name}`, booked, { input: ({ id }) => `${id} ${name}` }), {
          compensate: (u) => u.to(`cancel ${name}`, cancelled, { input: ({ id }) => `${id} ${name}` }),
        }),
      )
    const failing = <N, F extends FlowFacts>(b: Steps<{ id: string }, N, F>, name: string) =>
      b.to(`fail ${name}`, booked, { input: () => 'full' })
    const waiting = flow('waiting')
      .from(inbox<{ id: string }>(), { key: ({ id }) => id })
      .saga('trip', (s) =>
        s.step('all', (b) =>
          failing(
            b
              .try('last', (t) =>
                t
                  .do((d) =>
                    d
                      .try('taken', (i) =>
                        i
                          .do((x) => failing(booking(x, 'car'), 'after the car'))
                          .catch('full', 'CALL_REJECTED', (x) => x.delay('a day', '1d')),
                      )
                      .saga('hotel', (h) =>
                        h.step(
                          'book',
                          (x) => x.to('book hotel', booked, { input: ({ id }) => `${id} hotel` }),
                          {
                            compensate: (u) =>
                              u.to('cancel hotel', cancelled, { input: ({ id }) => `${id} hotel` }),
                          },
                        ),
                      ),
                  )
                  .finally((f) => f.delay('an hour', '1h')),
              )
              .circuitBreaker('fuse', (x) => failing(booking(x, 'train'), 'after the train'), {
                fallback: (x) => x.delay('two days', '2d'),
              }),
            'at last',
          ),
        ),
      )
    const report = await crashSweep(waiting, ({ send }) => send({ id: 't1' }))
    expect(report.runs).toBeGreaterThan(report.boundaries)
    cancelled.reset()
    await using flows = await testFlow(waiting)
    await flows.send({ id: 't1' })
    await flows.run()
    expect(cancelled.effects.map(({ input }) => input)).toEqual(['t1 train', 't1 hotel', 't1 car'])
  })

  it('tries a compensation again, hands it to a person, and goes on with what is left', async () => {
    cancelled.reset()
    let isDown = true
    cancelled.when(({ input }) => (isDown && input === 'c' ? 'unavailable' : undefined))
    await using flows = await testFlow(trips)
    const { id } = await flows.send({ id: 't1', hotel: 'h', car: 'c', flight: 'full' })
    await flows.run()
    const failed = await flows.trace(id)
    expect(failed.message).toMatchObject({ state: 'dead' })
    const outcomes = ({ steps }: typeof failed) =>
      steps
        .filter(({ path }) => !path.startsWith('book/hotel') && !path.startsWith('book/car'))
        .map(({ path, outcome, attempts }) => [
          path,
          outcome,
          attempts.filter((attempt) => attempt.outcome !== 'sent').length,
        ])
    expect(outcomes(failed)).toEqual([
      ['book', 'failed', 0],
      ['book/undo car/cancel car', 'failed', 4],
      ['book/flight', 'failed', 0],
      ['book/flight/book flight', 'failed', 1],
    ])
    isDown = false
    await flows.redeliver(id)
    await flows.run()
    expect(cancelled.effects.map(({ input }) => input)).toEqual(['c', 'h: CALL_REJECTED'])
    const undone = await flows.trace(id)
    expect(undone.message.error?.code).toBe('CALL_REJECTED')
    expect(outcomes(undone).slice(1)).toEqual([
      ['book/undo car/cancel car', 'done', 5],
      ['book/undo hotel/cancel hotel', 'done', 1],
      ['book/flight', 'failed', 0],
      ['book/flight/book flight', 'failed', 1],
    ])
    cancelled.reset()
  })

  it('comes to the same, forwards and backwards, wherever the engine is killed', async () => {
    const report = await crashSweep(trips, ({ send }) => {
      send({ id: 't1', hotel: 'h', car: 'c', flight: 'f' })
      send({ id: 't2', hotel: 'h', car: 'c', flight: 'full' })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
