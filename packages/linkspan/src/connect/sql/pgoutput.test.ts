import { describe, expect, it } from 'vitest'
import { lsnText, readLsn } from './lsn.ts'
import { readFrame, readLogMessage, statusFrame } from './pgoutput.ts'

const int8 = (value: number): Buffer => Buffer.from([value])
const int16 = (value: number): Buffer => Buffer.from([value >> 8, value & 0xff])
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(value)
  return bytes
}
const char = (value: string): Buffer => Buffer.from(value, 'latin1')
const string = (value: string): Buffer => Buffer.concat([Buffer.from(value), int8(0)])
const text = (value: string): Buffer => {
  const bytes = Buffer.from(value)
  return Buffer.concat([char('t'), int32(bytes.length), bytes])
}
const tuple = (...values: readonly Buffer[]): Buffer => Buffer.concat([int16(values.length), ...values])
const read = (...parts: readonly Buffer[]) => readLogMessage(Buffer.concat(parts))

/** Written by hand from chapter "Logical Replication Message Formats" of PostgreSQL's manual. */
describe('the messages of pgoutput', () => {
  it('begin and commit, with places beyond 32 bits and times in microseconds', () => {
    const micros = BigInt(Date.UTC(2026, 1, 3, 4, 5, 6) - Date.UTC(2000, 0, 1)) * 1_000n + 789_012n
    expect(read(char('B'), int64(0x16_b374_d848n), int64(micros), int32(4_000_000_000))).toEqual({
      kind: 'begin',
      lsn: 0x16_b374_d848n,
      committedAt: '2026-02-03T04:05:06.789012Z',
      transaction: 4_000_000_000,
    })
    expect(read(char('C'), int8(0), int64(1n), int64(2n), int64(micros))).toEqual({
      kind: 'commit',
      lsn: 1n,
      end: 2n,
    })
  })

  it('tables, with what they are known by', () => {
    const columns = [
      Buffer.concat([int8(1), string('id'), int32(23), int32(0xffffffff)]),
      Buffer.concat([int8(0), string('naïve name'), int32(25), int32(0xffffffff)]),
    ]
    expect(
      read(char('R'), int32(16_385), string('sales'), string('orders'), char('d'), int16(2), ...columns),
    ).toEqual({
      kind: 'relation',
      relation: {
        id: 16_385,
        schema: 'sales',
        table: 'orders',
        columns: [
          { name: 'id', type: 23, identity: true },
          { name: 'naïve name', type: 25, identity: false },
        ],
      },
    })
  })

  it('inserts, updates with and without the row before, deletes, and truncates of several tables', () => {
    const row = tuple(text('1'), char('n'), char('u'), text('ünï 🙂'), text(''))
    const values = ['1', null, undefined, 'ünï 🙂', '']
    const relation = 7
    const at = int32(relation)
    expect(read(char('I'), at, char('N'), row)).toEqual({ kind: 'insert', relation, row: values })
    expect(read(char('U'), at, char('N'), row)).toEqual({ kind: 'update', relation, old: null, row: values })
    const old = tuple(text('0'))
    expect(read(char('U'), at, char('K'), old, char('N'), row)).toEqual({
      kind: 'update',
      relation,
      old: { whole: false, values: ['0'] },
      row: values,
    })
    expect(read(char('U'), at, char('O'), old, char('N'), row)).toMatchObject({ old: { whole: true } })
    expect(read(char('D'), at, char('O'), old)).toEqual({
      kind: 'delete',
      relation,
      old: { whole: true, values: ['0'] },
    })
    expect(read(char('T'), int32(2), int8(3), at, int32(8))).toEqual({ kind: 'truncate', relations: [7, 8] })
  })

  it('passes over names of types, origins and messages', () => {
    for (const kind of ['Y', 'O', 'M']) expect(read(char(kind), int64(1n))).toEqual({ kind: 'aside' })
  })

  it('refuses what it cannot be, and every message that ends too early', () => {
    expect(() => read(char('S'))).toThrow(/kind "S"/)
    expect(() => read(char('I'), int32(7), char('X'))).toThrow(/"X" where "N"/)
    expect(() => read(char('D'), int32(7), char('N'), tuple())).toThrow(/"N" instead of K or O/)
    expect(() => read(char('I'), int32(7), char('N'), tuple(char('b')))).toThrow(/kind "b"/)
    const whole = Buffer.concat([
      char('U'),
      int32(7),
      char('K'),
      tuple(text('a')),
      char('N'),
      tuple(text('bc'), char('n')),
    ])
    expect(() => readLogMessage(whole)).not.toThrow()
    for (let length = 0; length < whole.length; length++)
      expect(() => readLogMessage(whole.subarray(0, length)), `${length} bytes`).toThrow(RangeError)
    expect(() => read(char('R'), int32(7), Buffer.from('no zero'))).toThrow(RangeError)
  })
})

describe('the frames of replication', () => {
  it('are pieces of the log, and signs of life', () => {
    expect(readFrame(Buffer.concat([char('w'), int64(1n), int64(2n), int64(3n), char('B')]))).toEqual({
      kind: 'log',
      data: char('B'),
    })
    const alive = (answer: number) => Buffer.concat([char('k'), int64(5n), int64(0n), int8(answer)])
    expect(readFrame(alive(1))).toEqual({ kind: 'alive', end: 5n, answer: true })
    expect(readFrame(alive(0))).toEqual({ kind: 'alive', end: 5n, answer: false })
    expect(() => readFrame(char('z'))).toThrow(/kind "z"/)
  })

  it('tell the server only what the journal has', () => {
    const frame = statusFrame(0x1_0000_0002n, Date.UTC(2000, 0, 1) + 5, true)
    expect(frame.length).toBe(34)
    expect(frame.toString('latin1', 0, 1)).toBe('r')
    expect([1, 9, 17].map((at) => frame.readBigUInt64BE(at))).toEqual([
      0x1_0000_0002n,
      0x1_0000_0002n,
      0x1_0000_0002n,
    ])
    expect(frame.readBigInt64BE(25)).toBe(5_000n)
    expect(frame.readUInt8(33)).toBe(1)
  })
})

describe('a place in the log', () => {
  it.each([
    ['0/0', 0n],
    ['0/1A', 26n],
    ['16/B374D848', 0x16_b374_d848n],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
  ])('%s is read and written', (written, lsn) => {
    expect(readLsn(written)).toBe(lsn)
    expect(lsnText(lsn)).toBe(written)
  })

  it('is none without its two parts', () => {
    for (const wrong of ['', '1', '1/', '/1', 'G/1', '1/123456789'])
      expect(() => readLsn(wrong)).toThrow(/no place/)
  })
})
