import type { Clock } from '../../model/outside.ts'
import type {
  BacklogReader,
  HistoryKeeper,
  HistoryQuery,
  HistoryReader,
  Journal,
  Opened,
  StoredMessage,
} from '../journal.ts'
import { soleOwnership } from '../sole-ownership.ts'
import { closedError } from './sqlite-error.ts'
import type { StoreCalls } from './store.ts'

/** How many rows of the history are looked through at a time. */
const SCAN = 1000

/** What is done beside the store, on connections of its own, so that the engine is not held up. */
export interface Aside {
  readonly verify: HistoryReader['verify']
  readonly backup: HistoryKeeper['backup']
}

/** The journal over a store that answers later. */
export function sqliteJournal(
  name: string,
  opened: Opened,
  calls: StoreCalls,
  aside: Aside,
  clock: Clock,
): Journal {
  const backlog = backlogOf(calls)
  const turn = (): Promise<void> => new Promise((resolve) => clock.defer(resolve))
  let closed = false
  const unlessClosed = <Result>(run: () => Promise<Result>): Promise<Result> =>
    closed ? Promise.reject(closedError(name)) : run()
  return {
    name,
    opened,
    commit: (batch) => calls.commit(batch, clock.monotonic()),
    messages: {
      load: (seqs, trust) => calls.load(seqs, trust),
      find: (id) => calls.find(id),
      children: (parent, path, fromIndex, limit, trust) =>
        calls.children(parent, path, fromIndex, limit, trust),
      openChildren: (parent, path) => calls.openChildren(parent, path),
    },
    backlog,
    state: {
      get: (scope, key) => calls.getState(scope, key, clock.now()),
      list: (scope, afterKey, limit) => calls.listState(scope, afterKey, limit, clock.now()),
    },
    cursors: {
      get: (cursor) => calls.getCursor(cursor),
      list: async (prefix) => new Map(await calls.listCursors(prefix)),
    },
    ownership: soleOwnership({ opened, name, backlog, now: () => clock.now() }),
    history: {
      query: (query) => lookThrough(calls, query, turn),
      totals: () => calls.totals(),
      stats: () => calls.stats(),
      verify: (progress) => unlessClosed(() => aside.verify(progress)),
      prune: (endedBefore, attentionBefore, now, limit) =>
        calls.prune(endedBefore, attentionBefore, now, limit),
      backup: (path, progress) => unlessClosed(() => aside.backup(path, progress)),
    },
    close: ({ leftRunning = false } = {}) => {
      closed = true
      return calls.close(leftRunning)
    },
  }
}

function backlogOf(calls: StoreCalls): BacklogReader {
  return {
    unsettled: (after, limit) => calls.unsettled(after, limit),
    page: (flow, after, limit) => calls.page(flow, after, limit),
    pageOfKey: (flow, key, after, upTo, limit) => calls.pageOfKey(flow, key, after, upTo, limit),
    pageOfHolders: (flow, after, limit) => calls.pageOfHolders(flow, after, limit),
    pageOfParent: (parent, after, limit) => calls.pageOfParent(parent, after, limit),
    due: (flow, at, limit) => calls.due(flow, at, limit),
    nextDue: (flow) => calls.nextDue(flow),
    count: () => calls.countWaits(),
    held: (flow, limit) => calls.held(flow, limit),
  }
}

async function lookThrough(
  calls: StoreCalls,
  query: HistoryQuery,
  turn: () => Promise<void>,
): Promise<readonly StoredMessage[]> {
  const seqs: number[] = []
  let beyond = query.beyond ?? null
  for (;;) {
    const stretch = await calls.look(query, beyond, SCAN)
    seqs.push(...stretch.seqs)
    if (seqs.length >= query.limit || stretch.next === null) break
    beyond = stretch.next
    await turn()
  }
  const found = await calls.load(seqs.slice(0, query.limit), 'marked')
  return query.order === 'oldest' ? found : [...found].reverse()
}
