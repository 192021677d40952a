import { afterEach, beforeEach, expect, test } from 'vitest'
import { testOrganization } from '../../testing/azure-devops/fixtures/organization.ts'
import type { SourceDeclaration } from '../connector.ts'
import { environment } from '../fixtures/call.ts'
import { type FakeEngine, fakeEngine, keepingLogger, seededRandom, virtualClock } from '../fixtures/world.ts'
import { azureDevOps, azureDevOpsConnector, pat } from './index.ts'

const boards = azureDevOps('boards')
const START = '2026-11-01T12:00:00Z'

let clock: ReturnType<typeof virtualClock>
let given: ReturnType<typeof testOrganization>
let client: Awaited<ReturnType<typeof azureDevOpsConnector.connect>>
let engine: FakeEngine

beforeEach(async () => {
  clock = virtualClock(START)
  given = testOrganization({ clock })
  await given.azure.listen()
  const read = await azureDevOpsConnector.config['~standard'].validate({
    baseUrl: given.azure.url,
    project: 'Hub',
    auth: pat('simulator-token'),
  })
  if (read.issues) throw new Error(JSON.stringify(read.issues))
  client = await azureDevOpsConnector.connect(read.value, environment())
  engine = fakeEngine(clock, seededRandom(3), keepingLogger())
})

afterEach(async () => {
  await azureDevOpsConnector.close?.(client)
  await given.azure.close()
})

/** Lets a source look until it has nothing more to read, and stops it. */
async function look<T>(
  source: SourceDeclaration<T>,
): Promise<readonly { readonly body: T; readonly dedupeKey?: string }[]> {
  const before = engine.accepted.length
  const { context, end } = engine.open(client)
  const looks = given.azure.requests.length
  const running = await source.start?.(context)
  // Requests go over real sockets: a look is over when the source waits for its next one.
  while (clock.pending === 0 || given.azure.requests.length === looks)
    await new Promise((resolve) => setImmediate(resolve))
  end()
  await running?.stop()
  return engine.accepted.slice(before) as never
}

/** What was not seen before, as the engine would tell by the identity. */
function fresh<T>(
  found: readonly { readonly body: T; readonly dedupeKey?: string }[],
  known: Set<string>,
): readonly T[] {
  return found
    .filter(({ dedupeKey = '' }) => !known.has(dedupeKey) && known.add(dedupeKey))
    .map(({ body }) => body)
}

test('revisions of work items come once, in their order, page by page and for ever', async () => {
  const source = boards.poll.workItemRevisions({ fields: ['System.State'] })
  for (let at = 0; at < 450; at++) given.azure.acts.workItem('Hub', 'Task', { 'System.Title': `Task ${at}` })
  const first = await look(source)
  expect(first.length).toBeGreaterThan(450)
  expect(new Set(first.map(({ dedupeKey }) => dedupeKey)).size).toBe(first.length)
  expect(await look(source)).toEqual([])
  given.azure.acts.change(given.bug, { 'System.State': 'Active' })
  given.azure.acts.change(given.bug, { 'System.State': 'Closed' })
  const states = (await look(source)).map(({ body }) => [body.id, body.fields['System.State']])
  expect(states).toEqual([
    [given.bug, 'Active'],
    [given.bug, 'Closed'],
  ])
})

test('pushes come once, also those that are shown late', async () => {
  const known = new Set<string>()
  const source = boards.poll.pushes({ repository: 'web' })
  expect(fresh(await look(source), known)).toHaveLength(2)
  await clock.advance(60_000)
  given.azure.acts.push('web', 'main', ['More'])
  const found = fresh(await look(source), known)
  expect(found).toMatchObject([{ pushId: 3, refUpdates: [{ name: 'refs/heads/main' }] }])
  const asked = new URLSearchParams(given.azure.requests.at(-1)?.query)
  expect(asked.get('searchCriteria.fromDate')).toBe('2026-11-01T11:58:00.000Z')
})

test('pull requests come as they are opened, and as they are completed', async () => {
  const known = new Set<string>()
  const [opened, completed] = [
    boards.poll.openedPullRequests({ repository: 'web' }),
    boards.poll.completedPullRequests({ repository: 'web' }),
  ]
  expect(fresh(await look(opened), known)).toMatchObject([{ pullRequestId: given.pull, status: 'active' }])
  engine.cursor = null
  expect(await look(completed)).toEqual([])
  await clock.advance(60_000)
  given.azure.acts.completePullRequest(given.pull)
  engine.cursor = null
  expect(fresh(await look(completed), new Set())).toMatchObject([
    { pullRequestId: given.pull, status: 'completed' },
  ])
})

test('more than a page of pushes is read page by page', async () => {
  for (let at = 0; at < 120; at++) given.azure.acts.push('web', 'main', [`Change ${at}`])
  expect(fresh(await look(boards.poll.pushes({ repository: 'web' })), new Set())).toHaveLength(122)
})

test('builds come once they have ended, by continuation token', async () => {
  const { acts } = given.azure
  const open = acts.build(given.pipeline)
  for (let at = 0; at < 130; at++) acts.finishBuild(acts.build(given.pipeline), { result: 'succeeded' })
  const known = new Set<string>()
  const source = boards.poll.completedBuilds({ definitions: [given.pipeline] })
  const first = fresh(await look(source), known)
  expect(first).toHaveLength(131)
  expect(first.map(({ id }) => id)).not.toContain(open)
  await clock.advance(300_000)
  acts.finishBuild(open, { result: 'canceled' })
  expect(fresh(await look(source), known)).toMatchObject([{ id: open, result: 'canceled' }])
})

test('a poll may name another project, and a beginning', async () => {
  given.azure.acts.project('Other')
  expect(await look(boards.poll.workItemRevisions({ project: 'Other' }))).toEqual([])
  engine.cursor = null
  expect(await look(boards.poll.pushes({ repository: 'web', since: '2027-01-01T00:00:00Z' }))).toEqual([])
})
