import {
  closeSync,
  copyFileSync,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createEngine, defineProject, type Flow, flow, inbox, type MountableEngine, sqlite } from 'linkspan'
import { route } from 'linkspan/serve'
import { fakeOperation, memoryLogger } from 'linkspan/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { mountSmallDisk } from '../../packages/linkspan/src/journal/sqlite/fixtures/small-disk.ts'

const mounted = mountSmallDisk(16)
afterAll(() => mounted.unmount())

interface Item {
  readonly n: number
  readonly text: string
}

/** Waits in real time, for the disk is real; the engine's own pauses between attempts are seconds at most. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!(await what())) {
    if (Date.now() > deadline) throw new Error('It did not happen within 30 s.')
    await pause(50)
  }
}

describe('a full disk', () => {
  it('refuses before the acknowledgement, loses nothing, and works on by itself when there is room', async (context) => {
    if ('reason' in mounted) return context.skip(mounted.reason)
    const { directory } = mounted
    const ballast = join(directory, 'ballast')
    writeFileSync(ballast, Buffer.alloc(8 * 2 ** 20))
    const sink = fakeOperation<Item, undefined>('sink.put', { kind: 'natural' })
    const items = flow('items')
      .from(route.post('/items', { input: ({ body }) => body as unknown as Item }))
      .to('put', sink)
    const logger = memoryLogger()
    const engine = createEngine(defineProject({ journal: sqlite('hub.db'), flows: [items as Flow] }), {
      directory,
      outside: { logger },
    })
    await engine.start()

    const accepted: number[] = []
    let sent = 0
    const post = async (): Promise<Response> => {
      sent += 1
      const n = sent
      const response = await engine.fetch(request(n))
      if (response.status === 202) accepted.push(n)
      return response
    }
    const refusals: Response[] = []
    while (refusals.length === 0 && sent < 20_000)
      for (const response of await Promise.all(Array.from({ length: 20 }, post)))
        if (response.status !== 202) refusals.push(response)
    expect(refusals.length).toBeGreaterThan(0)
    for (const response of refusals) {
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    expect(accepted.length).toBeGreaterThan(100)
    expect(engine.state).toBe('refusing')
    expect((await engine.fetch(new Request('http://engine/readyz'))).status).toBe(503)
    expect((await engine.fetch(new Request('http://engine/healthz'))).status).toBe(200)

    rmSync(ballast)
    await until(() => engine.state === 'running')
    expect((await post()).status).toBe(202)
    await until(async () => (await ended(engine)) === accepted.length)
    const effects = new Set(sink.effects.map(({ input }) => input.n))
    expect(accepted.filter((n) => !effects.has(n))).toEqual([])
    expect([...effects].filter((n) => !accepted.includes(n))).toEqual([])
    expect(logger.of('journal.refusing').length).toBeGreaterThan(0)
    await engine.stop()

    const again = createEngine(defineProject({ journal: sqlite('hub.db'), flows: [items as Flow] }), {
      directory,
      outside: { logger },
    })
    await again.start()
    expect(await ended(again)).toBe(accepted.length)
    expect(await again.admin.verify(() => undefined)).toEqual([])
    await again.stop()
    for (const name of readdirSync(directory)) rmSync(join(directory, name))
  })
})

describe('a start on a full disk', () => {
  const timer = flow('timer').from(inbox<number>()).delay('wait', '1h')
  const engineIn = (directory: string, thread: 'main' | 'worker'): MountableEngine =>
    createEngine(
      defineProject({ journal: sqlite('hub.db', { thread }), flows: [timer as Flow], http: false }),
      { directory, outside: { logger: memoryLogger() } },
    )
  /** Room on the disk, in pages: where the first write fails, and further and further into the opening. */
  const ROOM = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 256]

  /** A folder as an engine left it that accepted ten messages: stopped, or killed with all of it in the log. */
  const leftBy = async (how: 'nobody' | 'stopped' | 'killed', directory: string): Promise<number> => {
    if (how === 'nobody') return 0
    const home = mkdtempSync(join(tmpdir(), 'linkspan-home-'))
    const engine = engineIn(home, 'main')
    await engine.start()
    for (let n = 0; n < 10; n++) await engine.send(timer, n)
    if (how === 'stopped') await engine.stop({ within: 0 })
    for (const name of readdirSync(home))
      if (!/-(?:shm|lock)$/.test(name)) copyFileSync(join(home, name), join(directory, name))
    if (how === 'killed') await engine.stop({ within: 0 })
    rmSync(home, { recursive: true })
    return 10
  }

  /** How a start ends that meets a full disk at its first step, or later when it takes up what was running. */
  const startOn = async (engine: MountableEngine): Promise<'started' | 'refused' | 'waits'> => {
    let end: 'started' | 'refused' | null = null
    const starting = engine.start().then(
      () => {
        end = 'started'
      },
      (error: Error) => {
        end = 'refused'
        expect(error).toMatchObject({ code: 'JOURNAL_FULL', retry: 'later' })
        expect(error.message).toMatch(/hub\.db was not opened: there is no room left on its disk \(.+\)\. /)
        expect(error.message).toMatch(/Make room, a megabyte at least, and start again\.$/)
      },
    )
    await until(() => end !== null || engine.state === 'refusing')
    if (end !== null) await starting
    return end ?? 'waits'
  }

  it.for(['nobody', 'stopped', 'killed'] as const)(
    'after %s: says what to do, or goes on by itself; harms nothing, and succeeds when there is room',
    async (how, context) => {
      if ('reason' in mounted) return context.skip(mounted.reason)
      const outcomes: string[] = []
      for (const pages of ROOM) {
        const directory = mkdtempSync(join(mounted.directory, 'start-'))
        const messages = await leftBy(how, directory)
        const ballast = fillDisk(mounted.directory, pages * 4_096)
        const engine = engineIn(directory, pages === 0 ? 'worker' : 'main')
        const outcome = await startOn(engine)
        outcomes.push(outcome)
        rmSync(ballast)
        if (outcome === 'refused') await engine.start()
        else await until(() => engine.state === 'running' && canBeAsked(engine))
        expect((await engine.admin.status()).messages).toMatchObject({ waiting: messages, dead: 0 })
        expect(await engine.admin.verify(() => undefined)).toEqual([])
        await engine.send(timer, 99)
        await engine.stop({ within: 0 })
        rmSync(directory, { recursive: true })
        if (outcome === 'started') break
      }
      expect(outcomes.filter((outcome) => outcome === 'refused').length).toBeGreaterThan(1)
      expect(outcomes.at(-1)).toBe('started')
    },
  )
})

/** Whether the start is over: before, the engine has nothing to show. */
async function canBeAsked(engine: MountableEngine): Promise<boolean> {
  try {
    await engine.admin.flows()
    return true
  } catch {
    return false
  }
}

/** Fills a disk but for so many bytes; answers the file that does it. */
function fillDisk(directory: string, room: number): string {
  const path = join(directory, 'filling')
  const file = openSync(path, 'w')
  try {
    for (;;) writeSync(file, Buffer.alloc(4_096))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
  }
  ftruncateSync(file, Math.max(0, fstatSync(file).size - room))
  closeSync(file)
  return path
}

function request(n: number): Request {
  const body = JSON.stringify({ n, text: 'x'.repeat(2_000) })
  return new Request('http://engine/items', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json' },
  })
}

async function ended(engine: MountableEngine): Promise<number> {
  return (await engine.admin.status()).messages.done
}
