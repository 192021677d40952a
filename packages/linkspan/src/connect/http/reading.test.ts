import { afterEach, describe, expect, it } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import type { CallContext } from '../connector.ts'
import { call, environment } from '../fixtures/call.ts'
import { reply, type WireRequest, wireServer } from '../fixtures/wire.ts'
import { createKeptReplies } from './conditional.ts'
import { bearer, type HttpClient, httpConnection, httpConnector } from './index.ts'
import { httpReply } from './reply.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

async function service(onRequest: (request: WireRequest) => void, config: object = {}) {
  const server = await wireServer(onRequest)
  closing.push(() => server.close())
  const connect = async (own: object = {}): Promise<HttpClient> => {
    const checked = await httpConnector.config['~standard'].validate({
      baseUrl: server.url,
      ...config,
      ...own,
    })
    if (checked.issues) throw new Error(JSON.stringify(checked.issues))
    const client = await httpConnector.connect(checked.value, environment())
    closing.push(() => client.close())
    return client
  }
  return { server, connect, client: await connect() }
}

const load = (own: object = {}) =>
  httpConnection('api').get({
    name: 'load',
    path: (id: string) => `/things/${id}`,
    response: 'json',
    conditional: true,
    ...own,
  })

describe('a conditional request', () => {
  /** Answers 304 to who names the present version. */
  const versioned = (name: 'etag' | 'last-modified', state: { version: string }) => {
    const asks = name === 'etag' ? 'if-none-match' : 'if-modified-since'
    return ({ head, socket }: WireRequest): void => {
      const holds =
        head.includes(`${asks}: ${state.version}\r\n`) || head.endsWith(`${asks}: ${state.version}`)
      if (holds) socket.write(reply(304, '', { [name]: state.version, 'x-age': 'new' }))
      else
        socket.write(
          reply(200, `{"version":${JSON.stringify(state.version)}}`, {
            [name]: state.version,
            'x-age': 'old',
          }),
        )
    }
  }

  it.each(['etag', 'last-modified'] as const)(
    'uses the kept reply while the service says by %s that it holds',
    async (name) => {
      const state = { version: name === 'etag' ? '"v1"' : 'Sun, 01 Nov 2026 10:00:00 GMT' }
      const { server, client } = await service(versioned(name, state))
      const first = await load().run(client, 'a', call())
      expect(await load().run(client, 'a', call())).toEqual(first)
      const shown = await load({
        response: (given: { status: number; headers: object }) => [given.status, given.headers],
      }).run(client, 'a', call())
      state.version = name === 'etag' ? '"v2"' : 'Sun, 01 Nov 2026 11:00:00 GMT'
      expect(await load().run(client, 'a', call())).toEqual({ version: state.version })
      expect(server.requests.map(({ head }) => /if-[\w-]+: (.*)/.test(head))).toEqual([
        false,
        true,
        false,
        true,
      ])
      // Another `accept` asks for another thing.
      expect(shown).toMatchObject([200, { 'x-age': 'old' }])
    },
  )

  it('answers with the newer headers, and with the status and body that were kept', async () => {
    const state = { version: '"v1"' }
    const { client } = await service(versioned('etag', state))
    const read = load({
      response: (given: { status: number; header(name: string): string | undefined; text(): string }) => [
        given.status,
        given.header('x-age'),
        given.text(),
      ],
    })
    expect(await read.run(client, 'a', call())).toEqual([200, 'old', '{"version":"\\"v1\\""}'])
    expect(await read.run(client, 'a', call())).toEqual([200, 'new', '{"version":"\\"v1\\""}'])
  })

  it('keeps nothing for others: another path, other headers, another connection', async () => {
    const { server, client, connect } = await service(versioned('etag', { version: '"v1"' }))
    const other = await connect({ auth: bearer('other') })
    const own = load({ headers: (id: string) => ({ 'x-user': id }), path: '/things/a' })
    await own.run(client, 'a', call())
    await own.run(client, 'b', call())
    await load().run(client, 'b', call())
    await load().run(other, 'b', call())
    expect(server.requests.filter(({ head }) => /if-none-match/.test(head))).toEqual([])
  })

  it('keeps no reply that is not to be stored, has no tag, or failed', async () => {
    const answers = [
      reply(200, '1', { etag: '"a"', 'cache-control': 'private, no-store' }),
      reply(200, '2'),
      reply(200, '3', { etag: '"c"' }),
      reply(500, '', { etag: '"d"' }),
      reply(304, ''),
    ]
    let nth = 0
    const { server, client } = await service(({ socket }) => socket.write(answers[nth++] as string))
    const outcomes: unknown[] = []
    for (const _ of answers)
      outcomes.push(
        await load()
          .run(client, 'a', call())
          .catch((error: LinkspanError) => error.code),
      )
    expect(outcomes).toEqual([1, 2, 3, 'CALL_FAILED', 3])
    expect(server.requests.map(({ head }) => /if-none-match: (.*)/.exec(head)?.[1])).toEqual([
      undefined,
      undefined,
      undefined,
      '"c"',
      '"c"',
    ])
  })

  it('takes a 304 that nobody asked for as what it is', async () => {
    const { client } = await service(({ socket }) => socket.write(reply(304, '')))
    await expect(load().run(client, 'a', call())).rejects.toMatchObject({ code: 'CALL_REJECTED' })
  })

  it('leaves a condition of the operation alone', async () => {
    const { server, client } = await service(({ socket }) =>
      socket.write(reply(200, '1', { etag: '"mine"' })),
    )
    const own = load({ headers: { 'If-None-Match': '"own"' } })
    await own.run(client, 'a', call())
    await own.run(client, 'a', call())
    expect(server.requests.map(({ head }) => head.match(/if-none-match: .*/gi))).toEqual([
      ['if-none-match: "own"'],
      ['if-none-match: "own"'],
    ])
  })

  it('forgets what was used least recently, by number and by size', () => {
    const kept = createKeptReplies(3, 100)
    const of = (size: number) => httpReply(200, { etag: '"x"' }, Buffer.alloc(size))
    for (const name of ['a', 'b', 'c']) kept.put(name, of(10))
    kept.get('a')
    kept.put('d', of(10))
    expect(['a', 'b', 'c', 'd'].filter((name) => kept.get(name))).toEqual(['a', 'c', 'd'])
    kept.put('e', of(85))
    expect(['a', 'c', 'd', 'e'].filter((name) => kept.get(name))).toEqual(['d', 'e'])
    kept.put('f', of(101))
    expect(kept.get('f')).toBeUndefined()
    kept.put('e', httpReply(200, {}, Buffer.alloc(1)))
    expect(kept.get('e')).toBeUndefined()
    kept.put('g', of(90))
    expect(['d', 'g'].filter((name) => kept.get(name))).toEqual(['d', 'g'])
  })
})

describe('requests that coalesce', () => {
  const joined = (own: object = {}) => load({ conditional: false, coalesce: true, ...own })

  /** Answers when told to. */
  async function waiting() {
    const open: WireRequest[] = []
    let came = (): void => undefined
    const setUp = await service((request) => {
      open.push(request)
      came()
    })
    const requests = async (count: number): Promise<void> => {
      while (open.length < count)
        await new Promise<void>((resolve) => {
          came = resolve
        })
    }
    return { ...setUp, open, requests }
  }

  it('are one while it is under way, and the next is another', async () => {
    const { client, open, requests } = await waiting()
    const together = ['a', 'a', 'b', 'a'].map((id, nth) =>
      joined().run(
        client,
        id,
        call({ traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333${nth}-01` }),
      ),
    )
    await requests(2)
    for (const { head, socket } of open)
      socket.write(reply(200, JSON.stringify(/things\/(\w)/.exec(head)?.[1])))
    expect(await Promise.all(together)).toEqual(['a', 'a', 'b', 'a'])
    const next = joined().run(client, 'a', call())
    await requests(3)
    open[2]?.socket.write(reply(200, '"again"'))
    expect(await next).toBe('again')
    expect(open).toHaveLength(3)
  })

  it('fail together, and the next is another', async () => {
    const { client, open, requests } = await waiting()
    const together = [1, 2].map(() => joined().run(client, 'a', call()))
    await requests(1)
    open[0]?.socket.write(reply(500, '{"message":"no"}'))
    for (const each of await Promise.allSettled(together))
      expect(each).toMatchObject({ status: 'rejected', reason: { code: 'CALL_FAILED', applied: 'unknown' } })
    const next = joined().run(client, 'a', call())
    await requests(2)
    open[1]?.socket.write(reply(200, '1'))
    expect(await next).toBe(1)
  })

  it('are apart for different headers, and where the operation does not say so', async () => {
    const { client, open, requests } = await waiting()
    const own = joined({ headers: (id: string) => ({ 'x-user': id }), path: '/things/a' })
    const plain = load({ conditional: false })
    const all = [
      own.run(client, 'u', call()),
      own.run(client, 'v', call()),
      plain.run(client, 'a', call()),
      plain.run(client, 'a', call()),
    ]
    await requests(4)
    for (const { socket } of open) socket.write(reply(200, '1'))
    expect(await Promise.all(all)).toEqual([1, 1, 1, 1])
  })

  it('go on for the others when one gives up, and end with the last', async () => {
    const { client, server, open, requests } = await waiting()
    const ends = [new AbortController(), new AbortController(), new AbortController()]
    const late = new LinkspanError('TIME_LIMIT', 'late')
    const calls = ends.map(({ signal }) => joined().run(client, 'a', call({ signal })))
    const settled = calls.map((each) => each.catch((error: LinkspanError) => error))
    await requests(1)
    ends[0]?.abort(late)
    expect(await settled[0]).toMatchObject({ code: 'CALL_TIMED_OUT', applied: 'unknown', retry: 'later' })
    expect(server.sockets.size).toBe(1)
    ends[1]?.abort(late)
    await settled[1]
    const closed = new Promise((resolve) => open[0]?.socket.once('close', resolve))
    ends[2]?.abort(late)
    await settled[2]
    await closed
    const next = joined().run(client, 'a', call())
    await requests(2)
    open[1]?.socket.write(reply(200, '1'))
    expect(await next).toBe(1)
  })

  it('leave while any of those who wait may send', async () => {
    const { client, open, requests } = await waiting()
    const asked: string[] = []
    const may = (name: string, answer: boolean): Partial<CallContext> => ({
      maySend: () => {
        asked.push(name)
        return answer
      },
    })
    const both = [
      joined().run(client, 'a', call(may('first', false))),
      joined().run(client, 'a', call(may('second', true))),
    ]
    await requests(1)
    open[0]?.socket.write(reply(200, '1'))
    expect(await Promise.all(both)).toEqual([1, 1])
    expect(asked).toEqual(['first', 'second'])
    const none = await Promise.allSettled(
      [1, 2].map(() => joined().run(client, 'b', call(may('none', false)))),
    )
    for (const each of none) expect(each).toMatchObject({ reason: { applied: 'no' } })
    expect(open).toHaveLength(1)
    expect(asked.filter((name) => name === 'none')).toHaveLength(2)
  })

  it('share what was kept, too', async () => {
    const { client, open, requests } = await waiting()
    const both = joined({ conditional: true })
    const first = both.run(client, 'a', call())
    await requests(1)
    open[0]?.socket.write(reply(200, '1', { etag: '"x"' }))
    await first
    const together = [both.run(client, 'a', call()), both.run(client, 'a', call())]
    await requests(2)
    expect(open[1]?.head).toContain('if-none-match: "x"')
    open[1]?.socket.write(reply(304, ''))
    expect(await Promise.all(together)).toEqual([1, 1])
    expect(open).toHaveLength(2)
  })
})

describe('declaring', () => {
  it.each(['conditional', 'coalesce'] as const)('refuses `%s` for what is no harmless reading', (option) => {
    const http = httpConnection('api')
    const refused = (make: () => unknown): void => {
      expect(make).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    }
    refused(() => http.put({ name: 'put', path: '/', [option]: true }))
    refused(() => http.head({ name: 'head', path: '/', [option]: true }))
    refused(() => http.get({ name: 'get', path: '/', guarantee: { kind: 'none' }, [option]: true }))
    expect(http.get({ name: 'fine', path: '/', [option]: true }).name).toBe('fine')
  })
})
