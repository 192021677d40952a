import type { StandardSchemaV1 } from '@standard-schema/spec'
import { LinkspanError } from '../../model/errors.ts'
import { batchOf } from './table-reading.ts'

/** What of a table's changes is captured. */
export type CapturedOperation = 'insert' | 'update' | 'delete' | 'truncate'

/** How the changes of tables are read from PostgreSQL's log. */
export interface CaptureOptions<R> {
  /** A readable name, unique within the connection. */
  readonly name: string
  /** With their schemas where they have one: `sales.orders`. A partitioned table stands for its partitions. */
  readonly tables: readonly string[]
  /** @default all */
  readonly operations?: readonly CapturedOperation[]
  /** Whether the rows that are there come first, each as a `read`. Each table then needs a primary key. @default false */
  readonly snapshot?: boolean
  /**
   * The replication slot: the place in the log that the server keeps for this source alone. Lower-case letters, digits and
   * underscores, 63 at most. With another one, the source begins anew. @default `linkspan_` and the name
   */
  readonly slot?: string
  /** The publication that says which tables are sent. @default the slot's name */
  readonly publication?: string
  /** Whether publication and slot are made where they are missing. @default true */
  readonly create?: boolean
  /** The most changes, or rows of the snapshot, that are accepted in one commit. @default 500 */
  readonly batch?: number
  /** Checks and types each body. */
  readonly schema?: StandardSchemaV1<unknown, Captured<R>>
}

/** Where a change lies in the log. */
interface Place {
  /** With its schema: `public.orders`. */
  readonly table: string
  /** Where the commit of its transaction lies in the log: `16/B374D848`. Of a `read`, where the snapshot was taken. */
  readonly lsn: string
  /** Its number in the transaction, from 1. Of a `read` 0. */
  readonly index: number
  /** The id of its transaction; null of a `read`. */
  readonly transaction: number | null
  /** When that was committed, by the database's clock; null of a `read`. */
  readonly committedAt: string | null
}

/** A change of a row of PostgreSQL, or with `read` a row that was there before. */
export type Captured<R> = Place &
  (
    | {
        readonly operation: 'insert' | 'read'
        readonly row: R
        readonly old: null
      }
    | {
        readonly operation: 'update'
        readonly row: R
        /** The row before, where the table has `replica identity full`; else null. */
        readonly old: Partial<R> | null
        /**
         * Large values that were not changed and that the server therefore does not send: they are missing in `row`. With
         * `replica identity full` there are none.
         */
        readonly unchanged: readonly string[]
      }
    | {
        readonly operation: 'delete'
        readonly row: null
        /** The columns of the replica identity, which is the primary key unless the table says otherwise. */
        readonly old: Partial<R>
      }
    | { readonly operation: 'truncate'; readonly row: null; readonly old: null }
  )

/** {@link CaptureOptions}, read. */
export interface CaptureSettings {
  readonly name: string
  readonly tables: readonly string[]
  readonly operations: readonly CapturedOperation[]
  readonly snapshot: boolean
  readonly slot: string
  readonly publication: string
  readonly create: boolean
  readonly batch: number
}

const OPERATIONS: readonly CapturedOperation[] = ['insert', 'update', 'delete', 'truncate']

/** Completes and checks options. */
export function captureSettings(options: CaptureOptions<never>): CaptureSettings {
  const { name, tables } = options
  const slot = options.slot ?? `linkspan_${name.toLowerCase().replace(/[^a-z0-9]+/g, '_')}`
  if (tables.length === 0)
    throw invalid(`The source "${name}" has no tables. Say whose changes it captures: tables: ['orders'].`)
  if (!/^[a-z0-9_]{1,63}$/.test(slot))
    throw invalid(
      `The source "${name}" has the slot "${slot}". PostgreSQL takes up to 63 lower-case letters, digits and underscores.`,
    )
  return {
    name,
    tables,
    operations: operationsOf(options),
    snapshot: options.snapshot ?? false,
    slot,
    publication: options.publication ?? slot,
    create: options.create ?? true,
    batch: batchOf({ name, ...(options.batch === undefined ? {} : { batch: options.batch }) }),
  }
}

function operationsOf({
  name,
  operations = OPERATIONS,
}: CaptureOptions<never>): readonly CapturedOperation[] {
  const known = OPERATIONS.filter((each) => operations.includes(each))
  if (known.length > 0 && known.length === new Set(operations).size) return known
  throw invalid(
    `The source "${name}" has the operations ${JSON.stringify(operations)}. Each must be one of ${OPERATIONS.join(', ')}.`,
  )
}

function invalid(message: string): LinkspanError {
  return new LinkspanError('CONFIG_INVALID', message)
}
