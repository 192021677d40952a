import { flow } from 'linkspan'
import { schedule } from 'linkspan/schedule'
import { listTasks } from '../systems/board.ts'
import { say, whenUnknown } from '../systems/chat.ts'
import { countTasks } from '../systems/store.ts'

/** Once a minute the chat hears how many tasks there are. */
export const digest = flow('digest', { summary: 'Posts the number of tasks to the chat, every minute.' })
  .from(schedule('1m', { missed: 'skip' }))
  .call('count here', countTasks, { as: 'here' })
  .call('look at the board', listTasks, { as: 'board' })
  .to('post', say, {
    input: ({ scheduledAt }, { here, board }) => ({
      channel: 'general',
      text: `${scheduledAt}: ${here.open} open and ${here.closed} closed tasks here, ${board.tasks.length} on the board.`,
    }),
    onUnknown: whenUnknown,
  })
