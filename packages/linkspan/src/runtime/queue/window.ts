import type { FlowSettings } from '../../model/flow-definition.ts'
import type { Work } from './work.ts'

/** What a flow keeps in memory, bounded in count and bytes. */
export interface Window {
  readonly resident: number
  /** How many messages hold their key while they are not in memory. */
  readonly held: number
  /** How many more may come in. */
  readonly left: number
  /** Space for one more: enough for a message that held its key and goes on. */
  hasSpace(bytes?: number): boolean
  /** Room for a new message. */
  hasRoom(bytes?: number): boolean
  knows(seq: number): boolean
  /** Those that have their place here. */
  works(): Iterable<Work>
  take(work: Work): void
  leave(work: Work): void
  /** Keeps space for a message that has no place yet. */
  reserve(bytes: number): void
  giveBack(bytes: number): void
  /** One more, or one less, holds its key without being in memory. */
  hold(): void
  unhold(): void
}

/** How many messages may hold their keys at once before the flow takes no more on. */
const MAX_HELD = 10_000

/** Makes the empty window of a flow. */
export function createWindow({ window, windowBytes }: FlowSettings): Window {
  const known = new Map<number, Work>()
  let resident = 0
  let residentBytes = 0
  let held = 0
  const reserve = (bytes: number): void => {
    resident += 1
    residentBytes += bytes
  }
  const giveBack = (bytes: number): void => {
    resident -= 1
    residentBytes -= bytes
  }
  const hasSpace = (bytes = 0): boolean =>
    resident < window && (resident === 0 || residentBytes + bytes <= windowBytes)
  return {
    get resident() {
      return resident
    },
    get held() {
      return held
    },
    get left() {
      return window - resident
    },
    hasSpace,
    hasRoom: (bytes = 0) => hasSpace(bytes) && held < MAX_HELD,
    knows: (seq) => known.has(seq),
    works: () => known.values(),
    take(work) {
      known.set(work.seq, work)
      reserve(work.bytes)
    },
    leave(work) {
      known.delete(work.seq)
      giveBack(work.bytes)
    },
    reserve,
    giveBack,
    hold() {
      held += 1
    },
    unhold() {
      held -= 1
    },
  }
}
