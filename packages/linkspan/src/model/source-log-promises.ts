/** What of an engine's promises holds, and what is otherwise, for a flow of `durability: 'source'`. */
export interface SourceLogPromise {
  readonly promise: string
  readonly holds: 'holds' | 'otherwise'
  readonly how: string
}

/** For `linkspan check` and docs/guide/source-log.md, which a test compares. */
export const SOURCE_LOG_PROMISES: readonly SourceLogPromise[] = [
  {
    promise: 'Accepted means kept',
    holds: 'otherwise',
    how: 'The log keeps a message until it has ended, and is acknowledged only then, in the order of each partition. What its retention deletes unread is gone.',
  },
  {
    promise: 'Nothing happens twice that can happen once',
    holds: 'holds',
    how: 'Calls under key, verify and none, what they are made from, and state are on record by the place of the message in its log.',
  },
  {
    promise: 'Calls of guarantee natural',
    holds: 'otherwise',
    how: 'A message with nothing but those and pure steps leaves nothing on record: after a crash they are made again for all that was not acknowledged.',
  },
  {
    promise: 'Order per key',
    holds: 'holds',
    how: 'Among messages of one partition. One that is tried again holds its key, and what is acknowledged of its partition.',
  },
  {
    promise: 'Every message ends somewhere visible',
    holds: 'otherwise',
    how: 'Dead letters, doubts and parked messages are in the journal. Those that ended well are counted, and leave no history, trace or replay.',
  },
  {
    promise: 'Bounded',
    holds: 'holds',
    how: 'By window and windowBytes in memory. The backlog lies in the log.',
  },
]
