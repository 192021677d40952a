import { Client } from 'pg'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Journal } from '../../../packages/linkspan/src/journal/journal.ts'
import { rootId } from '../../../packages/linkspan/src/model/message-id.ts'
import {
  bytes,
  childOf,
  ending,
  type Owner,
  ownerOf,
  range,
  seqs,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { databasePerTest } from './databases.ts'

const database = databasePerTest()
let journal: Journal
let owner: Owner

beforeEach(async () => {
  journal = await database.open({ volumeSize: 10 })
  owner = ownerOf(journal)
})

async function volumes(): Promise<readonly string[]> {
  const tables = await database.ask(
    "SELECT relname FROM pg_class WHERE relkind = 'r' AND relispartition AND relname LIKE 'messages\\_%' ORDER BY oid",
  )
  return tables.map(({ relname }) => String(relname))
}

const rows = async (table: string): Promise<readonly number[]> =>
  (await database.ask(`SELECT seq FROM linkspan.${table} ORDER BY seq`)).map(({ seq }) => Number(seq))

const left = async (): Promise<readonly number[]> =>
  seqs(await journal.history.query({ limit: 1000, order: 'oldest', rootsOnly: false }))

/** Accepts so many at times that rise by one, and ends all but some. */
async function live(count: number, alive: readonly number[] = []): Promise<void> {
  for (let at = 0; at < count; at += 5)
    await owner.accept(...range(1, 5).map((i) => ({ acceptedAt: at + i, index: { n: `${at + i}` } })))
  const settle = range(1, count).filter((seq) => !alive.includes(seq))
  await owner.commit({
    records: settle.map((seq) => ({ seq, n: 0, frame: bytes('x') })),
    settle: settle.map((seq) => ending(seq, { endedAt: seq + 1, n: 1 })),
    waits: alive.map((seq) => wait(seq, { reason: 'delay', wakeAt: 9 })),
    lowWater: count + 1,
  })
}

describe('volumes', () => {
  it('are there before they are needed, and are made when a commit finds none', async () => {
    expect(await volumes()).toEqual(['messages_kept', 'messages_1'])
    await owner.accept(...range(1, 7).map(() => ({})))
    while ((await volumes()).length < 3);
    await owner.accept(...range(1, 95).map(() => ({})))
    expect(await rows('messages')).toEqual(range(1, 102))
    expect((await volumes()).length).toBeGreaterThanOrEqual(12)
    expect(await owner.accept({})).toEqual([103])
  })

  it('are dropped as a whole once all in them is old, with all that belongs to it', async () => {
    await live(40)
    expect(await journal.history.prune(25, 0, 25, 7)).toBe(10)
    expect(await volumes()).not.toContain('messages_1')
    expect(await left()).toEqual(range(11, 40))
    for (const table of ['messages', 'settlements', 'records', 'message_index'])
      expect(await rows(table), table).toEqual(range(11, 40))
    expect(await journal.history.prune(25, 0, 25, 7)).toBe(10)
    while ((await journal.history.prune(25, 0, 25, 7)) > 0);
    expect(await left()).toEqual(range(24, 40))
    expect((await journal.history.totals())[0]?.count).toBe(17)
    expect(await journal.history.verify(() => {})).toEqual([])
  })

  it('give what must be kept to the volume of kept ones, where it goes on', async () => {
    await live(30, [2, 12])
    const parent = { seq: 5, id: rootId(5, 'abcdefghijkl') }
    const [child = 0] = await owner.accept(childOf(parent, 'tap', 0))
    await owner.commit({ settle: [ending(7, { ending: 'dead', endedAt: 8, n: 2, frame: bytes('end') })] })
    expect(await journal.history.prune(25, 0, 25, 7)).toBe(7)
    expect(await rows('messages_kept')).toEqual([2, 5, 7])
    expect(await left()).toEqual([2, 5, 7, ...range(11, 30), child])
    const [dead] = await journal.messages.load([7])
    expect(dead?.frames.map((frame) => Buffer.from(frame).toString())).toEqual(['x', 'end'])
    expect(seqs(await journal.history.query({ index: { n: '7' }, limit: 5 }))).toEqual([7])
    expect(await journal.messages.find(`${parent.id}~tap.0`)).toMatchObject({ seq: child })

    await owner.commit({ settle: [ending(2), ending(child)], revive: [wait(7)], lowWater: 32 })
    await owner.commit({ settle: [ending(7, { endedAt: 3000, n: 3 })] })
    while ((await journal.history.prune(2999, 0, 2999, 7)) > 0);
    expect(await left()).toEqual([7, 12])
    expect(await rows('messages_kept')).toEqual([7, 12])
    expect(await journal.history.verify(() => {})).toEqual([])
  })

  it('give children of any depth to the kept ones while their parent is there', async () => {
    const id = (seq: number) => ({ seq, id: rootId(seq, 'abcdefghijkl') })
    const families = { 2: 1, 3: 2, 11: 1, 12: 11, 21: 3, 22: 20 } as Readonly<Record<number, number>>
    for (const seq of range(1, 40)) {
      const parent = families[seq]
      await owner.accept({
        acceptedAt: seq,
        ...(parent === undefined ? {} : childOf(id(parent), 'split', seq)),
      })
    }
    const settle = range(2, 40).map((seq) => ending(seq, { endedAt: seq + 1 }))
    await owner.commit({ settle, waits: [wait(1, { reason: 'children' })], lowWater: 41 })
    for (const dropped of [7, 8, 9]) expect(await journal.history.prune(41, 0, 41, 7)).toBe(dropped)
    expect(await rows('messages_kept')).toEqual([1, 2, 3, 11, 12, 21])
    expect(seqs(await journal.messages.children(1, 'split', 0, 10))).toEqual([2, 11])
    await owner.commit({ settle: [ending(1, { endedAt: 50 })] })
    while ((await journal.history.prune(51, 0, 51, 7)) > 0);
    expect(await left()).toEqual([])
    expect(await journal.history.verify(() => {})).toEqual([])
  })

  it('keep no children of a kept parent that has had its time, and is forgotten next', async () => {
    const parent = { seq: 1, id: rootId(1, 'abcdefghijkl') }
    for (const seq of range(1, 30))
      await owner.accept({ acceptedAt: seq, ...(seq > 10 && seq < 20 ? childOf(parent, 's', seq) : {}) })
    const settle = range(2, 30).map((seq) => ending(seq, { endedAt: seq + 1 }))
    await owner.commit({ settle, waits: [wait(1)], lowWater: 31 })
    expect(await journal.history.prune(12, 0, 12, 7)).toBe(9)
    expect(await rows('messages_kept')).toEqual([1])
    await owner.commit({ settle: [ending(1, { endedAt: 40 })] })
    expect(await journal.history.prune(41, 0, 41, 7)).toBe(10)
    expect(await rows('messages_kept')).toEqual([1])
    while ((await journal.history.prune(41, 0, 41, 7)) > 0);
    expect(await left()).toEqual([])
  })

  it('are dropped later when too much of them must be kept now', async () => {
    await journal.close()
    journal = await database.open({ volumeSize: 12_000, schema: 'large' })
    owner = ownerOf(journal)
    const [root = 0] = await owner.accept({ acceptedAt: 1 })
    const parent = { seq: root, id: rootId(root, 'abcdefghijkl') }
    for (let i = 0; i < 12_500; i += 2_500)
      await owner.accept(...range(i, i + 2_499).map((n) => childOf(parent, 's', n, { acceptedAt: 2 })))
    for (let seq = 2; seq < 12_502; seq += 2_500)
      await owner.commit({ settle: range(seq, seq + 2_499).map((each) => ending(each, { endedAt: 3 })) })
    await owner.commit({ waits: [wait(root)], lowWater: 12_502 })
    const at = (now: number) => journal.history.prune(now - 800, now - 800, now, 5_000)
    const pass = async (now: number) => {
      while ((await at(now)) > 0);
    }
    await pass(1_000)
    const messages = async () =>
      (await database.ask('SELECT count(*)::int AS count FROM large.messages'))[0]?.['count']
    expect(await messages()).toBe(12_501)
    await owner.commit({ settle: [ending(root, { endedAt: 1_001 })] })
    expect(await at(1_900)).toBeGreaterThan(10_000)
    expect(await messages()).toBeLessThan(1_000)
  })

  it('are left alone when they will be dropped shortly, and thinned when that takes long', async () => {
    await live(40)
    // A retention of 80: messages may be kept 10 longer, if all of their volume goes then.
    expect(await journal.history.prune(5, 0, 85, 100)).toBe(0)
    expect(await left()).toEqual(range(1, 40))
    expect(await journal.history.prune(5, 0, 45, 100)).toBeGreaterThan(0)
    expect(await left()).toEqual(range(4, 40))
  })

  it('are not waited for long when somebody reads them: commits go on, and it is tried again', async () => {
    await live(40)
    const reader = new Client(database.url)
    await reader.connect()
    await reader.query('BEGIN; SELECT count(*) FROM linkspan.messages')
    const dropping = expect(journal.history.prune(25, 0, 25, 7)).rejects.toMatchObject({
      code: 'JOURNAL_UNREACHABLE',
    })
    await owner.accept({})
    await dropping
    expect(await left()).toEqual(range(1, 41))
    await reader.query('COMMIT')
    await reader.end()
    expect(await journal.history.prune(25, 0, 25, 7)).toBe(10)
  })

  it('are not dropped by an owner that was fenced', async () => {
    await live(40)
    await database.ask('UPDATE linkspan.members SET fenced = true')
    await expect(journal.history.prune(25, 0, 25, 7)).rejects.toMatchObject({ code: 'JOURNAL_TAKEN_OVER' })
    expect(await rows('messages')).toEqual(range(1, 40))
  })

  it('show what was kept of one to a read that waited while it was dropped', async () => {
    await live(30, [2, 12])
    const [member] = await database.ask('SELECT id, incarnation FROM linkspan.members')
    const dropper = new Client(database.url)
    await dropper.connect()
    // Nothing is dropped while a volume is being made, which goes on after the commits that needed it.
    for (let dropped: unknown = null; dropped === null; ) {
      await dropper.query('ROLLBACK; BEGIN')
      const drop = 'SELECT linkspan.drop_volume_1($1, $2, 25, 0, 100) AS dropped'
      const { rows: answer } = await dropper.query(drop, [member?.['id'], member?.['incarnation']])
      dropped = answer[0].dropped
    }
    const reads = Promise.all([journal.messages.load([2]), journal.messages.find(rootId(2, 'abcdefghijkl'))])
    const waiting = 'SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted'
    while (Number((await database.ask(waiting))[0]?.['count']) < 2);
    await dropper.query('COMMIT')
    await dropper.end()
    const [loaded, found] = await reads
    expect(seqs(loaded)).toEqual([2])
    expect(found?.seq).toBe(2)
  })

  // PostgreSQL 12 to 18: a session that looks at the volumes for the first time while one is added may never learn of it.
  it('are all known to a session that began while one was made', async () => {
    const maker = new Client(database.url)
    await maker.connect()
    for (const round of range(1, 150)) {
      const hi = 10 * round + 11
      const readers = range(1, 3).map(() => new Client(database.url))
      for (const reader of readers) await reader.connect()
      await maker.query(`BEGIN; SELECT linkspan.add_volumes_1(10, ${hi - 1}, 0)`)
      const made = maker.query('COMMIT')
      await Promise.all([
        made,
        ...readers.map((reader) => reader.query('SELECT count(*) FROM linkspan.messages')),
      ])
      await maker.query('SELECT linkspan.announce_volumes_1()')
      await maker.query(`SELECT linkspan.use_volumes_1(${hi})`)
      await maker.query(
        `INSERT INTO linkspan.messages (seq, accepted_at, flow, code_version, size, partition, token, headers, body)
          VALUES (${hi - 1}, 1, 1, 1, 0, 0, '', '{}', '')`,
      )
      for (const reader of readers) {
        const { rows: found } = await reader.query('SELECT count(*)::int AS count FROM linkspan.messages')
        expect(found).toEqual([{ count: round }])
        await reader.end()
      }
    }
    await maker.end()
  })

  it('are not written to before all sessions have been told of them', async () => {
    await database.ask('SELECT linkspan.add_volumes_1(10, 25, 0)')
    expect(await volumes()).toEqual(['messages_kept', 'messages_1', 'messages_11', 'messages_21'])
    const seen = 'SELECT hi, usable FROM linkspan.volumes ORDER BY hi'
    const states = async () => (await database.ask(seen)).map(({ hi, usable }) => [Number(hi), usable])
    expect(await states()).toEqual([
      [11, true],
      [21, false],
      [31, false],
    ])
    await database.ask('UPDATE linkspan.head SET last_seq = 10')
    expect(await owner.accept({})).toEqual([11])
    expect((await states()).slice(0, 3)).toEqual([
      [11, true],
      [21, true],
      [31, true],
    ])
  })
})
