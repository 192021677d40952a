import { exponential, flow, inbox, retry } from 'linkspan'
import { type Command, command, type StoreChange } from '../api/commands.ts'
import type { TaskChange } from '../protocol.ts'
import { applyCommand } from '../systems/store.ts'
import { taskChanges } from './task-changes.ts'

/** The task API's commands: kept before they are applied, applied once, and answered to the caller. */
export const commands = flow('commands', {
  summary: 'Applies a command of the task API and replies what it came to.',
  onError: retry({ attempts: 8, backoff: exponential('50ms', '1s') }),
})
  .from(inbox(command), { key: subjectOf, index: { kind: ({ kind }) => kind } })
  .call('apply', applyCommand, { as: 'result' })
  .map('change', (_command, { result }) => (result.ok ? result.change : null))
  .choice('did a task change', (choice) =>
    choice.when(
      'yes',
      (change): change is StoreChange => change !== null,
      (changed) => changed.publish('tell', taskChanges, { body: changeOf }),
    ),
  )
  .reply('answer', (_change, { result }) => result)

/** What a command is about: commands on one task are applied in the order in which they came. */
export function subjectOf(given: Command): string {
  return 'taskId' in given ? given.taskId : given.id
}

function changeOf({ what, task }: StoreChange): TaskChange {
  const state = what === 'deleted' ? what : task.state
  return { taskId: task.id, version: task.version, deliveryId: null, title: task.title, state }
}
