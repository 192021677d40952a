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
  /** Those whose names begin so. */
  cursors(prefix: string): readonly (readonly [name: string, value: string])[]
}

type Row = Cell & { readonly sum: number }
type CursorRow = { readonly name: string; readonly sum: number; readonly value: string }

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
  const beginning = db.prepare(
    'SELECT name, sum, value FROM cursors WHERE name >= ?1 AND substr(name, 1, length(?1)) = ?1',
  )
  const checked = (scope: string, { key, sum, until, value }: Row): Cell => {
    if (sum !== stateSum(scope, key, until, value)) throw rowDamaged(path, `the state "${key}" of "${scope}"`)
    return { key, value, until }
  }
  const checkedValue = ({ name, sum, value }: CursorRow): string => {
    if (sum !== plainSum(name, value)) throw rowDamaged(path, `the cursor "${name}"`)
    return value
  }
  return {
    get: (scope, key, now) => {
      const row = one.get(scope, key, now) as Row | undefined
      return row === undefined ? null : checked(scope, row).value
    },
    list: (scope, afterKey, limit, now) =>
      (many.all(scope, afterKey, now, limit) as unknown as Row[]).map((row) => checked(scope, row)),
    cursor: (name) => {
      const row = cursor.get(name) as Omit<CursorRow, 'name'> | undefined
      return row === undefined ? null : checkedValue({ name, ...row })
    },
    cursors: (prefix) =>
      (beginning.all(prefix) as unknown as CursorRow[]).map((row) => [row.name, checkedValue(row)]),
  }
}
