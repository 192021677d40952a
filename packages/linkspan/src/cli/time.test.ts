import { expect, test } from 'vitest'
import { NOW } from './fixtures/fake-cli.ts'
import { formatAge, formatTime, parseSpan, parseTime } from './time.ts'

test.each([
  ['2h', NOW - 7_200_000],
  ['1d12h', NOW - 129_600_000],
  ['2026-11-21T06:00:00Z', Date.UTC(2026, 10, 21, 6)],
  ['2026-11-21T06:00:00.250+02:00', Date.UTC(2026, 10, 21, 4, 0, 0, 250)],
  ['2026-11-21', new Date(2026, 10, 21).getTime()],
  ['2026-11-21 06:00', new Date(2026, 10, 21, 6).getTime()],
])('%s is a time', (text, expected) => {
  expect(parseTime(text, NOW)).toBe(expected)
})

test.each(['yesterday', '2h ago', '2026-13-01', '21.11.2026', '', '-2h', '5'])('"%s" is refused', (text) => {
  expect(() => parseTime(text, NOW)).toThrow(`"${text}" is not a time. Write how long ago`)
})

test('lengths of time add up their parts', () => {
  expect(parseSpan('1h30m')).toBe(5_400_000)
  expect(() => parseSpan('soon')).toThrow('"soon" is not a length of time')
})

test('what is printed can be read again', () => {
  expect(parseTime(formatTime(NOW + 5), NOW)).toBe(NOW + 5)
  expect(formatTime(NOW)).toBe('2026-11-21T06:30:00Z')
  expect(formatAge(NOW - 90_000, NOW)).toBe('1m 30s ago')
  expect(formatAge(NOW + 1_000, NOW)).toBe('in 1s')
})
