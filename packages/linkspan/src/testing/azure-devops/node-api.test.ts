import { getPersonalAccessTokenHandler, WebApi } from 'azure-devops-node-api'
import { BuildStatus } from 'azure-devops-node-api/interfaces/BuildInterfaces.js'
import { GitStatusState, PullRequestStatus } from 'azure-devops-node-api/interfaces/GitInterfaces.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type TestOrganization, testOrganization } from './fixtures/organization.ts'

// Microsoft's own client, over HTTP: what it reads and writes is what the service's users read and write.
let given: TestOrganization
let client: WebApi

beforeEach(async () => {
  given = testOrganization()
  await given.azure.listen()
  client = new WebApi(given.azure.url, getPersonalAccessTokenHandler('simulator-token'))
})

afterEach(() => given.azure.close())

const add = (name: string, value: unknown) => ({ op: 'add', path: `/fields/${name}`, value })

test('makes, changes, finds and deletes work items', async () => {
  const api = await client.getWorkItemTrackingApi()
  const made = await api.createWorkItem(
    null,
    [add('System.Title', 'From the client'), add('System.Tags', 'a; b')],
    'Hub',
    'Task',
  )
  expect(made).toMatchObject({ rev: 1, fields: { 'System.Title': 'From the client', 'System.State': 'New' } })
  const id = made.id as number
  const patch = [{ op: 'test', path: '/rev', value: 1 }, add('System.State', 'Active')]
  expect(await api.updateWorkItem(null, patch, id)).toMatchObject({
    rev: 2,
    fields: { 'System.State': 'Active' },
  })
  await expect(api.updateWorkItem(null, patch, id)).rejects.toMatchObject({
    statusCode: 412,
    message: expect.stringContaining('VS403351'),
  })
  const found = await api.queryByWiql(
    {
      query:
        "SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS 'b' AND [System.State] = 'Active'",
    },
    { project: 'Hub' },
  )
  expect(found.workItems?.map((item) => item.id)).toEqual([id])
  expect(await api.getWorkItemsBatch({ ids: [given.bug, id] })).toHaveLength(2)
  expect(await api.getWorkItems([given.bug, id], ['System.Title'])).toMatchObject([
    { fields: { 'System.Title': 'It leaks' } },
    { fields: { 'System.Title': 'From the client' } },
  ])
  expect(await api.getUpdates(id)).toHaveLength(2)
  expect((await api.getRevision(id, 1)).fields?.['System.State']).toBe('New')
  await api.deleteWorkItem(id)
  expect(await api.getWorkItem(id)).toBeNull()
})

test('comments, attaches and reports', async () => {
  const api = await client.getWorkItemTrackingApi()
  const comment = await api.addComment({ text: 'Look here' }, 'Hub', given.bug)
  expect(await api.getComments('Hub', given.bug)).toMatchObject({
    totalCount: 1,
    comments: [{ id: comment.id, text: 'Look here' }],
  })
  const batch = await api.readReportingRevisionsGet('Hub')
  const first = batch as unknown as {
    values: { id: number; rev: number }[]
    continuationToken: string
    isLastBatch: boolean
  }
  expect(first.isLastBatch).toBe(true)
  given.azure.acts.change(given.bug, { 'System.State': 'Resolved' })
  const next = (await api.readReportingRevisionsGet(
    'Hub',
    undefined,
    undefined,
    first.continuationToken,
  )) as unknown as typeof first
  expect(next.values).toMatchObject([{ id: given.bug }])
})

test('reads repositories, refs, commits and pushes, and pushes', async () => {
  const api = await client.getGitApi()
  const [repository] = await api.getRepositories('Hub')
  const id = repository?.id as string
  const refs = await api.getRefs(id, 'Hub', 'heads/')
  expect(refs.map(({ name }) => name)).toEqual(['refs/heads/log-in', 'refs/heads/main'])
  expect(await api.getCommits(id, {}, 'Hub')).toMatchObject([{ comment: 'Begin' }])
  const head = refs[1]?.objectId as string
  const pushed = await api.createPush(
    { refUpdates: [{ name: 'refs/heads/main', oldObjectId: head }], commits: [{ comment: 'By API' }] },
    id,
    'Hub',
  )
  expect(pushed.commits?.[0]?.comment).toBe('By API')
  expect(await api.getPushes(id, 'Hub', 0, 1)).toMatchObject([{ pushId: pushed.pushId }])
  const stale = await api.updateRefs(
    [{ name: 'refs/heads/main', oldObjectId: head, newObjectId: head }],
    id,
    'Hub',
  )
  expect(stale).toMatchObject([{ success: false }])
})

test('opens, discusses, checks and completes a pull request', async () => {
  const api = await client.getGitApi()
  given.azure.acts.push('web', 'second', ['More'])
  const opened = await api.createPullRequest(
    {
      sourceRefName: 'refs/heads/second',
      targetRefName: 'refs/heads/main',
      title: 'Second',
      workItemRefs: [{ id: String(given.bug) }],
    },
    'web',
    'Hub',
  )
  const id = opened.pullRequestId as number
  expect(await api.getPullRequestWorkItemRefs('web', id, 'Hub')).toMatchObject([{ id: String(given.bug) }])
  await expect(
    api.createPullRequest(
      { sourceRefName: 'refs/heads/second', targetRefName: 'refs/heads/main', title: 'Again' },
      'web',
      'Hub',
    ),
  ).rejects.toMatchObject({ statusCode: 409 })
  const thread = await api.createThread(
    { comments: [{ content: 'Why?' }], status: 1, properties: { mark: 'm-1' } },
    'web',
    id,
    'Hub',
  )
  const [read] = await api.getThreads('web', id, 'Hub')
  expect(read).toMatchObject({ id: thread.id, status: 1, properties: { mark: { $value: 'm-1' } } })
  await api.createComment({ content: 'Because.' }, 'web', id, thread.id as number, 'Hub')
  await api.updateThread({ status: 2 }, 'web', id, thread.id as number, 'Hub')
  expect(await api.getPullRequestThread('web', id, thread.id as number, 'Hub')).toMatchObject({
    status: 2,
    comments: [{}, { content: 'Because.' }],
  })
  const context = { name: 'ci', genre: 'hub' }
  await api.createPullRequestStatus({ state: GitStatusState.Succeeded, context }, 'web', id, 'Hub')
  expect(await api.getPullRequestStatuses('web', id, 'Hub')).toMatchObject([
    { state: GitStatusState.Succeeded },
  ])
  const commit = opened.lastMergeSourceCommit?.commitId as string
  await api.createCommitStatus({ state: GitStatusState.Failed, context }, commit, 'web', 'Hub')
  expect(await api.getStatuses(commit, 'web', 'Hub')).toMatchObject([
    { state: GitStatusState.Failed, context },
  ])
  const done = await api.updatePullRequest(
    { status: PullRequestStatus.Completed, lastMergeSourceCommit: { commitId: commit } },
    'web',
    id,
    'Hub',
  )
  expect(done.status).toBe(PullRequestStatus.Completed)
  expect(await api.getPullRequests('web', { status: PullRequestStatus.Completed }, 'Hub')).toHaveLength(1)
})

test('a policy that is not met keeps a pull request open', async () => {
  given.azure.acts.policy('web', { kind: 'status', settings: { statusName: 'ci', statusGenre: 'hub' } })
  const [git, policies] = [await client.getGitApi(), await client.getPolicyApi()]
  await expect(
    git.updatePullRequest({ status: PullRequestStatus.Completed }, 'web', given.pull, 'Hub'),
  ).rejects.toMatchObject({ statusCode: 403 })
  expect(await policies.getPolicyConfigurations('Hub')).toHaveLength(1)
  await git.createPullRequestStatus(
    { state: GitStatusState.Succeeded, context: { name: 'ci', genre: 'hub' } },
    'web',
    given.pull,
    'Hub',
  )
  const done = await git.updatePullRequest({ status: PullRequestStatus.Completed }, 'web', given.pull, 'Hub')
  expect(done.status).toBe(PullRequestStatus.Completed)
})

test('queues builds, reads what became of them, and tags them', async () => {
  const api = await client.getBuildApi()
  expect(await api.getDefinitions('Hub')).toMatchObject([{ id: given.pipeline, name: 'web CI' }])
  const failed = await api.getBuild('Hub', given.build)
  expect(failed).toMatchObject({ status: BuildStatus.Completed, result: 8 })
  const timeline = await api.getBuildTimeline('Hub', given.build)
  const step = timeline.records?.find(({ name }) => name === 'Test')
  expect(await api.getBuildLogLines('Hub', given.build, step?.log?.id as number)).toContain(
    '##[error]1 of 7 tests failed',
  )
  const queued = await api.queueBuild(
    { definition: { id: given.pipeline }, parameters: '{"a":"b"}', sourceBranch: 'refs/heads/log-in' },
    'Hub',
  )
  expect(queued).toMatchObject({
    status: BuildStatus.NotStarted,
    sourceBranch: 'refs/heads/log-in',
    parameters: '{"a":"b"}',
  })
  await api.addBuildTag('Hub', queued.id as number, 'nightly')
  expect(await api.getBuildTags('Hub', queued.id as number)).toEqual(['nightly'])
  expect(await api.getBuilds('Hub', [given.pipeline])).toHaveLength(2)
  expect(await api.getBuildWorkItemsRefs('Hub', given.build)).toMatchObject([{ id: String(given.story) }])
  // The client answers null where the service answers 404.
  expect(await api.queueBuild({ definition: { id: 99 } }, 'Hub')).toBeNull()
})

test('a stranger is refused', async () => {
  const stranger = new WebApi(given.azure.url, getPersonalAccessTokenHandler('wrong'))
  await expect(stranger.getWorkItemTrackingApi()).rejects.toThrow('TF400813')
})
