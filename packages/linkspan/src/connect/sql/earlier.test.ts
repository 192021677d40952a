import { describe, expect, it } from 'vitest'
import { earlier } from './earlier.ts'

describe('earlier', () => {
  it.each([
    ['2026-11-21 21:53:18.123456+00', 1_000, '2026-11-21 21:53:17.123000+00'],
    ['2026-01-01 00:00:00+02', 60_000, '2025-12-31 23:59:00+02'],
    ['2026-01-01 00:00:00', 1, '2025-12-31 23:59:59'],
    ['2026-03-01T00:00:00.5Z', 500, '2026-03-01T00:00:00.0Z'],
    ['2026-03-01', 86_400_000, '2026-02-28'],
    ['1700000000', 1_500, '1699999998'],
    [1_700_000_000_000, 1_500, 1_699_999_998_500],
    [1_700_000_000, 60_000, 1_699_999_940],
  ])('%s by %i ms is %s', (mark, ms, expected) => {
    expect(earlier('source', mark, ms)).toBe(expected)
  })

  it('is never later than asked for', () => {
    expect(earlier('source', '2026-01-01 00:00:00.000999', 0) <= '2026-01-01 00:00:00.000999').toBe(true)
  })

  it('says of what is no time that it is none', () => {
    expect(() => earlier('orders', 'soon', 1)).toThrow(/"orders" .* holds "soon", which is no time/)
  })
})
