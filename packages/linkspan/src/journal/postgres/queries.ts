import { READS, type ReadName } from './reads-sql.ts'

/** A query on the hot path. */
export interface HotQuery {
  readonly name: string
  readonly text: string
}

/** The queries that an engine makes while it works. Those that answer one column call it `value`. */
export type HotQueries = Readonly<Record<ReadName, HotQuery>>

/** The hot queries on a schema. */
export function hotQueries(schema: string): HotQueries {
  const queries = Object.entries(READS).map(([name, { parameters }]) => {
    const placeholders = Object.values(parameters).map((type, at) => `$${at + 1}::${type}`)
    const text = `SELECT * FROM ${schema}.${name}_1(${placeholders.join(', ')}) AS value`
    return [name, { name: `linkspan ${name}`, text }] as const
  })
  return Object.fromEntries(queries) as Record<ReadName, HotQuery>
}
