import type { Query, Row } from './client.ts'
import type { Names } from './names.ts'
import type { HotQueries } from './queries.ts'

/** Where messages may be that ran when the owner of their partition died. */
export interface LeftBehind {
  readonly partition: number
  /** Between these places, both among them. */
  readonly from: number
  readonly upTo: number
  /** The owner that died. */
  readonly member: number
}

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
  /** The place below which everything has ended or waits. */
  readonly lowWater: () => Promise<number>
  /** The share of the engine that reads; null for a reader, who sees all. */
  readonly share: { readonly owned: ReadonlySet<number>; readonly left: readonly LeftBehind[] } | null
  /** Into how many partitions the journal is cut. */
  readonly partitions: number
}
