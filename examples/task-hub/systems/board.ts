import { httpConnection, path } from 'linkspan/http'
import { z } from 'zod'
import type { BoardTask } from '../protocol.ts'

const connection = httpConnection('board')

/**
 * Puts the whole state of a task on the board: `natural`, as putting it again changes nothing. The board passes over a
 * version older than its own, which is as good as putting it, so its reply is not read.
 */
export const putTask = connection.put({
  name: 'put task',
  path: ({ taskId }: BoardTask) => path`/board/tasks/${taskId}`,
  response: 'none',
  timeout: '1s',
})

/** The ids of all tasks on the board. */
export const listTasks = connection.get({
  name: 'list tasks',
  path: '/board/tasks',
  response: z.object({ tasks: z.array(z.string()) }),
  timeout: '1s',
})
