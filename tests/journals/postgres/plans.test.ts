import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Journal } from '../../../packages/linkspan/src/journal/journal.ts'
import { codeOf } from '../../../packages/linkspan/src/journal/postgres/names.ts'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { READS, type Read, type ReadName } from '../../../packages/linkspan/src/journal/postgres/reads-sql.ts'
import { FUNCTION_SETTINGS } from '../../../packages/linkspan/src/journal/postgres/tables-sql.ts'
import { rootId } from '../../../packages/linkspan/src/model/message-id.ts'
import {
  bytes,
  childOf,
  ending,
  newMessage,
  type Owner,
  ownerOf,
  range,
  wait,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { type TestPostgres, testPostgres } from '../../postgres-server/index.ts'
import { begun, freshEnvironment } from './rig.ts'

const MANY = 20_000
const VOLUME = 8_000

let databases: TestPostgres
let url: string
let client: Client
let journal: Journal
let owner: Owner
const fresh = freshEnvironment()

beforeAll(async () => {
  databases = await testPostgres()
  url = await databases.database()
  journal = await begun(postgres({ url, volumeSize: VOLUME }).open(fresh.environment))
  owner = ownerOf(journal)
  client = new Client(url)
  await client.connect()
  await fill()
  // As a server would by itself, sooner or later; before that, plans are made for tables that nobody looked at.
  await client.query('ANALYZE')
})

afterAll(async () => {
  await client.end()
  await journal.close()
  await databases.stop()
  fresh.remove()
})

/** Roots, children, waits of all kinds, endings, records, state, keys: enough that an index is worth its while. */
async function fill(): Promise<void> {
  for (let done = 0; done < MANY; done += 2_000) {
    const places = await owner.accept(
      ...range(done, done + 1_999).map((i) => ({
        key: `key ${i % 500}`,
        partition: i % 32,
        ready: i % 2 === 0,
        dedupe: { scope: 's', key: `${i}`, until: 9_000_000 },
        index: { n: `${i}` },
      })),
    )
    const parentOf = (i: number) => {
      const seq = places[i % 2 === 0 ? 1 : i] as number
      return { seq, id: rootId(seq, 'abcdefghijkl') }
    }
    const children = await owner.accept(
      ...range(0, 999).map((i) => childOf(parentOf(i), 'split', i, { ready: true })),
    )
    await owner.commit({
      settle: places.filter((_seq, i) => i % 4 === 3).map((seq) => ending(seq, { ending: 'dead' })),
      waits: places
        .filter((_seq, i) => i % 4 === 1)
        .map((seq) => wait(seq, { key: 'k', reason: 'retry', hold: seq % 100 === 1, wakeAt: seq })),
      records: children.map((seq) => ({ seq, n: 0, frame: bytes('frame') })),
      state: places.map((seq) => ({ scope: 's', key: `${seq}`, value: bytes('v'), until: null })),
      cursors: places.map((seq) => ({ name: `cursor ${seq}`, value: '1' })),
    })
  }
}

interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly Plans?: readonly Plan[]
}

const nodes = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)]

/** Tables that stay small whatever comes. */
const SMALL = /^(?:head|members|partitions|mail|volumes|names)$/

describe.each(['as it is', 'as when nobody had looked at the tables', 'as when the tables were empty'])(
  'the plan of each query of the hot path, %s',
  (when) => {
    beforeAll(async () => {
      if (when === 'as it is') return
      if (when === 'as when nobody had looked at the tables') {
        await client.query(
          "DELETE FROM pg_statistic s USING pg_class c WHERE c.oid = s.starelid AND c.relnamespace = 'linkspan'::regnamespace",
        )
        await client.query(
          "UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relnamespace = 'linkspan'::regnamespace AND relkind = 'r'",
        )
        return
      }
      await owner.accept(...range(1, VOLUME).map(() => ({})))
      // Statistics of empty tables, for which PostgreSQL would rather scan them.
      await client.query(`UPDATE pg_class SET relpages = 0, reltuples = 0
      WHERE relnamespace = 'linkspan'::regnamespace AND relkind IN ('r', 'i')`)
    })

    const planOf = async (name: string, { parameters, sql }: Read): Promise<readonly Plan[]> => {
      const names = Object.keys(parameters)
      const text = names.reduce((query, each, at) => query.replaceAll(each, `$${at + 1}`), sql('"linkspan"'))
      const values = VALUES[name as ReadName]
      expect(values).toHaveLength(names.length)
      await client.query('BEGIN')
      for (const setting of FUNCTION_SETTINGS.split('SET ').slice(1))
        await client.query(`SET LOCAL ${setting}`)
      await client.query(`PREPARE asked(${Object.values(parameters).join(', ')}) AS ${text}`)
      const { rows } = await client.query(`EXPLAIN (FORMAT JSON) EXECUTE asked(${values.join(', ')})`)
      await client.query('DEALLOCATE asked')
      await client.query('ROLLBACK')
      return nodes(rows[0]['QUERY PLAN'][0].Plan)
    }

    it.each([
      ['page_owned', 'waits_by_partition'],
      ['due_owned', 'waits_by_partition_and_time'],
      ['next_due_owned', 'waits_by_partition_and_time'],
    ] as const)('%s walks %s', async (name, index) => {
      const walks = (await planOf(name, READS[name])).filter((node) => 'Index Name' in node)
      expect(walks.map((node) => node['Index Name'])).toEqual([index])
    })

    it.each(Object.entries(READS))('%s has no scan of a big table', async (name, read) => {
      const scans = (await planOf(name, read)).filter((node) => node['Node Type'] === 'Seq Scan')
      expect(scans.filter((node) => !SMALL.test(node['Relation Name'] ?? ''))).toEqual([])
    })

    it.each(Object.entries(READS))('%s goes through no index from end to end', async (name, read) => {
      const walks = (await planOf(name, read)).filter((node) => 'Index Name' in node)
      expect(walks.filter((node) => !('Index Cond' in node))).toEqual([])
    })
  },
)

const flow = codeOf('orders')
const OWNED = "'{1,3,5}'"
const VALUES: Readonly<Record<ReadName, readonly (string | number)[]>> = {
  load: ["'{1,2,3}'"],
  child: [2, "'split'", 7],
  children_of_step: [2, "'split'", 0, 10],
  children: [2, 0, 10],
  open_children: [2, "'split'"],
  page: [flow, 100, 10],
  page_owned: [flow, OWNED, 100, 10],
  page_of_key: [flow, "'key 7'", 0, 1_000_000, 10],
  page_of_key_owned: [flow, OWNED, "'key 7'", 0, 1_000_000, 10],
  page_of_parent: [2, 0, 10],
  due: [flow, 1_000_000, 10],
  due_owned: [flow, OWNED, 1_000_000, 10],
  next_due: [flow],
  next_due_owned: [flow, OWNED],
  unsettled: [1, 4096, OWNED, "'{1,1,1}'", "'{9000,9000,9000}'", 10],
  state: ["'00000000-0000-0000-0000-000000000000'", 0],
  states: ["'s'", "'1'", 0, 10],
  cursor: ["'cursor 7'"],
}

const basedOn = { value: bytes('v'), at: 0, frame: null }

interface Scans {
  readonly table: string
  readonly scans: number
}

/** How many whole-table scans there were of each big table, volumes apart. */
async function scans(): Promise<readonly Scans[]> {
  const { rows } = await client.query(
    `SELECT relname AS table, seq_scan::int AS scans FROM pg_stat_user_tables WHERE schemaname = 'linkspan'
     AND n_live_tup > 1000 ORDER BY relname`,
  )
  return rows
}

async function settled(): Promise<readonly Scans[]> {
  let last = JSON.stringify(await scans())
  for (;;) {
    await client.query('SELECT pg_sleep(1.1)')
    const next = await scans()
    if (JSON.stringify(next) === last) return next
    last = JSON.stringify(next)
  }
}

/** How many entries of the indexes of messages and endings were read. */
async function entriesRead(): Promise<number> {
  await settled()
  const { rows } = await client.query(
    `SELECT sum(idx_tup_read)::int AS entries FROM pg_stat_user_indexes
     WHERE schemaname = 'linkspan' AND relname ~ '^(messages|settlements)_'`,
  )
  return rows[0].entries
}

describe('commits, what they call, and forgetting', () => {
  it('scan no big table, also not in the functions', async () => {
    const before = await settled()
    expect(before.length).toBeGreaterThan(8)
    const parent = { seq: 2, id: rootId(2, 'abcdefghijkl') }
    const other = await begun(postgres({ url }).open(fresh.environment))
    const given = range(16, 31)
    journal.ownership.retire(given)
    await journal.ownership.release(given)
    while (other.ownership.owned.size < given.length) {
      fresh.clock.ring()
      await new Promise((resolve) => setImmediate(resolve))
    }
    for (let i = 0; i < 20; i++) {
      const [first = 0, second = 0] = await owner.accept(
        { dedupe: { scope: 's', key: `${i}`, until: 9_000_000 } },
        { dedupe: { scope: 'other', key: `${i}`, until: 9_000_000 }, ready: true, index: { n: 'x' } },
        childOf(parent, 'split', i),
        childOf(parent, 'split', 1_000 + i, { ready: i % 2 === 0 }),
        { partition: 20, key: 'k', ready: true, handOver: true },
        { partition: 3, key: 'k', handOver: true, ready: true },
        { partition: 3, key: 'k' },
      )
      expect(first).toBeLessThan(MANY * 2)
      await owner.commit({
        // Of the last, children, forgetting has to look for their parents.
        settle: [ending(second), ending(1 + i * 4), ending(8 + i * 4), ending(2_001 + i)],
        waits: [wait(6 + i * 4, { reason: 'delay', wakeAt: 5 })],
        revive: [wait(4 + i * 4)],
        records: [{ seq: 6 + i * 4, n: 0, frame: bytes('x') }],
        state: [
          { scope: 's', key: '1', value: bytes('w'), until: 5 },
          { scope: 's', key: '2', value: null, until: null },
          { scope: 's', key: `${i + 3}`, value: bytes('x'), until: null, basedOn },
          {
            scope: 's',
            key: `new ${i}`,
            value: bytes('x'),
            until: null,
            basedOn: { ...basedOn, value: null },
          },
        ],
        cursors: [{ name: 'cursor 7', value: `${i}` }],
        lowWater: 2_100,
      })
      await journal.history.prune(2001, 1, 10, 200)
      await journal.messages.load([1, 2, 3, MANY])
      await journal.messages.children(2, null, 0, 10)
      for (const { backlog } of [journal, other]) {
        await backlog.page('orders', 0, 100)
        await backlog.pageOfHolders('orders', 0, 100)
        await backlog.pageOfKey('orders', 'k', 0, 1_000_000, 10)
        await backlog.due('orders', 1_000_000, 10)
        await backlog.nextDue('orders')
      }
      fresh.clock.ring()
    }
    expect(other.ownership.owned.size).toBe(given.length)
    await other.close()
    const known = new Set(before.map(({ table }) => table))
    expect((await settled()).filter(({ table }) => known.has(table))).toEqual(before)
  })

  it('forget by looking up what they need, not by going through an index', async () => {
    const before = await entriesRead()
    for (let i = 0; i < 5; i++) await journal.history.prune(2001, 1, 10, 200)
    // Per message: its ending, itself, its parent and the rows of them that go.
    expect((await entriesRead()) - before).toBeLessThan(5 * 200 * 10)
  })

  it('count scans when there are some', async () => {
    const before = await settled()
    await client.query("SELECT count(*) FROM linkspan.waits WHERE path = 'none'")
    expect(await settled()).not.toEqual(before)
  })
})

it('messages are still found by their bodies’ volume after all of this', async () => {
  expect(await journal.history.verify(() => {})).toEqual([])
  expect((await journal.messages.load([MANY]))[0]?.body).toEqual(Buffer.from(newMessage().body))
})
