/** What the reference interpreter knows of one message on its way. It shares no code with the engine. */
import type { SystemName } from '../simulation/failpoints.ts'
import type { Sequence, Thing } from './recipe.ts'

/** How a step or a sequence of them ended: it goes on, the message has ended, or it failed for good with a code. */
export type Outcome = 'on' | { readonly end: 'done' | 'filtered' } | { readonly fail: string }

/** What a message waits for that others decide. */
export type Hold =
  | { readonly hold: 'group'; readonly group: Group }
  | { readonly hold: 'sequence'; readonly line: Line; readonly place: number }

/** The way of a message through steps: it stops where it waits, and is answered whether its time was over. */
export type Course = Generator<Hold, Outcome, void>

/** Messages that are to become one. */
export interface Group {
  sum: number
  count: number
  /** One without a time waits for good, unless a member completes it. */
  state: 'open' | 'timed' | 'complete'
}

/** How far a sequence of places is. */
export interface Line {
  next: number
}

/** What has to happen in a system. */
export interface Expected {
  readonly flow: string
  readonly step: string
  /** {@link Thing.at} of who does it. */
  readonly item: string
  readonly n: number
  readonly key: string
  readonly system: SystemName
  /** Null where it follows from an order that nobody promises. */
  readonly value: number | null
  /** What has to happen before it. */
  readonly after: readonly Expected[]
  /** Messages of one stream take effect in the order of their ranks, one wholly before the next. */
  readonly stream: { readonly name: string; readonly rank: number } | null
  /** The message that does it. */
  readonly by: Message
  /** Of all with the same choice and label, or of none of them. */
  readonly choice: { readonly of: Choice; readonly label: string } | null
}

/** One of several targets is taken, by a rule that is not computed here. */
export interface Choice {
  readonly flow: string
  readonly step: string
  readonly rule: 'roundRobin' | 'random' | 'stickTo'
  readonly weights: Readonly<Record<string, number>>
  readonly key: string
}

/** A message as the reference has it. */
export interface Message {
  readonly flow: string
  readonly thing: Thing
  readonly parent: Message | null
  /** The message that put it out, and did not wait for it. */
  readonly stagedBy: Message | null
  /** Whether it is made only if it came before one that failed. */
  readonly isPerhaps: boolean
  /** Null as long as it waits. */
  ending: 'done' | 'filtered' | 'dead' | null
  /** What it replied first. */
  reply: { readonly value: number } | null
}

/**
 * Whether it may not be there at all: what a message has put out since its last commit is not sent when it fails for good,
 * and a failed child may end the making of more.
 */
export function isUncertain({ stagedBy, parent, isPerhaps }: Message): boolean {
  if (isPerhaps) return true
  if (stagedBy !== null && (stagedBy.ending === 'dead' || isUncertain(stagedBy))) return true
  return parent !== null && isUncertain(parent)
}

/** What a saga undoes, and the body that it begins with. */
export interface Undo {
  readonly steps: Sequence
  readonly thing: Thing
}

/** How a child ended. */
export interface Child {
  /** Null where nothing is left of it for a join. */
  readonly output: Thing | null
  readonly dead: boolean
  readonly frontier: readonly Expected[]
}

/** One message on its way. */
export interface Walk {
  thing: Thing
  readonly flow: string
  readonly message: Message
  /** What took effect last, of which all has to be there before what comes next. */
  frontier: readonly Expected[]
  /** Null once it has let go of its key. */
  stream: Expected['stream']
  /** What the sagas around this place have to undo, the innermost saga's last. */
  sagas: readonly Undo[][]
  /** A cell of state of a step, made when it is not there. */
  cell<T>(step: string, key: string, make: () => T): T
  /** Which epoch it is. */
  epoch(): number
  /** Says that something takes effect here. */
  effect(system: SystemName, step: string, value: number | null): Expected
  /** Says that one of several takes effect here. */
  choice(choice: Choice, label: string, step: string, system: SystemName, value: number): void
  /** Counts one visit of a step whose value says how many came before, in an order that nobody promises. */
  counted(step: string): void
  /** Counts one visit of a step that puts all of all keys into groups. */
  pooled(step: string, size: number): void
  run(steps: Sequence): Course
  /** Runs steps as a child, and answers what it ended with; null when that is nothing. */
  child(thing: Thing, steps: Sequence, isPerhaps: boolean): Generator<Hold, Child, void>
  /** Sends off a child that nobody waits for. */
  detach(steps: Sequence): void
  /** `inOrder` when those behind the channel may rely on the order of what is published. */
  publish(channel: string, thing: Thing, inOrder: boolean): void
  logged(step: string): void
}
