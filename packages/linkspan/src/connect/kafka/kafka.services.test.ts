import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, defineProject, type Engine, type Flow, flow, sqlite } from '../../index.ts'
import { addressOf, type ReadRecord, type RealKafka, realKafka, services } from './fixtures/real-kafka.ts'
import {
  avro,
  type Compression,
  isUnreadable,
  jsonSchema,
  type KafkaFormat,
  kafka,
  protobuf,
} from './index.ts'

const brokers = addressOf('LINKSPAN_TEST_KAFKA_URL')
const registry = { url: process.env['LINKSPAN_TEST_REGISTRY_URL'] ?? '' }

interface Item {
  readonly key: string
  readonly n: number
}

let broker: RealKafka
let folder: string
let [from, to, group] = ['', '', '']

beforeAll(() => {
  broker = realKafka(brokers)
  folder = mkdtempSync(join(tmpdir(), 'linkspan-kafka-'))
})
afterAll(async () => {
  await broker.close()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  ;[from, to, group] = [broker.name('in'), broker.name('out'), broker.name('readers')]
  await broker.createTopic(from, 4)
  await broker.createTopic(to, 4)
})

const items = (count: number, first = 0): readonly Item[] =>
  Array.from({ length: count }, (_, nth) => ({ key: `key-${(first + nth) % 10}`, n: first + nth }))

const put = (all: readonly Item[]) =>
  broker.write(all.map((item) => ({ topic: from, key: item.key, value: JSON.stringify(item) })))

const itemOf = ({ value }: ReadRecord) => JSON.parse(value ?? 'null') as Item

/** Waits as long as the test may last: nothing is asserted of the time. */
async function until(isSo: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await isSo())) await pause(200)
}

async function running(flows: readonly Flow[], connection: object = {}): Promise<Engine> {
  const project = defineProject({
    journal: sqlite(join(folder, `${broker.name('hub')}.db`)),
    connections: { events: { brokers, ...connection } },
    flows,
  })
  const engine = createEngine(project)
  await engine.start()
  return engine
}

const copying = () => {
  const events = kafka('events')
  const write = events.produce({
    name: 'write',
    topic: to,
    key: ({ key }: Item) => key,
    guarantee: 'verify',
  })
  return flow('copy')
    .from(events.consume<Item>({ topic: from, group, from: 'earliest', sessionTimeout: '6s' }))
    .to('write', write)
}

/** Each item once, and those of a key in their order. */
function expectEachOnce(records: readonly ReadRecord[], sent: readonly Item[]): void {
  const found = records.map(itemOf)
  expect(found.map(({ n }) => n).toSorted((a, b) => a - b)).toEqual(sent.map(({ n }) => n))
  for (const [key, each] of Map.groupBy(found, (item) => item.key))
    expect(each.map(({ n }) => n)).toEqual(sent.filter((item) => item.key === key).map(({ n }) => n))
}

describe('from Kafka to Kafka, on real brokers', () => {
  it.each([
    ['killed and started again', () => services('kill', 'kafka'), () => services('up', 'kafka')],
    [
      'frozen for a while',
      () => services('freeze', 'kafka'),
      async () => {
        await pause(5_000)
        await services('thaw', 'kafka')
      },
    ],
  ])('each record comes once and in order while the broker is %s', async (_what, hurt, heal) => {
    const sent = items(3_000)
    await put(sent.slice(0, 2_000))
    const engine = await running([copying()])
    await until(async () => (await broker.readAll(to)).length > 0)
    await hurt()
    await heal()
    await put(sent.slice(2_000))
    await until(
      async () => new Set((await broker.readAll(to)).map((each) => itemOf(each).n)).size === sent.length,
    )
    await engine.stop()
    expectEachOnce(await broker.readAll(to), sent)
    expect((await broker.committed(group, from)).reduce((sum, each) => sum + each, 0)).toBe(sent.length)
  })

  it.each(['journal', 'source'])(
    'each record comes once and in order though the engine is killed, twice, with the messages in the %s',
    async (durability) => {
      const sent = items(1_500)
      await put(sent)
      const settings = { brokers, from, to, group, durability, journal: join(folder, `${group}.db`) }
      const start = async (): Promise<ChildProcess> => {
        const program = new URL('./fixtures/copying-engine.ts', import.meta.url)
        const child = fork(program, {
          execArgv: ['--conditions=source'],
          env: { ...process.env, COPYING: JSON.stringify(settings) },
          stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        })
        await once(child, 'message')
        return child
      }
      const count = async () => new Set((await broker.readAll(to)).map((each) => itemOf(each).n)).size
      let seen = 0
      for (let life = 0; life < 2; life++) {
        const child = await start()
        await until(async () => (await count()) > seen)
        child.kill('SIGKILL')
        await once(child, 'exit')
        seen = await count()
      }
      const last = await start()
      await until(async () => (await count()) === sent.length)
      const ended = once(last, 'exit')
      last.kill('SIGTERM')
      await ended
      expectEachOnce(await broker.readAll(to), sent)
    },
  )

  it('members come and go, and nothing is lost; what comes again is what was not committed', async () => {
    const got = { a: [] as number[], b: [] as number[] }
    const reading = (name: 'a' | 'b') => {
      const events = kafka('events')
      return flow(`read-${name}`)
        .from(events.consume<Item>({ topic: from, group, from: 'earliest', sessionTimeout: '6s' }))
        .map('seen', ({ n }: Item) => got[name].push(n))
    }
    let sent = 0
    const putMore = async (count: number) => {
      await put(items(count, sent))
      sent += count
    }
    await putMore(1_000)
    const a = await running([reading('a')])
    await until(() => got.a.length > 0)
    const b = await running([reading('b')])
    while (got.b.length === 0) await putMore(50)
    await b.stop()
    await putMore(1_000)
    await until(() => new Set([...got.a, ...got.b]).size === sent)
    await a.stop()
    // Each of the two takes a record once; between them only what was under way when the group was divided comes again.
    expect(new Set(got.a).size).toBe(got.a.length)
    expect(new Set(got.b).size).toBe(got.b.length)
    expect(got.a.length + got.b.length - sent).toBeLessThan(1_000)
  })
})

describe('a source on real brokers', () => {
  const bodies = async (engine: Engine) =>
    (await engine.admin.messages({ states: ['done'] })).items.map(({ id }) => id).length

  it('reads a stretch again by its times, as another group', async () => {
    const at = 1_700_000_000_000
    await broker.write(
      items(20).map((item, nth) => ({
        topic: from,
        partition: nth % 4,
        key: item.key,
        value: JSON.stringify(item),
        timestamp: BigInt(at + nth * 1_000),
      })),
    )
    const seen: number[] = []
    const events = kafka('events')
    const stretch = { topic: from, group, from: { time: new Date(at + 5_000) }, until: at + 15_000 }
    const again = flow('again')
      .from(events.consume<Item>(stretch))
      .map('seen', ({ n }: Item) => seen.push(n))
    const engine = await running([again])
    await until(async () => (await broker.committed(group, from)).every((each) => each === 5))
    await engine.stop()
    expect(seen.toSorted((a, b) => a - b)).toEqual([5, 6, 7, 8, 9, 10, 11, 12, 13, 14])
  })

  it('begins at the end as it was at the first start', async () => {
    await put(items(10))
    const events = kafka('events')
    const read = flow('read').from(events.consume<Item>({ topic: from, group, sessionTimeout: '6s' }))
    const first = await running([read])
    await until(async () => (await broker.committed(group, from)).some((each) => each > 0))
    await first.stop()
    await put(items(5, 10))
    const second = await running([read])
    await until(async () => (await bodies(second)) === 5)
    await second.stop()
  })

  it('says what is wrong with a topic that does not exist', async () => {
    const events = kafka('events')
    const engine = await running([flow('read').from(events.consume({ topic: `${from}-not`, group }))])
    const source = async () => (await engine.admin.flows())[0]?.source
    await until(async () => (await source())?.state === 'failing')
    expect((await source())?.error).toMatchObject({
      code: 'CALL_FAILED',
      message: expect.stringMatching(/Unknown topic .*-not\. Create the topic, or correct its name\./),
    })
    await engine.stop()
  })
})

describe('produce on real brokers', () => {
  const writing = (options: { readonly compression?: Compression } = {}) => {
    const events = kafka('events')
    const write = events.produce({
      name: 'write',
      topic: to,
      key: ({ key }: Item) => key,
      value: (item: Item) => (item.n < 0 ? null : item),
      guarantee: 'natural',
      ...options,
    })
    return flow('write')
      .from(events.consume<Item>({ topic: from, group, from: 'earliest' }))
      .to('write', write)
  }

  it.each(['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)(
    'writes with the compression %s',
    async (compression) => {
      const sent = items(50)
      await put(sent)
      const engine = await running([writing({ compression })])
      await until(async () => (await broker.readAll(to)).length === sent.length)
      await engine.stop()
      expectEachOnce(await broker.readAll(to), sent)
    },
  )

  it('writes records that are too large only together', async () => {
    to = broker.name('small')
    await broker.createTopic(to, 1, { 'max.message.bytes': '3000' })
    const events = kafka('events')
    const write = events.produce({ name: 'write', topic: to, guarantee: 'natural' })
    const wide = flow('wide')
      .from(events.consume<Item>({ topic: from, group, from: 'earliest' }))
      .map('wider', (item) => ({ ...item, text: 'x'.repeat(1_000) }))
      .to('write', write)
    const sent = items(40)
    await put(sent)
    const engine = await running([wide])
    await until(async () => (await broker.readAll(to)).length >= sent.length)
    expect((await engine.admin.messages({ states: ['dead'] })).items).toEqual([])
    await engine.stop()
    expectEachOnce(await broker.readAll(to), sent)
  })

  it('writes tombstones, and refuses alone what is too large', async () => {
    to = broker.name('small')
    await broker.createTopic(to, 4, { 'max.message.bytes': '100000' })
    // Where no partition is stated, the client library takes half a minute for the long key.
    const three = [
      { key: 'a', n: -1 },
      { key: 'x'.repeat(200_000), n: 1 },
      { key: 'b', n: 2 },
    ]
    await broker.write(
      three.map((item) => ({ topic: from, partition: 0, key: item.key, value: JSON.stringify(item) })),
    )
    const engine = await running([writing()], { batchBytes: 100_000_000 })
    await until(async () => (await engine.admin.messages({ states: ['dead'] })).items.length === 1)
    await until(async () => (await broker.readAll(to)).length === 2)
    const [dead] = (await engine.admin.messages({ states: ['dead'] })).items
    expect(dead?.error).toMatchObject({ code: 'CALL_REJECTED', details: { kafka: 'MESSAGE_TOO_LARGE' } })
    await engine.stop()
    expect((await broker.readAll(to)).map(({ key, value }) => [key, value]).toSorted()).toEqual([
      ['a', null],
      ['b', '{"key":"b","n":2}'],
    ])
  })
})

describe('schemas of a real registry', () => {
  const AVRO = {
    type: 'record',
    name: 'Item',
    fields: [
      { name: 'key', type: 'string' },
      { name: 'n', type: 'long' },
    ],
  }
  const PROTO = 'syntax = "proto3"; package shop; message Item { string key = 1; int32 n = 2; }'
  const JSON_SCHEMA = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: { key: { type: 'string' }, n: { type: 'integer' } },
    required: ['key'],
  }

  it.each<readonly [string, KafkaFormat<never>, KafkaFormat]>([
    ['avro', avro({ schema: AVRO, register: true }), avro()],
    ['protobuf', protobuf({ schema: PROTO, register: true }), protobuf()],
    ['jsonSchema', jsonSchema({ schema: JSON_SCHEMA, register: true }), jsonSchema()],
  ])(
    '%s is written, and read by the number in the record; what has no schema is set aside',
    async (_name, write, read) => {
      const events = kafka('events')
      const out = events.produce({
        name: 'out',
        topic: to,
        key: ({ key }: Item) => key,
        format: write,
        guarantee: 'natural',
      })
      const seen: unknown[] = []
      const encode = flow('encode')
        .from(events.consume<Item>({ topic: from, group, from: 'earliest' }))
        .to('out', out)
      const decode = flow('decode')
        .from(
          events.consume<Item>({
            topic: to,
            group: `${group}-decode`,
            from: 'earliest',
            format: read,
            unreadable: 'handIn',
          }),
        )
        .map('seen', (body) => {
          seen.push(isUnreadable(body) ? body.value : body)
          return null
        })
      await put(items(3))
      await broker.write([{ topic: to, key: 'x', value: 'no schema' }])
      const engine = await running([encode, decode], { registry })
      await until(() => seen.length === 4)
      await engine.stop()
      const [aside, ...rest] = seen.toSorted((a, b) =>
        typeof b === typeof a ? (a as Item).n - (b as Item).n : typeof a === 'string' ? -1 : 1,
      )
      expect(aside).toBe(Buffer.from('no schema').toString('base64'))
      expect(rest).toEqual(items(3))
    },
  )
})
