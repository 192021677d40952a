import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { taskApi } from './app.ts'
import { type Command, command } from './commands.ts'
import { openStore, type Store } from './store.ts'

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly body: Record<string, unknown>
}

function makeApi() {
  const store = openStore(':memory:')
  const submitted: Command[] = []
  let ids = 0
  let now = 1000
  const app = taskApi({
    store,
    submit: async (given) => {
      submitted.push(command.parse(structuredClone(given)))
      return store.apply(given)
    },
    newId: () => {
      ids += 1
      return `id${ids}`
    },
    now: () => {
      now += 1
      return now
    },
  })
  const call = async (
    line: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const [method = 'GET', path = '/'] = line.split(' ')
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
    const init = { method, headers: { ...type, ...headers }, ...(body === undefined ? {} : { body: text }) }
    const response = await app.request(path, init)
    const answer = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      body: answer === '' ? {} : JSON.parse(answer),
    }
  }
  return { call, store, submitted }
}

test('a task is created, read, changed and deleted, and each change is one command', async () => {
  const { call, submitted } = makeApi()
  const created = await call('POST /tasks', { title: ' Try it ' })
  expect(created.status).toBe(201)
  expect(created.headers.get('location')).toBe('/tasks/id1')
  expect(created.body).toMatchObject({
    id: 'id1',
    title: 'Try it',
    state: 'open',
    version: 1,
    projectId: null,
  })
  const changed = await call('PATCH /tasks/id1', { state: 'closed' }, { 'if-match': '"1"' })
  expect(changed.body).toMatchObject({ state: 'closed', version: 2, title: 'Try it' })
  expect(changed.headers.get('etag')).toBe('"2"')
  expect((await call('GET /tasks/id1')).body).toEqual(changed.body)
  expect((await call('DELETE /tasks/id1')).status).toBe(204)
  expect((await call('GET /tasks/id1')).status).toBe(404)
  expect(submitted.map(({ kind }) => kind)).toEqual(['create-task', 'change-task', 'delete-task'])
})

test('a change on an old version is refused with 412 and changes nothing', async () => {
  const { call } = makeApi()
  await call('POST /tasks', { title: 'A' })
  await call('PATCH /tasks/id1', { title: 'B' })
  const late = await call('PATCH /tasks/id1', { title: 'C' }, { 'if-match': '"1"' })
  expect(late.status).toBe(412)
  expect(late.body['detail']).toContain('has version 2, not 1')
  expect((await call('GET /tasks/id1')).body['title']).toBe('B')
})

test('projects hold tasks, and go only when they are empty', async () => {
  const { call } = makeApi()
  await call('POST /projects', { name: 'Harbour' })
  await call('POST /tasks', { title: 'A', projectId: 'id1' })
  await call('POST /tasks', { title: 'B' })
  expect((await call('GET /tasks?project=id1')).body['tasks']).toMatchObject([{ title: 'A' }])
  expect((await call('DELETE /projects/id1')).status).toBe(409)
  await call('PATCH /tasks/id2', { projectId: null })
  expect((await call('DELETE /projects/id1')).status).toBe(204)
  expect((await call('POST /tasks', { title: 'C', projectId: 'id1' })).status).toBe(422)
  expect((await call('PATCH /projects/id1', { name: 'X' })).status).toBe(404)
})

test('comments belong to their task', async () => {
  const { call } = makeApi()
  await call('POST /tasks', { title: 'A' })
  await call('POST /tasks', { title: 'B' })
  expect((await call('POST /tasks/id1/comments', { author: 'Ada', text: 'Well.' })).status).toBe(201)
  expect((await call('GET /tasks/id1/comments')).body['comments']).toMatchObject([
    { author: 'Ada', text: 'Well.' },
  ])
  expect((await call('DELETE /tasks/id2/comments/id3')).status).toBe(404)
  expect((await call('DELETE /tasks/id1/comments/id3')).status).toBe(204)
  expect((await call('POST /tasks/none/comments', { author: 'Ada', text: 'x' })).status).toBe(404)
})

test('lists come in pages', async () => {
  const { call } = makeApi()
  for (const title of ['A', 'B', 'C']) await call('POST /tasks', { title })
  const first = await call('GET /tasks?limit=2')
  expect(first.body).toMatchObject({ tasks: [{ title: 'A' }, { title: 'B' }], after: 'id2' })
  expect((await call('GET /tasks?limit=2&after=id2')).body).toMatchObject({ tasks: [{ title: 'C' }] })
})

test('a repeated Idempotency-Key is answered from memory; with another body it is refused', async () => {
  const { call, store } = makeApi()
  const key = { 'idempotency-key': 'k1' }
  const first = await call('POST /tasks', { title: 'A' }, key)
  const second = await call('POST /tasks', { title: 'A' }, key)
  expect(second.body).toEqual(first.body)
  expect(store.tasks({ limit: 10 })).toHaveLength(1)
  expect((await call('POST /tasks', { title: 'B' }, key)).status).toBe(422)
})

const BAD: readonly [string, unknown, Record<string, string>, number, string][] = [
  ['POST /tasks', '{', {}, 400, 'not JSON'],
  ['POST /tasks', {}, {}, 422, '/title'],
  ['POST /tasks', { title: 7 }, {}, 422, '/title'],
  ['POST /tasks', { title: 'A', colour: 'red' }, {}, 422, 'colour'],
  ['POST /tasks', 'title=A', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'x-www-form'],
  ['POST /tasks', { title: 'A', description: 'x'.repeat(120_000) }, {}, 413, '100000'],
  ['POST /tasks', { title: 'A' }, { 'idempotency-key': 'k'.repeat(300) }, 400, 'Idempotency-Key'],
  ['PATCH /tasks/id1', {}, {}, 422, 'at least one'],
  ['PATCH /tasks/none', { title: 'A' }, {}, 404, '"none"'],
  ['PATCH /tasks/id1', { title: 'A' }, { 'if-match': '1' }, 400, 'If-Match'],
  ['GET /tasks?limit=0', undefined, {}, 422, '/limit'],
  ['PUT /tasks/id1', { title: 'A' }, {}, 405, 'GET, PATCH, DELETE'],
  ['GET /nothing', undefined, {}, 404, '/nothing'],
]

test.each(BAD)('%s is refused as RFC 9457 has it', async (line, body, headers, status, detail) => {
  const { call } = makeApi()
  const answer = await call(line, body, headers)
  expect(answer.headers.get('content-type')).toBe('application/problem+json')
  expect(answer.body).toMatchObject({ status, type: expect.stringMatching(/^urn:task-hub:problem:/) })
  expect(answer.status).toBe(status)
  expect(answer.body['detail']).toContain(detail)
})

test('the store survives being opened again, with what it knows of commands', () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const given: Command = {
    ...{ kind: 'create-task', commandId: 'c1', at: 5, id: 't1' },
    input: { title: 'A', description: '', projectId: null, assignee: null },
  }
  const withStore = <T>(work: (store: Store) => T): T => {
    const store = openStore(join(folder, 'tasks.db'))
    const result = work(store)
    store.close()
    return result
  }
  const first = withStore((store) => store.apply(given))
  expect(withStore((store) => store.apply({ ...given, id: 't2', at: 9 }))).toEqual(first)
  expect(withStore((store) => store.tasks({ limit: 10 }))).toHaveLength(1)
  rmSync(folder, { recursive: true })
})

test('a command that is kept but not done in time is answered with 202', async () => {
  const store = openStore(':memory:')
  const app = taskApi({ store, submit: async () => null, newId: () => 'x', now: () => 1 })
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"title":"A"}' }
  const response = await app.request('/tasks', init)
  expect(response.status).toBe(202)
  expect(await response.json()).toMatchObject({ state: 'accepted' })
})
