import { describe, expect, it } from 'vitest'
import type { KafkaRecord } from './kafka-package.ts'
import { createPlaces } from './places.ts'

const record = (partition: number, offset: number, topic = 'orders'): KafkaRecord =>
  ({ topic, partition, offset: BigInt(offset), leaderEpoch: 3 }) as KafkaRecord

const offsets = (records: readonly KafkaRecord[]) =>
  records.map(({ partition, offset }) => [partition, Number(offset)])

describe('the places of a member', () => {
  it('let each record through once, however often it is delivered', () => {
    const places = createPlaces()
    places.hold([{ topic: 'orders', partitions: [0, 1] }])
    const first = [record(0, 5), record(0, 6), record(1, 9), record(0, 5), record(0, 7)]
    expect(offsets(places.fresh(first))).toEqual([
      [0, 5],
      [0, 6],
      [1, 9],
      [0, 7],
    ])
    places.passed(places.fresh(first))
    expect(offsets(places.fresh([record(0, 6), record(0, 7), record(0, 8), record(1, 9)]))).toEqual([[0, 8]])
  })

  it('let a record through again that was looked at and not handed in', () => {
    const places = createPlaces()
    places.hold([{ topic: 'orders', partitions: [0] }])
    places.fresh([record(0, 5)])
    expect(offsets(places.fresh([record(0, 5)]))).toEqual([[0, 5]])
  })

  it('let nothing through of partitions that are not held', () => {
    const places = createPlaces()
    places.hold([{ topic: 'orders', partitions: [0] }])
    expect(places.fresh([record(1, 0), record(0, 0, 'bills')])).toEqual([])
  })

  it('say which partitions are new, keep those that stay, and forget those that are lost', () => {
    const places = createPlaces()
    expect(places.hold([{ topic: 'orders', partitions: [0, 1] }])).toEqual([
      { topic: 'orders', partition: 0 },
      { topic: 'orders', partition: 1 },
    ])
    places.passed([record(0, 7), record(1, 7)])
    expect(places.hold([{ topic: 'orders', partitions: [0, 2] }])).toEqual([
      { topic: 'orders', partition: 2 },
    ])
    expect(places.hold([{ topic: 'orders', partitions: [0, 1] }])).toEqual([
      { topic: 'orders', partition: 1 },
    ])
    expect(offsets(places.fresh([record(0, 7), record(1, 3)]))).toEqual([[1, 3]])
  })

  it('are committed behind the last record, and not for what was lost meanwhile', () => {
    const places = createPlaces()
    places.hold([{ topic: 'orders', partitions: [0, 1] }])
    const records = places.fresh([record(0, 5), record(0, 6), record(1, 9)])
    places.hold([{ topic: 'orders', partitions: [0] }])
    expect(places.passed(records)).toEqual([{ topic: 'orders', partition: 0, offset: 7n, leaderEpoch: 3 }])
  })
})
