import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { environment } from '../fixtures/call.ts'
import { avro } from './avro.ts'
import { readConfig } from './fixtures/connect.ts'
import { type FakeRegistry, fakeRegistry } from './fixtures/fake-registry.ts'
import type { KafkaFormat } from './format.ts'
import { jsonSchema } from './json-schema.ts'
import { protobuf } from './protobuf.ts'
import { createSchemas, type Schemas } from './schemas.ts'
import { writeWire } from './wire-format.ts'

let registry: FakeRegistry
let schemas: Schemas

const schemasOf = (given: object = {}): Schemas =>
  createSchemas(readConfig({ registry: { url: registry.url, ...given } }).registry, environment())

beforeEach(async () => {
  registry = await fakeRegistry()
  schemas = schemasOf()
})
afterEach(() => registry.close())

const place = () => ({ topic: 'orders', part: 'value' as const, schemas })
const write = async (format: KafkaFormat, value: unknown) => Buffer.from(await format.encode(value, place()))
const read = async (format: KafkaFormat, bytes: Buffer) => format.decode(bytes, place())

const ORDER = JSON.stringify({
  type: 'record',
  name: 'Order',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'cents', type: 'long' },
    { name: 'note', type: ['null', 'string'], default: null },
    { name: 'print', type: 'bytes' },
    { name: 'hash', type: { type: 'fixed', name: 'Hash', size: 2 } },
    { name: 'tags', type: { type: 'map', values: { type: 'array', items: 'bytes' } } },
  ],
})
const order = { id: 'ö1', cents: 12, note: 'x', print: 'AP8=', hash: 'AQI=', tags: { a: ['AA=='] } }

describe('avro', () => {
  it('writes by the latest schema of the subject, and reads by the number in the record', async () => {
    const id = registry.add('orders-value', 'AVRO', ORDER)
    const bytes = await write(avro(), order)
    expect([...bytes.subarray(0, 5)]).toEqual([0, 0, 0, 0, id])
    expect(await read(avro(), bytes)).toEqual(order)
    expect(JSON.stringify(await read(avro(), bytes))).toBe(JSON.stringify(order))
  })

  it('keeps a long exact past 2^53, as text', async () => {
    registry.add('orders-value', 'AVRO', '"long"')
    for (const value of [0, -1, 2 ** 53 - 1, '9007199254740993', '-9223372036854775808'])
      expect(await read(avro(), await write(avro(), value))).toEqual(value)
    await expect(write(avro(), '9223372036854775808')).rejects.toMatchObject({
      code: 'CALL_REJECTED',
      applied: 'no',
    })
  })

  it('reads what was written by an older schema as a newer one has it', async () => {
    registry.add(
      'orders-value',
      'AVRO',
      JSON.stringify({ type: 'record', name: 'O', fields: [{ name: 'n', type: 'int' }] }),
    )
    const readAs = {
      type: 'record',
      name: 'O',
      fields: [
        { name: 'n', type: 'long' },
        { name: 'by', type: 'string', default: 'web' },
      ],
    }
    expect(await read(avro({ readAs }), await write(avro(), { n: 3 }))).toEqual({ n: 3, by: 'web' })
  })

  it('knows types of the schemas that one refers to', async () => {
    registry.add(
      'money',
      'AVRO',
      JSON.stringify({ type: 'record', name: 'Money', fields: [{ name: 'cents', type: 'int' }] }),
    )
    const schema = JSON.stringify({ type: 'record', name: 'Bill', fields: [{ name: 'sum', type: 'Money' }] })
    registry.add('orders-value', 'AVRO', schema, [{ name: 'Money', subject: 'money', version: 1 }])
    expect(await read(avro(), await write(avro(), { sum: { cents: 5 } }))).toEqual({ sum: { cents: 5 } })
  })

  it('refuses to write what the schema does not have', async () => {
    registry.add('orders-value', 'AVRO', ORDER)
    await expect(write(avro(), { id: 1 })).rejects.toMatchObject({
      code: 'CALL_REJECTED',
      retry: 'never',
      applied: 'no',
    })
  })
})

const PROTO = `syntax = "proto3";
package shop;
import "google/protobuf/timestamp.proto";
import "money.proto";
message Line { string article = 1; }
message Order {
  enum Kind { NEW = 0; OLD = 1; }
  message Note { string text = 1; }
  string id = 1;
  int64 cents = 2;
  bytes print = 3;
  Kind kind = 4;
  repeated Line lines = 5;
  google.protobuf.Timestamp at = 6;
  Money sum = 7;
}`
const MONEY = 'syntax = "proto3"; package shop; message Money { int32 cents = 1; }'

describe('protobuf', () => {
  beforeEach(() => {
    registry.add('money', 'PROTOBUF', MONEY)
    registry.add('orders-value', 'PROTOBUF', PROTO, [{ name: 'money.proto', subject: 'money', version: 1 }])
  })

  it('writes and reads the message that is named, as JSON has it', async () => {
    const value = {
      id: 'ö1',
      cents: '9007199254740993',
      print: 'AP8=',
      kind: 'OLD',
      lines: [{ article: 'a' }],
      at: { seconds: '1', nanos: 2 },
      sum: { cents: 7 },
    }
    const bytes = await write(protobuf({ message: 'Order' }), value)
    expect([...bytes.subarray(5, 7)]).toEqual([2, 2])
    expect(await read(protobuf(), bytes)).toEqual(value)
  })

  it('writes the first message where none is named, and one that lies in another', async () => {
    expect([...(await write(protobuf(), { article: 'a' })).subarray(5)]).toEqual([0, 10, 1, 97])
    const nested = await write(protobuf({ message: 'Order.Note' }), { text: 'x' })
    expect([...nested.subarray(5, 8)]).toEqual([4, 2, 0])
    expect(await read(protobuf(), nested)).toEqual({ text: 'x' })
  })

  it('refuses a message that the schema does not have, and a value that does not fit', async () => {
    await expect(write(protobuf({ message: 'Bill' }), {})).rejects.toThrow(
      /no message "Bill"; it has Line, Order/,
    )
    const wrong = [{ lines: 7 }, { lines: [{ articel: 'a' }] }, 'order'].map((value) =>
      write(protobuf({ message: 'Order' }), value),
    )
    for (const each of wrong)
      await expect(each).rejects.toMatchObject({ code: 'CALL_REJECTED', retry: 'never' })
    await expect(wrong[1]).rejects.toThrow(/Order\.lines has no field "articel"/)
  })
})

const RULES = (draft: string) =>
  JSON.stringify({ $schema: draft, type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] })

describe('jsonSchema', () => {
  it.each([
    'http://json-schema.org/draft-07/schema#',
    'https://json-schema.org/draft/2019-09/schema',
    'https://json-schema.org/draft/2020-12/schema',
  ])('checks what is written and read by %s', async (draft) => {
    const id = registry.add('orders-value', 'JSON', RULES(draft))
    const bytes = await write(jsonSchema(), { n: 1 })
    expect(bytes.subarray(5).toString()).toBe('{"n":1}')
    expect(await read(jsonSchema(), bytes)).toEqual({ n: 1 })
    await expect(write(jsonSchema(), { n: 'x' })).rejects.toThrow(/\/n must be integer/)
    const wrong = writeWire(id, Buffer.from('{"n":"x"}'))
    await expect(read(jsonSchema(), wrong)).rejects.toThrow(/does not fit schema 100: \/n must be integer/)
    expect(await read(jsonSchema({ validate: false }), wrong)).toEqual({ n: 'x' })
  })
})

describe('a format of registered schemas', () => {
  it('asks for each schema once, and once more after a failure', async () => {
    const id = registry.add('orders-value', 'AVRO', '"string"')
    const bytes = writeWire(id, Buffer.from([2, 120]))
    registry.answer(500, '{"message":"starting"}')
    const format = avro()
    await expect(read(format, bytes)).rejects.toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      applied: 'no',
    })
    expect(await Promise.all([read(format, bytes), read(format, bytes)])).toEqual(['x', 'x'])
    expect(await read(format, bytes)).toBe('x')
    expect(registry.asked).toEqual([`GET /schemas/ids/${id}`, `GET /schemas/ids/${id}`])
  })

  it('adds a schema to the subject where it is told to, and else wants it there', async () => {
    const own = { schema: { type: 'string' }, subject: 'greetings' }
    await expect(write(avro(own), 'x')).rejects.toThrow(
      /schema to write "greetings" by is not in the registry/,
    )
    const bytes = await write(avro({ ...own, register: true }), 'x')
    expect(await read(avro(), bytes)).toBe('x')
    expect(await write(avro(own), 'x')).toEqual(bytes)
  })

  it.each([
    [Buffer.from('x'), /does not begin with the number of a schema/],
    [writeWire(7, Buffer.from('x')), /does not have it: Schema not found/],
    [writeWire(100, Buffer.from([200])), /does not fit schema 100/],
    [writeWire(101, Buffer.from('x')), /schema 101 is of the type JSON, and the format reads AVRO/],
    [writeWire(102, Buffer.from('x')), /its schema cannot be used/],
  ])('will never read %j', async (bytes, problem) => {
    registry.add('a', 'AVRO', '"string"')
    registry.add('b', 'JSON', '{}')
    registry.add('c', 'AVRO', '"nonsense"')
    const failure = await (async () => read(avro(), bytes))().catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'Undecodable', message: expect.stringMatching(problem) })
  })

  it('says what to do about a registry that refuses, is not there, is no registry, or is not bound', async () => {
    const bytes = writeWire(1, Buffer.from('x'))
    const failure = () =>
      read(avro(), bytes).then(
        () => null,
        (error: Error) => error,
      )
    registry.answer(401, '{"message":"who are you"}')
    expect(await failure()).toMatchObject({
      code: 'CALL_UNAUTHENTICATED',
      retry: 'later',
      message: expect.stringMatching(/answered 401: who are you\. Check user, password or token/),
    })
    registry.answer(403, '')
    expect(await failure()).toMatchObject({ code: 'CALL_UNAUTHENTICATED', retry: 'never' })
    registry.answer(200, '<html>')
    expect(await failure()).toMatchObject({ code: 'CALL_REPLY_INVALID', retry: 'later' })
    await registry.close()
    expect(await failure()).toMatchObject({
      code: 'CALL_FAILED',
      retry: 'later',
      message: expect.stringMatching(/was not reached/),
    })
    schemas = createSchemas(undefined, environment())
    expect(await failure()).toMatchObject({ code: 'CONFIG_INVALID', retry: 'never' })
  })

  it('says who asks, and shows no password', async () => {
    registry.add('orders-value', 'AVRO', '"string"')
    schemas = schemasOf({ user: 'ada', password: 'secret-1' })
    await write(avro(), 'x')
    schemas = schemasOf({ token: 'secret-2' })
    await write(avro(), 'x')
    expect(registry.authorizations).toEqual([
      `Basic ${Buffer.from('ada:secret-1').toString('base64')}`,
      'Bearer secret-2',
    ])
    registry.answer(401, '{}')
    const error = await read(avro(), writeWire(9, Buffer.from('x'))).catch((thrown: Error) => thrown)
    expect(JSON.stringify([error, (error as Error).message])).not.toContain('secret')
  })
})
