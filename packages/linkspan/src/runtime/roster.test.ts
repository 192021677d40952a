import { describe, expect, it } from 'vitest'
import { createRoster } from './roster.ts'

describe('a roster', () => {
  it('knows who is present, in whatever order they come and go', () => {
    const roster = createRoster<string>()
    const ada = roster.join('ada')
    roster.join('bob')
    roster.leave(ada)
    expect([...roster]).toEqual(['bob'])
    expect(roster.find((name) => name === 'ada')).toBeUndefined()
    expect(roster.find((name) => name === 'bob')).toBe('bob')
  })

  it('uses a place again, so that it is as long as the most who were there at once', () => {
    const roster = createRoster<number>()
    const places = new Set<number>()
    for (let n = 0; n < 100; n += 1) {
      const place = roster.join(n)
      places.add(place)
      roster.leave(place)
    }
    expect(places.size).toBe(1)
  })

  it('takes no notice of one who leaves twice', () => {
    const roster = createRoster<string>()
    const place = roster.join('ada')
    roster.leave(place)
    roster.leave(place)
    roster.join('bob')
    roster.join('cyd')
    expect([...roster]).toEqual(['bob', 'cyd'])
  })
})
