import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reaches, serverUser } from '../../scripts/lib/server-user.ts'
import { temporaryFolder } from './data-folder.ts'
import { removeLeftOver } from './left-over.ts'
import { type PostgresServer, startPostgres } from './start-postgres.ts'
import { testPostgres } from './test-postgres.ts'

let server: PostgresServer

beforeAll(async () => {
  server = await startPostgres()
})
afterAll(() => server.stop())

async function names(url: string): Promise<readonly string[]> {
  const client = new Client(url)
  await client.connect()
  const { rows } = await client.query<{ datname: string }>('select datname from pg_database order by 1')
  await client.end()
  return rows.map(({ datname }) => datname)
}

describe('testPostgres', () => {
  it('makes databases on the server it is given, and drops them', async () => {
    const before = await names(server.url)
    const given = await testPostgres(server.url)
    const urls = [await given.database(), await given.database()]
    expect(new Set([server.url, ...urls]).size).toBe(3)
    const held = new Client(urls[0])
    held.on('error', () => {})
    await held.connect()
    expect(await names(urls[1]!)).toHaveLength(before.length + 2)
    await given.stop()
    expect(await names(server.url)).toEqual(before)
  })

  it('starts one where none is given', async () => {
    const own = await testPostgres('')
    const url = await own.database()
    expect(new URL(url).port).not.toBe(String(server.port))
    expect(await names(url)).toContain(new URL(url).pathname.slice(1))
    await own.stop()
    await expect(names(url)).rejects.toThrow('ECONNREFUSED')
  })
})

describe('a test process that is killed', () => {
  it('leaves a server that the next start ends', async () => {
    const program = `
      import { startPostgres } from ${JSON.stringify(fileURLToPath(new URL('start-postgres.ts', import.meta.url)))}
      const { url, dataDir } = await startPostgres()
      console.log(JSON.stringify({ url, dataDir }))
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await child.stdout.setEncoding('utf8').take(1).toArray()
    const { url, dataDir } = JSON.parse(String(line))
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    expect(await names(url)).toContain('postgres')
    removeLeftOver(temporaryFolder(serverUser()))
    expect(existsSync(join(dataDir, '..'))).toBe(false)
    await expect(names(url)).rejects.toThrow()
    expect(await names(server.url)).toContain('postgres')
  })
})

describe('reaches', () => {
  const nobody = { name: 'nobody', uid: 65_534, gid: 65_534 }

  it.runIf(process.getuid?.() === 0)('knows where a user that is not root may go', () => {
    expect([reaches(nobody, '/tmp'), reaches(nobody, '/root'), reaches(null, '/root')]).toEqual([
      true,
      false,
      true,
    ])
  })
})
