import type { SourceDeclaration } from '../connect/connector.ts'
import type { StoredError } from '../model/errors.ts'
import type { FlowDefinition, SourcePlace, StepCode } from '../model/flow-definition.ts'
import type { StepContext } from './pattern.ts'

/** What is known of a whole flow by its types: what it accepts and what it replies. */
export interface FlowFacts {
  readonly accepts: unknown
  readonly replies: unknown
}

/** The facts of a flow that accepts `A` and replies `R`; `never` when nothing replies. */
export interface Facts<A, R> extends FlowFacts {
  readonly accepts: A
  readonly replies: R
}

/** No name bound yet: what the names `N` of a flow start as. */
export type NoNames = unknown

/** A value bound to a name by `as`. */
export type Bound<K extends string, V> = { readonly [P in K]: V }

/** What a step function gets as its second argument: the context and the names bound so far. */
export type Context<N> = StepContext & N

/** A name that `as` may take: none that the context has or that is bound already. */
export type NewName<K extends string, N> = K extends keyof StepContext | keyof Failed | keyof N
  ? `"${K}" is taken: choose another name`
  : K

/** What the context of a fallback has beside the names: the error that led there. */
export interface Failed {
  readonly error: StoredError
}

/**
 * Where a step's result goes: with a name it is bound beside the body, without one (`K` is never) it is the body.
 * The same rule holds for every step that has a result.
 */
export type Placed<B, N, F extends FlowFacts, K extends string, V> = [K] extends [never]
  ? Steps<V, N, F>
  : Steps<B, N & Bound<K, V>, F>

/** A finished flow: its definition as data, and what of it is code. */
export interface Flow<F extends FlowFacts = FlowFacts> {
  readonly definition: FlowDefinition
  /** Code by step path. */
  readonly code: ReadonlyMap<string, StepCode>
  readonly source: SourceDeclaration<unknown>
  /** The code of the flow itself: key, index, dedupe, error policy. */
  readonly own: StepCode
  /** A short hash of the definition and the text of all functions: it changes when the flow's code does. */
  readonly codeVersion: string
  /** Where each step was written, by path; '' for the flow. */
  readonly places: ReadonlyMap<string, SourcePlace>
  /** Phantom: the flow's types. Never set. */
  readonly __facts?: () => F
}

/**
 * What a scope function answers: steps that end with a body `B` in a flow of the facts `F`. The steps are looked at
 * only in this way, so that a mistake in a scope is told in few words.
 */
export interface Ended<B, F extends FlowFacts> {
  readonly definition: FlowDefinition
  /** Phantom: what the steps end with. Never set. */
  readonly __ended?: () => readonly [B, F]
}

/**
 * A flow being written: the body's type `B` as of the last step, the names `N` bound so far, and the flow's facts `F`.
 * It is a {@link Flow} at any time, so the last step needs no closing call.
 * The steps themselves are declared by the patterns, each in its own file.
 */
export interface Steps<B, N, F extends FlowFacts> extends Flow<F>, Ended<B, F> {
  /** Phantom: the names as of here. Never set. */
  readonly __names?: () => N
}

/** The body type as of the last step of a scope or flow. */
export type BodyOf<S> = S extends { readonly __ended?: () => readonly [infer B, unknown] } ? B : never

/** The names bound as of the last step of a scope or flow. */
export type NamesOf<S> = S extends { readonly __names?: () => infer N } ? N : never
