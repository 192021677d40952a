import type { Observation } from './observe.ts'
import type { Sent } from './sender.ts'
import type { Effect, Sunk } from './systems.ts'
import type { ViolationKind } from './world.ts'

/** What a run left behind. */
export interface Evidence {
  readonly sent: readonly Sent[]
  readonly fed: readonly Sunk[]
  readonly effects: readonly Effect[]
  /** Ids of accepted messages that stepped aside of their key. */
  readonly aside: ReadonlySet<string>
  /** Messages of which the network repeated a call, or left one without a word of what became of it. */
  readonly disturbed: ReadonlySet<string>
  /** Whether an engine ever died, stopped or stood still. */
  readonly interrupted: boolean
  /** By how much the clocks that two engines go by may differ, at most. */
  readonly skew: number
  /** What the last engine says, and what one says that was started after it had stopped. */
  readonly observed: Observation
  readonly again: Observation
}

/** Takes a promise that was broken. */
export type Report = (kind: ViolationKind, says: string) => void

/** A message that was accepted, as far as anybody can know. */
export interface Known {
  readonly sent: Sent
  readonly id: string
}
