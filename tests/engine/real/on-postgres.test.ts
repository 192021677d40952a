import { exponential, flow, inbox, type MountableEngine, postgres, retry } from 'linkspan'
import { fakeOperation } from 'linkspan/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type TestPostgres, testPostgres } from '../../postgres-server/index.ts'
import { actAtOnce, behaviours, engines, statesOf, until } from './behaviours.ts'

interface Item {
  readonly key: string
  readonly n: number
}

let server: TestPostgres
let url = ''
beforeAll(async () => {
  server = await testPostgres()
})
afterAll(() => server.stop(), 60_000)
beforeEach(async () => {
  url = await server.database()
})
const MONTH_MS = 30 * 86_400_000
const journal = () => postgres({ url, lease: '2s' })

describe('an engine on PostgreSQL', () => {
  behaviours(journal)
})

describe('three engines on one PostgreSQL', () => {
  const { start } = engines(journal)
  const put = () => fakeOperation<Item>('store.put', { kind: 'key', validFor: '24h' })
  const shared = async (all: readonly MountableEngine[]): Promise<boolean> => {
    const survey = await all[0]?.admin.cluster()
    const live = survey?.members.filter(({ state }) => state === 'live') ?? []
    return live.length === all.length && live.every(({ partitions }) => partitions.length > 0)
  }

  it('run each message once, those of a key in the order of acceptance, whoever accepts them', async () => {
    const target = put()
    const save = flow('save', { onError: retry({ attempts: 20, backoff: exponential('20ms', '100ms') }) })
      .from(inbox<Item>(), { key: ({ key }) => key })
      .to('put', target)
    const all = [await start([save]), await start([save]), await start([save])]
    await until(() => shared(all))
    const accepted: { place: number; n: number; key: string }[] = []
    const sends = Array.from({ length: 150 }, async (_, n) => {
      const key = `k${n % 5}`
      const { id } = await (all[n % 3] as MountableEngine).send(save, { key, n })
      accepted.push({ place: Number.parseInt(id, 36), n, key })
    })
    await Promise.all(sends)
    await until(async () => (await statesOf(all[1] as MountableEngine)).every((state) => state === 'done'))
    expect(target.effects).toHaveLength(150)
    for (let k = 0; k < 5; k += 1) {
      const ofKey = accepted.filter(({ key }) => key === `k${k}`).toSorted((a, b) => a.place - b.place)
      const order = target.effects.filter(({ input }) => input.key === `k${k}`).map(({ input }) => input.n)
      expect(order).toEqual(ofKey.map(({ n }) => n))
    }
  })

  it('answer requests whose messages others run, and give their share back when they leave', async () => {
    const greet = flow('greet')
      .from(inbox<string>(), { key: (name) => name })
      .reply('greeting', (name) => `Hello ${name}`)
    const all = [await start([greet]), await start([greet]), await start([greet])]
    await until(() => shared(all))
    const names = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Frances']
    const replies = await Promise.all(names.map((name) => all[0]?.request(greet, name)))
    expect(replies).toEqual(names.map((name) => `Hello ${name}`))
    await all[1]?.stop()
    await all[2]?.stop()
    await until(async () => {
      const { partitions } = await (all[0] as MountableEngine).admin.cluster()
      return new Set(partitions.map(({ owner }) => owner)).size === 1
    })
    expect(await all[0]?.request(greet, 'Radia')).toBe('Hello Radia')
  })

  it('run a flow that only one of them has, whoever owns the partitions of its messages', async () => {
    const target = put()
    const common = flow('common')
      .from(inbox<Item>())
      .map('same', (item) => item)
    const rare = flow('rare')
      .from(inbox<Item>(), { key: ({ key }) => key })
      .to('put', target)
    const all = [await start([common, rare]), await start([common]), await start([common])]
    await until(() => shared(all))
    const keys = Array.from({ length: 15 }, (_, at) => `k${at}`)
    for (const n of [1, 2]) for (const key of keys) await all[0]?.send(rare, { key, n })
    await until(async () => (await statesOf(all[1] as MountableEngine)).every((state) => state === 'done'))
    for (const key of keys) {
      const order = target.effects.filter(({ input }) => input.key === key).map(({ input }) => input.n)
      expect(order).toEqual([1, 2])
    }
  })

  it('end no delay early, and forget nothing, where the clock of one is a month ahead', async () => {
    const target = put()
    const rest = flow('rest')
      .from(inbox<Item>(), { key: ({ key }) => key })
      .delay('an hour', '1h')
      .to('put', target)
    const save = flow('save')
      .from(inbox<Item>(), { key: ({ key }) => key })
      .to('put', target)
    const right = await start([rest, save])
    const keys = Array.from({ length: 20 }, (_, at) => `k${at}`)
    for (const key of keys) await right.send(rest, { key, n: 0 })
    const wrong = await start([rest, save], MONTH_MS)
    await until(() => shared([right, wrong]))
    for (const key of keys) await wrong.send(save, { key, n: 1 })
    await until(() => target.effects.length >= keys.length)
    expect(new Set(target.effects.map(({ input }) => input.n))).toEqual(new Set([1]))
    await until(
      async () => (await statesOf(right)).filter((state) => state === 'done').length === keys.length,
    )
    const { items } = await right.admin.messages({ flow: 'save', limit: 100 })
    for (const { endedAt, acceptedAt } of items)
      for (const at of [endedAt ?? 0, acceptedAt])
        expect(Math.abs(at - Date.now())).toBeLessThan(MONTH_MS / 2)
    const { members } = await right.admin.cluster()
    const ahead = members.map(({ clockAheadMs = 0 }) => Math.round(Math.abs(clockAheadMs) / MONTH_MS))
    expect(ahead).toEqual([0, 1])
  })

  it('let one of several people act on a message who do so at two of them at once', async () => {
    const target = put()
    target.when(() => ({ rejected: 'not like this' }))
    const save = flow('save')
      .from(inbox<Item>(), { key: ({ key }) => key })
      .to('put', target)
    const all = [await start([save]), await start([save]), await start([save])]
    await until(() => shared(all))
    const [one, two, three] = all as [MountableEngine, MountableEngine, MountableEngine]
    for (let n = 1; n <= 9; n += 1) {
      const { id } = await one.send(save, { key: `k${n}`, n })
      await until(async () => (await one.admin.trace(id)).message.state === 'dead')
      expect(await actAtOnce(n % 2 ? [one, two] : [two, three], id)).toHaveLength(3)
      expect((await one.admin.trace(id)).notes).toHaveLength(1)
    }
    expect(all.map(({ state }) => state)).toEqual(['running', 'running', 'running'])
  })
})
