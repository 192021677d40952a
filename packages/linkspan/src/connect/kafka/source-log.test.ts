import { describe, expect, it } from 'vitest'
import type { Incoming, RunningSource, SourceContext } from '../connector.ts'
import { fakeEngine, keepingLogger, seededRandom, settle, virtualClock } from '../fixtures/world.ts'
import { connected } from './fixtures/connect.ts'
import { fakeKafka } from './fixtures/fake-kafka.ts'
import { type ConsumeOptions, kafka } from './kafka.ts'

const DURABLE = { 'min.insync.replicas': '2', 'unclean.leader.election.enable': 'false' }

function setUp(partitions = 1, settings: Readonly<Record<string, string>> = DURABLE) {
  const broker = fakeKafka()
  broker.createTopic('orders', partitions)
  broker.configure('orders', settings)
  const client = connected(broker.library)
  const clock = virtualClock('2026-11-01T12:00:00Z')
  const start = async (options: Partial<ConsumeOptions<unknown>> = {}) => {
    const engine = fakeEngine(clock, seededRandom(1), keepingLogger())
    const source = kafka('events').consume({
      topic: 'orders',
      group: 'billing',
      from: 'earliest',
      ...(options as { readonly unreadable: 'handIn' }),
    })
    const opened = engine.open(client)
    const context: SourceContext = { ...opened.context, durability: 'source' }
    const running = (await source.start?.(context)) as RunningSource
    const given = (offset: number): Incoming =>
      engine.accepted.find(({ headers }) => headers?.['kafka-offset'] === String(offset)) as Incoming
    return {
      engine,
      running,
      settle: (...offsets: readonly number[]) => {
        for (const offset of offsets) given(offset).delivery?.settled()
      },
      isOurs: (offset: number) => given(offset).delivery?.isOurs(),
      stop: () => {
        opened.end()
        return running.stop()
      },
    }
  }
  const write = (count: number, partition = 0) => {
    for (let nth = 0; nth < count; nth++) broker.write({ topic: 'orders', partition, value: `${nth}` })
  }
  const committed = () => broker.committed('billing').get('orders:0') ?? null
  return { broker, start, write, committed, turns: () => settle(40) }
}

describe('a Kafka source that is the record of its messages', () => {
  it('commits a place once all before it have ended, whatever order they end in', async () => {
    const { start, write, committed, turns } = setUp()
    write(5)
    const reading = await start()
    await turns()
    expect(reading.engine.accepted).toHaveLength(5)
    expect(committed()).toBeNull()
    reading.settle(1, 2)
    await turns()
    expect(committed()).toBeNull()
    reading.settle(0)
    await turns()
    expect(committed()).toBe(3n)
    reading.settle(4, 3)
    await turns()
    expect(committed()).toBe(5n)
    await reading.stop()
  })

  it('delivers again to the next reader what has not ended', async () => {
    const { start, write, turns } = setUp()
    write(4)
    const first = await start()
    await turns()
    first.settle(0, 2)
    await turns()
    await first.stop()
    expect(first.isOurs(1)).toBe(false)
    const second = await start()
    await turns()
    expect(second.engine.accepted.map(({ headers }) => headers?.['kafka-offset'])).toEqual(['1', '2', '3'])
    expect(new Set(second.engine.accepted.map(({ dedupeKey }) => dedupeKey)).size).toBe(3)
    await second.stop()
  })

  it('lets go of what a partition that it loses had, and commits nothing of it', async () => {
    const { broker, start, write, turns } = setUp(2)
    write(2, 0)
    write(2, 1)
    const first = await start()
    await turns()
    const of = (partition: string) =>
      first.engine.accepted.filter(({ headers }) => headers?.['kafka-partition'] === partition)
    expect(of('1').every(({ delivery }) => delivery?.isOurs())).toBe(true)
    const second = await start()
    await turns()
    expect(of('0').map(({ delivery }) => delivery?.isOurs())).toEqual([true, true])
    expect(of('1').map(({ delivery }) => delivery?.isOurs())).toEqual([false, false])
    for (const { delivery } of of('1')) delivery?.settled()
    await turns()
    expect(broker.committed('billing').get('orders:1') ?? null).toBeNull()
    expect(second.engine.accepted).toHaveLength(2)
    await first.stop()
    await second.stop()
  })

  it('passes what is not handed in, as records after `until`', async () => {
    const { broker, start, committed, turns } = setUp()
    const times = ['2026-11-01T10:00:00Z', '2026-11-01T12:00:00Z', '2026-11-01T10:30:00Z']
    for (const time of times) broker.write({ topic: 'orders', value: '1', timestamp: Date.parse(time) })
    const reading = await start({ until: '2026-11-01T11:00:00Z' })
    await turns()
    expect(reading.engine.accepted).toHaveLength(2)
    reading.settle(0)
    await turns()
    expect(committed()).toBe(2n)
    reading.settle(2)
    await turns()
    expect(committed()).toBe(3n)
    await reading.stop()
  })

  it('is refused by topics that may lose what was acknowledged, with the setting to change', async () => {
    const refused = async (settings: Readonly<Record<string, string>>, options = {}) =>
      setUp(1, settings)
        .start(options)
        .then(
          (reading) => reading.stop().then(() => 'started'),
          (error: Error) => error.message,
        )
    expect(await refused({ ...DURABLE, 'min.insync.replicas': '1' })).toMatch(
      /min\.insync\.replicas is 1\. Set it to 2 \(kafka-configs --alter --topic orders/,
    )
    expect(await refused({ ...DURABLE, 'min.insync.replicas': '1' }, { minInSync: 1 })).toBe('started')
    expect(await refused({ ...DURABLE, 'unclean.leader.election.enable': 'true' })).toMatch(
      /unclean\.leader\.election\.enable is true/,
    )
    expect(await refused(DURABLE)).toBe('started')
  })

  it('says of its declaration why it cannot be', () => {
    const log = (options: object) =>
      kafka('events').consume({ topic: 'orders', group: 'billing', ...options } as ConsumeOptions<unknown> & {
        unreadable: 'handIn'
      }).log?.unfit
    expect(log({})).toBeNull()
    expect(log({ dedupeBy: 'id' })).toMatch(/dedupeBy: "id"/)
    expect(log({ isolation: 'uncommitted' })).toMatch(/isolation/)
  })
})
