import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { createEngine, defineProject, type Flow, flow, type MountableEngine, sqlite } from 'linkspan'
import { route } from 'linkspan/serve'
import { fakeOperation, memoryLogger } from 'linkspan/testing'
import { afterAll, describe, expect, it } from 'vitest'

const SIZE_MIB = 16
const mounted = mountSmallDisk()

/** A small disk in memory, or why there is none. */
function mountSmallDisk(): { readonly directory: string } | { readonly reason: string } {
  const directory = mkdtempSync(join(tmpdir(), 'linkspan-full-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', directory], { stdio: 'pipe' })
    return { directory }
  } catch (error) {
    rmSync(directory, { recursive: true, force: true })
    const [first] = String((error as Error).message).split('\n')
    return { reason: `no small disk can be mounted here (it takes root): ${first}` }
  }
}

afterAll(() => {
  if ('directory' in mounted) execFileSync('umount', ['-l', mounted.directory])
})

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
  it('refuses before the acknowledgement, loses nothing, and works on by itself when there is room', {
    timeout: 120_000,
  }, async (context) => {
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
  })
})

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
