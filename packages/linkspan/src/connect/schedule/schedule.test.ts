import { afterEach, describe, expect, it } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import type { RunningSource } from '../connector.ts'
import {
  busy,
  type FakeEngine,
  fakeEngine,
  keepingLogger,
  seededRandom,
  settle,
  type VirtualClock,
  virtualClock,
} from '../fixtures/world.ts'
import { type ScheduledRun, type ScheduleOptions, schedule } from './index.ts'

interface World {
  readonly clock: VirtualClock
  readonly engine: FakeEngine
  readonly logger: ReturnType<typeof keepingLogger>
  start(options?: ScheduleOptions, when?: string): Promise<void>
  /** Ends the process, as a crash does: nothing more is committed. */
  kill(): Promise<void>
  runs(): ScheduledRun[]
  at(): string[]
}

const open: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const kill of open.splice(0)) await kill()
})

const HOUR = 3_600_000

function world(now = '2026-11-01T08:30:00Z'): World {
  const clock = virtualClock(now)
  const logger = keepingLogger()
  const engine = fakeEngine(clock, seededRandom(1), logger)
  let running: { source: RunningSource; end: () => void } | null = null
  const made: World = {
    clock,
    engine,
    logger,
    async start(options = {}, when = '0 * * * *') {
      const { context, end } = engine.open(null)
      const source = await schedule(when, options).start?.(context)
      running = { source: source as RunningSource, end }
      await settle()
    },
    async kill() {
      running?.end()
      running = null
      engine.dieAt(null)
      await settle()
    },
    runs: () => engine.accepted.map(({ body }) => body as ScheduledRun),
    at: () => made.runs().map(({ scheduledAt }) => scheduledAt.slice(8, 16)),
  }
  open.push(() => made.kill())
  return made
}

describe('a running schedule', () => {
  it('runs at its times, with the time before and the dedupe key', async () => {
    const { clock, engine, start, runs } = world()
    await start()
    await clock.advance(2 * HOUR)
    expect(runs()).toEqual([
      { scheduledAt: '2026-11-01T09:00:00.000Z', previousAt: null, missed: 0 },
      { scheduledAt: '2026-11-01T10:00:00.000Z', previousAt: '2026-11-01T09:00:00.000Z', missed: 0 },
    ])
    expect(engine.accepted.map(({ dedupeKey }) => dedupeKey)).toEqual(
      runs().map(({ scheduledAt }) => scheduledAt),
    )
  })

  it('waits for far times in steps, and leaves no timer behind when it stops', async () => {
    const { clock, engine, at } = world()
    const { context } = engine.open(null)
    const source = await schedule('0 0 1 3 *').start?.(context)
    await clock.advance(120 * 24 * HOUR)
    expect(at()).toEqual(['01T00:00'])
    await source?.stop()
    expect(clock.pending).toBe(0)
  })

  it('waits while the engine has no room, and then hands in the same run', async () => {
    const { clock, engine, start, at } = world()
    await start({ missed: 'skip', grace: 0 })
    engine.refuse(busy(60_000), 10)
    await clock.advance(0.5 * HOUR)
    expect(at()).toEqual([])
    await clock.advance(11 * 60_000)
    expect(at()).toEqual(['01T09:00'])
  })

  it('says that it cannot go on when its messages are refused for good', async () => {
    const { clock, engine, start } = world()
    await start()
    engine.refuse(new LinkspanError('FLOW_UNKNOWN', 'Gone.'), 1)
    await clock.advance(HOUR)
    expect(engine.failures).toMatchObject([{ code: 'FLOW_UNKNOWN', message: 'Gone.' }])
  })

  it('delays each run by chance, never past the next time', async () => {
    const { clock, engine, start, at } = world()
    const seen: number[] = []
    engine.onAccept = (batch) => void (batch.length > 0 && seen.push(clock.now()))
    await start({ jitter: '3h', missed: 'all' })
    await clock.advance(20 * HOUR)
    const minutes = seen.map((time) => Math.floor((time % HOUR) / 60_000))
    expect(new Set(minutes).size).toBeGreaterThan(5)
    expect(at().length).toBeGreaterThanOrEqual(19)
    expect(new Set(at()).size).toBe(at().length)
  })
})

describe('after time without the engine', () => {
  const down = async (options: ScheduleOptions, hours: number, given = world()): Promise<World> => {
    await given.start(options)
    await given.clock.advance(0.6 * HOUR)
    await given.kill()
    await given.clock.advance(hours * HOUR)
    await given.start(options)
    return given
  }

  it('once makes one run for all that was missed', async () => {
    const { runs, clock } = await down({}, 5)
    expect(runs().slice(1)).toEqual([
      { scheduledAt: '2026-11-01T14:00:00.000Z', previousAt: '2026-11-01T09:00:00.000Z', missed: 4 },
    ])
    await clock.advance(HOUR)
    expect(runs().at(-1)).toEqual({
      scheduledAt: '2026-11-01T15:00:00.000Z',
      previousAt: '2026-11-01T14:00:00.000Z',
      missed: 0,
    })
  })

  it('all makes a run for each, in order, up to maxMissed', async () => {
    expect((await down({ missed: 'all' }, 5)).at()).toEqual([
      '01T09:00',
      '01T10:00',
      '01T11:00',
      '01T12:00',
      '01T13:00',
      '01T14:00',
    ])
    const bounded = await down({ missed: 'all', maxMissed: 2 }, 5)
    expect(bounded.runs().slice(1)).toEqual([
      { scheduledAt: '2026-11-01T13:00:00.000Z', previousAt: '2026-11-01T09:00:00.000Z', missed: 3 },
      { scheduledAt: '2026-11-01T14:00:00.000Z', previousAt: '2026-11-01T13:00:00.000Z', missed: 0 },
    ])
  })

  it('skip makes none, counts them, and runs the one that is only a little late', async () => {
    const { runs, at, clock } = await down({ missed: 'skip' }, 5)
    expect(at()).toEqual(['01T09:00'])
    await clock.advance(HOUR)
    expect(runs().at(-1)).toEqual({
      scheduledAt: '2026-11-01T15:00:00.000Z',
      previousAt: '2026-11-01T09:00:00.000Z',
      missed: 5,
    })
    const late = await down({ missed: 'skip', grace: '10m' }, 4.98)
    expect(late.at()).toEqual(['01T09:00', '01T14:00'])
  })

  it('a first start misses nothing, and what is missed before the first run is known', async () => {
    const given = world()
    await given.start()
    expect(given.at()).toEqual([])
    await given.kill()
    await given.clock.advance(3 * HOUR)
    await given.start()
    expect(given.runs()).toEqual([{ scheduledAt: '2026-11-01T11:00:00.000Z', previousAt: null, missed: 2 }])
  })

  it('counts the times of years without holding up the process', async () => {
    const given = world()
    await given.start({}, '* * * * * *')
    await given.kill()
    await given.clock.advance(3 * 365 * 24 * HOUR)
    await given.start({}, '* * * * * *')
    expect(given.runs()).toMatchObject([{ missed: 9_999, scheduledAt: '2029-10-31T08:30:00.000Z' }])
  })
})

describe('a crash', () => {
  it.each(['before', 'after'] as const)('%s the commit neither loses nor doubles a run', async (moment) => {
    const { clock, engine, start, kill, at } = world()
    await start({ missed: 'all' })
    for (let round = 0; round < 6; round++) {
      engine.dieAt(moment)
      await clock.advance(HOUR)
      expect(engine.dead).toBe(true)
      await kill()
      await start({ missed: 'all' })
    }
    expect(at()).toEqual(['01T09:00', '01T10:00', '01T11:00', '01T12:00', '01T13:00', '01T14:00'])
  })
})

describe('a step of the wall clock', () => {
  it('forward is noticed within half a minute', async () => {
    const { clock, start, at } = world()
    await start()
    clock.step(2 * HOUR)
    await clock.advance(30_000)
    expect(at()).toEqual(['01T10:00'])
  })

  it('backward repeats nothing', async () => {
    const { clock, start, kill, at, logger } = world()
    await start()
    await clock.advance(0.6 * HOUR)
    clock.step(-5 * HOUR)
    await clock.advance(5 * HOUR)
    expect(at()).toEqual(['01T09:00'])
    await kill()
    await start()
    expect(at()).toEqual(['01T09:00'])
    await clock.advance(HOUR)
    expect(at()).toEqual(['01T09:00', '01T10:00'])
    clock.step(-5 * HOUR)
    await kill()
    await start()
    expect(logger.lines).toMatchObject([{ level: 'warn', event: 'schedule.clock-behind' }])
  })
})

describe('the declaration', () => {
  it('is plain data', () => {
    const { start: _start, ...data } = schedule('0 9 * * *', { timezone: 'Europe/Paris', jitter: '30s' })
    expect(JSON.parse(JSON.stringify(data))).toEqual({
      kind: 'poll',
      connector: 'schedule',
      name: '0 9 * * *',
      options: {
        when: '0 9 * * *',
        timezone: 'Europe/Paris',
        missed: 'once',
        maxMissed: 100,
        graceMs: 60_000,
        jitterMs: 30_000,
      },
    })
    expect(schedule(60_000).options).not.toHaveProperty('timezone')
  })

  it('refuses options that mean nothing', () => {
    expect(() => schedule('5m', { missed: 'some' as never })).toThrow(/"some" is not known/)
    expect(() => schedule('5m', { maxMissed: 0 })).toThrow(/maxMissed: 0/)
    expect(() => schedule('5m', { jitter: 'x' as never })).toThrow(/duration/)
  })
})
