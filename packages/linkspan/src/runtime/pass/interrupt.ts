import type { LinkspanError, StoredError } from '../../model/errors.ts'
import type { WaitReason } from '../../model/message.ts'

/**
 * Leaves a pass from wherever it is, other than by an error that a policy decides on. Thrown, and caught only where
 * the pass was started.
 */
export class Interrupt {
  readonly reason: InterruptReason

  constructor(reason: InterruptReason) {
    this.reason = reason
  }
}

/** Why a pass is left. */
export type InterruptReason =
  /** It goes on at a time. */
  | {
      readonly kind: 'suspend'
      readonly why: WaitReason
      readonly wakeAt: number
      readonly hold: boolean
      readonly path: string
      readonly error: StoredError | null
    }
  /** A call's outcome is unknown and nobody can be asked but a person. */
  | { readonly kind: 'doubt'; readonly path: string; readonly error: LinkspanError }
  /** The record does not fit the flow. */
  | { readonly kind: 'park'; readonly path: string; readonly error: LinkspanError }
  /** A person gave the message up. */
  | { readonly kind: 'cancel'; readonly note: string }
  /** The engine stops or its journal failed: nothing more is written of this message. */
  | { readonly kind: 'abandon' }

/** Whether a thrown value is an {@link Interrupt}. */
export function isInterrupt(thrown: unknown): thrown is Interrupt {
  return thrown instanceof Interrupt
}
