import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { isLinkspanError, type LinkspanError } from '../../model/errors.ts'
import { testOrganization } from '../../testing/azure-devops/fixtures/organization.ts'
import type { CallContext, Operation } from '../connector.ts'
import { call, environment } from '../fixtures/call.ts'
import type { AzureScope } from './azure-request.ts'
import {
  azureDevOps,
  azureDevOpsConnector,
  azureDevOpsSpec,
  buildLink,
  commitLink,
  entra,
  mentionedWorkItems,
  pat,
  pullRequestLink,
  wiqlText,
} from './index.ts'

const SCOPES: readonly AzureScope[] = [
  'vso.work',
  'vso.work_write',
  'vso.code',
  'vso.code_write',
  'vso.code_status',
  'vso.threads_full',
  'vso.build',
  'vso.build_execute',
]
const tokens = { all: 'full' as const, ...Object.fromEntries(SCOPES.map((scope) => [scope, [scope]])) }

let given: ReturnType<typeof testOrganization>
const boards = azureDevOps('boards')
const clients: unknown[] = []

beforeEach(async () => {
  given = testOrganization({ tokens })
  await given.azure.listen()
})

afterEach(async () => {
  for (const client of clients.splice(0)) await azureDevOpsConnector.close?.(client as never)
  await given.azure.close()
})

async function connect(token: string = 'all', more: object = {}): Promise<unknown> {
  const config = { baseUrl: given.azure.url, project: 'Hub', auth: pat(token), ...more }
  const read = await azureDevOpsConnector.config['~standard'].validate(config)
  if (read.issues) throw new Error(JSON.stringify(read.issues))
  const client = await azureDevOpsConnector.connect(read.value, environment())
  clients.push(client)
  return client
}

async function failure(run: Promise<unknown>): Promise<LinkspanError> {
  const thrown = await run.then(
    () => null,
    (error: unknown) => error,
  )
  if (isLinkspanError(thrown)) return thrown
  throw new Error(`expected a failure, and had ${String(thrown)}`)
}

type AnyOperation = Operation<never, unknown> & { readonly scope: AzureScope }

const operations = Object.values({ ...boards.workItems, ...boards.git, ...boards.subscriptions })
  .concat(Object.values(boards.pullRequests) as never[], Object.values(boards.builds) as never[])
  .map((operation) => operation as unknown as AnyOperation)

test('the spec lists each operation with its guarantee', () => {
  const listed = (azureDevOpsSpec.operations ?? []).map(({ name, guarantees }) => [name, guarantees[0]])
  expect(operations.map(({ name, guarantee }) => [name, guarantee.kind]).sort()).toEqual(listed.sort())
})

/** An input for each operation that the organization of the tests can take. */
const inputs = (): Readonly<Record<string, object>> => {
  const { bug, story, pull, pipeline, build, azure } = given
  const web = { repository: 'web' }
  const head = azure.acts.push('web', 'free', ['More'])
  const ofPull = { ...web, pullRequestId: pull }
  const subscriptionId = azure.hooks.subscribe({
    publisherId: 'tfs',
    eventType: 'git.push',
    consumerInputs: { url: 'http://127.0.0.1:1/' },
  })
  const context = { name: 'ci', genre: 'hub' }
  return {
    'workItems.get': { id: bug },
    'workItems.getMany': { ids: [bug, story, 99] },
    'workItems.create': { type: 'Bug', fields: { 'System.Title': 'New' } },
    'workItems.update': { id: bug, fields: { 'System.State': 'Active' } },
    'workItems.link': { id: bug, ...buildLink({ id: build }) },
    'workItems.remove': { id: story },
    'workItems.query': {
      wiql: `SELECT [System.Id] FROM WorkItems WHERE [System.Title] = ${wiqlText('It leaks')}`,
    },
    'workItems.linkedTo': { uris: ['vstfs:///Build/Build/1'] },
    'workItems.updates': { id: bug },
    'workItems.comments': { id: bug },
    'workItems.comment': { id: bug, text: 'Look' },
    'workItems.upload': { name: 'log.txt', text: 'It failed' },
    'git.repositories': {},
    'git.repository': web,
    'git.refs': { ...web, filter: 'heads/' },
    'git.updateRef': { ...web, name: 'refs/heads/new', oldObjectId: '0'.repeat(40), newObjectId: head },
    'git.commits': { ...web, branch: 'free' },
    'git.commit': { ...web, commitId: head },
    'git.pushes': web,
    'git.push': { ...web, pushId: 1 },
    'git.pushChanges': {
      ...web,
      refName: 'refs/heads/free',
      oldObjectId: head,
      comment: 'By API',
      changes: [{ changeType: 'add', path: '/a.txt', content: 'a' }],
    },
    'git.statuses': { ...web, commitId: head },
    'git.postStatus': { ...web, commitId: head, state: 'succeeded', context },
    'pullRequests.list': { status: 'all' },
    'pullRequests.get': ofPull,
    'pullRequests.create': {
      ...web,
      sourceRefName: 'refs/heads/free',
      targetRefName: 'refs/heads/main',
      title: 'Free',
      workItems: [bug],
    },
    'pullRequests.update': { ...ofPull, title: 'Better' },
    'pullRequests.complete': { ...ofPull, lastMergeSourceCommit: azure.acts.head('web', 'log-in') },
    'pullRequests.workItems': ofPull,
    'pullRequests.commits': ofPull,
    'pullRequests.threads': ofPull,
    'pullRequests.createThread': { ...ofPull, content: 'Why?', file: { path: '/a.txt', line: 3 } },
    'pullRequests.reply': { ...ofPull, threadId: 1, content: 'Because' },
    'pullRequests.setThreadStatus': { ...ofPull, threadId: 1, status: 'fixed' },
    'pullRequests.statuses': ofPull,
    'pullRequests.postStatus': { ...ofPull, state: 'pending', context },
    'pullRequests.policies': {},
    'pullRequests.policyStatus': { projectId: 'any', pullRequestId: pull },
    'builds.definitions': {},
    'builds.definition': { definitionId: pipeline },
    'builds.list': { definitions: [pipeline], status: 'all' },
    'builds.get': { buildId: build },
    'builds.queue': { definition: pipeline, sourceBranch: 'refs/heads/free', variables: { deep: 'yes' } },
    'builds.cancel': { buildId: build },
    'builds.timeline': { buildId: build },
    'builds.logs': { buildId: build },
    'builds.log': { buildId: build, logId: 2 },
    'builds.artifacts': { buildId: build },
    'builds.changes': { buildId: build },
    'builds.workItems': { buildId: build },
    'builds.tags': { buildId: build },
    'builds.addTag': { buildId: build, tag: 'nightly' },
    'builds.removeTag': { buildId: build, tag: 'nightly' },
    'builds.pipelines': {},
    'builds.run': { pipelineId: pipeline, runId: build },
    'subscriptions.list': {},
    'subscriptions.enable': { subscriptionId },
  }
}

const run = (
  operation: AnyOperation,
  client: unknown,
  input: object,
  context: CallContext = call(),
): Promise<unknown> => operation.run(client, input as never, context)

/** Threads have to be there before they are answered. */
async function begin(): Promise<void> {
  await run(
    boards.pullRequests.createThread as never,
    await connect(),
    { repository: 'web', pullRequestId: given.pull, content: 'First' },
    call({ mark: 'first' }),
  )
}

describe.each(operations.map((operation) => [operation.name, operation] as const))(
  '%s',
  (name, operation) => {
    test('does its work with a token that allows no more than its scope, which answers what JSON can keep', async () => {
      await begin()
      const input = inputs()[name] as object
      const result = await run(operation, await connect(operation.scope), input)
      expect(JSON.parse(JSON.stringify(result ?? null))).toEqual(result ?? null)
    })

    if (operation.guarantee.kind === 'natural') return

    test('answers whether it was applied, after its answer was lost and where it never came', async () => {
      await begin()
      const input = inputs()[name] as never
      const client = await connect()
      const ask = () => operation.verify?.(client, input, call())
      expect(await ask()).toEqual({ state: 'absent' })
      const changes = ({ method, path }: { method: string; path: string }) =>
        method !== 'GET' && !path.includes('/wiql')
      given.azure.fault({ kind: 'lost' }, changes)
      expect(await failure(run(operation, client, input))).toMatchObject({
        retry: 'later',
        applied: 'unknown',
      })
      expect(await ask()).toEqual({ state: 'absent' })
      given.azure.fault({ kind: 'lost-after' }, changes)
      expect(await failure(run(operation, client, input))).toMatchObject({
        retry: 'later',
        applied: 'unknown',
      })
      expect(await ask()).toMatchObject({ state: 'done' })
    })
  },
)

describe('what the service answers is told apart:', () => {
  const create = (client: unknown) =>
    run(boards.workItems.create as never, client, { type: 'Bug', fields: { 'System.Title': 'New' } })

  test.each([
    [
      { kind: 'throttled', retryAfter: 7 } as const,
      { code: 'CALL_RATE_LIMITED', retry: { afterMs: 7_000 }, applied: 'no' },
    ],
    [
      { kind: 'unavailable', retryAfter: 3 } as const,
      { code: 'CALL_FAILED', retry: { afterMs: 3_000 }, applied: 'no' },
    ],
    [{ kind: 'unavailable' } as const, { code: 'CALL_FAILED', retry: 'later', applied: 'unknown' }],
    [{ kind: 'error-after' } as const, { code: 'CALL_FAILED', retry: 'later', applied: 'unknown' }],
    [{ kind: 'sign-in' } as const, { code: 'CALL_UNAUTHENTICATED', retry: 'later', applied: 'no' }],
  ])('%o', async (fault, expected) => {
    given.azure.fault(fault)
    expect(await failure(create(await connect()))).toMatchObject(expected)
  })

  test('a token that is refused, and one that allows too little', async () => {
    expect(await failure(create(await connect('unknown-token')))).toMatchObject({
      code: 'CALL_UNAUTHENTICATED',
      applied: 'no',
    })
    const error = await failure(create(await connect('vso.work')))
    expect(error).toMatchObject({ code: 'CALL_UNAUTHENTICATED', applied: 'no' })
    expect(error.message).toContain('TF400813')
  })

  test('a work item that was deleted, and a page token that has expired', async () => {
    given.azure.acts.removeWorkItem(given.story)
    const client = await connect()
    expect(
      await failure(
        run(boards.workItems.update as never, client, { id: given.story, fields: { 'System.Title': 'x' } }),
      ),
    ).toMatchObject({ code: 'CALL_REJECTED', retry: 'never', applied: 'no' })
    expect(
      await failure(run(boards.builds.list as never, client, { continuationToken: 'gone' })),
    ).toMatchObject({ code: 'CALL_REJECTED', retry: 'never' })
  })

  test('the limits that it tells of reach the engine', async () => {
    const said: unknown[] = []
    given.azure.fault({ kind: 'delayed', retryAfter: 9 })
    await run(
      boards.workItems.get as never,
      await connect(),
      { id: given.bug },
      call({ limits: (limits) => void said.push(limits) }),
    )
    expect(said).toEqual([{ remaining: 0, resetMs: 9_000 }])
  })

  test('no error shows the token', async () => {
    const secret = 'sup3r-s3cret-token'
    const { message, cause } = await failure(create(await connect(secret)))
    expect(`${message} ${String(cause)}`).not.toContain(secret)
  })
})

describe('work items', () => {
  const batch = <T extends { readonly batch?: unknown }>({ batch: found }: T) =>
    found as NonNullable<AnyOperation['batch']>
  const calls = (inputs: readonly object[]) =>
    inputs.map((input) => ({ input: input as never, call: call() }))

  test('calls that read become one request, and each is answered by itself', async () => {
    const { bug, story } = given
    const outcomes = await batch(boards.workItems.get).run(
      await connect(),
      calls([{ id: bug }, { id: 99 }, { id: story }, { id: bug }]),
    )
    expect(outcomes).toMatchObject([
      { result: { id: bug } },
      { error: { code: 'CALL_REJECTED', details: { status: 404 } } },
      { result: { id: story } },
      { result: { id: bug } },
    ])
    expect(given.azure.requests).toHaveLength(1)
  })

  test('calls that change become one request, and each is answered by itself', async () => {
    const { bug, story, azure } = given
    const change = (id: number, rev?: number) => ({
      id,
      ...(rev === undefined ? {} : { rev }),
      fields: { 'System.State': 'Active' },
    })
    const outcomes = await batch(boards.workItems.update).run(
      await connect(),
      calls([change(bug, azure.acts.show(bug).rev), change(story, 1), change(99), { id: 5 }]),
    )
    expect(outcomes).toMatchObject([
      { result: { id: bug, fields: { 'System.State': 'Active' } } },
      { error: { code: 'CALL_REJECTED', applied: 'no', details: { status: 412 } } },
      { error: { code: 'CALL_REJECTED', details: { status: 404 } } },
      { error: { message: expect.stringContaining('changes nothing') } },
    ])
    expect(azure.requests.map(({ path }) => path)).toEqual(['/_apis/wit/$batch'])
  })

  test('two changes of one work item keep their order', async () => {
    const { bug, azure } = given
    const states = ['Active', 'Resolved', 'Closed']
    await batch(boards.workItems.update).run(
      await connect(),
      calls(states.map((state) => ({ id: bug, fields: { 'System.State': state } }))),
    )
    expect(azure.acts.show(bug).state).toBe('Closed')
    expect(azure.requests).toHaveLength(3)
  })

  test('more than 200 are read in several requests', async () => {
    const ids = Array.from({ length: 450 }, (_, at) => at + 1)
    const found = await boards.workItems.getMany.run(await connect(), { ids }, call())
    expect(found.map(({ id }) => id)).toEqual([given.story, given.bug])
    expect(given.azure.requests).toHaveLength(3)
  })

  test('a change by a revision that somebody else has taken was not ours', async () => {
    const { bug, azure } = given
    const { rev } = azure.acts.show(bug)
    const input = { id: bug, rev, fields: { 'System.State': 'Closed' } }
    azure.fault({ kind: 'stale' })
    const client = await connect()
    expect(await failure(run(boards.workItems.update as never, client, input))).toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'no',
    })
    expect(await boards.workItems.update.verify?.(client, input, call())).toEqual({ state: 'absent' })
  })

  test('a change is known again however the service writes its values', async () => {
    const { bug } = given
    const client = await connect()
    const input = {
      id: bug,
      fields: {
        'System.Tags': 'boat;URGENT',
        'System.AssignedTo': 'Ada Lovelace <ada@example.com>',
        'Microsoft.VSTS.Scheduling.DueDate': '2026-12-01',
        'System.Description': null,
      },
    }
    await run(boards.workItems.update as never, client, input)
    expect(await boards.workItems.update.verify?.(client, input, call())).toMatchObject({ state: 'done' })
  })

  test('history is refused, since nobody could tell whether it was said', async () => {
    const input = { id: given.bug, fields: { 'System.History': 'Done' } }
    expect((await failure(run(boards.workItems.update as never, await connect(), input))).message).toContain(
      'workItems.comment',
    )
    expect(given.azure.requests).toHaveLength(0)
  })

  test('a mark may be kept in a field of the process', async () => {
    const marked = azureDevOps('marked', { mark: { field: 'Custom.Correlation' } })
    const client = await connect()
    const made = await marked.workItems.create.run(
      client,
      { type: 'Bug', fields: { 'System.Title': 'New' } },
      call({ mark: 'm-7' }),
    )
    expect(made.fields).toMatchObject({ 'Custom.Correlation': 'm-7' })
    expect(made.fields['System.Tags']).toBeUndefined()
    const verdict = await marked.workItems.create.verify?.(client, { type: 'Bug' }, call({ mark: 'm-7' }))
    expect(verdict).toMatchObject({ state: 'done', result: { id: made.id } })
  })

  test('a link that is there already is no failure', async () => {
    const client = await connect()
    const input = { id: given.bug, rel: 'Hyperlink', url: 'https://example.com/1' }
    await boards.workItems.link.run(client, input, call())
    await boards.workItems.link.run(client, input, call())
    expect(given.azure.acts.show(given.bug).links.filter(({ rel }) => rel === 'Hyperlink')).toHaveLength(1)
  })
})

describe('the configuration', () => {
  const issues = async (config: unknown) => {
    const read = await azureDevOpsConnector.config['~standard'].validate(config)
    return (read.issues ?? []).map(({ path = [], message }) => `${path.join('.')}: ${message}`).join('; ')
  }

  test('leads to the organization, or elsewhere', async () => {
    const read = await azureDevOpsConnector.config['~standard'].validate({
      organization: 'acme',
      auth: pat('t'),
    })
    expect(read).toMatchObject({
      value: {
        project: null,
        http: { baseUrl: new URL('https://dev.azure.com/acme'), auth: { kind: 'basic', user: 'pat' } },
      },
    })
  })

  test('is refused with what is wrong with it', async () => {
    expect(await issues({})).toContain('organization')
    expect(await issues({ organization: 'acme', baseUrl: 'https://x' })).toContain('not both')
    expect(await issues({ organization: 'acme', headers: {} })).toContain('is no option')
    expect(await issues({ organization: 'acme', project: 7 })).toContain('project')
  })

  test('asks Entra for tokens of Azure DevOps', () => {
    expect(entra({ tenant: 'example.com', clientId: 'c', clientSecret: 's' })).toMatchObject({
      kind: 'oauth',
      tokenUrl: 'https://login.microsoftonline.com/example.com/oauth2/v2.0/token',
      scope: '499b84ac-1321-427f-aa17-267ca6975798/.default',
    })
  })

  test('a call without a project is refused where none is bound', async () => {
    const client = await connect('all', { project: undefined })
    expect((await failure(run(boards.builds.list as never, client, {}))).message).toContain(
      'names no project',
    )
    expect(await run(boards.builds.list as never, client, { project: 'Hub' })).toMatchObject({ builds: [{}] })
  })
})

test('links and mentions are written as the service reads them', () => {
  const repository = { id: 'r', name: 'web', project: { id: 'p', name: 'Hub' }, url: '' }
  expect(pullRequestLink({ repository, pullRequestId: 7 })).toEqual({
    rel: 'ArtifactLink',
    url: 'vstfs:///Git/PullRequestId/p%2Fr%2F7',
    name: 'Pull Request',
  })
  expect(commitLink(repository, 'abc').url).toBe('vstfs:///Git/Commit/p%2Fr%2Fabc')
  expect(mentionedWorkItems('Fixes #12 and AB#7, see #12; not a&#39; or x#3')).toEqual([12, 7])
})
