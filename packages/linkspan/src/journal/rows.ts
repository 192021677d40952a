import type { Ending, WaitReason } from '../model/message.ts'

/** Why and until when a live message lies in the journal. */
export interface Wait {
  readonly seq: number
  readonly flow: string
  readonly key: string | null
  readonly reason: WaitReason
  /** When it is due; null when no time wakes it. */
  readonly wakeAt: number | null
  /** Whether its key is held meanwhile. */
  readonly hold: boolean
  /** The place of its parent when the parent waits for it. */
  readonly parent: number | null
  /** How many attempts went before the next one. */
  readonly attempt: number
}

/** How a message ended. */
export interface Settlement {
  readonly seq: number
  readonly ending: Ending
  readonly endedAt: number
  /** How many attempts went before the last one. */
  readonly attempt: number
  /** The last frame of its record, sealed, or null when there is nothing to keep. */
  readonly frame: Uint8Array | null
  /** The number of that frame. */
  readonly n: number
  /** A short text for lists: the error of a dead letter, the reason of a parking; '' otherwise. */
  readonly reason: string
}

/** How far a source, or the engine itself, has come. */
export interface CursorChange {
  readonly name: string
  /** Null removes it. */
  readonly value: string | null
}

/** A cursor as it is. */
export interface Cursor {
  readonly name: string
  readonly value: string
}
