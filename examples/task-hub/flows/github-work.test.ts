import { expect, test } from 'vitest'
import { failureOf, releaseOf, taskOf } from './github-work.ts'

const repository = { full_name: 'o/r' }
const issue = { number: 7, title: 'It leaks', state: 'open', updated_at: '2026-01-02T03:04:05Z' }

test('an issue becomes the whole state of a task, under its time as the version', () => {
  expect(taskOf(issue, { action: 'edited', repository }, 'd1')).toEqual({
    kind: 'task',
    task: {
      taskId: 'o/r#7',
      version: Date.UTC(2026, 0, 2, 3, 4, 5),
      deliveryId: 'd1',
      title: 'It leaks',
      state: 'open',
    },
    news: null,
  })
})

test('an issue without a state has the one that its action says', () => {
  const work = taskOf({ ...issue, state: null }, { action: 'deleted', repository })
  expect(work).toMatchObject({ task: { state: 'deleted' } })
})

test('only an assignment is news, and says who', () => {
  const assigned = { action: 'assigned', repository, assignee: { login: 'ada' } }
  expect(taskOf(issue, assigned, 'd1')).toMatchObject({
    news: 'ada was assigned to o/r#7: It leaks [delivery d1]',
  })
})

test.each([
  ['published', 'release'],
  ['created', undefined],
])('a release that is %s leads to %s', (action, kind) => {
  const release = { tag_name: 'v1', html_url: 'https://example.com/v1' }
  expect(releaseOf({ action, release, repository })?.kind).toBe(kind)
})

test.each([
  ['completed', 'failure', 'failure'],
  ['completed', 'timed_out', 'failure'],
  ['completed', 'success', undefined],
  ['completed', null, undefined],
  ['created', 'failure', undefined],
])('a check that is %s with %s leads to %s', (action, conclusion, kind) => {
  const check = { head_sha: '0123456789', name: 'build', conclusion }
  expect(failureOf(check, { action, repository }, 'd1')?.kind).toBe(kind)
})
