import { expect, test } from 'vitest'
import { reconcile } from './flows/reconcile.ts'
import { releaseReport } from './flows/release-report.ts'
import { type Hub, startHub, subscribeAll } from './hub-for-tests.ts'

/** Everything that the organization holds and people see, to be compared before and after. */
function picture({ azure, said }: Hub): unknown {
  const { acts } = azure
  const items = ['Bug', 'Task', 'User Story'].flatMap((type) => acts.ids(type).map((id) => acts.show(id)))
  const requests = azure.requests.filter(({ method, path }) => method !== 'GET' && !/wiql|batch$/i.test(path))
  return { items, said: [...said], changes: requests.length }
}

async function ask(hub: Hub, path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const response = await hub.azure.handle(
    new Request(`${hub.azure.url}${path}`, { headers: { authorization: 'Bearer simulator-token' } }),
  )
  return ((await response.json()) as { value: readonly Readonly<Record<string, unknown>>[] }).value
}

/** A pull request that is linked with a story and mentions a task in a commit. */
function mergeOne({ azure: { acts } }: Hub) {
  const story = acts.workItem('Hub', 'User Story', { 'System.Title': 'Log in' })
  const task = acts.workItem('Hub', 'Task', { 'System.Title': 'Write the form' })
  const closed = acts.workItem('Hub', 'Bug', { 'System.Title': 'Old', 'System.State': 'Closed' })
  acts.push('web', 'log-in', [`Write the form, see #${task} and #${closed} and #99999`])
  const pull = acts.pullRequest('web', { source: 'log-in', title: 'Log in', workItems: [story] })
  return { story, task, closed, pull }
}

async function failBuild(hub: Hub, branch = 'main'): Promise<number> {
  const { acts } = hub.azure
  const build = acts.build(hub.pipeline, { branch })
  const steps = [
    { name: 'Install', log: ['fine'] },
    { name: 'Test', result: 'failed' as const, log: ['1 of 7 tests <failed>'] },
  ]
  acts.finishBuild(build, { result: 'failed', steps })
  await hub.rest()
  return build
}

async function passBuild(hub: Hub): Promise<number> {
  const build = hub.azure.acts.build(hub.pipeline)
  hub.azure.acts.finishBuild(build, { result: 'succeeded' })
  await hub.rest()
  return build
}

test('E1: a merged pull request moves and links its work items, once', async () => {
  await using hub = await startHub()
  const { acts } = hub.azure
  const { story, task, closed, pull } = mergeOne(hub)
  await hub.rest()
  expect(acts.show(story).state).toBe('New')
  acts.completePullRequest(pull)
  await hub.rest()
  expect([story, task, closed].map((id) => acts.show(id).state)).toEqual(['Resolved', 'Closed', 'Closed'])
  for (const id of [story, task, closed])
    expect(acts.show(id).links.filter(({ name }) => name === 'Pull Request')).toHaveLength(1)
  const before = picture(hub)
  await hub.tellAllAgain()
  expect(picture(hub)).toEqual(before)
  expect(await hub.troubles()).toEqual([])
})

test('E1: a work item that a person opens again stays open when the merge is told of again', async () => {
  await using hub = await startHub()
  const { acts } = hub.azure
  const { story, pull } = mergeOne(hub)
  acts.completePullRequest(pull)
  await hub.rest()
  acts.change(story, { 'System.State': 'Active' })
  await hub.engine.send(reconcile, nightly(hub))
  await hub.rest()
  expect(acts.show(story).state).toBe('Active')
})

test('E2: a failed build has one bug with the log of its step, which the next good build resolves and a bad one reopens', async () => {
  await using hub = await startHub()
  const { acts } = hub.azure
  await failBuild(hub)
  const [bug = 0] = acts.ids('Bug')
  expect(acts.show(bug)).toMatchObject({ title: 'web CI is broken on main', state: 'New' })
  expect(acts.show(bug).fields['Microsoft.VSTS.TCM.ReproSteps']).toContain('1 of 7 tests &lt;failed>')
  expect(acts.show(bug).links).toMatchObject([{ name: 'Found in build' }])
  await failBuild(hub)
  expect(acts.ids('Bug')).toEqual([bug])
  expect(acts.show(bug)).toMatchObject({ state: 'Active', comments: [expect.stringContaining('in "Test"')] })
  await passBuild(hub)
  expect(acts.show(bug).state).toBe('Resolved')
  await failBuild(hub)
  expect(acts.show(bug)).toMatchObject({ state: 'Active', comments: [{}, {}] })
  const before = picture(hub)
  await hub.tellAllAgain()
  expect(picture(hub)).toEqual(before)
  expect(await hub.troubles()).toEqual([])
})

test('E2: each branch has a bug of its own, and a good build without a bug does nothing', async () => {
  await using hub = await startHub()
  hub.azure.acts.push('web', 'topic', ['Try'])
  await passBuild(hub)
  expect(hub.azure.acts.ids('Bug')).toEqual([])
  await failBuild(hub)
  await failBuild(hub, 'topic')
  expect(hub.azure.acts.ids('Bug')).toHaveLength(2)
})

test('E3: a push is built once, and its status follows the build', async () => {
  await using hub = await startHub()
  const { acts } = hub.azure
  const commit = acts.push('web', 'main', ['Change'])
  await hub.rest()
  const statuses = () => ask(hub, `/Hub/_apis/git/repositories/web/commits/${commit}/statuses`)
  expect(await statuses()).toMatchObject([
    { state: 'pending', context: { genre: 'linkspan', name: 'build' } },
  ])
  const [build] = await ask(hub, '/Hub/_apis/build/builds?queryOrder=queueTimeDescending')
  expect(build).toMatchObject({ sourceVersion: commit, status: 'notStarted' })
  acts.finishBuild(Number(build?.['id']), { result: 'failed' })
  await hub.rest()
  expect((await statuses()).map(({ state }) => state)).toEqual(['pending', 'failed'])
  await hub.tellAllAgain()
  expect(await statuses()).toHaveLength(2)
  expect(await ask(hub, '/Hub/_apis/build/builds')).toHaveLength(1)
})

test('E3: a pull request is built as it would be merged, and has the status', async () => {
  await using hub = await startHub()
  const { acts } = hub.azure
  acts.push('web', 'topic', ['Try'])
  const pull = acts.pullRequest('web', { source: 'topic', title: 'Try' })
  await hub.rest()
  acts.pushToPullRequest(pull, ['Try again'])
  await hub.rest()
  const builds = await ask(hub, '/Hub/_apis/build/builds')
  expect(builds.filter(({ sourceBranch }) => sourceBranch === `refs/pull/${pull}/merge`)).toHaveLength(2)
  expect(await ask(hub, `/Hub/_apis/git/repositories/web/pullrequests/${pull}/statuses`)).toMatchObject([
    { state: 'pending' },
    { state: 'pending' },
  ])
})

const nightly = ({ azure }: Hub) => {
  const last = azure.hooks.events.at(-1)?.['createdDate'] ?? new Date(0).toISOString()
  return { scheduledAt: String(last), previousAt: null, missed: 0 }
}

test('E4: a release is reported once, with its pull requests, work items and builds', async () => {
  await using hub = await startHub()
  const { acts } = hub.azure
  const { story, pull } = mergeOne(hub)
  acts.completePullRequest(pull)
  await failBuild(hub)
  const request = { repository: 'web', release: '1.2', since: '2020-01-01T00:00:00Z' }
  const report = await hub.engine.request(releaseReport, request, { timeout: '10m' })
  expect(report).toContain('Release 1.2: 1 pull requests')
  expect(report).toContain(`- User Story ${story}: Log in (Resolved)`)
  expect(hub.said).toEqual([report])
  expect((await hub.engine.send(releaseReport, request)).duplicate).toBe(true)
  await hub.rest()
  expect(hub.said).toHaveLength(1)
})

test('E4: every night what lost events left behind is repaired, and nothing is done twice', async () => {
  await using hub = await startHub({ subscribed: false })
  const { acts } = hub.azure
  const { story, pull } = mergeOne(hub)
  const merge = acts.completePullRequest(pull)
  await failBuild(hub)
  expect(acts.show(story).state).toBe('New')
  await hub.engine.send(reconcile, nightly(hub))
  await hub.rest()
  expect(acts.show(story).state).toBe('Resolved')
  expect(acts.ids('Bug')).toHaveLength(2)
  const statuses = await ask(hub, `/Hub/_apis/git/repositories/web/commits/${merge}/statuses`)
  expect(statuses.map(({ state }) => state)).toContain('failed')
  const before = picture(hub)
  await hub.engine.send(reconcile, nightly(hub))
  await hub.rest()
  expect(picture(hub)).toEqual(before)
  expect(await hub.troubles()).toEqual([])
})

test('E4: a subscription that failures have restricted is switched on again', async () => {
  await using hub = await startHub({ subscribed: false })
  const [id = ''] = subscribeAll(hub.azure, hub.project, 'wr0ng')
  hub.azure.acts.completePullRequest(mergeOne(hub).pull)
  await hub.rest()
  expect(hub.azure.hooks.status(id)).toBe('onProbation')
  await hub.engine.send(reconcile, nightly(hub))
  await hub.rest()
  expect(hub.azure.hooks.status(id)).toBe('enabled')
})

test('what goes wrong at Azure DevOps loses nothing and doubles nothing', async () => {
  await using hub = await startHub()
  const { azure } = hub
  const changes = ({ method, path }: { method: string; path: string }): boolean =>
    method !== 'GET' && !/wiql|workitemsbatch/i.test(path)
  azure.fault({ kind: 'throttled', retryAfter: 2 })
  azure.fault({ kind: 'unavailable' }, ({ method }) => method === 'GET', 2)
  for (const kind of ['lost-after', 'lost', 'error-after', 'lost-after'] as const)
    azure.fault({ kind }, changes)
  const { story, task, pull } = mergeOne(hub)
  azure.acts.completePullRequest(pull)
  await failBuild(hub)
  await hub.rest()
  expect([story, task].map((id) => azure.acts.show(id).state)).toEqual(['Resolved', 'Closed'])
  expect(azure.acts.ids('Bug').map((id) => azure.acts.show(id).title)).toEqual([
    'Old',
    'web CI is broken on main',
  ])
  expect(await hub.troubles()).toEqual([])
})
