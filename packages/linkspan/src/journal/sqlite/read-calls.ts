import type { DatabaseSync } from 'node:sqlite'
import { slots } from '../codes.ts'
import { type BacklogRows, backlogRows } from './backlog-reader.ts'
import { sizeOf } from './files.ts'
import type { Head } from './head.ts'
import { type HistoryRows, historyRows } from './history-rows.ts'
import { type MessageRows, messageRows } from './message-reader.ts'
import { type Names, openNames } from './names.ts'
import { type StateRows, stateRows } from './state-rows.ts'
import type { Store } from './store.ts'
import { readTallies } from './tallies.ts'

/** An open database with what is prepared on it. */
export interface Reading {
  readonly db: DatabaseSync
  readonly names: Names
  readonly messages: MessageRows
  readonly backlog: BacklogRows
  readonly history: HistoryRows
  readonly state: StateRows
}

/** Prepares an open database for reading. */
export function prepareReading(db: DatabaseSync, path: string): Reading {
  const names = openNames(db, path)
  return {
    db,
    names,
    messages: messageRows(db, names, path),
    backlog: backlogRows(db, names, path),
    history: historyRows(db, names),
    state: stateRows(db, path),
  }
}

/** Makes a call of a function on the open database, with its failures told as the journal's. */
export type Guard = <Args extends readonly unknown[], Result>(
  doing: string,
  run: (reads: Reading, ...args: Args) => Result,
) => (...args: Args) => Result

/** The calls of a store that only read. */
export type ReadCalls = Omit<Store, 'opened' | 'commit' | 'prune' | 'tidy' | 'close'>

/** All calls that only read. */
export function readCalls(guard: Guard, path: string, head: () => Head): ReadCalls {
  return {
    load: guard('Reading messages', (reads, ...args) => reads.messages.load(...args)),
    find: guard('Finding a message', (reads, id) => reads.messages.find(id)),
    children: guard('Reading children', (reads, ...args) => reads.messages.children(...args)),
    openChildren: guard('Counting children', (reads, ...args) => reads.messages.openChildren(...args)),
    unsettled: guard('Reading what was running', (reads, after, limit) => {
      const { lowWater, lastSeq } = head()
      return reads.messages.load(reads.backlog.unsettled(after, limit, lowWater, lastSeq), 'marked')
    }),
    page: guard('Reading the backlog', (reads, ...args) => reads.backlog.page(...args)),
    pageOfKey: guard('Reading the backlog of a key', (reads, ...args) => reads.backlog.pageOfKey(...args)),
    pageOfHolders: guard('Reading who holds a key', (reads, ...args) => reads.backlog.pageOfHolders(...args)),
    pageOfParent: guard('Reading the backlog of a parent', (reads, ...args) =>
      reads.backlog.pageOfParent(...args),
    ),
    due: guard('Reading what is due', (reads, ...args) => reads.backlog.due(...args)),
    nextDue: guard('Reading what is due', (reads, flow) => reads.backlog.nextDue(flow)),
    countWaits: guard('Counting the backlog', (reads) => reads.backlog.count()),
    held: guard('Reading held keys', (reads, ...args) => reads.backlog.held(...args)),
    getState: guard('Reading state', (reads, ...args) => reads.state.get(...args)),
    listState: guard('Reading state', (reads, ...args) => reads.state.list(...args)),
    getCursor: guard('Reading a cursor', (reads, name) => reads.state.cursor(name)),
    listCursors: guard('Reading cursors', (reads, prefix) => reads.state.cursors(prefix)),
    look: guard('Looking through the history', (reads, query, beyond, scan) =>
      reads.history.look(query, beyond, head().lowWater, scan),
    ),
    totals: guard('Reading totals', (reads) => totalsOf(reads)),
    stats: guard('Reading sizes', (reads) => statsOf(reads, path, head())),
  }
}

function totalsOf({ db, names }: Reading): ReturnType<Store['totals']> {
  return readTallies(db).flatMap(({ flow, slot, count }) => {
    const meaning = slots.meaning(slot)
    return meaning !== undefined && 'ending' in meaning
      ? [{ flow: names.nameOf(flow), ...meaning, count }]
      : []
  })
}

/** How many ended messages are kept. */
export function historySize(db: DatabaseSync): number {
  return readTallies(db).reduce((sum, { slot, count }) => (slot < 16 ? sum + count : sum), 0)
}

function statsOf({ db }: Reading, path: string, head: Head): ReturnType<Store['stats']> {
  const pragma = (name: string): number =>
    Number(Object.values(db.prepare(`PRAGMA ${name}`).get() as object)[0])
  const waiting = readTallies(db).reduce((sum, { slot, count }) => (slot >= 16 ? sum + count : sum), 0)
  return {
    path,
    format: pragma('user_version'),
    databaseBytes: sizeOf(path),
    logBytes: sizeOf(`${path}-wal`),
    freeBytes: pragma('freelist_count') * pragma('page_size'),
    commits: head.commits,
    lastSeq: head.lastSeq,
    lowWater: head.lowWater,
    ended: historySize(db),
    waiting,
  }
}
