import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { LinkspanError } from '../model/errors.ts'
import { basic } from './auth/basic.ts'
import { bytesOf } from './body.ts'
import { WAYS } from './fixtures/both-ways.ts'
import { fakeEngine } from './fixtures/fake-engine.ts'
import { route } from './route.ts'

const JSON_TYPE = { 'content-type': 'application/json' }
const order = z.object({ sku: z.string(), lines: z.array(z.object({ count: z.number() })).optional() })

describe.each(WAYS)('a route, by %s', (_way, send) => {
  it('answers 202 with the id and its place once the message is accepted', async () => {
    const { app, intake } = fakeEngine({ orders: route.post('/orders', { schema: order }) })
    const answer = await send(app, { path: '/orders', headers: JSON_TYPE, body: '{"sku":"a"}' })
    expect(answer.status).toBe(202)
    expect(answer.json).toEqual({ id: '2t-x1y2z3a4b5c6' })
    expect(answer.headers.get('location')).toBe('/messages/2t-x1y2z3a4b5c6')
    expect(intake.taken).toEqual([{ flow: 'orders', body: { sku: 'a' }, headers: {} }])
  })

  it('reads each kind of body by its content type', async () => {
    const { app, intake } = fakeEngine({ all: route.post('/all') })
    const cases: [string, string | Uint8Array, unknown][] = [
      ['application/json', '\ufeff[1]', [1]],
      ['application/vnd.acme+json; charset=UTF-8', '{"a":null}', { a: null }],
      ['application/x-www-form-urlencoded', 'a=1&b=x+y%26&a=2', { a: ['1', '2'], b: 'x y&' }],
      ['text/plain', 'grüße', 'grüße'],
      ['text/csv; charset=iso-8859-1', Buffer.from('grün', 'latin1'), 'grün'],
      ['application/soap+xml', '<a/>', '<a/>'],
      ['text/xml', '<b/>', '<b/>'],
    ]
    for (const [type, body] of cases)
      expect((await send(app, { path: '/all', headers: { 'content-type': type }, body })).status).toBe(202)
    expect(intake.taken.map(({ body }) => body)).toEqual(cases.map(([, , expected]) => expected))
  })

  it('gives binary bodies in the documented shape', async () => {
    const { app, intake } = fakeEngine({ pictures: route.post('/pictures', { body: 'bytes' }) })
    const bytes = new Uint8Array([0, 255, 137, 80])
    await send(app, { path: '/pictures', headers: { 'content-type': 'image/png' }, body: bytes })
    const body = intake.taken[0]?.body as { base64: string; contentType: string; size: number }
    expect(body).toEqual({ base64: 'AP+JUA==', contentType: 'image/png', size: 4 })
    expect(bytesOf(body)).toEqual(bytes)
  })

  it('offers path, query, kept headers and caller to input', async () => {
    const source = route.put('/shops/:shop/orders/:id', {
      auth: basic({ users: { ada: 'pw' } }),
      headers: ['X-Tenant'],
      input: ({ body, params, query, headers, caller }) => ({
        body,
        params,
        tag: query.get('tag'),
        headers,
        caller,
      }),
    })
    const { app, intake } = fakeEngine({ orders: source })
    const headers = {
      ...JSON_TYPE,
      authorization: `Basic ${Buffer.from('ada:pw').toString('base64')}`,
      cookie: 'c=1',
      'x-tenant': 't1',
    }
    await send(app, { method: 'PUT', path: '/shops/a%2Fb/orders/%C3%BC?tag=x%20y', headers, body: '{}' })
    expect(intake.taken[0]).toEqual({
      flow: 'orders',
      headers: { 'x-tenant': 't1' },
      body: {
        body: {},
        params: { shop: 'a/b', id: 'ü' },
        tag: 'x y',
        headers: { 'x-tenant': 't1' },
        caller: 'ada',
      },
    })
  })

  it('reads no body of GET, and of DELETE only one that is there', async () => {
    const { app, intake } = fakeEngine({
      look: route.get('/look/:id', { input: ({ params }) => params.id }),
      gone: route.delete('/things/:id'),
    })
    expect((await send(app, { method: 'GET', path: '/look/7' })).status).toBe(202)
    expect((await send(app, { method: 'DELETE', path: '/things/1' })).status).toBe(202)
    expect(
      (await send(app, { method: 'DELETE', path: '/things/1', headers: JSON_TYPE, body: '1' })).status,
    ).toBe(202)
    expect(intake.taken.map(({ body }) => body)).toEqual(['7', null, 1])
  })

  it('says that a repeated delivery is a duplicate, with the first id', async () => {
    const { app, intake } = fakeEngine({ hook: route.post('/hook', { dedupeBy: 'Idempotency-Key' }) })
    const sent = { path: '/hook', headers: { ...JSON_TYPE, 'idempotency-key': 'k1' }, body: '1' }
    const first = await send(app, sent)
    const second = await send(app, sent)
    expect(second.status).toBe(202)
    expect(second.json).toEqual({ id: first.json.id, duplicate: true })
    expect(intake.taken).toHaveLength(1)
  })

  it('takes an empty name of a delivery for none, since it would make all of them the same', async () => {
    const { app, intake } = fakeEngine({ hook: route.post('/hook', { dedupeBy: 'Idempotency-Key' }) })
    for (const body of ['1', '2']) {
      const sent = { path: '/hook', headers: { ...JSON_TYPE, 'idempotency-key': '' }, body }
      expect((await send(app, sent)).json).not.toHaveProperty('duplicate')
    }
    expect(intake.taken.map(({ body, dedupeKey }) => [body, dedupeKey])).toEqual([
      [1, undefined],
      [2, undefined],
    ])
  })

  it('keeps the deliveries of one caller apart from those of another', async () => {
    const auth = basic({ users: { ada: 'a', bob: 'b' } })
    const { app, intake } = fakeEngine({ hook: route.post('/hook', { auth, dedupeBy: 'Idempotency-Key' }) })
    const post = (user: string, body: string): Parameters<typeof send>[1] => ({
      path: '/hook',
      headers: {
        ...JSON_TYPE,
        'idempotency-key': '1',
        authorization: `Basic ${Buffer.from(user).toString('base64')}`,
      },
      body,
    })
    const first = await send(app, post('ada:a', '"of ada"'))
    expect((await send(app, post('bob:b', '"of bob"'))).json).not.toHaveProperty('duplicate')
    expect((await send(app, post('ada:a', '"of ada"'))).json).toEqual({ id: first.json.id, duplicate: true })
    expect(intake.taken.map(({ body }) => body)).toEqual(['of ada', 'of bob'])
  })

  it('answers the reply, 202 when it takes too long, and 502 when there is none', async () => {
    const { app, intake } = fakeEngine({ ask: route.post('/ask', { respond: 'reply', replyTimeout: '1s' }) })
    intake.replies.set('2t-x1y2z3a4b5c6', { answer: 42 })
    intake.replies.set('2v-x1y2z3a4b5c6', null)
    const sent = { path: '/ask', headers: JSON_TYPE, body: '1' }
    const replied = await send(app, sent)
    expect([replied.status, replied.json]).toEqual([200, { answer: 42 }])
    const late = await send(app, sent)
    const there = { id: '2u-x1y2z3a4b5c6', reply: '/messages/2u-x1y2z3a4b5c6/reply' }
    expect([late.status, late.json]).toEqual([202, there])
    expect(late.headers.get('location')).toBe('/messages/2u-x1y2z3a4b5c6')
    expect((await send(app, sent)).json).toMatchObject({ status: 502, code: 'REPLY_MISSING' })
  })

  it('never says that nothing was accepted once something was, whatever then befalls the reply', async () => {
    const { app, intake } = fakeEngine({ ask: route.post('/ask', { respond: 'reply' }) })
    const sent = { path: '/ask', headers: JSON_TYPE, body: '1' }
    const failures = ['JOURNAL_UNREACHABLE', 'JOURNAL_FAILED', 'ENGINE_STATE', 'RECORD_DAMAGED'] as const
    for (const [n, code] of failures.entries()) {
      const id = `${(101 + n).toString(36)}-x1y2z3a4b5c6`
      intake.replies.set(id, new LinkspanError(code, 'The journal cannot be read.'))
      const answer = await send(app, sent)
      expect([answer.status, answer.json]).toEqual([202, { id, reply: `/messages/${id}/reply` }])
      expect(answer.headers.get('location')).toBe(`/messages/${id}`)
    }
  })

  it('prefers a fixed segment to a parameter, whatever was declared first', async () => {
    const { app, intake } = fakeEngine({ any: route.post('/o/:id'), one: route.post('/o/new') })
    await send(app, { path: '/o/new', headers: JSON_TYPE, body: '1' })
    await send(app, { path: '/o/old', headers: JSON_TYPE, body: '1' })
    expect(intake.taken.map(({ flow }) => flow)).toEqual(['one', 'any'])
  })
})

describe.each(WAYS)('bad input, by %s', (_way, send) => {
  const start = (options = {}): ReturnType<typeof fakeEngine> =>
    fakeEngine({ orders: route.post('/orders', { schema: order, bodyLimit: 64, ...options }) })
  const post = (
    body: string | Uint8Array,
    headers: Record<string, string> = JSON_TYPE,
  ): Parameters<typeof send>[1] => ({
    path: '/orders',
    headers,
    body,
  })

  it.each([
    ['malformed JSON', '{"sku":"a",}', 400, 'BODY_MALFORMED'],
    ['an empty body', '', 400, 'BODY_MALFORMED'],
    ['invalid UTF-8', new Uint8Array([0x22, 0xff, 0x22]), 400, 'BODY_MALFORMED'],
    ['__proto__', '{"__proto__":{"a":1}}', 400, 'BODY_MALFORMED'],
    ['the wrong schema', '{"sku":1}', 422, 'BODY_INVALID'],
    ['too many bytes', `"${'x'.repeat(100)}"`, 413, 'BODY_TOO_LARGE'],
  ])('refuses %s with a problem document, and loses nothing', async (_what, body, status, code) => {
    const { app, intake } = start()
    const answer = await send(app, post(body))
    expect(answer.status).toBe(status)
    expect(answer.headers.get('content-type')).toBe('application/problem+json')
    expect(answer.json).toMatchObject({
      type: `urn:linkspan:problem:${code.toLowerCase().replaceAll('_', '-')}`,
      status,
      code,
      instance: '/orders',
    })
    expect(answer.json.title).toBeTruthy()
    expect(answer.json.detail).toBeTruthy()
    expect(intake.taken).toEqual([])
    expect((await send(app, post('{"sku":"a"}'))).status).toBe(202)
  })

  it('points at malformed places', async () => {
    const { app } = start()
    expect((await send(app, post('{"sku":\n "a",}'))).json.position).toEqual({
      offset: 13,
      line: 2,
      column: 6,
    })
    expect((await send(app, post(new Uint8Array([0x22, 0x61, 0xff])))).json.position).toEqual({ offset: 2 })
  })

  it('points at invalid values with JSON Pointers', async () => {
    const { app } = start()
    const { json } = await send(app, post('{"sku":"a","lines":[{"count":1},{"count":"2"}]}'))
    expect(json.errors).toEqual([{ pointer: '/lines/1/count', detail: expect.stringContaining('number') }])
  })

  it.each([
    ['text/plain'],
    ['application/json, application/json'],
    ['application/json; charset=iso-8859-1'],
    ['json'],
    ['application/json; charset'],
  ])('answers 415 to content type %s', async (type) => {
    const { app } = start({ body: 'json' })
    const answer = await send(app, post('{"sku":"a"}', { 'content-type': type }))
    expect([answer.status, answer.json.code]).toEqual([415, 'BODY_UNSUPPORTED'])
  })

  it('answers 415 to a content encoding, an unknown charset, and to no type where it has to be told', async () => {
    const { app } = fakeEngine({ all: route.post('/orders') })
    expect(
      (await send(app, post('x', { 'content-type': 'text/plain', 'content-encoding': 'gzip' }))).status,
    ).toBe(415)
    expect((await send(app, post('x', { 'content-type': 'text/plain; charset=klingon' }))).status).toBe(415)
    expect((await send(app, post('x', {}))).status).toBe(415)
  })

  it('answers 404, 405 with Allow, and OPTIONS', async () => {
    const { app } = start()
    expect((await send(app, { path: '/nowhere' })).json).toMatchObject({ status: 404, code: 'ROUTE_UNKNOWN' })
    const wrong = await send(app, { method: 'DELETE', path: '/orders' })
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST, OPTIONS'])
    const options = await send(app, { method: 'OPTIONS', path: '/orders' })
    expect([options.status, options.headers.get('allow'), options.text]).toEqual([204, 'POST, OPTIONS', ''])
    expect((await send(app, { method: 'GET', path: '/orders/' })).status).toBe(404)
    expect((await send(app, { method: 'PROPFIND', path: '/orders' })).status).toBe(405)
  })

  it('does not take HEAD for GET where that would accept a message', async () => {
    const { app, intake } = fakeEngine({ look: route.get('/look') })
    const head = await send(app, { method: 'HEAD', path: '/look' })
    expect([head.status, head.headers.get('allow')]).toEqual([405, 'GET, OPTIONS'])
    expect(intake.taken).toEqual([])
  })

  it('answers 503 with Retry-After before it reads anything while the engine has no room', async () => {
    const { app, intake } = start()
    intake.refusing = new LinkspanError('JOURNAL_FULL', 'No room in /secret/path/hub.db.', {
      retry: { afterMs: 12_400 },
    })
    const answer = await send(app, post('not even json'))
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '13'])
    expect(answer.json.code).toBe('JOURNAL_FULL')
    expect(answer.text).not.toContain('/secret/path')
  })

  it.each([
    [() => new Error('database password is hunter2')],
    [() => 'hunter2'],
    [() => undefined],
    [() => new LinkspanError('STEP_FAILED', 'hunter2')],
  ])('answers 500 that leaks nothing when the engine throws %s, and logs it', async (fail) => {
    const { app, intake, logged } = start()
    intake.fail = fail
    const answer = await send(app, post('{"sku":"a"}'))
    expect(answer.status).toBe(500)
    expect(answer.text).not.toContain('hunter2')
    expect(answer.json.instance).toBe('urn:linkspan:request:000000000001')
    expect(logged.join()).toContain('urn:linkspan:request:000000000001')
  })

  it('takes what a route function stumbles over for a wrong body', async () => {
    const source = route.post('/orders', { input: ({ body }) => (body as { a: { b: string } }).a.b })
    const { app } = fakeEngine({ orders: source })
    expect((await send(app, post('{}'))).json).toMatchObject({ status: 422, code: 'BODY_INVALID' })
  })

  it.each(['/o/%', '/o/%zz', '/o/%ff'])('answers 400 to the path %s', async (path) => {
    const { app } = fakeEngine({ o: route.post('/o/:id') })
    expect((await send(app, { path, headers: JSON_TYPE, body: '1' })).json).toMatchObject({
      status: 400,
      code: 'REQUEST_MALFORMED',
    })
  })

  it('finds one path in all its spellings', async () => {
    const { app, intake } = fakeEngine({ o: route.post('/größe/a-b') })
    for (const path of ['/gr%C3%B6%C3%9Fe/a-b', '/gr%c3%b6%c3%9fe/%61%2db', '/x/../gr%C3%B6%C3%9Fe/a-b'])
      expect((await send(app, { path, headers: JSON_TYPE, body: '1' })).status).toBe(202)
    expect(intake.taken).toHaveLength(3)
  })

  it('never answers 500, whatever the bytes and headers', async () => {
    const { app } = fakeEngine({
      all: route.post('/all'),
      json: route.post('/json', { schema: order, body: 'json' }),
      input: route.post('/input', { input: ({ body }) => (body as { a: string }).a.length }),
    })
    const types = fc.constantFrom(
      'application/json',
      'application/x-www-form-urlencoded',
      'text/plain',
      'text/plain; charset=utf-16le',
      'text/xml; charset="windows-1252"',
      'application/octet-stream',
      ';;',
    )
    const bodies = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
      fc.constantFrom('[', '{"a":', '"').map((text) => new TextEncoder().encode(text.repeat(20_000))),
    )
    const request = fc.record({
      path: fc.constantFrom('/all', '/json', '/input', '/messages/1'),
      type: types,
      body: bodies,
      value: fc.string({ unit: fc.constantFrom(...'abc ;=,"/\\%'), maxLength: 12 }),
    })
    await fc.assert(
      fc.asyncProperty(request, async ({ path, type, body, value }) => {
        const headers = { 'content-type': type, 'content-encoding': 'identity', traceparent: `x${value}x` }
        const { status, json } = await send(app, { path, headers, body })
        expect([202, 400, 405, 413, 415, 422]).toContain(status)
        if (status !== 202) expect(json.code).toBeTruthy()
      }),
      { numRuns: 300 },
    )
  })
})

describe('declaring a route', () => {
  it('types the body by schema, by input, or not at all', () => {
    const bySchema: { sku: string } | undefined = route.post('/a', { schema: order }).__body?.()
    const byInput: string | undefined = route.post('/a/:id', { input: ({ params }) => params.id }).__body?.()
    // @ts-expect-error the path has no such parameter
    route.post('/a/:id', { input: ({ params }) => params.name })
    expect([bySchema, byInput]).toEqual([undefined, undefined])
  })

  it('is plain data without secrets in the definition', () => {
    const { options, name } = route.post('/a', { auth: basic({ users: { ada: 'hunter2' } }) })
    expect(name).toBe('POST /a')
    expect(options).toEqual({
      method: 'POST',
      path: '/a',
      body: 'auto',
      respond: 'accepted',
      auth: { scheme: 'basic', realm: 'linkspan' },
    })
  })

  it.each([
    ['orders', 'does not start with a slash'],
    ['/a?b', 'character'],
    ['/a/*', 'character'],
    ['/a/../b', 'dot segment'],
    ['/a/:', 'parameter called ""'],
    ['/a/:b/:b', 'twice'],
  ])('refuses the path %s', (path, why) => {
    expect(() => route.post(path)).toThrow(why)
  })

  it('refuses to keep credentials, and a limit that is none', () => {
    expect(() => route.post('/a', { headers: ['Authorization'] })).toThrow('holds credentials')
    expect(() => route.post('/a', { headers: ['Cookie'] })).toThrow('holds credentials')
    expect(() => route.post('/a', { bodyLimit: 0 })).toThrow('body limit 0')
  })

  it('refuses two flows on one method and path, and the place of a page, at start', () => {
    expect(() => fakeEngine({ a: route.post('/o/:id'), b: route.post('/o/:name') })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining('the flow "b"') }),
    )
    expect(() => fakeEngine({ a: route.get('/messages/:x') })).toThrow('the engine itself')
    expect(() => fakeEngine({ a: route.post('/o'), b: route.put('/o') })).not.toThrow()
  })
})
