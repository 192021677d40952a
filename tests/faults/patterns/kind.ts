import type { Channel, EventDeclaration, Facts, NoNames, StepContext, Steps } from 'linkspan'
import type { SystemName } from '../simulation/failpoints.ts'
import type { Operations } from '../simulation/operations.ts'
import type { Sunk } from '../simulation/systems.ts'
import type { Maker, Sequence, Step, Thing } from './recipe.ts'
import type { Course, Outcome, Walk } from './walk.ts'

/** Steps that begin and end with a {@link Thing}. Names that they bind are read by {@link named}. */
export type Chain = Steps<Thing, NoNames, Facts<Thing, unknown>>

/** What steps are built with. */
export interface Builder {
  /** The name of the flow. */
  readonly flow: string
  sequence(steps: Chain, sequence: Sequence): Chain
  /** The operation of a system, or one that rejects some of its inputs. */
  operation<S extends SystemName>(system: S, strict: boolean): Operations[S]
  /** What a step sends of a body. */
  sunk(
    step: string,
    value?: (body: Thing, ctx: StepContext) => number,
  ): (body: Thing, ctx: StepContext) => Sunk
  channel(name: string): Channel<Thing>
  event(name: string): EventDeclaration<number>
}

/** A kind of step: how it is drawn, how it is built, and what it means. */
export interface Kind<S extends Step = Step> {
  /** The engine's name of it. */
  readonly kind: S['kind']
  /** Draws one; null where it cannot stand. */
  draw(maker: Maker, name: string): S | null
  build(steps: Chain, step: S, builder: Builder): Chain
  /** What it does to a message, written anew: at once, or on a way on which it may wait. */
  run(step: S, walk: Walk): Outcome | Course
}

/** A kind among others. */
export const kindOf = <S extends Step>(kind: Kind<S>): Kind => kind as unknown as Kind

/** A chain whose body and names the types have lost sight of. */
export const asChain = (steps: unknown): Chain => steps as Chain

/** What `as` or the engine bound to a name. */
export const named = <T>(ctx: StepContext, name: string): T =>
  (ctx as unknown as Readonly<Record<string, T>>)[name] as T

/** What the strict operation of a system rejects. */
export const isRejected = (value: number): boolean => value % 4 === 1
