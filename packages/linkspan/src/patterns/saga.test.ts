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

  it('is undone as a whole by the compensation of the step that it is, within another', async () => {
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
    expect(undone).toEqual(['inner'])
  })

  it('fails when it takes longer than it may, and undoes what was done', async () => {
    const undone: string[] = []
    const slow = flow('slow')
      .from(inbox<string>())
      .saga(
        'all',
        (s) =>
          s
            .step('first', (b) => b.delay('wait', '2m'), {
              compensate: (u) =>
                u.map((b) => {
                  undone.push(b)
                  return b
                }),
            })
            .step('second', (b) => b.map((v) => v)),
        { timeout: '1m' },
      )
    const flows = await testFlow(slow)
    await flows.send('x')
    await flows.run()
    const [message] = await flows.messages()
    expect(message).toMatchObject({ state: 'dead', error: { code: 'TIME_LIMIT' } })
    expect(new Set(undone)).toEqual(new Set(['x']))
  })

  it('refuses a saga without steps, and labels that clash', () => {
    const steps = begin<string>()
    expect(() => steps.saga('x', (s) => s)).toThrow(/has no branch/)
    expect(() => steps.saga('x', (s) => s.step('a', (b) => b).step('a', (b) => b))).toThrow(
      /two branches called "a"/,
    )
    expect(() => steps.saga('x', (s) => s.step('undo a', (b) => b))).toThrow(/may not be called "undo a"/)
  })

  it('comes to the same, forwards and backwards, wherever the engine is killed', async () => {
    const report = await crashSweep(trips, ({ send }) => {
      send({ id: 't1', hotel: 'h', car: 'c', flight: 'f' })
      send({ id: 't2', hotel: 'h', car: 'c', flight: 'full' })
    })
    expect(report.runs).toBeGreaterThan(report.boundaries)
  })
})
