import { describe, expect, it } from 'vitest'
import { seededRandom } from '../fixtures/world.ts'
import { csv, ndjson } from './format.ts'
import type { RawRecord } from './read-records.ts'
import { type Split, splitCsv, splitLines } from './split.ts'

function texts(split: Split, text: string, final = false): string[] {
  const buffer = Buffer.from(text)
  return split(buffer, final).ranges.map(
    ({ start, end, problem }) => `${buffer.subarray(start, end)}${problem ? '!' : ''}`,
  )
}

const commas = splitCsv(',', '"')

describe('lines', () => {
  it('end at LF or CRLF, and empty ones are no records', () => {
    expect(texts(splitLines, 'a\r\n\n\r\nb\nc')).toEqual(['a', 'b'])
    expect(texts(splitLines, 'a\nb\r', true)).toEqual(['a', 'b'])
    expect(splitLines(Buffer.from('a\nbc'), false).used).toBe(2)
  })
})

describe('records of CSV', () => {
  it('keep the line breaks inside quotes', () => {
    expect(texts(commas, 'a,"b\nc",d\r\ne,"f""\n"\ng')).toEqual(['a,"b\nc",d', 'e,"f""\n"'])
    expect(texts(commas, 'a,"b\nc"', true)).toEqual(['a,"b\nc"'])
  })

  it('do not take a quote inside a field for an opening one', () => {
    expect(texts(commas, '5" disk,x\ny,6"\n')).toEqual(['5" disk,x', 'y,6"'])
  })

  it('wait for the quotes to close, and at the end of the file give up the line that opened them', () => {
    expect(texts(commas, 'a,b\nc,"d\ne,f\n')).toEqual(['a,b'])
    expect(texts(commas, 'a,b\nc,"d\ne,f\ng', true)).toEqual(['a,b', 'c,"d!', 'e,f', 'g'])
  })

  it('are the same however the buffer is cut', () => {
    const seed = 99
    const random = seededRandom(seed)
    const piece = (): string =>
      ['a', ',', '"', '""', '\n', '\r\n', ';', 'ü', '"x\ny"'][Math.floor(random.next() * 9)] as string
    for (let round = 0; round < 500; round++) {
      const text = Array.from({ length: 30 }, piece).join('')
      const whole = Buffer.from(text)
      const cut = Math.floor(random.next() * whole.length)
      const first = commas(whole.subarray(0, cut), false)
      const second = commas(whole.subarray(first.used), true)
      const shown = (buffer: Buffer, ranges: typeof first.ranges): string[] =>
        ranges.map(({ start, end }) => buffer.subarray(start, end).toString())
      const pieces = [...shown(whole, first.ranges), ...shown(whole.subarray(first.used), second.ranges)]
      expect(pieces, `seed ${seed}, round ${round}: ${JSON.stringify(text)} cut at ${cut}`).toEqual(
        shown(whole, commas(whole, true).ranges),
      )
    }
  })
})

describe('decoding', () => {
  const raw = (text: string | Buffer): RawRecord => ({
    bytes: Buffer.from(text as string),
    offset: 0,
    next: 0,
  })

  it('of CSV gives texts by column, and says of each record alone what is wrong with it', () => {
    const format = csv({})
    const rows = ['1,"a ""b"", ü"', '2', '3,x"y', '"4"z,q', '5,"six\nseven"', '', '6,ok'].map(raw)
    expect(format.decode(rows, Buffer.from('id,name'))).toEqual([
      { value: { id: '1', name: 'a "b", ü' } },
      { problem: 'has 1 fields where 2 columns are named' },
      { problem: expect.stringContaining('is not CSV') },
      { problem: expect.stringContaining('is not CSV') },
      { value: { id: '5', name: 'six\nseven' } },
      expect.objectContaining({ problem: expect.any(String) }),
      { value: { id: '6', name: 'ok' } },
    ])
  })

  it('of CSV knows other marks, given names and no names', () => {
    expect(
      csv({ delimiter: '\t', quote: "'", header: ['a', 'b'] }).decode([raw("1\t'x\t''y'")], null),
    ).toEqual([{ value: { a: '1', b: "x\t'y" } }])
    expect(csv({ header: false }).decode([raw('1,2'), raw('3')], null)).toEqual([
      { value: ['1', '2'] },
      { value: ['3'] },
    ])
    expect(csv({}).decode([raw('1,2')], Buffer.from('a,a'))).toEqual([
      { problem: 'has no usable header before it: it names "a" twice' },
    ])
    expect(() => csv({ delimiter: '||' })).toThrow(/delimiter "\|\|" must be one ASCII character/)
  })

  it('of NDJSON says what is no JSON and what is no UTF-8', () => {
    const bad = { bytes: Buffer.from([0x22, 0xff, 0x22]), offset: 0, next: 0 }
    expect(ndjson.decode([raw('{"a":"🚢"}'), raw('{"a":'), bad], null)).toEqual([
      { value: { a: '🚢' } },
      { problem: expect.stringContaining('is not JSON') },
      { problem: 'is not UTF-8' },
    ])
  })
})
