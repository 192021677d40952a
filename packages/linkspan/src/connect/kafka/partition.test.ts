import { compatibilityPartitioner } from '@platformatic/kafka'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from './partition.ts'

describe('the partition of a key', () => {
  // The hashes are those of the tests of Kafka's own client (UtilsTest.testMurmur2).
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])('%s is by the hash that the Java client has', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash)
    expect(partitionOf(Buffer.from(key), 7)).toBe((hash & 0x7fffffff) % 7)
  })

  it('is that of the client library', () => {
    const keys = fc.uint8Array({ maxLength: 40 })
    fc.assert(
      fc.property(keys, (key) => {
        const theirs = compatibilityPartitioner({ topic: '' }, Buffer.from(key))
        expect(partitionOf(key, 1_000)).toBe((theirs ?? 0) % 1_000)
      }),
    )
  })
})
