import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { seededRandom } from '../../../packages/linkspan/src/testing/seeded-random.ts'
import { databasePerTest } from './databases.ts'
import { until } from './shared-rig.ts'
import { type Run, type SmallEngine, smallEngine } from './small-engine.ts'

const database = databasePerTest()
const given = process.env['LINKSPAN_SEED']
const seeds = given === undefined ? [1, 2, 3].map(() => Math.floor(Math.random() * 1e9)) : [Number(given)]

const KEYS = 40
const STEPS = 50
const ENGINES = 3
const FATES = 5

/** Accepts, runs, beats, dies, leaves and joins at random, at the same time: the order of commits is the database's. */
it.each(seeds)(
  'engines that come and go lose nothing, run nothing twice at a time, and keep the order per key: LINKSPAN_SEED=%s',
  async (seed) => {
    const random = seededRandom(seed)
    const factory = postgres({ url: database.url, lease: '60s', partitions: 8, volumeSize: 50 })
    const run: Run = { endings: 0, accepted: new Set(), servedBy: new Map(), wrong: [] }
    const join = (): Promise<SmallEngine> => smallEngine(factory, run)
    const zombies: SmallEngine[] = []

    const live = async (engine: SmallEngine, steps: number): Promise<void> => {
      for (let done = 0; done < steps; done += 1) {
        const what = random.next()
        if (what < 0.35) await engine.accept(`key ${Math.floor(random.next() * KEYS)}`)
        else if (what < 0.7) await engine.step(random.next())
        else if (what < 0.85) await engine.tend()
        else engine.clock.ring()
        await turn()
      }
    }
    const kill = async (engine: SmallEngine): Promise<void> => {
      engine.die()
      zombies.push(engine)
      await expire([engine])
    }
    const leave = async (engine: SmallEngine): Promise<void> => {
      engine.die()
      await engine.journal.close()
    }

    let engines = await Promise.all(Array.from({ length: ENGINES }, join))
    for (let fate = 0; fate < FATES; fate += 1) {
      await Promise.all(engines.map((engine) => live(engine, Math.ceil(random.next() * STEPS))))
      const [first, ...others] = engines as [SmallEngine, ...SmallEngine[]]
      await (random.next() < 0.6 ? kill : leave)(first)
      engines = [...others, await join()]
    }
    const rest = async (engine: SmallEngine): Promise<void> => {
      engine.clock.ring()
      await engine.tend()
      await engine.step(random.next())
      await turn()
    }
    const isOver = async (): Promise<boolean> => {
      await expire(zombies)
      await Promise.all(engines.map(rest))
      return run.servedBy.size === 8 && engines.every(({ isIdle }) => isIdle) && (await open()) === 0
    }
    await until(isOver, 30_000)
    expect(run.wrong).toEqual([])

    const kept = await database.ask('SELECT seq::int FROM linkspan.messages')
    const there = new Set(kept.map(({ seq }) => seq))
    expect([...run.accepted].filter((seq) => !there.has(seq))).toEqual([])
    const ended = await database.ask(
      'SELECT m.key, s.seq::int FROM linkspan.settlements s JOIN linkspan.messages m USING (seq) ORDER BY m.key, s.ended_at',
    )
    const inOrder = [...ended].sort(
      (a, b) => order(a['key'], b['key']) || Number(a['seq']) - Number(b['seq']),
    )
    expect(ended).toEqual(inOrder)
    for (const zombie of zombies)
      await expect(zombie.write()).rejects.toMatchObject({ code: 'JOURNAL_TAKEN_OVER' })
    expect(await engines[0]?.journal.history.verify(() => {})).toEqual([])
    for (const { journal } of [...engines, ...zombies]) await journal.close()
  },
)

/** A beat that was under way when its engine died may renew its lease once more. */
async function expire(dead: readonly SmallEngine[]): Promise<void> {
  await database.ask(
    'UPDATE linkspan.members SET lease_until = clock_timestamp() WHERE id = ANY($1) AND NOT fenced',
    [dead.map(({ member }) => member)],
  )
}

/** How many messages have not ended. */
async function open(): Promise<number> {
  const [row] = await database.ask(
    'SELECT count(*)::int AS n FROM linkspan.messages m WHERE NOT EXISTS (SELECT FROM linkspan.settlements s WHERE s.seq = m.seq)',
  )
  return row?.['n'] as number
}

function order(a: unknown, b: unknown): number {
  return String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0
}
