import { request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Arrivals, arrivals } from '../../bench/load/arrivals.ts'
import { nextFrame } from '../../bench/load/framing.ts'
import { listenSink } from '../../bench/load/sink.ts'
import { type Order, transform } from '../../bench/workload/order.ts'
import { orderBody, readStamp, requestBuffer } from '../../bench/workload/request.ts'

describe('arrivals', () => {
  const sent = { first: 10, last: 14, notAccepted: [13, 14] }

  it('counts lost, doubled and unacknowledged messages by their number', () => {
    const counted = arrivals(10)
    counted.record(10, 0, 100, true)
    counted.record(11, 0, 200, true)
    counted.record(11, 0, 300, false)
    counted.record(13, 0, 400, true)
    const report = counted.report(sent)
    expect(report).toMatchObject({ delivered: 2, lost: 1, doubled: 1, unacknowledged: 1, withoutKey: 1 })
    expect(report).toMatchObject({ firstAt: 100, lastAt: 400 })
    expect(report.endToEnd.count).toBe(3)
  })

  it('does not count stragglers of an earlier load', () => {
    const counted = arrivals(10)
    counted.record(9, 0, 100, true)
    expect(counted.distinct()).toBe(0)
    expect(counted.report(sent)).toMatchObject({ delivered: 0, lost: 3 })
  })

  it('sees one lost and one doubled among very many', () => {
    const counted = arrivals(1)
    for (let sequence = 1; sequence <= 300_000; sequence++) {
      if (sequence !== 123_456) counted.record(sequence, 0, sequence, true)
    }
    counted.record(299_999, 0, 1, true)
    const report = counted.report({ first: 1, last: 300_000, notAccepted: [] })
    expect(report).toMatchObject({ delivered: 299_999, lost: 1, doubled: 1 })
  })
})

describe('request', () => {
  it('is 1,024 bytes of JSON whose stamp survives the transformation', () => {
    expect(Buffer.byteLength(orderBody)).toBe(1024)
    const buffer = requestBuffer('127.0.0.1:1', '/in')
    buffer.stamp(1_234_567, 98_765_432.6)
    const frame = nextFrame(buffer.bytes, 0)!
    const order = JSON.parse(buffer.bytes.toString('utf8', frame.bodyStart, frame.end)) as Order
    expect(order.id).toBe('m0001234567')
    const delivered = Buffer.from(JSON.stringify(transform(order)))
    expect(readStamp(delivered, 0)).toEqual({ sequence: 1_234_567, scheduledAt: 98_765_433 })
  })
})

describe('sink', () => {
  let counted: Arrivals
  let url: string
  let close: () => void

  const listen = async (requireKey: boolean): Promise<void> => {
    counted = arrivals(0)
    const { server, port } = await listenSink({ requireKey, arrivals: () => counted })
    url = `http://127.0.0.1:${port}`
    close = () => server.close()
  }

  const deliver = async (body: string, headers: Record<string, string>): Promise<number> => {
    const response = await request(`${url}/effects`, {
      method: 'POST',
      body,
      headers: { ...headers, connection: 'close' },
    })
    await response.body.dump()
    return response.statusCode
  }

  const body = (sequence: number): string =>
    JSON.stringify({ id: `m${String(sequence).padStart(10, '0')}`, at: 1_000_000_000_000_000 })

  beforeEach(() => listen(true))
  afterEach(() => close())

  it('sees what a participant lost and doubled', async () => {
    const deliveries = [1, 2, 2, 4].map((sequence) =>
      deliver(body(sequence), { 'idempotency-key': `k${sequence}` }),
    )
    expect(await Promise.all(deliveries)).toEqual([200, 200, 200, 200])
    expect(counted.report({ first: 1, last: 4, notAccepted: [] })).toMatchObject({
      delivered: 3,
      lost: 1,
      doubled: 1,
    })
  })

  it('refuses a delivery without a key where keys are required, and records none', async () => {
    expect(await deliver(body(1), {})).toBe(400)
    expect(counted.distinct()).toBe(0)
  })

  it('refuses a body that carries no stamp', async () => {
    expect(await deliver('{"hello":1}', { 'idempotency-key': 'k' })).toBe(422)
  })

  it('tells whether it has seen a message', async () => {
    await deliver(body(7), { 'idempotency-key': 'k7' })
    const asked = await Promise.all(
      ['m0000000007', 'm0000000008'].map((id) =>
        request(`${url}/seen/${id}`, { headers: { connection: 'close' } }),
      ),
    )
    expect(asked.map(({ statusCode }) => statusCode)).toEqual([200, 404])
    await Promise.all(asked.map((each) => each.body.dump()))
  })
})
