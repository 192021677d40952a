import { randomBytes } from 'node:crypto'
import { chownSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Journal } from '../../../packages/linkspan/src/journal/journal.ts'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import {
  mountSmallDisk,
  type SmallDisk,
} from '../../../packages/linkspan/src/journal/sqlite/fixtures/small-disk.ts'
import {
  batch,
  ending,
  newMessage,
  ownerOf,
} from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { serverUser } from '../../../scripts/lib/server-user.ts'
import { type FaultProxy, startProxy } from '../../faults/proxy/proxy.ts'
import { type PostgresServer, startPostgres, startReplicated } from '../../postgres-server/index.ts'
import { ask, begun, expireLeases, freshEnvironment } from './rig.ts'

let server: PostgresServer
let proxy: FaultProxy
let count = 0
/** Directly, and through the proxy. */
let direct: string
let faulty: string
let environments: ReturnType<typeof freshEnvironment>[] = []
let journals: Journal[] = []

beforeAll(async () => {
  server = await startPostgres()
  proxy = await startProxy({ target: { port: server.port } })
})
afterAll(async () => {
  await proxy.close()
  await server.stop()
})

beforeEach(async () => {
  count += 1
  await ask(server.url, `CREATE DATABASE outage_${count}`)
  direct = server.urlOf(`outage_${count}`)
  faulty = direct.replace(String(server.port), String(proxy.port))
})
afterEach(async () => {
  proxy.use({ kind: 'none' })
  for (const journal of journals) await journal.close()
  for (const { remove } of environments) remove()
  journals = []
  environments = []
})

async function open(url: string, options: object = {}) {
  const fresh = freshEnvironment()
  environments.push(fresh)
  const journal = await begun(postgres({ url, ...options }).open(fresh.environment))
  journals.push(journal)
  return { ...fresh, journal, owner: ownerOf(journal) }
}

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const messages = async (url = direct): Promise<number> =>
  Number((await ask(url, 'SELECT count(*) AS n FROM linkspan.messages'))[0]?.['n'])

describe('a reply that is lost after the commit', () => {
  it('leaves the batch unknown, and the same batch is answered without being written twice', async () => {
    const { journal, owner } = await open(faulty)
    await owner.accept({}, {})
    proxy.use({ kind: 'dropReply' })
    const dedupe = { scope: 's', key: 'k', until: 5000 }
    const second = batch(2, { accept: [newMessage({ dedupe }), newMessage({ dedupe })], settle: [ending(1)] })
    await expect(journal.commit(second)).rejects.toEqual(code('JOURNAL_UNREACHABLE'))
    proxy.use({ kind: 'none' })
    const { accepted } = await journal.commit(second)
    expect(accepted.map(({ seq }) => seq)).toEqual([3, 3])
    expect(accepted.map(({ duplicateOf }) => duplicateOf?.seq ?? null)).toEqual([null, 3])
    expect(await messages()).toBe(3)
    expect(await journal.commit(batch(3, { accept: [newMessage()] }))).toEqual({
      accepted: [{ seq: 4, duplicateOf: null }],
    })
    expect(await journal.history.verify(() => {})).toEqual([])
  })

  it('is asked for again also when it was never sent, or the server is gone for a while', async () => {
    const { journal, owner } = await open(faulty)
    await owner.accept({})
    proxy.use({ kind: 'reset' })
    const second = batch(2, { accept: [newMessage()] })
    for (let again = 0; again < 3; again++)
      await expect(journal.commit(second)).rejects.toEqual(code('JOURNAL_UNREACHABLE'))
    proxy.use({ kind: 'none' })
    expect((await journal.commit(second)).accepted).toEqual([{ seq: 2, duplicateOf: null }])
    expect(await messages()).toBe(2)
  })

  it('is given up when nothing answers, in the stated time', async () => {
    const { journal, owner } = await open(faulty, { answerTimeout: '300ms' })
    await owner.accept({})
    proxy.use({ kind: 'halfOpen', direction: 'reply' })
    const second = batch(2, { accept: [newMessage()] })
    await expect(journal.commit(second)).rejects.toThrow('Query read timeout')
    proxy.use({ kind: 'none' })
    expect((await journal.commit(second)).accepted).toEqual([{ seq: 2, duplicateOf: null }])
    expect(await messages()).toBe(2)
  })
})

describe('reads', () => {
  it('go on by themselves after their connections broke while they were idle', async () => {
    const { journal, owner } = await open(direct)
    await owner.accept({ ready: true })
    expect(await journal.backlog.page('orders', 0, 10)).toHaveLength(1)
    await ask(
      server.url,
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'outage_${count}'`,
    )
    expect(await journal.backlog.page('orders', 0, 10)).toHaveLength(1)
    expect(await journal.history.query({ limit: 10 })).toHaveLength(1)
    expect(await owner.accept({})).toEqual([2])
  })

  it('say that the journal is not there while it is not', async () => {
    const { journal } = await open(faulty)
    proxy.use({ kind: 'reset' })
    await expect(journal.backlog.page('orders', 0, 10)).rejects.toEqual(code('JOURNAL_UNREACHABLE'))
  })
})

describe('a server that dies', () => {
  it('has all that was answered when it is back, and the engine goes on', async () => {
    const { journal, owner } = await open(direct)
    await owner.accept({}, {})
    await server.kill9()
    const third = batch(2, { accept: [newMessage()] })
    await expect(journal.commit(third)).rejects.toEqual(code('JOURNAL_UNREACHABLE'))
    await server.restart()
    expect((await journal.commit(third)).accepted).toEqual([{ seq: 3, duplicateOf: null }])
    expect(await messages()).toBe(3)
  })
})

describe('an owner that is paused past its lease', () => {
  it('is fenced by the next one: nothing it writes after that is kept', async () => {
    const first = await open(direct)
    await first.owner.accept({}, {})
    await expireLeases(direct)
    const second = await open(direct)
    expect(second.journal.opened).toEqual({ crashed: true, lastSeq: 2, historySize: 0 })
    const late = { accept: [newMessage()], settle: [ending(1)], cursors: [{ name: 'c', value: 'late' }] }
    await expect(first.owner.commit(late)).rejects.toEqual(code('JOURNAL_TAKEN_OVER'))
    await expect(first.owner.commit({})).rejects.toThrow('Others took over from this engine')
    await expect(first.journal.history.prune(9999, 9999, 9999, 10)).rejects.toEqual(
      code('JOURNAL_TAKEN_OVER'),
    )
    expect(await messages()).toBe(2)
    expect(await second.journal.history.totals()).toEqual([])
    expect(await second.journal.cursors.get('c')).toBeNull()
    expect(await second.owner.accept({})).toEqual([3])
    await first.journal.close()
    expect(await second.owner.accept({})).toEqual([4])
    expect(first.lines.map(([level, event]) => [level, event])).toEqual([['error', 'journal.taken-over']])
  })

  it('keeps its right while nobody took over, and while it renews', async () => {
    const first = await open(direct)
    await expireLeases(direct)
    expect(await first.owner.accept({})).toEqual([1])
    await expireLeases(direct)
    first.clock.ring()
    const until = 'SELECT lease_until > clock_timestamp() AS kept FROM linkspan.members'
    while ((await ask(direct, until))[0]?.['kept'] !== true);
    const second = await open(direct)
    expect(second.journal.ownership.owned.size).toBe(0)
    expect(await first.owner.accept({})).toEqual([2])
  })

  it('learns of it by its own timer as well', async () => {
    const first = await open(direct)
    await expireLeases(direct)
    await open(direct)
    first.clock.ring()
    while (first.lines.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(first.lines[0]?.[1]).toBe('journal.taken-over')
    await expect(first.owner.commit({})).rejects.toEqual(code('JOURNAL_TAKEN_OVER'))
  })

  it('is fenced only between its commits: the next one does not wait for the one under way', async () => {
    const first = await open(direct)
    await first.owner.accept({})
    await expireLeases(direct)
    const commit = await hold('UPDATE linkspan.members SET commits = commits')
    const second = await open(direct)
    expect(second.journal.ownership.owned.size).toBe(0)
    await commit.end()
    second.clock.ring()
    while (second.journal.ownership.owned.size < 32) await new Promise((resolve) => setImmediate(resolve))
    expect(await second.journal.backlog.unsettled(0, 10)).toHaveLength(1)
    await expect(first.owner.accept({})).rejects.toEqual(code('JOURNAL_TAKEN_OVER'))
  })

  it('writes nothing when it is fenced while its commit waits', async () => {
    const first = await open(direct)
    await first.owner.accept({})
    const fencing = await hold('UPDATE linkspan.members SET fenced = true')
    const late = first.owner.commit({ accept: [newMessage()], settle: [ending(1)] })
    const refused = expect(late).rejects.toEqual(code('JOURNAL_TAKEN_OVER'))
    await somebodyWaits()
    await fencing.end()
    await refused
    expect(await messages()).toBe(1)
  })
})

/** Runs a statement and keeps its transaction open until `end`. */
async function hold(text: string): Promise<{ end(): Promise<void> }> {
  const client = new Client(direct)
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
  const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = 'outage_${count}' AND wait_event_type = 'Lock'`
  while ((await ask(direct, waiting)).length === 0);
}

describe('a database that lost what it had acknowledged', () => {
  it('is not written to as if nothing had happened', async () => {
    const { owner } = await open(direct)
    await owner.accept({})
    await owner.accept({})
    // What a standby that was not synchronous looks like after it was promoted.
    await ask(direct, 'UPDATE linkspan.members SET commits = 1, last_batch = 1')
    await expect(owner.accept({})).rejects.toEqual(code('JOURNAL_TAIL_LOST'))
    expect(await messages()).toBe(2)
  })
})

describe('a standby', () => {
  it('is read and not written; after its promotion the engine goes on with the batch it did not get through', async () => {
    const pair = await startReplicated()
    const front = await startProxy({ target: { port: pair.primary.port } })
    const url = pair.primary.url.replace(String(pair.primary.port), String(front.port))
    try {
      const { journal, owner } = await open(url)
      await owner.accept({}, {})
      await expect(open(pair.standby!.url)).rejects.toThrow('it is a standby, or set to read only')
      const fresh = freshEnvironment()
      const reader = await postgres({ url: pair.standby!.url }).openForReading(fresh.environment)
      while ((await reader.history.query({ limit: 10 })).length < 2);
      await reader.close()
      fresh.remove()

      // Connections that lead to a server that turned read-only say "not now".
      front.retarget({ port: pair.standby!.port })
      front.use({ kind: 'reset' })
      const second = batch(2, { accept: [newMessage()] })
      await expect(journal.commit(second)).rejects.toEqual(code('JOURNAL_UNREACHABLE'))
      front.use({ kind: 'none' })
      await expect(journal.commit(second)).rejects.toThrow('it is a standby, or set to read only')
      await pair.promote()
      expect((await journal.commit(second)).accepted).toEqual([{ seq: 3, duplicateOf: null }])
      expect(await messages(pair.primary.url)).toBe(3)
      await journal.close()
    } finally {
      await front.close()
      await pair.stop()
    }
  })
})

describe('a full disk', () => {
  const disk: SmallDisk = mountSmallDisk(48)
  const reason = 'reason' in disk ? disk.reason : null

  it.skipIf(reason !== null)(
    `refuses what has no room, and goes on when there is some${because(reason)}`,
    async () => {
      const { directory } = disk as { directory: string }
      const user = serverUser()
      if (user !== null) chownSync(directory, user.uid, user.gid)
      await ask(server.url, `CREATE TABLESPACE small LOCATION '${directory}'`)
      await ask(server.url, 'CREATE DATABASE small TABLESPACE small')
      const url = server.urlOf('small')
      const { journal, owner } = await open(url)
      const filler = join(directory, 'filler')
      await owner.accept({})
      writeFileSync(
        filler,
        Buffer.alloc(statfsSync(directory).bavail * statfsSync(directory).bsize - 4_000_000),
      )
      const big = batch(2, { accept: [newMessage({ body: randomBytes(8_000_000) })] })
      await expect(journal.commit(big)).rejects.toEqual(code('JOURNAL_FULL'))
      expect(await messages(url)).toBe(1)
      // The same number again, with something else in it: nothing had been written.
      expect((await journal.commit(batch(2, { accept: [newMessage()] }))).accepted[0]?.seq).toBe(2)
      rmSync(filler)
      expect((await journal.commit({ ...big, id: 3 })).accepted[0]?.seq).toBe(3)
      expect(await journal.history.verify(() => {})).toEqual([])
      await journal.close()
      await ask(server.url, 'DROP DATABASE small WITH (FORCE)')
      await ask(server.url, 'DROP TABLESPACE small')
      disk.unmount()
    },
  )
})

function because(reason: string | null): string {
  return reason === null ? '' : ` (${reason})`
}
