import type { Grant } from '../journal.ts'
import type { LeftBehind } from './reading.ts'

/** A partition as the database says that this engine owns it. */
export type OwnedRow = readonly [
  partition: number,
  recoverFrom: number | null,
  diedMember: number | null,
  diedUpTo: number | null,
]

/** Which partitions an engine has, and what it has to do about them. */
export interface Share {
  /** Granted and not retired. */
  readonly owned: ReadonlySet<number>
  /** Where messages may be that ran when their owner died. */
  readonly left: readonly LeftBehind[]
  /** Whether a partition was retired that nobody had asked for: this engine is about to leave. */
  readonly isLeaving: boolean
  /** Compares with what the database says; answers what is new, and what it does not know to be ours. */
  update(rows: readonly OwnedRow[]): {
    readonly grants: readonly Grant[]
    readonly missing: readonly number[]
  }
  /** Chooses what to give back when so many are too many; those on their way count. */
  choose(surplus: number): readonly number[]
  recovered(partitions: readonly number[]): void
  retire(partitions: readonly number[]): void
  released(partitions: readonly number[]): void
  clear(): void
}

/** Makes the share of an engine that owns nothing yet. */
export function createShare(): Share {
  const granted = new Map<number, LeftBehind | null>()
  const owned = new Set<number>()
  const asked = new Set<number>()
  let isLeaving = false
  return {
    owned,
    get left() {
      return [...granted.values()].filter((left) => left !== null)
    },
    get isLeaving() {
      return isLeaving
    },
    update: (rows) => {
      const grants: Grant[] = []
      for (const row of rows) {
        const [partition] = row
        if (granted.has(partition)) continue
        const left = leftOf(row)
        granted.set(partition, left)
        owned.add(partition)
        grants.push({ partition, died: left === null ? null : { member: left.member, upTo: left.upTo } })
      }
      const known = new Set(rows.map(([partition]) => partition))
      // A retired one may be given back already, by a call whose answer was lost.
      return { grants, missing: [...owned].filter((partition) => !known.has(partition)) }
    },
    choose: (surplus) => {
      const ways = [...granted.keys()].filter((partition) => !owned.has(partition) || asked.has(partition))
      const most = Math.max(0, surplus - ways.length)
      const free = [...owned].filter((partition) => !asked.has(partition) && granted.get(partition) === null)
      const chosen = free.sort((a, b) => a - b).slice(Math.max(0, free.length - most))
      for (const partition of chosen) asked.add(partition)
      return chosen
    },
    recovered: (partitions) => {
      for (const partition of partitions) if (granted.has(partition)) granted.set(partition, null)
    },
    retire: (partitions) => {
      for (const partition of partitions)
        if (owned.delete(partition) && !asked.has(partition)) isLeaving = true
    },
    released: (partitions) => {
      for (const partition of partitions) {
        granted.delete(partition)
        owned.delete(partition)
        asked.delete(partition)
      }
    },
    clear: () => {
      granted.clear()
      owned.clear()
    },
  }
}

function leftOf([partition, from, member, upTo]: OwnedRow): LeftBehind | null {
  return from === null || member === null || upTo === null ? null : { partition, from, member, upTo }
}
