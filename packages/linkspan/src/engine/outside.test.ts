import { describe, expect, it } from 'vitest'
import { systemRandom } from './outside.ts'

describe("the machine's randomness", () => {
  it('makes tokens of the asked length, all different, of all characters about equally often', () => {
    const tokens = Array.from({ length: 20_000 }, () => systemRandom.token(12))
    expect(new Set(tokens).size).toBe(tokens.length)
    expect(tokens.every((token) => /^[0-9a-z]{12}$/.test(token))).toBe(true)
    const counts = new Map<string, number>()
    for (const character of tokens.join('')) counts.set(character, (counts.get(character) ?? 0) + 1)
    const expected = (20_000 * 12) / 36
    // Eight standard deviations: a biased source is far outside, chance is not.
    const slack = 8 * Math.sqrt(expected)
    for (const count of counts.values()) expect(Math.abs(count - expected)).toBeLessThan(slack)
    expect(counts.size).toBe(36)
  })
})
