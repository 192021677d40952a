import type { Headers } from '../model/message.ts'

/** How to send one message. */
export interface SendOptions {
  readonly headers?: Headers
  /** Overrides the key that the flow's source would derive. */
  readonly key?: string
  /** A repeated one answers the first message's id and is not accepted again. */
  readonly dedupeKey?: string
}

/** What the sender of a message is told, after the commit. */
export interface Accepted {
  readonly id: string
  readonly duplicate: boolean
}

/** How an event is raised from outside. */
export type SendEventOptions = Pick<SendOptions, 'headers' | 'dedupeKey'>
