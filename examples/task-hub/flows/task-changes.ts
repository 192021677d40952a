import { channel } from 'linkspan'
import type { TaskChange } from '../protocol.ts'

/** Every change of a task, from GitHub or from the task API, in the order of its task. */
export const taskChanges = channel<TaskChange>('task changes', { kind: 'topic' })
