import { ENDINGS, type Ending, type WaitReason } from '../../model/message.ts'
import { parseMessageId } from '../../model/message-id.ts'
import type {
  BacklogEntry,
  BacklogReader,
  HistoryKeeper,
  HistoryQuery,
  HistoryReader,
  MessageReader,
  StateReader,
  StoredMessage,
} from '../journal.ts'
import { createWalk } from '../walk.ts'
import { forget, hasOpenChildren } from './applying.ts'
import { lowestWater, runs } from './sharing.ts'
import { type Kept, pair, type World } from './world.ts'

/** All there is of a message. */
export function stored(world: World, { seq, id, message }: Kept): StoredMessage {
  const records = world.records.get(seq) ?? []
  const ended = world.endings.get(seq)
  const { flow, key, acceptedAt, codeVersion, headers, body, parent, partition } = message
  const next = (records.at(-1)?.n ?? -1) + 1
  return {
    seq,
    id,
    flow,
    key,
    acceptedAt,
    codeVersion,
    headers,
    body,
    parent: parent === null ? null : { seq: parent.seq, path: parent.path, index: parent.index },
    partition,
    frames: [...records.map(({ frame }) => frame), ...(ended?.frame ? [ended.frame] : [])],
    nextFrame: ended === undefined ? next : Math.max(next, ended.n + (ended.frame === null ? 0 : 1)),
    wait: world.waits.get(seq) ?? null,
    ending:
      ended === undefined
        ? null
        : { ending: ended.ending, endedAt: ended.endedAt, attempt: ended.attempt, reason: ended.reason },
  }
}

function take<T>(items: Iterable<T>, limit: number): T[] {
  const taken: T[] = []
  if (limit <= 0) return taken
  for (const item of items) {
    taken.push(item)
    if (taken.length >= limit) break
  }
  return taken
}

function* filter<T>(items: Iterable<T>, fits: (item: T) => boolean): Generator<T> {
  for (const item of items) if (fits(item)) yield item
}

function* kept(world: World, seqs: Iterable<number>): Generator<Kept> {
  for (const seq of seqs) {
    const found = world.messages.get(seq)
    if (found !== undefined) yield found
  }
}

/** Looking up messages in a world. */
export function messageReader(world: () => World): MessageReader {
  const all = (seqs: Iterable<number>): StoredMessage[] =>
    [...kept(world(), seqs)].map((found) => stored(world(), found))
  return {
    load: async (seqs) => all([...new Set(seqs)].sort((a, b) => a - b)),
    find: async (id) => {
      const { seq, trail } = parseMessageId(id)
      let found = seq
      for (const { path, index } of trail) {
        const next = childrenOf(world(), found, path).find(({ message }) => message.parent?.index === index)
        if (next === undefined) return null
        found = next.seq
      }
      const [message] = all([found])
      return message?.id === id ? message : null
    },
    children: async (parent, path, fromIndex, limit) => {
      const children = childrenOf(world(), parent, path).filter(
        ({ message }) => (message.parent?.index ?? 0) >= fromIndex,
      )
      return all(children.slice(0, limit).map(({ seq }) => seq))
    },
    openChildren: async (parent, path) => world().openChildren.get(pair(parent, path)) ?? 0,
  }
}

function childrenOf(world: World, parent: number, path: string | null): Kept[] {
  const all = [...kept(world, world.children.get(parent)?.above(-1) ?? [])]
  const step = ({ message }: Kept): string => message.parent?.path ?? ''
  const index = ({ message }: Kept): number => message.parent?.index ?? 0
  return all
    .filter((child) => path === null || step(child) === path)
    .sort((a, b) => Buffer.compare(Buffer.from(step(a)), Buffer.from(step(b))) || index(a) - index(b))
}

/** What of a world a reader of the backlog sees. */
export interface Scope {
  /** The partitions that may be taken on; null for all. */
  readonly owned: ReadonlySet<number> | null
  /** By partition, between which places there may be what ran when its owner died. */
  left(): ReadonlyMap<number, { readonly from: number; readonly upTo: number }>
}

/** Reading what waits in a world. */
export function backlogReader(world: () => World, scope: Scope): BacklogReader {
  const partitionOf = (seq: number): number => (world().messages.get(seq) as Kept).message.partition
  const seen = (seq: number): boolean => scope.owned?.has(partitionOf(seq)) ?? true
  const entry = (seq: number): BacklogEntry => {
    const wait = world().waits.get(seq) as BacklogEntry
    const { body, partition } = (world().messages.get(seq) as Kept).message
    return { ...wait, partition, bytes: body.byteLength }
  }
  const waiting = (flow: string, after: number): Iterable<number> =>
    filter(world().waiting.get(flow)?.above(after) ?? [], seen)
  const inLane = (seq: number): boolean => {
    const wait = world().waits.get(seq)
    return wait !== undefined && wait.parent === null && (wait.reason === 'ready' || wait.hold)
  }
  const timed = (flow: string): BacklogEntry[] =>
    [...waiting(flow, -1)]
      .map(entry)
      .filter(({ wakeAt }) => wakeAt !== null)
      .sort((a, b) => (a.wakeAt as number) - (b.wakeAt as number) || a.seq - b.seq)
  return {
    unsettled: async (after, limit) => {
      const left = scope.left()
      const first = Math.min(...[...left.values()].map(({ from }) => from))
      const found = filter(world().places.above(Math.max(after, first - 1)), (seq) => {
        const { from, upTo } = left.get(partitionOf(seq)) ?? { from: 0, upTo: -1 }
        return seq >= from && seq <= upTo && runs(world(), seq)
      })
      return [...kept(world(), take(found, limit))].map((message) => stored(world(), message))
    },
    page: async (flow, after, limit) => take(filter(waiting(flow, after), inLane), limit).map(entry),
    pageOfKey: async (flow, key, after, upTo, limit) => {
      const ofKey = filter(waiting(flow, after), (seq) => inLane(seq) && world().waits.get(seq)?.key === key)
      return take(ofKey, limit)
        .filter((seq) => seq <= upTo)
        .map(entry)
    },
    pageOfHolders: async (flow, after, limit) => {
      const holders = filter(
        waiting(flow, after),
        (seq) => inLane(seq) && world().waits.get(seq)?.hold === true,
      )
      return take(holders, limit).map(entry)
    },
    pageOfParent: async (parent, after, limit) =>
      take(world().awaited.get(parent)?.above(after) ?? [], limit).map(entry),
    due: async (flow, at, limit) =>
      timed(flow)
        .filter(({ wakeAt }) => (wakeAt as number) <= at)
        .slice(0, limit),
    nextDue: async (flow) => timed(flow)[0]?.wakeAt ?? null,
    count: async () => countWaits(world()),
    held: async (flow, limit) =>
      [...world().waits.values()]
        .filter((wait) => wait.hold && (flow === null || wait.flow === flow))
        .sort((a, b) => a.seq - b.seq)
        .slice(0, limit)
        .map(({ seq }) => entry(seq)),
  }
}

interface Group {
  readonly flow: string
  readonly reason: WaitReason
  readonly child: boolean
  readonly count: number
  readonly oldest: number
}

function countWaits(world: World): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const { seq, flow, reason } of world.waits.values()) {
    const { parent, acceptedAt } = (world.messages.get(seq) as Kept).message
    const child = parent !== null
    const name = pair(`${reason}${child}`, flow)
    const { count, oldest } = groups.get(name) ?? { count: 0, oldest: acceptedAt }
    groups.set(name, { flow, reason, child, count: count + 1, oldest: Math.min(oldest, acceptedAt) })
  }
  return [...groups.values()]
}

/** Reading state in a world. */
export function stateReader(world: () => World, now: () => number): StateReader {
  const alive = ({ until }: { readonly until: number | null }): boolean => until === null || until > now()
  return {
    get: async (scope, key) => {
      const cell = world().state.get(scope)?.get(key)
      return cell !== undefined && alive(cell) ? cell.value : null
    },
    list: async (scope, afterKey, limit) =>
      [...(world().state.get(scope)?.values() ?? [])]
        .filter(alive)
        .filter(({ key }) => Buffer.compare(Buffer.from(key), Buffer.from(afterKey)) > 0)
        .sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)))
        .slice(0, limit)
        .map(({ key, value, until }) => ({ key, value: value as Uint8Array, until })),
  }
}

/** Reading the history of a world. */
export function historyReader(world: () => World): HistoryReader {
  return {
    query: async (query) => {
      const { places } = world()
      const newest = query.order !== 'oldest'
      const seqs = newest
        ? places.below(query.beyond ?? Number.MAX_SAFE_INTEGER)
        : places.above(query.beyond ?? -1)
      const found = filter(kept(world(), seqs), (candidate) => fits(world(), candidate, query))
      return take(found, query.limit).map((message) => stored(world(), message))
    },
    totals: async () => totals(world()),
    stats: async () => {
      const { messages, endings, waits, head } = world()
      return { messages: messages.size, ended: endings.size, waiting: waits.size, lastSeq: head.lastSeq }
    },
    verify: async (progress) => {
      const { size } = world().messages
      progress(size, size)
      return []
    },
  }
}

function fits(world: World, { seq, message }: Kept, query: HistoryQuery): boolean {
  const { flow, key, endings, live, since, until, index, rootsOnly = true } = query
  const ending = world.endings.get(seq)?.ending
  return (
    (flow === undefined || message.flow === flow) &&
    (key === undefined || message.key === key) &&
    (endings === undefined || (ending !== undefined && endings.includes(ending))) &&
    (!live || ending === undefined) &&
    (since === undefined || message.acceptedAt >= since) &&
    (until === undefined || message.acceptedAt < until) &&
    (!rootsOnly || message.parent === null) &&
    Object.entries(index ?? {}).every(([field, value]) => message.index?.[field] === value)
  )
}

function totals(world: World): Awaited<ReturnType<HistoryReader['totals']>> {
  const counts = new Map<string, { flow: string; ending: Ending; child: boolean; count: number }>()
  for (const [seq, { ending }] of world.endings) {
    const { flow, parent } = (world.messages.get(seq) as Kept).message
    const child = parent !== null
    const name = pair(`${ending}${child}`, flow)
    const { count } = counts.get(name) ?? { count: 0 }
    counts.set(name, { flow, ending, child, count: count + 1 })
  }
  return [...counts.values()]
}

const FOR_PEOPLE: ReadonlySet<Ending> = new Set(
  ENDINGS.filter((e) => e === 'dead' || e === 'inDoubt' || e === 'parked'),
)

/** Answers the forgetting of old messages: it walks from the oldest place and begins again at the end. */
export function pruner(world: () => World): HistoryKeeper['prune'] {
  const walk = createWalk()
  return async (endedBefore, attentionBefore, now, limit) => {
    const bounds = { endedBefore, attentionBefore, now }
    const stretch = walk.next(bounds, lowestWater(world()))
    const { places, endings } = world()
    const looked: number[] = []
    for (const seq of places.above(stretch.after)) {
      if (seq >= stretch.stop || looked.length >= limit) break
      if (endings.has(seq)) looked.push(seq)
    }
    const times: number[] = []
    let forgotten = 0
    for (const seq of looked) {
      const { ending, endedAt } = endings.get(seq) as { ending: Ending; endedAt: number }
      const untilOld = endedAt - (FOR_PEOPLE.has(ending) ? attentionBefore : endedBefore)
      if (untilOld >= 0) times.push(untilOld)
      else if (!isNeeded(world(), seq)) {
        forget(world(), seq)
        forgotten += 1
      }
    }
    const { length: count } = looked
    const soonest = times.length === 0 ? null : Math.min(...times)
    const found = { count, limit, last: looked.at(-1) ?? null, forgotten, young: false, soonest }
    const expired = expire(world(), now, limit)
    return walk.goOn(stretch, found, bounds) ? Math.max(count, 1) + expired : expired
  }
}

/** Whether a message has open children, or a parent that stays. Parents are looked at before their children. */
function isNeeded(world: World, seq: number): boolean {
  const parent = world.messages.get(seq)?.message.parent ?? null
  return hasOpenChildren(world, seq) || (parent !== null && world.messages.has(parent.seq))
}

function expire(world: World, now: number, limit: number): number {
  const seen = deleteExpired(world.seen, now, limit)
  let cells = 0
  for (const all of world.state.values()) cells += deleteExpired(all, now, limit - cells)
  return cells + seen
}

function deleteExpired(
  all: Map<string, { readonly until: number | null }>,
  now: number,
  most: number,
): number {
  let count = 0
  for (const [key, { until }] of all) {
    if (count >= most) break
    if (until === null || until > now) continue
    all.delete(key)
    count += 1
  }
  return count
}
