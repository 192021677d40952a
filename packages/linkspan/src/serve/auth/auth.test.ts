import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isLinkspanError } from '../../model/errors.ts'
import type { Reference } from '../../runtime/engine-api.ts'
import { byFetch } from '../fixtures/both-ways.ts'
import { fakeEngine, manualClock } from '../fixtures/fake-engine.ts'
import { route } from '../route.ts'
import { apiKey } from './api-key.ts'
import { basic } from './basic.ts'
import { githubSignature } from './github-signature.ts'
import { hmac } from './hmac.ts'
import type { Authenticated, AuthScheme } from './scheme.ts'
import { standardWebhook } from './standard-webhook.ts'

const NOW = 1_700_000_000_000
const secret = (name: string): Reference => ({ kind: 'secret', name })

/** What a scheme says of a request, or the code of its refusal. */
function ask(
  scheme: AuthScheme,
  headers: Readonly<Record<string, string>>,
  body = '',
  options: { readonly now?: number; readonly secrets?: Readonly<Record<string, string>> } = {},
): Authenticated | string {
  const verify = scheme.prepare(({ name }) => options.secrets?.[name], 'The route "POST /x"')
  try {
    return verify({
      header: (name) => headers[name] ?? null,
      body: Buffer.from(body),
      now: options.now ?? NOW,
    })
  } catch (thrown) {
    if (isLinkspanError(thrown)) return thrown.code
    throw thrown
  }
}

describe('githubSignature', () => {
  // The example in GitHub's "Validating webhook deliveries".
  const SECRET = "It's a Secret to Everybody"
  const BODY = 'Hello, World!'
  const SIGNATURE = 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'
  const headers = { 'x-hub-signature-256': SIGNATURE, 'x-github-delivery': 'd-1' }

  it("accepts GitHub's documented example and takes the delivery for its identity", () => {
    expect(ask(githubSignature({ secret: SECRET }), headers, BODY)).toEqual({ dedupeKey: 'd-1' })
  })

  it('takes any of several secrets while a rotation lasts', () => {
    const scheme = githubSignature({ secret: ['the new one', secret('OLD')] })
    expect(ask(scheme, headers, BODY, { secrets: { OLD: SECRET } })).toEqual({ dedupeKey: 'd-1' })
  })

  it.each([
    ['another body', headers, 'Hello, World?', 'SIGNATURE_INVALID'],
    [
      'another secret',
      { ...headers, 'x-hub-signature-256': SIGNATURE.replace('7571', '7572') },
      BODY,
      'SIGNATURE_INVALID',
    ],
    [
      'a cut signature',
      { ...headers, 'x-hub-signature-256': SIGNATURE.slice(0, -2) },
      BODY,
      'SIGNATURE_INVALID',
    ],
    ['no hex', { ...headers, 'x-hub-signature-256': 'sha256=zz' }, BODY, 'SIGNATURE_INVALID'],
    [
      'sha1',
      { ...headers, 'x-hub-signature-256': SIGNATURE.replace('sha256', 'sha1') },
      BODY,
      'SIGNATURE_INVALID',
    ],
    [
      'a signature sent twice',
      { ...headers, 'x-hub-signature-256': `${SIGNATURE}, ${SIGNATURE}` },
      BODY,
      'SIGNATURE_INVALID',
    ],
    ['no signature', { 'x-github-delivery': 'd-1' }, BODY, 'UNAUTHENTICATED'],
    ['no delivery', { 'x-hub-signature-256': SIGNATURE }, BODY, 'UNAUTHENTICATED'],
  ])('refuses %s', (_what, given, body, code) => {
    expect(ask(githubSignature({ secret: SECRET }), given as Record<string, string>, body)).toBe(code)
  })

  it('names a secret that is not set, at start', () => {
    expect(() =>
      fakeEngine({
        hook: route.post('/hook', { auth: githubSignature({ secret: secret('GITHUB_WEBHOOK') }) }),
      }),
    ).toThrow(
      expect.objectContaining({ code: 'SECRET_MISSING', message: expect.stringContaining('GITHUB_WEBHOOK') }),
    )
    expect(() =>
      fakeEngine({ hook: route.post('/hook', { auth: githubSignature({ secret: [] }) }) }),
    ).toThrow('empty list')
    expect(() =>
      fakeEngine({ hook: route.post('/hook', { auth: githubSignature({ secret: '' }) }) }),
    ).toThrow('empty secret')
  })
})

describe('standardWebhook', () => {
  // The example of the Standard Webhooks libraries.
  const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const BODY = '{"test": 2432232314}'
  const headers = {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  }
  const now = 1_614_265_330_000

  it('accepts the documented example and takes the id for its identity', () => {
    expect(ask(standardWebhook({ secret: SECRET }), headers, BODY, { now })).toEqual({
      dedupeKey: headers['webhook-id'],
    })
  })

  it('takes one of several signatures, and secrets without their prefix', () => {
    const several = {
      ...headers,
      'webhook-signature': `v1,AAAA v1a,${'B'.repeat(88)} ${headers['webhook-signature']}`,
    }
    const scheme = standardWebhook({ secret: [`whsec_${'A'.repeat(32)}`, SECRET.slice(6)] })
    expect(ask(scheme, several, BODY, { now })).toEqual({ dedupeKey: headers['webhook-id'] })
  })

  it('keeps the window both ways', () => {
    const scheme = standardWebhook({ secret: SECRET })
    for (const off of [-300_000, 300_000])
      expect(ask(scheme, headers, BODY, { now: now + off })).toHaveProperty('dedupeKey')
    for (const off of [-300_001, 300_001])
      expect(ask(scheme, headers, BODY, { now: now + off })).toBe('SIGNATURE_INVALID')
  })

  it.each([
    ['another body', {}, '{"test": 2432232315}', 'SIGNATURE_INVALID'],
    ['another id', { 'webhook-id': 'msg_other' }, BODY, 'SIGNATURE_INVALID'],
    ['another time', { 'webhook-timestamp': '1614265331' }, BODY, 'SIGNATURE_INVALID'],
    ['a time that is none', { 'webhook-timestamp': '1e9' }, BODY, 'SIGNATURE_INVALID'],
    [
      'another version',
      { 'webhook-signature': headers['webhook-signature'].replace('v1', 'v2') },
      BODY,
      'SIGNATURE_INVALID',
    ],
    ['no id', { 'webhook-id': '' }, BODY, 'UNAUTHENTICATED'],
  ])('refuses %s', (_what, changed, body, code) => {
    expect(ask(standardWebhook({ secret: SECRET }), { ...headers, ...changed }, body, { now })).toBe(code)
  })

  it.each(['whsec_dG9vIHNob3J0', 'whsec_no base64!', `whsec_${'A'.repeat(100)}`])(
    'refuses the secret %s at start, without showing it',
    (bad) => {
      const start = (): unknown =>
        fakeEngine({ hook: route.post('/hook', { auth: standardWebhook({ secret: bad }) }) })
      expect(start).toThrow('24 to 64 bytes')
      expect(start).not.toThrow(bad)
    },
  )
})

describe('hmac', () => {
  const sign = (text: string, encoding: 'hex' | 'base64' = 'hex'): string =>
    createHmac('sha256', 'k').update(text).digest(encoding)

  it('signs a time and the body in the manner of Slack', () => {
    const scheme = hmac({
      secret: 'k',
      header: 'X-Slack-Signature',
      prefix: 'v0=',
      timestamp: { header: 'X-Slack-Request-Timestamp', tolerance: '5m' },
      before: ({ timestamp }) => `v0:${timestamp}:`,
    })
    const headers = {
      'x-slack-signature': `v0=${sign('v0:1700000000:{}')}`,
      'x-slack-request-timestamp': '1700000000',
    }
    expect(ask(scheme, headers, '{}')).toEqual({})
    expect(ask(scheme, headers, '{}', { now: NOW + 300_001 })).toBe('SIGNATURE_INVALID')
    expect(ask(scheme, headers, '{ }')).toBe('SIGNATURE_INVALID')
    expect(ask(scheme, { ...headers, 'x-slack-request-timestamp': '1700000001' }, '{}')).toBe(
      'SIGNATURE_INVALID',
    )
  })

  it('takes a header apart in the manner of Stripe', () => {
    const scheme = hmac({
      secret: 'k',
      header: 'stripe-signature',
      timestamp: { tolerance: '5m' },
      before: ({ timestamp }) => `${timestamp}.`,
      parse: (header) => {
        const parts = header.split(',').map((part) => part.split('=') as [string, string])
        return {
          timestamp: parts.find(([name]) => name === 't')?.[1] ?? '',
          signatures: parts.filter(([name]) => name === 'v1').map(([, value]) => value),
        }
      },
    })
    const signature = (time: number): string => `t=${time},v1=${'0'.repeat(64)},v1=${sign(`${time}.{}`)}`
    expect(ask(scheme, { 'stripe-signature': signature(1_700_000_000) }, '{}')).toEqual({})
    expect(ask(scheme, { 'stripe-signature': signature(1_600_000_000) }, '{}')).toBe('SIGNATURE_INVALID')
    expect(ask(scheme, { 'stripe-signature': 'rubbish' }, '{}')).toBe('SIGNATURE_INVALID')
  })

  it('reads base64 and the delivery from its header', () => {
    const scheme = hmac({ secret: 'k', header: 'x-sig', encoding: 'base64', dedupeBy: 'X-Delivery' })
    expect(ask(scheme, { 'x-sig': sign('{}', 'base64'), 'x-delivery': 'd' }, '{}')).toEqual({
      dedupeKey: 'd',
    })
    expect(ask(scheme, { 'x-sig': sign('{}', 'base64') }, '{}')).toBe('UNAUTHENTICATED')
  })
})

describe('apiKey and basic', () => {
  const pair = (text: string): { authorization: string } => ({
    authorization: `Basic ${Buffer.from(text).toString('base64')}`,
  })

  it('knows callers by their keys, with rotation', () => {
    const scheme = apiKey({ keys: { shop: ['s1', secret('S2')], lab: 'l1' } })
    const secrets = { S2: 's2' }
    expect(ask(scheme, { 'x-api-key': 's1' }, '', { secrets })).toEqual({ caller: 'shop' })
    expect(ask(scheme, { 'x-api-key': 's2' }, '', { secrets })).toEqual({ caller: 'shop' })
    expect(ask(scheme, { 'x-api-key': 'l1' }, '', { secrets })).toEqual({ caller: 'lab' })
    expect(ask(scheme, { 'x-api-key': 'l' }, '', { secrets })).toBe('UNAUTHENTICATED')
    expect(ask(scheme, { 'x-api-key': '' }, '', { secrets })).toBe('UNAUTHENTICATED')
    expect(ask(scheme, {}, '', { secrets })).toBe('UNAUTHENTICATED')
  })

  it('takes keys without names and behind a prefix', () => {
    const scheme = apiKey({ header: 'Authorization', prefix: 'Bearer ', keys: secret('K') })
    expect(ask(scheme, { authorization: 'bearer k' }, '', { secrets: { K: 'k' } })).toEqual({})
    expect(ask(scheme, { authorization: 'k' }, '', { secrets: { K: 'k' } })).toBe('UNAUTHENTICATED')
  })

  it('knows users by their passwords, in UTF-8 and with colons', () => {
    const scheme = basic({ users: { ada: 'p:ä', bob: ['x', 'y'] } })
    expect(ask(scheme, pair('ada:p:ä'))).toEqual({ caller: 'ada' })
    expect(ask(scheme, pair('bob:y'))).toEqual({ caller: 'bob' })
    for (const wrong of [pair('ada:x'), pair('eve:x'), pair('ada'), { authorization: 'Basic ?' }, {}])
      expect(ask(scheme, wrong as Record<string, string>)).toBe('UNAUTHENTICATED')
  })
})

describe('secrets', () => {
  const CANARY = 'canary-5f1d0c2e-secret'
  const GIVEN = 'given-77aa-by-the-caller'

  it('stand in no answer and no log, whatever goes wrong', async () => {
    const schemes: AuthScheme[] = [
      apiKey({ keys: { shop: CANARY } }),
      basic({ users: { ada: CANARY } }),
      githubSignature({ secret: secret('HOOK') }),
      standardWebhook({ secret: `whsec_${Buffer.from(CANARY.padEnd(24)).toString('base64')}` }),
      hmac({ secret: CANARY, header: 'x-sig' }),
    ]
    const sources = Object.fromEntries(schemes.map((auth, at) => [`f${at}`, route.post(`/r${at}`, { auth })]))
    const engine = fakeEngine(sources, { secrets: { HOOK: CANARY }, clock: manualClock(NOW).clock })
    const wrong = {
      'content-type': 'application/json',
      'x-api-key': GIVEN,
      authorization: `Basic ${Buffer.from(`ada:${GIVEN}`).toString('base64')}`,
      'x-hub-signature-256': `sha256=${GIVEN}`,
      'x-github-delivery': '1',
      'webhook-id': '1',
      'webhook-timestamp': String(NOW / 1_000),
      'webhook-signature': `v1,${GIVEN}`,
      'x-sig': GIVEN,
    }
    for (const at of schemes.keys()) {
      for (const headers of [wrong, {}]) {
        const answer = await byFetch(engine.app, { path: `/r${at}`, headers, body: '{}' })
        expect(answer.status).toBe(401)
        expect(answer.headers.get('www-authenticate')).toBeTruthy()
        expect(answer.text).not.toMatch(new RegExp(`${CANARY}|${GIVEN}`))
      }
    }
    expect(engine.intake.taken).toEqual([])
    expect(engine.logged).toHaveLength(10)
    expect(engine.logged.join() + engine.metrics.prometheus()).not.toMatch(new RegExp(`${CANARY}|${GIVEN}`))
  })

  it('never reach the message', async () => {
    const source = route.post('/r', { auth: apiKey({ keys: CANARY }) })
    const { app, intake } = fakeEngine({ f: source })
    const headers = {
      'x-api-key': CANARY,
      'content-type': 'application/json',
      cookie: CANARY,
      traceparent: '00-1',
    }
    expect((await byFetch(app, { path: '/r', headers, body: '{}' })).status).toBe(202)
    expect(intake.taken[0]?.headers).toEqual({ traceparent: '00-1' })
    expect(JSON.stringify([intake.taken, source.options])).not.toContain(CANARY)
  })

  it('of a stranger: the body is not even read where headers are enough', async () => {
    const { app } = fakeEngine({ f: route.post('/r', { auth: apiKey({ keys: CANARY }), bodyLimit: 1 }) })
    const answer = await byFetch(app, {
      path: '/r',
      headers: { 'content-type': 'application/json' },
      body: 'xxx',
    })
    expect(answer.status).toBe(401)
  })
})
