import { describe, expect, it } from 'vitest'
import { LinkspanError, storeError } from '../model/errors.ts'
import type { Json, MessageSummary } from '../model/message.ts'
import { WAYS } from './fixtures/both-ways.ts'
import { type FakeEngine, fakeAdmin, fakeEngine, summary } from './fixtures/fake-engine.ts'

function withMessage(message: Partial<MessageSummary>, reply?: Json): FakeEngine {
  const admin = fakeAdmin({ reply: async () => (reply === undefined ? null : { reply }) })
  return fakeEngine({}, { admin, message: async () => summary(message) })
}

describe.each(WAYS)('pages, by %s', (_way, send) => {
  const get = (engine: FakeEngine, path: string, method = 'GET'): ReturnType<typeof send> =>
    send(engine.app, { method, path })

  it('show a message without its body, key or the words of its error', async () => {
    const error = storeError(new LinkspanError('CALL_REJECTED', 'card 4111 refused'))
    const answer = await get(withMessage({ state: 'dead', endedAt: 5, error }), '/messages/3f-x1y2z3a4b5c6')
    expect(answer.json).toEqual({
      id: '3f-x1y2z3a4b5c6',
      flow: 'orders',
      state: 'dead',
      reason: null,
      acceptedAt: 1_700_000_000_000,
      endedAt: 5,
      wakeAt: null,
      attempt: 1,
      error: { code: 'CALL_REJECTED' },
    })
    expect(answer.headers.get('cache-control')).toBe('no-store')
  })

  it('show the reply where there is one, null too', async () => {
    expect(
      (await get(withMessage({ state: 'done' }, null), '/messages/3f-x1y2z3a4b5c6')).json,
    ).toHaveProperty('reply', null)
    const reply = await get(withMessage({ state: 'active' }, { a: 1 }), '/messages/3f-x1y2z3a4b5c6/reply')
    expect([reply.status, reply.json]).toEqual([200, { a: 1 }])
  })

  it('say 202 while a reply is pending, 410 when it will not come, 404 for an unknown message', async () => {
    const pending = await get(withMessage({ state: 'waiting' }), '/messages/3f-x1y2z3a4b5c6/reply')
    expect([pending.status, pending.headers.get('retry-after')]).toEqual([202, '1'])
    const gone = await get(withMessage({ state: 'filtered' }), '/messages/3f-x1y2z3a4b5c6/reply')
    expect(gone.json).toMatchObject({ status: 410, code: 'REPLY_ABSENT', state: 'filtered' })
    for (const path of [
      '/messages/3f-unknown',
      '/messages/3f-unknown/reply',
      '/messages/<script>',
      '/messages/%00',
    ])
      expect((await get(fakeEngine({}), path)).json).toMatchObject({ status: 404, code: 'MESSAGE_UNKNOWN' })
  })

  it('find children by their ids', async () => {
    const asked: string[] = []
    const engine = fakeEngine(
      {},
      {
        admin: fakeAdmin({ reply: async () => null }),
        message: async (id) => {
          asked.push(id)
          return summary({ id })
        },
      },
    )
    const id = '3f-x1y2z3a4b5c6~split%2Fitems.12'
    expect((await get(engine, `/messages/${encodeURIComponent(id)}`)).json.id).toBe(id)
    expect(asked).toEqual([id])
  })

  it('tell health and readiness apart', async () => {
    const engine = fakeEngine({})
    expect((await get(engine, '/healthz')).json).toEqual({ status: 'up', state: 'running' })
    expect((await get(engine, '/readyz')).status).toBe(200)
    engine.intake.refusing = new LinkspanError('JOURNAL_FULL', 'disk /dev/x is full', {
      retry: { afterMs: 30_000 },
    })
    expect((await get(engine, '/healthz')).status).toBe(200)
    const busy = await get(engine, '/readyz')
    expect([busy.status, busy.headers.get('retry-after'), busy.json.code]).toEqual([
      503,
      '30',
      'JOURNAL_FULL',
    ])
    engine.intake.refusing = null
    for (const state of ['starting', 'stopping', 'stopped', 'failed'] as const) {
      engine.state = state
      expect((await get(engine, '/readyz')).status).toBe(503)
      expect((await get(engine, '/healthz')).status).toBe(state === 'failed' ? 503 : 200)
    }
  })

  it('show metrics in the text format, with the requests so far', async () => {
    const engine = fakeEngine({})
    await get(engine, '/healthz')
    await get(engine, '/nowhere')
    const { text, headers } = await get(engine, '/metrics')
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    expect(text).toContain('linkspan_http_requests_total{route="GET /healthz",status="200"} 1\n')
    expect(text).toContain('linkspan_http_requests_total{route="none",status="404"} 1\n')
  })

  it('answer HEAD like GET without the body, and 405 to what they are not for', async () => {
    const engine = fakeEngine({})
    const whole = await get(engine, '/healthz')
    const head = await get(engine, '/healthz', 'HEAD')
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([
      200,
      '',
      String(whole.text.length),
    ])
    const wrong = await get(engine, '/healthz', 'POST')
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS'])
  })
})
