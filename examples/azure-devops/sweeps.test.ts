import type { EventOf, PullRequest, Push, ServiceHookEvent, Timeline, WorkItem } from 'linkspan/azure-devops'
import { type Build, wiqlText } from 'linkspan/azure-devops'
import { crashSweep } from 'linkspan/testing'
import { expect, test } from 'vitest'
import { hearOfBuilds, keepBugs } from './flows/broken-build.ts'
import { hearOfCode, queueBuilds, writeStatus } from './flows/build-on-push.ts'
import { hearOfMerges, settleMerges } from './flows/merged-pull-request.ts'
import { reconcile } from './flows/reconcile.ts'
import { releaseReport } from './flows/release-report.ts'

// The engine is killed, and every other fault happens, at each boundary of each recipe: what Azure DevOps and the chat have in the end is
// what they have when nothing goes wrong.

const repository = { id: 'r1', name: 'web', project: { id: 'p1', name: 'Hub' }, url: 'https://azure/r1' }
const person = { id: 'u1', displayName: 'Ada' }

const pull = (pullRequestId: number, status: PullRequest['status'] = 'completed'): PullRequest => ({
  pullRequestId,
  repository,
  status,
  createdBy: person,
  creationDate: '2026-01-01T00:00:00Z',
  title: `Change ${pullRequestId}, see #${pullRequestId + 10}`,
  sourceRefName: 'refs/heads/topic',
  targetRefName: 'refs/heads/main',
  lastMergeCommit: { commitId: `merge${pullRequestId}` },
  url: `https://azure/pulls/${pullRequestId}`,
})

const item = (id: number, state = 'Active'): WorkItem => ({
  id,
  rev: 1,
  fields: { 'System.State': state, 'System.WorkItemType': 'Task', 'System.Title': `Item ${id}` },
  url: `https://azure/items/${id}`,
})

const build = (id: number, result: Build['result'] = 'failed'): Build => ({
  id,
  buildNumber: `b${id}`,
  status: 'completed',
  ...(result === undefined ? {} : { result }),
  definition: { id: 1, name: 'web CI' },
  project: repository.project,
  sourceBranch: 'refs/heads/main',
  sourceVersion: `c${id}`,
  repository: { id: 'r1', type: 'TfsGit' },
  url: `https://azure/builds/${id}`,
})

const elsewhere: Build = { ...build(6), sourceBranch: 'refs/heads/other' }

const event = <T extends ServiceHookEvent['eventType']>(
  id: string,
  eventType: T,
  resource: EventOf<T>['resource'],
): EventOf<T> => ({ id, eventType, resource, createdDate: '2026-01-01T00:00:00Z' }) as EventOf<T>

const reads = {
  'azure.pullRequests.get': ({ pullRequestId }: { pullRequestId: number }) => pull(pullRequestId),
  'azure.pullRequests.workItems': ({ pullRequestId }: { pullRequestId: number }) => [
    { id: String(pullRequestId), url: '' },
  ],
}

test('E1, merged pull requests', async () => {
  const report = await crashSweep(
    [hearOfMerges, settleMerges],
    ({ send }) => {
      send(event('e1', 'git.pullrequest.merged', pull(1)))
      send(event('e2', 'git.pullrequest.updated', pull(1)))
      send(event('e3', 'git.pullrequest.merged', pull(2, 'active')))
    },
    {
      operations: {
        ...reads,
        'azure.pullRequests.commits': () => [
          { commitId: 'c', comment: 'Fixes #30', author: { name: '', email: '', date: '' }, url: '' },
        ],
        'azure.workItems.getMany': ({ ids }: { ids: number[] }) =>
          ids.map((id) => item(id, id === 30 ? 'Closed' : 'New')),
      },
    },
  )
  expect(report.inDoubt).toBe(0)
  expect(report.runs).toBeGreaterThan(100)
})

const timeline: Timeline = {
  id: 't',
  records: [
    {
      id: 's',
      parentId: null,
      type: 'Task',
      name: 'Test',
      order: 1,
      state: 'completed',
      result: 'failed',
      log: { id: 3, url: '' },
    },
  ],
}

/** The latest build is that of the number which is asked for, and there is a bug from build 2 on. */
const builds = {
  'azure.builds.get': ({ buildId }: { buildId: number }) =>
    build(buildId, buildId === 3 ? 'succeeded' : 'failed'),
  'azure.builds.timeline': () => timeline,
  'azure.builds.log': () => 'it <failed>\n',
}

test.each([
  ['which has no bug yet', [], undefined],
  ['which has a bug', [{ id: 9, url: '' }], 'Resolved'],
] as const)('E2, a failed build %s', async (_what, found, state) => {
  const report = await crashSweep(
    [hearOfBuilds, keepBugs],
    ({ send }) => {
      send(event('e1', 'build.complete', build(1)))
      send(event('e2', 'build.complete', build(1)))
    },
    {
      operations: {
        ...builds,
        'azure.builds.list': () => ({ builds: [build(1)], continuationToken: null }),
        'azure.workItems.query': () => found,
        'azure.workItems.getMany': ({ ids }: { ids: number[] }) => ids.map((id) => item(id, state)),
      },
    },
  )
  expect(report.inDoubt).toBe(0)
})

test('E2, a build that is good again', async () => {
  const report = await crashSweep(
    [hearOfBuilds, keepBugs],
    ({ send }) => send(event('e1', 'build.complete', build(3, 'succeeded'))),
    {
      operations: {
        ...builds,
        'azure.builds.list': () => ({ builds: [build(3, 'succeeded')], continuationToken: null }),
        'azure.workItems.query': () => [{ id: 9, url: '' }],
        'azure.workItems.getMany': ({ ids }: { ids: number[] }) => ids.map((id) => item(id)),
      },
    },
  )
  expect(report.inDoubt).toBe(0)
})

const push = (commit: string): Push => ({
  pushId: 1,
  date: '2026-01-01T00:00:00Z',
  pushedBy: person,
  repository,
  refUpdates: [
    { name: 'refs/heads/main', oldObjectId: 'c0', newObjectId: commit },
    { name: 'refs/heads/gone', oldObjectId: 'c0', newObjectId: '0'.repeat(40) },
  ],
  url: '',
})

test('E3, builds of pushes and pull requests, with their status', async () => {
  const report = await crashSweep(
    [hearOfCode, queueBuilds, writeStatus],
    ({ send }) => {
      send(event('e1', 'git.push', push('c1')))
      send(event('e2', 'git.push', push('c1')))
      send(event('e3', 'git.pullrequest.created', pull(4, 'active')))
    },
    {
      operations: {
        'azure.builds.get': ({ buildId }: { buildId: number }) => ({
          ...build(buildId),
          ...(buildId === 2 ? { sourceBranch: 'refs/pull/4/merge' } : {}),
        }),
        'azure.builds.definitions': () => [
          { id: 1, name: 'web CI', path: '', revision: 1, project: repository.project, url: '' },
        ],
        'azure.builds.queue': ({ sourceBranch }: { sourceBranch: string }) => ({
          ...build(sourceBranch.startsWith('refs/pull/') ? 2 : 1),
          sourceBranch,
        }),
      },
    },
  )
  expect(report.inDoubt).toBe(0)
  expect(report.runs).toBeGreaterThan(100)
})

test('E4, the report: whether the chat was told may be in doubt, and it is never told twice', async () => {
  const report = await crashSweep(
    releaseReport,
    ({ send }) => send({ repository: 'web', release: '1.2', since: '2026-01-01T00:00:00Z' }),
    {
      operations: {
        'azure.pullRequests.workItems': reads['azure.pullRequests.workItems'],
        'azure.pullRequests.list': () => [pull(1), pull(2)],
        'azure.workItems.getMany': ({ ids }: { ids: number[] }) => ids.map((id) => item(id)),
        'azure.builds.list': () => ({ builds: [build(1)], continuationToken: null }),
      },
    },
  )
  expect(report.inDoubt).toBeGreaterThan(0)
})

test('E4, the reconciliation, with the flows that it tells', async () => {
  const report = await crashSweep(
    [reconcile, settleMerges, keepBugs, queueBuilds, writeStatus],
    ({ send }) => send({ scheduledAt: '2026-01-04T03:00:00Z', previousAt: null, missed: 0 }),
    {
      operations: {
        ...reads,
        ...builds,
        'azure.subscriptions.list': () => [
          {
            id: 's1',
            status: 'onProbation',
            publisherId: 'tfs',
            eventType: 'git.push',
            consumerId: '',
            consumerActionId: '',
            publisherInputs: {},
            consumerInputs: {},
          },
        ],
        'azure.pullRequests.list': () => [pull(1)],
        'azure.pullRequests.commits': () => [],
        'azure.workItems.getMany': ({ ids }: { ids: number[] }) => ids.map((id) => item(id, 'New')),
        'azure.workItems.query': () => [],
        'azure.git.repositories': () => [repository],
        'azure.git.refs': () => [{ name: 'refs/heads/main', objectId: 'c1', url: '' }],
        'azure.git.statuses': () => [],
        'azure.builds.definitions': () => [
          { id: 1, name: 'web CI', path: '', revision: 1, project: repository.project, url: '' },
        ],
        // On another branch, so that no two messages are about one build, of which the first to come does the work.
        'azure.builds.get': ({ buildId }: { buildId: number }) =>
          buildId === 6 ? elsewhere : build(buildId),
        'azure.builds.queue': () => elsewhere,
        'azure.builds.list': ({ branch }: { branch?: string }) => ({
          builds: branch === elsewhere.sourceBranch ? [] : [build(5)],
          continuationToken: null,
        }),
      },
    },
  )
  expect(report.inDoubt).toBe(0)
})

test('a query of WIQL cannot be broken out of by a name', () => {
  expect(wiqlText("it's")).toBe("'it''s'")
})
