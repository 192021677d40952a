import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLinkspanError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import { ENVELOPE_HEADER, open, openJson, seal, sealJson } from './envelope.ts'

const codeOf = (run: () => unknown): unknown => {
  try {
    return run()
  } catch (error) {
    return isLinkspanError(error) ? error.code : error
  }
}

/** The envelope as another version of this code would have written it: with a checksum that fits. */
function rewritten(sealed: Uint8Array, place: string, at: number, value: number): Uint8Array {
  const header = Buffer.from(sealed.subarray(0, 4))
  header[at] = value
  const payload = sealed.subarray(ENVELOPE_HEADER)
  return Buffer.concat([header, checksumFor(header.readUInt32BE(0), payload, place), payload])
}

/** FNV-1a, 32 bits. */
const FNV_OFFSET = 0x811c9dc5
const FNV_PRIME = 0x01000193

function checksumFor(header: number, payload: Uint8Array, place: string): Buffer {
  const sum = Buffer.alloc(4)
  const units = Array.from({ length: place.length }, (_unit, at) => place.charCodeAt(at))
  const start = [header, ...units].reduce((hash, unit) => Math.imul(hash ^ unit, FNV_PRIME), FNV_OFFSET)
  sum.writeUInt32BE(crc(payload, start >>> 0))
  return sum
}

/** CRC-32 as its definition has it, bit by bit, apart from the library that the code uses. */
function crc(data: Uint8Array, start: number): number {
  let sum = ~start
  for (const byte of data) {
    sum ^= byte
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1
  }
  return ~sum >>> 0
}

describe('envelope', () => {
  test('gives back what was sealed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (payload, place) => {
        expect(open(seal(payload, place), place)).toEqual({
          codec: 'bytes',
          keyId: 0,
          payload: Buffer.from(payload),
        })
      }),
    )
  })

  test('gives back JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string(), (value, place) => {
        const expected = JSON.parse(JSON.stringify(value)) as Json
        expect(openJson(sealJson(value as Json, place), place)).toEqual(expected)
      }),
    )
  })

  test('sees every flipped bit', () => {
    const sealed = sealJson({ text: 'hällo' }, 'frame:3:1')
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const flipped = Uint8Array.from(sealed)
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(codeOf(() => open(flipped, 'frame:3:1'))).toBe('RECORD_DAMAGED')
    }
  })

  test('sees a record that lies in the place of another, or was cut', () => {
    const sealed = seal(new Uint8Array(10), 'frame:3:1')
    expect(codeOf(() => open(sealed, 'frame:3:2'))).toBe('RECORD_DAMAGED')
    for (let length = 0; length < sealed.length; length++)
      expect(codeOf(() => open(sealed.subarray(0, length), 'frame:3:1'))).toBe('RECORD_DAMAGED')
  })

  test.each([
    ['version', 0, 2],
    ['codec', 1, 9],
    ['key', 3, 7],
  ])('refuses a newer %s', (_what, at, value) => {
    const sealed = rewritten(seal(Buffer.from('x'), 'p'), 'p', at, value)
    expect(codeOf(() => open(sealed, 'p'))).toBe('RECORD_NEWER')
  })

  test('refuses bytes where JSON belongs', () => {
    expect(codeOf(() => openJson(seal(Buffer.from('{}'), 'p'), 'p'))).toBe('RECORD_DAMAGED')
    expect(codeOf(() => openJson(seal(Buffer.from('{'), 'p', 'json'), 'p'))).toBe('RECORD_DAMAGED')
    expect(codeOf(() => openJson(seal(Buffer.from([34, 255, 34]), 'p', 'json'), 'p'))).toBe('RECORD_DAMAGED')
  })

  test('opens a view into a larger buffer', () => {
    const sealed = seal(Buffer.from('inner'), 'p')
    const larger = new Uint8Array(sealed.length + 20)
    larger.set(sealed, 7)
    expect(Buffer.from(open(larger.subarray(7, 7 + sealed.length), 'p').payload).toString()).toBe('inner')
  })
})
