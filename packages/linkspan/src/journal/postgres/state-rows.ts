import type { CursorReader, StateReader } from '../journal.ts'
import { digestOf } from './names.ts'
import type { Reading } from './reading.ts'
import { fromText, toText } from './text.ts'

/** Reading state. A cell whose time has come is not answered, pruned or not. */
export function stateReader({ ask, queries }: Reading, now: () => number): StateReader {
  return {
    get: async (scope, key) => {
      const [row] = await ask(queries.state, digestOf(scope, key).toString('hex'), now())
      return (row?.['value'] as Uint8Array | undefined) ?? null
    },
    list: async (scope, afterKey, limit) => {
      const rows = await ask(queries.states, toText(scope), toText(afterKey), now(), limit)
      return rows.map((row) => ({
        key: fromText(row['key'] as string),
        value: row['value'] as Uint8Array,
        until: row['until'] as number | null,
      }))
    },
  }
}

/** Reading cursors. */
export function cursorReader({ ask, look, queries, schema }: Reading): CursorReader {
  return {
    get: async (name) => {
      const [row] = await ask(queries.cursor, toText(name))
      return row === undefined ? null : fromText(row['value'] as string)
    },
    list: async (prefix) => {
      const rows = await look(
        `SELECT name, value FROM ${schema}.cursors WHERE name >= $1 AND starts_with(name, $1)`,
        toText(prefix),
      )
      return new Map(rows.map((row) => [fromText(row['name'] as string), fromText(row['value'] as string)]))
    },
  }
}
