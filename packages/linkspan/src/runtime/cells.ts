import type { RecordFrame, StateReader } from '../journal/journal.ts'
import type { Json } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'
import type { CellAlong, CellChange, CellSeen } from '../patterns/pattern.ts'
import { cellOf, cellText, openCell, type StoredCell, sealAlong, sealCellText } from './codec.ts'
import type { Committer } from './committer.ts'
import { createKeptTexts } from './kept-texts.ts'

/**
 * Engine state as the running messages see it: the last value handed to the committer, committed or not. Commits keep
 * the order in which changes were made, so whoever built on a value is never durable before it.
 */
export interface Cells {
  /** Changes a cell, one change at a time per cell; its result comes on record in the same commit. */
  update<Result>(
    scope: string,
    key: string,
    change: CellChange<Result>,
    recorder: CellRecorder<Result>,
  ): Promise<Result>
  /** Cells of a scope behind a key, in the order of their keys, as of the changes that were handed in so far. */
  list(scope: string, after: string, limit: number): Promise<readonly CellSeen[]>
}

/** Puts the result of a change on the record of the message that makes it. */
export interface CellRecorder<Result> {
  /** With whatever is committed next: called in the moment in which the change is handed in. */
  write(result: Result): void
  /** As a frame that is committed with the change or not at all; null for none. Called again when it was not. */
  frame(result: Result): RecordFrame | null
  /** The change and the frame were committed. */
  kept(result: Result): void
}

/** Reads cells once what was changed is committed. */
export async function listCells(
  reader: StateReader,
  committer: Pick<Committer, 'flush'>,
  [scope, after, limit]: Parameters<Cells['list']>,
): ReturnType<Cells['list']> {
  await committer.flush()
  const found = await reader.list(scope, after, limit)
  return found.map(({ key, value }) => ({ key, value: openCell(value, scope, key).v }))
}

interface Cell {
  /** As it is sealed, so that nobody who holds an earlier value of it can change it. Undefined: the journal has to be asked. */
  text: string | null | undefined
  /** Until when that counts, of a change that is handed in. */
  until: number | null
  /** A change of it waits for the next commit, which takes what the cell is by then. */
  handedIn: boolean
  /** The end of the queue of changes. */
  tail: Promise<unknown>
  users: number
}

/** How much of what is on record is kept in memory, so that cells in use need not be read from the journal each time. */
const KEPT_BYTES = 4 * 1024 * 1024

/** Makes the view on engine state. */
export function createCells(reader: StateReader, committer: Committer, clock: Clock): Cells {
  const cells = new Map<string, Cell>()
  const idle = createKeptTexts(KEPT_BYTES)
  const id = (scope: string, key: string): string => `${scope}\u0000${key}`

  const open = (scope: string, key: string): Cell => {
    const name = id(scope, key)
    const present = cells.get(name)
    if (present) return present
    const cell: Cell = {
      text: idle.take(name),
      until: null,
      handedIn: false,
      tail: Promise.resolve(),
      users: 0,
    }
    cells.set(name, cell)
    return cell
  }

  const done = (scope: string, key: string, cell: Cell): void => {
    cell.users -= 1
    if (cell.users > 0) return
    const name = id(scope, key)
    cells.delete(name)
    if (cell.text !== undefined) idle.keep(name, cell.text)
  }

  const read = async (scope: string, key: string): Promise<string | null> => {
    const bytes = await reader.get(scope, key)
    return bytes === null ? null : cellText(openCell(bytes, scope, key))
  }

  const put = (scope: string, key: string, cell: Cell, changed: StoredCell | null): void => {
    cell.text = changed && cellText(changed)
    cell.until = changed?.u ?? null
    if (cell.handedIn) return
    cell.handedIn = true
    cell.users += 1
    committer.state(() => {
      cell.handedIn = false
      const { text, until } = cell
      return { scope, key, value: text ? sealCellText(text, scope, key) : null, until }
    })
    committer.after(() => done(scope, key, cell))
  }

  const putAlong = (each: CellAlong): void => {
    idle.take(id(each.scope, each.key))
    committer.state(sealAlong(each))
  }

  return {
    list: (...asked) => listCells(reader, committer, asked),
    update(scope, key, change, { write }) {
      const cell = open(scope, key)
      cell.users += 1
      const turn = cell.tail.then(async () => {
        if (cell.text === undefined) cell.text = await read(scope, key)
        const now = clock.now()
        const changed = change(cell.text === null ? null : countedAt(cellOf(cell.text), now), now)
        const {
          value,
          until = null,
          result,
          along = [],
        } = changed instanceof Promise ? await changed : changed
        if (value !== undefined) {
          put(scope, key, cell, value === null ? null : { v: value, u: until })
          for (const each of along) putAlong(each)
        }
        write(result)
        return result
      })
      cell.tail = turn.catch(() => undefined)
      return turn.finally(() => done(scope, key, cell))
    },
  }
}

/** What a cell holds at a time: nothing once it is out of date. */
export function countedAt({ v, u }: StoredCell, at: number): Json | null {
  return u !== null && u <= at ? null : v
}
