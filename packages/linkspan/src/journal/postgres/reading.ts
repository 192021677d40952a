import type { Query, Row } from './client.ts'
import type { Names } from './names.ts'
import type { HotQueries } from './queries.ts'

/** What readers read by. */
export interface Reading {
  /** The schema between quotes. */
  readonly schema: string
  /** The journal's place, for people. */
  readonly place: string
  readonly names: Names
  readonly queries: HotQueries
  /** Asks on the connections of the engine's own reads. */
  readonly ask: (
    query: Query & { readonly name: string },
    ...values: readonly unknown[]
  ) => Promise<readonly Row[]>
  /** Asks on the connection of people's reads, which may take longer. */
  readonly look: (text: string, ...values: readonly unknown[]) => Promise<readonly Row[]>
  /** The low water and the highest place. */
  readonly head: () => Promise<{ readonly lowWater: number; readonly lastSeq: number }>
}
