import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ServiceUnderTest, serviceUnderTest } from '../../../../../scripts/services/for-tests.ts'
import { createEngine, defineProject, type Engine, type Flow, flow, sqlite } from '../../index.ts'
import { call } from '../fixtures/call.ts'
import type { AmqpDelivery, AmqpPackage } from './amqp-package.ts'
import { connected } from './fixtures/connect.ts'
import { type RealRabbitmq, realRabbitmq } from './fixtures/real-rabbitmq.ts'
import { isUnreadable, rabbitmq, type Topology } from './index.ts'

const service = serviceUnderTest('rabbitmq')
const url = service?.environment['LINKSPAN_TEST_RABBITMQ_URL'] ?? ''

interface Item {
  readonly key: string
  readonly n: number
}

let broker: RealRabbitmq
let folder: string
let [from, to] = ['', '']

beforeAll(() => {
  broker = realRabbitmq(url)
  folder = mkdtempSync(join(tmpdir(), 'linkspan-rabbitmq-'))
})
afterAll(async () => {
  if (service !== null) await broker.clear()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(() => {
  ;[from, to] = [broker.name('in'), broker.name('out')]
})

const items = (count: number, first = 0): readonly Item[] =>
  Array.from({ length: count }, (_, nth) => ({ key: `key-${(first + nth) % 10}`, n: first + nth }))

const put = (all: readonly Item[]) =>
  broker.write(
    all.map((item) => ({
      queue: from,
      body: JSON.stringify(item),
      messageId: `item-${item.n}`,
      headers: { key: item.key },
    })),
  )

const itemOf = ({ content }: AmqpDelivery) => JSON.parse(content.toString()) as Item

/** Waits as long as the test may last: nothing is asserted of the time. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await pause(200)
}

async function running(flows: readonly Flow[], connection: object = {}): Promise<Engine> {
  const project = defineProject({
    journal: sqlite(join(folder, `${broker.name('hub')}.db`)),
    connections: { shop: { url, heartbeat: '2s', ...connection } },
    flows,
  })
  const engine = createEngine(project)
  await engine.start()
  return engine
}

const copying = (topology: Topology = {}) => {
  const shop = rabbitmq('shop', topology)
  const publish = shop.publish({
    name: 'publish',
    routingKey: to,
    headers: ({ key }: Item) => ({ key }),
    guarantee: 'natural',
  })
  return flow('copy')
    .from(shop.consume<Item>({ queue: from, order: { header: 'key' } }))
    .to('publish', publish)
}

/** Each once by its message id, and those of a key in the order of their first coming. */
function expectEachOnce(deliveries: readonly AmqpDelivery[], sent: readonly Item[]): void {
  const found = [...new Map(deliveries.toReversed().map((each) => [each.properties.messageId, each]))].map(
    ([, each]) => itemOf(each),
  )
  expect(found.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(sent.map(({ n }) => n))
  const firsts = [...new Map(deliveries.map((each) => [itemOf(each).n, itemOf(each)])).values()]
  for (const [key, each] of Map.groupBy(firsts, (item) => item.key))
    expect(each.map(({ n }) => n)).toEqual(sent.filter((item) => item.key === key).map(({ n }) => n))
}

const arrived = async () => new Set((await broker.takeAll(to)).map((each) => itemOf(each).n)).size

describe.skipIf(service === null)('from RabbitMQ to RabbitMQ, on the real broker', () => {
  const { trouble } = service ?? ({ trouble: null } as Pick<ServiceUnderTest, 'trouble'>)

  it.skipIf(trouble === null).each([
    ['killed and started again', 'classic', () => trouble?.stop(), () => trouble?.start()],
    [
      'frozen for a while',
      'quorum',
      () => trouble?.freeze(),
      async () => {
        await pause(6_000)
        await trouble?.thaw()
      },
    ],
  ] as const)(
    'each message comes once and in order while the broker is %s (%s queues)',
    async (_what, type, hurt, heal) => {
      await broker.declare({ queues: { [from]: { type }, [to]: { type } } })
      const sent = items(3_000)
      await put(sent.slice(0, 2_000))
      const engine = await running([copying()])
      await until(async () => (await arrived()) > 0)
      await hurt()
      await heal()
      await put(sent.slice(2_000))
      await until(async () => (await arrived()) === sent.length)
      await until(async () => (await broker.count(from)) === 0)
      await engine.stop()
      expectEachOnce(await broker.takeAll(to), sent)
      expect(await broker.count(from)).toBe(0)
    },
  )

  it('each message comes once and in order though the engine is killed, twice', async () => {
    await broker.declare({ queues: { [from]: {}, [to]: {} } })
    const sent = items(1_500)
    await put(sent)
    const settings = { url, from, to, journal: join(folder, `${from}.db`) }
    const start = async (): Promise<ChildProcess> => {
      const child = fork(new URL('./fixtures/copying-engine.ts', import.meta.url), {
        execArgv: ['--conditions=source'],
        env: { ...process.env, COPYING: JSON.stringify(settings) },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      })
      await once(child, 'message')
      return child
    }
    let seen = 0
    for (let life = 0; life < 2; life++) {
      const child = await start()
      await until(async () => (await arrived()) > seen)
      child.kill('SIGKILL')
      await once(child, 'exit')
      seen = await arrived()
    }
    const last = await start()
    await until(async () => (await arrived()) === sent.length)
    const ended = once(last, 'exit')
    last.kill('SIGTERM')
    await ended
    expectEachOnce(await broker.takeAll(to), sent)
    expect(await broker.count(from)).toBe(0)
  })
})

describe.skipIf(service === null)('what RabbitMQ does for a flow', () => {
  it('delivers too often to a dead-letter queue, and gives rejected messages there as they were', async () => {
    const dead = broker.name('dead')
    const topology: Topology = {
      queues: { [from]: { deliveryLimit: 3, deadLetter: { routingKey: dead } }, [dead]: {} },
    }
    await broker.declare(topology)
    const bad = Buffer.from([0xff, 0x00, 0x7b])
    await broker.write([
      { queue: from, body: bad, messageId: 'bad', headers: { region: 'eu' } },
      { queue: from, body: JSON.stringify({ key: 'k', n: 1 }), messageId: 'good' },
    ])
    const seen: number[] = []
    const shop = rabbitmq('shop', topology)
    const read = flow('read')
      .from(shop.consume<Item>({ queue: from, unreadable: 'reject' }))
      .map('seen', ({ n }: Item) => seen.push(n))
    const engine = await running([read])
    await until(async () => seen.length === 1 && (await broker.takeAll(dead)).length === 1)
    await engine.stop()
    const [letter] = await broker.takeAll(dead)
    expect(letter?.content).toEqual(bad)
    expect(letter?.properties).toMatchObject({
      messageId: 'bad',
      headers: { region: 'eu', 'x-first-death-reason': 'rejected' },
    })
  })

  it('counts deliveries of a quorum queue, and gives what was delivered too often to the dead letters', async () => {
    const dead = broker.name('dead')
    await broker.declare({
      queues: { [from]: { deliveryLimit: 2, deadLetter: { routingKey: dead } }, [dead]: {} },
    })
    await put(items(1))
    for (let nth = 0; nth < 3; nth++)
      await broker.using(async (channel) => {
        await until(
          async () =>
            (await channel.get(from, { noAck: false })) !== false ||
            (await channel.checkQueue(dead)).messageCount === 1,
        )
      })
    await until(async () => (await broker.takeAll(dead)).length === 1)
    expect((await broker.takeAll(dead))[0]?.properties.headers).toMatchObject({
      'x-first-death-reason': 'delivery_limit',
    })
  })

  it('sets what cannot be read aside by the flow, and goes on behind it', async () => {
    const dead = broker.name('dead')
    await broker.declare({ queues: { [from]: {}, [dead]: {} } })
    const bad = Buffer.from([0xff, 0x00, 0x7b])
    await broker.write([
      { queue: from, body: bad, messageId: 'bad', headers: { region: 'eu' } },
      { queue: from, body: '{"key":"k","n":1}', messageId: 'good' },
    ])
    const seen: unknown[] = []
    const shop = rabbitmq('shop')
    const aside = shop.deadLetters({ name: 'aside', routingKey: dead, guarantee: 'natural' })
    const read = flow('read')
      .from(shop.consume<Item>({ queue: from, unreadable: 'handIn' }))
      .choice('readable', (c) =>
        c
          .when('no', isUnreadable, (message) => message.to('set aside', aside).stop('is aside'))
          .otherwise((item) => item.map('seen', ({ n }) => seen.push(n))),
      )
    const engine = await running([read])
    await until(async () => seen.length === 1 && (await broker.takeAll(dead)).length === 1)
    await engine.stop()
    const [letter] = await broker.takeAll(dead)
    expect(letter?.content).toEqual(bad)
    expect(letter?.properties.headers).toMatchObject({
      region: 'eu',
      'linkspan-dead-reason': 'it is no text in UTF-8',
      'linkspan-dead-queue': from,
    })
  })

  it('holds messages back by a queue of its own, and gives them on', async () => {
    await broker.declare({ queues: { [from]: {}, [to]: {} } })
    const shop = rabbitmq('shop')
    const later = shop.publish({ name: 'later', routingKey: to, delay: '2s', guarantee: 'natural' })
    const engine = await running([
      flow('later')
        .from(shop.consume<Item>({ queue: from }))
        .to('later', later),
    ])
    await put(items(3))
    await until(async () => (await arrived()) === 3)
    await engine.stop()
    const [letter] = await broker.takeAll(to)
    expect(letter?.fields.routingKey).toBe(to)
    expect(letter?.properties.headers?.['x-first-death-reason']).toBe('expired')
    await broker.using(async (channel) => {
      await channel.deleteQueue('linkspan.delay.2000')
      await channel.deleteExchange('linkspan.delay.2000')
    })
  })

  it('divides messages by key among queues with one consumer each, and two engines keep the order of each key', async () => {
    const [exchange, a, b] = ['hash', 'part', 'part'].map(broker.name) as [string, string, string]
    const part = { bind: [{ exchange, routingKey: '1' }], singleActiveConsumer: true }
    const topology: Topology = {
      exchanges: { [exchange]: { type: 'x-consistent-hash', hashHeader: 'key' } },
      queues: { [a]: part, [b]: part },
    }
    await broker.declare(topology)
    const got: Item[] = []
    const reading = () =>
      flow('read')
        .from(rabbitmq('shop', topology).consume<Item>({ queue: [a, b], order: { header: 'key' } }))
        .map('seen', (item: Item) => got.push(item))
    const engines = [await running([reading()]), await running([reading()])]
    const sent = items(300)
    await broker.using(async (channel) => {
      for (const item of sent)
        channel.publish(
          exchange,
          '',
          Buffer.from(JSON.stringify(item)),
          { headers: { key: item.key }, messageId: `item-${item.n}`, deliveryMode: 2 },
          () => undefined,
        )
      await channel.waitForConfirms()
    })
    await until(() => got.length >= sent.length)
    for (const engine of engines) await engine.stop()
    expect(got.map(({ n }) => n).toSorted((x, y) => x - y)).toEqual(sent.map(({ n }) => n))
    for (const [key, each] of Map.groupBy(got, (item) => item.key))
      expect(each.map(({ n }) => n)).toEqual(sent.filter((item) => item.key === key).map(({ n }) => n))
  })
})

describe.skipIf(service === null)('what the real broker says when something is wrong', () => {
  const library = async () => (await import('amqplib')) as unknown as AmqpPackage
  const failing = async (
    options: object,
    run: (client: ReturnType<typeof connected>) => Promise<unknown>,
  ) => {
    const client = connected(await library(), { url, ...options } as Parameters<typeof connected>[1])
    try {
      await run(client)
      return null
    } catch (error) {
      return error
    } finally {
      await client.close()
    }
  }
  const publish = (options: object) =>
    rabbitmq('shop').publish({
      name: 'publish',
      routingKey: 'no-such-queue',
      guarantee: 'natural',
      ...options,
    })

  it.each([
    [
      'a wrong password',
      { password: 'wrong' },
      'CALL_UNAUTHENTICATED',
      /Login was refused.*Check user and password/,
    ],
    [
      'a virtual host that is not there',
      { url: `${url}/nowhere` },
      'CALL_UNAUTHENTICATED',
      /virtual host does not exist/,
    ],
    [
      'a host that is not there',
      { url: 'amqp://no-such-host.invalid' },
      'CALL_FAILED',
      /ENOTFOUND|EAI_AGAIN/,
    ],
    ['a port without TLS', { url: url.replace('amqp:', 'amqps:') }, 'CALL_FAILED', /TLS/],
    [
      'a queue with other settings',
      { topology: { queues: { 'other-settings': { type: 'classic' } } } },
      'CALL_FAILED',
      /declaring the queue "other-settings".*PRECONDITION.*other settings/,
    ],
  ])('%s', async (_what, options, code, message) => {
    await broker.declare({ queues: { 'other-settings': {} } })
    const error = await failing(options, (client) => publish({}).run(client, {}, call()))
    expect(error).toMatchObject({
      code,
      retry: 'later',
      applied: 'no',
      message: expect.stringMatching(message),
    })
  })

  it.each([
    ['a message that no queue takes', {}, /no queue for the routing key "no-such-queue" \(NO_ROUTE\)/],
    ['an exchange that is not there', { exchange: 'no-such-exchange' }, /404.*Create it/],
  ])('%s', async (_what, options, message) => {
    const error = await failing({}, (client) => publish(options).run(client, {}, call()))
    expect(error).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
      message: expect.stringMatching(message),
    })
  })

  it('a queue that is full', async () => {
    const full = broker.name('full')
    await broker.declare({ queues: { [full]: { type: 'classic', maxLength: 1 } } })
    const operation = publish({ routingKey: full })
    const error = await failing({}, async (client) => {
      for (let nth = 0; nth < 5; nth++) await operation.run(client, {}, call({ mark: `m-${nth}` }))
    })
    expect(error).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'unknown',
      message: expect.stringMatching(/reject-publish/),
    })
  })

  it('a queue that is deleted under its consumer, and comes back', async () => {
    await broker.declare({ queues: { [from]: {} } })
    const shop = rabbitmq('shop')
    const seen: number[] = []
    const read = flow('read')
      .from(shop.consume<Item>({ queue: from }))
      .map('seen', ({ n }: Item) => seen.push(n))
    const engine = await running([read])
    await put(items(1))
    await until(() => seen.length === 1)
    await broker.deleteQueue(from)
    const source = async () => (await engine.admin.flows())[0]?.source
    await until(async () => (await source())?.state === 'failing')
    expect((await source())?.error?.message).toMatch(/cancelled the consumer|no queue/)
    await broker.declare({ queues: { [from]: {} } })
    await put(items(1, 1))
    await until(() => seen.length === 2)
    await engine.stop()
  })
})
