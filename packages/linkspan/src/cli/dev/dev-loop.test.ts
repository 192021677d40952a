import { expect, test } from 'vitest'
import { createDevLoop, type DevEvent } from './dev-loop.ts'
import type { DevWorld, EngineChild, Probe } from './dev-world.ts'
import type { FlowPrint } from './flow-changes.ts'

const FILE = '/hub/linkspan.config.ts'
const flow = (name: string, step = 'a'): FlowPrint => ({ name, parts: { '': 'x', step } })
const good = (flows: readonly FlowPrint[] = [flow('hello')], files: readonly string[] = []): Probe => ({
  ok: true,
  flows,
  files,
})
const bad = (error: string, files: readonly string[] = []): Probe => ({ ok: false, error, files })

interface WorldOptions {
  readonly starts?: boolean
  /** Called while an engine stops. */
  readonly whileStopping?: (changed: (files: readonly string[]) => void) => void
}

/** A world in which the test decides what loads and when engines start and end. */
function world(probes: Probe[], options: WorldOptions = {}) {
  const doings: string[] = []
  const events: DevEvent[] = []
  const waiters: { readonly kind: string; readonly resolve: (event: DevEvent) => void }[] = []
  let changed: (files: readonly string[]) => void = () => {}
  let watched: readonly string[] = []
  let newFiles = false
  let engines = 0
  const ends: ((code: number | null) => void)[] = []
  const dev: DevWorld = {
    probe: async () => {
      doings.push('probe')
      return probes.shift() ?? good()
    },
    launch: (_file, args): EngineChild => {
      const number = ++engines
      doings.push(`launch ${number} ${args.join(' ')}`.trim())
      const ended = Promise.withResolvers<number | null>()
      ends.push(ended.resolve)
      const ready =
        options.starts === false
          ? Promise.reject(new Error('it ended with exit code 3'))
          : Promise.resolve({ url: `http://127.0.0.1:${number}` })
      if (options.starts === false) ended.resolve(3)
      return {
        ready,
        ended: ended.promise,
        stop: () => {
          doings.push(`stop ${number}`)
          options.whileStopping?.(changed)
          ended.resolve(0)
        },
      }
    },
    watch: (files, call, settings) => {
      changed = call
      watched = files
      newFiles = settings.newFiles
      return () => doings.push('unwatch')
    },
  }
  const loop = createDevLoop({
    world: dev,
    projectFile: FILE,
    runArgs: [],
    killAfterMs: 1_000,
    report: (event) => {
      events.push(event)
      for (const waiter of waiters.splice(0)) {
        if (waiter.kind === event.kind) waiter.resolve(event)
        else waiters.push(waiter)
      }
    },
  })
  return {
    loop,
    doings,
    events,
    kinds: () => events.map(({ kind }) => kind),
    change: (...files: string[]) => changed(files),
    watched: () => ({ files: watched, newFiles }),
    endEngine: (code: number | null) => ends.at(-1)?.(code),
    next: (kind: DevEvent['kind']) => new Promise<DevEvent>((resolve) => waiters.push({ kind, resolve })),
  }
}

test('a change loads first, then replaces the engine, and says which steps changed', async () => {
  const { loop, doings, change, next, events } = world([good(), good([flow('hello', 'b'), flow('new')])])
  await loop.start()
  const running = next('running')
  change('/hub/flows/hello.ts')
  await running
  expect(doings).toEqual(['probe', 'launch 1', 'probe', 'stop 1', 'launch 2'])
  expect(events).toContainEqual({
    kind: 'changed',
    files: ['/hub/flows/hello.ts'],
    changes: { added: ['new'], removed: [], changed: [{ flow: 'hello', parts: ['step'] }] },
  })
})

test('a change that does not load leaves the old engine running', async () => {
  const { loop, doings, change, next, events } = world([
    good(),
    bad('error: flows/hello.ts:3: Expression expected'),
  ])
  await loop.start()
  const broken = next('broken')
  change('/hub/flows/hello.ts')
  expect(await broken).toEqual({
    kind: 'broken',
    error: 'error: flows/hello.ts:3: Expression expected',
    running: true,
  })
  expect(doings).toEqual(['probe', 'launch 1', 'probe', 'unwatch'])
  expect(events.map(({ kind }) => kind)).not.toContain('engineEnded')
})

test('a project that is broken from the start is watched until it loads, new files included', async () => {
  const { loop, doings, change, next, watched } = world([
    bad('no', ['/hub/flows/hello.ts']),
    good([], ['/hub/flows/hello.ts']),
  ])
  await loop.start()
  expect(watched()).toEqual({ files: [FILE, '/hub/flows/hello.ts'], newFiles: true })
  const running = next('running')
  change('/hub/flows/gone.ts')
  await running
  expect(doings).toEqual(
    ['probe', 'unwatch', 'probe', 'launch 1'].toSorted((a, b) => doings.indexOf(a) - doings.indexOf(b)),
  )
  expect(watched()).toEqual({ files: [FILE, '/hub/flows/hello.ts'], newFiles: false })
})

test('files of the last good load stay watched while a broken one sees fewer', async () => {
  const { loop, change, next, watched } = world([
    good([], ['/hub/a.ts', '/hub/b.ts']),
    bad('no', ['/hub/a.ts']),
  ])
  await loop.start()
  const broken = next('broken')
  change('/hub/a.ts')
  await broken
  expect(watched().files).toEqual([FILE, '/hub/a.ts', '/hub/b.ts'])
})

test('changes that come while it reloads are gathered into one more reload', async () => {
  const { loop, doings, change, next, events } = world([])
  await loop.start()
  const running = next('running')
  change('/hub/a.ts')
  change('/hub/b.ts')
  change('/hub/c.ts')
  await running
  expect(events.filter(({ kind }) => kind === 'changed')).toEqual([
    expect.objectContaining({ files: ['/hub/a.ts', '/hub/b.ts', '/hub/c.ts'] }),
  ])
  expect(doings).toEqual(['probe', 'launch 1', 'probe', 'probe', 'stop 1', 'launch 2'])
})

test('what changes while the old engine stops is loaded before the new one starts', async () => {
  let once = true
  const whileStopping = (changed: (files: readonly string[]) => void): void => {
    if (once) changed(['/hub/b.ts'])
    once = false
  }
  const { loop, doings, change, next, kinds } = world([good(), good(), bad('no')], { whileStopping })
  await loop.start()
  const broken = next('broken')
  change('/hub/a.ts')
  expect(await broken).toMatchObject({ running: false })
  expect(doings.filter((doing) => doing.startsWith('launch'))).toEqual(['launch 1'])
  expect(kinds()).not.toContain('notStarted')
})

test('an engine that ends by itself is told of and not started again until something changes', async () => {
  const { loop, doings, change, next, endEngine } = world([])
  await loop.start()
  const lost = next('engineEnded')
  endEngine(null)
  expect(await lost).toEqual({ kind: 'engineEnded', code: null })
  expect(doings).toEqual(['probe', 'launch 1'])
  const running = next('running')
  change('/hub/a.ts')
  await running
  expect(doings).toEqual(['probe', 'launch 1', 'probe', 'launch 2'])
})

test('an engine that cannot start is told of once', async () => {
  const { loop, kinds } = world([], { starts: false })
  await loop.start()
  expect(kinds()).toEqual(['loaded', 'notStarted'])
})

test('stopping ends the watch and the engine, once', async () => {
  const { loop, doings, kinds } = world([])
  await loop.start()
  loop.stop()
  loop.stop()
  await loop.ended
  expect(doings.filter((doing) => doing === 'unwatch')).toHaveLength(1)
  expect(doings).toContain('stop 1')
  expect(kinds()).toEqual(['loaded', 'running', 'stopping'])
})
