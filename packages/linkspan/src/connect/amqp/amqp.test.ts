import { type AddressInfo, createServer } from 'node:net'
import rhea, { type Message } from 'rhea'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../engine/outside.ts'
import type { LinkspanError } from '../../model/errors.ts'
import type { RunningSource } from '../connector.ts'
import { call } from '../fixtures/call.ts'
import { fakeEngine, keepingLogger, seededRandom } from '../fixtures/world.ts'
import { amqp, amqpConnector, type ConsumeOptions } from './amqp.ts'
import type { AmqpClient } from './amqp-client.ts'
import { amqpConfig } from './amqp-config.ts'
import { type FakeBroker, fakeBroker } from './fixtures/fake-broker.ts'

const PASSWORD = 'pässwörd-漢'
const environment = { clock: systemClock, random: seededRandom(3), logger: keepingLogger(), directory: '/' }

let broker: FakeBroker
const clients: AmqpClient[] = []
const sources: RunningSource[] = []

beforeEach(async () => {
  broker = await fakeBroker({ ada: PASSWORD })
})
afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()))
  await Promise.all(clients.splice(0).map((client) => client.close()))
  await broker.close()
})

async function connect(given: object = {}): Promise<AmqpClient> {
  const bound = { url: `amqp://127.0.0.1:${broker.port}`, user: 'ada', password: PASSWORD, ...given }
  const read = await amqpConfig['~standard'].validate(bound)
  if (read.issues) throw new Error(JSON.stringify(read.issues))
  const client = await amqpConnector.connect(read.value, environment)
  clients.push(client)
  return client
}

async function failure(of: Promise<unknown>): Promise<LinkspanError> {
  return of.then(
    () => {
      throw new Error('It was to fail.')
    },
    (error: LinkspanError) => error,
  )
}

/** Ends with the test's own time limit. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}

async function start(options: Partial<ConsumeOptions<unknown>> = {}) {
  const client = await connect()
  const engine = fakeEngine(systemClock, seededRandom(1), keepingLogger())
  const source = amqp('broker').consume({ queue: 'in', ...options } as ConsumeOptions<unknown>)
  sources.push((await source.start?.(engine.open(client).context)) as RunningSource)
  return engine
}

const data = (text: string | Buffer) => rhea.message.data_section(Buffer.from(text as string))
const sending = (queue: string) => amqp('broker').send({ name: 'send', queue, guarantee: 'natural' })

describe('a connection', () => {
  it('logs in by a password of any characters', async () => {
    expect((await connect()).live().lost).toBeNull()
  })

  it('takes the first broker of a list that lets it in', async () => {
    const client = await connect({ url: `amqp://127.0.0.1:1, amqp://127.0.0.1:${broker.port}` })
    expect(client.system).toBe(`127.0.0.1:${broker.port}`)
  })

  it.each([
    ['a wrong password', { password: 'no' }, 'CALL_UNAUTHENTICATED', /user and password/],
    ['an unknown host', { url: 'amqp://broker.invalid' }, 'CONNECTION_FAILED', /ENOTFOUND|EAI_AGAIN/],
    [
      'nobody at the port',
      { url: 'amqp://127.0.0.1:1' },
      'CONNECTION_FAILED',
      /ECONNREFUSED.*the broker runs/,
    ],
  ])('says what is wrong: %s', async (_what, given, code, message) => {
    const error = await failure(connect(given))
    expect(error).toMatchObject({
      code,
      retry: 'later',
      applied: 'no',
      message: expect.stringMatching(message),
    })
    expect(error.message).not.toContain(PASSWORD)
  })

  it('says that a port speaks no TLS, or no AMQP', async () => {
    const tls = await failure(connect({ url: `amqps://127.0.0.1:${broker.port}` }))
    expect(tls).toMatchObject({ code: 'CONNECTION_FAILED', message: expect.stringMatching(/tls/) })
    const server = createServer((socket) =>
      socket.on('error', () => undefined).end('HTTP/1.1 400 No\r\n\r\n'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const other = await failure(connect({ url: `amqp://127.0.0.1:${port}` }))
    server.close()
    expect(other).toMatchObject({ code: 'CONNECTION_FAILED', retry: 'later', applied: 'no' })
  })

  it.each([[{ url: 'http://x' }], [{ url: 'amqp://u:secret@x' }], [{ url: '' }]])(
    'refuses the address %j and repeats no value',
    async (given) => {
      const { issues = [] } = await amqpConfig['~standard'].validate(given)
      expect(issues).toHaveLength(1)
      expect(JSON.stringify(issues)).not.toContain('secret')
    },
  )
})

describe('a source', () => {
  it('hands messages in with body, group, identity and headers', async () => {
    const engine = await start()
    broker.put('in', {
      message_id: 'id-1',
      group_id: 'g',
      correlation_id: 'c',
      reply_to: 'r',
      application_properties: { Region: 'eu', n: 3 },
      body: data('{"a":1}'),
    })
    await until(() => broker.accepted.length === 1)
    expect(engine.accepted).toEqual([
      {
        body: { a: 1 },
        json: Buffer.from('{"a":1}'),
        key: 'g',
        dedupeKey: 'in id-1',
        headers: {
          region: 'eu',
          n: '3',
          'amqp-message-id': 'id-1',
          'amqp-correlation-id': 'c',
          'amqp-reply-to': 'r',
          'amqp-group-id': 'g',
          'amqp-address': 'in',
          'amqp-delivery-count': '0',
        },
      },
    ])
  })

  it.each<readonly [string, Partial<Message>, unknown]>([
    ['a text', { body: '{"a":1}' }, { a: 1 }],
    [
      'several data sections',
      { body: rhea.message.data_sections([Buffer.from('{"a"'), Buffer.from(':1}')]) },
      { a: 1 },
    ],
    ['a map, as of JMS', { body: { a: 1, b: ['x', true, null] } }, { a: 1, b: ['x', true, null] }],
    ['a sequence', { body: rhea.message.sequence_section([1, 'x']) }, [1, 'x']],
    ['nothing', { body: null }, null],
  ])('reads a body that is %s', async (_what, message, body) => {
    const engine = await start()
    broker.put('in', message as Message)
    await until(() => engine.accepted.length === 1)
    expect(engine.accepted[0]).toMatchObject({ body })
    expect(engine.accepted[0]?.unreadable).toBeUndefined()
  })

  it('hands in bytes of a message that is none, and goes on', async () => {
    const whole = rhea.message.encode({ message_id: 'broken', body: 'x' })
    const broken = Buffer.concat([whole.subarray(0, -3), Buffer.from([0x55, 0xff, 0x01])])
    broker.put('in', broken)
    broker.put('in', { body: data('1') })
    const engine = await start()
    await until(() => broker.accepted.length === 2)
    expect(engine.accepted[0]).toMatchObject({
      body: { address: 'in', nth: 1, messageId: null, raw: broken.toString('base64') },
      unreadable: expect.stringMatching(/^message 1 of "in": it is no AMQP message/),
    })
    expect(engine.accepted[1]).toMatchObject({ body: 1 })
  })

  it('accepts what is good and rejects what is not, also side by side', async () => {
    for (const body of ['1', '{', '2', '{', '{', '3']) broker.put('in', { body: data(body) })
    const engine = await start({ unreadable: 'reject' })
    await until(() => broker.accepted.length + broker.rejected.length === 6)
    expect(engine.accepted.map(({ body }) => body)).toEqual([1, 2, 3])
    expect(broker.accepted).toHaveLength(3)
    expect(broker.rejected).toHaveLength(3)
  })

  it('takes identity and order from where it is told to', async () => {
    const engine = await start({ dedupeBy: 'Order-Id', order: 'all' })
    broker.put('in', { group_id: 'g', application_properties: { 'order-id': 7 }, body: data('1') })
    broker.put('in', { group_id: 'g', body: data('2') })
    await until(() => engine.accepted.length === 2)
    expect(engine.accepted.map(({ dedupeKey, key }) => [dedupeKey, key])).toEqual([
      ['in 7', 'in'],
      [undefined, 'in'],
    ])
  })

  it.each([
    ['missing', 'CALL_FAILED', 'later'],
    ['forbidden', 'CALL_UNAUTHENTICATED', 'never'],
  ])('says that a queue is %s', async (queue, code, retry) => {
    const client = await connect()
    const engine = fakeEngine(systemClock, seededRandom(1), keepingLogger())
    const source = amqp('broker').consume({ queue })
    const refused = failure(
      Promise.resolve(source.start?.(engine.open(client).context)).then(async (running) => {
        sources.push(running as RunningSource)
        await until(() => engine.failures.length > 0)
        throw engine.failures[0]
      }),
    )
    expect(await refused).toMatchObject({
      code,
      retry,
      message: expect.stringMatching(new RegExp(`queue "${queue}"`)),
    })
  })

  it.each<readonly [object, RegExp]>([
    [{ queue: 'a', topic: 'b' }, /either/],
    [{ queue: 'a', subscription: 's' }, /of a `topic`/],
    [{ topic: 'a', shared: true }, /needs the name/],
    [{ queue: 'a', prefetch: 0 }, /prefetch: 0/],
  ])('refuses the options %j', (options, problem) => {
    expect(() => amqp('broker').consume(options as never)).toThrow(problem)
  })
})

describe('an operation', () => {
  it.each([
    ['missing', 'CALL_FAILED', 'later'],
    ['forbidden', 'CALL_UNAUTHENTICATED', 'never'],
  ])('says that a queue is %s, and that nothing was sent', async (queue, code, retry) => {
    const client = await connect()
    expect(await failure(sending(queue).run(client, {}, call()))).toMatchObject({
      code,
      retry,
      applied: 'no',
    })
  })

  it('sends nothing where it may not send any more', async () => {
    const client = await connect()
    const error = await failure(sending('out').run(client, {}, call({ maySend: () => false })))
    expect(error).toMatchObject({ retry: 'later', applied: 'no' })
    expect(broker.messages('out')).toEqual([])
  })

  it('says that the connection is lost, so that another one is made', async () => {
    const client = await connect()
    await sending('out').run(client, {}, call())
    await broker.close()
    await until(() => {
      try {
        return client.live().lost !== null
      } catch {
        return true
      }
    })
    expect(await failure(sending('out').run(client, {}, call()))).toMatchObject({
      code: 'CONNECTION_FAILED',
      retry: 'later',
      applied: 'no',
    })
    broker = await fakeBroker({ ada: PASSWORD })
  })

  it.each([undefined, 'replies'])(
    'gets the reply that has its correlation id (queue: %s)',
    async (replyQueue) => {
      const client = await connect()
      const ask = amqp('broker').request({
        name: 'ask',
        queue: 'asked',
        guarantee: 'natural',
        ...(replyQueue === undefined ? {} : { replyQueue }),
      })
      const answers = ['a', 'b'].map((mark) => ask.run(client, { mark }, call({ mark })))
      await until(() => broker.messages('asked').length === 2)
      for (const { reply_to, correlation_id } of broker.messages('asked').toReversed())
        broker.put(String(reply_to), {
          correlation_id,
          body: data(`"for ${String(correlation_id)}"`),
        } as Message)
      expect(await Promise.all(answers)).toEqual(['for a', 'for b'])
    },
  )

  it('claims nothing of a request that had no reply in time, and that one was made where it cannot be read', async () => {
    const client = await connect()
    const ask = amqp('broker').request({ name: 'ask', queue: 'asked', guarantee: 'none' })
    const end = new AbortController()
    const late = failure(ask.run(client, {}, call({ mark: 'late', signal: end.signal })))
    await until(() => broker.messages('asked').length === 1)
    end.abort(new Error('The time limit.'))
    expect(await late).toMatchObject({ code: 'CALL_TIMED_OUT', retry: 'later', applied: 'unknown' })
    const bad = failure(ask.run(client, {}, call({ mark: 'bad' })))
    await until(() => broker.messages('asked').length === 2)
    const [, asked] = broker.messages('asked')
    broker.put(String(asked?.reply_to), { correlation_id: 'bad', body: data('{') } as Message)
    expect(await bad).toMatchObject({ code: 'CALL_REPLY_INVALID', retry: 'never', applied: 'yes' })
  })

  it('refuses for good what its functions cannot make', async () => {
    const client = await connect()
    const odd = amqp('broker').send({
      name: 'odd',
      queue: 'out',
      priority: 12,
      guarantee: 'none',
    })
    const error = await failure(odd.run(client, {}, call()))
    expect(error).toMatchObject({ code: 'CALL_REJECTED', retry: 'never', applied: 'no' })
    expect(error.message).toMatch(/priority 12/)
  })

  it('must have one destination, one name and a guarantee', () => {
    const given = (options: object) => () => amqp('broker').send(options as never)
    expect(given({ name: 'a', guarantee: 'none' })).toThrow(/one of `queue`/)
    expect(given({ name: 'a', queue: 'q', topic: 't', guarantee: 'none' })).toThrow(/one of `queue`/)
    expect(given({ name: 'a', queue: 'q', guarantee: 'exactly-once' })).toThrow(/no guarantee/)
    const twice = amqp('broker')
    twice.send({ name: 'a', queue: 'q', guarantee: 'none' })
    expect(() => twice.request({ name: 'a', queue: 'q', guarantee: 'none' })).toThrow(/exists already/)
  })
})
