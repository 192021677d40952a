import { expect, test } from 'vitest'
import { virtualClock } from '../virtual-clock.ts'
import { ask, testOrganization } from './fixtures/organization.ts'
import { ConnectionLost } from './respond.ts'
import { azureDevOpsSimulator } from './simulator.ts'

const patch = (id: number, ...operations: readonly object[]): readonly [string, readonly object[]] => [
  `PATCH /_apis/wit/workitems/${id}?api-version=7.1`,
  operations,
]
const set = (name: string, value: unknown) => ({ op: 'add', path: `/fields/${name}`, value })

test('a change of a revision that has passed is refused with 412, and changes nothing', async () => {
  const { azure, bug } = testOrganization()
  const { rev } = azure.acts.show(bug)
  const change = patch(bug, { op: 'test', path: '/rev', value: rev }, set('System.State', 'Active'))
  expect((await ask(azure, ...change)).status).toBe(200)
  const again = await ask(azure, ...change)
  expect(again).toMatchObject({ status: 412, body: { typeKey: 'TestPatchOperationFailedException' } })
  expect(azure.acts.show(bug).rev).toBe(rev + 1)
})

test('a change that changes nothing makes no revision', async () => {
  const { azure, bug } = testOrganization()
  const { rev, state } = azure.acts.show(bug)
  await ask(azure, ...patch(bug, set('System.State', state)))
  expect(azure.acts.show(bug).rev).toBe(rev)
})

test.each([
  ['an unknown field', [set('Custom.Nothing', 1)], 400, 'TF51535'],
  [
    'a state that the type has not',
    [set('System.State', 'Lost')],
    400,
    'not in the list of supported values',
  ],
  ['an unknown person', [set('System.AssignedTo', 'nobody@example.com')], 400, 'unknown identity'],
  ['a field that is read only', [set('System.ChangedDate', '2026-01-01')], 400, 'ReadOnly'],
  ['no title', [{ op: 'remove', path: '/fields/System.Title' }], 400, 'TF401320'],
  [
    'a link without a name',
    [{ op: 'add', path: '/relations/-', value: { rel: 'ArtifactLink', url: 'vstfs:///Build/Build/1' } }],
    400,
    'name',
  ],
])('%s is refused', async (_what, operations, status, message) => {
  const { azure, bug } = testOrganization()
  const answer = await ask(azure, ...patch(bug, ...operations))
  expect(answer).toMatchObject({ status, body: { message: expect.stringContaining(message) } })
})

test('tags are merged by add and replaced by replace', async () => {
  const { azure, bug } = testOrganization()
  await ask(azure, ...patch(bug, set('System.Tags', 'Boat; new')))
  expect(azure.acts.show(bug).tags).toBe('Boat; new; urgent')
  await ask(azure, ...patch(bug, { op: 'replace', path: '/fields/System.Tags', value: 'only' }))
  expect(azure.acts.show(bug).tags).toBe('only')
})

test('a link between work items is seen from both, and made once', async () => {
  const { azure, bug, story } = testOrganization()
  const forward = azure.acts.show(story).links.filter(({ rel }) => rel.includes('Hierarchy'))
  expect(forward).toMatchObject([{ rel: 'System.LinkTypes.Hierarchy-Forward' }])
  const value = {
    rel: 'System.LinkTypes.Hierarchy-Reverse',
    url: `${azure.url}/_apis/wit/workItems/${story}`,
  }
  const again = await ask(azure, ...patch(bug, { op: 'add', path: '/relations/-', value }))
  expect(again).toMatchObject({ status: 400, body: { message: 'Relation already exists.' } })
})

const WIQL: readonly (readonly [string, readonly number[]])[] = [
  ["[System.WorkItemType] = 'Bug'", [2]],
  ["[System.WorkItemType] IN ('Bug', 'User Story') AND NOT [System.Tags] CONTAINS 'urgent'", [1]],
  ["[System.AssignedTo] = 'Ada Lovelace <ada@example.com>'", [2]],
  ['[System.AssignedTo] = @Me', []],
  ["[System.Title] CONTAINS 'leak' OR ([System.Id] = 1 AND [System.State] <> 'Closed')", [1, 2]],
  ['[System.ChangedDate] >= @Today - 1', [1, 2]],
  ['[System.ChangedDate] > @Today', []],
  ['[System.AssignedTo] IS EMPTY', [1]],
  ["[System.AreaPath] UNDER 'Hub' AND [System.TeamProject] = @project", [1, 2]],
  ["[System.State] EVER 'New'", [1, 2]],
]

test.each(WIQL)('WHERE %s', async (where, ids) => {
  const { azure } = testOrganization()
  const query = `SELECT [System.Id] FROM WorkItems WHERE ${where.replace("EVER 'New'", "EVER = 'New'")} ORDER BY [System.Id]`
  const { status, body } = await ask(azure, 'POST /Hub/_apis/wit/wiql?api-version=7.1', { query })
  expect({ status, ids: (body as { workItems: { id: number }[] }).workItems.map(({ id }) => id) }).toEqual({
    status: 200,
    ids,
  })
})

test.each([
  'SELECT',
  'SELECT [System.Id] FROM Nothing',
  "SELECT [System.Id] FROM WorkItems WHERE [System.State] ~ 'x'",
  'SELECT [System.Id] FROM WorkItems WHERE [Not.There] = 1',
])('the query "%s" is refused', async (query) => {
  const { azure } = testOrganization()
  expect((await ask(azure, 'POST /Hub/_apis/wit/wiql?api-version=7.1', { query })).status).toBe(400)
})

test('more than 200 work items are not read at once, and missing ones may be left out', async () => {
  const { azure } = testOrganization()
  const ids = Array.from({ length: 201 }, (_, at) => at + 1)
  const line = 'POST /_apis/wit/workitemsbatch?api-version=7.1'
  expect(await ask(azure, line, { ids })).toMatchObject({
    status: 400,
    body: { message: expect.stringContaining('VS403474') },
  })
  expect((await ask(azure, line, { ids: [1, 9] })).status).toBe(404)
  expect(await ask(azure, line, { ids: [1, 9], errorPolicy: 'omit' })).toMatchObject({
    body: { count: 2, value: [{ id: 1 }, null] },
  })
})

test('a batch of changes answers each by itself', async () => {
  const { azure, bug } = testOrganization()
  const one = (id: number, rev: number) => ({
    method: 'PATCH',
    uri: `/_apis/wit/workitems/${id}?api-version=7.1`,
    headers: { 'Content-Type': 'application/json-patch+json' },
    body: [{ op: 'test', path: '/rev', value: rev }, set('System.State', 'Active')],
  })
  const { rev } = azure.acts.show(bug)
  const answer = await ask(azure, 'PATCH /_apis/wit/$batch?api-version=7.1', [
    one(bug, rev),
    one(bug, rev),
    one(99, 1),
  ])
  expect(answer.body).toMatchObject({ count: 3, value: [{ code: 200 }, { code: 412 }, { code: 404 }] })
})

test('lists are handed out by continuation token', async () => {
  const { azure, pipeline } = testOrganization()
  azure.acts.build(pipeline)
  const first = await ask(azure, 'GET /Hub/_apis/build/builds?$top=1&queryOrder=queueTimeAscending')
  const token = first.headers.get('x-ms-continuationtoken')
  const second = await ask(
    azure,
    `GET /Hub/_apis/build/builds?$top=1&queryOrder=queueTimeAscending&continuationToken=${token}`,
  )
  expect([first.body, second.body]).toMatchObject([{ value: [{ id: 1 }] }, { value: [{ id: 2 }] }])
  expect(second.headers.get('x-ms-continuationtoken')).toBeNull()
  expect((await ask(azure, 'GET /Hub/_apis/build/builds?continuationToken=x')).status).toBe(400)
})

test('what a token may not do is refused, and strangers are sent to sign in', async () => {
  const { azure, bug } = testOrganization({ tokens: { reader: ['vso.work'] } })
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  expect((await ask(azure, `GET /_apis/wit/workitems/${bug}`, undefined, as('reader'))).status).toBe(200)
  expect(await ask(azure, ...patch(bug, set('System.State', 'Active')), as('reader'))).toMatchObject({
    status: 401,
  })
  expect((await ask(azure, `GET /_apis/wit/workitems/${bug}`, undefined, as('other'))).status).toBe(203)
  const quiet = { ...as('other'), 'x-tfs-fedauthredirect': 'Suppress' }
  expect((await ask(azure, `GET /_apis/wit/workitems/${bug}`, undefined, quiet)).status).toBe(401)
})

test('a request without a version is refused, and one of a preview without the flag', async () => {
  const { azure, bug } = testOrganization()
  expect(
    (await ask(azure, `PATCH /_apis/wit/workitems/${bug}`, [set('System.State', 'Active')])).status,
  ).toBe(400)
  const comment = await ask(azure, `POST /Hub/_apis/wit/workitems/${bug}/comments?api-version=7.1`, {
    text: 'x',
  })
  expect(comment).toMatchObject({ status: 400, body: { typeKey: 'VssInvalidPreviewVersionException' } })
})

test('faults happen to the requests that they are for', async () => {
  const { azure, bug } = testOrganization()
  const change = patch(bug, set('System.State', 'Active'))
  azure.fault({ kind: 'throttled', retryAfter: 7 }, ({ method }) => method === 'PATCH')
  expect((await ask(azure, `GET /_apis/wit/workitems/${bug}`)).status).toBe(200)
  const refused = await ask(azure, ...change)
  expect(refused.status).toBe(429)
  expect(refused.headers.get('retry-after')).toBe('7')
  azure.fault({ kind: 'unavailable' })
  expect((await ask(azure, ...change)).status).toBe(503)
  expect(azure.acts.show(bug).state).toBe('New')
  azure.fault({ kind: 'lost-after' })
  await expect(ask(azure, ...change)).rejects.toBeInstanceOf(ConnectionLost)
  expect(azure.acts.show(bug).state).toBe('Active')
  const { rev } = azure.acts.show(bug)
  azure.fault({ kind: 'stale' })
  expect(
    (await ask(azure, ...patch(bug, { op: 'test', path: '/rev', value: rev }, set('System.State', 'Closed'))))
      .status,
  ).toBe(412)
  expect(azure.requests.map(({ fault }) => fault)).toEqual([
    null,
    'throttled',
    'unavailable',
    'lost-after',
    'stale',
  ])
})

test('a rate limit is told in headers, and refuses beyond', async () => {
  const clock = virtualClock()
  const { azure, bug } = testOrganization({ rateLimit: { requests: 2, perMs: 60_000 }, clock })
  const line = `GET /_apis/wit/workitems/${bug}`
  expect((await ask(azure, line)).headers.get('x-ratelimit-remaining')).toBe('1')
  expect((await ask(azure, line)).headers.get('retry-after')).toBe('60')
  expect((await ask(azure, line)).status).toBe(429)
  await clock.advance('1m')
  expect((await ask(azure, line)).status).toBe(200)
})

interface Delivery {
  readonly body: { readonly id: string; readonly eventType: string; readonly notificationId: number }
  readonly authorization: string | null
}

function subscriber(statuses: readonly (number | null)[]) {
  const deliveries: Delivery[] = []
  const send = async (request: Request): Promise<Response> => {
    const status = statuses[deliveries.length] === undefined ? 202 : statuses[deliveries.length]
    deliveries.push({
      body: (await request.json()) as Delivery['body'],
      authorization: request.headers.get('authorization'),
    })
    if (status === null) throw new Error('refused')
    return new Response(null, { status: status as number })
  }
  const clock = virtualClock()
  const azure = azureDevOpsSimulator({ clock, send })
  const project = azure.acts.project('Hub')
  azure.acts.repository('Hub', 'web')
  const id = azure.hooks.subscribe({
    publisherId: 'tfs',
    eventType: 'git.push',
    publisherInputs: { projectId: project, branch: 'main' },
    consumerInputs: {
      url: 'http://127.0.0.1:1/hook',
      basicAuthUsername: 'azure',
      basicAuthPassword: 'secret',
    },
  })
  const push = async (branch = 'main') => {
    azure.acts.push('web', branch, ['Change'])
    await clock.during(azure.hooks.idle())
  }
  const pass = async (time: string) => {
    await clock.advance(time as '1s')
    await clock.during(azure.hooks.idle())
  }
  return { azure, deliveries, id, push, pass }
}

test('an event is told to those who want it, with their password', async () => {
  const { deliveries, push, azure, id } = subscriber([])
  await push('other')
  await push()
  expect(deliveries).toMatchObject([
    {
      body: { eventType: 'git.push', notificationId: 1, subscriptionId: id },
      authorization: `Basic ${btoa('azure:secret')}`,
    },
  ])
  azure.hooks.resend(deliveries[0]?.body.id as string)
  await azure.hooks.idle()
  expect(deliveries[1]?.body.id).toBe(deliveries[0]?.body.id)
})

test('410 ends a subscription', async () => {
  const { azure, deliveries, id, push } = subscriber([410])
  await push()
  await push()
  expect(azure.hooks.status(id)).toBe('disabledBySystem')
  expect(deliveries).toHaveLength(1)
})

test('503 is tried again eight times, then the subscription is on probation, and its new events are lost', async () => {
  const { azure, deliveries, id, push, pass } = subscriber(Array(9).fill(503))
  await push()
  await pass('1s')
  expect(deliveries).toHaveLength(2)
  for (const pause of ['2s', '4s', '8s', '16s', '32s', '60s', '60s']) await pass(pause)
  expect(deliveries).toHaveLength(9)
  expect(new Set(deliveries.map(({ body }) => body.id)).size).toBe(1)
  expect(azure.hooks.status(id)).toBe('onProbation')
  await push()
  expect(deliveries).toHaveLength(9)
  await pass('20m')
  expect(deliveries).toHaveLength(10)
  expect(azure.hooks.status(id)).toBe('enabled')
  await push()
  expect(deliveries).toHaveLength(11)
})

test('an enduring failure puts a subscription on probation at once, and seven more end it', async () => {
  const { azure, deliveries, id, push, pass } = subscriber(Array(20).fill(500))
  await push()
  expect(azure.hooks.status(id)).toBe('onProbation')
  for (const pause of ['20m', '40m', '80m', '160m', '320m', '640m', '15h']) await pass(pause)
  expect(azure.hooks.status(id)).toBe('disabledBySystem')
  expect(deliveries).toHaveLength(8)
})

test('a connection that is refused is an enduring failure', async () => {
  const { azure, id, push } = subscriber([null])
  await push()
  expect(azure.hooks.status(id)).toBe('onProbation')
})
