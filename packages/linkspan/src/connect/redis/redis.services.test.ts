import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import { systemClock } from '../../engine/outside.ts'
import { createEngine, defineProject, type Engine, type Flow, flow, sqlite } from '../../index.ts'
import { isLinkspanError } from '../../model/errors.ts'
import { call, environment } from '../fixtures/call.ts'
import { type CopySettings, copying, type Item } from './fixtures/copying.ts'
import { type ReadEntry, type RealRedis, realRedis } from './fixtures/real-redis.ts'
import { redis } from './redis.ts'
import { checkRedis, redisClient } from './redis-client.ts'
import { redisConfig } from './redis-config.ts'

const server = serviceUnderTest('redis')
const [url = ''] = Object.values(server?.environment ?? {})

const items = (count: number, first = 0): readonly Item[] =>
  Array.from({ length: count }, (_, nth) => ({ key: `key-${(first + nth) % 10}`, n: first + nth }))

const itemOf = ({ fields }: ReadEntry): Item => JSON.parse(fields['body'] ?? 'null') as Item

/** Waits as long as the test may last: nothing is asserted of the time. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await pause(100)
}

/** Each item once, and those of a key in their order. */
function expectEachOnce(entries: readonly ReadEntry[], sent: readonly Item[]): void {
  const found = entries.map(itemOf)
  expect(found.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(sent.map(({ n }) => n))
  for (const [key, each] of Map.groupBy(found, (item) => item.key))
    expect(each.map(({ n }) => n)).toEqual(sent.filter((item) => item.key === key).map(({ n }) => n))
}

describe.skipIf(server === null)('on a real Redis', () => {
  let real: RealRedis
  let folder: string
  let [from, to, group] = ['', '', '']

  beforeAll(async () => {
    real = await realRedis(url)
    folder = mkdtempSync(join(tmpdir(), 'linkspan-redis-'))
  })
  afterAll(async () => {
    await real.close()
    rmSync(folder, { recursive: true, force: true })
  })
  beforeEach(() => {
    ;[from, to, group] = ['in', 'out', 'readers'].map(real.name) as [string, string, string]
  })

  const settings = (more: Partial<CopySettings>): CopySettings => ({
    from,
    to,
    group,
    guarantee: 'key',
    reads: 'consume',
    ...more,
  })
  const put = (all: readonly Item[]) =>
    real.put(
      from,
      all.map((item) => ({ key: item.key, body: JSON.stringify(item) })),
    )
  const count = async () => new Set((await real.entries(to)).map((entry) => itemOf(entry).n)).size
  const isAcknowledged = async () =>
    ((await real.send('XPENDING', from, group)) as readonly [number])[0] === 0

  async function running(flow: Flow): Promise<Engine> {
    const engine = createEngine(
      defineProject({
        journal: sqlite(join(folder, `${real.name('hub')}.db`)),
        connections: { store: { url, answerTimeout: '3s' } },
        flows: [flow],
      }),
    )
    await engine.start()
    return engine
  }

  const troubles = [
    [
      'killed and started again',
      async () => {
        await server?.trouble?.stop()
        await server?.trouble?.start()
      },
    ],
    [
      'frozen for longer than it is waited for',
      async () => {
        await server?.trouble?.freeze()
        await pause(5_000)
        await server?.trouble?.thaw()
      },
    ],
  ] as const
  const ways = [
    ['key', 'consume'],
    ['verify', 'read'],
  ] as const

  describe.skipIf(server?.trouble === null)('while the server is', () => {
    for (const [what, hurt] of troubles)
      it.each(ways)(`${what}, each entry comes once and in order (%s, %s)`, async (guarantee, reads) => {
        const sent = items(2_000)
        await put(sent.slice(0, 1_500))
        const engine = await running(copying(settings({ guarantee, reads })))
        await until(async () => (await count()) > 0)
        await hurt()
        await put(sent.slice(1_500))
        await until(async () => (await count()) === sent.length)
        if (reads === 'consume') await until(isAcknowledged)
        await engine.stop()
        expectEachOnce(await real.entries(to), sent)
      })
  })

  it.each(ways)(
    'each entry comes once and in order though the engine is killed, twice (%s, %s)',
    async (guarantee, reads) => {
      const sent = items(1_000)
      await put(sent)
      const start = async (): Promise<ChildProcess> => {
        const child = fork(new URL('./fixtures/copying-engine.ts', import.meta.url), {
          execArgv: ['--conditions=source'],
          env: {
            ...process.env,
            COPYING: JSON.stringify({
              ...settings({ guarantee, reads }),
              url,
              journal: join(folder, `${group}.db`),
            }),
          },
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        })
        await once(child, 'message')
        return child
      }
      let seen = 0
      for (let life = 0; life < 2; life++) {
        const child = await start()
        await until(async () => (await count()) > seen)
        child.kill('SIGKILL')
        await once(child, 'exit')
        seen = await count()
      }
      const last = await start()
      await until(async () => (await count()) === sent.length)
      const ended = once(last, 'exit')
      last.kill('SIGTERM')
      await ended
      expectEachOnce(await real.entries(to), sent)
    },
  )

  describe('what it is told', () => {
    const connect = async (config: object) => {
      const checked = redisConfig['~standard'].validate({ connectTimeout: '5s', ...config })
      if (checked instanceof Promise || checked.issues) throw new Error(JSON.stringify(checked))
      return redisClient(checked.value, { ...environment(), clock: systemClock, directory: process.cwd() })
    }
    const failureOf = async (promise: Promise<unknown>) => {
      const error = await promise.then(
        () => null,
        (thrown: unknown) => thrown,
      )
      if (!isLinkspanError(error)) throw new Error(`a LinkspanError was to be thrown, not ${String(error)}`)
      return error
    }
    const checked = async (config: object) => {
      const client = await connect(config)
      const error = await failureOf(checkRedis(client))
      await client.close()
      return error
    }

    it.each([
      ['an unknown host', { url: 'redis://no-such-host.invalid' }, 'CALL_FAILED', /check the host/],
      [
        'a port where nobody listens',
        { url: 'redis://127.0.0.1:1' },
        'CALL_FAILED',
        /runs and can be reached/,
      ],
      ['TLS where there is none', { url: url.replace('redis:', 'rediss:') }, 'CALL_FAILED', /TLS/],
      ['a wrong password', { url, password: 'wr0ng' }, 'CALL_UNAUTHENTICATED', /user and password/],
      ['no password', { url: url.replace(/\/\/.*@/, '//') }, 'CALL_UNAUTHENTICATED', /user and password/],
    ])('%s', async (_what, config, code, advice) => {
      const error = await checked(config)
      expect(error).toMatchObject({ code, retry: 'later', applied: 'no' })
      expect(error.message).toMatch(advice)
    })

    it('what a user may not do is refused for good', async () => {
      const user = real.name('reader')
      await real.send('ACL', 'SETUSER', user, 'on', '>secret', '~*', '+ping', '+xread', '+client', '+hello')
      const client = await connect({ url, user, password: 'secret' })
      const store = redis('store')
      const add = store.add({ name: 'add', stream: to, guarantee: 'none' })
      expect(await failureOf(add.run(client, 1, call()))).toMatchObject({
        code: 'CALL_REJECTED',
        retry: 'never',
        applied: 'no',
        details: { redis: 'NOPERM' },
      })
      await client.close()
      await real.send('ACL', 'DELUSER', user)
    })

    it('trims, refuses a stream that is not there, and knows an id of its own', async () => {
      const client = await connect({ url })
      const store = redis('store')
      const trimmed = store.add({
        name: 'a',
        stream: to,
        trim: { maxLength: 2, exact: true },
        guarantee: 'key',
      })
      for (const n of [1, 2, 3]) await trimmed.run(client, n, call({ mark: real.name('mark') }))
      expect(await real.entries(to)).toHaveLength(2)
      const aged = store.add({
        name: 'b',
        stream: to,
        trim: { maxAge: '1ms', exact: true },
        guarantee: 'verify',
      })
      await pause(20)
      await aged.run(client, 4, call({ mark: real.name('mark') }))
      expect(await real.entries(to)).toHaveLength(1)
      const strict = store.add({ name: 'c', stream: from, create: false, guarantee: 'key' })
      expect(await failureOf(strict.run(client, 1, call()))).toMatchObject({ code: 'CALL_REJECTED' })
      const own = store.add({ name: 'd', stream: from, id: () => '5-1', guarantee: 'none' })
      const mark = real.name('mark')
      expect(await own.run(client, 1, call({ mark }))).toEqual({ stream: from, id: '5-1' })
      expect(await own.run(client, 1, call({ mark }))).toEqual({ stream: from, id: '5-1' })
      expect(await failureOf(own.run(client, 1, call({ mark: 'other' })))).toMatchObject({
        retry: 'never',
        applied: 'no',
      })
      await client.close()
    })

    it('cannot say of what was deleted whether it was added', async () => {
      const client = await connect({ url })
      const add = redis('store').add({ name: 'a', stream: to, guarantee: 'verify' })
      const asked = call({ mark: real.name('mark'), firstMadeAt: Date.now() })
      expect(await add.verify?.(client, 1, asked)).toEqual({ state: 'absent' })
      const { id } = await add.run(client, 1, asked)
      expect(await add.verify?.(client, 1, asked)).toEqual({ state: 'done', result: { stream: to, id } })
      await real.send('XDEL', to, id)
      expect(await add.verify?.(client, 1, asked)).toEqual({ state: 'unknown' })
      await client.close()
    })

    it('keys and channels', async () => {
      const client = await connect({ url })
      const store = redis('store')
      const key = real.name('key')
      const set = store.set({ name: 'set', key, ttl: '1h' })
      const lock = store.set({ name: 'lock', key, only: 'absent' })
      const get = store.get({ name: 'get', key })
      const publish = store.publish({ name: 'publish', channel: key, guarantee: 'none' })
      const mark = real.name('mark')
      expect(await lock.run(client, { n: 1 }, call({ mark }))).toEqual({ set: true })
      expect(await lock.run(client, { n: 1 }, call({ mark }))).toEqual({ set: true })
      expect(await lock.run(client, { n: 1 }, call({ mark: real.name('mark') }))).toEqual({ set: false })
      expect(await set.run(client, { n: 2 }, call())).toEqual({ set: true })
      expect(Number(await real.send('PTTL', key))).toBeGreaterThan(3_000_000)
      expect(await get.run(client, null, call())).toEqual({ n: 2 })
      await store.delete({ name: 'delete', key }).run(client, null, call())
      expect(await get.run(client, null, call())).toBeNull()
      expect(await publish.run(client, 'hello', call())).toEqual({ receivers: 0 })
      await client.close()
    })
  })

  it('takes over what a dead consumer left, and makes a dead letter of what was deleted meanwhile', async () => {
    await real.send('XGROUP', 'CREATE', from, group, '0', 'MKSTREAM')
    const sent = items(20)
    await put(sent)
    await real.send('XREADGROUP', 'GROUP', group, 'dead', 'COUNT', '10', 'STREAMS', from, '>')
    const [first] = await real.entries(from)
    await real.send('XDEL', from, first?.id ?? '')
    const store = redis('store')
    const add = store.add<Item, 'key'>({ name: 'add', stream: to, key: ({ key }) => key, guarantee: 'key' })
    const engine = await running(
      flow('copy')
        .from(store.consume<Item>({ stream: from, group, claimAfter: '1s' }))
        .to('add', add),
    )
    await until(async () => (await count()) === 19 && (await isAcknowledged()))
    await until(async () => (await engine.admin.messages({ states: ['dead'] })).items.length === 1)
    const [dead] = (await engine.admin.messages({ states: ['dead'] })).items
    expect(dead?.error?.message).toMatch(new RegExp(`entry ${first?.id} of "${from}": it was deleted`))
    await engine.stop()
    expect((await real.entries(to)).map((entry) => itemOf(entry).n).toSorted((a, b) => a - b)).toEqual(
      sent.slice(1).map(({ n }) => n),
    )
  })

  it('goes on where somebody deletes the group', async () => {
    await put(items(5))
    const engine = await running(copying(settings({})))
    await until(async () => (await count()) === 5)
    await real.send('XGROUP', 'DESTROY', from, group)
    await put(items(5, 5))
    await until(async () => (await count()) === 10)
    await engine.stop()
    expectEachOnce(await real.entries(to), items(10))
  })
})
