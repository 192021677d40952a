import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import {
  createEngine,
  defineProject,
  exponential,
  type Flow,
  fixed,
  flow,
  inbox,
  type JournalFactory,
  retry,
  type SourceDeclaration,
  sqlite,
} from 'linkspan'
import { type Guarantee, LinkspanError } from 'linkspan/connect'
import { type CommitFate, simulated } from 'linkspan/journal'
import { route } from 'linkspan/serve'
import { type FakeOperation, fakeOperation, memoryLogger, virtualClock } from 'linkspan/testing'
import { afterAll, describe, expect, it } from 'vitest'
import { answeringEarly, type Batch, createWorld, gated, through, type World } from './support.ts'

interface Item {
  readonly id: string
  readonly key?: string
}
const keyOf = ({ key }: Item): string | null => key ?? null

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'linkspan-promises-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})

/** Whether a promise has settled. */
function watched(promise: Promise<unknown>): { readonly settled: boolean } {
  const state = { settled: false }
  const settle = (): void => {
    state.settled = true
  }
  promise.then(settle, settle)
  return state
}

describe('1. accepted means kept', () => {
  const plain = flow('plain')
    .from(inbox<Item>())
    .filter('none', () => false)
  const routed = flow('routed')
    .from(route.post('/items'))
    .filter('none', () => false)

  /** Which ways in were acknowledged while the journal had not committed. */
  async function acknowledgedUncommitted(
    protect: (journal: JournalFactory) => JournalFactory,
  ): Promise<string[]> {
    const { journal, gate } = gated(simulated())
    const { source, accepted } = listSource()
    const polled = flow('polled')
      .from(source)
      .filter('none', () => false)
    const world = createWorld([plain, routed, polled], protect(journal))
    await world.start()
    gate.shut()
    const posted = world.engine.fetch(
      new Request('http://engine/items', {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      }),
    )
    const ways = {
      send: watched(world.engine.send(plain, { id: 'a' })),
      http: watched(posted),
      source: watched(accepted()),
    }
    await world.clock.advance('1h')
    const early = Object.entries(ways).flatMap(([name, { settled }]) => (settled ? [name] : []))
    gate.lift()
    await world.clock.advance('1s')
    expect(Object.values(ways).every(({ settled }) => settled)).toBe(true)
    expect((await posted).status).toBe(202)
    return early
  }

  it('acknowledges nothing before the commit: not a call, not a request, not a source', async () => {
    expect(await acknowledgedUncommitted((journal) => journal)).toEqual([])
  })

  it('control: a journal that answers before it commits is found out', async () => {
    expect(await acknowledgedUncommitted(answeringEarly)).toEqual(['send', 'http', 'source'])
  })

  /** How many of the messages are missing in a copy of the files that is made the moment each is acknowledged. */
  async function missingInImages(protect: (journal: JournalFactory) => JournalFactory): Promise<number> {
    const home = folder()
    const engine = createEngine(defineProject({ journal: protect(sqlite('hub.db')), flows: [plain] }), {
      directory: home,
      outside: { logger: memoryLogger() },
    })
    await engine.start()
    const images: { readonly id: string; readonly at: string }[] = []
    const sending = Array.from({ length: 12 }, async (_, at) => {
      await new Promise((resolve) => setImmediate(resolve))
      const { id } = await engine.send(plain, { id: `${at}` })
      images.push({ id, at: imageOf(home) })
    })
    await Promise.all(sending)
    await engine.stop()
    const found = await Promise.all(images.map(({ id, at }) => holds(at, id)))
    return found.filter((there) => !there).length
  }

  it('finds each message in an image of the files made at the moment of its acknowledgement', async () => {
    expect(await missingInImages((journal) => journal)).toBe(0)
  })

  it('control: with a journal that answers before it commits, messages are missing in the images', async () => {
    expect(await missingInImages(answeringEarly)).toBeGreaterThan(0)
  })
})

/** A source that hands in one message when told, as a broker would. */
function listSource(): { readonly source: SourceDeclaration<Item>; readonly accepted: () => Promise<void> } {
  let accept: () => Promise<void> = () => Promise.reject(new Error('The source was not started.'))
  return {
    source: {
      kind: 'poll',
      connector: 'list',
      name: 'list',
      options: {},
      start: async (context) => {
        accept = () => context.accept([{ body: { id: 'polled' } }], 'cursor 1')
        return { stop: async () => undefined }
      },
    },
    accepted: () => accept(),
  }
}

/** Copies what a crash would leave: the log before the database that it may be moved into. */
function imageOf(home: string): string {
  const image = folder()
  for (const name of ['hub.db-mark', 'hub.db-wal', 'hub.db'])
    if (existsSync(join(home, name))) copyFileSync(join(home, name), join(image, name))
  return image
}

async function holds(directory: string, id: string): Promise<boolean> {
  const journal = await sqlite('hub.db').open({ directory, clock: virtualClock(), logger: memoryLogger() })
  try {
    return (await journal.messages.find(id)) !== null
  } finally {
    await journal.close()
  }
}

describe('2. nothing happens twice that can happen once', () => {
  const GUARANTEES: readonly Guarantee[] = [
    { kind: 'natural' },
    { kind: 'key', validFor: '1d' },
    { kind: 'verify', settleAfter: '1s' },
    { kind: 'none' },
  ]
  const LAST_COMMIT = 8

  type Counted = Item & { readonly count: number }

  interface Outcome {
    readonly effects: readonly number[]
    readonly doubts: number
    readonly done: number
  }

  /** Three messages of one key, with the engine dying at one of its commits. */
  async function crashedAt(
    guarantee: Guarantee,
    fate: CommitFate,
    at: number,
    without: { readonly memory?: boolean; readonly change?: (batch: Batch) => Batch },
  ): Promise<Outcome & { readonly crashed: boolean }> {
    const disk = simulated({ onCommit: (_batch, n) => (n === at ? fate : 'ok') })
    const { change = (batch: Batch) => batch } = without
    const journal = { ...through(disk, (batch, commit) => commit(change(batch))), crash: disk.crash }
    const sink = fakeOperation<Counted, undefined, Guarantee>('sink.put', guarantee, {
      remembers: without.memory !== false,
      timeout: '1s',
    })
    const counted = flow('counted')
      .from(inbox<Item>(), { key: keyOf, dedupe: ({ id }) => id })
      .state('count', { initial: () => 0, as: 'count' }, (count) => ({ state: count + 1, result: count + 1 }))
      .to('put', sink, { input: (item, { count }) => ({ ...item, count }), ...allowed(guarantee) })
    const world = createWorld([counted as Flow], journal)
    await world.start()
    const send = async (): Promise<void> => {
      for (const id of ['a', 'b', 'c']) world.engine.send(counted, { id, key: 'k' }).catch(() => undefined)
      await world.clock.advance('1m')
    }
    await send()
    const crashed = disk.commits >= at
    if (crashed) {
      world.kill()
      await world.start()
      await send()
    }
    const { messages } = await world.clock.during(world.engine.admin.status())
    const effects = sink.effects.map(({ input }) => input.count)
    return { effects, doubts: messages.inDoubt, done: messages.done, crashed }
  }

  const allowed = ({ kind }: Guarantee): { readonly onUnknown?: 'inDoubt' } =>
    kind === 'none' ? { onUnknown: 'inDoubt' } : {}

  /** Whether what happened keeps the promise of an operation. */
  function kept({ kind }: Guarantee, { effects, doubts, done }: Outcome): boolean {
    const inOrder = effects.every((count, at) => at === 0 || count >= (effects[at - 1] as number))
    const once = new Set(effects).size === effects.length
    if (!inOrder || done + doubts !== 3) return false
    if (kind === 'natural') return doubts === 0 && new Set(effects).size === 3
    if (kind === 'none') return once && effects.length >= done && effects.length <= 3
    return doubts === 0 && once && effects.length === 3
  }

  async function broken(
    guarantee: Guarantee,
    without: Parameters<typeof crashedAt>[3],
  ): Promise<{ readonly broken: string[]; readonly crashes: number }> {
    const found: string[] = []
    let crashes = 0
    for (const fate of ['lost-before', 'lost-after'] as const)
      for (let at = 1; at <= LAST_COMMIT; at++) {
        const outcome = await crashedAt(guarantee, fate, at, without)
        if (outcome.crashed) crashes += 1
        if (!kept(guarantee, outcome)) found.push(`${fate} ${at}: ${JSON.stringify(outcome)}`)
      }
    return { broken: found, crashes }
  }

  it.each(GUARANTEES)('whichever commit the engine dies at, with guarantee $kind', async (guarantee) => {
    const { broken: found, crashes } = await broken(guarantee, {})
    expect(found).toEqual([])
    expect(crashes).toBeGreaterThan(4)
  })

  it.each(GUARANTEES.slice(1, 3))(
    'control: a system that forgets what it promised to remember ($kind) is found out',
    async (guarantee) => {
      expect((await broken(guarantee, { memory: false })).broken).not.toEqual([])
    },
  )

  it('control: a journal that keeps no intents is found out', async () => {
    const change = (batch: Batch): Batch => ({ ...batch, records: [] })
    expect((await broken({ kind: 'none' }, { change })).broken).not.toEqual([])
  })

  it('control: state that is not committed with the message is found out', async () => {
    const change = (batch: Batch): Batch => ({ ...batch, state: batch.records.length > 0 ? [] : batch.state })
    expect((await broken({ kind: 'key', validFor: '1d' }, { change })).broken).not.toEqual([])
  })
})

describe('3. order per key', () => {
  const natural = { kind: 'natural' } as const

  /** What a system saw of two keys, when the first message of one of them fails three times. */
  async function seen(byKey: boolean): Promise<string[]> {
    const sink = fakeOperation<Item, undefined>('sink.put', natural)
    const ordered = flow('ordered', { onError: retry({ attempts: 10, backoff: fixed('10s') }) })
      .from(inbox<Item>(), { key: byKey ? keyOf : () => null })
      .to('put', sink)
    const world = createWorld([ordered as Flow], simulated())
    await world.start()
    sink.when(({ input, attempt }) => (input.id === 'a1' && attempt <= 3 ? 'unavailable' : undefined))
    for (const id of ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'])
      await world.clock.during(world.engine.send(ordered, { id, key: id.slice(0, 1) }))
    await world.clock.advance('5m')
    return sink.effects.map(({ input }) => input.id)
  }

  it('a failing message holds its own key, and others go on', async () => {
    expect(await seen(true)).toEqual(['b1', 'b2', 'b3', 'a1', 'a2', 'a3'])
  })

  it('control: without keys the failing message is overtaken', async () => {
    expect(await seen(false)).toEqual(['b1', 'a2', 'b2', 'a3', 'b3', 'a1'])
  })

  it('a message that failed for good steps aside', async () => {
    const sink = fakeOperation<Item, undefined>('sink.put', natural)
    const ordered = flow('ordered', { onError: retry({ attempts: 2, backoff: fixed('10s') }) })
      .from(inbox<Item>(), { key: keyOf })
      .to('put', sink)
    const world = createWorld([ordered as Flow], simulated())
    await world.start()
    sink.when(({ input }) => (input.id === 'a1' ? 'unavailable' : undefined))
    for (const id of ['a1', 'a2']) await world.clock.during(world.engine.send(ordered, { id, key: 'a' }))
    await world.clock.advance('5m')
    expect(sink.effects.map(({ input }) => input.id)).toEqual(['a2'])
    const { messages } = await world.clock.during(world.engine.admin.status())
    expect(messages).toMatchObject({ dead: 1, done: 1 })
  })

  it.each([
    { hold: false, order: ['a2', 'a1'] },
    { hold: true, order: ['a1', 'a2'] },
  ])('a delayed message frees its key, unless it holds it (hold: $hold)', async ({ hold, order }) => {
    const sink = fakeOperation<Item, undefined>('sink.put', natural)
    const delayed = flow('delayed')
      .from(inbox<Item>(), { key: keyOf })
      .delay('wait', ({ id }) => (id === 'a1' ? '1h' : 0), { hold })
      .to('put', sink)
    const world = createWorld([delayed as Flow], simulated())
    await world.start()
    for (const id of ['a1', 'a2']) await world.clock.during(world.engine.send(delayed, { id, key: 'a' }))
    await world.clock.advance('2h')
    expect(sink.effects.map(({ input }) => input.id)).toEqual(order)
  })

  it('holds over a crash', async () => {
    const sink = fakeOperation<Item, undefined>('sink.put', natural)
    const ordered = flow('ordered', { onError: retry({ attempts: 10, backoff: fixed('10m') }) })
      .from(inbox<Item>(), { key: keyOf })
      .to('put', sink)
    const world = createWorld([ordered as Flow], simulated())
    await world.start()
    sink.when(({ input, attempt }) => (input.id === 'a1' && attempt === 1 ? 'unavailable' : undefined))
    for (const id of ['a1', 'a2', 'b1'])
      await world.clock.during(world.engine.send(ordered, { id, key: id.slice(0, 1) }))
    await world.clock.advance('1m')
    world.kill()
    await world.start()
    await world.clock.during(world.engine.send(ordered, { id: 'a3', key: 'a' }))
    await world.clock.advance('1h')
    expect(sink.effects.map(({ input }) => input.id)).toEqual(['b1', 'a1', 'a2', 'a3'])
  })
})

describe('4. every message ends somewhere visible', () => {
  interface Fated {
    readonly fate: 'done' | 'filtered' | 'dead' | 'inDoubt' | 'parked' | 'dropped' | 'waiting'
  }
  const sink = fakeOperation<Fated, undefined, { kind: 'none' }>('sink.post', { kind: 'none' })
  sink.when(({ input }) => (input.fate === 'inDoubt' ? 'reset-after' : undefined))

  const endings = (path: string): Flow =>
    flow('endings', { onError: retry({ attempts: 1 }) })
      .from(inbox<Fated>())
      .map('fail', (body) => {
        if (body.fate === 'dead') throw new LinkspanError('CALL_REJECTED', 'no')
        return body
      })
      .filter('wanted', (body) => body.fate !== 'filtered')
      .delay(path, (body) => (['parked', 'dropped', 'waiting'].includes(body.fate) ? '1d' : 0))
      .to('post', sink, { onUnknown: 'inDoubt' }) as Flow

  const FATES: readonly Fated['fate'][] = [
    'done',
    'filtered',
    'dead',
    'inDoubt',
    'dropped',
    'waiting',
    'done',
    'waiting',
  ]
  const EXPECTED = { done: 2, filtered: 1, dead: 1, inDoubt: 1, dropped: 1, waiting: 2, active: 0, parked: 0 }

  async function feed(world: World): Promise<string[]> {
    const ids: string[] = []
    for (const fate of FATES)
      ids.push((await world.clock.during(world.engine.intake.accept('endings', { body: { fate } }))).id)
    await world.clock.advance('1m')
    await world.clock.during(world.engine.admin.cancel(ids[FATES.indexOf('dropped')] as string, 'not wanted'))
    return ids
  }

  const counts = async (world: World): Promise<Readonly<Record<string, number>>> =>
    (await world.clock.during(world.engine.admin.status())).messages

  const total = (messages: Readonly<Record<string, number>>): number =>
    Object.values(messages).reduce((sum, count) => sum + count, 0)

  it('and the counts add up, before and after a crash, and message by message', async () => {
    const world = createWorld([endings('wait')], simulated())
    await world.start()
    const ids = await feed(world)
    expect(await counts(world)).toEqual(EXPECTED)
    world.kill()
    await world.start()
    expect(await counts(world)).toEqual(EXPECTED)
    const listed = await world.clock.during(world.engine.admin.messages({ limit: 100, order: 'oldest' }))
    expect(listed.items.map(({ id }) => id)).toEqual(ids)
    expect(listed.items.map(({ state }) => state)).toEqual(FATES)
  })

  it('also when its flow has changed under it', async () => {
    const world = createWorld([endings('wait')], simulated())
    await world.start()
    await feed(world)
    world.kill()
    await world.start([endings('wait otherwise')])
    await world.clock.advance('3d')
    const messages = await counts(world)
    expect(messages).toEqual({ ...EXPECTED, waiting: 0, parked: 2 })
    expect(total(messages)).toBe(FATES.length)
  })

  it('control: a journal that forgets a settlement is found out', async () => {
    const forgets = (batch: Batch): Batch => ({
      ...batch,
      settle: batch.settle.filter(({ ending }) => ending !== 'filtered'),
    })
    const disk = simulated()
    const journal = { ...through(disk, (batch, commit) => commit(forgets(batch))), crash: disk.crash }
    const world = createWorld([endings('wait')], journal)
    await world.start()
    await feed(world)
    world.kill()
    await world.start()
    expect(await counts(world)).not.toEqual(EXPECTED)
  })
})

describe('5. bounded', () => {
  const FLOOD = 12_000
  const BODY = 'x'.repeat(4_000)

  /** A text of its own in memory: joined texts share what they are joined from. */
  const flat = (text: string): string => Buffer.from(text).toString()

  const collectGarbage = (): void => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    collect()
    collect()
  }

  interface Flood {
    readonly heapMiB: number
    readonly active: number
    readonly backlog: number
    readonly accepted: number
  }

  /** Floods a flow whose target never answers. */
  async function flood(bounds: { concurrency: number; window: number; windowBytes: number }): Promise<Flood> {
    let called = 0
    const hanging: FakeOperation<{ id: string; text: string }, undefined> = fakeOperation('sink.put', {
      kind: 'natural',
    })
    hanging.when(() => {
      called += 1
      return 'silent'
    })
    const flooded = flow('flooded', bounds)
      .from(inbox<{ id: string; text: string }>())
      .to('put', hanging, { timeout: '1h' })
    const engine = createEngine(defineProject({ journal: sqlite('hub.db'), flows: [flooded] }), {
      directory: folder(),
      outside: { logger: memoryLogger() },
    })
    await engine.start()
    // The queue has read its empty backlog by then, page after page, so that what comes is kept in memory as far as it may be.
    for (let read = 0; read < 5; read += 1) await engine.admin.flows()
    collectGarbage()
    const before = process.memoryUsage().heapUsed
    for (let sent = 0; sent < FLOOD; sent += 500)
      await Promise.all(
        Array.from({ length: 500 }, (_, at) =>
          engine.send(flooded, { id: `${sent + at}`, text: flat(`${BODY}${sent + at}`) }),
        ),
      )
    collectGarbage()
    const heapMiB = (process.memoryUsage().heapUsed - before) / 2 ** 20
    const { messages } = await engine.admin.status()
    await engine.stop({ within: 0 })
    return {
      heapMiB,
      active: called,
      backlog: messages.waiting + messages.active,
      accepted: FLOOD,
    }
  }

  it('a flood against a target that hangs is accepted, and lies in the journal', async () => {
    const result = await flood({ concurrency: 8, window: 200, windowBytes: 1_048_576 })
    process.stdout.write(`${JSON.stringify(result)}\n`)
    expect(result.active).toBe(8)
    expect(result.backlog).toBe(FLOOD)
    expect(result.heapMiB).toBeLessThan(15)
  })

  it('control: without a window it lies in memory', async () => {
    const result = await flood({ concurrency: 8, window: 1_000_000, windowBytes: 2 ** 40 })
    process.stdout.write(`${JSON.stringify(result)}\n`)
    expect(result.heapMiB).toBeGreaterThan(15)
  })

  const intakes = flow('intakes')
    .from(route.post('/items'))
    .filter('none', () => false)
  const post = (world: World): Promise<Response> =>
    world.engine.fetch(
      new Request('http://engine/items', {
        method: 'POST',
        body: '{"id":"late"}',
        headers: { 'content-type': 'application/json' },
      }),
    )

  it('what waits for a journal that hangs is bounded too: then HTTP answers 503 with Retry-After', async () => {
    const { journal, gate } = gated(simulated())
    const world = createWorld([intakes as Flow], journal)
    await world.start()
    gate.shut()
    let accepted = 0
    let refused: unknown = null
    for (let sent = 0; sent < 30_000 && refused === null; sent++) {
      world.engine.intake.accept('intakes', { body: { id: `${sent}` } }).then(
        () => {
          accepted += 1
        },
        (error: unknown) => {
          refused = error
        },
      )
      if (sent % 1_000 === 0) await world.clock.settle()
    }
    await world.clock.settle()
    expect(refused).toMatchObject({ code: 'ENGINE_BUSY' })
    const response = await world.clock.during(post(world))
    expect(response.status).toBe(503)
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(accepted).toBe(0)
    gate.lift()
    await world.clock.advance('1m')
    expect((await world.clock.during(post(world))).status).toBe(202)
    const { messages } = await world.clock.during(world.engine.admin.status())
    expect(accepted).toBeGreaterThan(10_000)
    expect(messages.filtered + messages.active + messages.waiting).toBe(accepted + 1)
  })

  it('a journal without room refuses before the acknowledgement, and accepts again by itself', async () => {
    let full = false
    const disk = simulated({ onCommit: (batch) => (full && batch.accept.length > 0 ? 'full' : 'ok') })
    const world = createWorld([intakes as Flow], disk)
    await world.start()
    expect((await world.clock.during(post(world))).status).toBe(202)
    full = true
    for (let times = 0; times < 3; times++) {
      const response = await world.clock.during(post(world))
      expect(response.status).toBe(503)
      expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
    }
    full = false
    await world.clock.advance('1m')
    expect((await world.clock.during(post(world))).status).toBe(202)
    await world.clock.advance('1s')
    expect((await world.clock.during(world.engine.admin.status())).messages.filtered).toBe(2)
  })

  it('backlog runs in order when the target is back', async () => {
    const sink = fakeOperation<Item, undefined>('sink.put', { kind: 'natural' })
    const slow = flow('slow', {
      concurrency: 1,
      window: 5,
      onError: retry({ attempts: 1_000, backoff: exponential('1s', '1m') }),
    })
      .from(inbox<Item>(), { key: () => 'one' })
      .to('put', sink)
    const world = createWorld([slow as Flow], simulated())
    await world.start()
    let down = true
    sink.when(() => (down ? 'unavailable' : undefined))
    const ids = Array.from({ length: 200 }, (_, at) => `${at}`)
    for (const id of ids) await world.clock.during(world.engine.send(slow, { id }))
    await world.clock.advance('12h')
    expect(sink.effects).toEqual([])
    down = false
    await world.clock.advance('1h')
    expect(sink.effects.map(({ input }) => input.id)).toEqual(ids)
  })
})
