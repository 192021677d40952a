import { describe, expect, it } from 'vitest'
import { LinkspanError } from '../../model/errors.ts'
import { seededRandom } from '../fixtures/world.ts'
import { occurrences } from './occurrences.ts'

function times(when: string, timezone: string, after: string, count: number): string[] {
  const found: string[] = []
  const schedule = occurrences(when, timezone)
  for (
    let at = schedule.next(Date.parse(after));
    at !== null && found.length < count;
    at = schedule.next(at)
  ) {
    found.push(new Date(at).toISOString())
  }
  return found
}

const PARIS = 'Europe/Paris'
const NEW_YORK = 'America/New_York'

describe('a time of day in the hour that is skipped', () => {
  it.each([
    ['30 2 * * *', PARIS, '2026-03-28T12:00:00Z', ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:00.000Z']],
    ['0 2 * * *', PARIS, '2026-03-28T12:00:00Z', ['2026-03-29T01:00:00.000Z', '2026-03-30T00:00:00.000Z']],
    ['0,30 2 * * *', PARIS, '2026-03-28T12:00:00Z', ['2026-03-29T01:00:00.000Z', '2026-03-30T00:00:00.000Z']],
    [
      '15 30 2 * * *',
      PARIS,
      '2026-03-28T12:00:00Z',
      ['2026-03-29T01:00:00.000Z', '2026-03-30T00:30:15.000Z'],
    ],
    [
      '30 2 * * *',
      NEW_YORK,
      '2026-03-07T12:00:00Z',
      ['2026-03-08T07:00:00.000Z', '2026-03-09T06:30:00.000Z'],
    ],
    [
      '0 2-3 * * *',
      NEW_YORK,
      '2026-03-07T12:00:00Z',
      ['2026-03-08T07:00:00.000Z', '2026-03-09T06:00:00.000Z'],
    ],
  ])('%s in %s runs at the first instant after the gap, once', (when, zone, after, expected) => {
    expect(times(when, zone, after, 2)).toEqual(expected)
  })
})

describe('a time of day in the hour that repeats', () => {
  it.each([
    ['30 2 * * *', PARIS, '2026-10-24T12:00:00Z', ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']],
    [
      '0,30 2 * * *',
      PARIS,
      '2026-10-24T12:00:00Z',
      ['2026-10-25T00:00:00.000Z', '2026-10-25T00:30:00.000Z', '2026-10-26T01:00:00.000Z'],
    ],
    [
      '30 1 * * *',
      NEW_YORK,
      '2026-10-31T12:00:00Z',
      ['2026-11-01T05:30:00.000Z', '2026-11-02T06:30:00.000Z'],
    ],
  ])('%s in %s runs once, at its first occurrence', (when, zone, after, expected) => {
    expect(times(when, zone, after, expected.length)).toEqual(expected)
  })
})

describe('a rhythm', () => {
  it('runs on while an hour repeats', () => {
    const steps = times('*/20 * * * *', PARIS, '2026-10-24T23:59:00Z', 7).map(Date.parse)
    expect(new Set(steps.slice(1).map((at, index) => at - (steps[index] as number)))).toEqual(
      new Set([1_200_000]),
    )
    expect(times('*/30 1 * * *', NEW_YORK, '2026-11-01T05:00:00Z', 4)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-01T06:00:00.000Z',
      '2026-11-01T06:30:00.000Z',
      '2026-11-02T06:00:00.000Z',
    ])
  })

  it('goes from 01:40 to 03:00 where an hour is skipped, and has nothing to run inside it', () => {
    expect(times('*/20 * * * *', PARIS, '2026-03-29T00:30:00Z', 2)).toEqual([
      '2026-03-29T00:40:00.000Z',
      '2026-03-29T01:00:00.000Z',
    ])
    expect(times('*/20 2 * * *', PARIS, '2026-03-28T12:00:00Z', 1)).toEqual(['2026-03-30T00:00:00.000Z'])
  })
})

describe('the calendar', () => {
  it.each([
    ['0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', ['2028-02-29T00:00:00.000Z', '2032-02-29T00:00:00.000Z']],
    ['0 0 29 2 *', 'UTC', '2096-03-01T00:00:00Z', ['2104-02-29T00:00:00.000Z']],
    ['0 0 31 * *', 'UTC', '2026-01-31T00:00:00Z', ['2026-03-31T00:00:00.000Z', '2026-05-31T00:00:00.000Z']],
    ['0 12 L * *', PARIS, '2028-01-31T12:00:00Z', ['2028-02-29T11:00:00.000Z', '2028-03-31T10:00:00.000Z']],
    ['0 9 * * 1-5', PARIS, '2026-11-20T12:00:00Z', ['2026-11-23T08:00:00.000Z']],
    ['@daily', 'UTC', '2026-11-20T12:00:00Z', ['2026-11-21T00:00:00.000Z']],
  ])('%s in %s', (when, zone, after, expected) => {
    expect(times(when, zone, after, expected.length)).toEqual(expected)
  })
})

describe('an interval', () => {
  it('counts from 1970, whatever the time zone and whenever it is asked', () => {
    expect(times('90m', NEW_YORK, '2026-11-01T00:10:00Z', 2)).toEqual([
      '2026-11-01T01:30:00.000Z',
      '2026-11-01T03:00:00.000Z',
    ])
    expect(
      occurrences('90m', 'UTC')
        .latest(Date.parse('2026-11-01T03:00:00Z'), 2)
        .map((at) => new Date(at).toISOString()),
    ).toEqual(['2026-11-01T01:30:00.000Z', '2026-11-01T03:00:00.000Z'])
  })
})

describe('looking back', () => {
  it('finds the times that looking forward finds', () => {
    const seed = 20261101
    const random = seededRandom(seed)
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)] as T
    for (let round = 0; round < 300; round++) {
      const when = pick([
        '30 2 * * *',
        '0,30 1,2 * * *',
        '*/20 * * * *',
        '*/7 2 * * *',
        '0 3 * * 0',
        '5 0 L * *',
        '*/13 * * * * *',
        '17m',
      ])
      const zone = pick([PARIS, NEW_YORK, 'UTC', 'Australia/Lord_Howe'])
      const near = Date.parse(
        pick([
          '2026-03-29T01:00:00Z',
          '2026-10-25T01:00:00Z',
          '2026-03-08T07:00:00Z',
          '2026-11-01T06:00:00Z',
          '2026-04-04T15:00:00Z',
        ]),
      )
      const from = near + Math.floor((random.next() - 0.5) * 8 * 3_600_000)
      const schedule = occurrences(when, zone)
      const forward: number[] = []
      for (let at = schedule.next(from); at !== null && forward.length < 5; at = schedule.next(at))
        forward.push(at)
      const upTo = (forward.at(-1) as number) + pick([0, 1, 999])
      expect(
        schedule.latest(upTo, 5),
        `seed ${seed}, round ${round}: ${when} in ${zone} up to ${new Date(upTo).toISOString()}`,
      ).toEqual(forward)
    }
  })
})

describe('what cannot be used', () => {
  it.each([
    ['61 * * * *', 'UTC', 'Invalid value for minute: 61'],
    ['* * *', 'UTC', 'five fields'],
    ['daily', 'UTC', 'five fields'],
    ['', 'UTC', 'five fields'],
    ['2026-01-01T00:00:00', 'UTC', 'five fields'],
    ['0 0 31 2 *', 'UTC', 'names no date that exists'],
    ['* * * * *', 'Europe/Pariss', 'time zone "Europe/Pariss" is not known'],
    ['0s', 'UTC', 'at least 100'],
    ['50ms', 'UTC', 'at least 100'],
    ['@every 5m', 'UTC', 'five fields'],
    ['@sometimes', 'UTC', '@sometimes'],
  ])('"%s" in %s says why', (when, zone, why) => {
    expect(() => occurrences(when, zone)).toThrow(LinkspanError)
    expect(() => occurrences(when, zone)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(why) }),
    )
  })
})
