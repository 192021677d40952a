/** A random project as plain data: what is drawn from a seed, built as flows, and interpreted by the reference. */
import type { Draws } from '../simulation/draws.ts'
import type { SystemName } from '../simulation/failpoints.ts'

/** What every message of these flows carries. */
export interface Thing {
  /** The number of the accepted message that it comes from. */
  readonly n: number
  readonly key: string
  /** Its place among the messages of its key, for a resequencer. */
  readonly place: number
  /** What the steps compute with, from 0 to 996. */
  readonly v: number
  /** Which turn, child or branch of its message it is: with the step, the identity of what it does. */
  readonly at: readonly string[]
}

/** The identity of a message or a part of it. */
export const identityOf = ({ n, at }: Pick<Thing, 'n' | 'at'>): string => [n, ...at].join('/')

const PRIME = 997

/** Another value from a value, so that a step that is left out, repeated or exchanged shows in all that follows. */
export const mixed = (v: number, by: number): number => (v * 31 + by + 7) % PRIME

/** A step as data. Each kind has fields of its own. */
export interface Step {
  /** The engine's name of its kind. */
  readonly kind: string
  readonly name: string
}

export type Sequence = readonly Step[]

/** A flow as data. */
export interface FlowRecipe {
  readonly name: string
  /** The channel it reads; null when it is sent to. */
  readonly channel: string | null
  readonly steps: Sequence
  /** Its branch for what failed for good. */
  readonly fallback: Sequence | null
  /** What is done when a message has come to its end; null where nothing is. */
  readonly completion: CompletionRecipe | null
  readonly bounds: { readonly concurrency: number; readonly window: number }
}

/** A hook on completion as data. */
export interface CompletionRecipe {
  readonly name: string
  readonly on: 'success' | 'failure' | 'any'
  readonly steps: Sequence
}

/** A channel between flows. */
export interface ChannelRecipe {
  readonly name: string
  readonly kind: 'queue' | 'topic'
}

/** A message that is to be sent to the first flow. */
export interface Delivery {
  readonly thing: Thing
  /** Messages of an epoch meet; everything of it has ended when the next one begins. */
  readonly epoch: number
}

/** A run as data. */
export interface Recipe {
  readonly flows: readonly FlowRecipe[]
  readonly channels: readonly ChannelRecipe[]
  /** Steps that wait for an event which somebody raises this much later. */
  readonly raises: readonly { readonly step: string; readonly afterMs: number }[]
  readonly deliveries: readonly Delivery[]
}

/** In which order messages of a key come to a step, one wholly before the next. */
export type Order = 'accepted' | 'places' | 'none'

/** What is known of the place for which a step is drawn. */
export interface Maker {
  readonly draws: Draws
  /** Changes as steps are drawn: whoever comes later finds what those before left. */
  readonly way: { order: Order }
  /** Whether the messages of this flow may let go of their key before they end. */
  readonly frees: boolean
  /** How many scopes are around the place. */
  readonly depth: number
  /** How many turns and children: the length of {@link Thing.at}. */
  readonly turns: number
  /** Whether steps here may be met more than once by one message. */
  readonly inTurns: boolean
  readonly inChild: boolean
  /** Whether not all messages come here, so that it may end. */
  readonly inBranch: boolean
  /** Whether it is in the flow that messages are sent to. */
  readonly isFirst: boolean
  /** Whether nothing comes after the step. */
  readonly isLast: boolean
  /** A name that no other step has. */
  name(): string
  /** Whether there is room for so many times what comes here now. */
  mayMultiply(by: number): boolean
  /** Draws the steps of a scope. */
  scope(change?: ScopeChange): Sequence
  /** Draws a flow behind a new channel, and answers the channel's name. */
  channel(order: Order): string
  /** Has an event raised for a step by somebody else. */
  raise(step: string, afterMs: number): void
}

/** How a scope differs from what is around it. */
export interface ScopeChange {
  readonly turns?: number
  readonly times?: number
  readonly inTurns?: boolean
  readonly inChild?: boolean
  readonly inBranch?: boolean
}

/** The guarantees of systems that a step may call anywhere: one in doubt would wait for a person. */
export const CALLED: readonly SystemName[] = ['natural', 'key', 'key', 'verify', 'none']

/** Whether a wait drawn here holds its key; one that does not leaves no order behind. */
export function holds({ way, frees, inTurns, draws }: Maker): boolean {
  if (way.order === 'none') return draws.chance(0.3)
  if (frees && !inTurns && draws.chance(0.3)) {
    way.order = 'none'
    return false
  }
  return true
}
