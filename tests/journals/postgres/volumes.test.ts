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
})
