import type { BacklogEntry, ClusterMember, Journal, StoredMessage } from '../journal/journal.ts'
import type { Flow } from '../patterns/steps.ts'

/** A flow's names: what it is called, and was, the oldest first. */
export interface FlowNames {
  readonly name: string
  readonly renamedFrom: readonly string[]
}

/** The name that a flow's cursors and state are kept under: its first one, so that a new name changes nothing. */
export function identityOf({ name, renamedFrom }: FlowNames): string {
  return renamedFrom[0] ?? name
}

/** The code version that an engine has of a flow, whatever it calls it; undefined where it does not have the flow. */
export function versionOf(
  { flows, formerNames = {} }: Pick<ClusterMember, 'flows' | 'formerNames'>,
  identity: string,
): string | undefined {
  return flows[formerNames[identity] ?? identity]
}

/** The present name of each former one. */
export function presentNames(flows: Iterable<Flow>): ReadonlyMap<string, string> {
  return new Map(
    [...flows].flatMap(({ definition: { name, renamedFrom } }) =>
      renamedFrom.map((former) => [former, name] as const),
    ),
  )
}

/**
 * A journal in which the messages of renamed flows are under the present names. Nothing in it is rewritten: what lies
 * there under any name of a flow is read as under the present one. What is written is under the flow's first name, so
 * that engines which know it under different names, as while a new one is rolled out, have one order per key, and hand
 * over to each other.
 */
export function underPresentNames(journal: Journal, present: ReadonlyMap<string, string>): Journal {
  if (present.size === 0) return journal
  const { messages, backlog, history } = journal
  const nameOf = (flow: string): string => present.get(flow) ?? flow
  const named = <T extends { readonly flow: string }>(row: T): T =>
    present.has(row.flow) ? { ...row, flow: nameOf(row.flow) } : row
  const message = (stored: StoredMessage): StoredMessage => {
    const wait = stored.wait && named(stored.wait)
    return wait === stored.wait ? named(stored) : { ...named(stored), wait }
  }
  const messagesOf = async (found: Promise<readonly StoredMessage[]>): Promise<readonly StoredMessage[]> =>
    (await found).map(message)
  /** The first of the former names, which are in their order. */
  const firstNames = new Map([...present].reverse().map(([former, now]) => [now, former]))
  const kept = <T extends { readonly flow: string }>(row: T): T => {
    const flow = firstNames.get(row.flow)
    return flow === undefined ? row : { ...row, flow }
  }
  /** All names of a flow, whichever of them is asked for. */
  const allNames = (flow: string): readonly string[] => {
    const now = nameOf(flow)
    return [now, ...[...present].filter(([, name]) => name === now).map(([former]) => former)]
  }
  /** The first of what is there under any name of a flow. */
  const merged = async <T extends { readonly seq: number }>(
    flow: string,
    limit: number,
    read: (name: string) => Promise<readonly T[]>,
    order: (a: T, b: T) => number,
  ): Promise<readonly T[]> => {
    const names = allNames(flow)
    const [only] = names
    if (names.length === 1 && only !== undefined) return read(only)
    return (await Promise.all(names.map(read))).flat().sort(order).slice(0, limit)
  }
  const rows = async (
    flow: string,
    limit: number,
    read: (name: string) => Promise<readonly BacklogEntry[]>,
    order: (a: BacklogEntry, b: BacklogEntry) => number = byPlace,
  ): Promise<readonly BacklogEntry[]> => (await merged(flow, limit, read, order)).map(named)

  return {
    name: journal.name,
    opened: journal.opened,
    state: journal.state,
    cursors: journal.cursors,
    ownership: {
      ...journal.ownership,
      running: async () => (await journal.ownership.running()).map(named),
    },
    commit: (batch) =>
      journal.commit({
        ...batch,
        accept: batch.accept.map(kept),
        waits: batch.waits.map(kept),
        revive: batch.revive.map(kept),
      }),
    close: (how) => journal.close(how),
    messages: {
      load: (seqs, trust) => messagesOf(messages.load(seqs, trust)),
      async find(id) {
        const found = await messages.find(id)
        return found && message(found)
      },
      children: (...args) => messagesOf(messages.children(...args)),
      openChildren: (parent, path) => messages.openChildren(parent, path),
    },
    backlog: {
      unsettled: (after, limit) => messagesOf(backlog.unsettled(after, limit)),
      page: (flow, after, limit) => rows(flow, limit, (name) => backlog.page(name, after, limit)),
      pageOfKey: (flow, key, after, upTo, limit) =>
        rows(flow, limit, (name) => backlog.pageOfKey(name, key, after, upTo, limit)),
      pageOfHolders: (flow, after, limit) =>
        rows(flow, limit, (name) => backlog.pageOfHolders(name, after, limit)),
      pageOfParent: async (parent, after, limit) =>
        (await backlog.pageOfParent(parent, after, limit)).map(named),
      due: (flow, at, limit) => rows(flow, limit, (name) => backlog.due(name, at, limit), byTime),
      async nextDue(flow) {
        const all = await Promise.all(allNames(flow).map((name) => backlog.nextDue(name)))
        const times = all.filter((time) => time !== null)
        return times.length === 0 ? null : Math.min(...times)
      },
      count: async () => (await backlog.count()).map(named),
      held: async (flow, limit) =>
        flow === null
          ? (await backlog.held(null, limit)).map(named)
          : rows(flow, limit, (name) => backlog.held(name, limit)),
    },
    history: {
      async query(query) {
        const { flow, limit, order } = query
        if (flow === undefined) return messagesOf(history.query(query))
        const inOrder = order === 'oldest' ? byPlace : (a: Placed, b: Placed) => byPlace(b, a)
        return (await merged(flow, limit, (name) => history.query({ ...query, flow: name }), inOrder)).map(
          message,
        )
      },
      totals: async () => (await history.totals()).map(named),
      stats: () => history.stats(),
      verify: (progress) => history.verify(progress),
      prune: (...args) => history.prune(...args),
      backup: (path, progress) => history.backup(path, progress),
    },
  }
}

type Placed = { readonly seq: number }

function byPlace(a: Placed, b: Placed): number {
  return a.seq - b.seq
}

function byTime(a: BacklogEntry, b: BacklogEntry): number {
  return (a.wakeAt ?? 0) - (b.wakeAt ?? 0) || byPlace(a, b)
}
