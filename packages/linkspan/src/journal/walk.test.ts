import { describe, expect, it } from 'vitest'
import { createWalk, type ForgetBounds, type Walk } from './walk.ts'

const LIMIT = 5

/** Bounds of a retention of 800, which may be exceeded by 100. */
const at = (now: number): ForgetBounds => ({ endedBefore: now - 800, attentionBefore: now - 800, now })

/** Ended messages by place: how long each is kept; none is forgotten by anything else. */
type Ended = Map<number, { readonly endedAt: number; needed: boolean }>

/** Walks once round, forgetting what is old and not needed; answers which places were looked at. */
function walkRound(walk: Walk, ended: Ended, bounds: ForgetBounds, lowWater = 1_000): readonly number[] {
  const looked: number[] = []
  for (let calls = 0; calls < 1_000; calls++) {
    const stretch = walk.next(bounds, lowWater)
    const places = [...ended.keys()]
      .filter((place) => place > stretch.after && place < stretch.stop)
      .sort((a, b) => a - b)
      .slice(0, LIMIT)
    looked.push(...places)
    const untilOld = places.map((place) => (ended.get(place)?.endedAt ?? 0) - bounds.endedBefore)
    const gone = places.filter((place, i) => (untilOld[i] as number) < 0 && !ended.get(place)?.needed)
    for (const place of gone) ended.delete(place)
    const young = untilOld.filter((by) => by >= 0)
    const found = {
      count: places.length,
      limit: LIMIT,
      last: places.at(-1) ?? null,
      forgotten: gone.length,
      young: young.length === places.length,
      soonest: young.length === 0 ? null : Math.min(...young),
    }
    if (!walk.goOn(stretch, found, bounds)) return looked
  }
  throw new Error('The walk does not come round.')
}

const history = (count: number, needed: (place: number) => boolean): Ended =>
  new Map(Array.from({ length: count }, (_, i) => [i + 1, { endedAt: 1, needed: needed(i + 1) }]))

const places = (ended: Ended): readonly number[] => [...ended.keys()]

describe('the walk of forgetting', () => {
  it('leaves out what was kept, and looks again after an eighth of the retention', () => {
    const walk = createWalk()
    const ended = history(20, () => true)
    expect(walkRound(walk, ended, at(1_000))).toEqual(places(ended))
    expect(walkRound(walk, ended, at(1_001))).toEqual([])
    expect(walkRound(walk, ended, at(1_100))).toEqual([])
    expect(walkRound(walk, ended, at(1_101))).toEqual(places(ended))
  })

  it('settles to looking at nothing when what is kept lies among what is forgotten', () => {
    const walk = createWalk()
    const ended = history(60, (place) => place % 3 === 0)
    expect(walkRound(walk, ended, at(1_000))).toHaveLength(60)
    expect(places(ended)).toHaveLength(20)
    expect(walkRound(walk, ended, at(1_001))).toHaveLength(20)
    expect(walkRound(walk, ended, at(1_002))).toEqual([])
    expect(walkRound(walk, ended, at(1_003))).toEqual([])
  })

  it('finds what is forgotten between what is left out, and goes on behind', () => {
    const walk = createWalk()
    const ended = history(40, (place) => place !== 12)
    ended.set(12, { endedAt: 210, needed: false })
    walkRound(walk, ended, at(1_000))
    // The stretch of 11 to 15 is looked at as soon as one of it has had its time, the others are not.
    expect(walkRound(walk, ended, at(1_010))).toEqual([])
    expect(walkRound(walk, ended, at(1_011))).toEqual([11, 12, 13, 14, 15])
    expect(ended.has(12)).toBe(false)
    expect(walkRound(walk, ended, at(1_012))).toEqual([11, 13, 14, 15])
    expect(walkRound(walk, ended, at(1_013))).toEqual([])
  })

  it('closes a gap in which nothing is left', () => {
    const walk = createWalk()
    const ended = history(15, (place) => place < 6 || place > 10)
    walkRound(walk, ended, at(1_000))
    expect(places(ended)).toHaveLength(10)
    expect(walkRound(walk, ended, at(1_001))).toEqual([])
    expect(walk.next(at(1_002), 1_000)).toEqual({ after: 15, stop: 1_000 })
  })

  it('stays below the low water, and comes round at what is young', () => {
    const walk = createWalk()
    const ended = history(20, () => true)
    expect(walkRound(walk, ended, at(1_000), 8)).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(walkRound(createWalk(), ended, at(700))).toEqual([1, 2, 3, 4, 5])
  })

  it('remembers nothing where nothing is kept longer', () => {
    const walk = createWalk()
    const ended = history(20, () => true)
    const bounds = { endedBefore: 900, attentionBefore: 200, now: 900 }
    expect(walkRound(walk, ended, bounds)).toHaveLength(20)
    expect(walkRound(walk, ended, bounds)).toHaveLength(20)
  })
})
