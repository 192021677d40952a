import { afterEach, describe, expect, expectTypeOf, it } from 'vitest'
import { z } from 'zod'
import { isLinkspanError, LinkspanError, storeError } from '../../model/errors.ts'
import type { ByKey, ByVerify, Natural, NoGuarantee } from '../../model/guarantee.ts'
import type { CallContext, Operation } from '../connector.ts'
import { call, environment } from '../fixtures/call.ts'
import { freePort, reply, type WireRequest, type WireServer, wireServer } from '../fixtures/wire.ts'
import { settle } from '../fixtures/world.ts'
import {
  basic,
  bearer,
  type HttpClient,
  type HttpConnection,
  httpConnection,
  httpConnector,
  path,
  typed,
} from './index.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function server(...given: Parameters<typeof wireServer>): Promise<WireServer> {
  const made = await wireServer(...given)
  closing.push(() => made.close())
  return made
}

async function connect(config: unknown): Promise<HttpClient> {
  const checked = await httpConnector.config['~standard'].validate(config)
  if (checked.issues) throw new Error(JSON.stringify(checked.issues))
  const client = await httpConnector.connect(checked.value, environment())
  closing.push(() => client.close())
  return client
}

const api = (): HttpConnection => httpConnection('tracker')
const keyed = { kind: 'key', validFor: '24h' } as const
const create = () => api().post({ name: 'create', path: '/tasks', guarantee: keyed })

async function failing(promise: Promise<unknown>): Promise<LinkspanError> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  )
  if ('error' in outcome && isLinkspanError(outcome.error)) return outcome.error
  throw new Error(`expected a LinkspanError, had ${JSON.stringify(outcome)}`)
}

/** Makes one call against a server that answers as told. */
async function answered(
  answer: string | ((request: WireRequest) => void),
  operation: Operation<never, unknown> = create() as Operation<never, unknown>,
  input: unknown = { title: 'a' },
  context: Partial<CallContext> = {},
  config: object = {},
): Promise<unknown> {
  const onRequest =
    typeof answer === 'string' ? ({ socket }: WireRequest) => void socket.write(answer) : answer
  const { url } = await server(onRequest)
  return operation.run(await connect({ baseUrl: url, ...config }), input as never, call(context))
}

describe('a request', () => {
  it('carries the input as JSON, the key as a structured string, the trace and the credentials', async () => {
    const peer = await server(({ socket }) =>
      socket.write(reply(201, '{"id":7}', { 'content-type': 'application/json' })),
    )
    const client = await connect({
      baseUrl: `${peer.url}/v1/`,
      auth: bearer('t0ken'),
      headers: { 'X-Team': 'a' },
    })
    const result = await create().run(client, { title: 'é' }, call({ mark: 'm"1' }))
    expect(result).toEqual({ id: 7 })
    const [request] = peer.requests
    expect(request?.head).toMatch(/^POST \/v1\/tasks HTTP\/1\.1/)
    expect(request?.head).toContain('idempotency-key: "m\\"1"')
    expect(request?.head).toContain('traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01')
    expect(request?.head).toContain('authorization: Bearer t0ken')
    expect(request?.head).toContain('x-team: a')
    expect(request?.head).toContain('content-type: application/json')
    expect(Buffer.from(request?.body ?? '', 'latin1').toString()).toBe('{"title":"é"}')
  })

  it('lets the operation name its key header, leave out the quotes and replace headers', async () => {
    const peer = await server(({ socket }) => socket.write(reply(200)))
    const client = await connect({ baseUrl: peer.url, headers: { Accept: 'x/y', 'x-a': '1' } })
    const operation = api().post({
      name: 'create',
      path: '/tasks',
      headers: (input: { a: string }) => ({ 'X-A': input.a }),
      guarantee: { kind: 'key', validFor: '24h', header: 'x-request-id', quoted: false },
    })
    await operation.run(client, { a: '2' }, call())
    expect(peer.requests[0]?.head).toContain('x-request-id: mark-1\r\n')
    expect(peer.requests[0]?.head).toContain('x-a: 2')
    expect(peer.requests[0]?.head).not.toContain('x-a: 1')
    expect(peer.requests[0]?.head.match(/accept/gi)).toHaveLength(1)
  })

  it('encodes values in paths and queries, and refuses one that would leave its place', async () => {
    const peer = await server(({ socket }) => socket.write(reply(200)))
    const client = await connect({ baseUrl: peer.url })
    const load = api().get({
      name: 'load',
      path: (input: { id: string }) => path`/tasks/${input.id}`,
      query: (input) => ({ of: input.id, tag: ['a', 'b'], none: undefined }),
    })
    await load.run(client, { id: 'a/b?c' }, call())
    expect(peer.requests[0]?.head).toMatch(/^GET \/tasks\/a%2Fb%3Fc\?of=a%2Fb%3Fc&tag=a&tag=b HTTP/)
    expect(peer.requests[0]?.head).not.toContain('content-type')
    const error = await failing(load.run(client, { id: '..' }, call()))
    expect(error).toMatchObject({ code: 'CALL_REJECTED', retry: 'never', applied: 'no' })
    expect(peer.requests).toHaveLength(1)
  })

  it('writes forms, texts and bytes', async () => {
    const peer = await server(({ socket }) => socket.write(reply(200)))
    const client = await connect({ baseUrl: peer.url })
    const http = api()
    const send = (name: string, bodyAs: 'form' | 'text' | 'binary') => http.put({ name, path: '/x', bodyAs })
    await send('form', 'form').run(client, { a: 'ö&', b: 2 }, call())
    await send('text', 'text').run(client, 'hello', call())
    await send('bytes', 'binary').run(client, new Uint8Array([65, 66]), call())
    expect(peer.requests.map(({ body }) => body)).toEqual(['a=%C3%B6%26&b=2', 'hello', 'AB'])
    expect(peer.requests[0]?.head).toContain('application/x-www-form-urlencoded')
    expect(await failing(send('wrong', 'text').run(client, 5, call()))).toMatchObject({
      code: 'CALL_REJECTED',
    })
  })

  it('may have no time limit', async () => {
    expect(await answered(reply(200, 'ok'), undefined, {}, { timeoutMs: Number.POSITIVE_INFINITY })).toBe(
      'ok',
    )
  })

  it('reuses its connections', async () => {
    let connections = 0
    const peer = await server(
      ({ socket }) => socket.write(reply(200)),
      () => void connections++,
    )
    const client = await connect({ baseUrl: peer.url, connections: 2 })
    const operation = create()
    for (let round = 0; round < 5; round++) {
      await Promise.all([1, 2, 3, 4].map((n) => operation.run(client, { n }, call())))
    }
    expect(peer.requests).toHaveLength(20)
    expect(connections).toBe(2)
  })

  it('goes to whole URLs only without a baseUrl, and never past it', async () => {
    const peer = await server(({ socket }) => socket.write(reply(200, 'ok')))
    const hook = api().post({
      name: 'hook',
      path: (input: { url: string }) => input.url,
      guarantee: { kind: 'none' },
    })
    const input = { url: `${peer.url}/hooks/s3cret?x=1` }
    expect(await hook.run(await connect({}), input, call())).toBe('ok')
    expect(peer.requests[0]?.head).toMatch(/^POST \/hooks\/s3cret\?x=1 /)
    const bound = await connect({ baseUrl: 'http://127.0.0.1:9', auth: bearer('t0ken') })
    const error = await failing(hook.run(bound, input, call()))
    expect(error).toMatchObject({ code: 'CALL_REJECTED', retry: 'never', applied: 'no' })
    expect(peer.requests).toHaveLength(1)
    expect(await failing(create().run(await connect({}), {}, call()))).toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'no',
    })
  })

  it('that cannot be built is refused before anything is sent', async () => {
    const peer = await server(({ socket }) => socket.write(reply(200)))
    const client = await connect({ baseUrl: peer.url })
    const http = api()
    const wrong = http.put({
      name: 'header',
      path: '/x',
      headers: (input: string) => ({ 'x-a': input }),
      body: () => ({}),
    })
    expect(await failing(wrong.run(client, 'a\r\nb: c', call()))).toMatchObject({
      code: 'CALL_REJECTED',
      retry: 'never',
      applied: 'no',
    })
    const big = http.put({ name: 'big', path: '/x' })
    expect(await failing(big.run(client, { n: 1n }, call()))).toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'no',
    })
    const checked = http.put({ name: 'checked', path: '/x', input: z.object({ id: z.string() }) })
    const error = await failing(checked.run(client, { id: 3 } as never, call()))
    expect(error).toMatchObject({ code: 'BODY_INVALID', applied: 'no' })
    expect(error.message).toContain('id')
    expect(peer.requests).toHaveLength(0)
  })
})

describe('a failure before the request is sent', () => {
  it('of a refused connection is no, later', async () => {
    const client = await connect({ baseUrl: `http://127.0.0.1:${await freePort()}` })
    expect(await failing(create().run(client, {}, call()))).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
    })
  })

  it('of a host without an address is no, later', async () => {
    const client = await connect({ baseUrl: 'http://nowhere.invalid' })
    expect(await failing(create().run(client, {}, call()))).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
    })
  })

  it('of TLS is no, later', async () => {
    const peer = await server(
      () => {},
      (socket) => void socket.end('not tls at all'),
    )
    const client = await connect({ baseUrl: `https://127.0.0.1:${peer.port}` })
    expect(await failing(create().run(client, {}, call()))).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
    })
  })

  it('of an abort while it waits for a connection is no, at once, and it is never sent', async () => {
    const peer = await server(() => {})
    const client = await connect({ baseUrl: peer.url, connections: 1 })
    const http = api()
    const put = http.put({ name: 'put', path: '/x' })
    const first = new AbortController()
    const hanging = failing(put.run(client, 1, call({ signal: first.signal })))
    while (peer.requests.length === 0) await settle()
    const second = new AbortController()
    const queued = failing(put.run(client, 2, call({ signal: second.signal })))
    second.abort()
    expect(await queued).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    first.abort()
    expect(await hanging).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'unknown' })
    await settle(20)
    expect(peer.requests.map(({ body }) => body)).toEqual(['1'])
  })

  it('of one that may no longer be sent when its connection is free is no, and it is never sent', async () => {
    const peer = await server(({ socket, body }) => void (body !== '1' && socket.write(reply(204))))
    const client = await connect({ baseUrl: peer.url, connections: 1 })
    const put = api().put({ name: 'put', path: '/x' })
    const first = new AbortController()
    const hanging = failing(put.run(client, 1, call({ signal: first.signal })))
    while (peer.requests.length === 0) await settle()
    let asked = 0
    const maySend = (): boolean => {
      asked += 1
      return false
    }
    const late = failing(put.run(client, 2, call({ maySend })))
    expect(asked).toBe(0)
    first.abort()
    await hanging
    expect(await late).toMatchObject({ code: 'CALL_FAILED', retry: 'later', applied: 'no' })
    expect(asked).toBe(1)
    await put.run(client, 3, call())
    expect(peer.requests.map(({ body }) => body)).toEqual(['1', '3'])
  })

  it('of an abort before the call is no', async () => {
    const signal = AbortSignal.abort(new LinkspanError('TIME_LIMIT', 'Too late.'))
    expect(await failing(answered(reply(200), undefined, {}, { signal }))).toMatchObject({
      code: 'CALL_TIMED_OUT',
      applied: 'no',
    })
  })
})

describe('a failure after the request was sent', () => {
  const unknown = { retry: 'later', applied: 'unknown' }

  it('by a reset or a close is unknown, later', async () => {
    expect(await failing(answered(({ socket }) => void socket.resetAndDestroy()))).toMatchObject({
      ...unknown,
      code: 'CALL_FAILED',
    })
    expect(await failing(answered(({ socket }) => void socket.end()))).toMatchObject({
      ...unknown,
      code: 'CALL_FAILED',
    })
  })

  it('by a reset before the request was read is unknown too: the bytes had left', async () => {
    const peer = await server(
      () => {},
      (socket) => void socket.once('readable', () => socket.resetAndDestroy()),
    )
    const client = await connect({ baseUrl: peer.url })
    expect(await failing(create().run(client, {}, call()))).toMatchObject(unknown)
  })

  it('by half a body is unknown, later', async () => {
    const half = 'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"id":'
    const error = await failing(answered(({ socket }) => void socket.end(half)))
    expect(error).toMatchObject({ ...unknown, code: 'CALL_FAILED', details: { status: 200 } })
  })

  it('by half a body of a rejection is judged by its status', async () => {
    const half = 'HTTP/1.1 422 X\r\ncontent-length: 20\r\n\r\n{"id":'
    expect(await failing(answered(({ socket }) => void socket.end(half)))).toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'no',
    })
  })

  it('by a hang is unknown when the time limit comes, and says how long it waited', async () => {
    const life = new AbortController()
    const error = await failing(
      answered(
        () => life.abort(new LinkspanError('TIME_LIMIT', 'x')),
        undefined,
        {},
        { signal: life.signal, timeoutMs: 1234 },
      ),
    )
    expect(error).toMatchObject({ ...unknown, code: 'CALL_TIMED_OUT' })
    expect(error.message).toContain('1234 ms')
  })

  it('by silence longer than the timeout of the connection is unknown', async () => {
    const error = await failing(answered(() => {}, undefined, {}, {}, { timeout: 50 }))
    expect(error).toMatchObject({ ...unknown, code: 'CALL_TIMED_OUT' })
    const silent = 'HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n{"id":'
    const later = await failing(
      answered(({ socket }) => void socket.write(silent), undefined, {}, {}, { timeout: 50 }),
    )
    expect(later).toMatchObject({ ...unknown, code: 'CALL_TIMED_OUT', details: { status: 200 } })
  })

  it('by a reply that drips on for ever ends with the time limit', async () => {
    const life = new AbortController()
    const drip = ({ socket }: WireRequest): void => {
      let bytes = 0
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n')
      const more = (): void => {
        if (bytes++ > 5) life.abort(new LinkspanError('TIME_LIMIT', 'x'))
        else socket.write('x', () => setImmediate(more))
      }
      more()
    }
    expect(await failing(answered(drip, undefined, {}, { signal: life.signal }))).toMatchObject({
      ...unknown,
      code: 'CALL_TIMED_OUT',
    })
  })

  it('by something that is no HTTP is unknown', async () => {
    expect(await failing(answered(({ socket }) => void socket.write('SSH-2.0-x\r\n\r\n')))).toMatchObject(
      unknown,
    )
  })

  it('is not repeated by the client, not even a GET on a connection that the peer closes', async () => {
    const peer = await server(
      ({ socket, nth }) => void (nth === 1 ? socket.write(reply(200)) : socket.resetAndDestroy()),
    )
    const client = await connect({ baseUrl: peer.url, connections: 1 })
    const http = api()
    const get = http.get({ name: 'get', path: '/x' })
    await get.run(client, undefined, call())
    expect(await failing(get.run(client, undefined, call()))).toMatchObject(unknown)
    expect(peer.requests).toHaveLength(2)
  })

  it('does not befall a request that finds its kept connection closed: it takes a new one', async () => {
    const peer = await server(({ socket }) => void socket.write(reply(200)))
    const client = await connect({ baseUrl: peer.url, connections: 1 })
    const operation = create()
    await operation.run(client, { n: 1 }, call())
    for (const socket of peer.sockets) socket.end()
    while (peer.sockets.size > 0) await settle()
    await operation.run(client, { n: 2 }, call())
    expect(peer.requests.map(({ body, nth }) => [body, nth])).toEqual([
      ['{"n":1}', 1],
      ['{"n":2}', 1],
    ])
  })
})

describe('a status', () => {
  type Row = [status: number, code: string, retry: unknown, applied: string, headers?: Record<string, string>]
  const rows: Row[] = [
    [400, 'CALL_REJECTED', 'never', 'no'],
    [401, 'CALL_UNAUTHENTICATED', 'later', 'no'],
    [403, 'CALL_UNAUTHENTICATED', 'never', 'no'],
    [403, 'CALL_RATE_LIMITED', { afterMs: 60_000 }, 'no', { 'retry-after': '60' }],
    [
      403,
      'CALL_RATE_LIMITED',
      { afterMs: 90_000 },
      'no',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1793534490' },
    ],
    [404, 'CALL_REJECTED', 'never', 'no'],
    [408, 'CALL_TIMED_OUT', 'later', 'unknown'],
    [409, 'CALL_FAILED', 'later', 'unknown'],
    [410, 'CALL_REJECTED', 'never', 'no'],
    [422, 'CALL_REJECTED', 'never', 'no'],
    [423, 'CALL_FAILED', 'later', 'no'],
    [425, 'CALL_FAILED', 'later', 'no'],
    [429, 'CALL_RATE_LIMITED', 'later', 'no'],
    [429, 'CALL_RATE_LIMITED', { afterMs: 7_000 }, 'no', { 'retry-after': '7' }],
    [429, 'CALL_RATE_LIMITED', { afterMs: 30_000 }, 'no', { 'retry-after': 'Sun, 01 Nov 2026 12:00:30 GMT' }],
    [
      429,
      'CALL_RATE_LIMITED',
      { afterMs: 10_000 },
      'no',
      { 'retry-after': 'Sun, 01 Nov 2020 12:00:10 GMT', date: 'Sun, 01 Nov 2020 12:00:00 GMT' },
    ],
    [
      429,
      'CALL_RATE_LIMITED',
      { afterMs: 5_000 },
      'no',
      { ratelimit: '"day";r=100;t=9000, "second";r=0;t=5' },
    ],
    [429, 'CALL_RATE_LIMITED', { afterMs: 86_400_000 }, 'no', { 'retry-after': '99999999' }],
    [429, 'CALL_RATE_LIMITED', 'later', 'no', { 'retry-after': 'soon' }],
    [500, 'CALL_FAILED', 'later', 'unknown'],
    [501, 'CALL_REJECTED', 'never', 'no'],
    [502, 'CALL_FAILED', 'later', 'unknown'],
    [503, 'CALL_FAILED', 'later', 'unknown'],
    [503, 'CALL_FAILED', { afterMs: 0 }, 'no', { 'retry-after': '0' }],
    [504, 'CALL_TIMED_OUT', 'later', 'unknown'],
    [599, 'CALL_FAILED', 'later', 'unknown'],
    [301, 'CALL_REJECTED', 'never', 'no', { location: '/elsewhere' }],
    [302, 'CALL_REJECTED', 'never', 'unknown', { location: '/elsewhere' }],
    [303, 'CALL_REJECTED', 'never', 'unknown', { location: '/elsewhere' }],
    [307, 'CALL_REJECTED', 'never', 'no', { location: '/elsewhere' }],
  ]
  it.each(rows)('%i is %s, %o, %s %o', async (...row) => {
    const [status, code, retry, applied, headers = {}] = row as Row
    const error = await failing(answered(reply(status, '{"why":"so"}', headers)))
    expect(error).toMatchObject({ code, retry, applied, details: { status } })
    expect(error.message).toContain(`"create" (POST http://127.0.0.1:`)
    expect(error.message).toContain(String(status))
  })

  it('409 of an operation without a key is a rejection', async () => {
    const put = api().put({ name: 'put', path: '/x' })
    expect(await failing(answered(reply(409), put))).toMatchObject({
      code: 'CALL_REJECTED',
      retry: 'never',
      applied: 'no',
    })
  })

  it('can be given another meaning by the operation', async () => {
    const http = api()
    const remove = http.delete({ name: 'remove', path: '/x', statuses: { 404: 'ok' } })
    expect(await answered(reply(404), remove, undefined)).toBeUndefined()
    const post = http.post({
      name: 'post',
      path: '/x',
      guarantee: keyed,
      statuses: { 409: 'rejected', 500: 'refused', 400: 'unknown' },
    })
    expect(await failing(answered(reply(409), post))).toMatchObject({ retry: 'never', applied: 'no' })
    expect(await failing(answered(reply(500), post))).toMatchObject({ retry: 'later', applied: 'no' })
    expect(await failing(answered(reply(400), post))).toMatchObject({ retry: 'later', applied: 'unknown' })
  })

  it('of a redirect is followed only for a GET that allows it, on the same host', async () => {
    const peer = await server(({ head, socket }) => {
      if (head.startsWith('GET /a ')) socket.write(reply(302, '', { location: '/b?x=1' }))
      else if (head.startsWith('GET /b?x=1 ')) socket.write(reply(200, 'there'))
      else socket.write(reply(302, '', { location: 'http://127.0.0.1:9/c?token=s3cret' }))
    })
    const client = await connect({ baseUrl: peer.url })
    const http = api()
    expect(await http.get({ name: 'a', path: '/a', redirects: 1 }).run(client, undefined, call())).toBe(
      'there',
    )
    expect(await failing(http.get({ name: 'a0', path: '/a' }).run(client, undefined, call()))).toMatchObject({
      code: 'CALL_REJECTED',
    })
    const away = await failing(
      http.get({ name: 'c', path: '/c', redirects: 3 }).run(client, undefined, call()),
    )
    expect(away.message).toContain('http://127.0.0.1:9/c')
    expect(away.message).not.toContain('s3cret')
  })

  it('of an interim response is passed over', async () => {
    expect(await answered(`HTTP/1.1 103 Early\r\n\r\n${reply(200, 'done')}`)).toBe('done')
  })
})

describe('a successful reply', () => {
  const get = (response: 'json' | 'text' | 'none') => api().get({ name: 'get', path: '/x', response })
  const took = {
    code: 'CALL_REPLY_INVALID',
    retry: 'never',
    applied: 'yes',
  }

  it('that is not the promised JSON took effect and is not repeated', async () => {
    const error = await failing(
      answered(reply(200, '<html>hello</html>', { 'content-type': 'text/html' }), get('json')),
    )
    expect(error).toMatchObject(took)
    expect(error.message).toContain('<html>hello</html>')
    expect(
      await failing(answered(reply(200, '{"a":', { 'content-type': 'application/json' }))),
    ).toMatchObject(took)
  })

  it('that does not fit its schema says where', async () => {
    const load = api().get({ name: 'load', path: '/x', response: z.object({ id: z.number() }) })
    const error = await failing(answered(reply(200, '{"id":"7"}'), load))
    expect(error).toMatchObject(took)
    expect(error.message).toContain('id: ')
    expect(await answered(reply(200, '{"id":7,"more":1}'), load)).toEqual({ id: 7 })
  })

  it('is read by a function, whose failure means that it is not as promised', async () => {
    const load = api().get({ name: 'load', path: '/x', response: (given) => given.headers['etag'] })
    expect(await answered(reply(200, '', { ETag: 'v1' }), load)).toBe('v1')
    const broken = api().get({
      name: 'load',
      path: '/x',
      response: (given) => (given.json() as { a: { b: 1 } }).a.b,
    })
    expect(await failing(answered(reply(200, '{}'), broken))).toMatchObject(took)
  })

  it('is read as its content type says where nothing was promised', async () => {
    const load = api().get({ name: 'load', path: '/x' })
    expect(
      await answered(
        reply(200, '{"a":1}', { 'content-type': 'application/problem+json; charset=utf-8' }),
        load,
      ),
    ).toEqual({ a: 1 })
    expect(await answered(reply(200, '{"a":1}', { 'content-type': 'text/plain' }), load)).toBe('{"a":1}')
    expect(await answered(reply(204), load)).toBeUndefined()
    expect(await answered(reply(204), get('json'))).toBeUndefined()
    expect(await answered(reply(200, 'x'), get('none'))).toBeUndefined()
    expect(await answered(reply(200, ''), get('text'))).toBe('')
  })

  it('in many pieces, with characters cut apart, is put together', async () => {
    const text = 'é€🚢'.repeat(50)
    const bytes = Buffer.from(reply(200, JSON.stringify(text), { 'content-type': 'application/json' }))
    const drip = ({ socket }: WireRequest): void => {
      const write = (at: number): void => {
        if (at < bytes.length)
          socket.write(bytes.subarray(at, at + 61), () => setImmediate(() => write(at + 61)))
      }
      write(0)
    }
    expect(await answered(drip)).toBe(text)
  })

  it('over the limit took effect, and is not read to its end', async () => {
    const big = reply(200, 'x'.repeat(5_000))
    expect(await failing(answered(big, undefined, {}, {}, { replyLimit: 1_000 }))).toMatchObject(took)
    expect(await answered(big, undefined, {}, {}, { replyLimit: 5_000 })).toHaveLength(5_000)
    const rejected = reply(400, 'x'.repeat(5_000))
    expect(await failing(answered(rejected, undefined, {}, {}, { replyLimit: 1_000 }))).toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'no',
    })
  })
})

describe('verify', () => {
  const pay = () =>
    api().post({
      name: 'pay',
      path: '/payments',
      input: typed<{ amount: number }>(),
      headers: (_input, { mark }) => ({ 'x-reference': mark }),
      response: typed<{ id: string }>(),
      guarantee: {
        kind: 'verify',
        settleAfter: '5s',
        verify: (input, { mark }) => ({
          path: '/payments',
          query: { reference: mark, amount: input.amount },
          read: (given) =>
            given.status === 404
              ? { state: 'absent' }
              : { state: 'done', result: given.json() as { id: string } },
        }),
      },
    })

  it('asks with the mark and reads the answer', async () => {
    const peer = await server(
      ({ head, socket }) =>
        void socket.write(head.startsWith('GET') ? reply(200, '{"id":"p1"}') : reply(500)),
    )
    const client = await connect({ baseUrl: peer.url })
    const operation = pay()
    expect(operation.guarantee).toEqual({ kind: 'verify', settleAfter: '5s' })
    expect(await failing(operation.run(client, { amount: 3 }, call()))).toMatchObject({ applied: 'unknown' })
    expect(await operation.verify?.(client, { amount: 3 }, call())).toEqual({
      state: 'done',
      result: { id: 'p1' },
    })
    expect(peer.requests[0]?.head).toContain('x-reference: mark-1')
    expect(peer.requests[1]?.head).toMatch(/^GET \/payments\?reference=mark-1&amount=3 /)
  })

  it('reads a 404 as an answer, and any other failure as none', async () => {
    for (const [status, expected] of [
      [404, 'absent'],
      [500, 'CALL_FAILED'],
      [200, 'CALL_REPLY_INVALID'],
    ] as const) {
      const peer = await server(({ socket }) => void socket.write(reply(status, '?')))
      const client = await connect({ baseUrl: peer.url })
      const outcome = await pay()
        .verify?.(client, { amount: 3 }, call())
        .catch((error: LinkspanError) => ({ state: error.code }))
      expect(outcome?.state).toBe(expected)
    }
  })
})

describe('errors', () => {
  it('hold no credential, no query and no more than a short excerpt of the body', async () => {
    const secrets = {
      token: 'tok-9f8e7d6c5b',
      header: 'hdr-1a2b3c4d',
      query: 'qry-55aa66bb',
      pass: 'p:ss w"rd',
    }
    const body = `you sent ${secrets.token} and ${secrets.header}, password=hunter22, {"access_token":"abcdefgh"} ${'z'.repeat(5_000)}`
    const stored: string[] = []
    for (const answer of [
      reply(400, body),
      reply(200, body),
      reply(302, '', { location: `/x?k=${secrets.query}` }),
    ]) {
      const post = api().post({
        name: 'post',
        path: `/x?k=${secrets.query}`,
        query: { q: secrets.query },
        guarantee: keyed,
        response: 'json',
      })
      const config = { auth: bearer(secrets.token), headers: { 'x-weird': secrets.header } }
      stored.push(JSON.stringify(storeError(await failing(answered(answer, post, {}, {}, config)))))
    }
    const refused = await connect({
      baseUrl: `http://127.0.0.1:${await freePort()}`,
      auth: basic('u', secrets.pass),
    })
    stored.push(JSON.stringify(storeError(await failing(create().run(refused, {}, call())))))
    for (const text of stored) {
      for (const secret of [...Object.values(secrets), 'hunter22', 'abcdefgh'])
        expect(text).not.toContain(secret)
      expect(text.length).toBeLessThan(1_200)
    }
  })
})

describe('declaring', () => {
  it('knows the guarantee and the result by their types', () => {
    const http = api()
    const load = http.get({
      name: 'load',
      path: (input: { id: string }) => `/${input.id}`,
      response: typed<{ a: 1 }>(),
    })
    expectTypeOf(load).toEqualTypeOf<Operation<{ id: string }, { a: 1 }, Natural>>()
    expectTypeOf(http.post({ name: 'k', path: '/', guarantee: keyed })).toEqualTypeOf<
      Operation<unknown, unknown, ByKey>
    >()
    expectTypeOf(pay(http)).toEqualTypeOf<Operation<{ amount: number }, string, ByVerify>>()
    const none = http.operation({
      name: 'n',
      method: 'POST',
      path: '/',
      response: 'none',
      guarantee: { kind: 'none' },
    })
    expectTypeOf(none).toEqualTypeOf<Operation<unknown, undefined, NoGuarantee>>()
    expectTypeOf(http.operation({ name: 'd', method: 'DELETE', path: '/' })).toEqualTypeOf<
      Operation<unknown, unknown, Natural>
    >()
  })

  const pay = (http: HttpConnection) =>
    http.post({
      name: 'pay',
      path: '/',
      body: (input: { amount: number }) => input,
      response: 'text',
      guarantee: {
        kind: 'verify',
        settleAfter: '1s',
        verify: (input) => ({ path: `/${input.amount}`, read: () => ({ state: 'unknown' }) }),
      },
    })

  it('refuses a POST without a guarantee, a name used twice, and a broken guarantee', () => {
    const http = api()
    // @ts-expect-error a POST must state its guarantee
    expect(() => http.post({ name: 'a', path: '/' })).toThrow(/"a" of the connection "tracker".*guarantee/)
    // @ts-expect-error so must one made by `operation`
    expect(() => http.operation({ name: 'a', method: 'POST', path: '/' })).toThrow(/guarantee/)
    // @ts-expect-error validFor is missing
    expect(() => http.post({ name: 'b', path: '/', guarantee: { kind: 'key' } })).toThrow(/not a duration/)
    http.get({ name: 'c', path: '/' })
    expect(() => http.get({ name: 'c', path: '/' })).toThrow(/exists already/)
    expect(() => http.get({ name: ' ', path: '/' })).toThrow(/name/)
  })

  it.each([
    [{ baseUrl: 'ftp://x' }, 'baseUrl'],
    [{ baseUrl: 'http://u:p4ssw0rd@x' }, 'auth: basic'],
    [{ baseUrl: 'http://x/?a=1' }, 'query'],
    [{ auth: bearer('x') }, 'needs a baseUrl'],
    [{ baseUrl: 'http://x', auth: bearer('a\nb') }, 'auth.token'],
    [{ baseUrl: 'http://x', auth: { kind: 'magic' } }, 'auth'],
    [{ timeout: 'soon', connections: 0 }, 'connections'],
    [{ timeuot: '3s' }, 'is no option'],
    [{ headers: { 'a b': 'x' } }, 'no name of a header'],
    ['http://x', 'must be an object'],
  ])('refuses the configuration %j', async (config, expected) => {
    const result = await httpConnector.config['~standard'].validate(config)
    const text = (result.issues ?? [])
      .map(({ path: at, message }) => `${at?.join('.')}: ${message}`)
      .join('\n')
    expect(text).toContain(expected)
    expect(text).not.toContain('p4ssw0rd')
  })
})
