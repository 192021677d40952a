import type { BacklogEntry, BacklogReader } from '../../journal/journal.ts'
import { NO_PLACE } from './lane.ts'
import type { Reads } from './reads.ts'
import type { Window } from './window.ts'
import type { Work } from './work.ts'

/**
 * Reads a flow's part of the journal, until everything is here or lies behind a lane: who holds its key, and then all in
 * the order of places.
 */
export interface Paging {
  /** Whether messages may be taken on directly, or lie in the journal behind others that are still to be read. */
  readonly mode: 'direct' | 'backlog'
  /** Up to which place the journal was read. */
  readonly cursor: number
  /** Up to which place everything that others handed over was taken on. */
  readonly takenTo: number
  /** What others handed over before a place is known to be taken on. */
  took(seq: number): void
  /** A message is left to the journal; {@link stored} follows. */
  leave(): void
  stored(): void
  /** Others handed over up to a place. */
  handed(upTo: number): void
  /** From now on messages go to the journal. */
  toBacklog(): void
  /** The journal holds messages above a place that are still to be read. What is known already is passed over. */
  readAgainAfter(seq: number): void
  /** All is to be read, as more came into the share. */
  readAnew(): void
  /** A message came to be ready in the journal at a place that was given before: a page that is being read may lack it. */
  appeared(seq: number): void
  /** Whether a place is still to be read, so that a message that is ready there is met in its turn. */
  isToBeRead(message: Pick<Work, 'seq' | 'key'>): boolean
  /** Reads the next page when there is one to be read. */
  read(): void
  /** Tells that these messages of the backlog may be begun with; resolves when that is durable. */
  tellBegun(rows: readonly BacklogEntry[]): Promise<void>
}

/** What paging takes. */
export interface PagingOptions {
  readonly flow: string
  readonly backlog: BacklogReader
  readonly window: Window
  readonly reads: Reads
  /** How many waits are read at once. */
  readonly page: number
  /** The highest place of the journal: others hand over above it. */
  readonly lastSeq: number
  /** Whether the flow runs. */
  readonly runs: () => boolean
  readonly beginning: (seq: number) => Promise<void>
  /** Takes a message on, or leaves it to its lane. */
  readonly place: (row: BacklogEntry, read: number) => void
  readonly pump: () => void
  /** The journal could not be read: called back when it is worth another try. */
  readonly again: (error: unknown, run: () => void) => void
}

/** Makes the reader of a flow's backlog, which is all to be read. */
export function createPaging(options: PagingOptions): Paging {
  const { flow, backlog, window, reads, pump } = options
  let mode: 'direct' | 'backlog' = 'backlog'
  let cursor = 0
  /**
   * Up to which place it was read who holds its key; null when that is all. Those behind one that has begun may have lower
   * places, so it must be in its lane before any of them.
   */
  let holdersTo: number | null = 0
  let reading = false
  /** The lowest place that came to be ready while a page was read. */
  let lowest = NO_PLACE
  let storing = 0
  let left = 0
  /** Up to which place others are known to have handed over, and up to which that has been taken on. */
  let handedTo = options.lastSeq
  let takenTo = handedTo
  /** Up to which place it is on record that messages may be begun with, and up to which it is being told. */
  let begunTo = 0
  let tellingTo = 0
  /** Resolves when the latter is durable. */
  let telling: Promise<void> = Promise.resolve()

  const read = (): void => {
    if (!reading && mode === 'backlog' && options.runs() && window.hasRoom()) void readNext()
  }

  const readNext = async (): Promise<void> => {
    reading = true
    lowest = NO_PLACE
    const number = reads.begin()
    let isOn = false
    try {
      isOn = holdersTo === null ? await readPage(number) : await readHolders(holdersTo, number)
    } catch (error) {
      options.again(error, read)
    }
    reading = false
    reads.end()
    if (isOn) pump()
  }

  /** Nobody has to be told that they may be begun with: who holds its key has something on record. */
  const readHolders = async (after: number, number: number): Promise<boolean> => {
    const { epoch } = reads
    const rows = await backlog.pageOfHolders(flow, after, options.page)
    if (reads.epoch !== epoch) return true
    const placed = (seq: number): void => {
      holdersTo = seq
    }
    if (placeAll(rows, number, placed)) holdersTo = null
    return true
  }

  /** Answers whether it is worth going on. */
  const readPage = async (number: number): Promise<boolean> => {
    const before = { storing, left, cursor, handedTo, epoch: reads.epoch }
    const rows = await backlog.page(flow, cursor, options.page)
    await tellBegun(rows)
    // There is something to be read below, or partitions came or went.
    if (cursor !== before.cursor || reads.epoch !== before.epoch) return true
    const isRead = placeAll(rows, number, (seq) => {
      cursor = Math.max(cursor, seq)
    })
    const exhausted = isRead && lowest === NO_PLACE
    if (lowest <= cursor) cursor = lowest - 1
    takenTo = Math.max(takenTo, exhausted ? before.handedTo : 0, cursor)
    // What was left to the journal since the page was read is not in it.
    const isAll = before.storing === 0 && left === before.left && handedTo === before.handedTo
    if (exhausted && isAll) mode = 'direct'
    return rows.length > 0 || mode === 'direct' || storing === 0
  }

  const tellBegun = async (rows: readonly BacklogEntry[]): Promise<void> => {
    const to = rows.at(-1)?.seq ?? 0
    if (to <= begunTo) return
    if (to > tellingTo) telling = tell(to)
    await telling
  }

  /** Two that are told at once may both fail: what counts then is what is on record, and not what the other one said. */
  const tell = async (to: number): Promise<void> => {
    tellingTo = to
    try {
      await options.beginning(to)
      begunTo = Math.max(begunTo, to)
    } finally {
      if (tellingTo === to) tellingTo = begunTo
    }
  }

  /** Takes on what there is room for; answers whether that is all there was. */
  const placeAll = (
    rows: readonly BacklogEntry[],
    number: number,
    placed: (seq: number) => void,
  ): boolean => {
    for (const row of rows) {
      if (!window.hasRoom() && !window.knows(row.seq)) return false
      placed(row.seq)
      options.place(row, number)
    }
    return rows.length < options.page
  }

  /** What others hand over lies among what this engine accepts: reading begins where that was taken on. */
  const readAgainAfter = (seq: number): void => {
    cursor = Math.min(mode === 'direct' ? takenTo : cursor, seq)
    mode = 'backlog'
  }

  const toBacklog = (): void => {
    if (mode === 'direct') readAgainAfter(takenTo)
  }

  return {
    tellBegun,
    get mode() {
      return mode
    },
    get cursor() {
      return cursor
    },
    get takenTo() {
      return takenTo
    },
    took(seq) {
      takenTo = Math.max(takenTo, seq)
    },
    leave() {
      storing += 1
      left += 1
    },
    stored() {
      storing -= 1
    },
    handed(upTo) {
      if (upTo <= handedTo) return
      handedTo = upTo
      toBacklog()
    },
    toBacklog,
    readAgainAfter,
    readAnew() {
      holdersTo = 0
      readAgainAfter(0)
    },
    appeared(seq) {
      if (reading) lowest = Math.min(lowest, seq)
    },
    isToBeRead: ({ key, seq }) => key !== null && mode === 'backlog' && seq > cursor,
    read,
  }
}
