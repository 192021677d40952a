import type { DatabaseSync } from 'node:sqlite'

/** Counts per flow and slot, and open children per parent and step, kept so that nothing is counted by scanning. */
export interface Tallies {
  add(flow: number, slot: number, by: number): void
  addOpen(parent: number, path: string, by: number): void
  /** Writes what was added: inside the commit. */
  flush(): void
  /** The commit was rolled back. */
  forget(): void
}

/** One count. */
export interface Tally {
  readonly flow: number
  readonly slot: number
  readonly count: number
}

const SLOTS = 32

/** Opens the counts for writing. */
export function openTallies(db: DatabaseSync): Tallies {
  const upsert = db.prepare(
    'INSERT INTO tallies VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET count = count + excluded.count',
  )
  const upsertOpen = db.prepare(
    'INSERT INTO families VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET open = open + excluded.open RETURNING open',
  )
  const removeOpen = db.prepare('DELETE FROM families WHERE parent = ? AND path = ?')
  const counts = new Map<number, number>()
  const open = new Map<number, Map<string, number>>()
  const forget = (): void => {
    counts.clear()
    open.clear()
  }
  const flushOpen = (parent: number, path: string, by: number): void => {
    if (by === 0) return
    const { open: left } = upsertOpen.get(parent, path, by) as { open: number }
    if (left === 0) removeOpen.run(parent, path)
  }
  return {
    add: (flow, slot, by) => {
      const code = flow * SLOTS + slot
      counts.set(code, (counts.get(code) ?? 0) + by)
    },
    addOpen: (parent, path, by) => {
      const paths = open.get(parent) ?? new Map<string, number>()
      open.set(parent, paths.set(path, (paths.get(path) ?? 0) + by))
    },
    flush: () => {
      for (const [code, by] of counts) if (by !== 0) upsert.run(Math.floor(code / SLOTS), code % SLOTS, by)
      for (const [parent, paths] of open) for (const [path, by] of paths) flushOpen(parent, path, by)
      forget()
    },
    forget,
  }
}

/** All counts that are not zero. */
export function readTallies(db: DatabaseSync): readonly Tally[] {
  return db.prepare('SELECT flow, slot, count FROM tallies WHERE count <> 0').all() as unknown as Tally[]
}
