import { describe, expect, it } from 'vitest'
import { flow, inbox } from '../flow/index.ts'
import { LinkspanError, storeError } from '../model/errors.ts'
import type { Progress } from '../runtime/admin-api.ts'
import { createAdminClient } from './admin-client.ts'
import { ADMIN_CALLS, type AdminClient } from './admin-contract.ts'
import { byFetch } from './fixtures/both-ways.ts'
import {
  type FakeEngine,
  fakeAdmin,
  fakeEngine,
  manualClock,
  summary,
  TOKEN,
} from './fixtures/fake-engine.ts'

const AUTHORIZED = { authorization: `Bearer ${TOKEN}` }

function clientOf(engine: FakeEngine, token = TOKEN): AdminClient {
  return createAdminClient({
    url: 'http://hub.test/',
    token,
    fetch: (url, init) => engine.app.fetch(new Request(url, init), { remoteAddress: '127.0.0.1' }),
  })
}

type Method = keyof AdminClient
interface Case {
  readonly name: Method
  readonly args: readonly unknown[]
  readonly result: unknown
}

const noProgress: Progress = () => undefined
const bulk = {
  done: 2,
  refused: [{ id: 'x', error: storeError(new LinkspanError('MESSAGE_STATE', 'ended')) }],
}
const report = {
  messages: 1,
  unchanged: 0,
  differences: [{ id: '1-a', before: null, after: { a: [1] }, fields: [] }],
}
const odd = 'a/b?c#d ü%2F&"'

/** Every method, with arguments that would show a wrong escape or a lost field. */
const CASES: readonly Case[] = [
  { name: 'status', args: [], result: { state: 'running', refusing: null } },
  { name: 'flows', args: [], result: [{ name: 'orders', oldest: null }] },
  { name: 'causes', args: [], result: { groups: [], more: false } },
  { name: 'stats', args: [], result: { bytes: 7, file: 'x' } },
  { name: 'cluster', args: [], result: { now: 1, members: [], partitions: [], loans: [] } },
  { name: 'keys', args: [null, 5], result: [] },
  { name: 'keys', args: [odd, 1], result: [{ flow: odd, key: '' }] },
  { name: 'messages', args: [{}], result: { items: [summary()], next: null } },
  {
    name: 'messages',
    args: [
      {
        flow: odd,
        key: '',
        states: ['dead', 'inDoubt'],
        since: 0,
        until: 1_700_000_000_000,
        index: { pr: '7', [odd]: odd },
        children: false,
        order: 'oldest',
        limit: 3,
        after: 'x=',
      },
    ],
    result: { items: [], next: 'y' },
  },
  { name: 'messages', args: [{ states: [], children: true }], result: { items: [], next: null } },
  { name: 'trace', args: ['3f-abc~a%2Fb.0'], result: { message: summary(), steps: [] } },
  { name: 'reply', args: ['3f-abc'], result: { reply: null } },
  { name: 'reply', args: ['3f-abc'], result: null },
  { name: 'pause', args: [odd], result: undefined },
  { name: 'resume', args: ['orders'], result: undefined },
  { name: 'cancel', args: ['3f-abc', 'why\nnot'], result: summary({ state: 'dropped' }) },
  { name: 'skipKey', args: [odd, odd, 'note'], result: summary({ key: odd }) },
  { name: 'resolve', args: ['3f-abc', true, { result: { a: null }, note: 'seen' }], result: undefined },
  { name: 'resolve', args: ['3f-abc', false, { note: '' }], result: undefined },
  { name: 'resolve', args: ['3f-abc', true, { result: null, note: 'n' }], result: undefined },
  { name: 'drop', args: [{ ids: ['1-a', odd] }, 'note'], result: bulk },
  { name: 'drop', args: [{ query: { flow: 'orders', states: ['dead'] } }, 'note'], result: bulk },
  {
    name: 'redeliver',
    args: [{ ids: [] }, { note: 'n', perSecond: 7.5, fresh: true, progress: noProgress }],
    result: bulk,
  },
  { name: 'redeliver', args: [{ query: { since: 1 } }, { note: 'n', progress: noProgress }], result: bulk },
  { name: 'replay', args: [{ query: { index: { pr: '1' } } }, noProgress], result: report },
  { name: 'check', args: [noProgress], result: { flows: [] } },
  { name: 'verify', args: [noProgress], result: [{ where: 'page 7', what: 'checksum' }] },
  { name: 'raise', args: [odd, odd, { a: [null] }, {}], result: { id: '1-a', duplicate: false } },
  {
    name: 'raise',
    args: ['paid', 7, null, { headers: { a: 'b' }, dedupeKey: odd }],
    result: { id: '1-a', duplicate: true },
  },
  { name: 'completeGroups', args: [odd, odd, null], result: { id: '1-a', groups: null } },
  { name: 'completeGroups', args: ['bills', 'by customer', odd], result: { id: '1-a', groups: 1 } },
  { name: 'backup', args: ['/tmp/a b', noProgress], result: undefined },
  {
    name: 'accept',
    args: ['orders', { body: { a: [null] } }, undefined],
    result: { id: '1-a', duplicate: false },
  },
  {
    name: 'accept',
    args: [odd, { body: null, headers: { a: 'b' }, dedupeKey: 'd', acceptedAt: 7 }, { key: 'k' }],
    result: { id: '1-a', duplicate: true },
  },
]

/** An engine whose admin records calls and answers what `act` says. */
function recording(act: (...args: unknown[]) => unknown): {
  engine: FakeEngine
  calls: [string, unknown[]][]
} {
  const calls: [string, unknown[]][] = []
  const record =
    (name: string) =>
    async (...args: unknown[]): Promise<never> => {
      calls.push([name, args])
      return (await act(...args)) as never
    }
  const admin = fakeAdmin(Object.fromEntries(Object.keys(ADMIN_CALLS).map((name) => [name, record(name)])))
  const engine = fakeEngine({}, { admin })
  engine.intake.accept = record('accept')
  return { engine, calls }
}

/** Functions do not compare. */
function comparable(args: readonly unknown[]): unknown {
  return JSON.parse(
    JSON.stringify(args, (_key, value) =>
      typeof value === 'function' ? 'function' : value === undefined ? null : value,
    ),
  )
}

describe('the admin API through its client', () => {
  it('is tried with every method', () => {
    const tried: readonly string[] = CASES.map(({ name }) => name)
    expect(new Set([...tried, 'graph'])).toEqual(new Set(Object.keys(ADMIN_CALLS)))
  })

  it.each(CASES)('hands over $name $args and its answer', async ({ name, args, result }) => {
    const { engine, calls } = recording(() => result)
    const answer = await (clientOf(engine)[name] as (...given: readonly unknown[]) => Promise<unknown>)(
      ...args,
    )
    expect(answer).toEqual(result)
    expect(comparable(calls)).toEqual(comparable([[name, args]]))
  })

  it.each(CASES)('hands over the error of $name $args', async ({ name, args }) => {
    const error = new LinkspanError('JOURNAL_DAMAGED', 'Page 7 is damaged.', {
      retry: { afterMs: 5 },
      applied: 'unknown',
      details: { page: 7 },
      cause: Object.assign(new Error('inner'), { code: 'EIO' }),
    })
    const { engine } = recording(() => Promise.reject(error))
    const call = clientOf(engine)[name] as (...given: readonly unknown[]) => Promise<unknown>
    const thrown = await call(...args).catch((caught: unknown) => caught)
    expect(storeError(thrown)).toEqual(storeError(error))
  })

  it.each(['status', 'check'] as const)(
    'keeps what is no error of the engine in its log (%s)',
    async (name) => {
      const { engine } = recording(() => Promise.reject(new Error('hunter2')))
      const thrown = await clientOf(engine)
        [name](noProgress)
        .catch((caught: unknown) => caught)
      expect(thrown).toMatchObject({ code: 'UNEXPECTED' })
      expect((thrown as Error).message).not.toContain('hunter2')
      expect(engine.logged.join()).toContain('hunter2')
    },
  )

  it('draws a flow, and says which there are where there is none of the name', async () => {
    const definition = flow('orders')
      .from(inbox<number>())
      .map('double', (n) => 2 * n).definition
    const flows = (async () => [{ name: 'orders', definition }]) as unknown as AdminClient['flows']
    const client = clientOf(fakeEngine({}, { admin: fakeAdmin({ flows }) }))
    expect((await client.graph('orders')).nodes.map(({ label }) => label)).toEqual(['inbox', 'double'])
    await expect(client.graph(odd)).rejects.toMatchObject({
      code: 'FLOW_UNKNOWN',
      message: expect.stringContaining('The project has: orders.'),
    })
  })

  it('tells progress, the last one always', async () => {
    const { engine } = recording(async (progress) => {
      for (let done = 1; done <= 1_000; done++) (progress as Progress)(done, 1_000)
      return { flows: [] }
    })
    const seen: number[][] = []
    await clientOf(engine).check((...told) => seen.push(told))
    expect(seen).toEqual([
      [1, 1_000],
      [1_000, 1_000],
    ])
  })

  it('shows life in a long silence', async () => {
    const { clock, advance } = manualClock()
    const { promise, resolve } = Promise.withResolvers<{ flows: [] }>()
    const engine = fakeEngine({}, { clock, admin: fakeAdmin({ check: () => promise }) })
    const request = new Request('http://hub.test/_linkspan/v1/check', { method: 'POST', headers: AUTHORIZED })
    const reader = (await engine.app.fetch(request)).body!.getReader()
    advance(15_000)
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('\n')
    resolve({ flows: [] })
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('{"result":{"flows":[]}}\n')
    expect((await reader.read()).done).toBe(true)
  })

  it('lets a client go that has seen enough', async () => {
    const { promise, resolve } = Promise.withResolvers<{ flows: [] }>()
    let progress: Progress = noProgress
    const check = (given: Progress): typeof promise => {
      progress = given
      return promise
    }
    const engine = fakeEngine({}, { admin: fakeAdmin({ check }) })
    const request = new Request('http://hub.test/_linkspan/v1/check', { method: 'POST', headers: AUTHORIZED })
    await (await engine.app.fetch(request)).body!.cancel()
    expect(() => progress(1, 2)).not.toThrow()
    resolve({ flows: [] })
    await promise
    expect(engine.logged.join()).not.toContain('failed')
  })

  it('says when the connection ends before the work', async () => {
    const cut = createAdminClient({
      url: 'http://hub.test',
      token: TOKEN,
      fetch: async () => new Response('{"progress":[1,2]}\n'),
    })
    await expect(cut.check(noProgress)).rejects.toMatchObject({
      code: 'CONNECTION_FAILED',
      applied: 'unknown',
    })
  })

  it.each([
    [
      () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED') })),
      'CONNECTION_FAILED',
    ],
    [async () => new Response('<html>'), 'CALL_REPLY_INVALID'],
    [async () => new Response('{}', { status: 404 }), 'CALL_REPLY_INVALID'],
    [async () => new Response('<html>', { status: 502 }), 'CALL_REPLY_INVALID'],
  ])('says what is wrong when there is no engine (%#)', async (fetch, code) => {
    const client = createAdminClient({ url: 'http://hub.test', token: TOKEN, fetch })
    await expect(client.status()).rejects.toMatchObject({ code })
  })
})

describe('access to the admin API', () => {
  it('needs the token, on every method', async () => {
    const { engine, calls } = recording(() => undefined)
    for (const { verb, path } of Object.values(ADMIN_CALLS)) {
      for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${TOKEN}` }]) {
        const answer = await byFetch(engine.app, { method: verb, path: `/_linkspan/v1${path}`, headers })
        expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([
          401,
          'Bearer realm="linkspan"',
        ])
        expect(answer.text).not.toContain('wrong')
      }
    }
    expect(calls).toEqual([])
    await expect(clientOf(engine, 'wrong').status()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  it('is for this machine only while no token is configured', async () => {
    const admin = fakeAdmin({ stats: async () => ({ a: 1 }) })
    const engine = fakeEngine({}, { admin, adminAccess: { token: TOKEN, loopbackOnly: true } })
    const from = async (remoteAddress: string | null): Promise<number> => {
      const request = new Request('http://hub.test/_linkspan/v1/stats', { headers: AUTHORIZED })
      return (await engine.app.fetch(request, { remoteAddress })).status
    }
    for (const local of ['127.0.0.1', '127.8.8.8', '::1', '::ffff:127.0.0.1'])
      expect(await from(local)).toBe(200)
    for (const other of ['10.0.0.1', '::ffff:10.0.0.1', '1127.0.0.1', null])
      expect(await from(other)).toBe(403)
  })

  it('can be left out', async () => {
    const engine = fakeEngine({}, { adminAccess: null })
    expect((await byFetch(engine.app, { method: 'GET', path: '/_linkspan/v1/status' })).status).toBe(404)
  })

  it.each([
    ['GET', '/messages?state=gone', '/states'],
    ['GET', '/messages?limit=x', '/limit'],
    ['GET', '/messages?order=up', '/order'],
    ['GET', '/messages?children=maybe', '/children'],
    ['GET', '/keys?limit=', '/limit'],
    ['POST', '/drop', '/selection'],
    ['POST', '/messages/1-a/cancel', '/note'],
    ['POST', '/messages/1-a/resolve', '/applied'],
  ])('refuses wrong arguments of %s %s', async (method, path, pointer) => {
    const { engine, calls } = recording(() => undefined)
    const answer = await byFetch(engine.app, { method, path: `/_linkspan/v1${path}`, headers: AUTHORIZED })
    expect(answer.json).toMatchObject({ status: 400, code: 'REQUEST_INVALID', errors: [{ pointer }] })
    expect(calls).toEqual([])
  })

  it('refuses a misspelt filter, which would select everything', async () => {
    const { engine, calls } = recording(() => undefined)
    const drop = clientOf(engine).drop({ query: { flows: 'orders' } as never }, 'note')
    await expect(drop).rejects.toThrow('"flows" has to be one of')
    expect(calls).toEqual([])
  })
})
