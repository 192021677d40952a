import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { virtualClock } from 'linkspan/testing'
import { afterEach, describe, expect, it } from 'vitest'
import { noFault, seededPlan } from './plan.ts'
import { type FaultProxy, type ProxyOptions, startProxy } from './proxy.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

/** Waits for what happens when bytes have come over a real socket. */
function until(holds: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = () => (holds() ? resolve() : setImmediate(look))
    look()
  })
}

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()))
  return (server.address() as AddressInfo).port
}

/** A target that answers each piece with the same bytes in capitals. */
async function echo(): Promise<{
  port: number
  heard: () => string
  sockets: Socket[]
  /** Resolves when its first connection is closed: with whether it broke. */
  closed: Promise<boolean>
}> {
  const sockets: Socket[] = []
  const first = Promise.withResolvers<boolean>()
  let heard = ''
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('close', (broken) => first.resolve(broken))
    socket.on('data', (bytes: Buffer) => {
      heard += bytes
      socket.write(bytes.toString().toUpperCase())
    })
    socket.on('end', () => socket.end())
  })
  const port = await listening(server)
  cleanups.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port, heard: () => heard, sockets, closed: first.promise }
}

async function proxyTo(port: number, options: Omit<ProxyOptions, 'target'> = {}): Promise<FaultProxy> {
  const proxy = await startProxy({ target: { port }, ...options })
  cleanups.push(() => proxy.close())
  return proxy
}

/** A target that echoes, behind a proxy. */
async function echoBehindProxy(options: Omit<ProxyOptions, 'target'> = {}) {
  const target = await echo()
  return { target, proxy: await proxyTo(target.port, options) }
}

interface Client {
  readonly socket: Socket
  got(): string
  /** Sends a text and waits for as much more as it is long. Resolves with all that has come. */
  exchange(text: string): Promise<string>
  /** Resolves when so much has come. */
  until(length: number): Promise<string>
  /** Resolves with the error's code, or `end`. */
  readonly over: Promise<string>
}

function dial(port: number): Client {
  const socket = connect(port, '127.0.0.1')
  let got = ''
  let look = () => {}
  socket.on('data', (bytes: Buffer) => {
    got += bytes
    look()
  })
  const over = new Promise<string>((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    socket.on('close', () => resolve('end'))
  })
  cleanups.push(() => socket.destroy())
  const untilGot = (length: number) =>
    new Promise<string>((resolve) => {
      look = () => {
        if (got.length >= length) resolve(got)
      }
      look()
    })
  return {
    socket,
    got: () => got,
    exchange: (text) => {
      const length = got.length + text.length
      socket.write(text)
      return untilGot(length)
    },
    until: untilGot,
    over,
  }
}

describe('without a fault', () => {
  it('passes both directions and both ends', async () => {
    const { proxy } = await echoBehindProxy()
    const client = dial(proxy.port)
    expect(await client.exchange('hello')).toBe('HELLO')
    client.socket.end()
    expect(await client.over).toBe('end')
    expect([proxy.accepted, proxy.happenings]).toEqual([1, []])
  })

  it('passes much more than it holds, unchanged', async () => {
    const { proxy } = await echoBehindProxy()
    const client = dial(proxy.port)
    const much = 'abcdefg'.repeat(600_000)
    expect(await client.exchange(much)).toBe(much.toUpperCase())
  })

  it('resets the client where nothing listens', async () => {
    const { proxy } = await echoBehindProxy()
    proxy.retarget({ port: await closedPort() })
    expect(await dial(proxy.port).over).toBe('ECONNRESET')
  })
})

async function closedPort(): Promise<number> {
  const server = createServer()
  const port = await listening(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('reset', () => {
  it('breaks the open connections and those to come, until it is over', async () => {
    const { target, proxy } = await echoBehindProxy()
    const early = dial(proxy.port)
    await early.exchange('a')
    proxy.use({ kind: 'reset' })
    expect(await early.over).toBe('ECONNRESET')
    expect(await dial(proxy.port).over).toBe('ECONNRESET')
    proxy.use(noFault)
    const late = dial(proxy.port)
    expect(await late.exchange('b')).toBe('B')
    expect(target.heard()).toBe('ab')
    expect(proxy.happenings.map(({ connection, kind }) => [connection, kind])).toEqual([
      [0, 'reset'],
      [1, 'reset'],
    ])
  })
})

describe('down', () => {
  it('has connecting refused until it is up again, on the same port', async () => {
    const { proxy } = await echoBehindProxy()
    const before = dial(proxy.port)
    await before.exchange('a')
    await proxy.down()
    expect(await dial(proxy.port).over).toBe('ECONNREFUSED')
    expect(await before.exchange('b')).toBe('AB')
    await proxy.up()
    const after = dial(proxy.port)
    expect(await after.exchange('c')).toBe('C')
  })
})

describe('half-open', () => {
  it('keeps the connection and passes nothing, then passes what waited', async () => {
    const { target, proxy } = await echoBehindProxy()
    const client = dial(proxy.port)
    await client.exchange('a')
    proxy.use({ kind: 'halfOpen' })
    const other = dial((await proxyTo(target.port)).port)
    client.socket.write('b')
    await other.exchange('z')
    expect([target.heard(), client.got(), proxy.open]).toEqual(['az', 'A', 1])
    proxy.use(noFault)
    expect(await client.until(2)).toBe('AB')
  })

  it('does not tell the target that the client is gone until the network is back', async () => {
    const { target, proxy } = await echoBehindProxy()
    const client = dial(proxy.port)
    await client.exchange('a')
    proxy.use({ kind: 'halfOpen' })
    client.socket.resetAndDestroy()
    const other = dial((await proxyTo(target.port)).port)
    await other.exchange('z')
    const [first] = target.sockets
    expect(first?.destroyed).toBe(false)
    proxy.use(noFault)
    await target.closed
  })

  it('may hold one direction only', async () => {
    const { target, proxy } = await echoBehindProxy({
      plan: () => ({ kind: 'halfOpen', direction: 'reply' }),
    })
    const client = dial(proxy.port)
    client.socket.write('a')
    await until(() => target.heard() === 'a')
    expect(client.got()).toBe('')
  })
})

describe('slowness', () => {
  it('delays each piece by so much', async () => {
    const clock = virtualClock()
    const { target, proxy } = await echoBehindProxy({ clock })
    proxy.use({ kind: 'delay', ms: 250, direction: 'request' })
    const client = dial(proxy.port)
    client.socket.write('a')
    await until(() => clock.timers === 1)
    await clock.advance('249ms')
    expect([target.heard(), clock.timers]).toEqual(['', 1])
    await clock.advance('1ms')
    expect(await client.until(1)).toBe('A')
  })

  it('drips so many bytes at a time', async () => {
    const clock = virtualClock()
    const { proxy } = await echoBehindProxy({ clock })
    proxy.use({ kind: 'drip', bytes: 2, ms: 100, direction: 'reply' })
    const client = dial(proxy.port)
    client.socket.write('abcde')
    expect(await client.until(2)).toBe('AB')
    await until(() => clock.timers === 1)
    await clock.advance('100ms')
    expect(await client.until(4)).toBe('ABCD')
    await until(() => clock.timers === 1)
    await clock.advance('100ms')
    expect(await client.until(5)).toBe('ABCDE')
  })
})

describe('cut', () => {
  it('passes exactly so many bytes of the request', async () => {
    const { target, proxy } = await echoBehindProxy()
    proxy.use({ kind: 'cut', direction: 'request', after: 3 })
    const client = dial(proxy.port)
    const closed = proxy.next()
    client.socket.write('abcdef')
    expect((await closed).passed.request).toBe(3)
    expect(await client.over).toBe('ECONNRESET')
    await target.closed
    expect(target.heard()).toBe('abc')
  })

  it('passes exactly so many bytes of the reply, counted from when it is set', async () => {
    const { target, proxy } = await echoBehindProxy()
    const client = dial(proxy.port)
    await client.exchange('ab')
    proxy.use({ kind: 'cut', direction: 'reply', after: 2 })
    client.socket.write('cdef')
    await client.over
    expect([client.got(), target.heard()]).toEqual(['ABCD', 'abcdef'])
  })

  it('passes nothing after 0 bytes', async () => {
    const { target, proxy } = await echoBehindProxy()
    proxy.use({ kind: 'cut', direction: 'request', after: 0 })
    const client = dial(proxy.port)
    client.socket.write('a')
    await client.over
    await target.closed
    expect(target.heard()).toBe('')
  })
})

describe('dropReply', () => {
  it('lets the request through and resets the client in place of the reply, and not the target', async () => {
    const { target, proxy } = await echoBehindProxy()
    proxy.use({ kind: 'dropReply' })
    const client = dial(proxy.port)
    const much = 'abcdefg'.repeat(100_000)
    client.socket.write('abc')
    expect(await client.over).toBe('ECONNRESET')
    const [socket] = target.sockets
    socket?.write(much)
    expect(await target.closed).toBe(false)
    expect([target.heard(), client.got()]).toEqual(['abc', ''])
    await until(() => proxy.open === 0)
    expect(socket?.bytesWritten).toBe(3 + much.length)
    expect(proxy.happenings.map(({ kind }) => kind)).toEqual(['replyLost'])
  })

  it('waits for the request that holds a text, also in two pieces', async () => {
    const { target, proxy } = await echoBehindProxy()
    proxy.use({ kind: 'dropReply', to: 'commit' })
    const client = dial(proxy.port)
    client.socket.write('begin;com')
    expect(await client.until(9)).toBe('BEGIN;COM')
    client.socket.write('mit;')
    expect(await client.over).toBe('ECONNRESET')
    expect([target.heard(), client.got()]).toEqual(['begin;commit;', 'BEGIN;COM'])
  })
})

describe('duplicate', () => {
  it.each([
    ['a length', { 'content-length': '5' }],
    ['chunks', { 'transfer-encoding': 'chunked' }],
  ])('sends a whole request with %s again', async (_what, headers) => {
    const target = await httpTarget()
    const proxy = await proxyTo(target.port)
    proxy.use({ kind: 'duplicate', copies: 2 })
    expect(await post(proxy.port, 'hello', headers)).toBe('201 hello')
    await target.count(3)
    expect(target.bodies).toEqual(['hello', 'hello', 'hello'])
    expect(proxy.happenings.map(({ kind }) => kind)).toEqual(['duplicated', 'duplicated'])
  })

  it('says so where it is no HTTP, and passes it', async () => {
    const { proxy } = await echoBehindProxy()
    proxy.use({ kind: 'duplicate' })
    const client = dial(proxy.port)
    client.socket.write('no http at all\r\n\r\n')
    expect(await client.until(18)).toBe('NO HTTP AT ALL\r\n\r\n')
    expect(proxy.happenings.map(({ kind, detail }) => `${kind}: ${detail}`)).toEqual([
      'unreadable: Only HTTP/1.1 requests can be duplicated; this begins with "no http at all\\r\\n\\r\\n".',
    ])
  })
})

async function httpTarget(): Promise<{
  port: number
  bodies: string[]
  count: (wanted: number) => Promise<void>
}> {
  const bodies: string[] = []
  let look = () => {}
  const server = createHttpServer((request, response) => {
    void read(request).then((body) => {
      bodies.push(body)
      response.writeHead(201).end(body)
      look()
    })
  })
  const port = await listening(server)
  cleanups.push(() => {
    server.closeAllConnections()
    server.close()
  })
  const count = (wanted: number) =>
    new Promise<void>((resolve) => {
      look = () => {
        if (bodies.length >= wanted) resolve()
      }
      look()
    })
  return { port, bodies, count }
}

function post(port: number, body: string, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false })
    request.once('error', reject)
    request.once('response', (response) => {
      void read(response).then((text) => resolve(`${response.statusCode} ${text}`))
    })
    request.write(body.slice(0, 2))
    request.end(body.slice(2))
  })
}

async function read(message: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of message) text += chunk
  return text
}

describe('a plan', () => {
  it('gives each connection its own fault', async () => {
    const { proxy } = await echoBehindProxy({
      plan: (index) => (index === 1 ? { kind: 'reset' } : noFault),
    })
    const ends: string[] = []
    for (let each = 0; each < 3; each++) {
      const client = dial(proxy.port)
      client.socket.write('a')
      ends.push(await Promise.race([client.until(1), client.over]))
    }
    expect(ends).toEqual(['A', 'ECONNRESET', 'A'])
  })

  it('follows from its seed', () => {
    const shares = [
      { weight: 3, fault: noFault },
      { weight: 1, fault: (random: () => number) => cutAt(Math.floor(random() * 1000)) },
    ]
    const faults = (seed: number) =>
      Array.from({ length: 400 }, (_, index) => seededPlan(seed, shares)(index))
    expect(faults(7)).toEqual(faults(7))
    expect(faults(8)).not.toEqual(faults(7))
    const cuts = faults(7).filter(({ kind }) => kind === 'cut')
    expect(cuts.length).toBeGreaterThan(60)
    expect(cuts.length).toBeLessThan(140)
    expect(new Set(cuts.map((fault) => JSON.stringify(fault))).size).toBeGreaterThan(50)
  })

  it('refuses weights that add up to nothing', () => {
    expect(() => seededPlan(1, [])).toThrow('The weights of a plan have to add up to more than 0, not to 0.')
  })
})

const cutAt = (after: number) => ({ kind: 'cut', direction: 'request', after }) as const
