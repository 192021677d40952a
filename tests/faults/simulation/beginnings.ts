/** What the flows of a run have in common: what they take, what they are called, how they begin and what they send. */
import { deadLetter, exponential, flow, inbox, retry, rules, when } from 'linkspan'
import type { Duration } from 'linkspan/connect'
import type { Connected } from './operations.ts'
import type { Sunk } from './systems.ts'

/** A message as it is sent. */
export interface Order {
  /** The same number is the same message, also when it is sent again. */
  readonly n: number
  readonly key: string
  /** How many items it has, for a split. */
  readonly items: number
  readonly delayMs: number
  /** What `dedupe` takes for the same. */
  readonly same: number
  readonly fate: 'plain' | 'other' | 'filtered' | 'poison'
}

/** Flows that are sent to. */
export const SENT_TO = [
  'plain',
  'keyed',
  'verified',
  'bare',
  'again',
  'chain',
  'parts',
  'later',
  'held',
  'once',
  'counter',
  'relay',
  'ask',
  'sieve',
  'fan',
  'spare',
  'mended',
  'limited',
  'rounds',
  'balanced',
  'asked',
  'waits',
  'managed',
  'routed',
  'paced',
  'guarded',
  'gathered',
  'ordered',
  'told',
  'booked',
] as const
export type SentTo = (typeof SENT_TO)[number]

/** Flows that are fed otherwise: by a channel, by the clock, by polling. */
export type FlowName = SentTo | 'relayed' | 'heard' | 'raised' | 'ticks' | 'feed' | 'collected'

/** How the flows are made. */
export interface FlowOptions {
  readonly connected: Connected
  /** The key of a message; null where order is not kept. */
  readonly keyOf: (body: { readonly key: string }) => string | null
  readonly missed: 'once' | 'all'
  /** How much of a flow runs and is kept in memory at once; what is beyond waits in the journal. */
  readonly bounds: { readonly concurrency: number; readonly window: number }
  /** Which of two deployments: the other one has a step more, of which nothing is on record. */
  readonly deployed: 'first' | 'second'
  /**
   * Which of two versions, that engines run side by side: a step of `chain` and of `held` has another name in the next
   * one, so that what has the step on record fits one of them only. Of such calls it is on record that they are begun, or they may be
   * repeated.
   */
  readonly version: 'this' | 'next'
}

/** The value of a message's effect. */
export const worth = (n: number): number => n * 7 + 1

export const onError = rules(
  when('BODY_INVALID', deadLetter()),
  when('CALL_REJECTED', deadLetter()),
  retry({ attempts: 10_000, backoff: exponential('100ms', '5s') }),
)

/** The beginning of a flow that is sent to. */
export function begin(
  name: FlowName,
  { keyOf, bounds, deployed }: FlowOptions,
  settings: { readonly timeLimit?: Duration } = {},
) {
  const begun = flow(name, { onError, ...bounds, ...settings }).from(inbox<Order>(), {
    key: keyOf,
    index: { n: (body) => body.n },
    dedupeFor: '1000d',
  })
  return deployed === 'first' ? begun : begun.map('passed on', (body) => body)
}

/** What a step sends of a message. */
export function sunk(name: FlowName, step: string, item: string | number = '') {
  return (body: Order): Sunk => ({
    flow: name,
    n: body.n,
    key: body.key,
    step,
    item: String(item),
    value: worth(body.n),
  })
}
