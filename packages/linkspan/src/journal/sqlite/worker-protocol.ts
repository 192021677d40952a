import type { StoredError } from '../../model/errors.ts'
import type { Logger } from '../../model/outside.ts'
import type { Damage, Opened } from '../journal.ts'
import type { PackedBatch } from './batch-packing.ts'
import type { StoreCalls, StoreOptions } from './store.ts'

/** What a worker is started for. */
export type WorkerTask =
  | { readonly task: 'store'; readonly options: StoreOptions }
  | { readonly task: 'verify'; readonly path: string }

/** A call to the store in the worker. */
export type WorkerCall =
  | { readonly id: number; readonly name: 'commit'; readonly batch: PackedBatch; readonly at: number }
  | {
      readonly id: number
      readonly name: Exclude<keyof StoreCalls, 'commit'>
      readonly args: readonly unknown[]
    }

/** What the worker says. */
export type WorkerReport =
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'refused'; readonly error: StoredError }
  | { readonly kind: 'answer'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'failed'; readonly id: number; readonly error: StoredError }
  | { readonly kind: 'log'; readonly line: Parameters<Logger['log']> }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'verified'; readonly damage: readonly Damage[] }
