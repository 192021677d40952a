import type { DatabaseSync } from 'node:sqlite'
import { plainSum, stateSum } from './row-sum.ts'
import { rowDamaged } from './sqlite-error.ts'

/** One cell of engine state. */
export interface Cell {
  readonly key: string
  readonly value: Uint8Array
  readonly until: number | null
}

/** Reading engine state and cursors. */
export interface StateRows {
  get(scope: string, key: string, now: number): Uint8Array | null
  list(scope: string, afterKey: string, limit: number, now: number): readonly Cell[]
  cursor(name: string): string | null
}

type Row = Cell & { readonly sum: number }

/** Prepares the reading of state. A cell whose time has come is not answered, pruned or not. */
export function stateRows(db: DatabaseSync, path: string): StateRows {
  const one = db.prepare(
    'SELECT key, sum, until, value FROM state WHERE scope = ? AND key = ? AND (until IS NULL OR until > ?)',
  )
  const many = db.prepare(
    'SELECT key, sum, until, value FROM state WHERE scope = ? AND key > ? AND (until IS NULL OR until > ?) ' +
      'ORDER BY key LIMIT ?',
  )
  const cursor = db.prepare('SELECT sum, value FROM cursors WHERE name = ?')
  const checked = (scope: string, { key, sum, until, value }: Row): Cell => {
    if (sum !== stateSum(scope, key, until, value)) throw rowDamaged(path, `the state "${key}" of "${scope}"`)
    return { key, value, until }
  }
  return {
    get: (scope, key, now) => {
      const row = one.get(scope, key, now) as Row | undefined
      return row === undefined ? null : checked(scope, row).value
    },
    list: (scope, afterKey, limit, now) =>
      (many.all(scope, afterKey, now, limit) as unknown as Row[]).map((row) => checked(scope, row)),
    cursor: (name) => {
      const row = cursor.get(name) as { sum: number; value: string } | undefined
      if (row !== undefined && row.sum !== plainSum(name, row.value))
        throw rowDamaged(path, `the cursor "${name}"`)
      return row?.value ?? null
    },
  }
}
