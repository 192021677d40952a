import { createHmac } from 'node:crypto'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  createEngine,
  fixed,
  flow,
  inbox,
  type MessageSummary,
  type MountableEngine,
  type Project,
  retry,
  secret,
} from 'linkspan'
import type { LinkspanError } from 'linkspan/connect'
import { httpConnection } from 'linkspan/http'
import { sqlite } from 'linkspan/journal'
import { githubSignature, hmac, route, standardWebhook } from 'linkspan/serve'
import { memoryLogger } from 'linkspan/testing'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'

const SECRET = 'not very long but secret'
const STANDARD = `whsec_${Buffer.from(SECRET).toString('base64')}`
const order = z.object({ sku: z.string(), count: z.number().int() })
const orders = flow('orders')
  .from(route.post('/orders', { schema: order, bodyLimit: 200 }), { key: (one) => one.sku })
  .map('same', (one) => one)
const github = flow('github')
  .from(route.post('/github', { auth: githubSignature({ secret: secret('HOOK') }) }))
  .map('same', (body) => body)
const standard = flow('standard')
  .from(route.post('/standard', { auth: standardWebhook({ secret: secret('STANDARD') }) }))
  .map('same', (body) => body)
const own = flow('own')
  .from(route.post('/own', { auth: hmac({ secret: secret('HOOK'), header: 'x-sig' }) }))
  .map('same', (body) => body)

const folders: string[] = []
const temporary = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-bad-'))
  folders.push(folder)
  return folder
}
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

function makeEngine(project: Partial<Project>, directory = temporary()): MountableEngine {
  return createEngine(
    { journal: sqlite('hub.db'), flows: [orders], http: false, ...project },
    {
      directory,
      lookup: ({ name }) => ({ HOOK: SECRET, STANDARD })[name],
      outside: { logger: memoryLogger() },
    },
  )
}

const accepted = async (engine: MountableEngine): Promise<number> =>
  Object.values((await engine.admin.status()).messages).reduce((sum, count) => sum + count, 0)

const failureOf = (promise: Promise<unknown>): Promise<LinkspanError> =>
  promise.then(
    () => {
      throw new Error('It should have failed.')
    },
    (thrown: LinkspanError) => thrown,
  )

describe('a request', () => {
  let engine: MountableEngine
  beforeAll(async () => {
    engine = makeEngine({ flows: [orders, github, standard, own], http: { port: 0 } })
    await engine.start()
  })
  afterAll(() => engine.stop())

  const json = { 'content-type': 'application/json' }
  const sign = (text: string): string => createHmac('sha256', SECRET).update(text).digest('hex')
  const webhook = (at: number, body: string): Record<string, string> => ({
    ...json,
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(at),
    'webhook-signature': `v1,${createHmac('sha256', Buffer.from(SECRET)).update(`msg_1.${at}.${body}`).digest('base64')}`,
  })
  const now = Math.floor(Date.now() / 1_000)

  const cases: readonly [string, string, RequestInit, number, string][] = [
    ['malformed JSON', '/orders', { body: '{"sku":"a",', headers: json }, 400, 'BODY_MALFORMED'],
    ['a wrong schema', '/orders', { body: '{"sku":1,"count":"x"}', headers: json }, 422, 'BODY_INVALID'],
    [
      'a body over the limit',
      '/orders',
      { body: JSON.stringify({ sku: 'x'.repeat(300), count: 1 }), headers: json },
      413,
      'BODY_TOO_LARGE',
    ],
    ['an unknown route', '/order', { body: '{}', headers: json }, 404, 'ROUTE_UNKNOWN'],
    ['a wrong method', '/orders', { method: 'PUT', body: '{}', headers: json }, 405, 'METHOD_NOT_ALLOWED'],
    [
      'a wrong signature',
      '/github',
      {
        body: '{}',
        headers: { ...json, 'x-github-delivery': '1', 'x-hub-signature-256': `sha256=${sign('other')}` },
      },
      401,
      'SIGNATURE_INVALID',
    ],
    [
      'a missing signature',
      '/github',
      { body: '{}', headers: { ...json, 'x-github-delivery': '1' } },
      401,
      'UNAUTHENTICATED',
    ],
    [
      'a signature that is none',
      '/own',
      { body: '{}', headers: { ...json, 'x-sig': 'no hex' } },
      401,
      'SIGNATURE_INVALID',
    ],
    [
      'an old timestamp',
      '/standard',
      { body: '{}', headers: webhook(now - 3_600, '{}') },
      401,
      'SIGNATURE_INVALID',
    ],
    [
      'a timestamp to come',
      '/standard',
      { body: '{}', headers: webhook(now + 3_600, '{}') },
      401,
      'SIGNATURE_INVALID',
    ],
  ]

  it.each(cases)(
    'with %s is refused by a problem document and nothing is accepted',
    async (_what, path, init, status, code) => {
      const before = await accepted(engine)
      const response = await fetch(`http://127.0.0.1:${engine.address?.port}${path}`, {
        method: 'POST',
        ...init,
      })
      const problem = (await response.json()) as {
        code: string
        status: number
        title: string
        detail: string
      }
      expect([response.status, response.headers.get('content-type')]).toEqual([
        status,
        'application/problem+json',
      ])
      expect(problem).toMatchObject({ code, status })
      expect(problem.title.length + problem.detail.length).toBeGreaterThan(20)
      expect(await accepted(engine)).toBe(before)
    },
  )

  it('that is right is accepted after all of them', async () => {
    const send = async (path: string, init: RequestInit): Promise<number> =>
      (await fetch(`http://127.0.0.1:${engine.address?.port}${path}`, { method: 'POST', ...init })).status
    expect(await send('/orders', { body: '{"sku":"a","count":1}', headers: json })).toBe(202)
    expect(await send('/standard', { body: '{}', headers: webhook(now, '{}') })).toBe(202)
    expect(
      await send('/github', {
        body: '{}',
        headers: { ...json, 'x-github-delivery': '1', 'x-hub-signature-256': `sha256=${sign('{}')}` },
      }),
    ).toBe(202)
  })

  it('sent from inside with a body that does not fit says where', async () => {
    const error = await failureOf(engine.send(orders, { sku: 'a', count: 1.5 }))
    expect(error).toMatchObject({ code: 'BODY_INVALID', message: expect.stringMatching(/"orders".*\/count/) })
  })
})

describe('a system behind a flow', () => {
  const servers: Server[] = []
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections()
      server.close()
    }
  })

  /** What becomes of one message whose call meets such a system. */
  async function meet(
    listener: RequestListener | null,
    response: 'json' | undefined = 'json',
  ): Promise<{ readonly message: MessageSummary; readonly requests: number }> {
    let requests = 0
    const server = createServer((request, answer) => {
      requests += 1
      request.resume()
      listener?.(request, answer)
    })
    servers.push(server)
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    const peer = httpConnection('peer')
    const post = peer.post({ name: 'post', path: '/x', guarantee: { kind: 'key', validFor: '1d' }, response })
    const call = flow('call', { onError: retry({ attempts: 2, backoff: fixed('5ms') }) })
      .from(inbox<{ n: number }>())
      .call('post', post, { timeout: '200ms' })
    const engine = makeEngine({
      flows: [call],
      connections: { peer: { baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } },
    })
    await engine.start()
    try {
      const { id } = await engine.send(call, { n: 1 })
      await engine.intake.reply(id, { timeoutMs: 10_000 }).catch(() => undefined)
      const [message] = (await engine.admin.messages({})).items
      return { message: message as MessageSummary, requests }
    } finally {
      await engine.stop()
    }
  }

  it('whose reply is not JSON has done what it was asked, so it is not asked again, and a person is told', async () => {
    const { message, requests } = await meet((_request, answer) => answer.end('<html>fine</html>'))
    expect(message).toMatchObject({ state: 'dead', error: { code: 'CALL_REPLY_INVALID', applied: 'yes' } })
    expect(requests).toBe(1)
  })

  it('that hangs is given up within the time limit', async () => {
    const { message, requests } = await meet(null)
    expect(message).toMatchObject({ state: 'dead', error: { code: 'CALL_TIMED_OUT', applied: 'unknown' } })
    expect(requests).toBe(2)
  })

  it('that drips its reply for ever is given up too', async () => {
    const { message } = await meet((_request, answer) => {
      answer.writeHead(200, { 'content-type': 'application/json' })
      const drip = setInterval(() => answer.write(' '), 20)
      answer.on('close', () => clearInterval(drip))
    })
    expect(message).toMatchObject({ state: 'dead', error: { code: 'CALL_TIMED_OUT' } })
  })
})

describe('a journal', () => {
  const start = (directory: string): Promise<LinkspanError> => failureOf(makeEngine({}, directory).start())

  it('of another program, or no journal at all, is refused and left as it is', async () => {
    const folder = temporary()
    const other = new DatabaseSync(join(folder, 'hub.db'))
    other.exec("CREATE TABLE recipes (name TEXT); INSERT INTO recipes VALUES ('soup')")
    other.close()
    expect(await start(folder)).toMatchObject({
      code: 'JOURNAL_FOREIGN',
      message: expect.stringContaining('hub.db'),
    })
    const again = new DatabaseSync(join(folder, 'hub.db'))
    expect(again.prepare('SELECT name FROM recipes').all()).toMatchObject([{ name: 'soup' }])
    again.close()
    const text = temporary()
    writeFileSync(join(text, 'hub.db'), 'This is a letter and no database. '.repeat(300))
    expect(await start(text)).toMatchObject({
      code: 'JOURNAL_FOREIGN',
      message: expect.stringContaining('hub.db'),
    })
  })

  it('of a newer version is refused with both versions and what to do, and opens again with the right one', async () => {
    const folder = temporary()
    const first = makeEngine({}, folder)
    await first.start()
    await first.send(orders, { sku: 'a', count: 1 })
    await first.stop()
    const version = (change: (now: number) => number): void => {
      const db = new DatabaseSync(join(folder, 'hub.db'))
      const { user_version: now } = db.prepare('PRAGMA user_version').get() as { user_version: number }
      db.exec(`PRAGMA user_version = ${change(now)}`)
      db.close()
    }
    version((now) => now + 1)
    expect(await start(folder)).toMatchObject({
      code: 'JOURNAL_NEWER',
      message: expect.stringMatching(/hub\.db.*version/),
    })
    version((now) => now - 1)
    const again = makeEngine({}, folder)
    await again.start()
    expect(await accepted(again)).toBe(1)
    await again.stop()
  })

  it('is given back when the engine cannot start for another reason', async () => {
    const folder = temporary()
    const blocker = createTcpServer()
    await new Promise<void>((done) => blocker.listen(0, '127.0.0.1', done))
    const { port } = blocker.address() as AddressInfo
    const engine = makeEngine({ http: { port } }, folder)
    const error = await failureOf(engine.start())
    expect(error).toMatchObject({ code: 'PORT_IN_USE', message: expect.stringContaining(String(port)) })
    expect(engine.state).toBe('stopped')
    await new Promise((done) => blocker.close(done))
    await engine.start()
    await engine.send(orders, { sku: 'a', count: 1 })
    await engine.stop()
  })
})

describe('a configuration', () => {
  const service = httpConnection('service')
  const ask = flow('ask')
    .from(inbox<string>())
    .to('get', service.get({ name: 'get', path: '/' }) as never)

  it('that is missing or does not parse is refused at start, by connection and field', async () => {
    const cases: readonly [Record<string, unknown>, string, RegExp][] = [
      [{}, 'CONNECTION_UNBOUND', /"service".*connections: \{ "service"/],
      [{ service: { baseUrl: 'not a url' } }, 'CONFIG_INVALID', /"service".*baseUrl/],
      [{ service: { baseUrl: 'http://127.0.0.1', timeout: 'soon' } }, 'CONFIG_INVALID', /"service".*timeout/],
      [{ service: { baseUrl: 'http://127.0.0.1', baseurl: 1 } }, 'CONFIG_INVALID', /"service".*baseurl/],
      [{ service: 'http://127.0.0.1' }, 'CONFIG_INVALID', /"service"/],
    ]
    for (const [connections, code, message] of cases) {
      const folder = temporary()
      const error = await failureOf(makeEngine({ flows: [ask], connections }, folder).start())
      expect(error, JSON.stringify(connections)).toMatchObject({
        code,
        message: expect.stringMatching(message),
      })
    }
  })

  it('is refused by validate() as by start(), before anything is opened', async () => {
    const connections = { service: { baseUrl: 'http://127.0.0.1' } }
    const again = flow('again').from(route.post('/orders'))
    const cases: readonly [Partial<Project>, RegExp][] = [
      [{ flows: [ask] }, /"service"/],
      [{ flows: [ask], connections: { service: { url: 'http://127.0.0.1' } } }, /"service".*url/],
      [{ retention: 'long' as never }, /"long"/],
      [{ attentionRetention: 'longer' as never }, /"longer"/],
      [{ flows: [orders, again], http: { port: 0 } }, /\/orders/],
      [{ http: { port: 0, requestTimeout: 'soon' as never } }, /"soon"/],
    ]
    for (const [project, message] of cases) {
      const folder = temporary()
      const engine = makeEngine(project, folder)
      const error = await failureOf(engine.validate())
      expect(error.message).toMatch(message)
      expect(readdirSync(folder)).toEqual([])
      expect((await failureOf(engine.start())).message).toBe(error.message)
    }
    const folder = temporary()
    await makeEngine(
      { flows: [orders, ask], connections, http: { port: 0 }, retention: '1d' },
      folder,
    ).validate()
    expect(readdirSync(folder)).toEqual([])
  })
})
