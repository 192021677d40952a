import { createEngine, defineProject, flow, route } from 'linkspan'
import { simulated } from 'linkspan/journal'
import { basic } from 'linkspan/serve'
import { afterEach, expect, test } from 'vitest'
import { testOrganization } from '../../testing/azure-devops/fixtures/organization.ts'
import { EVENT_TYPES as SIMULATED } from '../../testing/azure-devops/hook-routes.ts'
import { EVENT_TYPES, eventId, serviceHook } from './index.ts'

const seen: unknown[] = []

const hook = route.post('/hooks/azure', {
  auth: basic({ users: { azure: 'pass' } }),
  ...serviceHook('git.push', 'build.complete'),
})

const hear = flow('hear')
  .from(hook, { dedupe: eventId, key: ({ eventType }) => eventType })
  // The types tell the resources apart.
  .map('what', (event) =>
    event.eventType === 'git.push' ? event.resource.pushId : event.resource.buildNumber,
  )
  .map('seen', (what) => {
    seen.push(what)
    return what
  })

const engines: { stop(): Promise<void> }[] = []

afterEach(async () => {
  seen.length = 0
  for (const engine of engines.splice(0)) await engine.stop()
})

async function start() {
  const engine = createEngine(defineProject({ journal: simulated(), flows: [hear] }), {
    outside: { logger: { log: () => undefined } },
  })
  engines.push(engine)
  await engine.start()
  return engine
}

const post = (engine: { fetch(request: Request): Promise<Response> }, body: unknown, password = 'pass') =>
  engine.fetch(
    new Request('http://hub.example/hooks/azure', {
      method: 'POST',
      headers: {
        authorization: `Basic ${btoa(`azure:${password}`)}`,
        'content-type': 'application/json; charset=utf-8',
      },
      body: JSON.stringify(body),
    }),
  )

const event = (id: string, eventType = 'git.push', resource: unknown = { pushId: 7 }) => ({
  id,
  eventType,
  resource,
  createdDate: '2026-01-01T00:00:00Z',
})

test('an event is taken with 202, and told again it is the same message', async () => {
  const engine = await start()
  const first = await post(engine, event('e1'))
  expect(first.status).toBe(202)
  const again = await post(engine, { ...event('e1'), notificationId: 9, subscriptionId: 'another' })
  expect([again.status, await again.json()]).toMatchObject([
    202,
    { id: ((await first.json()) as { id: string }).id, duplicate: true },
  ])
})

test.each([
  ['the password is wrong', event('e1'), 'wrong', 401],
  ['the type is not one of those', event('e1', 'workitem.created'), 'pass', 422],
  ['the resource is left out', event('e1', 'git.push', null), 'pass', 422],
  ['it is no event', { hello: 'world' }, 'pass', 422],
])('where %s it is refused for good', async (_why, body, password, status) => {
  const engine = await start()
  const answer = await post(engine, body, password)
  expect(answer.status).toBe(status)
})

test('a refusal says in the history of the subscription what to correct', async () => {
  const engine = await start()
  const answer = await post(engine, event('e1', 'workitem.created'))
  expect(await answer.text()).toContain('this flow takes git.push, build.complete. Correct the subscription.')
})

test('an engine that cannot take events answers 503, which Azure DevOps repeats', async () => {
  const engine = await start()
  await engine.stop()
  expect((await post(engine, event('e1'))).status).toBe(503)
})

test('every type of event that the simulator sends is known', () => {
  const sent = Object.values(SIMULATED).flat()
  expect(sent.filter((type) => !(EVENT_TYPES as readonly string[]).includes(type))).toEqual([])
})

test('the events of the simulator are taken, each type by a hook of that type', () => {
  const { azure, pull, pipeline, bug, story } = testOrganization()
  const { acts } = azure
  acts.change(bug, { 'System.State': 'Active', 'System.History': 'Look' })
  acts.removeWorkItem(story)
  acts.completePullRequest(pull)
  acts.approval(acts.build(pipeline), 'Production', 'pending')
  const types = new Set(azure.hooks.events.map(({ eventType }) => String(eventType)))
  expect(types.size).toBeGreaterThan(11)
  for (const given of azure.hooks.events) {
    const { schema } = serviceHook(given['eventType'] as 'git.push')
    expect(schema['~standard'].validate(given)).toEqual({ value: given })
  }
})
