import { describe, expect, it } from 'vitest'
import { hash32, hashHex, seededRandom } from './hashing.ts'

describe('hashing', () => {
  it('gives as many digits as asked for, the same each time', () => {
    expect(hashHex('3f-x1y2z3a4b5c6', 4)).toMatch(/^[0-9a-f]{32}$/)
    expect(hashHex('a', 3)).toBe(hashHex('a', 3))
    expect(hashHex('', 2)).toMatch(/^[0-9a-f]{16}$/)
  })

  it('gives different texts different digits, in every word, also when they differ in one place only', () => {
    const texts = Array.from(
      { length: 50_000 },
      (_, n) => `3f-x1y2z3a4b5c6\nstep ${n % 500}\n${Math.floor(n / 500)}`,
    )
    const hashes = texts.map((text) => hashHex(text, 3))
    expect(new Set(hashes).size).toBe(texts.length)
    expect(new Set(hashes.map((hash) => hash.slice(8))).size).toBe(texts.length)
  })

  it('spreads random numbers evenly over texts and draws', () => {
    const buckets = new Array<number>(10).fill(0)
    for (let n = 0; n < 20_000; n += 1) {
      const at = Math.floor(seededRandom(`message ${n % 200}`, Math.floor(n / 200)) * 10)
      buckets[at] = (buckets[at] as number) + 1
    }
    for (const count of buckets) expect(Math.abs(count - 2_000)).toBeLessThan(300)
    expect(hash32('a')).not.toBe(hash32('a', 1))
  })
})
