import { describe, expect, it } from 'vitest'
import type { CallContext, CallOutcome, Operation } from '../connector.ts'
import { call } from '../fixtures/call.ts'
import { answered, connected, failing } from './fixtures/connect.ts'
import { fakeKafka } from './fixtures/fake-kafka.ts'
import { json } from './format.ts'
import { kafka } from './kafka.ts'
import type { Produced } from './produce.ts'

interface Order {
  readonly id: string
  readonly [field: string]: unknown
}

function setUp(config: object = {}) {
  const broker = fakeKafka()
  broker.createTopic('orders', 3)
  const client = connected(broker.library, config)
  const send = <In>(
    operation: Operation<In, Produced>,
    inputs: readonly In[],
    calls: readonly CallContext[] = [],
  ) =>
    operation.batch?.run(
      client,
      inputs.map((input, nth) => ({ input, call: calls[nth] ?? call({ mark: `mark-${nth}` }) })),
    ) as Promise<readonly CallOutcome<Produced>[]>
  return { broker, client, send }
}

const events = () => kafka('events')
const plain = (topic = 'orders') =>
  events().produce<Order, 'none'>({ name: 'p', topic, partition: 0, guarantee: 'none' })
const textOf = (bytes: Buffer | null | undefined) => bytes?.toString()

describe('produce', () => {
  it('writes the records of many calls with one request, and answers where each lies', async () => {
    const { broker, send } = setUp()
    const produce = events().produce<Order, 'none'>({
      name: 'p',
      topic: 'orders',
      key: ({ id }) => id,
      headers: () => ({ Kind: 'new', 'linkspan-mark': 'not this one' }),
      guarantee: 'none',
    })
    const outcomes = await send(produce, [{ id: 'a' }, { id: 'b' }, { id: 'a', n: 2 }])
    expect(outcomes.map((each) => ('result' in each ? each.result : each.error))).toEqual([
      { topic: 'orders', partition: 1, offset: 0 },
      { topic: 'orders', partition: 2, offset: 0 },
      { topic: 'orders', partition: 1, offset: 1 },
    ])
    expect(broker.sent.map((each) => each.length)).toEqual([3])
    const [first] = broker.records('orders')
    expect([textOf(first?.key), textOf(first?.value)]).toEqual(['a', '{"id":"a"}'])
    expect([...(first?.headers ?? [])].map(([name, value]) => [textOf(name), textOf(value)])).toEqual([
      ['Kind', 'new'],
      ['linkspan-mark', 'mark-0'],
      ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
    ])
  })

  it('asks for all replicas, as an idempotent producer that tries for its time limit', async () => {
    const { broker, send } = setUp({ deliveryTimeout: '20s' })
    await send(plain(), [{ id: 'a' }])
    expect(broker.clients[0]?.options).toMatchObject({
      idempotent: true,
      acks: -1,
      retries: 40,
      requestTimeout: 20_000,
    })
  })

  it('writes null as a tombstone', async () => {
    const { broker, send } = setUp()
    const forget = events().produce<Order, 'natural'>({
      name: 'forget',
      topic: 'orders',
      key: ({ id }) => id,
      value: () => null,
      guarantee: 'natural',
    })
    await send(forget, [{ id: 'a' }])
    expect(broker.records('orders')[0]).toMatchObject({ key: Buffer.from('a'), value: undefined })
  })

  it('sends records without a key to one partition per request, and to all in turn', async () => {
    const { broker, send } = setUp()
    const produce = events().produce<Order, 'none'>({ name: 'p', topic: 'orders', guarantee: 'none' })
    for (let nth = 0; nth < 4; nth++) await send(produce, [{ id: 'a' }, { id: 'b' }])
    expect(broker.sent.map((each) => each.map(({ partition }) => partition))).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [0, 0],
    ])
  })

  it('refuses a partition that the topic does not have, and lets the others go', async () => {
    const { broker, send } = setUp()
    const produce = events().produce<Order & { at: number }, 'none'>({
      name: 'p',
      topic: 'orders',
      partition: ({ at }) => at,
      guarantee: 'none',
    })
    const outcomes = await send(produce, [
      { id: 'a', at: 7 },
      { id: 'b', at: 2 },
    ])
    expect(outcomes[0]).toMatchObject({ error: { code: 'CALL_REJECTED', retry: 'never', applied: 'no' } })
    expect(outcomes[1]).toMatchObject({ result: { partition: 2 } })
    expect(broker.records('orders')).toHaveLength(1)
  })

  it('fails only the calls of a topic that does not exist', async () => {
    const { send } = setUp()
    const produce = events().produce<Order & { to: string }, 'none'>({
      name: 'p',
      topic: ({ to }) => to,
      guarantee: 'none',
    })
    const outcomes = await send(produce, [
      { id: 'a', to: 'bills' },
      { id: 'b', to: 'orders' },
    ])
    expect(outcomes[0]).toMatchObject({ error: { code: 'CALL_FAILED', retry: 'later', applied: 'no' } })
    expect((outcomes[0] as { error: Error }).error.message).toMatch(
      /"bills" .*Unknown topic bills\. Create the topic/,
    )
    expect(outcomes[1]).toMatchObject({ result: { topic: 'orders' } })
  })

  it('fails only the call whose record cannot be made', async () => {
    const { broker, send } = setUp()
    const produce = events().produce<Order, 'none'>({
      name: 'p',
      topic: 'orders',
      value: (order) => (order.id === 'bad' ? () => 1 : order),
      format: json(),
      guarantee: 'none',
    })
    const outcomes = await send(produce, [{ id: 'bad' }, { id: 'good' }])
    expect(outcomes[0]).toMatchObject({ error: { code: 'CALL_REJECTED', retry: 'never', applied: 'no' } })
    expect(outcomes[1]).toMatchObject({ result: { topic: 'orders' } })
    expect(broker.records('orders')).toHaveLength(1)
  })

  it('leaves it open whether a record was written when the connection closed under the request', async () => {
    const { broker, send } = setUp()
    broker.fail('send', failing('Connection closed'), { after: true })
    expect(await send(plain(), [{ id: 'a' }, { id: 'b' }])).toMatchObject([
      { error: { applied: 'unknown', retry: 'later' } },
      { error: { applied: 'unknown', retry: 'later' } },
    ])
  })

  it('knows of a request that failed in part which partitions were written', async () => {
    const { broker, send } = setUp()
    const part = (index: number, errorCode: number, baseOffset: bigint) => ({ index, errorCode, baseOffset })
    const response = {
      responses: [{ name: 'orders', partitionResponses: [part(0, 0, 41n), part(1, 10, -1n)] }],
    }
    const error = answered('MESSAGE_TOO_LARGE', '/responses/0/partition_responses/1', response)
    const produced = { offsets: [{ topic: 'orders', partition: 2, offset: 7n }] }
    broker.fail(
      'send',
      Object.assign(new AggregateError([error], 'Producing messages failed.'), { produced }),
    )
    // It is tried alone, as it might have been too large only together with others.
    broker.fail('send', error)
    const produce = events().produce<Order & { at: number }, 'none'>({
      name: 'p',
      topic: 'orders',
      partition: ({ at }) => at,
      guarantee: 'none',
    })
    const outcomes = await send(
      produce,
      [0, 1, 0, 2].map((at) => ({ id: 'a', at })),
    )
    expect(outcomes).toMatchObject([
      { result: { partition: 0, offset: 41 } },
      { error: { code: 'CALL_REJECTED', applied: 'no', retry: 'never' } },
      { result: { partition: 0, offset: 42 } },
      { result: { partition: 2, offset: 7 } },
    ])
  })

  it('sends records again in halves that are too large together for their topic', async () => {
    const { broker, send } = setUp()
    broker.limitRequests(2)
    const ids = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const outcomes = await send(
      plain(),
      ids.map((id) => ({ id })),
    )
    expect(outcomes.map((each) => ('result' in each ? each.result.offset : each.error))).toEqual([
      0, 1, 2, 3, 4, 5, 6,
    ])
    expect(broker.records('orders').map(({ value }) => JSON.parse(String(value)).id)).toEqual(ids)
  })

  it('splits what is too much for one request of a partition', async () => {
    const { broker, send } = setUp({ batchBytes: 1_000 })
    const body = 'x'.repeat(250)
    await send(
      plain(),
      Array.from({ length: 5 }, (_, nth) => ({ id: `${nth}`, body })),
    )
    expect(broker.sent.map((each) => each.length)).toEqual([2, 2, 1])
    expect(broker.records('orders').map(({ value }) => JSON.parse(String(value)).id)).toEqual([
      '0',
      '1',
      '2',
      '3',
      '4',
    ])
  })

  it('holds back a call that may not leave any more', async () => {
    const { broker, send } = setUp()
    const outcomes = await send(plain(), [{ id: 'a' }, { id: 'b' }], [call({ maySend: () => false })])
    expect(outcomes[0]).toMatchObject({ error: { applied: 'no', retry: 'later' } })
    expect(broker.records('orders').map(({ value }) => String(value))).toEqual(['{"id":"b"}'])
  })

  it('makes one request at a time, for all operations of a connection', async () => {
    const { broker, send } = setUp()
    broker.fail('send', failing('Connection closed'))
    const both = await Promise.all([send(plain(), [{ id: 'a' }]), send(plain(), [{ id: 'b' }])])
    expect(both).toMatchObject([[{ error: { applied: 'unknown' } }], [{ result: { offset: 0 } }]])
    expect(broker.mostAtOnce).toBe(1)
  })
})

describe('verify', () => {
  const verified = () =>
    events().produce<Order, 'verify'>({
      name: 'p',
      topic: 'orders',
      key: ({ id }) => id,
      guarantee: 'verify',
    })

  it('finds the record of a call by its mark, behind others', async () => {
    const { broker, client, send } = setUp()
    const produce = verified()
    for (let nth = 0; nth < 9; nth++)
      broker.write({ topic: 'orders', partition: 1, value: '{}', timestamp: 1_000_000 })
    await send(produce, [{ id: 'a' }], [call({ mark: 'mine' })])
    const asked = call({ mark: 'mine', firstMadeAt: 0 })
    expect(await produce.verify?.(client, { id: 'a' }, asked)).toEqual({
      state: 'done',
      result: { topic: 'orders', partition: 1, offset: 9 },
    })
  })

  it('says that a record is absent once it has read to the end', async () => {
    const { broker, client } = setUp()
    broker.write({ topic: 'orders', partition: 1, value: '{}', headers: { 'linkspan-mark': 'other' } })
    const asked = call({ mark: 'mine', firstMadeAt: 0 })
    expect(await verified().verify?.(client, { id: 'a' }, asked)).toEqual({ state: 'absent' })
  })

  it('looks no further back than the first attempt, and a minute', async () => {
    const { broker, client } = setUp()
    broker.write({
      topic: 'orders',
      partition: 1,
      value: '{}',
      timestamp: 1_000,
      headers: { 'linkspan-mark': 'mine' },
    })
    const asked = (firstMadeAt: number) =>
      verified().verify?.(client, { id: 'a' }, call({ mark: 'mine', firstMadeAt }))
    expect(await asked(61_000)).toMatchObject({ state: 'done' })
    expect(await asked(61_001)).toEqual({ state: 'absent' })
  })

  it('cannot say when it is not known since when, when nothing is answered, or when there is no time left', async () => {
    const { broker, client } = setUp()
    const produce = verified()
    expect(await produce.verify?.(client, { id: 'a' }, call({ firstMadeAt: null }))).toEqual({
      state: 'unknown',
    })
    broker.write({ topic: 'orders', partition: 1, value: '{}' })
    const over = call({ firstMadeAt: 0, signal: AbortSignal.abort() })
    expect(await produce.verify?.(client, { id: 'a' }, over)).toEqual({ state: 'unknown' })
    broker.fail('fetch', failing('Connection closed'))
    const lost = produce.verify?.(client, { id: 'a' }, call({ firstMadeAt: 0 }))
    await expect(lost).rejects.toMatchObject({ applied: 'no', retry: 'later' })
  })
})

describe('deadLetters', () => {
  it('writes a record as it was, and says where it came from', async () => {
    const { broker, send } = setUp()
    broker.createTopic('orders.dead')
    const aside = events().deadLetters({ name: 'aside', topic: 'orders.dead', guarantee: 'natural' })
    await send(aside, [
      {
        unreadableRecord: 'it is no JSON',
        topic: 'orders',
        partition: 2,
        offset: 17,
        timestamp: 99,
        key: Buffer.from([0xff]).toString('base64'),
        value: Buffer.from([0xfe, 0]).toString('base64'),
        headers: [{ name: 'kind', value: Buffer.from('new').toString('base64') }],
      },
    ])
    const [record] = broker.records('orders.dead')
    expect([record?.key, record?.value]).toEqual([Buffer.from([0xff]), Buffer.from([0xfe, 0])])
    expect(
      Object.fromEntries([...(record?.headers ?? [])].map(([n, v]) => [textOf(n), textOf(v ?? null)])),
    ).toEqual({
      kind: 'new',
      'linkspan-dead-reason': 'it is no JSON',
      'linkspan-dead-topic': 'orders',
      'linkspan-dead-partition': '2',
      'linkspan-dead-offset': '17',
      'linkspan-dead-timestamp': '99',
      'linkspan-mark': 'mark-0',
    })
  })
})
