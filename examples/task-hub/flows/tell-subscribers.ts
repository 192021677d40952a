import { exponential, flow, retry } from 'linkspan'
import { SUBSCRIBERS } from '../protocol.ts'
import { tellSubscriber } from '../systems/subscribers.ts'
import { taskChanges } from './task-changes.ts'

/** Task changes go out to the subscribers, to each by itself: one that fails does not keep the others. */
export const tellSubscribers = flow('tell subscribers', {
  summary: 'Sends each change of a task to every subscriber.',
  onError: retry({ attempts: 60, backoff: exponential('500ms', '1s') }),
})
  .from(taskChanges, { key: ({ taskId }) => taskId, index: { task: ({ taskId }) => taskId } })
  .split(
    'each subscriber',
    (change) => SUBSCRIBERS.map((subscriber) => ({ subscriber, change })),
    (notice) => notice.to('tell', tellSubscriber),
  )
