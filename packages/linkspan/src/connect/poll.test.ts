import { describe, expect, it } from 'vitest'
import { LinkspanError } from '../model/errors.ts'
import type { RunningSource } from './connector.ts'
import { fakeEngine, keepingLogger, seededRandom, virtualClock } from './fixtures/world.ts'
import { type PolledPage, type PollOptions, pollSource } from './poll.ts'

const connection = { name: 'tracker', connector: { name: 'tracker' } as never }

/** A source over a list that grows; a page holds two. */
function world(every: PollOptions<unknown>['every'] = '10s') {
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const engine = fakeEngine(clock, seededRandom(3), keepingLogger(), '/')
  const rows: string[] = []
  const looks: (string | null)[] = []
  let failure: unknown = null
  const read = async (client: unknown, cursor: string | null): Promise<PolledPage> => {
    looks.push(cursor)
    if (failure !== null) throw failure
    const from = Number(cursor ?? 0)
    const items = rows.slice(from, from + 2).map((body) => ({ body: `${client} ${body}` }))
    const next = from + items.length
    return { items, cursor: items.length === 0 ? null : String(next), more: next < rows.length }
  }
  const source = pollSource({ connection, name: 'changes', every, read })
  let running: RunningSource | undefined
  const start = async () => {
    const { context, end } = engine.open('api')
    running = await source.start?.(context)
    await clock.advance(0)
    return { kill: end, stop: async () => running?.stop() }
  }
  return {
    clock,
    engine,
    rows,
    looks,
    start,
    fail: (error: unknown) => {
      failure = error
    },
    bodies: () => engine.accepted.map(({ body }) => body),
  }
}

describe('a source that polls', () => {
  it('reads page after page, each with its cursor, and looks again after its time', async () => {
    const { clock, rows, looks, engine, start, bodies } = world()
    rows.push('a', 'b', 'c')
    const { stop } = await start()
    expect(bodies()).toEqual(['api a', 'api b', 'api c'])
    expect(engine.cursor).toBe('3')
    expect(looks).toEqual([null, '2'])
    rows.push('d')
    await clock.advance(9_999)
    expect(looks).toHaveLength(2)
    await clock.advance(1)
    expect(bodies().at(-1)).toBe('api d')
    await stop()
    await clock.advance(60_000)
    expect(looks).toEqual([null, '2', '3'])
    expect(clock.pending).toBe(0)
  })

  it.each(['before', 'after'] as const)(
    'leaves out and repeats nothing when it dies %s a commit',
    async (moment) => {
      const { rows, engine, start, bodies } = world()
      rows.push('a', 'b', 'c')
      engine.dieAt(moment)
      const first = await start()
      first.kill()
      engine.dieAt(null)
      await start()
      expect(bodies()).toEqual(['api a', 'api b', 'api c'])
    },
  )

  it('waits while the engine has no room, and hands the same page in again', async () => {
    const { clock, rows, engine, start, bodies, looks } = world()
    rows.push('a')
    engine.refuse(new LinkspanError('ENGINE_BUSY', 'full', { retry: { afterMs: 500 } }), 2)
    await start()
    expect(bodies()).toEqual([])
    await clock.advance(1_000)
    expect(bodies()).toEqual(['api a'])
    expect(looks).toEqual([null])
  })

  it('says so when a look fails, and asks no more', async () => {
    const { clock, engine, fail, start, looks } = world()
    const error = new LinkspanError('CALL_RATE_LIMITED', '429', { retry: { afterMs: 60_000 }, applied: 'no' })
    fail(error)
    await start()
    expect(engine.failures).toEqual([error])
    await clock.advance(60_000)
    expect(looks).toHaveLength(1)
  })

  it('takes no time that is none', () => {
    expect(() => world(0)).toThrow("polls every 0 ms: say how long it waits between two looks, as '30s'")
  })
})
