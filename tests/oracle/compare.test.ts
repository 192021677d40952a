import { describe, expect, it } from 'vitest'
import type { Outcome } from './case.ts'
import { isSame, linesOf } from './compare.ts'
import { casesOf } from './generate/generate.ts'
import { runInLinkspan } from './linkspan.ts'
import { alterations, planted } from './planted.ts'

const outcome: Outcome = {
  seen: [
    { at: 'one', body: { a: 1, b: [1, 2] }, tick: 3 },
    { at: 'two', body: { a: 1, b: [2, 1] }, tick: 3 },
  ],
  ends: ['ended', 'failed'],
}

describe('the comparison', () => {
  it('takes no notice of the order of fields, and of the order of what is seen only where it has none', () => {
    const [one, two] = outcome.seen
    const fields = { ...outcome, seen: [{ ...one!, body: { b: [1, 2], a: 1 } }, two!] }
    expect(isSame({ ordered: true }, outcome, fields)).toBe(true)
    const turned = { ...outcome, seen: [two!, one!] }
    expect(isSame({ ordered: true }, outcome, turned)).toBe(false)
    expect(isSame({ ordered: false }, outcome, turned)).toBe(true)
  })

  it('notices each single thing that is altered', () => {
    const altered = alterations(outcome, true)
    expect(altered.map(({ what }) => what)).toContain('the order')
    expect(altered).toHaveLength(8)
    for (const { what, outcome: other } of altered)
      expect(isSame({ ordered: true }, outcome, other), what).toBe(false)
  })

  it('takes a list for another in another order', () => {
    const other = { ...outcome, seen: outcome.seen.map((each) => ({ ...each, body: { a: 1, b: [1, 2] } })) }
    expect(linesOf({ ordered: true }, other)).not.toEqual(linesOf({ ordered: true }, outcome))
  })
})

describe('a wrong expectation', () => {
  const patterns = casesOf(1).map(({ pattern }) => pattern)

  it.each(patterns)('is noticed in %s', async (pattern) => {
    let noticed = false
    for (let seed = 1; seed <= 30 && !noticed; seed += 1) {
      const one = casesOf(seed).find((each) => each.pattern === pattern)!
      const other = planted(one)
      if (other !== null) noticed = !isSame(one, await runInLinkspan(one), await runInLinkspan(other))
    }
    expect(noticed).toBe(true)
  })
})
