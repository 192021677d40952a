import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEngine, env, flow, inbox, secret } from 'linkspan'
import type { LinkspanError } from 'linkspan/connect'
import { sqlite } from 'linkspan/journal'
import { schedule } from 'linkspan/schedule'
import { fakeOperation, memoryLogger } from 'linkspan/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { rig } from './rig.ts'

interface Item {
  readonly key: string
  readonly n: number
}
const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})
function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-life-'))
  folders.push(folder)
  return folder
}

const echo = flow('echo')
  .from(inbox<string>())
  .reply('answer', (text) => text)

describe('accepting', () => {
  it('is told only of what is kept: killed at any commit, whatever was acknowledged is there and ends', async () => {
    let crashes = 0
    for (const fate of ['lost-before', 'lost-after'] as const) {
      for (let at = 1; at <= 8; at += 1) {
        const put = fakeOperation<Item>('store.put', { kind: 'natural' })
        const save = flow('save')
          .from(inbox<Item>(), { key: (item) => item.key })
          .to('put', put)
        let left = Number.POSITIVE_INFINITY
        await using engine = await rig([save], { onCommit: () => (--left === 0 ? fate : 'ok') })
        left = at
        const told: string[] = []
        for (let n = 1; n <= 6; n += 1) {
          void engine.engine.send(save, { key: `k${n % 2}`, n }).then(
            ({ id }) => told.push(id),
            () => undefined,
          )
          if (n % 2 === 0) await engine.advance('1ms')
        }
        await engine.advance('1s')
        if (left <= 0) {
          crashes += 1
          engine.crash()
          await engine.start()
          await engine.advance('10m')
        }
        const what = `${fate} at commit ${at}`
        const { items } = await engine.admin.messages({ limit: 100 })
        const ended = new Map(items.map(({ id, state }) => [id, state]))
        expect(
          told.map((id) => ended.get(id)),
          what,
        ).toEqual(told.map(() => 'done'))
        expect(items.length, what).toBeGreaterThanOrEqual(told.length)
        for (const key of ['k0', 'k1']) {
          const order = put.effects.filter(({ input }) => input.key === key).map(({ input }) => input.n)
          expect(order, `${what}: order of ${key}`).toEqual(order.toSorted((a, b) => a - b))
        }
      }
    }
    expect(crashes).toBeGreaterThan(5)
  })

  it('keeps what still runs when later messages have long ended, and finds it after a crash', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'key', validFor: '1d' }, { timeout: '10m' })
    put.when(({ input, attempt }) => (input.key === 'slow' && attempt === 1 ? 'timeout-after' : undefined))
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    await using engine = await rig([save])
    await engine.send(save, { key: 'slow', n: 0 })
    for (let n = 1; n <= 20; n += 1) {
      await engine.send(save, { key: 'quick', n })
      await engine.advance('1s')
    }
    engine.crash()
    await engine.start()
    await engine.advance('1h')
    expect(await engine.states()).toEqual(Array.from({ length: 21 }, () => 'done'))
    expect(put.effects).toHaveLength(21)
  })

  it('is refused while the journal has no room; what is accepted goes on by itself when room is back', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'natural' })
    const save = flow('save').from(inbox<Item>()).to('put', put)
    let full = false
    await using engine = await rig([save], { onCommit: () => (full ? 'full' : 'ok') })
    put.next('timeout-after')
    await engine.send(save, { key: 'a', n: 1 })
    await engine.advance('1s')
    full = true
    const refused = await engine.send(save, { key: 'a', n: 2 }).catch((error: LinkspanError) => error.code)
    expect(refused).toBe('JOURNAL_FULL')
    expect(engine.engine.state).toBe('refusing')
    expect((await engine.admin.status()).refusing).toMatchObject({ code: 'JOURNAL_FULL' })
    await engine.advance('5m')
    full = false
    await engine.advance('5m')
    expect(engine.engine.state).toBe('running')
    await engine.send(save, { key: 'a', n: 3 })
    await engine.advance('5m')
    expect(await engine.states()).toEqual(['done', 'done'])
  })

  it('keeps bodies of many megabytes, and their searchable fields', async () => {
    const folder = temporary()
    const big = flow('big')
      .from(inbox<{ name: string; text: string }>(), { index: { name: (body) => body.name } })
      .reply('size', (body) => body.text.length)
    const options = { directory: folder, outside: { logger: memoryLogger() } }
    const project = { journal: sqlite('hub.db'), flows: [big], http: false } as const
    const text = 'é'.repeat(2_600_000)
    const engine = createEngine(project, options)
    await engine.start()
    const { id } = await engine.send(big, { name: 'huge', text })
    expect(await engine.intake.reply(id, { timeoutMs: 10_000 })).toEqual({ reply: text.length })
    await engine.stop()
    const again = createEngine(project, options)
    await again.start()
    const { items } = await again.admin.messages({ index: { name: 'huge' } })
    expect(items.map((item) => item.id)).toEqual([id])
    expect((await again.admin.trace(id)).message.body).toEqual({ name: 'huge', text })
    await again.stop()
  })
})

describe('a backlog', () => {
  it('larger than the window is worked off to its end, in order per key, also after a crash', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'key', validFor: '1d' })
    const save = flow('save', { window: 5, concurrency: 3 })
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    let left = Number.POSITIVE_INFINITY
    await using engine = await rig([save], { onCommit: () => (--left === 0 ? 'lost-after' : 'ok') })
    await engine.during(engine.admin.pause('save'))
    for (let n = 0; n < 700; n += 1) await engine.send(save, { key: `k${n % 50}`, n })
    await engine.during(engine.admin.resume('save'))
    left = 40
    await engine.advance('1m')
    expect(left).toBe(0)
    expect(put.effects.length).toBeGreaterThan(0)
    expect(put.effects.length).toBeLessThan(700)
    engine.crash()
    await engine.start()
    await engine.advance('10m')
    expect(new Set(await engine.states())).toEqual(new Set(['done']))
    expect(put.effects).toHaveLength(700)
    for (let key = 0; key < 50; key += 1) {
      const order = put.effects.filter(({ input }) => input.key === `k${key}`).map(({ input }) => input.n)
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    }
  })
})

describe('an engine that dies again', () => {
  it('finds what it had accepted, also when it had begun with a backlog before', async () => {
    const put = fakeOperation<Item>('store.put', { kind: 'key', validFor: '1d' })
    const save = flow('save')
      .from(inbox<Item>(), { key: (item) => item.key })
      .to('put', put)
    let left = Number.POSITIVE_INFINITY
    await using engine = await rig([save], { onCommit: () => (--left === 0 ? 'lost-after' : 'ok') })
    for (const n of [1, 2, 3]) {
      // It dies with the message accepted, and takes it from its backlog when it is back.
      left = 1
      engine.engine.send(save, { key: 'k', n }).catch(() => undefined)
      await engine.advance('1s')
      expect(left).toBe(0)
      engine.crash()
      await engine.start()
      await engine.advance('1m')
      expect(put.effects.map(({ input }) => input.n)).toEqual([1, 2, 3].slice(0, n))
    }
    expect(await engine.states()).toEqual(['done', 'done', 'done'])
  })
})

describe('stopping', () => {
  const slow = (takes: '5s' | '10m') => {
    const put = fakeOperation<string>('slow.put', { kind: 'key', validFor: '1d' }, { timeout: takes })
    put.next('timeout-after')
    return { put, work: flow('work').from(inbox<string>()).to('put', put) }
  }

  it('lets running passes end within its limit', async () => {
    const { put, work } = slow('5s')
    await using engine = await rig([work])
    await engine.send(work, 'x')
    await engine.advance('1s')
    const before = engine.clock.now()
    await engine.stop({ within: '1m' })
    expect(engine.clock.now() - before).toBeLessThan(10_000)
    await engine.start()
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['done'])
    expect(put.effects).toHaveLength(1)
  })

  it('gives up what takes longer, keeps to its limit, and goes on after the next start', async () => {
    const { put, work } = slow('10m')
    await using engine = await rig([work])
    await engine.send(work, 'x')
    await engine.advance('1s')
    const before = engine.clock.now()
    await engine.stop({ within: '3s' })
    expect(engine.clock.now() - before).toBeLessThanOrEqual(3_100)
    await engine.start()
    await engine.advance('1h')
    expect(await engine.states()).toEqual(['done'])
    expect(put.effects).toHaveLength(1)
  })

  it('leaves no timer behind, of no call and no wait', async () => {
    const { work } = slow('10m')
    await using engine = await rig([work])
    await engine.send(work, 'x')
    await engine.advance('1s')
    await engine.stop({ within: '3s' })
    expect(engine.clock.timers).toBe(0)
    await engine.start()
  })

  it('takes nothing more, and can be done twice', async () => {
    await using engine = await rig([echo])
    const { engine: stopped } = engine
    await engine.stop()
    await stopped.stop()
    expect(stopped.state).toBe('stopped')
    await expect(stopped.send(echo, 'x')).rejects.toMatchObject({ code: 'ENGINE_STATE' })
    await engine.start()
  })
})

describe('a schedule', () => {
  it('makes up for runs that were missed while the engine was down, as its policy says', async () => {
    for (const [missed, runs] of [
      ['skip', 1],
      ['once', 2],
      ['all', 4],
    ] as const) {
      const tick = flow('tick')
        .from(schedule('1h', { missed }))
        .map('at', (run) => run.scheduledAt)
      await using engine = await rig([tick])
      await engine.advance('61m')
      expect(await engine.states(), missed).toEqual(['done'])
      engine.crash()
      await engine.advance('209m')
      await engine.start()
      await engine.advance('1m')
      expect(await engine.states(), missed).toHaveLength(runs)
    }
  })

  it('keeps its place when its flow is renamed while the engine is down', async () => {
    const tick = (name: string, renamedFrom: readonly string[] = []) =>
      flow(name, { renamedFrom })
        .from(schedule('1h', { missed: 'all' }))
        .map('at', (run) => run.scheduledAt)
    await using engine = await rig([tick('tick')])
    await engine.advance('61m')
    engine.crash()
    await engine.advance('209m')
    await engine.start([tick('tock', ['tick'])])
    await engine.advance('1m')
    expect(await engine.states()).toEqual(['done', 'done', 'done', 'done'])
  })

  it('of a paused flow does not run', async () => {
    const tick = flow('tick')
      .from(schedule('1h', { missed: 'skip' }))
      .map('at', (run) => run.scheduledAt)
    await using engine = await rig([tick])
    await engine.advance('30m')
    await engine.during(engine.admin.pause('tick'))
    await engine.advance('5h')
    engine.crash()
    await engine.start()
    await engine.advance('5h')
    expect(await engine.states()).toEqual([])
    await engine.during(engine.admin.resume('tick'))
    await engine.advance('2h')
    expect(await engine.states()).toHaveLength(2)
  })
})

describe('starting', () => {
  it('a second engine on the same journal is refused, and the first goes on', async () => {
    const folder = temporary()
    const options = { directory: folder, outside: { logger: memoryLogger() } }
    const make = () => createEngine({ journal: sqlite('hub.db'), flows: [echo], http: false }, options)
    const first = make()
    await first.start()
    const second = make()
    const error = await second.start().catch((thrown: unknown) => thrown as LinkspanError)
    expect(error).toMatchObject({ code: 'JOURNAL_IN_USE', message: expect.stringContaining('hub.db') })
    expect(await first.request(echo, 'still here')).toBe('still here')
    await first.stop()
    await second.start()
    await second.stop()
  })

  it('refuses a flow name used twice, with both places', () => {
    const twin = flow('echo')
      .from(inbox<string>())
      .map('same', (text) => text)
    expect(() => createEngine({ journal: sqlite('x.db'), flows: [echo, twin] })).toThrow(
      expect.objectContaining({
        code: 'FLOW_DUPLICATE',
        message: expect.stringMatching(/"echo".*life\.test\.ts:\d+.*life\.test\.ts:\d+/),
      }),
    )
  })

  it('names every reference without a value at once, and does not say what others are', () => {
    const values: Readonly<Record<string, string>> = { THERE: 'a value to keep' }
    const project = {
      journal: sqlite('x.db'),
      flows: [echo],
      connections: {
        hub: { url: env('HUB_URL'), more: [secret('HUB_TOKEN'), env('THERE'), env('EASY', 'x')] },
      },
      http: { adminToken: secret('ADMIN') },
    }
    const start = () => createEngine(project, { lookup: ({ name }) => values[name] })
    expect(start).toThrow(
      expect.objectContaining({
        code: 'SECRET_MISSING',
        message: expect.stringMatching(
          /^(?!.*a value to keep)(?!.*THERE).*HUB_URL.*HUB_TOKEN.*HUB_TOKEN_FILE.*ADMIN/,
        ),
      }),
    )
  })

  it('refuses a project that is none, each with what to write instead', () => {
    const wrong: readonly [unknown, RegExp][] = [
      [null, /flows: \[/],
      [{ flows: 'echo', journal: sqlite('x.db') }, /flows: \[/],
      [{ flows: [echo] }, /journal: sqlite/],
      [{ flows: [echo, {}], journal: sqlite('x.db') }, /flows\[1\].*flow\('name'\)/],
      [{ flows: [echo], journal: sqlite('x.db'), http: { port: 'seventy' } }, /"seventy"/],
    ]
    for (const [project, message] of wrong)
      expect(() => createEngine(project as never), String(message)).toThrow(
        expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringMatching(message) }),
      )
  })
})
