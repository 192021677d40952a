import type { StoredError } from '../model/errors.ts'
import type { Ending, Json } from '../model/message.ts'
import type { SpawnOutcome } from '../patterns/pattern.ts'
import { renamedPlace } from '../model/step-place.ts'

/**
 * Where an entry has the JSON text of its `i`, when it was made already: not stored, but written in its place. It is
 * also what was sent, should a step change the object since.
 */
export const INPUT_TEXT: unique symbol = Symbol('input text')

/**
 * One thing that happened to a message and is not a function of it: what is stored so that the message can be
 * computed again. `p` is the path of the step, `at` a time in milliseconds since 1970, `g` the generation of a call.
 */
export type Entry =
  /** A call took effect: `i` what was sent, `r` what came back, `e` why that is of no use. */
  | {
      readonly t: 'done'
      readonly p: string
      readonly at: number
      readonly ms: number
      readonly g: number
      readonly i: Json
      readonly [INPUT_TEXT]?: string
      readonly e?: StoredError
      readonly r?: Json
    }
  /** A call is about to be made: of guarantee `verify` or `none` always, under a key where a crash would not show. */
  | {
      readonly t: 'intent'
      readonly p: string
      readonly at: number
      readonly g: number
      readonly i: Json
      readonly [INPUT_TEXT]?: string
      readonly limit: number
    }
  /** A call was made and nobody knows whether it took effect. `first` is when its generation was first sent. */
  | {
      readonly t: 'unknown'
      readonly p: string
      readonly at: number
      readonly ms: number
      readonly g: number
      readonly i: Json
      readonly [INPUT_TEXT]?: string
      readonly e: StoredError
      readonly first: number
    }
  /** A call certainly did not take effect; with `first`, an attempt before it may have, the first of them then. */
  | {
      readonly t: 'failed'
      readonly p: string
      readonly at: number
      readonly ms: number
      readonly g: number
      readonly i: Json
      readonly [INPUT_TEXT]?: string
      readonly e: StoredError
      readonly first?: number
    }
  /** A step without a call failed. */
  | { readonly t: 'error'; readonly p: string; readonly at: number; readonly e: StoredError }
  /** The result of a step that is not a function of the message. */
  | { readonly t: 'value'; readonly p: string; readonly v: Json }
  /** A result that need not be met in its order when the message is computed again: the last at a path counts. */
  | {
      readonly t: 'beside'
      readonly p: string
      readonly at: number
      readonly v: Json
      /** What failed at a path, while the policies have yet to decide on it; `final` when one has tried enough. */
      readonly f?: { readonly e: StoredError; readonly at: string; readonly final: boolean }
    }
  /** Children up to `n` are made; `end` when these are all. `names` are bound for them. */
  | {
      readonly t: 'spawn'
      readonly p: string
      readonly n: number
      readonly end: boolean
      readonly names?: Json
      /** When their time is over. */
      readonly until?: number
    }
  /** All children of a step have ended. */
  | { readonly t: 'spawned'; readonly p: string; readonly o: SpawnOutcome }
  /** What was to be told once was told: a line of the log, or that the step took `ms`. Nothing hangs on it. */
  | { readonly t: 'told'; readonly p: string; readonly ms?: number }
  /** A wait that is over at `until`. */
  | { readonly t: 'pause'; readonly p: string; readonly until: number }
  /** It came to a call for which the budget of connection `c` had no room. */
  | { readonly t: 'budget'; readonly p: string; readonly c: string }
  /** A message or child was put out by this step: `b` its body. `names` are bound for the child. */
  | { readonly t: 'staged'; readonly p: string; readonly b?: Json; readonly names?: Json }
  /** The engine died while the message was running: what it had begun may have taken effect. */
  | { readonly t: 'interrupted'; readonly at: number }
  | { readonly t: 'reply'; readonly p: string; readonly r: Json }
  /** The policy of the step went on without it, or by its fallback; or the step around it went on in its stead. */
  | {
      readonly t: 'passed'
      readonly p: string
      readonly by: 'ignore' | 'fallback' | 'rescue'
      readonly at: number
      readonly e: StoredError
      /** What the steps that failed had left for those around. */
      readonly l?: readonly Json[]
    }
  /** A person said whether a call in doubt was applied. */
  | {
      readonly t: 'resolved'
      readonly p: string
      readonly at: number
      readonly applied: boolean
      readonly r?: Json
      readonly note: string
    }
  /** The message was sent again: attempts count afresh; `fresh` forgets what was recorded before. */
  | { readonly t: 'redelivered'; readonly at: number; readonly fresh: boolean; readonly note: string }
  | {
      readonly t: 'note'
      readonly at: number
      readonly what: 'cancelled' | 'skipped' | 'dropped' | 'parked' | 'lent'
      readonly note: string
    }
  /** The last body of a child whose parent joins. */
  | { readonly t: 'output'; readonly r: Json }
  /** How it ended, when there is more to say than the ending. */
  | {
      readonly t: 'end'
      readonly at: number
      readonly ending: Ending
      readonly p: string
      readonly e: StoredError | null
    }

/** How far the making of children has come, as the parent's record has it. */
export interface Made {
  readonly count: number
  readonly all: boolean
  /** When their time is over. */
  readonly until: number | undefined
}

/** The record of a message since it was last sent afresh. */
export function currentEntries(entries: readonly Entry[]): readonly Entry[] {
  const fresh = entries.findLastIndex((entry) => entry.t === 'redelivered' && entry.fresh)
  return fresh < 0 ? entries : entries.slice(fresh + 1)
}

/** The reply on record: the first one since the message was last sent afresh, or else what it had replied before. */
export function replyIn(entries: readonly Entry[]): Extract<Entry, { t: 'reply' }> | undefined {
  const isReply = (entry: Entry): entry is Extract<Entry, { t: 'reply' }> => entry.t === 'reply'
  return currentEntries(entries).find(isReply) ?? entries.findLast(isReply)
}

/** The entries that a pass meets in order when it is computed again: those that answer a step. */
export function answers(entry: Entry): entry is Extract<Entry, { p: string }> {
  switch (entry.t) {
    case 'done':
    case 'intent':
    case 'unknown':
    case 'failed':
    case 'value':
    case 'spawn':
    case 'spawned':
    case 'pause':
    case 'staged':
    case 'reply':
    case 'resolved':
      return true
    default:
      return false
  }
}

/** The names that a step bound for the children it made in the scope at a path. */
export function namesMadeAt(record: readonly Entry[], scope: string): Readonly<Record<string, unknown>> {
  const made = record.findLast((entry) => isMaking(entry, scope) && entry.names !== undefined)
  return ((made as { names?: Json } | undefined)?.names ?? {}) as Readonly<Record<string, unknown>>
}

/** When the time of the children is over that a step made in the scope at a path; undefined where they have no limit. */
export function timeOfChildrenAt(record: readonly Entry[], scope: string): number | undefined {
  const made = record.findLast((entry) => entry.t === 'spawn' && isMaking(entry, scope))
  return (made as { until?: number } | undefined)?.until
}

function isMaking(entry: Entry, scope: string): entry is Extract<Entry, { t: 'spawn' | 'staged' }> {
  return (
    (entry.t === 'spawn' || entry.t === 'staged') && (entry.p === scope || scope.startsWith(`${entry.p}/`))
  )
}

/** A record under the present paths of a flow's steps. */
export function renamed(record: readonly Entry[], paths: ReadonlyMap<string, string>): readonly Entry[] {
  if (paths.size === 0) return record
  return record.map((entry) => {
    const present = 'p' in entry ? renamedPlace(entry.p, paths) : undefined
    return present === undefined ? entry : ({ ...entry, p: present } as Entry)
  })
}
