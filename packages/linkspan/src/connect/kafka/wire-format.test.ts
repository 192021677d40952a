import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readIndexes, readWire, writeIndexes, writeWire } from './wire-format.ts'

describe('what stands before bytes of a schema', () => {
  it('is a zero and the number of the schema', () => {
    const bytes = writeWire(258, Buffer.from('x'), Buffer.from('y'))
    expect([...bytes]).toEqual([0, 0, 0, 1, 2, 120, 121])
    expect(readWire(bytes)).toEqual({ id: 258, payload: Buffer.from('xy') })
  })

  it.each([[Buffer.from('')], [Buffer.from([0, 0, 0, 1])], [Buffer.from('{"a":1}')]])(
    'is missed in %j',
    (bytes) => {
      expect(() => readWire(bytes)).toThrow(/does not begin with the number of a schema/)
    },
  )

  it('says which message of a Protobuf file it is, the first one by a single zero', () => {
    expect([...writeIndexes([0])]).toEqual([0])
    expect([...writeIndexes([1])]).toEqual([2, 2])
    expect([...writeIndexes([2, 0, 100])]).toEqual([6, 4, 0, 200, 1])
    expect(readIndexes(Buffer.from([0, 9]))).toEqual({ indexes: [0], payload: Buffer.from([9]) })
  })

  it('is read as it was written', () => {
    const indexes = fc.array(fc.nat(100_000), { minLength: 1, maxLength: 9 })
    fc.assert(
      fc.property(indexes, (given) => {
        const read = readIndexes(Buffer.concat([writeIndexes(given), Buffer.from('rest')]))
        expect(read).toEqual({ indexes: given, payload: Buffer.from('rest') })
      }),
    )
  })

  it('is refused where it ends too soon', () => {
    expect(() => readIndexes(Buffer.from([4, 2]))).toThrow(/which of the messages/)
    expect(() => readIndexes(Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]))).toThrow(
      /which of the messages/,
    )
  })
})
