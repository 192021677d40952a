import type { BacklogEntry, BacklogReader } from '../../journal/journal.ts'
import { type Lane, NO_PLACE, unspill } from './lane.ts'
import type { Paging } from './paging.ts'
import type { Reads } from './reads.ts'
import type { Window } from './window.ts'
import type { Work } from './work.ts'
import { workOf } from './work.ts'

/** Fetches the messages of lanes that ran empty and have more in the journal. */
export interface Refilling {
  /** A lane wants messages. */
  want(lane: Lane): void
  forget(lane: Lane): void
  /** Fetches for as many lanes as there is room for. */
  refill(): void
}

/** What refilling takes. */
export interface RefillingOptions {
  readonly flow: string
  readonly backlog: BacklogReader
  readonly window: Window
  readonly reads: Reads
  readonly paging: Pick<Paging, 'mode' | 'cursor' | 'tellBegun'>
  /** How many messages a lane is to get at most. */
  readonly depth: number
  /** Whether the flow runs. */
  readonly runs: () => boolean
  readonly enqueue: (work: Work) => void
  readonly advance: (lane: Lane) => void
  readonly pump: () => void
  /** The journal could not be read: called back when it is worth another try. */
  readonly again: (error: unknown, run: () => void) => void
}

/** Makes the refilling of a flow's lanes. */
export function createRefilling(options: RefillingOptions): Refilling {
  const { flow, backlog, window, reads, paging } = options
  const thirsty = new Set<Lane>()
  let underWay = 0

  const refill = (): void => {
    for (const lane of thirsty) {
      if (!window.hasRoom() || underWay >= window.left || !options.runs()) return
      thirsty.delete(lane)
      // The last of what is on its way in or back makes the lane want again.
      if (!lane.refilling && lane.reserved === 0 && lane.returning === 0) void refillLane(lane)
    }
  }

  const want = (lane: Lane): void => {
    thirsty.add(lane)
    refill()
  }

  const refillLane = async (lane: Lane): Promise<void> => {
    lane.refilling = true
    lane.missed = NO_PLACE
    underWay += 1
    const read = reads.begin()
    const upTo = paging.mode === 'backlog' ? paging.cursor : NO_PLACE
    const limit = Math.min(options.depth, window.left)
    const { storing, left, tail } = lane
    const { epoch } = reads
    const rows = await readLane(lane, upTo, limit)
    lane.refilling = false
    underWay -= 1
    if (rows !== null && lane.spilled && lane.reserved === 0 && lane.returning === 0) {
      // What was passed over above the cursor is met again.
      const isMet = lane.passed <= upTo || (paging.mode === 'backlog' && paging.cursor === upTo)
      const isAll = rows.length < limit && isMet && storing === 0 && left === lane.left
      if (epoch === reads.epoch && tail <= lane.tail) takeBack(lane, rows, read, isAll)
      if (lane.storing === 0) options.advance(lane)
    }
    reads.end()
    options.pump()
  }

  const readLane = async (
    lane: Lane,
    upTo: number,
    limit: number,
  ): Promise<readonly BacklogEntry[] | null> => {
    try {
      const rows = await backlog.pageOfKey(flow, lane.key, lane.tail, upTo, limit)
      // They may lie beyond all that was paged, as a lane is left to the journal while the others are not.
      await paging.tellBegun(rows)
      return rows
    } catch (error) {
      options.again(error, () => want(lane))
      return null
    }
  }

  const takeBack = (lane: Lane, rows: readonly BacklogEntry[], read: number, isAll: boolean): void => {
    let last: number | undefined
    for (const row of rows) {
      if (window.knows(row.seq) || reads.isOld(row, read) || lane.holder === row.seq)
        lane.tail = Math.max(lane.tail, row.seq)
      else if (window.hasRoom()) options.enqueue(workOf(row))
      else break
      last = row.seq
    }
    lane.tail = Math.min(lane.tail, lane.missed)
    if (isAll && last === rows.at(-1)?.seq) unspill(lane)
  }

  return { want, forget: (lane) => void thirsty.delete(lane), refill }
}
