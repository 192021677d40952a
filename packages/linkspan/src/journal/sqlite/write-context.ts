import type { DatabaseSync } from 'node:sqlite'
import type { Active } from './active.ts'
import type { Names } from './names.ts'
import type { Tallies } from './tallies.ts'

/** What all writing in a transaction works with. */
export interface WriteContext {
  readonly db: DatabaseSync
  readonly names: Names
  readonly tallies: Tallies
  readonly active: Active
}
