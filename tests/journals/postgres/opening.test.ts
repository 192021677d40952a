import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { describe, expect, it } from 'vitest'
import { postgres } from '../../../packages/linkspan/src/journal/postgres/postgres.ts'
import { migrate, readFacts } from '../../../packages/linkspan/src/journal/postgres/schema.ts'
import { batch } from '../../../packages/linkspan/src/testing/journal-suite/harness.ts'
import { NODE_OPTIONS } from '../../../scripts/lib/node-options.ts'
import { databasePerTest } from './databases.ts'

const database = databasePerTest()
const { ask, open } = database

const code = (wanted: string) => expect.objectContaining({ code: wanted })
const tables = async (schema = 'linkspan'): Promise<number> =>
  Number((await ask('SELECT count(*) AS n FROM pg_tables WHERE schemaname = $1', [schema]))[0]?.['n'])

describe('an empty database', () => {
  it('becomes a journal once, which all share that open it at the same time', async () => {
    const processes = await Promise.all([spawnOpener(), spawnOpener(), spawnOpener()])
    expect(processes.map(({ said }) => said).sort()).toEqual(['opened', 'opened', 'opened'])
    expect(await ask('SELECT count(*)::int AS members FROM linkspan.members')).toEqual([{ members: 3 }])
    expect(await ask('SELECT format, last_seq FROM linkspan.head')).toEqual([{ format: 1, last_seq: '0' }])
    await Promise.all(processes.map(({ end }) => end()))
  })

  it('can be read only after an engine was started on it', async () => {
    await expect(postgres({ url: database.url }).openForReading(database.environment)).rejects.toThrow(
      'Start the engine once, or correct the url or the schema',
    )
    expect(await tables()).toBe(0)
  })

  it('holds a journal per schema', async () => {
    const [first, second] = [await open({ schema: 'one' }), await open({ schema: 'two' })]
    expect([first.name, second.name].map((name) => name.replace(/^.*schema /, ''))).toEqual(['one', 'two'])
  })
})

describe('who may not', () => {
  it('make a schema is told what to grant, and can be given one', async () => {
    const user = `small_${Date.now()}`
    await ask(`CREATE ROLE ${user} LOGIN PASSWORD 'secret'`)
    const theirs = new URL(database.url)
    theirs.username = user
    theirs.password = 'secret'
    try {
      await expect(open({ url: theirs.href })).rejects.toThrow(
        /may not make tables.*CREATE SCHEMA … AUTHORIZATION/,
      )
      await ask(`CREATE SCHEMA linkspan AUTHORIZATION ${user}`)
      const journal = await open({ url: theirs.href })
      expect(journal.opened.lastSeq).toBe(0)
      expect(journal.name).not.toContain('secret')
    } finally {
      await database.close()
      await ask(`DROP OWNED BY ${user} CASCADE`)
      await ask(`DROP ROLE ${user}`)
    }
  })

  it('log in, or names a database that is not there, is told so', async () => {
    const wrong = new URL(database.url)
    wrong.pathname = '/nowhere_at_all'
    await expect(open({ url: wrong.href })).rejects.toThrow(
      'Make that database, or correct the name in the URL',
    )
    wrong.username = 'nobody_at_all'
    await expect(open({ url: wrong.href })).rejects.toEqual(code('JOURNAL_FAILED'))
  })

  it('reach a server is told that it is tried again', async () => {
    const closed = open({ url: 'postgres://me:secret@127.0.0.1:1/db' })
    await expect(closed).rejects.toEqual(code('JOURNAL_UNREACHABLE'))
    await expect(closed).rejects.not.toThrow('secret')
  })
})

describe('a URL', () => {
  it.each([
    ['', 'is missing'],
    ['localhost/db', 'is not a URL of a database'],
    [() => undefined, 'is missing'],
  ] as const)('%s is refused without telling it', async (given, said) => {
    await expect(open({ url: given as string })).rejects.toThrow(said)
  })

  it('is asked for at each connection, so that a password can change', async () => {
    let asked = 0
    const journal = await open({
      url: async () => {
        asked += 1
        return database.url
      },
    })
    expect(asked).toBeGreaterThan(1)
    await journal.backlog.page('orders', 0, 1)
  })

  it.each(['Linkspan', 'pg_journal', 'a b', 'x'.repeat(41), ''])(
    'the schema "%s" is refused',
    async (schema) => {
      await expect(open({ schema })).rejects.toEqual(code('CONFIG_INVALID'))
    },
  )
})

describe('a schema that is not ours', () => {
  it.each([
    ['another program’s', 'CREATE TABLE linkspan.orders (id int)'],
    ['one with a table of our name', 'CREATE TABLE linkspan.head (id int)'],
    [
      'one that only looks like ours',
      "CREATE TABLE linkspan.head AS SELECT 'other' AS application, 1 AS format, 1 AS usable_from",
    ],
  ])('is refused and left as it is: %s', async (_what, statement) => {
    await ask('CREATE SCHEMA linkspan')
    await ask(statement)
    await expect(open()).rejects.toEqual(code('JOURNAL_FOREIGN'))
    await expect(postgres({ url: database.url }).openForReading(database.environment)).rejects.toEqual(
      code('JOURNAL_FOREIGN'),
    )
    expect(await tables()).toBe(1)
  })

  it('is a journal that needs a newer version; one that does not is used', async () => {
    await (await open()).close()
    await ask('UPDATE linkspan.head SET format = 3')
    await (await open()).close()
    await ask('UPDATE linkspan.head SET usable_from = 2')
    await expect(open()).rejects.toThrow(
      'which needs a Linkspan that knows version 2; this one knows versions up to 1',
    )
    await expect(open()).rejects.toEqual(code('JOURNAL_NEWER'))
  })

  it('is one in a database of another encoding', async () => {
    await ask("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    const latin = new URL(database.url)
    latin.pathname = '/latin'
    await expect(open({ url: latin.href })).rejects.toThrow(/has the encoding LATIN1.*ENCODING 'UTF8'/)
    await ask('DROP DATABASE latin')
  })
})

describe('a schema that another build made', () => {
  it.each([
    [
      'with other functions or tables',
      "UPDATE linkspan.head SET digests = '{0123abcd}'",
      'their digest is 0123abcd, not ',
    ],
    [
      'that did not write down what it made',
      'ALTER TABLE linkspan.head DROP COLUMN digests',
      'their digest is none, not ',
    ],
  ])('%s is refused to engines and readers, and left alone', async (_what, sql, says) => {
    await (await open()).close()
    await ask(sql)
    const opening = [() => open(), () => postgres({ url: database.url }).openForReading(database.environment)]
    for (const opens of opening) {
      const refused = opens()
      await expect(refused).rejects.toEqual(code('JOURNAL_FAILED'))
      await expect(refused).rejects.toThrow(says)
      await expect(refused).rejects.toThrow('Run the build that made it')
    }
    await ask('DROP SCHEMA linkspan CASCADE')
    await (await open()).close()
  })
})

describe('migrations', () => {
  it('run one by one and all or none', async () => {
    const client = new Client(database.url)
    await client.connect()
    const asking = async (text: string, values: readonly unknown[] = []) => {
      const { rows } = await client.query({ text, values: [...values], queryMode: 'extended' } as never)
      return rows as never[]
    }
    await (await open()).close()
    const [first] = [(): string => '']
    const failing = [first as never, (schema: string) => `CREATE TABLE ${schema}.more (id int); SELECT 1 / 0`]
    await expect(migrate(asking, '"linkspan"', 'here', failing)).rejects.toThrow('division by zero')
    expect(await tables()).toBeGreaterThan(10)
    expect((await readFacts(asking, '"linkspan"')).version).toBe(1)
    const working = [first as never, (schema: string) => `CREATE TABLE ${schema}.more (id int)`]
    expect(await migrate(asking, '"linkspan"', 'here', working)).toBe(1)
    expect((await readFacts(asking, '"linkspan"')).version).toBe(2)
    await client.end()
    // An engine that knows version 1 runs on beside it.
    expect((await (await open()).commit(batch(1, {}))).accepted).toEqual([])
  })
})

describe('a database that is set to forget', () => {
  it('waits for the disk at each commit all the same', async () => {
    await ask(`ALTER DATABASE ${new URL(database.url).pathname.slice(1)} SET synchronous_commit = off`)
    const journal = await open()
    const flushed = async (): Promise<boolean> =>
      (await ask('SELECT pg_current_wal_insert_lsn() = pg_current_wal_flush_lsn() AS all'))[0]?.['all'] ===
      true
    for (let id = 1; id <= 20; id++) {
      await journal.commit(batch(id, { cursors: [{ name: 'c', value: `${id}` }] }))
      expect(await flushed()).toBe(true)
    }
  })
})

async function spawnOpener(): Promise<{ readonly said: string; end(): Promise<unknown> }> {
  const program = fileURLToPath(new URL('opener.ts', import.meta.url))
  const child = spawn(process.execPath, [...NODE_OPTIONS, program, database.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = await child.stdout.setEncoding('utf8').take(1).toArray()
  const gone = new Promise((resolve) => child.once('exit', resolve))
  return {
    said: String(line).trim().split(' ')[1] ?? '',
    end: () => {
      child.kill('SIGKILL')
      return gone
    },
  }
}
