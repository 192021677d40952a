import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Grant, Journal } from '../../../packages/linkspan/src/journal/journal.ts'
import { type PostgresOptions, postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import {
  bytes,
  ending,
  newMessage,
  type Owner,
  ownerOf,
  range,
  seqs,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import { databasePerTest } from './databases.ts'
import { type StoppableClock, stoppableClock, until } from './shared-rig.ts'

const database = databasePerTest()
let journals: Journal[] = []
let children: ChildProcess[] = []

beforeEach(() => {
  journals = []
  children = []
})
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL')
  for (const journal of journals) await journal.close()
})

interface Engine extends Owner {
  readonly clock: StoppableClock
  readonly grants: Grant[]
  readonly asked: number[]
  readonly handed: Map<string, number>
  readonly lost: string[]
  readonly owned: ReadonlySet<number>
}

/** Joins with a lease that no test outlives by chance. */
async function join(options: Partial<PostgresOptions> = {}): Promise<Engine> {
  const clock = stoppableClock()
  const environment = { ...database.environment, clock }
  const journal = await postgres({ url: database.url, lease: '2s', partitions: 8, ...options }).open(
    environment,
  )
  journals.push(journal)
  const { ownership } = journal
  const engine = {
    clock,
    grants: [] as Grant[],
    asked: [] as number[],
    handed: new Map(),
    lost: [] as string[],
  }
  const first = await ownership.begin({
    granted: (more) => void engine.grants.push(...more),
    asked: (partitions) => {
      engine.asked.push(...partitions)
      ownership.retire(partitions)
      ownership.release(partitions).catch(() => undefined)
    },
    handed: (places) => {
      for (const [flow, place] of places) engine.handed.set(flow, place)
    },
    lost: ({ code }) => void engine.lost.push(code),
  })
  engine.grants.push(...first)
  return { ...ownerOf(journal), ...engine, owned: ownership.owned }
}

async function joinAll(count: number): Promise<Engine[]> {
  const all: Engine[] = []
  for (let joined = 0; joined < count; joined += 1) all.push(await join())
  await until(() => all.every(({ owned }) => owned.size >= Math.floor(8 / count)))
  return all
}

const home = ({ owned }: Engine): number => [...owned][0] as number
const code = (wanted: string) => expect.objectContaining({ code: wanted })
const value = async (text: string): Promise<unknown> => Object.values((await database.ask(text))[0] ?? {})[0]

/** Stops an engine as a machine that is lost, and lets its lease run out. */
async function die({ clock, journal }: Engine): Promise<void> {
  clock.stop()
  await database.ask(
    `UPDATE linkspan.members SET lease_until = clock_timestamp() WHERE id = ${journal.ownership.member}`,
  )
}

/** Runs a statement and keeps its transaction open until `end`. */
async function hold(text: string): Promise<{ end(): Promise<void> }> {
  const client = new Client(database.url)
  await client.connect()
  await client.query('BEGIN')
  await client.query(text)
  return {
    end: async () => {
      await client.query('COMMIT')
      await client.end()
    },
  }
}

async function somebodyWaits(): Promise<void> {
  const waiting = `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
  await until(async () => (await value(waiting)) !== 0)
}

describe('an engine that was paused', () => {
  it('writes nothing of a commit that waited while it was fenced, and is told so once', async () => {
    const [one, two] = (await joinAll(2)) as [Engine, Engine]
    await one.accept({ partition: home(one) })
    one.clock.stop()
    const fencing = await hold(
      `UPDATE linkspan.members SET fenced = true WHERE id = ${one.journal.ownership.member}`,
    )
    const late = one.commit({
      accept: [newMessage({ partition: home(one) })],
      settle: [ending(1)],
      state: [{ scope: 's', key: 'k', value: bytes('v'), until: null }],
      cursors: [{ name: 'c', value: 'late' }],
    })
    const refused = expect(late).rejects.toEqual(code('JOURNAL_TAKEN_OVER'))
    await somebodyWaits()
    await fencing.end()
    await refused
    await expect(one.commit({})).rejects.toEqual(code('JOURNAL_TAKEN_OVER'))
    expect(one.lost).toEqual(['JOURNAL_TAKEN_OVER'])
    expect([one.owned.size, one.journal.ownership.holds()]).toEqual([0, false])
    expect(await value('SELECT last_seq::int FROM linkspan.head')).toBe(1)
    expect(await two.journal.history.totals()).toEqual([])
    expect(await two.journal.state.get('s', 'k')).toBeNull()
    expect(await two.journal.cursors.get('c')).toBeNull()
  })

  it('does not hold its lease by its own clock before others can fence it by the database’s', async () => {
    const one = await join()
    one.clock.stop()
    await until(() => !one.journal.ownership.holds())
    expect(await value('SELECT lease_until > clock_timestamp() FROM linkspan.members')).toBe(true)
    one.clock.go()
    await until(() => one.journal.ownership.holds())
  })
})

describe('a call that arrives late', () => {
  it('is refused when a later one was answered: a partition may have come back meanwhile', async () => {
    const [one, two] = (await joinAll(2)) as [Engine, Engine]
    const { member } = one.journal.ownership
    const incarnation = await value(`SELECT incarnation FROM linkspan.members WHERE id = ${member}`)
    const turn = Number(await value(`SELECT turn FROM linkspan.members WHERE id = ${member}`))
    const late = database.ask(
      `SELECT linkspan.release_1(${member}, '${incarnation}', ${turn}, 2000, '{${home(one)}}')`,
    )
    await expect(late).rejects.toMatchObject({ code: 'LK005' })
    expect(one.owned.size + two.owned.size).toBe(8)
    expect(await value('SELECT count(*)::int FROM linkspan.partitions WHERE owner IS NULL')).toBe(0)
  })

  it('of an engine that closed is refused as well', async () => {
    const one = await join()
    const incarnation = await value('SELECT incarnation FROM linkspan.members')
    await one.journal.close()
    const late = database.ask(
      `SELECT * FROM linkspan.beat_1(1, '${incarnation}', 1000, 2000, true, NULL, 0, 0)`,
    )
    await expect(late).rejects.toMatchObject({ code: 'LK001' })
  })
})

describe('a database that forgot who owns what', () => {
  it('is found out by the next beat', async () => {
    const one = await join()
    await database.ask('UPDATE linkspan.partitions SET owner = NULL')
    await database.ask('UPDATE linkspan.members SET takes = false, lease_until = clock_timestamp()')
    // What the engine would do: its beat takes them again, but for one that another owns.
    await database.ask('UPDATE linkspan.partitions SET owner = 99 WHERE partition = 0')
    await until(() => one.lost.length > 0)
    expect(one.lost).toEqual(['JOURNAL_TAIL_LOST'])
    await expect(one.accept({ partition: 1 })).rejects.toEqual(code('JOURNAL_TAIL_LOST'))
  })
})

describe('a process that is gone from this host', () => {
  it('is fenced by the next one that joins, without waiting for its lease', async () => {
    const { said, child } = await spawnOpener()
    expect(said).toBe('opened')
    const gone = new Promise((resolve) => child.once('exit', resolve))
    const early = await join({ partitions: 32 })
    expect(early.owned.size).toBe(0)
    child.kill('SIGKILL')
    await gone
    const next = await join({ partitions: 32 })
    expect(
      await value('SELECT fenced AND lease_until > clock_timestamp() FROM linkspan.members WHERE id = 1'),
    ).toBe(true)
    expect(next.journal.opened.crashed).toBe(true)
    await until(() => next.owned.size + early.owned.size === 32)
    expect([...early.grants, ...next.grants].every(({ died }) => died?.member === 1)).toBe(true)
  })
})

async function spawnOpener(): Promise<{ readonly said: string; readonly child: ChildProcess }> {
  const program = fileURLToPath(new URL('opener.ts', import.meta.url))
  const child = spawn(process.execPath, [...NODE_OPTIONS, program, database.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  children.push(child)
  const [line] = await child.stdout.setEncoding('utf8').take(1).toArray()
  return { said: String(line).trim().split(' ')[1] ?? '', child }
}

describe('a message that is to run in a partition of another', () => {
  it('lies in the backlog instead, and its owner is told', async () => {
    const [one, two] = (await joinAll(2)) as [Engine, Engine]
    const { accepted } = await one.commit({
      accept: [newMessage({ partition: home(two), key: 'k' }), newMessage({ partition: home(one) })],
    })
    expect(accepted).toEqual([
      { seq: 1, duplicateOf: null, behind: true },
      { seq: 2, duplicateOf: null },
    ])
    await until(() => two.handed.get('orders') === 1)
    expect(seqs(await two.journal.backlog.page('orders', 0, 10))).toEqual([1])
    expect(await one.journal.backlog.page('orders', 0, 10)).toEqual([])
  })
})

describe('what ran when an engine died', () => {
  it('is found by the third after the second died while it took it up, each where it ran', async () => {
    const all = (await joinAll(3)) as [Engine, Engine, Engine]
    const [one, two, three] = all
    await one.accept({ partition: home(one) }, { partition: home(one), ready: true })
    await two.accept({ partition: home(two) })
    await three.accept({ partition: home(three) })
    await die(one)
    await until(() => two.owned.size + three.owned.size === 8)
    const unsettled = await Promise.all([two, three].map(({ journal }) => journal.backlog.unsettled(0, 10)))
    expect(seqs(unsettled.flat())).toEqual([1])
    await die(two)
    await until(() => three.owned.size === 8)
    expect(seqs(await three.journal.backlog.unsettled(0, 10))).toEqual([1, 3])
    await three.commit({ waits: [wait(1), wait(3)] })
    await three.journal.ownership.recovered(range(0, 7))
    expect(await three.journal.backlog.unsettled(0, 10)).toEqual([])
    expect(await three.journal.history.verify(() => {})).toEqual([])
  })
})

describe('cells that several engines change at the same time', () => {
  it('are changed by one after the other, in whatever order each names them', async () => {
    const all = await joinAll(3)
    const keys = range(0, 5).map(String)
    let stale = 0
    const count = async (engine: Engine, round: number): Promise<void> => {
      const order = [...keys].sort((a, b) => ((Number(a) * 7 + round) % 5) - ((Number(b) * 3 + round) % 5))
      const had = await Promise.all(order.map((key) => engine.journal.state.get('s', key)))
      const gone = { scope: 'gone', key: `${round % 3}`, until: null }
      const answer = await engine.commit({
        state: [
          ...order.map((key, at) => {
            const value = bytes(String(Number(new TextDecoder().decode(had[at] ?? bytes('0'))) + 1))
            const basedOn = { value: had[at] ?? null, at: 0, frame: null }
            return { scope: 's', key, value, until: null, basedOn }
          }),
          { ...gone, value: round % 2 === 0 ? null : bytes('x') },
          { ...gone, key: `${(round + 1) % 3}`, value: bytes('y') },
        ],
      })
      stale += answer.stale?.length ?? 0
    }
    const rounds = 15
    await Promise.all(
      all.map(async (engine) => {
        for (let round = 0; round < rounds; round += 1) await count(engine, round)
      }),
    )
    const read = await Promise.all(keys.map((key) => (all[0] as Engine).journal.state.get('s', key)))
    const sum = read.reduce((total, cell) => total + Number(new TextDecoder().decode(cell ?? bytes('0'))), 0)
    expect(sum + stale).toBe(all.length * rounds * keys.length)
  })
})

describe('engines whose history has small volumes', () => {
  it('make room for each other', async () => {
    const all = [await join({ volumeSize: 5 }), await join({ volumeSize: 5 })]
    await until(() => all.every(({ owned }) => owned.size === 4))
    await Promise.all(
      all.map(async (engine) => {
        for (let round = 0; round < 10; round += 1)
          await engine.accept(...range(1, 4).map(() => ({ partition: home(engine), ready: true })))
      }),
    )
    expect(await value('SELECT last_seq::int FROM linkspan.head')).toBe(80)
    expect(await (all[0] as Engine).journal.history.verify(() => {})).toEqual([])
  })
})

describe('the option partitions', () => {
  it.each([0, 1.5, 1025, Number.NaN])('%s is refused', async (partitions) => {
    await expect(join({ partitions })).rejects.toEqual(code('CONFIG_INVALID'))
  })

  it('may be left out: the schema says it', async () => {
    const one = await join({ partitions: 3 })
    const journal = await postgres({ url: database.url }).open(database.environment)
    journals.push(journal)
    expect([one.journal.ownership.partitions, journal.ownership.partitions]).toEqual([3, 3])
  })
})

describe('the counts of engines that are gone', () => {
  it('are put together, and stay right', async () => {
    for (let life = 0; life < 4; life += 1) {
      const engine = await join()
      const [seq = 0] = await engine.accept({ partition: 0 }, { partition: 0, ready: true })
      await engine.commit({ settle: [ending(seq)] })
      await engine.journal.close()
    }
    const last = await join()
    expect(await value('SELECT count(DISTINCT member)::int FROM linkspan.tallies')).toBe(1)
    expect(last.journal.opened).toEqual({ crashed: false, lastSeq: 8, historySize: 4 })
    expect(await last.journal.history.verify(() => {})).toEqual([])
  })
})
