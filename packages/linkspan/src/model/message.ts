import type { StoredError } from './errors.ts'

/** Plain data as JSON can hold it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** Names and values that travel with a message, lower-case names. */
export type Headers = Readonly<Record<string, string>>

/**
 * Where a message can end. Each message ends in exactly one of these; every ledger adds up over them.
 * - `done`: it reached the end of its flow.
 * - `filtered`: a step found that it is not wanted (counted).
 * - `dead`: it failed for good and waits for a person (dead letter).
 * - `inDoubt`: an effect may or may not have happened, and nobody can be asked but a person.
 * - `parked`: its flow changed in a way that its record does not fit.
 * - `dropped`: a person or a stated policy gave it up.
 */
export type Ending = 'done' | 'filtered' | 'dead' | 'inDoubt' | 'parked' | 'dropped'

/** All endings, in the order in which ledgers show them. */
export const ENDINGS: readonly Ending[] = ['done', 'filtered', 'dead', 'inDoubt', 'parked', 'dropped']

/** What a message is now: on its way (`active`), lying in the journal (`waiting`), or ended. */
export type MessageState = 'active' | 'waiting' | Ending

/**
 * Why a message lies in the journal: not yet started, pausing before a retry, delayed, until its children end, until a
 * system can be asked what became of a call, until another message comes, or until the budget of a connection has room for
 * its call.
 */
export type WaitReason = 'ready' | 'retry' | 'delay' | 'children' | 'verify' | 'event' | 'budget'

/** The parent of a message that a split, multicast or tap made. */
export interface Lineage {
  readonly parent: number
  /** The path of the step that made it. */
  readonly path: string
  readonly index: number
}

/** A message as the engine accepted it; immutable. `seq` is its place in the order of acceptance. */
export interface Message<Body = unknown> {
  readonly seq: number
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly body: Body
  readonly headers: Headers
  /** Milliseconds since 1970. */
  readonly acceptedAt: number
}

/** The summary of a message for lists. Times are milliseconds since 1970. */
export interface MessageSummary {
  readonly id: string
  readonly flow: string
  readonly key: string | null
  readonly state: MessageState
  readonly acceptedAt: number
  readonly endedAt: number | null
  readonly wakeAt: number | null
  readonly reason: WaitReason | null
  /** The connection whose budget it waits for, with the reason `budget`. */
  readonly budget?: string
  /** The step that it waits at, with the reasons `delay` and `event`: a delay, an aggregate, a circuit that is open. */
  readonly waitsAt?: string
  /** Which attempt this is, from 1: the one under way, the last one of a message that ended, the next one of one that waits. */
  readonly attempt: number
  readonly error: StoredError | null
  /** Set when the journal cannot vouch for part of it: `error` says of what, and what else is stated may be wrong. */
  readonly damaged?: true
}
