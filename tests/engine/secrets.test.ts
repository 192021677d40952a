import { createHmac } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import {
  createEngine,
  env,
  fixed,
  flow,
  inbox,
  jsonLogger,
  lookup,
  type MountableEngine,
  type Reference,
  retry,
  secret,
} from 'linkspan'
import { type Connector, configSchema, isLinkspanError, type Operation, text } from 'linkspan/connect'
import { apiKey, basic, bearer, httpConnection } from 'linkspan/http'
import { sqlite } from 'linkspan/journal'
import { githubSignature, apiKey as keyOf, route } from 'linkspan/serve'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** Every secret of the project below; none may be found anywhere. */
const CANARIES = {
  ENV_TOKEN: 'canary-env-6f0a1b',
  SECRET_TOKEN: 'canary-secret-29c4d7',
  PASSWORD: 'canary-password-"b81e',
  FILE_KEY: 'canary-file-key-5d3e90',
  HOOK_PATH: 'canary-in-the-url-e70b12',
  GITHUB_WEBHOOK: 'canary-webhook-77f2aa',
  SHOP_KEY: 'canary-shop-key-0c9d3e',
  ADMIN_TOKEN: 'canary-admin-token-41be86',
  CUSTOM: 'canary-custom-connector-f02c',
} as const

const forms = Object.values(CANARIES).flatMap((value) => [
  value,
  encodeURIComponent(value),
  JSON.stringify(value).slice(1, -1),
  Buffer.from(value).toString('base64').replace(/=+$/, ''),
  Buffer.from(`ada:${value}`).toString('base64').replace(/=+$/, ''),
  Buffer.from(value).toString('hex'),
])

function expectNone(where: string, textOf: string): void {
  const found = forms.filter((form) => textOf.includes(form))
  expect(found, `secrets in ${where}`).toEqual([])
}

interface Peer {
  readonly url: string
  readonly server: Server
  /** The headers of all requests, to see that the secrets did arrive. */
  readonly seen: string[]
}

/** A system that answers as the path asks, and shows the caller all it was sent. */
async function startPeer(): Promise<Peer> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    const told = JSON.stringify({ url: request.url, headers: request.headers })
    seen.push(told)
    const status = Number(/\/(\d{3})/.exec(request.url ?? '')?.[1] ?? 200)
    if (request.url?.includes('/reset')) {
      request.socket.destroy()
      return
    }
    response.writeHead(status, { 'content-type': 'application/json', 'x-told': told.slice(0, 500) })
    response.end(status === 200 ? '{"ok":true}' : told)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return { server, seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A connector of somebody else, which shows its configuration when it fails, as clumsy ones do. */
const clumsy: Connector<{ readonly key: string }, { readonly key: string }> = {
  name: 'clumsy',
  spec: { summary: 'For this test.', stability: 'stable', options: [] },
  config: configSchema({ key: text }),
  connect: async (config) => config,
}
const fails: Operation<unknown, unknown, { kind: 'natural' }> = {
  connection: { name: 'clumsy', connector: clumsy as never },
  name: 'fail',
  guarantee: { kind: 'natural' },
  run: async (client) => {
    const { key } = client as { key: string }
    throw Object.assign(new Error(`cannot log in with key ${key}`, { cause: new Error(`key=${key}`) }), {
      key,
    })
  },
}

const names = ['refused', 'envAuth', 'password', 'fileKey', 'pathSecret'] as const
const paths = ['/200', '/401', '/403', '/404', '/429', '/500', '/503', '/reset'] as const
const connections = Object.fromEntries(names.map((name) => [name, httpConnection(name)]))
const callFlows = names.map((name) => {
  const post = connections[name]?.post({
    name: 'post',
    path: (input: { path: string }) => input.path,
    body: (input: { path: string }) => input,
    guarantee: { kind: 'key', validFor: '1h' },
  })
  return flow(name, { onError: retry({ attempts: 2, backoff: fixed('1ms') }) })
    .from(inbox<{ path: string }>())
    .to('post', post as never)
})
const clumsyFlow = flow('clumsy', { onError: retry({ attempts: 2, backoff: fixed('1ms') }) })
  .from(inbox<{ path: string }>())
  .to('fail', fails as never)
const hooks = flow('hooks')
  .from(route.post('/hooks', { auth: githubSignature({ secret: secret('GITHUB_WEBHOOK') }) }))
  .map('fine', (body) => body)
const shop = flow('shop')
  .from(route.post('/shop', { auth: keyOf({ keys: { shop: secret('SHOP_KEY') } }) }))
  .map('broken', () => {
    throw new Error('broken')
  })

const folder = mkdtempSync(join(tmpdir(), 'linkspan-secrets-'))
const logged: string[] = []
const unhandled: unknown[] = []
let peer: Peer
let engine: MountableEngine

const find = (reference: Reference): string | undefined => {
  if (reference.name === 'FILE_KEY') return lookup(reference)
  return CANARIES[reference.name as keyof typeof CANARIES]
}

beforeAll(async () => {
  process.on('unhandledRejection', (reason) => unhandled.push(reason))
  peer = await startPeer()
  writeFileSync(join(folder, 'file-key'), `${CANARIES.FILE_KEY}\n`)
  process.env['FILE_KEY_FILE'] = join(folder, 'file-key')
  const hook = `${peer.url}/services/${CANARIES.HOOK_PATH}`
  engine = createEngine(
    {
      journal: sqlite('hub.db'),
      flows: [...callFlows, clumsyFlow, hooks, shop],
      http: { port: 0, adminToken: secret('ADMIN_TOKEN') },
      connections: {
        refused: { baseUrl: 'http://127.0.0.1:9', auth: bearer(secret('SECRET_TOKEN')) },
        envAuth: { baseUrl: peer.url, auth: bearer(env('ENV_TOKEN')) },
        password: { baseUrl: peer.url, auth: basic('ada', secret('PASSWORD')) },
        fileKey: { baseUrl: peer.url, auth: apiKey(secret('FILE_KEY')) },
        pathSecret: { baseUrl: secret('HOOK_URL') },
        clumsy: { key: secret('CUSTOM') },
      },
    },
    {
      directory: folder,
      lookup: (reference) => (reference.name === 'HOOK_URL' ? hook : find(reference)),
      outside: {
        logger: jsonLogger({
          stream: { write: (line: string) => Boolean(logged.push(line)) },
          clock: { now: Date.now } as never,
          level: 'debug',
        }),
      },
    },
  )
  await engine.start()
})

afterAll(async () => {
  await engine.stop()
  peer.server.close()
  delete process.env['FILE_KEY_FILE']
  rmSync(folder, { recursive: true, force: true })
})

async function allEnded(): Promise<void> {
  for (;;) {
    const { messages } = await engine.admin.status()
    if (messages.active + messages.waiting === 0) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

it('secrets reach the systems they are for, and are found nowhere else whatever goes wrong', async () => {
  const base = `http://127.0.0.1:${engine.address?.port}`
  const answers: string[] = []
  const ask = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const response = await fetch(`${base}${path}`, init)
    answers.push(`${path} ${JSON.stringify([...response.headers])} ${await response.clone().text()}`)
    return response
  }

  for (const each of [...callFlows, clumsyFlow])
    for (const path of paths) await engine.send(each, { path } as never)
  const body = '{"zen":"keep it"}'
  const json = { 'content-type': 'application/json' }
  const signature = `sha256=${createHmac('sha256', CANARIES.GITHUB_WEBHOOK).update(body).digest('hex')}`
  const signed = { ...json, 'x-github-delivery': 'd1', 'x-hub-signature-256': signature }
  expect((await ask('/hooks', { method: 'POST', body, headers: signed })).status).toBe(202)
  expect((await ask('/hooks', { method: 'POST', body: `${body} `, headers: signed })).status).toBe(401)
  expect(
    (await ask('/shop', { method: 'POST', body, headers: { ...json, 'x-api-key': CANARIES.SHOP_KEY } }))
      .status,
  ).toBe(202)
  expect((await ask('/shop', { method: 'POST', body, headers: json })).status).toBe(401)
  expect(
    (await ask('/shop', { method: 'POST', body: '{', headers: { ...json, 'x-api-key': CANARIES.SHOP_KEY } }))
      .status,
  ).toBe(400)
  await allEnded()

  for (const canary of ['ENV_TOKEN', 'FILE_KEY', 'HOOK_PATH'] as const)
    expect(peer.seen.join(), canary).toContain(CANARIES[canary])
  expect(peer.seen.join()).toContain(Buffer.from(`ada:${CANARIES.PASSWORD}`).toString('base64'))

  const admin = { authorization: `Bearer ${CANARIES.ADMIN_TOKEN}` }
  const { items } = await engine.admin.messages({ limit: 1_000 })
  expect(items.length).toBe((names.length + 1) * paths.length + 2)
  expect(new Set(items.map(({ state }) => state))).toEqual(new Set(['done', 'dead']))
  const shown: unknown[] = [
    items,
    await engine.admin.status(),
    await engine.admin.flows(),
    await engine.admin.stats(),
  ]
  for (const { id } of items) {
    shown.push(await engine.admin.trace(id))
    await ask(`/messages/${id}`)
  }
  shown.push(await engine.admin.replay({ query: {} }, () => undefined))
  for (const path of ['/healthz', '/readyz', '/metrics', '/nothing-here']) await ask(path)
  await ask('/_linkspan/v1/status', { headers: admin })
  await ask('/_linkspan/v1/status', { headers: { authorization: 'Bearer wrong' } })

  expectNone('the admin API', JSON.stringify(shown))
  expectNone('the answers over HTTP', answers.join('\n'))
  expectNone('the metrics', engine.metrics.prometheus())
  expectNone('the log', logged.join(''))
  expectNone(
    'the definitions of the flows',
    JSON.stringify([...engine.flows.values()].map(({ definition, source }) => [definition, source.options])),
  )
  await engine.stop()
  const files = readdirSync(folder).filter(
    (name) => name.startsWith('hub.db') && statSync(join(folder, name)).isFile(),
  )
  expect(files).toContain('hub.db')
  for (const name of files) expectNone(`the file ${name}`, readFileSync(join(folder, name), 'latin1'))
  expect(unhandled).toEqual([])
})

it('secrets are not in what a wrong configuration is told', async () => {
  const wrong: Record<string, unknown>[] = [
    { baseUrl: secret('SECRET_TOKEN') },
    { baseUrl: 'http://127.0.0.1:9', auth: { kind: secret('SECRET_TOKEN') } },
    { baseUrl: 'http://127.0.0.1:9', auth: basic(secret('PASSWORD'), 7) },
    { baseUrl: 'http://127.0.0.1:9', timeout: secret('SECRET_TOKEN') },
    { baseUrl: 'http://127.0.0.1:9', headers: { 'x y': secret('SECRET_TOKEN') } },
    { baseUrl: 'http://127.0.0.1:9', tls: { cert: secret('SECRET_TOKEN'), key: secret('PASSWORD') } },
    { baseUrl: 'http://127.0.0.1:9', headers: { 'x-token': { deeper: secret('SECRET_TOKEN') } } },
  ]
  for (const [at, configuration] of wrong.entries()) {
    const service = httpConnection('service')
    const get = service.get({ name: 'get', path: '/' })
    const ask = flow('ask', { onError: retry({ attempts: 1 }) })
      .from(inbox<string>())
      .to('get', get as never)
    const lines: string[] = []
    const one = createEngine(
      {
        journal: sqlite(`wrong-${at}.db`),
        flows: [ask],
        connections: { service: configuration },
        http: false,
      },
      {
        directory: folder,
        lookup: find,
        outside: { logger: { log: (...line) => void lines.push(JSON.stringify(line)) } },
      },
    )
    const thrown = await one.start().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (thrown === undefined) {
      const { id } = await one.send(ask, 'x')
      await one.intake
        .reply(id, { timeoutMs: 5_000 })
        .catch((error: unknown) => lines.push(inspect(error, { depth: 20 })))
      lines.push(JSON.stringify(await one.admin.trace(id)))
      await one.stop()
    } else expect(isLinkspanError(thrown, 'CONFIG_INVALID'), inspect(thrown)).toBe(true)
    expectNone(
      `the error of configuration ${at}`,
      inspect(thrown, { depth: 20, showHidden: true }) + lines.join(),
    )
  }
})
