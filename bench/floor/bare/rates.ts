/** Prints the machine's bare rates as one JSON line; a process of its own, as its disk may be a slow one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bareSyncRate } from './fsync.ts'
import { bareSqliteRate } from './sqlite.ts'

export type BareRates = {
  readonly sqlite1: number
  readonly sqlite100: number
  readonly sqlite1000: number
  readonly fsync: number
  readonly fdatasync: number
}

const seconds = Number(process.env['BARE_SECONDS'] ?? 1)
const dataDir = mkdtempSync(join(tmpdir(), 'linkspan-bench-bare-'))
const rates: BareRates = {
  sqlite1: bareSqliteRate(dataDir, 1, seconds),
  sqlite100: bareSqliteRate(dataDir, 100, seconds),
  sqlite1000: bareSqliteRate(dataDir, 1000, seconds),
  fsync: bareSyncRate(dataDir, 'fsync', seconds),
  fdatasync: bareSyncRate(dataDir, 'fdatasync', seconds),
}
rmSync(dataDir, { recursive: true, force: true })
console.log(JSON.stringify(rates))
