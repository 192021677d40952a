import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { RunningSource, SourceDeclaration } from '../connector.ts'
import { environment } from '../fixtures/call.ts'
import { fakeEngine, keepingLogger, seededRandom, virtualClock } from '../fixtures/world.ts'
import {
  continuationToken,
  cursorIn,
  deltaLinks,
  type HttpConnection,
  type HttpPollOptions,
  httpConnection,
  httpConnector,
  linkHeader,
  offset,
  pageNumber,
} from './index.ts'
import { linked } from './pages.ts'

interface Item {
  readonly id: number
  readonly at: string
}
interface Answer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
  /** Instead of a body. */
  readonly text?: string
}
type Service = (url: URL, request: IncomingMessage) => Answer

const closing: (() => Promise<unknown> | undefined)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

const item = (id: number): Item => ({ id, at: new Date(Date.UTC(2026, 0, 1, 0, id)).toISOString() })
const items = (from: number, to: number): Item[] =>
  Array.from({ length: Math.max(0, to - from + 1) }, (_, n) => item(from + n))

/** A service that answers as told, and a source that polls it. */
async function world(service: Service, options: Partial<HttpPollOptions<Item>> = {}) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://api')
    asked.push(url.pathname + url.search)
    const { status = 200, headers = {}, body = null, text } = service(url, request)
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(status === 304 ? undefined : (text ?? JSON.stringify(body)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => new Promise((resolve) => server.close(resolve)))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const checked = await httpConnector.config['~standard'].validate({ baseUrl: `${origin}/v1` })
  if (checked.issues) throw new Error('The configuration is not right.')
  const client = await httpConnector.connect(checked.value, environment())
  closing.push(() => client.close())
  // Not that of the client, whose requests have time limits.
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const engine = fakeEngine(clock, seededRandom(3), keepingLogger(), '/')
  const tracker: HttpConnection = httpConnection('tracker')
  const source: SourceDeclaration<Item> = tracker.poll<Item>({
    name: 'items',
    path: '/items',
    every: '10s',
    ...options,
  })
  /** Looks so often, each time until there is no more. */
  const look = async (times = 1): Promise<void> => {
    const { context, end } = engine.open(client)
    const running = (await source.start?.(context)) as RunningSource
    for (let nth = 1; nth <= times; nth += 1) {
      while (clock.pending === 0 && engine.failures.length === 0)
        await new Promise((resolve) => setImmediate(resolve))
      if (nth < times) await clock.advance(10_000)
    }
    await running.stop()
    end()
  }
  const ids = (): readonly number[] => engine.accepted.map(({ body }) => (body as Item).id)
  return { asked, engine, look, origin, ids }
}

const list: Service = () => ({ body: items(1, 2) })

describe('the pages of a list', () => {
  it('go by number until one is not full', async () => {
    const pages = pageNumber({ size: 2, sizeParam: 'per_page' })
    const { look, asked, ids } = await world(
      ({ searchParams: query }) => {
        const from = (Number(query.get('page')) - 1) * 2 + 1
        return { body: items(from, Math.min(5, from + 1)) }
      },
      { pages, query: { state: 'all' } },
    )
    await look()
    expect(asked).toEqual([1, 2, 3].map((page) => `/v1/items?state=all&page=${page}&per_page=2`))
    expect(ids()).toEqual([1, 2, 3, 4, 5])
  })

  it('go by offset until one is not full', async () => {
    const { look, asked, ids } = await world(
      ({ searchParams: query }) => {
        const from = Number(query.get('offset')) + 1
        return { body: { values: items(from, Math.min(4, from + 1)) } }
      },
      { pages: offset({ limit: 2 }), items: (body: { values: Item[] }) => body.values },
    )
    await look()
    expect(asked).toEqual([0, 2, 4].map((from) => `/v1/items?offset=${from}&limit=2`))
    expect(ids()).toEqual([1, 2, 3, 4])
  })

  it('go by a cursor in the body', async () => {
    const { look, asked, ids } = await world(
      ({ searchParams: query }) =>
        query.get('after') === 'c1'
          ? { body: { data: items(2, 2) } }
          : { body: { data: items(1, 1), next: 'c1' } },
      {
        pages: cursorIn((body: { next?: string }) => body.next, { param: 'after' }),
        items: (body: { data: Item[] }) => body.data,
      },
    )
    await look()
    expect(asked).toEqual(['/v1/items', '/v1/items?after=c1'])
    expect(ids()).toEqual([1, 2])
  })

  it('go by a token in a header', async () => {
    const { look, asked, ids } = await world(
      ({ searchParams: query }) =>
        query.has('continuationToken')
          ? { body: items(2, 2) }
          : { body: items(1, 1), headers: { 'X-MS-ContinuationToken': 'a b' } },
      { pages: continuationToken() },
    )
    await look()
    expect(asked).toEqual(['/v1/items', '/v1/items?continuationToken=a+b'])
    expect(ids()).toEqual([1, 2])
  })

  it('go by Link headers, on the same host only', async () => {
    const made = await world(
      ({ searchParams: query }) =>
        query.get('page') === '2'
          ? { body: items(2, 2), headers: { link: '</v1/items?page=1>; rel="prev"' } }
          : { body: items(1, 1), headers: { link: '<items?page=2>; rel="next", <x>; rel=last' } },
      { pages: linkHeader() },
    )
    await made.look()
    expect(made.asked).toEqual(['/v1/items', '/v1/items?page=2'])
    expect(made.ids()).toEqual([1, 2])
    const led = await world(
      () => ({ body: items(1, 1), headers: { link: '<https://elsewhere.example/x>; rel=next' } }),
      { pages: linkHeader() },
    )
    await led.look()
    expect(led.engine.failures).toMatchObject([{ code: 'CALL_REPLY_INVALID' }])
    expect(String(led.engine.failures[0])).toContain('https://elsewhere.example')
  })

  it('end with a link for what is new, and begin again when that has become too old', async () => {
    let expired = false
    const { look, asked, ids, origin } = await world(
      ({ pathname, searchParams: query }) => {
        const link = (kind: string, token: string) => ({
          [`@odata.${kind}Link`]: `${origin}/v1/items?t=${token}`,
        })
        const token = query.get('t')
        if (pathname !== '/v1/items') return { status: 404 }
        if (token === null) return { body: { value: items(1, 1), ...link('next', 'n') } }
        if (token === 'n') return { body: { value: items(2, 2), ...link('delta', 'd1') } }
        if (expired) return { status: 410 }
        expired = true
        return { body: { value: items(3, 3), ...link('delta', 'd2') } }
      },
      { pages: deltaLinks(), items: (body: { value: Item[] }) => body.value, identity: ({ id }) => `${id}` },
    )
    await look(3)
    expect(asked.map((url) => url.replace('/v1/items', ''))).toEqual([
      '',
      '?t=n',
      '?t=d1',
      '?t=d2',
      '',
      '?t=n',
    ])
    expect(ids()).toEqual([1, 2, 3, 1, 2])
  })
})

describe('a look at a list', () => {
  it('asks for what has changed since the highest mark, some time before it', async () => {
    let there = 2
    const { look, asked, engine } = await world(
      ({ searchParams: query }) => {
        const since = query.get('since') ?? ''
        return { body: items(1, there++).filter(({ at }) => at >= since) }
      },
      {
        since: { param: 'since', of: ({ at }) => at, first: '2026-01-01T00:01:00.000Z', overlap: '1m' },
        identity: ({ id }) => `${id}`,
      },
    )
    await look(3)
    expect(asked.map((url) => new URL(url, 'http://x').searchParams.get('since'))).toEqual([
      '2026-01-01T00:00:00.000Z',
      '2026-01-01T00:01:00.000Z',
      '2026-01-01T00:02:00.000Z',
    ])
    expect(engine.accepted.map(({ dedupeKey }) => dedupeKey).slice(0, 2)).toEqual(['1', '2'])
    expect(new Set(engine.accepted.map(({ dedupeKey }) => dedupeKey)).size).toBe(there - 1)
  })

  it('keeps the mark of a sweep until all of its pages are there', async () => {
    const { look, engine } = await world(
      ({ searchParams: query }) => ({ body: query.get('page') === '1' ? items(8, 9) : items(1, 1) }),
      { pages: pageNumber({ size: 2 }), since: { param: 'since', of: ({ id }) => id } },
    )
    const kept: unknown[] = []
    engine.onAccept = () => kept.push(JSON.parse(engine.cursor ?? ''))
    await look()
    expect(kept).toMatchObject([
      { page: 2, since: null, high: 9 },
      { page: null, since: 9, high: null },
    ])
  })

  it('gets nothing where nothing has changed, by the name of the list as it was', async () => {
    const { look, asked, ids, engine } = await world((_url, { headers }) =>
      headers['if-none-match'] === '"1"' ? { status: 304 } : { body: items(1, 2), headers: { etag: '"1"' } },
    )
    await look(3)
    expect(asked).toHaveLength(3)
    expect(ids()).toEqual([1, 2])
    expect(engine.failures).toEqual([])
  })

  it.each([
    ['no JSON', { text: '<html>' }, 'is not JSON'],
    ['no list', { body: { a: 1 } }, 'holds no list of items. Say where they are'],
    ['no right', { status: 401, body: {} }, "Check the connection's credentials"],
    ['no room', { status: 429, headers: { 'retry-after': '7' }, body: {} }, '429'],
  ] as readonly (readonly [string, Answer, string])[])(
    'says so when it is given %s, and asks no more',
    async (_what, answer, message) => {
      const { look, engine, asked } = await world(() => answer)
      await look()
      expect(String((engine.failures[0] as Error).message)).toContain(message)
      expect(asked).toHaveLength(1)
      if (answer.status === 429) expect(engine.failures).toMatchObject([{ retry: { afterMs: 7_000 } }])
    },
  )

  it('takes no position that is none of its own', async () => {
    const { look, engine } = await world(list)
    engine.cursor = '17'
    await look()
    expect(engine.failures).toMatchObject([{ code: 'CONFIG_INVALID' }])
  })

  it('refuses an overlap without an identity', () => {
    const since = { param: 'since', of: ({ at }: Item) => at, overlap: '1m' } as const
    expect(() => httpConnection('t').poll<Item>({ name: 'items', path: '/items', since })).toThrow(
      'looks back by an overlap and has no identity',
    )
  })
})

describe('a Link header', () => {
  it.each([
    ['<a>; rel=next', 'a'],
    ['<a>; rel="prev", <b>; title="x, y; rel=next"; rel="next last"', 'b'],
    ['<a,b;c>; REL="Next"', 'a,b;c'],
    ['<a>; rel=prev', null],
    ['nonsense', null],
    [undefined, null],
  ])('%s', (header, expected) => {
    expect(linked(header, 'next')).toBe(expected)
  })
})
