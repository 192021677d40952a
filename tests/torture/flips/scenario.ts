/**
 * A journal that a killed engine left, with messages that have ended and messages that wait, in its database and in its
 * write-ahead log; what becomes of them when its files are damaged, at rest or while an engine works on them.
 */
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  createEngine,
  defineProject,
  type Flow,
  flow,
  inbox,
  type MessageState,
  type MessageSummary,
  type MountableEngine,
  sqlite,
} from 'linkspan'
import { isLinkspanError } from 'linkspan/connect'
import { fakeOperation, memoryLogger, seededRandom, type VirtualClock, virtualClock } from 'linkspan/testing'

/** How many messages the journal holds. */
export const MESSAGES = 120
/** Those before are in the database when the engine dies, those after in its write-ahead log. */
const STORED = 110
/** How many more come under load, half of them after the damage. */
const UNDER_LOAD = 20
/** Little enough that what is damaged in the file is read from it. */
const SMALL_CACHE = 64 * 1024

/** What a message of the scenario carries. */
export interface Item {
  readonly n: number
  readonly text: string
}

/** The system that is called. */
export const sink = fakeOperation<Item & { readonly count: number }, undefined>('sink.put', {
  kind: 'natural',
})
/** Odd ones end at once, even ones wait an hour. */
export const items = flow('items')
  .from(inbox<Item>(), { key: ({ n }) => `key ${n % 5}` })
  .state('count', { initial: () => 0, as: 'count' }, (count) => ({ state: count + 1, result: count + 1 }))
  .delay('wait', ({ n }) => (n % 2 === 0 ? '1h' : 0))
  .to('put', sink, { input: (item, { count }) => ({ ...item, count }) })

/** The item of a number. */
export const itemOf = (n: number): Item => ({ n, text: `text ${n} `.repeat(20) })

const FILES = ['hub.db-mark', 'hub.db-wal', 'hub.db']

/** Copies the files of a journal. */
export function copyFiles(from: string, to: string): void {
  for (const name of FILES) if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name))
}

/** An engine for the scenario on the journal in a folder. */
export function engineIn(
  directory: string,
  clock: VirtualClock,
  seed: number,
  cacheBytes?: number,
): MountableEngine {
  const outside = { clock, logger: memoryLogger(), random: seededRandom(seed) }
  // A worker answers in real time, which a virtual clock does not wait for.
  const journal = sqlite('hub.db', { thread: 'main', ...(cacheBytes === undefined ? {} : { cacheBytes }) })
  return createEngine(defineProject({ journal, flows: [items as Flow] }), { directory, outside })
}

/** Makes the journal in `image`, with `home` for the engine that is killed. Answers the message of each number. */
export async function makeImage(
  image: string,
  home: string,
  seed: number,
): Promise<ReadonlyMap<number, string>> {
  const ids = new Map<number, string>()
  const feed = async (
    from: number,
    to: number,
  ): Promise<{ engine: MountableEngine; clock: VirtualClock }> => {
    const clock = virtualClock()
    const engine = engineIn(home, clock, seed)
    await clock.during(engine.start())
    for (let n = from; n < to; n++) ids.set(n, (await clock.during(engine.send(items, itemOf(n)))).id)
    await clock.advance('1m')
    return { engine, clock }
  }
  const first = await feed(0, STORED)
  await first.clock.during(first.engine.stop())
  const second = await feed(STORED, MESSAGES)
  copyFiles(home, image)
  await second.clock.during(second.engine.stop())
  return ids
}

/** What came of a damage. */
export interface Outcome {
  /** What a person is told: an error at the start or while it runs, what `verify` finds, messages that ended badly. */
  readonly told: readonly string[]
  /** The numbers whose effect is missing, doubled or wrong, and that are not among the messages that ended badly. */
  readonly wrong: readonly number[]
}

/** Where a damage is tried. */
export interface Place {
  readonly image: string
  readonly ids: ReadonlyMap<number, string>
  readonly seed: number
  /** A folder to work in, which is removed. */
  readonly directory: string
}

const REFUSED: readonly number[] = []

/** Starts an engine on a damaged image and lets everything end. */
export async function outcomeAtRest(
  { image, ids, seed, directory }: Place,
  hurt: (directory: string) => void,
): Promise<Outcome> {
  prepare(image, directory)
  try {
    hurt(directory)
    return await seenThrough(directory, seed, ids, new Set(), [])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Damages the files while an engine works on them, stops it at once, and lets the next one see it through. */
export async function outcomeUnderLoad(
  { image, ids, seed, directory }: Place,
  hurt: (directory: string) => void,
): Promise<Outcome> {
  prepare(image, directory)
  const clock = virtualClock()
  const engine = engineIn(directory, clock, seed, SMALL_CACHE)
  const all = new Map(ids)
  const told: string[] = []
  const send = async (n: number): Promise<void> => {
    try {
      all.set(n, (await clock.during(engine.send(items, itemOf(n)))).id)
    } catch (error) {
      told.push(`send: ${codeOf(error)}`)
    }
  }
  try {
    await clock.during(engine.start())
    for (let n = MESSAGES; n < MESSAGES + UNDER_LOAD / 2; n++) await send(n)
    hurt(directory)
    for (let n = MESSAGES + UNDER_LOAD / 2; n < MESSAGES + UNDER_LOAD; n++) await send(n)
    await clock.advance('1m')
    if (engine.state !== 'running') told.push(`state: ${engine.state}`)
    await clock
      .during(engine.stop({ within: 0 }))
      .catch((error: unknown) => told.push(`stop: ${codeOf(error)}`))
    const early = new Set([...all.keys()].filter((n) => n >= MESSAGES && n % 2 === 1))
    return await seenThrough(directory, seed, all, early, told)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function prepare(image: string, directory: string): void {
  mkdirSync(directory, { recursive: true })
  copyFiles(image, directory)
  sink.reset()
}

function codeOf(error: unknown): string {
  if (!isLinkspanError(error)) throw error
  return error.code
}

/** `early` have their effect already, or get it now; of the others the odd ones had it before. */
async function seenThrough(
  directory: string,
  seed: number,
  ids: ReadonlyMap<number, string>,
  early: ReadonlySet<number>,
  told: readonly string[],
): Promise<Outcome> {
  const clock = virtualClock()
  const engine = engineIn(directory, clock, seed)
  try {
    await clock.during(engine.start())
  } catch (error) {
    return { told: [...told, codeOf(error)], wrong: REFUSED }
  }
  try {
    const seen = await watch(engine, clock, ids, early)
    return { told: [...told, ...seen.told], wrong: seen.wrong }
  } finally {
    await clock.during(engine.stop({ within: 0 }))
  }
}

async function watch(
  engine: MountableEngine,
  clock: VirtualClock,
  ids: ReadonlyMap<number, string>,
  early: ReadonlySet<number>,
): Promise<Outcome> {
  await clock.advance('2h')
  const found = await clock
    .during(engine.admin.verify(() => undefined))
    .then((damage) => damage.map(({ where }) => `verify: ${where}`))
    .catch((error: Error) => [`verify failed: ${error.message}`])
  const listed = async (states: readonly MessageState[]): Promise<readonly MessageSummary[]> =>
    (await clock.during(engine.admin.messages({ states, limit: 500 }))).items
  let lists: readonly string[] = []
  const bad = await Promise.all([listed(['dead', 'parked']), listed(['waiting', 'active'])])
    .then((pages) => pages.flat())
    .catch((error: Error) => {
      lists = [`list: ${error.message}`]
      return []
    })
  const { messages } = await clock.during(engine.admin.status())
  const counted = messages.dead + messages.parked > 0 ? [`counted: ${messages.dead + messages.parked}`] : []
  const visible = new Set(bad.map(({ id }) => id))
  const failed = engine.state === 'running' ? [] : [`state: ${engine.state}`]
  const wrong = [...ids].flatMap(([n, id]) => (visible.has(id) || right(n, early.has(n)) ? [] : [n]))
  return {
    told: [...failed, ...found, ...lists, ...counted, ...bad.map(({ state }) => `message: ${state}`)],
    wrong,
  }
}

/** Odd messages had their effect before, unless they came under load; even ones must have it now, once and whole. */
function right(n: number, early: boolean): boolean {
  const effects = sink.effects.filter(({ input }) => input.n === n)
  if (n % 2 === 1 && !early) return effects.length === 0
  const [only] = effects
  return (
    effects.length === 1 && only?.input.text === itemOf(n).text && only.input.count === Math.floor(n / 5) + 1
  )
}
