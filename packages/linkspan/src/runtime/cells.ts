import type { RecordFrame, StateReader } from '../journal/journal.ts'
import type { Json } from '../model/message.ts'
import type { Clock } from '../model/outside.ts'
import type { CellChange, CellSeen } from '../patterns/pattern.ts'
import { openCell, type StoredCell, sealAlong, sealCell } from './codec.ts'
import type { Committer } from './committer.ts'

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
  /** Undefined when the journal has to be asked. */
  present: StoredCell | null | undefined
  /** The end of the queue of changes. */
  tail: Promise<unknown>
  users: number
}

/** Makes the view on engine state. */
export function createCells(reader: StateReader, committer: Committer, clock: Clock): Cells {
  const cells = new Map<string, Cell>()
  const id = (scope: string, key: string): string => `${scope}\u0000${key}`

  const open = (scope: string, key: string): Cell => {
    const present = cells.get(id(scope, key))
    if (present) return present
    const cell: Cell = { present: undefined, tail: Promise.resolve(), users: 0 }
    cells.set(id(scope, key), cell)
    return cell
  }

  const done = (scope: string, key: string, cell: Cell): void => {
    cell.users -= 1
    if (cell.users === 0) cells.delete(id(scope, key))
  }

  const read = async (scope: string, key: string): Promise<StoredCell | null> => {
    const bytes = await reader.get(scope, key)
    return bytes === null ? null : openCell(bytes, scope, key)
  }

  const counted = (cell: StoredCell | null): Json | null =>
    cell === null || (cell.u !== null && cell.u <= clock.now()) ? null : cell.v

  return {
    list: (...asked) => listCells(reader, committer, asked),
    update(scope, key, change, { write }) {
      const cell = open(scope, key)
      cell.users += 1
      const turn = cell.tail.then(async () => {
        if (cell.present === undefined) cell.present = await read(scope, key)
        const changed = change(counted(cell.present), clock.now())
        const {
          value,
          until = null,
          result,
          along = [],
        } = changed instanceof Promise ? await changed : changed
        if (value !== undefined) {
          cell.present = value === null ? null : { v: value, u: until }
          committer.state({ scope, key, value: cell.present && sealCell(cell.present, scope, key), until })
          for (const each of along) committer.state(sealAlong(each))
        }
        write(result)
        cell.users += 1
        committer.after(() => done(scope, key, cell))
        return result
      })
      cell.tail = turn.catch(() => undefined)
      return turn.finally(() => done(scope, key, cell))
    },
  }
}
