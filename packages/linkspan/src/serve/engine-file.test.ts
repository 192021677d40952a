import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { announceEngine, type EngineAnnouncement, engineFile, findEngine } from './engine-file.ts'

let directory = ''

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'engine-file-'))
})
afterEach(() => rm(directory, { recursive: true }))

const here: EngineAnnouncement = {
  pid: process.pid,
  url: 'http://127.0.0.1:7070',
  token: 'canary-token',
  startedAt: 5,
}
const healthy = { fetch: async (): Promise<Response> => Response.json({ status: 'up', state: 'running' }) }

describe('the engine file', () => {
  it('is found while the engine runs, readable by its owner only, and gone when it stops', async () => {
    const withdraw = await announceEngine(directory, here)
    expect(await findEngine(directory, healthy)).toEqual(here)
    expect((await stat(engineFile(directory))).mode & 0o777).toBe(0o600)
    expect(await readdir(dirname(engineFile(directory)))).toEqual(['engine.json'])
    await withdraw()
    expect(await findEngine(directory, healthy)).toBeNull()
    await withdraw()
  })

  it('asks the address that was announced', async () => {
    await announceEngine(directory, here)
    const asked: string[] = []
    const fetch = async (url: string): Promise<Response> => {
      asked.push(url)
      return healthy.fetch()
    }
    await findEngine(directory, { fetch })
    expect(asked).toEqual(['http://127.0.0.1:7070/healthz'])
  })

  it.each([
    ['its process is gone', { ...healthy, isAlive: () => false }],
    ['nothing answers', { fetch: () => Promise.reject(new TypeError('fetch failed')) }],
    ['something else answers', { fetch: async () => new Response('<html>') }],
    ['something else answers JSON', { fetch: async () => Response.json(null) }],
  ])('is not believed when %s', async (_why, options) => {
    await announceEngine(directory, here)
    expect(await findEngine(directory, options)).toBeNull()
  })

  it('is believed while an unhealthy engine answers', async () => {
    await announceEngine(directory, here)
    const failed = async (): Promise<Response> =>
      Response.json({ status: 'down', state: 'failed' }, { status: 503 })
    expect(await findEngine(directory, { fetch: failed })).toEqual(here)
  })

  it('is left to the engine that came after', async () => {
    const withdraw = await announceEngine(directory, here)
    await announceEngine(directory, { ...here, startedAt: 6 })
    await withdraw()
    expect(await findEngine(directory, healthy)).toMatchObject({ startedAt: 6 })
  })

  it.each(['{"pid":1,"token":"canary-token"', '{"pid":"1"}', 'null'])(
    'is refused when it is damaged, without showing it (%s)',
    async (text) => {
      await announceEngine(directory, here)
      await writeFile(engineFile(directory), text)
      const found = findEngine(directory, healthy)
      await expect(found).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
      await expect(found).rejects.not.toThrow('canary')
    },
  )

  it('really asks the operating system', async () => {
    await announceEngine(directory, { ...here, pid: 2 ** 30 })
    expect(JSON.parse(await readFile(engineFile(directory), 'utf8')).pid).toBe(2 ** 30)
    expect(await findEngine(directory, healthy)).toBeNull()
  })
})
