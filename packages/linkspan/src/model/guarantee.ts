import type { Duration } from './duration.ts'

/** Repeating the call is harmless (PUT of a whole state, delete by id, a read). */
export interface Natural {
  readonly kind: 'natural'
}

/** The system knows our idempotency key and answers a repeated one from its memory. */
export interface ByKey {
  readonly kind: 'key'
  /** How long the system remembers a key; past it the call is settled as `verify` or `none`. */
  readonly validFor: Duration
}

/** The system can be asked afterwards whether a call was applied. */
export interface ByVerify {
  readonly kind: 'verify'
  /** How long after the call's time limit an answer can be trusted. */
  readonly settleAfter: Duration
}

/** Neither repeatable nor askable: an unknown outcome becomes *in doubt*. */
export interface NoGuarantee {
  readonly kind: 'none'
}

/** What an operation promises about being called again. Declared as data by the connector, never assumed. */
export type Guarantee = Natural | ByKey | ByVerify | NoGuarantee
