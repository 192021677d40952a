/** A case for both engines: what a route is made of, and what is sent through it. Plain data, as it goes to Camel as JSON. */
import type { Json } from 'linkspan'

/** What a message carries. Steps add fields of their own beside these. */
export interface Body {
  readonly id: string
  /** The correlation key. */
  readonly k: string
  readonly n: number
  readonly items: readonly number[]
  /** Names of branches. */
  readonly to: readonly string[]
  /** What it came through. */
  readonly trail: readonly string[]
  /** A message that completes all groups, itself a member or not. */
  readonly signal?: 'all' | 'inclusive'
}

/** A predicate of `n`. */
export type Test =
  | { readonly mod: number; readonly of: readonly number[]; readonly throws?: readonly number[] }
  | { readonly below: number }

export interface Branch {
  readonly name: string
  readonly steps: readonly Step[]
}

/** How the copies of a fan-out run, and what becomes of their answers. */
export interface FanOut {
  readonly parallel: boolean
  readonly stopOnError: boolean
  /** `latest` goes on with the last answer, `collect` with all of them as `joined`. */
  readonly join: 'none' | 'latest' | 'collect'
  /** For Camel: without a join the body stays, and failures are the copies' own. */
  readonly original?: boolean
  /** For Camel: what was filtered has no answer. */
  readonly skipFiltered?: boolean
}

/** How a group becomes complete. Times are in ticks. */
export interface Completion {
  readonly size?: number
  /** The size is the `n` of each member. */
  readonly sizeOfMember?: boolean
  readonly timeout?: number
  readonly interval?: number
  /** When the sum of all `n` is so much. */
  readonly sum?: number
  /** When this is true of a member. */
  readonly last?: Test
  /** Whether a closed key is refused. */
  readonly closed?: boolean
  /** Whether groups are completed when the engine stops. */
  readonly onStop?: boolean
}

/** Messages that are gathered and put in order; without it each waits for its place. */
export interface Batch {
  readonly size: number
  readonly reverse: boolean
  /** Whether what has the place of another goes on too. */
  readonly twice: boolean
}

/** When a load balancer goes to the next target, and how often; `attempts` counts the first one, null is each once. */
export interface Failover {
  readonly errors: 'any' | 'io'
  readonly attempts: number | null
  readonly start: 'first' | 'roundRobin' | 'sticky'
}

/** One step. `do` is the word of the case's language; each engine makes of it what it has for that. */
export type Step =
  | { readonly do: 'mark'; readonly with: string }
  | { readonly do: 'add'; readonly by: number }
  /** Marks the number of the loop's turn. */
  | { readonly do: 'turn' }
  /** What is observed from outside. */
  | { readonly do: 'see'; readonly at: string }
  /** The two kinds of failures are told apart by a failover. */
  | { readonly do: 'fail'; readonly when: Test; readonly as?: 'io' }
  /** `stops` is for Camel: what does not fit ends, and not just the block. */
  | { readonly do: 'filter'; readonly when: Test; readonly stops?: boolean }
  | {
      readonly do: 'choice'
      readonly branches: readonly { readonly when: Test; readonly steps: readonly Step[] }[]
      readonly otherwise: readonly Step[] | null
    }
  | ({ readonly do: 'split'; readonly each: readonly Step[] } & FanOut)
  | ({ readonly do: 'multicast'; readonly branches: readonly Branch[] } & FanOut)
  | ({
      readonly do: 'recipients'
      readonly branches: readonly Branch[]
      readonly ignoreUnknown: boolean
    } & FanOut)
  | { readonly do: 'slip'; readonly branches: readonly Branch[]; readonly ignoreUnknown: boolean }
  /** The next branch is `table[n mod its length]`, until `n` reaches `until`; so each branch has to add to `n`. */
  | {
      readonly do: 'router'
      readonly branches: readonly Branch[]
      readonly table: readonly string[]
      readonly until: number
    }
  | {
      readonly do: 'balance'
      readonly by: 'roundRobin' | 'weighted' | 'sticky'
      readonly targets: readonly (Branch & { readonly weight: number })[]
    }
  /** For Camel: an empty identity is none, and a failure forgets nothing that another message has done. */
  | ({ readonly do: 'failover'; readonly targets: readonly Branch[] } & Failover)
  | {
      readonly do: 'dedupe'
      readonly remember: 'seen' | 'unlessFailed' | 'done'
      readonly emptyIsNone?: boolean
      readonly doneStays?: boolean
    }
  | {
      readonly do: 'loop'
      /** `n` is the message's own. */
      readonly times: number | 'n' | { readonly while: Test }
      readonly copy: boolean
      readonly steps: readonly Step[]
      /** For Camel: a negative number of turns fails. */
      readonly negativeFails?: boolean
    }
  | {
      readonly do: 'claim'
      readonly op: 'set' | 'get' | 'getAndRemove' | 'push' | 'pop'
      readonly key: string
    }
  | { readonly do: 'sort'; readonly by: 'up' | 'down' | { readonly mod: number } }
  /** Asks a resource, which is made of steps that mark, add and fail. */
  | {
      readonly do: 'enrich'
      readonly resource: readonly Step[]
      /** Whether the answer becomes the body, or stands beside it as `got`. */
      readonly replaces: boolean
      /** Whether a resource that failed leaves `got` null. */
      readonly rescued: boolean
    }
  | { readonly do: 'aggregate'; readonly complete: Completion }
  | {
      readonly do: 'resequence'
      readonly timeout: number
      readonly late: 'fail' | 'pass'
      readonly batch?: Batch
    }
  /** Opens at half of so many calls, is open for so many ticks, and then tried by some. */
  | {
      readonly do: 'breaker'
      readonly steps: readonly Step[]
      readonly calls: number
      readonly minimum: number
      readonly openFor: number
      readonly trials: number
      /** Without it, what is not let through fails. */
      readonly fallback: readonly Step[] | null
    }
  /** Waits so many ticks. */
  | { readonly do: 'delay'; readonly ticks: number }

/** One message of a schedule. */
export interface Sent {
  /** The tick at which it is sent; without `ticks` one is sent when the one before it has ended. */
  readonly at: number
  readonly body: Body
}

/** A route with what is sent through it. */
export interface Case {
  readonly id: string
  readonly pattern: string
  readonly steps: readonly Step[]
  readonly messages: readonly Sent[]
  /** How many ticks it lasts; 0 where time plays no part. */
  readonly ticks: number
  /** Whether the order of what is seen is compared. */
  readonly ordered: boolean
  /** How many ticks there have been of an interval when the case begins. */
  readonly begins?: number
  /** For Camel: how many ticks before the case its route was started. */
  readonly routeRuns?: number
  /** Whether the engine is stopped at the end. */
  readonly stops?: boolean
}

/** One observation. */
export interface Seen {
  readonly at: string
  readonly body: Json
  /** The tick in which it was seen, where time plays a part. */
  readonly tick?: number
}

/** What an engine made of a case. */
export interface Outcome {
  readonly seen: readonly Seen[]
  /** How each message ended, in the order of sending. */
  readonly ends: readonly ('ended' | 'failed')[]
}
