import type { StoredError } from '../../model/errors.ts'
import type { Json } from '../../model/message.ts'
import type { Entry } from '../record.ts'

/** What the record says of a call. */
export interface CallState {
  /** The recorded outcome, when it took effect. */
  readonly done: {
    readonly input: Json | undefined
    readonly result: unknown
    readonly error: StoredError | null
  } | null
  /** Advances with each definitive failure and each redelivery, not while an outcome is unknown. */
  readonly generation: number
  /** A send whose outcome is not on record, or is on record as unknown. */
  readonly open: { readonly input: Json; readonly first: number; readonly limitMs: number | null } | null
  /** Failures since the message was last sent again. */
  readonly failures: number
  /** Whether anything is on record of it, what a person said included. */
  readonly known: boolean
}

/** The state of a call that nothing is recorded of. */
export const UNTOUCHED: CallState = { done: null, generation: 0, open: null, failures: 0, known: false }

/** Reads the state of the call at a path from a message's record. Generations start at `base`. */
export function callState(entries: readonly Entry[], path: string, base: number): CallState {
  return entries.reduce((state, entry) => step(state, entry, path), { ...UNTOUCHED, generation: base })
}

function step(state: CallState, entry: Entry, path: string): CallState {
  if (entry.t === 'redelivered') return redelivered(state)
  if (!('p' in entry) || entry.p !== path) return state
  const next = outcome(state, entry)
  return next === state ? state : { ...next, known: true }
}

function outcome(state: CallState, entry: Entry): CallState {
  switch (entry.t) {
    case 'done':
      return { ...state, done: { input: entry.i, result: entry.r, error: entry.e ?? null }, open: null }
    case 'intent':
      return {
        ...state,
        open: { input: entry.i, first: state.open?.first ?? entry.at, limitMs: entry.limit },
      }
    case 'unknown':
      return {
        ...state,
        open: { input: entry.i, first: entry.first, limitMs: state.open?.limitMs ?? null },
        failures: state.failures + 1,
      }
    case 'failed':
      return failed(state, entry)
    case 'resolved':
      return resolved(state, entry)
    default:
      return state
  }
}

function failed(state: CallState, { g, i, first }: Extract<Entry, { t: 'failed' }>): CallState {
  const failures = state.failures + 1
  if (first === undefined) return { ...state, open: null, generation: g + 1, failures }
  return { ...state, open: { input: i, first, limitMs: state.open?.limitMs ?? null }, failures }
}

/**
 * Sent again: attempts count afresh. An open call keeps its generation, since it may have taken effect; so does one that
 * nothing is on record of, as an engine that died may have made it.
 */
function redelivered(state: CallState): CallState {
  const mayHaveTakenEffect = state.open !== null || !state.known
  return { ...state, failures: 0, generation: mayHaveTakenEffect ? state.generation : state.generation + 1 }
}

function resolved(state: CallState, entry: Extract<Entry, { t: 'resolved' }>): CallState {
  if (entry.applied) return { ...state, done: { input: undefined, result: entry.r, error: null }, open: null }
  return { ...state, open: null, generation: state.generation + 1 }
}
