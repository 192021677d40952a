import { DatabaseSync } from 'node:sqlite'

export type Row = { readonly seq: number; readonly body: Uint8Array }

/** The floor's whole storage: one table, one transaction per group. */
export type Store = {
  /** Commits new bodies and finished numbers together, fsync included; the bodies get `first`, `first + 1`, … */
  readonly commit: (bodies: readonly Uint8Array[], done: readonly number[]) => { readonly first: number }
  /** What was accepted and not done when the last process ended. */
  readonly pending: () => Row[]
  readonly close: () => void
}

export const openStore = (file: string): Store => {
  const db = new DatabaseSync(file)
  db.exec(`
    PRAGMA page_size = 8192;
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 512;
    PRAGMA cache_size = -65536;
    CREATE TABLE IF NOT EXISTS message (seq INTEGER PRIMARY KEY, done INTEGER NOT NULL, body BLOB NOT NULL);
  `)
  const begin = db.prepare('BEGIN IMMEDIATE')
  const end = db.prepare('COMMIT')
  const insert = db.prepare('INSERT INTO message (seq, done, body) VALUES (?, 0, ?)')
  const finish = db.prepare('UPDATE message SET done = 1 WHERE seq = ?')
  const unfinished = db.prepare('SELECT seq, body FROM message WHERE done = 0 ORDER BY seq')
  const last = db.prepare('SELECT max(seq) AS seq FROM message').get() as { seq: number | null }
  let next = (last.seq ?? 0) + 1
  return {
    commit: (bodies, done) => {
      const first = next
      begin.run()
      for (const body of bodies) insert.run(next++, body)
      for (const seq of done) finish.run(seq)
      end.run()
      return { first }
    },
    pending: () => unfinished.all() as Row[],
    close: () => db.close(),
  }
}
