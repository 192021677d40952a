import { testFlow } from 'linkspan/testing'
import { expect, test } from 'vitest'
import type { Command, CommandResult } from '../api/commands.ts'
import { openStore } from '../api/store.ts'
import { SUBSCRIBERS } from '../protocol.ts'
import { commands } from './commands.ts'
import { digest } from './digest.ts'
import { github } from './github.ts'
import { tellSubscribers } from './tell-subscribers.ts'

const issue = {
  number: 7,
  title: 'It leaks',
  state: 'open',
  html_url: 'x',
  updated_at: '2026-01-02T03:04:05Z',
}
const payload = { action: 'edited', issue, repository: { full_name: 'o/r' } }
const sentBy = (event: string, delivery: string) => ({
  headers: { 'x-github-event': event, 'x-github-delivery': delivery },
})

test('a webhook of an issue goes to the board, and to each subscriber', async () => {
  await using flows = await testFlow([github, tellSubscribers])
  await flows.send(payload, sentBy('issues', 'd1'))
  await flows.run()
  expect(flows.applied('board.put task')).toMatchObject([{ taskId: 'o/r#7', deliveryId: 'd1' }])
  const told = flows.applied('subscribers.tell') as { subscriber: string }[]
  expect(told.map(({ subscriber }) => subscriber).sort()).toEqual([...SUBSCRIBERS].sort())
  expect(flows.sent('chat.say')).toEqual([])
})

test('a defective webhook is a dead letter, and one of no interest is filtered', async () => {
  await using flows = await testFlow([github, tellSubscribers])
  await flows.send({ ...payload, issue: { ...issue, title: 42 } }, sentBy('issues', 'd1'))
  await flows.send({ anything: true }, sentBy('star', 'd2'))
  await flows.run()
  expect(await flows.messages()).toMatchObject([{ state: 'dead' }, { state: 'filtered' }])
})

test('a lost answer of the chat is a doubt, and the next message of the key goes on', async () => {
  await using flows = await testFlow([github, tellSubscribers])
  flows.fake('chat.say').next('reset-after')
  await flows.send({ ...payload, action: 'assigned' }, sentBy('issues', 'd1'))
  await flows.send(payload, sentBy('issues', 'd2'))
  await flows.run()
  const states = await flows.messages({ flow: 'github' })
  expect(states).toMatchObject([{ state: 'inDoubt' }, { state: 'done' }])
  expect(flows.applied('chat.say')).toHaveLength(1)
})

test('a lost answer of a subscriber is asked for, not sent again', async () => {
  await using flows = await testFlow([github, tellSubscribers])
  flows.fake('subscribers.tell').next('timeout-after')
  await flows.send(payload, sentBy('issues', 'd1'))
  await flows.run()
  expect(flows.sent('subscribers.tell')).toHaveLength(SUBSCRIBERS.length)
  expect(flows.fake('subscribers.tell').questions).toBe(1)
})

test('a command is applied once and answered, and what it changed is told', async () => {
  const store = openStore(':memory:')
  const apply = (command: unknown): CommandResult => store.apply(command as Command)
  await using flows = await testFlow([commands, tellSubscribers], { operations: { 'store.apply': apply } })
  flows.fake('store.apply').next('timeout-after')
  const input = { title: 'Paint the boat', description: '', projectId: null, assignee: null }
  const create: Command = { kind: 'create-task', commandId: 'c1', at: 1, id: 't1', input }
  expect(await flows.request(create, { timeout: '2m' })).toMatchObject({ ok: true, entity: { id: 't1' } })
  await flows.run()
  expect(store.tasks({ limit: 10 })).toHaveLength(1)
  expect(flows.applied('subscribers.tell')).toMatchObject(
    SUBSCRIBERS.map((subscriber) => ({ subscriber, change: { taskId: 't1', version: 1, deliveryId: null } })),
  )
  store.close()
})

test('the digest posts every minute what there is', async () => {
  const operations = {
    'store.count': () => ({ open: 2, closed: 1 }),
    'board.list tasks': () => ({ tasks: ['a', 'b'] }),
  }
  await using flows = await testFlow(digest, { sources: true, operations })
  await flows.advance('150s')
  expect(flows.applied('chat.say')).toMatchObject([
    { text: '2026-01-01T00:01:00.000Z: 2 open and 1 closed tasks here, 2 on the board.' },
    { text: '2026-01-01T00:02:00.000Z: 2 open and 1 closed tasks here, 2 on the board.' },
  ])
})
