import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type AcceptsOf,
  channel,
  createEngine,
  exponential,
  type Flow,
  flow,
  inbox,
  type JournalFactory,
  type MountableEngine,
  retry,
} from 'linkspan'
import type { Clock } from 'linkspan/connect'
import { fakeOperation } from 'linkspan/testing'
import { afterEach, expect, it } from 'vitest'

/** How an engine of a test gets its journal: each call for the same test opens the same one. */
export type MakeJournal = () => JournalFactory

interface Item {
  readonly key: string
  readonly n: number
}

const LIMIT_MS = 15_000
const quickly = retry({ attempts: 50, backoff: exponential('20ms', '100ms') })

/** Waits until something is so. These tests run on real journals, in real time. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const limit = performance.now() + LIMIT_MS
  while (!(await isSo())) {
    if (performance.now() > limit) throw new Error(`It is not so after ${LIMIT_MS} ms: ${isSo}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

/** Starts engines for the tests of a file and stops them after each. */
export function engines(journal: MakeJournal): {
  /** Starts an engine on a machine whose clock is so much ahead. */
  start(flows: readonly Flow[], clockAheadMs?: number): Promise<MountableEngine>
} {
  const running: MountableEngine[] = []
  const folders: string[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((engine) => engine.stop({ within: '1s' })))
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
  })
  return {
    async start(flows, clockAheadMs = 0) {
      const directory = mkdtempSync(join(tmpdir(), 'linkspan-engine-'))
      folders.push(directory)
      const logger = { log: () => undefined }
      const engine = createEngine(
        { journal: journal(), flows, http: false },
        { directory, outside: { logger, clock: realClock(clockAheadMs) } },
      )
      await engine.start()
      running.push(engine)
      return engine
    },
  }
}

function realClock(aheadMs: number): Clock {
  return {
    now: () => Date.now() + aheadMs,
    monotonic: () => performance.now(),
    timer(afterMs, run) {
      const timeout = setTimeout(run, afterMs)
      return () => clearTimeout(timeout)
    },
    defer: (run) => void setImmediate(run),
  }
}

/** The states of all messages, in the order of acceptance. */
export async function statesOf({ admin }: MountableEngine): Promise<readonly string[]> {
  const { items } = await admin.messages({ order: 'oldest', limit: 1_000 })
  return items.map(({ state }) => state)
}

const allDone = (engine: MountableEngine, count: number) => async (): Promise<boolean> => {
  const states = await statesOf(engine)
  return states.length === count && states.every((state) => state === 'done')
}

const ONCE = { kind: 'key', validFor: '24h' } as const
const store = () => fakeOperation<Item>('store.put', ONCE)
const byKey = { key: ({ key }: Item) => key }

async function sendAll<L extends Flow>(
  engine: MountableEngine,
  to: L,
  bodies: readonly AcceptsOf<L>[],
): Promise<void> {
  await Promise.all(bodies.map((body) => engine.send(to, body)))
}

/** What an engine does, held on a real journal. */
export function behaviours(journal: MakeJournal): void {
  const { start } = engines(journal)

  it('runs each message once, those of a key in the order of acceptance, through failures', async () => {
    const put = store()
    let calls = 0
    put.when(() => {
      calls += 1
      return calls % 5 === 0 ? 'reset-after' : calls % 7 === 0 ? 'refused' : undefined
    })
    const save = flow('save', { onError: quickly }).from(inbox<Item>(), byKey).to('put', put)
    const engine = await start([save])
    for (let n = 0; n < 60; n += 1) await engine.send(save, { key: `k${n % 4}`, n })
    await until(allDone(engine, 60))
    expect(put.effects).toHaveLength(60)
    for (let k = 0; k < 4; k += 1) {
      const order = put.effects.filter(({ input }) => input.key === `k${k}`).map(({ input }) => input.n)
      expect(order).toEqual(order.toSorted((a, b) => a - b))
    }
  })

  it('answers requests, and finds the reply after a restart', async () => {
    const greet = flow('greet')
      .from(inbox<string>())
      .reply('greeting', (name) => `Hello ${name}`)
    const first = await start([greet])
    expect(await first.request(greet, 'Ada')).toBe('Hello Ada')
    const [item] = (await first.admin.messages({})).items
    await first.stop()
    const second = await start([greet])
    expect(await second.intake.reply(item?.id ?? '', { timeoutMs: 1_000 })).toEqual({ reply: 'Hello Ada' })
  })

  it('goes on after a restart with what was waiting for a time, for another attempt, or for its turn', async () => {
    const put = store()
    let isBroken = true
    put.when(() => (isBroken ? 'refused' : undefined))
    const save = flow('save', { onError: quickly, concurrency: 1 })
      .from(inbox<Item>(), byKey)
      .delay('pause', '50ms')
      .to('put', put)
    const first = await start([save])
    await sendAll(
      first,
      save,
      Array.from({ length: 20 }, (_, n) => ({ key: `k${n % 3}`, n })),
    )
    await until(() => put.requests.length > 0)
    await first.stop({ within: '200ms' })
    isBroken = false
    const second = await start([save])
    await until(allDone(second, 20))
    expect(new Set(put.effects.map(({ input }) => input.n)).size).toBe(20)
    expect(put.effects).toHaveLength(20)
  })

  it('splits, joins, counts in engine state, and hands on by a channel', async () => {
    const out = channel<{ sum: number; turn: number }>('out')
    const seen: { sum: number; turn: number }[] = []
    const add = flow('add')
      .from(inbox<{ parts: number[] }>())
      .split(
        'each',
        ({ parts }) => parts,
        (part) => part.map('double', (n) => n * 2),
        { join: { initial: () => 0, add: (sum: number, n: number) => sum + n } },
      )
      .state('turns', { key: () => 'all', initial: () => 0, as: 'turn' }, (turn) => ({
        state: turn + 1,
        result: turn + 1,
      }))
      .publish('out', out, { body: (sum, { turn }) => ({ sum, turn }) })
    const take = flow('take')
      .from(out)
      .map('see', (each) => {
        seen.push(each)
        return each
      })
    const engine = await start([add, take])
    await sendAll(
      engine,
      add,
      Array.from({ length: 12 }, (_, n) => ({ parts: [n, 1, 2] })),
    )
    await until(allDone(engine, 24))
    const turns = seen.map(({ turn }) => turn).toSorted((a, b) => a - b)
    expect([...new Set(turns)]).toEqual(Array.from({ length: 12 }, (_, n) => n + 1))
    const sums = new Set(seen.map(({ sum }) => sum))
    expect([...sums].toSorted((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, n) => 2 * (n + 3)))
  })

  it('keeps the members of groups in rows, over a restart, and gives each of them once', async () => {
    const [put, putAll] = [
      fakeOperation<number>('store.put', ONCE),
      fakeOperation<number[]>('store.all', ONCE),
    ]
    const complete = { size: 70, maxAge: '1d' } as const
    const stored = flow('stored')
      .from(inbox<number>())
      .aggregate('all', { key: () => 'k', collect: 'stored', complete })
      .split(
        'each',
        (members) => members,
        (each) => each.to('put', put),
      )
    const listed = flow('listed')
      .from(inbox<number>())
      .aggregate('all', { key: () => 'k', complete })
      .to('put', putAll)
    const upTo = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)
    const first = await start([stored, listed])
    for (const each of [stored, listed]) await sendAll(first, each, upTo(0, 66))
    const ended = async ({ admin }: MountableEngine) => (await admin.status()).messages.done
    await until(async () => (await ended(first)) === 130)
    await first.stop()
    const second = await start([stored, listed])
    for (const each of [stored, listed]) await sendAll(second, each, upTo(66, 70))
    await until(() => put.effects.length >= 70 && putAll.effects.length > 0)
    await until(async () => (await ended(second)) === 140)
    const inOrder = (ns: readonly number[]) => ns.toSorted((a, b) => a - b)
    expect(inOrder(put.effects.map(({ input }) => input))).toEqual(upTo(0, 70))
    expect(putAll.effects.map(({ input }) => inOrder(input))).toEqual([upTo(0, 70)])
  })

  it('accepts a repeated message once, also after a restart', async () => {
    const put = store()
    const save = flow('save')
      .from(inbox<Item>(), { ...byKey, dedupe: ({ n }) => String(n) })
      .to('put', put)
    const first = await start([save])
    const { id } = await first.send(save, { key: 'a', n: 1 })
    expect(await first.send(save, { key: 'a', n: 1 })).toEqual({ id, duplicate: true })
    await until(allDone(first, 1))
    await first.stop()
    const second = await start([save])
    expect(await second.send(save, { key: 'a', n: 1 })).toEqual({ id, duplicate: true })
    expect(put.effects).toHaveLength(1)
  })

  it('ends what cannot be done visibly, and does it when it is sent again', async () => {
    const put = store()
    let isBroken = true
    put.when(() => (isBroken ? { rejected: 'not like this' } : undefined))
    const tell = fakeOperation<Item>('phone.call', { kind: 'none' })
    tell.next('reset-before')
    const save = flow('save').from(inbox<Item>()).to('put', put)
    const call = flow('call').from(inbox<Item>()).to('tell', tell, { onUnknown: 'inDoubt' })
    const engine = await start([save, call])
    const saved = await engine.send(save, { key: 'a', n: 1 })
    const called = await engine.send(call, { key: 'a', n: 2 })
    await until(async () => (await statesOf(engine)).join() === 'dead,inDoubt')
    isBroken = false
    await engine.admin.redeliver({ ids: [saved.id] }, { note: 'mended' })
    await engine.admin.resolve(called.id, false, { note: 'asked them' })
    await until(allDone(engine, 2))
    expect([put.effects.length, tell.effects.length]).toEqual([1, 1])
  })

  it('lets one of several people act on a message who do so at once', async () => {
    const put = store()
    put.when(() => ({ rejected: 'not like this' }))
    const save = flow('save').from(inbox<Item>()).to('put', put)
    const engine = await start([save])
    const { id } = await engine.send(save, { key: 'a', n: 1 })
    await until(async () => (await statesOf(engine)).join() === 'dead')
    expect(await actAtOnce([engine, engine], id)).toEqual(['MESSAGE_STATE', 'MESSAGE_STATE', 'MESSAGE_STATE'])
    await until(async () => ['dead', 'dropped'].includes((await statesOf(engine)).join()))
    expect(engine.state).toBe('running')
    expect((await engine.admin.trace(id)).notes).toHaveLength(1)
  })
}

/** Sends a message again and drops it, twice each at once; answers the codes of those that were refused. */
export async function actAtOnce(
  [one, other]: readonly [MountableEngine, MountableEngine],
  id: string,
): Promise<readonly string[]> {
  const outcomes = await Promise.all([
    one.admin.redeliver({ ids: [id] }, { note: 'again' }),
    other.admin.redeliver({ ids: [id] }, { note: 'again' }),
    one.admin.drop({ ids: [id] }, 'no use'),
    other.admin.drop({ ids: [id] }, 'no use'),
  ])
  return outcomes.flatMap(({ refused }) => refused.map(({ error }) => error.code))
}
