/**
 * What the processes of this example say to each other: environment variables, headers, bodies and log lines.
 * Types and names only; no process shares behaviour with another through this file.
 */

/** Where a message can end. */
export const ENDINGS = ['done', 'filtered', 'dead', 'inDoubt', 'parked', 'dropped'] as const
export type Ending = (typeof ENDINGS)[number]
export type MessageState = 'waiting' | 'active' | Ending

/** The protections that `--unsafe` can switch off. */
export const UNSAFE = ['no-dedupe', 'no-journal'] as const
export type Unsafe = (typeof UNSAFE)[number]

/** The outside systems, one for each guarantee. */
export const SINKS = ['board', 'bugs', 'subscribers', 'chat'] as const
export type Sink = (typeof SINKS)[number]

/** The webhook subscribers that every task change goes to. */
export const SUBSCRIBERS = ['billing', 'search', 'reports'] as const

/** The environment that the runner gives the hub. */
export interface HubEnvironment {
  /** The port to listen on, on 127.0.0.1. */
  readonly HUB_PORT: string
  /** A folder for the hub's own data; kept over restarts. */
  readonly HUB_DATA: string
  readonly HUB_MODE: 'live' | 'once'
  /** Empty, or the protection to switch off. */
  readonly HUB_UNSAFE: Unsafe | ''
  readonly GITHUB_WEBHOOK_SECRET: string
  readonly BOARD_URL: string
  readonly BUGS_URL: string
  readonly SUBSCRIBERS_URL: string
  readonly CHAT_URL: string
}

/** `PUT /board/tasks/:id`: the whole state of a task. An older `version` than the board's is answered, not applied. */
export interface BoardTask {
  readonly taskId: string
  /** The task's `updated_at`, in milliseconds since 1970. */
  readonly version: number
  readonly deliveryId: string
  readonly title: string
  readonly state: string
}

/** `POST /bugs` with `Idempotency-Key`. */
export interface BugTask {
  readonly title: string
  readonly repository: string
  readonly deliveryId: string
}

/** `POST /subscribers/:name/events` with the mark in `X-Event-Id`. Changes by the task API have no delivery. */
export interface TaskChange {
  readonly taskId: string
  readonly version: number
  readonly deliveryId: string | null
  readonly title: string
  readonly state: string
}

/** `POST /chat/messages`. The text ends with `[delivery <id>]`, for the checker's eyes only. */
export interface ChatMessage {
  readonly channel: string
  readonly text: string
}

/** `GET /messages/:id` of the hub. */
export interface MessageAnswer {
  readonly id: string
  readonly flow: string
  readonly state: MessageState
}

/** What the feeder does with a delivery; a duplicate repeats the id of one that was acknowledged before. */
export type DeliveryKind = 'normal' | 'duplicate' | 'out-of-order' | 'planted'

/** What the feeder's log says of a delivery when it is acknowledged. */
export interface Acceptance {
  readonly deliveryId: string
  readonly messageId: string
  readonly key: string
  /** The place among the distinct deliveries of its key. */
  readonly seq: number
  readonly kind: DeliveryKind
  /** Whether the hub called it a duplicate. */
  readonly duplicate: boolean
  readonly githubEvent: string
  readonly action: string | null
  readonly conclusion: string | null
  readonly taskId: string | null
  readonly version: number | null
  /** What was planted, for kind `planted` and duplicates of it. */
  readonly defect: string | null
}

/** The lines of `feeder.ndjson`. */
export type FeederLine =
  | { readonly event: 'start'; readonly seed: number; readonly messages: number | null; readonly hub: string }
  | {
      readonly event: 'attempt'
      readonly deliveryId: string
      readonly kind: DeliveryKind
      readonly attempt: number
    }
  | {
      readonly event: 'failed'
      readonly deliveryId: string
      readonly attempt: number
      readonly reason: string
    }
  | ({ readonly event: 'accepted' } & Acceptance)
  | { readonly event: 'refused'; readonly deliveryId: string; readonly status: number; readonly body: string }
  | { readonly event: 'ended'; readonly messageId: string; readonly state: Ending }
  | { readonly event: 'missing'; readonly messageId: string; readonly state: string }
  | { readonly event: 'finish'; readonly accepted: number; readonly ended: number; readonly missing: number }

/** How a simulator can misbehave. `slow-before` and `slow-after` are about applying. */
export const FAULTS = [
  'error-500',
  'error-503',
  'limit-429',
  'drop-before',
  'drop-after',
  'hang-after',
  'slow-before',
  'slow-after',
  'not-json',
] as const
export type Fault = (typeof FAULTS)[number]

/** The faults after which a caller cannot know whether its request was applied. */
export const UNKNOWN_OUTCOME: readonly Fault[] = [
  'error-500',
  'drop-before',
  'drop-after',
  'hang-after',
  'not-json',
]

/** An effect that a simulator applied. Fields that a sink has no use for are null. */
export interface Effect {
  readonly deliveryId: string | null
  /** The subscriber's name; null at the other sinks. */
  readonly subscriber: string | null
  readonly taskId: string | null
  readonly version: number | null
  /** A hash of the body, so that a repetition with other content shows. */
  readonly digest: string
  readonly mark: string | null
  /** The text of a chat message. */
  readonly text: string | null
  /** `subscribers` only: this mark had been applied before. */
  readonly again: boolean
}

/** The lines of `board.ndjson`, `bugs.ndjson`, `subscribers.ndjson` and `chat.ndjson`. */
export type SinkLine =
  | {
      readonly event: 'request'
      readonly request: number
      readonly method: string
      readonly path: string
      readonly deliveryId: string | null
      readonly attempt: number
      readonly fault: Fault | null
    }
  | ({ readonly event: 'effect'; readonly request: number } & Effect)
  | {
      /** Written before the reply goes out; `status` null means that there will be none. */
      readonly event: 'reply'
      readonly request: number
      readonly status: number | null
      /** True when the caller cannot know whether it was applied. */
      readonly unknown: boolean
      /** How many unknown outcomes this sink has caused until now. */
      readonly unknownOutcomes: number
      readonly note: string
    }
  | { readonly event: 'gone'; readonly request: number; readonly unknownOutcomes: number }

/** The lines of `runner.ndjson`. */
export type RunnerLine =
  | {
      readonly event: 'start'
      readonly seed: number
      readonly messages: number
      readonly unsafe: Unsafe | ''
    }
  | { readonly event: 'hub'; readonly pid: number; readonly readyMs: number }
  | {
      readonly event: 'kill'
      readonly pid: number
      readonly accepted: number
      readonly ended: number
      readonly inFlight: number
    }
  | {
      /** A doubt was settled: the message was said to have been applied, or sent again. */
      readonly event: 'resolved'
      readonly messageId: string
      readonly deliveryId: string
      readonly sentAgain: boolean
      /** When the hub was told, in milliseconds since 1970; the line is written when it has ended. */
      readonly at: number
      /** How it ended then; null when it did not. */
      readonly state: Ending | null
    }
  | { readonly event: 'finish'; readonly seconds: number }

/** The ledger: the last line of `--once --json`. */
export interface Ledger {
  readonly accepted: number
  readonly done: number
  readonly filtered: number
  readonly dead: number
  readonly inDoubt: number
  readonly parked: number
  readonly dropped: number
  readonly lost: number
  readonly doubled: number
  readonly outOfOrder: number
  readonly kills: number
  readonly seed: number
  readonly seconds: number
}
