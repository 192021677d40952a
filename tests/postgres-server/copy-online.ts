import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Client } from 'pg'
import type { PostgresServer } from './start-postgres.ts'

/** What a copy must not have: the copied server's own identity, and the log, which the copy gets by streaming. */
const leftOut = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'standby.signal',
  'backup_label',
  'linkspan.conf',
])

/** PostgreSQL 15 renamed the functions. */
const functions = (major: number) =>
  major >= 15
    ? { start: 'pg_backup_start($1, true)', stop: 'pg_backup_stop(false)' }
    : { start: 'pg_start_backup($1, true, false)', stop: 'pg_stop_backup(false, false)' }

/** Copies a running server's data, by the low-level backup functions, as `pg_basebackup` does. */
export async function copyOnline(server: PostgresServer, to: string): Promise<void> {
  const { start, stop } = functions(server.major)
  const client = new Client(server.url)
  await client.connect()
  try {
    await client.query(`select ${start}`, ['linkspan'])
    copyTree(server.dataDir, to)
    const { rows } = await client.query<{ labelfile: string }>(`select labelfile from ${stop}`)
    writeFileSync(join(to, 'backup_label'), rows[0]?.labelfile ?? '')
  } finally {
    await client.end()
  }
}

function copyTree(from: string, to: string, isLog = false): void {
  mkdirSync(to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, copy] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) copyTree(source, copy, isLog || entry.name === 'pg_wal')
    else if (!isLog && !leftOut.has(entry.name)) copyIfThere(source, copy)
  }
}

/** Files come and go while the server works; what matters of it is in the log. */
function copyIfThere(source: string, copy: string): void {
  try {
    copyFileSync(source, copy)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}
