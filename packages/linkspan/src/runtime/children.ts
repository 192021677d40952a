import type { MessageReader, NewMessage, StoredMessage } from '../journal/journal.ts'
import type { Ending, Json } from '../model/message.ts'
import { childId } from '../model/message-id.ts'
import { pathAt } from '../model/step-place.ts'
import type { Sleeper, SpawnOutcome, SpawnPlan } from '../patterns/pattern.ts'
import { bodyPlace, sealText } from './codec.ts'
import { Interrupt } from './pass/interrupt.ts'
import { jsonText, settled } from './json.ts'
import type { Bound, Loaded } from './loaded.ts'
import type { MessagePass } from './pass/pass.ts'
import type { Made } from './record.ts'

/** What children need of the engine around them. */
export interface ChildrenOptions {
  readonly messages: MessageReader
  /** Commits new children together with what the parent has on record, and answers their places. */
  readonly commit: (parent: MessagePass, children: readonly NewMessage[]) => Promise<readonly number[]>
  /** Puts a committed child on its way. */
  readonly start: (child: Loaded, bytes: number) => void
  /** Puts the children of a parent that the journal holds on their way; answers which are open. */
  readonly restart: (parent: Loaded) => Promise<readonly number[]>
  readonly aborted: AbortSignal
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The children that a parent waits for, while both are in memory. */
export interface Children {
  spawn(pass: MessagePass, plan: SpawnPlan, made: Made | null): Promise<SpawnOutcome>
  /** Tells the parent that a child has ended, after the commit of its end. */
  ended(parent: number, child: number, ending: Ending): void
  /** What a child takes over from its parent; null when the parent is not here. */
  of(parent: number): Group | null
}

/** What a parent hands down. */
export interface Group {
  readonly names: Bound
  readonly keepOutputs: boolean
  /** When their time is over; undefined where they have all. */
  readonly until: number | undefined
  /**
   * Whether an engine died, or was fenced, while the parent ran: one that ran it for the owner of its partition ran the children as
   * well, and they have waits all the time, so that nothing on their own record says so.
   */
  readonly interrupted: boolean
}

interface LiveGroup extends Group {
  open: number
  /** Their time was over before all were made. */
  cutShort: boolean
  /**
   * While it is looked up which children are open: those that end meanwhile, which may be among those found or not. Null
   * otherwise.
   */
  endedMeanwhile: Set<number> | null
  readonly endings: Partial<Record<Ending, number>>
  /** Resolves when something changed. */
  changed: () => void
}

/** How many children are made at once, and below how many open ones more are made. */
const CHUNK = 256
const LOW = 128

const FAILED: ReadonlySet<Ending> = new Set<Ending>(['dead', 'inDoubt', 'parked'])

/** Makes the keeper of parents and children. */
export function createChildren(options: ChildrenOptions): Children {
  const groups = new Map<number, LiveGroup>()

  const spawn: Children['spawn'] = async (pass, plan, made) => {
    const group = openGroup(pass, plan, made ? made.until : untilOf(pass, plan, options.now()))
    groups.set(pass.loaded.seq, group)
    try {
      const total = await makeAll(pass, plan, group, made)
      while (group.open > 0) await change(group)
      const outcome =
        made === null ? { count: total, endings: { ...group.endings } } : await recount(pass, plan)
      const isLate = group.cutShort || (outcome.endings.dropped ?? 0) > 0
      return isLate && isOver(group) ? { ...outcome, timedOut: true } : outcome
    } finally {
      groups.delete(pass.loaded.seq)
    }
  }

  const makeAll = async (
    pass: MessagePass,
    plan: SpawnPlan,
    group: LiveGroup,
    made: Made | null,
  ): Promise<number> => {
    if (made) await takeUp(pass, plan, group)
    if (made?.all) return made.count
    const chunks = createChunks(plan)
    await chunks.skip(made?.count ?? 0)
    for (;;) {
      group.cutShort = isOver(group)
      const stop = group.cutShort || (plan.stopOnError && hasFailed(group))
      const next = stop ? [] : chunks.next(room(plan, group))
      const bodies = next instanceof Promise ? await next : next
      const end = stop || chunks.done
      if (bodies.length > 0 || end) await make(pass, plan, group, chunks.from - bodies.length, bodies, end)
      if (end) return chunks.from
      // Nothing was awaited since the open ones were counted, or more were made since: one of them still tells of its end.
      await change(group)
    }
  }

  const make = async (
    pass: MessagePass,
    plan: SpawnPlan,
    group: LiveGroup,
    from: number,
    bodies: readonly unknown[],
    end: boolean,
  ): Promise<void> => {
    const names =
      from === 0 && Object.keys(group.names).length > 0 ? { names: settled(group.names) as Json } : {}
    // An item that cannot be kept throws here: what is then on record must not say that the others were made.
    const children = bodies.map((body, at) => newChild(pass, plan.scopeOf(from + at), from + at, body, true))
    const until = group.until === undefined ? {} : { until: group.until }
    pass.note({ t: 'spawn', p: plan.path, n: from + bodies.length, end, ...names, ...until })
    group.open += children.length
    const seqs = await options.commit(
      pass,
      children.map(({ message }) => message),
    )
    children.forEach(({ message, body }, at) => {
      options.start(loadedChild(pass, message, seqs[at] as number, body, group), message.body.byteLength)
    })
  }

  const takeUp = async (pass: MessagePass, plan: SpawnPlan, group: LiveGroup): Promise<void> => {
    if (plan.stopOnError) Object.assign(group.endings, (await recount(pass, plan)).endings)
    const ended = new Set<number>()
    group.endedMeanwhile = ended
    const found = await options.restart(pass.loaded)
    group.endedMeanwhile = null
    group.open += found.filter((child) => !ended.has(child)).length
  }

  /** After a restart the endings before it are counted from the journal. */
  const recount = async (pass: MessagePass, plan: SpawnPlan): Promise<SpawnOutcome> => {
    const endings: Partial<Record<Ending, number>> = {}
    let count = 0
    for (const scope of scopesOf(pass, plan.path)) {
      for await (const child of allChildren(options.messages, pass.loaded.seq, scope)) {
        count += 1
        const ending = child.ending?.ending
        if (ending) endings[ending] = (endings[ending] ?? 0) + 1
      }
    }
    return { count, endings }
  }

  const isOver = ({ until }: LiveGroup): boolean => until !== undefined && options.now() >= until

  const change = (group: LiveGroup): Promise<void> =>
    new Promise((resolve, reject) => {
      const abort = (): void => reject(new Interrupt({ kind: 'abandon' }))
      if (options.aborted.aborted) return abort()
      options.aborted.addEventListener('abort', abort, { once: true })
      group.changed = () => {
        options.aborted.removeEventListener('abort', abort)
        resolve()
      }
    })

  return {
    spawn,
    of: (parent) => groups.get(parent) ?? null,
    ended(parent, child, ending) {
      const group = groups.get(parent)
      if (!group) return
      if (group.endedMeanwhile === null) group.open -= 1
      else group.endedMeanwhile.add(child)
      group.endings[ending] = (group.endings[ending] ?? 0) + 1
      if (group.open === 0 || group.open < LOW || FAILED.has(ending)) group.changed()
    },
  }
}

/** Children of a child have no more time than it has. */
function untilOf({ loaded }: MessagePass, { timeoutMs }: SpawnPlan, now: number): number | undefined {
  if (timeoutMs === null) return loaded.until
  return Math.min(now + timeoutMs, loaded.until ?? Number.POSITIVE_INFINITY)
}

function openGroup(pass: MessagePass, plan: SpawnPlan, until: number | undefined): LiveGroup {
  return {
    names: pass.names(),
    keepOutputs: plan.keepOutputs,
    until,
    interrupted: pass.loaded.interrupted,
    cutShort: false,
    open: 0,
    endedMeanwhile: null,
    endings: {},
    changed: () => undefined,
  }
}

function hasFailed(group: LiveGroup): boolean {
  return [...FAILED].some((ending) => (group.endings[ending] ?? 0) > 0)
}

function room(plan: SpawnPlan, group: LiveGroup): number {
  const most = plan.concurrency === null ? CHUNK : Math.min(CHUNK, plan.concurrency)
  if (plan.concurrency === null && group.open >= LOW) return 0
  return Math.max(0, most - group.open)
}

interface Chunks {
  /** Passes over those that were made before a restart. */
  skip(count: number): Promise<void>
  /** At once where the plan has them at once, or when there is room for none. */
  next(count: number): unknown[] | Promise<unknown[]>
  readonly from: number
  readonly done: boolean
}

/** Takes bodies from the plan a few at a time, the iterator staying open between. */
function createChunks(plan: SpawnPlan): Chunks {
  const bodies = plan.bodies()
  let from = 0
  let done = false
  const take = (item: IteratorResult<unknown>, taken: unknown[]): void => {
    if (item.done === true) done = true
    else {
      taken.push(item.value)
      from += 1
    }
  }
  const atOnce = (iterator: Iterator<unknown>, count: number): unknown[] => {
    const taken: unknown[] = []
    while (taken.length < count && !done) take(iterator.next(), taken)
    return taken
  }
  const later = async (iterator: AsyncIterator<unknown>, count: number): Promise<unknown[]> => {
    const taken: unknown[] = []
    while (taken.length < count && !done) take(await iterator.next(), taken)
    return taken
  }
  const next = nextOf(bodies, atOnce, later)
  return {
    next,
    async skip(count) {
      while (from < count && !done) await next(Math.min(CHUNK, count - from))
    },
    get from() {
      return from
    },
    get done() {
      return done
    },
  }
}

function nextOf(
  bodies: ReturnType<SpawnPlan['bodies']>,
  atOnce: (iterator: Iterator<unknown>, count: number) => unknown[],
  later: (iterator: AsyncIterator<unknown>, count: number) => Promise<unknown[]>,
): Chunks['next'] {
  if (Symbol.asyncIterator in bodies) {
    const iterator = bodies[Symbol.asyncIterator]()
    return (count) => (count === 0 ? [] : later(iterator, count))
  }
  const iterator = bodies[Symbol.iterator]()
  return (count) => atOnce(iterator, count)
}

/** A child as it is accepted. Children belong to no key: their parent holds it. */
export function newChild(
  pass: MessagePass,
  scope: string,
  index: number,
  body: unknown,
  awaited: boolean,
): { readonly message: NewMessage; readonly body: unknown } {
  const { loaded, flow, ports } = pass
  const parent = { seq: loaded.seq, id: loaded.id, path: scope, index, awaited }
  const plain = settled(body) ?? null
  const message: NewMessage = {
    flow: flow.name,
    key: null,
    token: '',
    acceptedAt: ports.now(),
    codeVersion: flow.codeVersion,
    headers: loaded.headers,
    body: sealText(jsonText(plain), bodyPlace('', parent)),
    parent,
    partition: loaded.partition,
    ready: true,
    handOver: false,
    handedUpTo: 0,
    dedupe: null,
    index: null,
  }
  return { message, body: plain }
}

/** A child of a message that sleeps on another engine, which wakes it there. Made again by the same path, it is the same. */
export function wakingMessage(
  pass: MessagePass,
  sleeper: Sleeper,
  path: string,
  codeVersion: string,
): NewMessage {
  const parent = { seq: sleeper.seq, id: sleeper.id, path, index: 0, awaited: false }
  const { message } = newChild(pass, path, 0, null, false)
  return {
    ...message,
    flow: sleeper.flow,
    codeVersion,
    headers: { 'linkspan-cause': pass.loaded.id },
    body: sealText('null', bodyPlace('', parent)),
    parent,
    partition: sleeper.partition,
    handOver: true,
  }
}

/** A child in memory right after it was committed. */
export function loadedChild(
  pass: MessagePass,
  message: NewMessage,
  seq: number,
  body: unknown,
  { names, until }: Pick<Group, 'names' | 'until'>,
): Loaded {
  const { path, index } = message.parent as { path: string; index: number }
  return {
    seq,
    id: childId(pass.loaded.id, path, index),
    flow: message.flow,
    key: null,
    headers: message.headers,
    acceptedAt: message.acceptedAt,
    codeVersion: message.codeVersion,
    body,
    parent: { seq: pass.loaded.seq, path, index },
    partition: pass.loaded.partition,
    names,
    entries: [],
    freshStarts: 0,
    interrupted: false,
    awaitedBy: message.parent?.awaited ? pass.loaded.seq : null,
    ...(until === undefined ? {} : { until }),
    nextFrame: 0,
    waits: true,
    holds: false,
  }
}

/** The paths of the scopes that the children of a step run. */
export function scopesOf(pass: MessagePass, path: string): string[] {
  const node = pass.flow.steps.get(pathAt(path))
  return (node?.scopes ?? [])
    .map((scope) => (scope.name === '' ? path : `${path}/${scope.name}`))
    .filter((scope) => pass.flow.entries.has(pathAt(scope)))
}

/** All children of a scope in the order of their index, read in pages. */
export async function* allChildren(
  messages: MessageReader,
  parent: number,
  scope: string,
): AsyncGenerator<StoredMessage> {
  let from = 0
  for (;;) {
    const page = await messages.children(parent, scope, from, CHUNK)
    yield* page
    const last = page.at(-1)
    if (!last || page.length < CHUNK) return
    from = (last.parent?.index ?? from) + 1
  }
}

/** All children of the scopes of a step in the order of their index. */
export async function* childrenInOrder(
  messages: MessageReader,
  parent: number,
  scopes: readonly string[],
): AsyncGenerator<StoredMessage> {
  const readers = scopes.map((scope) => allChildren(messages, parent, scope))
  const heads = await Promise.all(readers.map((reader) => reader.next()))
  for (;;) {
    const next = heads.reduce((best, { done }, at) => {
      if (done === true) return best
      return best < 0 || placeOf(heads[at]?.value) < placeOf(heads[best]?.value) ? at : best
    }, -1)
    if (next < 0) return
    yield heads[next]?.value as StoredMessage
    heads[next] = await (readers[next] as AsyncGenerator<StoredMessage>).next()
  }
}

function placeOf(child: StoredMessage | undefined): number {
  return child?.parent?.index ?? 0
}
