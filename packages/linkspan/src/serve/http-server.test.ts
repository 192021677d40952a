import { createServer } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { LinkspanError } from '../model/errors.ts'
import { createAdminClient } from './admin-client.ts'
import {
  type FakeEngine,
  type FakeOptions,
  fakeAdmin,
  fakeEngine,
  manualClock,
  realClock,
  TOKEN,
} from './fixtures/fake-engine.ts'
import { type HttpServer, startHttpServer } from './http-server.ts'
import { nodeHandler } from './node-handler.ts'
import { route } from './route.ts'

const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function start(options: FakeOptions = {}): Promise<{ engine: FakeEngine; server: HttpServer }> {
  const sources = {
    orders: route.post('/orders', { bodyLimit: 1_000_000 }),
    ask: route.post('/ask', { respond: 'reply' }),
  }
  const engine = fakeEngine(sources, { clock: realClock, ...options })
  const server = await startHttpServer(engine.app, { port: 0, clock: realClock })
  closers.push(() => server.stop(0))
  return { engine, server }
}

/** A raw connection, and what came over it so far. */
interface Wire {
  readonly socket: Socket
  /** Resolves once the pattern has come. */
  until(pattern: RegExp): Promise<string>
  readonly ended: Promise<string>
}

function wire({ address }: HttpServer): Wire {
  const socket = connect(address.port, address.host)
  closers.push(() => socket.destroy())
  let text = ''
  const waiters = new Set<() => void>()
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  socket.on('data', (chunk) => {
    text += chunk.toString()
    for (const check of waiters) check()
  })
  socket.on('error', () => resolve(text))
  socket.on('close', () => resolve(text))
  const until = (pattern: RegExp): Promise<string> =>
    new Promise((found) => {
      const check = (): void => {
        if (!pattern.test(text)) return
        waiters.delete(check)
        found(text)
      }
      waiters.add(check)
      check()
    })
  return { socket, until, ended }
}

const head = (path: string, ...lines: string[]): string =>
  `POST ${path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`

describe('the server', () => {
  it('listens on the loopback unless told otherwise, and answers', async () => {
    const { server } = await start()
    expect(server.address.host).toBe('127.0.0.1')
    const response = await fetch(`${server.url}/orders`, {
      method: 'POST',
      body: '1',
      headers: { 'content-type': 'application/json' },
    })
    expect([response.status, await response.json()]).toEqual([202, { id: '2t-x1y2z3a4b5c6' }])
  })

  it('names the port that is in use, and what to do', async () => {
    const { engine, server } = await start()
    const { port } = server.address
    const second = startHttpServer(engine.app, { port, clock: realClock })
    await expect(second).rejects.toMatchObject({ code: 'PORT_IN_USE', details: { port, host: '127.0.0.1' } })
    await expect(second).rejects.toThrow(`Port ${port} on 127.0.0.1 is in use`)
    await expect(
      startHttpServer(engine.app, { port: 0, host: '192.0.2.1', clock: realClock }),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    })
  })

  it('carries the admin API with streams, for the loopback', async () => {
    const check = async (progress: (done: number, total: number) => void): Promise<{ flows: [] }> => {
      progress(1, 2)
      return { flows: [] }
    }
    const { server } = await start({
      admin: fakeAdmin({ check }),
      adminAccess: { token: TOKEN, loopbackOnly: true },
    })
    const seen: unknown[] = []
    const admin = createAdminClient({ url: server.url, token: TOKEN })
    expect(await admin.check((...told) => seen.push(told))).toEqual({ flows: [] })
    expect(seen).toEqual([[1, 2]])
    await server.stop(0)
    await expect(admin.check(() => undefined)).rejects.toMatchObject({ code: 'CONNECTION_FAILED' })
  })

  it('ends with its running requests, and refuses new ones', async () => {
    const { engine, server } = await start()
    const { promise, resolve } = Promise.withResolvers<{ reply: string }>()
    engine.intake.reply = () => promise
    const idle = wire(server)
    idle.socket.write(`${head('/orders', 'content-length: 1')}1`)
    await idle.until(/202 Accepted/)
    const running = wire(server)
    running.socket.write(`${head('/ask', 'content-length: 1')}1`)
    while (engine.intake.taken.length < 2) await new Promise(setImmediate)
    const stopped = server.stop('60s')
    await idle.ended
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
    resolve({ reply: 'late but whole' })
    expect(await running.ended).toMatch(/connection: close[\s\S]*"late but whole"$/i)
    await stopped
  })

  it('ends with a stream that is under way, on a connection that would be kept', async () => {
    const { promise, resolve } = Promise.withResolvers<{ flows: [] }>()
    const { server } = await start({ admin: fakeAdmin({ check: () => promise }) })
    const admin = wire(server)
    admin.socket.write(head('/_linkspan/v1/check', `authorization: Bearer ${TOKEN}`, 'content-length: 0'))
    await admin.until(/200 OK/)
    const stopped = server.stop('60s')
    resolve({ flows: [] })
    expect(await admin.ended).toContain('{"result":{"flows":[]}}')
    await stopped
  })

  it('cuts what does not end within the limit', async () => {
    const { clock, advance } = manualClock()
    const engine = fakeEngine({ ask: route.post('/ask', { respond: 'reply' }) })
    engine.intake.reply = () => new Promise(() => undefined)
    const server = await startHttpServer(engine.app, { port: 0, clock })
    const hung = wire(server)
    hung.socket.write(`${head('/ask', 'content-length: 1')}1`)
    while (engine.intake.taken.length < 1) await new Promise(setImmediate)
    const stopped = server.stop('10s')
    advance(10_000)
    expect(await hung.ended).toBe('')
    await stopped
  })

  it('tells a waiting flow when its caller goes away', async () => {
    const { engine, server } = await start()
    const gone = new Promise<void>((resolve) => {
      engine.intake.reply = async (_id, { signal }) =>
        new Promise(() => signal?.addEventListener('abort', () => resolve()))
    })
    const caller = wire(server)
    caller.socket.write(`${head('/ask', 'content-length: 1')}1`)
    while (engine.intake.taken.length < 1) await new Promise(setImmediate)
    caller.socket.destroy()
    await gone
  })
})

describe('bad input on the wire', () => {
  it('answers 408 to a body that does not arrive, and closes', async () => {
    const { clock, advance } = manualClock()
    const { engine, server } = await start({ clock, requestTimeout: '30s' })
    const slow = wire(server)
    slow.socket.write(`${head('/orders', 'content-length: 1')}1${head('/orders', 'content-length: 10')}{"a"`)
    await slow.until(/202 Accepted/)
    advance(30_000)
    const text = await slow.ended
    expect(text).toMatch(/HTTP\/1\.1 408 [\s\S]*connection: close/i)
    expect(text).toContain('"code":"REQUEST_TIMED_OUT"')
    expect(engine.intake.taken).toHaveLength(1)
  })

  it.each([
    ['announced', (size: number) => head('/orders', `content-length: ${size}`), 'x'.repeat(300_000)],
    [
      'not announced',
      () => head('/orders', 'transfer-encoding: chunked'),
      `${(300_000).toString(16)}\r\n${'x'.repeat(300_000)}\r\n`,
    ],
  ])('answers 413 to a body over the limit, %s, in time to be read', async (_how, begin, chunk) => {
    const { engine, server } = await start()
    const big = wire(server)
    big.socket.write(begin(8 * 300_000))
    for (let sent = 0; sent < 8; sent++) big.socket.write(chunk)
    const text = await big.until(/BODY_TOO_LARGE/)
    expect(text).toMatch(/^HTTP\/1\.1 413 [\s\S]*connection: close/i)
    big.socket.end()
    await big.ended
    expect(engine.intake.taken).toEqual([])
  })

  it('answers 413 to what is announced before any of it is sent, and lets the sender finish', async () => {
    const { server } = await start()
    const big = wire(server)
    const errors: Error[] = []
    big.socket.on('error', (error) => errors.push(error))
    big.socket.write(head('/orders', 'content-length: 1500000'))
    await big.until(/BODY_TOO_LARGE/)
    for (let sent = 0; sent < 15; sent++) {
      await new Promise((resolve) => big.socket.write('x'.repeat(100_000), resolve))
      await new Promise(setImmediate)
    }
    await big.ended
    expect(errors).toEqual([])
  })

  it('keeps the connection after a small body that it did not read', async () => {
    const { engine, server } = await start()
    engine.intake.refusing = new LinkspanError('ENGINE_BUSY', 'busy')
    const one = wire(server)
    one.socket.write(`${head('/orders', 'content-length: 3')}[1]`)
    await one.until(/ENGINE_BUSY/)
    engine.intake.refusing = null
    one.socket.write(`${head('/orders', 'content-length: 3')}[1]`)
    await one.until(/202 Accepted/)
    expect(engine.intake.taken).toHaveLength(1)
  })

  it('accepts nothing of a body that breaks off', async () => {
    const { engine, server } = await start()
    const broken = wire(server)
    broken.socket.write(`${head('/orders', 'content-length: 1')}1${head('/orders', 'content-length: 10')}[1]`)
    await broken.until(/202 Accepted/)
    broken.socket.destroy()
    while (!engine.logged.join().includes('REQUEST_INCOMPLETE')) await new Promise(setImmediate)
    expect(engine.intake.taken).toHaveLength(1)
  })

  it.each([
    ['no HTTP at all', 'hello\r\n\r\n'],
    ['an unknown method', 'FROB / HTTP/1.1\r\nhost: x\r\n\r\n'],
    ['a conflict of lengths', `${head('/orders', 'content-length: 3', 'content-length: 4')}[1]`],
    ['two framings', `${head('/orders', 'content-length: 3', 'transfer-encoding: chunked')}[1]`],
  ])('answers 400 with a problem document to %s', async (_what, bytes) => {
    const { engine, server } = await start()
    const odd = wire(server)
    odd.socket.write(bytes)
    const text = await odd.ended
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*application\/problem\+json[\s\S]*"code":"REQUEST_MALFORMED"/)
    expect(engine.intake.taken).toEqual([])
  })

  it('answers 400 to a path or host that makes no URL', async () => {
    const { server } = await start()
    for (const line of ['POST /a\\b HTTP/1.1\r\nhost: x', 'POST /%zz HTTP/1.1\r\nhost: a b@c']) {
      const odd = wire(server)
      odd.socket.write(`${line}\r\ncontent-length: 0\r\n\r\n`)
      expect(await odd.until(/REQUEST_MALFORMED/)).toMatch(/^HTTP\/1\.1 400 /)
    }
  })
})

describe('nodeHandler', () => {
  it('mounts what answers web-standard requests in an own server', async () => {
    const { app } = fakeEngine({ orders: route.post('/orders') })
    const server = createServer(nodeHandler({ fetch: (request) => app.fetch(request) }))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => server.close())
    const { port } = server.address() as { port: number }
    const url = `http://127.0.0.1:${port}/orders`
    const response = await fetch(url, {
      method: 'POST',
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    })
    expect(response.status).toBe(202)
    expect(globalThis.Request.name).toBe('Request')
    expect(new Request(url) instanceof Request).toBe(true)
  })
})
