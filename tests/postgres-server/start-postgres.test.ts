import { existsSync } from 'node:fs'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { packageFolder } from './binaries.ts'
import { type PostgresServer, startPostgres } from './start-postgres.ts'
import { majors } from './versions.ts'

async function ask<T = unknown>(url: string, question: string): Promise<T> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  await client.connect()
  try {
    const { rows } = await client.query({ text: question, rowMode: 'array' })
    return rows[0]?.[0]
  } finally {
    await client.end()
  }
}

describe('startPostgres', () => {
  let server: PostgresServer
  beforeAll(async () => {
    server = await startPostgres({ config: { application_name: "it's ours" } })
  })
  afterAll(() => server.stop())

  it('starts the newest version, safe as PostgreSQL ships it', async () => {
    expect(Number(await ask(server.url, 'show server_version_num'))).toBeGreaterThan(180_000)
    const settings = 'fsync,full_page_writes,synchronous_commit,data_checksums'.split(',')
    const values = await Promise.all(settings.map((name) => ask(server.url, `show ${name}`)))
    expect(values).toEqual(['on', 'on', 'on', 'on'])
  })

  it('takes settings at the start and while it runs', async () => {
    expect(
      await ask(server.url, "select setting from pg_file_settings where name = 'application_name'"),
    ).toBe("it's ours")
    server.configure({ work_mem: '7MB' })
    while ((await ask(server.url, 'show work_mem')) !== '7MB');
  })

  it('keeps what it committed when all its processes are killed', async () => {
    await ask(server.url, 'create table kept (id int)')
    await ask(server.url, 'insert into kept values (1)')
    const before = server.pid
    await server.kill9()
    await expect(ask(server.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
    await server.restart()
    expect(await ask(server.url, 'select count(*)::int from kept')).toBe(1)
    expect(server.log()).toContain('database system was not properly shut down')
    expect(server.pid).not.toBe(before)
  })

  it('restarts in order, on the same port', async () => {
    const { port } = server
    await server.restart()
    expect(server.log()).not.toContain('not properly shut down')
    expect([server.port, await ask(server.url, 'select count(*)::int from kept')]).toEqual([port, 1])
  })

  it('hangs while it is suspended, and goes on', async () => {
    const client = new Client(server.url)
    await client.connect()
    server.suspend()
    let answered = false
    const answer = client.query('select 1').then(() => {
      answered = true
    })
    const late = new Client({ connectionString: server.url, connectionTimeoutMillis: 100 })
    await expect(late.connect()).rejects.toThrow('timeout')
    expect(answered).toBe(false)
    server.resume()
    await answer
    await client.end()
  })

  it('runs beside others, each with its own data, and leaves nothing behind', async () => {
    const other = await startPostgres()
    expect([other.port, other.dataDir]).not.toEqual([server.port, server.dataDir])
    expect(await ask(other.url, "select to_regclass('kept')")).toBeNull()
    await other.stop()
    await other.stop()
    expect(existsSync(other.dataDir)).toBe(false)
    await expect(ask(other.url, 'select 1')).rejects.toThrow('ECONNREFUSED')
  })

  it('says why it did not start', async () => {
    await expect(startPostgres({ config: { shared_buffers: 'many' } })).rejects.toThrow(
      /ended before it was ready[\s\S]*invalid value for parameter "shared_buffers": "many"/,
    )
  })
})

describe.each(majors.filter((major) => packageFolder(major) !== null))('PostgreSQL %i', (version) => {
  it('starts, dies and recovers', async () => {
    const server = await startPostgres({ version })
    try {
      await server.kill9()
      await server.restart()
      expect(Math.floor(Number(await ask(server.url, 'show server_version_num')) / 10_000)).toBe(version)
    } finally {
      await server.stop()
    }
  })
})

describe('a version that is not installed', () => {
  const missing = majors.find((major) => packageFolder(major) === null)

  it.skipIf(missing === undefined)('says how to get it', async () => {
    await expect(startPostgres({ version: missing! })).rejects.toThrow(
      `npm run postgres-versions -- ${missing}`,
    )
  })
})
