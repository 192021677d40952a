import { afterEach, describe, expect, it } from 'vitest'
import type { LinkspanError } from '../../model/errors.ts'
import { call, environment } from '../fixtures/call.ts'
import { freePort, reply, type WireRequest, type WireServer, wireServer } from '../fixtures/wire.ts'
import type { VirtualClock } from '../fixtures/world.ts'
import { type HttpClient, httpConnection, httpConnector, oauth } from './index.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

const SECRET = 'c1ient s&cret'
const given = { clientId: 'hub', clientSecret: SECRET }

interface Issued {
  readonly token: string
  readonly expires_in?: number
  readonly refresh_token?: string
}

/** An authorization server that gives one token after the other, and a service that takes those which are good. */
async function world(options: Readonly<Record<string, unknown>> = {}, issued: readonly Issued[] = []) {
  const left = [...issued]
  const good = new Set<string>()
  let refusing: string | null = null
  let refusesAll = false
  const login = await wired((request) => {
    if (refusing !== null) return void request.socket.write(refusing)
    const { token, ...more } = left.shift() ?? { token: `token-${login.requests.length}`, expires_in: 600 }
    if (!refusesAll) good.add(token)
    request.socket.write(reply(200, JSON.stringify({ access_token: token, token_type: 'bearer', ...more })))
  })
  const api = await wired((request) => {
    const token = /authorization: Bearer (\S+)/i.exec(request.head)?.[1] ?? ''
    request.socket.write(good.has(token) ? reply(200, '{}') : reply(401))
  })
  const auth = oauth({ tokenUrl: `${login.url}/oauth/token`, ...given, ...options })
  const world = environment()
  const client = await connect({ baseUrl: api.url, auth }, world)
  const load = httpConnection('tracker').get({ name: 'load', path: '/tasks', response: 'none' })
  return {
    login,
    api,
    client,
    clock: world.clock as VirtualClock,
    revoke: (token: string) => good.delete(token),
    refuseAll: () => {
      refusesAll = true
    },
    refuse: (answer: string) => {
      refusing = answer
    },
    load: () => load.run(client, undefined, call()),
    sent: () => api.requests.map(({ head }) => /authorization: Bearer (\S+)/i.exec(head)?.[1]),
    forms: () => login.requests.map(({ body }) => Object.fromEntries(new URLSearchParams(body))),
  }
}

async function wired(onRequest: (request: WireRequest) => void): Promise<WireServer> {
  const server = await wireServer(onRequest)
  closing.push(() => server.close())
  return server
}

async function connect(config: unknown, world = environment()): Promise<HttpClient> {
  const checked = await httpConnector.config['~standard'].validate(config)
  if (checked.issues) throw new Error(checked.issues.map(({ message }) => message).join('; '))
  const client = await httpConnector.connect(checked.value, world)
  closing.push(() => client.close())
  return client
}

const failing = (promise: Promise<unknown>): Promise<LinkspanError> =>
  promise.then(
    () => Promise.reject(new Error('It did not fail.')),
    (error: LinkspanError) => error,
  )

describe('a connection with OAuth', () => {
  it('asks for a token at its first call, once for many, and sends it with each', async () => {
    const { load, login, sent, forms } = await world({ scope: 'tasks:read', audience: 'https://api' })
    expect(login.requests).toHaveLength(0)
    await Promise.all([load(), load(), load()])
    await load()
    expect(sent()).toEqual(['token-1', 'token-1', 'token-1', 'token-1'])
    expect(forms()).toEqual([
      { grant_type: 'client_credentials', scope: 'tasks:read', audience: 'https://api' },
    ])
    // RFC 6749, 2.3.1: form-encoded, then Base64.
    const user = Buffer.from(`hub:${new URLSearchParams({ t: SECRET }).toString().slice(2)}`).toString(
      'base64',
    )
    expect(login.requests[0]?.head).toContain(`authorization: Basic ${user}`)
  })

  it('asks again shortly before the token expires, and not before that', async () => {
    const { load, login, clock } = await world({}, [{ token: 'a', expires_in: 100 }])
    await load()
    await clock.advance(89_999)
    await load()
    expect(login.requests).toHaveLength(1)
    await clock.advance(1)
    await load()
    expect(login.requests).toHaveLength(2)
  })

  it('has another token at once when the service refuses one', async () => {
    const { load, sent, revoke } = await world({}, [{ token: 'a' }, { token: 'b' }])
    await load()
    revoke('a')
    await load()
    expect(sent()).toEqual(['a', 'a', 'b'])
  })

  it('says 401 where a token that was just given is refused', async () => {
    const { load, refuseAll, api, login } = await world()
    refuseAll()
    expect(await failing(load())).toMatchObject({
      code: 'CALL_UNAUTHENTICATED',
      applied: 'no',
      retry: 'later',
    })
    expect(api.requests).toHaveLength(2)
    expect(login.requests).toHaveLength(2)
  })

  it('sends id and secret in the body where that is asked for', async () => {
    const { load, login, forms } = await world({ credentials: 'body' })
    await load()
    expect(forms()).toEqual([{ grant_type: 'client_credentials', client_id: 'hub', client_secret: SECRET }])
    expect(login.requests[0]?.head).not.toContain('authorization')
  })

  it('uses the refresh token that was given last', async () => {
    const { load, forms, clock } = await world({ refreshToken: 'r1' }, [
      { token: 'a', expires_in: 10, refresh_token: 'r2' },
      { token: 'b', expires_in: 10 },
    ])
    for (let nth = 0; nth < 3; nth += 1) {
      await load()
      await clock.advance(10_000)
    }
    expect(forms().map(({ grant_type: grant, refresh_token: token }) => [grant, token])).toEqual([
      ['refresh_token', 'r1'],
      ['refresh_token', 'r2'],
      ['refresh_token', 'r2'],
    ])
  })

  it.each([
    [
      reply(400, '{"error":"invalid_scope","error_description":"no such scope"}'),
      'CALL_UNAUTHENTICATED',
      'answered 400 (invalid_scope: no such scope). Check the connection',
    ],
    [reply(503, 'down'), 'CALL_FAILED', 'answered 503. It is asked again later.'],
    [reply(200, '<html>'), 'CALL_UNAUTHENTICATED', 'holds no access_token'],
    [reply(200, '{"access_token":"x","token_type":"mac"}'), 'CALL_UNAUTHENTICATED', 'only Bearer is known'],
  ])('has sent nothing when it is given no token: %j', async (answer, code, message) => {
    const { load, refuse, api } = await world()
    refuse(answer)
    const error = await failing(load())
    expect(error).toMatchObject({ code, applied: 'no', retry: 'later' })
    expect(error.message).toContain(message)
    expect(error.message).toContain('/oauth/token')
    expect(api.requests).toHaveLength(0)
  })

  it('has sent nothing when the authorization server is not there', async () => {
    const tokenUrl = `http://127.0.0.1:${await freePort()}/token`
    const { load } = await world({ tokenUrl })
    expect(await failing(load())).toMatchObject({ code: 'CALL_FAILED', applied: 'no', retry: 'later' })
  })

  it('tells no secret', async () => {
    const { client, load } = await world({ refreshToken: 'refresh-me' }, [{ token: 'very-secret-token' }])
    await load()
    const told = client.redact(`${SECRET} refresh-me x=very-secret-token`)
    for (const secret of [SECRET, 'refresh-me', 'very-secret-token']) expect(told).not.toContain(secret)
  })

  it.each([
    ['http://login.example.com/token', 'must be an https URL'],
    ['https://u:p@login.example.com/token', 'must not hold a user or password'],
    ['nowhere', 'must be an https URL'],
  ])('takes no token URL that is none: %s', async (tokenUrl, message) => {
    await expect(
      connect({ baseUrl: 'https://api.example.com', auth: oauth({ tokenUrl, ...given }) }),
    ).rejects.toThrow(message)
  })
})
