import type { SourceDeclaration } from '../connect/connector.ts'
import type { FlowDefinition, SourcePlace, StepCode } from '../model/flow-definition.ts'
import type { StepContext } from './pattern.ts'

/** What is known of a whole flow by its types: what it accepts and what it replies. */
export interface FlowFacts {
  readonly accepts: unknown
  readonly replies: unknown
}

/** The names bound so far. */
export type Names = Readonly<Record<never, never>>

/** What a step function gets as its second argument: the context and the names bound so far. */
export type Context<N> = StepContext & N

/** A finished flow: its definition as data, and what of it is code. */
export interface Flow<F extends FlowFacts = FlowFacts> {
  readonly definition: FlowDefinition
  /** Code by step path. */
  readonly code: ReadonlyMap<string, StepCode>
  readonly source: SourceDeclaration<unknown>
  /** The code of the flow itself: key, index, dedupe, error policy. */
  readonly own: StepCode
  /** Where each step was written, by path; '' for the flow. */
  readonly places: ReadonlyMap<string, SourcePlace>
  /** Phantom: the flow's types. Never set. */
  readonly __facts?: (facts: F) => F
}

/**
 * A flow being written: the body's type `B` as of the last step, the names `N` bound so far, and the flow's facts `F`.
 * It is a {@link Flow} at any time, so the last step needs no closing call.
 * The steps themselves are declared by the patterns, each in its own file.
 */
export interface Steps<B, N, F extends FlowFacts> extends Flow<F> {
  /** Phantom: the body and names as of here. Never set. */
  readonly __at?: (body: B, names: N) => readonly [B, N]
}

/** The body type as of the last step of a scope or flow. */
export type BodyOf<S> = S extends Steps<infer B, infer _N, infer _F> ? B : never

/** The names bound as of the last step of a scope or flow. */
export type NamesOf<S> = S extends Steps<infer _B, infer N, infer _F> ? N : never
