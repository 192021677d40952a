import type { Batch } from 'linkspan/journal'
import { channel, exponential, flow, inbox, retry } from 'linkspan'
import { schedule } from 'linkspan/schedule'
import { fakeOperation } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { type Cluster, cluster, type Node } from './cluster-rig.ts'

interface Order {
  readonly key: string
  readonly n: number
}

function saving() {
  const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
  const save = flow('save', { onError: retry({ attempts: 20, backoff: exponential('1s', '5s') }) })
    .from(inbox<Order>(), { key: ({ key }) => key })
    .to('put', put)
  return { put, save }
}

const node = ({ nodes }: Cluster, n: number): Node => nodes[n] as Node

/** Numbers of each key in the order in which they took effect. */
function byKey(effects: readonly { readonly input: Order }[]): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>()
  for (const { input } of effects) found.set(input.key, [...(found.get(input.key) ?? []), input.n])
  return found
}

const rising = (numbers: readonly number[]): boolean =>
  numbers.every((n, at) => at === 0 || n > (numbers[at - 1] as number))

describe('engines on one journal', () => {
  it('share its partitions evenly, and give them back when they leave', async () => {
    const { save } = saving()
    await using three = await cluster([save])
    expect(await three.shares()).toEqual([4, 4, 4])
    await node(three, 1).stop()
    await three.advance('3s')
    expect(await three.shares()).toEqual([6, 6])
    await three.join()
    await three.advance('30s')
    expect(await three.shares()).toEqual([4, 4, 4])
  })

  it('run what any of them accepts, each message once and each key in its order', async () => {
    const { put, save } = saving()
    await using three = await cluster([save])
    for (let n = 0; n < 90; n += 1)
      await node(three, n % 3).send(save, { key: `k${Math.floor(n / 3) % 7}`, n })
    await three.advance('10s')
    expect(put.effects).toHaveLength(90)
    for (const numbers of byKey(put.effects).values()) expect(rising(numbers)).toBe(true)
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })

  it('read what goes through the backlog together, and not one message at a time', async () => {
    const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
    const save = flow('save').from(inbox<Order>()).to('put', put)
    await using two = await cluster([save], { engines: 2 })
    await two.during(node(two, 0).admin.pause('save'))
    await two.advance('2s')
    for (let n = 0; n < 200; n += 1) await node(two, n % 2).send(save, { key: '', n })
    const before = two.loads()
    await two.during(node(two, 0).admin.resume('save'))
    await two.advance('10s')
    expect(put.effects).toHaveLength(200)
    expect(two.loads() - before).toBeLessThan(200 / 4)
  })

  it('count in the status of each what runs at any of them, with a wait or without', async () => {
    const { put, save } = saving()
    let silent = true
    put.when(() => (silent ? 'silent' : undefined))
    await using three = await cluster([save])
    for (let n = 0; n < 30; n += 1) await node(three, n % 3).send(save, { key: `k${n}`, n })
    await three.advance('1s')
    for (const { admin } of three.nodes) {
      const { active, waiting, done } = (await admin.status()).messages
      expect({ live: active + waiting, done }).toEqual({ live: 30, done: 0 })
      expect(active).toBeGreaterThan(0)
    }
    silent = false
    await three.advance('3m')
    for (const { admin } of three.nodes)
      expect((await admin.status()).messages).toMatchObject({ active: 0, waiting: 0, done: 30 })
  })

  it('keep the order of a key that several of them accept messages of at the same time', async () => {
    const { put, save } = saving()
    await using three = await cluster([save])
    const accepted: { id: string; n: number }[] = []
    for (let round = 0; round < 20; round += 1) {
      const sends = [0, 1, 2].map(async (at) => {
        const n = round * 3 + at
        const { id } = await node(three, at).engine.send(save, { key: 'one', n })
        accepted.push({ id, n })
      })
      await three.during(Promise.all(sends))
    }
    await three.advance('1m')
    const place = (id: string): number => Number.parseInt(id, 36)
    const inOrder = accepted.toSorted((a, b) => place(a.id) - place(b.id)).map(({ n }) => n)
    expect(put.effects.map(({ input }) => input.n)).toEqual(inOrder)
  })

  it('answer a request whose message another engine runs', async () => {
    const greet = flow('greet')
      .from(inbox<string>(), { key: (name) => name })
      .reply('greeting', (name) => `Hello ${name}`)
    await using three = await cluster([greet])
    for (const name of ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Frances']) {
      const before = three.clock.now()
      expect(await three.during(node(three, 0).engine.request(greet, name))).toBe(`Hello ${name}`)
      expect(three.clock.now() - before).toBeLessThan(1_000)
    }
  })

  it('take over from one that dies, within its lease, and lose and double nothing', async () => {
    const { put, save } = saving()
    let silent = true
    await using three = await cluster([save])
    // The answers to what is sent now never come.
    put.when(() => (silent ? 'silent' : undefined))
    const sent = Array.from({ length: 60 }, (_, n) => ({ key: `k${n % 20}`, n }))
    for (const [at, order] of sent.entries()) await node(three, at % 3).send(save, order)
    node(three, 1).kill()
    silent = false
    expect(put.effects).toHaveLength(0)
    await three.advance('2m')
    expect(await three.shares()).toEqual([6, 6])
    expect(new Set(await three.states())).toEqual(new Set(['done']))
    expect(new Set(put.effects.map(({ input }) => input.n)).size).toBe(60)
    for (const numbers of byKey(put.effects).values()) expect(rising([...new Set(numbers)])).toBe(true)
  })

  it('let nothing count that a paused one does when it wakes, and take it in again', async () => {
    const { put, save } = saving()
    await using three = await cluster([save])
    let silent = true
    put.when(() => (silent ? 'silent' : undefined))
    const zombie = node(three, 2)
    for (let n = 0; n < 30; n += 1) await zombie.send(save, { key: `k${n}`, n })
    zombie.freeze()
    silent = false
    await three.advance('30s')
    expect(await three.shares().then((shares) => shares.slice(0, 2))).toEqual([6, 6])
    zombie.thaw()
    await three.advance('2m')
    expect(zombie.log.lines.some(({ event }) => event === 'engine.rejoining')).toBe(true)
    expect(zombie.engine.state).toBe('running')
    expect(await three.shares()).toEqual([4, 4, 4])
    expect(new Set(await three.states())).toEqual(new Set(['done']))
    expect(put.effects).toHaveLength(30)
    const { id } = await zombie.send(save, { key: 'again', n: 99 })
    await three.advance('5s')
    expect((await zombie.admin.trace(id)).message.state).toBe('done')
  })

  it('take one in again that is paused a second time while it comes back', async () => {
    const { put, save } = saving()
    let before: number | null = null
    const zombie = (): Node => node(some, 1)
    await using some = await cluster([save], {
      engines: 2,
      onCommit: (_batch, _n, member) => {
        if (before === null || member === before || member !== zombie().member) return 'ok'
        before = null
        zombie().freeze()
        return 'unreachable-before'
      },
    })
    for (let n = 0; n < 20; n += 1) await node(some, n % 2).send(save, { key: `k${n}`, n })
    zombie().freeze()
    await some.advance('30s')
    // All of the partitions fall to the one that comes back, which takes them up before it runs.
    node(some, 0).kill()
    await some.advance('30s')
    before = zombie().member
    zombie().thaw()
    await some.advance('1s')
    expect(before).toBe(null)
    await some.join()
    await some.advance('30s')
    zombie().thaw()
    await some.advance('2m')
    expect(zombie().engine.state).toBe('running')
    expect(await some.shares()).toEqual([6, 6])
    await zombie().send(save, { key: 'again', n: 99 })
    await some.advance('10s')
    expect(new Set(put.effects.map(({ input }) => input.n)).size).toBe(21)
    expect(new Set(await some.states())).toEqual(new Set(['done']))
  })

  it('send nothing any more when they wake after their lease, though the intent was committed in time', async () => {
    const tell = fakeOperation<Order>('phone.call', { kind: 'none' })
    const call = flow('call').from(inbox<Order>()).to('tell', tell, { onUnknown: 'inDoubt' })
    let armed = false
    const frozen = (): Node => node(three, 0)
    await using three = await cluster([call], {
      onCommit: ({ records }, _n, member) => {
        if (armed && records.length > 0 && member === frozen().member) {
          armed = false
          frozen().freeze()
        }
        return 'ok'
      },
    })
    armed = true
    await frozen().send(call, { key: 'a', n: 1 })
    await three.advance('1m')
    expect(armed).toBe(false)
    const states = async () => (await node(three, 1).admin.messages({})).items.map(({ state }) => state)
    expect(await states()).toEqual(['inDoubt'])
    frozen().thaw()
    await three.advance('1m')
    expect(tell.requests).toHaveLength(0)
    expect(await states()).toEqual(['inDoubt'])
    expect(frozen().engine.state).toBe('running')
  })

  it('run a schedule once, wherever its engine goes', async () => {
    const runs: number[] = []
    const tick = flow('tick')
      .from(schedule('10s'))
      .map('note', ({ scheduledAt }) => {
        runs.push(Date.parse(String(scheduledAt)))
        return scheduledAt
      })
    await using three = await cluster([tick])
    await three.advance('1m')
    const sources = await Promise.all(
      three.nodes.map(async ({ admin }) => (await admin.flows())[0]?.source.state),
    )
    expect(sources.toSorted()).toEqual(['elsewhere', 'elsewhere', 'running'])
    await node(three, sources.indexOf('running')).stop()
    await three.advance('1m')
    const distinct = new Set(runs)
    expect(distinct.size).toBeGreaterThanOrEqual(10)
    expect(runs.length).toBe(distinct.size)
  })

  it('count every message once in a cell that all of them change', async () => {
    const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
    const count = flow('count')
      .from(inbox<Order>(), { key: ({ key }) => key })
      .state('total', { key: () => 'all', initial: () => 0, as: 'total' }, (total) => ({
        state: total + 1,
        result: total + 1,
      }))
      .to('put', put, { input: ({ key }, { total }) => ({ key, n: total }) })
    await using three = await cluster([count])
    const sends = Array.from({ length: 60 }, (_, n) =>
      node(three, n % 3).engine.send(count, { key: `k${n}`, n }),
    )
    await three.during(Promise.all(sends))
    await three.advance('1m')
    const totals = put.effects.map(({ input }) => input.n).toSorted((a, b) => a - b)
    expect(totals).toEqual(Array.from({ length: 60 }, (_, n) => n + 1))
  })

  it('pause and resume a flow everywhere', async () => {
    const { put, save } = saving()
    await using three = await cluster([save])
    await three.during(node(three, 0).admin.pause('save'))
    await three.advance('3s')
    for (let n = 0; n < 12; n += 1) await node(three, n % 3).send(save, { key: `k${n}`, n })
    await three.advance('1m')
    expect(put.effects).toHaveLength(0)
    await three.during(node(three, 2).admin.resume('save'))
    await three.advance('10s')
    expect(put.effects).toHaveLength(12)
  })

  it('redeliver a dead letter from any of them', async () => {
    const { put, save } = saving()
    let broken = true
    put.when(() => (broken ? { rejected: 'not like this' } : undefined))
    await using three = await cluster([save])
    const ids: string[] = []
    for (let n = 0; n < 9; n += 1) ids.push((await node(three, 0).send(save, { key: `k${n}`, n })).id)
    await three.advance('5s')
    expect(new Set(await three.states())).toEqual(new Set(['dead']))
    broken = false
    const outcome = node(three, 1).admin.redeliver({ ids }, { note: 'mended' })
    expect((await three.during(outcome)).done).toBe(9)
    await three.advance('10s')
    expect(put.effects).toHaveLength(9)
    expect(new Set(await three.states())).toEqual(new Set(['done']))
  })

  it('redeliver a dead letter of another one although the journal has no room for a moment', async () => {
    const { put, save } = saving()
    let fulls = 0
    await using three = await cluster([save], {
      onCommit: ({ revive }) => (revive.length > 0 && --fulls >= 0 ? 'full' : 'ok'),
    })
    for (const { admin } of three.nodes) {
      fulls = 2
      put.next({ rejected: 'not like this' })
      const { id } = await node(three, 0).send(save, { key: 'k', n: 1 })
      await three.advance('5s')
      expect((await three.during(admin.redeliver({ ids: [id] }, { note: 'mended' }))).done).toBe(1)
      expect(fulls).toBeLessThan(0)
      await three.advance('10s')
      expect(new Set(await three.states())).toEqual(new Set(['done']))
    }
  })

  it('say that they were taken over to whoever waits for something that was under way', async () => {
    const { put, save } = saving()
    put.next({ rejected: 'not like this' })
    const one = (): Node => node(three, 0)
    await using three = await cluster([save], {
      onCommit: ({ revive }, _n, member) => {
        if (revive.length === 0 || member !== one().member) return 'ok'
        one().freeze()
        return 'unreachable-before'
      },
    })
    const { id } = await one().send(save, { key: 'k', n: 1 })
    await three.advance('5s')
    const outcome = one().admin.redeliver({ ids: [id] }, { note: 'mended' })
    await three.advance('1m')
    one().thaw()
    const { refused } = await three.during(outcome)
    expect(refused.map(({ error }) => error.code)).toEqual(['JOURNAL_TAKEN_OVER'])
    expect((await node(three, 1).admin.messages({})).items.map(({ state }) => state)).toEqual(['dead'])
  })

  it('resume a flow that was paused at another one a moment before', async () => {
    const { put, save } = saving()
    await using three = await cluster([save])
    for (let round = 0; round < 3; round += 1) {
      await three.during(node(three, 0).admin.pause('save'))
      await three.during(node(three, 1).admin.resume('save'))
      await three.advance('5s')
    }
    for (let n = 0; n < 12; n += 1) await node(three, n % 3).send(save, { key: `k${n}`, n })
    await three.advance('10s')
    expect(put.effects).toHaveLength(12)
  })

  it('pause nowhere what the journal had no room to pause', async () => {
    const { put, save } = saving()
    let full = false
    await using three = await cluster([save], { onCommit: () => (full ? 'full' : 'ok') })
    full = true
    await expect(three.during(node(three, 0).admin.pause('save'))).rejects.toMatchObject({
      code: 'JOURNAL_FULL',
    })
    full = false
    await three.advance('10s')
    for (let n = 0; n < 12; n += 1) await node(three, n % 3).send(save, { key: `k${n}`, n })
    await three.advance('10s')
    expect(put.effects).toHaveLength(12)
  })

  it('put messages on a channel for whichever of them runs its consumer', async () => {
    const orders = channel<Order>('orders')
    const put = fakeOperation<Order>('store.put', { kind: 'key', validFor: '24h' })
    const split = flow('split')
      .from(inbox<Order>(), { key: ({ key }) => key })
      .publish('order', orders, { key: ({ n }) => `n${n % 5}` })
    const save = flow('save').from(orders).to('put', put)
    await using three = await cluster([split, save])
    for (let n = 0; n < 40; n += 1) await node(three, n % 3).send(split, { key: 'all', n })
    await three.advance('30s')
    expect(put.effects).toHaveLength(40)
    const lanes = byKey(put.effects.map(({ input }) => ({ input: { key: `n${input.n % 5}`, n: input.n } })))
    for (const numbers of lanes.values()) expect(rising(numbers)).toBe(true)
  })

  it('cancel a message from any of them, and let its key move on', async () => {
    const { put, save } = saving()
    let down = true
    put.when(() => (down ? 'unavailable' : undefined))
    await using three = await cluster([save])
    const { id } = await node(three, 0).send(save, { key: 'k', n: 1 })
    await node(three, 0).send(save, { key: 'k', n: 2 })
    await three.advance('5s')
    const asked = await ownerAndOthers(three, id)
    const cancelled = await three.during(asked.other.admin.cancel(id, 'not needed'))
    expect(cancelled).toMatchObject({ id, state: 'dropped' })
    expect(await three.states()).toEqual(['dropped', 'waiting'])
    const again = three.during(node(three, 1).admin.cancel(id, 'twice'))
    await expect(again).rejects.toMatchObject({ code: 'MESSAGE_STATE' })
    down = false
    await three.advance('30s')
    expect(put.effects.map(({ input }) => input.n)).toEqual([2])
  })

  it('skip the key of a message from any of them', async () => {
    const { put, save } = saving()
    put.when(({ input }) => (input.n === 1 ? 'unavailable' : undefined))
    await using three = await cluster([save])
    for (const key of ['a', 'b', 'c', 'd', 'e'])
      for (const n of [1, 2]) await node(three, 0).send(save, { key, n })
    await three.advance('5s')
    const skip = (key: string) => three.during(node(three, 2).admin.skipKey('save', key, 'let it go'))
    for (const key of ['a', 'b', 'c', 'd', 'e']) expect((await skip(key)).state).toBe('dead')
    await three.advance('10s')
    expect(put.effects.map(({ input }) => input.n)).toEqual([2, 2, 2, 2, 2])
    await expect(skip('a')).rejects.toMatchObject({ code: 'MESSAGE_UNKNOWN' })
  })

  it('take up what was asked of one that died, and answer that it was done', async () => {
    const { put, save } = saving()
    put.when(() => 'unavailable')
    await using three = await cluster([save])
    const { id } = await node(three, 0).send(save, { key: 'k', n: 1 })
    await three.advance('5s')
    const { owner, other } = await ownerAndOthers(three, id)
    owner.kill()
    expect(await three.during(other.admin.cancel(id, 'not needed'))).toMatchObject({ state: 'dropped' })
    expect(put.effects).toHaveLength(0)
  })

  it.each(['taken', 'done'])(
    'do what was asked once although who does it dies when it is %s',
    async (when) => {
      const { put, save } = saving()
      put.when(({ input }) => (input.n < 3 ? 'unavailable' : undefined))
      let owner: Node | null = null
      let killed = false
      const isThen = {
        taken: ({ state }: Batch) => state.length > 0,
        done: ({ settle }: Batch) => settle.length > 0,
      }
      await using three = await cluster([save], {
        onCommit: (batch, _n, member) => {
          if (killed || member !== owner?.member || !isThen[when as 'taken'](batch)) return 'ok'
          killed = true
          queueMicrotask(() => owner?.kill())
          return 'lost-after'
        },
      })
      const { id } = await node(three, 0).send(save, { key: 'k', n: 1 })
      for (const n of [2, 3]) await node(three, 0).send(save, { key: 'k', n })
      await three.advance('5s')
      const found = await ownerAndOthers(three, id)
      owner = found.owner
      const skipped = await three.during(found.other.admin.skipKey('save', 'k', 'let it go'))
      expect(killed).toBe(true)
      expect(skipped).toMatchObject({ id, state: 'dead' })
      const states = await three.during(found.other.admin.messages({ order: 'oldest' }))
      expect(states.items.map(({ state }) => state)).toEqual(['dead', 'waiting', 'waiting'])
    },
  )

  it('resolve a doubt and drop a dead letter from any of them', async () => {
    const tell = fakeOperation<Order>('phone.call', { kind: 'none' })
    const call = flow('call').from(inbox<Order>()).to('tell', tell, { onUnknown: 'inDoubt' })
    await using three = await cluster([call])
    for (const { admin } of three.nodes) {
      tell.next('silent')
      const { id } = await node(three, 0).send(call, { key: 'a', n: 1 })
      await three.advance('1m')
      expect((await admin.trace(id)).message.state).toBe('inDoubt')
      await three.during(admin.resolve(id, true, { note: 'they have it' }))
      await three.advance('5s')
      expect((await admin.trace(id)).message.state).toBe('done')
      tell.next({ rejected: 'no' })
      const dead = await node(three, 0).send(call, { key: 'a', n: 2 })
      await three.advance('5s')
      expect(await three.during(admin.drop({ ids: [dead.id] }, 'gone'))).toMatchObject({
        done: 1,
        refused: [],
      })
    }
  })
})

describe('engines that know a flow under different names', () => {
  const renamedTo = (put: ReturnType<typeof saving>['put']) =>
    flow('store', { renamedFrom: 'save' })
      .from(inbox<Order>(), { key: ({ key }) => key })
      .to('put', put)

  it('run as one cluster, and keep the order of a key over both names', async () => {
    const { put, save } = saving()
    const store = renamedTo(put)
    await using two = await cluster([save], { engines: 1 })
    await two.join([store])
    await two.advance('30s')
    const accepted: { id: string; key: string; n: number }[] = []
    for (let round = 0; round < 12; round += 1) {
      const sends = Array.from({ length: 12 }, async (_, at) => {
        const order = { key: `k${at % 4}`, n: round * 12 + at }
        const sent =
          at % 2 === 0 ? node(two, 0).engine.send(save, order) : node(two, 1).engine.send(store, order)
        accepted.push({ ...order, id: (await sent).id })
      })
      await two.during(Promise.all(sends))
    }
    await two.advance('1m')
    const place = (id: string): number => Number.parseInt(id, 36)
    const inOrder = accepted.toSorted((a, b) => place(a.id) - place(b.id))
    expect(put.effects).toHaveLength(144)
    expect(byKey(put.effects)).toEqual(byKey(inOrder.map((input) => ({ input }))))
    const shown = await Promise.all(two.nodes.map(async ({ admin }) => (await admin.messages({})).items))
    expect(shown.map((items) => new Set(items.map(({ flow: name }) => name)))).toEqual([
      new Set(['save']),
      new Set(['store']),
    ])
  })

  it('skip a key under either name', async () => {
    const { put, save } = saving()
    put.when(() => 'unavailable')
    const store = renamedTo(put)
    await using two = await cluster([save], { engines: 1 })
    await two.join([store])
    await two.advance('30s')
    for (const key of ['a', 'b', 'c', 'd', 'e', 'f']) await node(two, 0).send(save, { key, n: 1 })
    await two.advance('2s')
    for (const key of ['a', 'b', 'c']) await two.during(node(two, 0).admin.skipKey('save', key, 'let it go'))
    for (const key of ['d', 'e', 'f']) await two.during(node(two, 1).admin.skipKey('store', key, 'let it go'))
    expect(new Set(await two.states())).toEqual(new Set(['dead']))
  })

  it('refuse one that shares none of their names', async () => {
    const { put, save } = saving()
    await using two = await cluster([save], { engines: 1 })
    await two.join([renamedTo(put)])
    const stranger = flow('other', { renamedFrom: 'another' }).from(inbox<Order>()).to('put', put)
    await expect(two.join([stranger])).rejects.toMatchObject({ code: 'JOURNAL_IN_USE' })
  })
})

/** The engine that owns the partition of a message, and one that does not. */
async function ownerAndOthers(
  { nodes, journal, clock }: Cluster,
  id: string,
): Promise<{ readonly owner: Node; readonly other: Node }> {
  const reader = await journal.openForReading({ clock, directory: '', logger: { log: () => undefined } })
  const stored = await reader.messages.find(id)
  const { members } = await reader.ownership.survey()
  const isOwner = ({ member }: Node): boolean =>
    members.some((each) => each.member === member && each.partitions.includes(stored?.partition ?? -1))
  return { owner: nodes.find(isOwner) as Node, other: nodes.find((each) => !isOwner(each)) as Node }
}
