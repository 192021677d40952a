import { describe, expect, it } from 'vitest'
import { LinkspanError } from '../model/errors.ts'
import type { CallOutcome } from './connector.ts'
import { inHalves } from './halves.ts'

const tooLarge = (applied: 'no' | 'unknown' = 'no') =>
  new LinkspanError('CALL_REJECTED', 'too large', { retry: 'never', applied, details: { status: 413 } })

/** A system that takes requests up to a weight, and refuses larger ones whole. */
function system(most: number, refusal: () => unknown = tooLarge) {
  const requests: number[][] = []
  const send = async (calls: readonly number[]): Promise<readonly CallOutcome<string>[]> => {
    requests.push([...calls])
    if (calls.reduce((sum, each) => sum + each, 0) > most) throw refusal()
    return calls.map((each) => ({ result: `done ${each}` }))
  }
  return { requests, send }
}

describe('a batch in halves', () => {
  it('is one request where that is taken, and none where there is nothing to send', async () => {
    const { requests, send } = system(10)
    expect(await inHalves([1, 2, 3], send)).toEqual([
      { result: 'done 1' },
      { result: 'done 2' },
      { result: 'done 3' },
    ])
    expect(await inHalves([], send)).toEqual([])
    expect(requests).toEqual([[1, 2, 3]])
  })

  it('answers each call in its place, whatever it took to send them', async () => {
    for (let most = 1; most <= 12; most++) {
      const { requests, send } = system(most)
      const calls = [1, 1, 3, 1, 2, 1, 1]
      const outcomes = await inHalves(calls, send)
      const shown = outcomes.map((each) => ('result' in each ? each.result : 'too large'))
      expect(shown).toEqual(calls.map((each) => (each <= most ? `done ${each}` : 'too large')))
      const sent = requests.filter((each) => each.reduce((sum, one) => sum + one, 0) <= most).flat()
      expect(sent, `each is taken once, in order, at most ${most}`).toEqual(
        calls.filter((each) => each <= most),
      )
    }
  })

  it('sends again those only that were refused', async () => {
    const requests: string[][] = []
    const outcomes = await inHalves(['a', 'B', 'c', 'D'], async (calls) => {
      requests.push([...calls])
      return calls.map((each) =>
        each === each.toUpperCase() && calls.length > 1 ? { error: tooLarge() } : { result: each },
      )
    })
    expect(outcomes).toEqual(['a', 'B', 'c', 'D'].map((result) => ({ result })))
    expect(requests).toEqual([['a', 'B', 'c', 'D'], ['B'], ['D']])
  })

  it('sends nothing again that may have been applied, or failed for another reason', async () => {
    for (const refusal of [() => tooLarge('unknown'), () => new Error('reset')]) {
      const { requests, send } = system(1, refusal)
      const outcomes = await inHalves([1, 2], send)
      expect(outcomes.every((each) => 'error' in each)).toBe(true)
      expect(requests).toHaveLength(1)
    }
  })
})
