import { describe, expect, it } from 'vitest'
import { createHomes, partitionOf } from './homes.ts'

describe('homes', () => {
  it('cut the key space evenly', () => {
    const counts = new Array<number>(32).fill(0)
    for (let n = 0; n < 32_000; n += 1) {
      const partition = partitionOf('orders', `customer-${n}`, 32)
      counts[partition] = (counts[partition] ?? 0) + 1
    }
    expect(Math.min(...counts)).toBeGreaterThan(800)
    expect(Math.max(...counts)).toBeLessThan(1_200)
  })

  it('never change: other engines, and other versions, find the same', () => {
    expect(
      ['a', 'b', 'customer-1', 'Zürich', ''].map((key) => partitionOf('orders', key, 32)),
    ).toMatchInlineSnapshot(`
      [
        30,
        19,
        11,
        6,
        11,
      ]
    `)
    expect(partitionOf('orders', 'a', 32)).not.toBe(partitionOf('invoices', 'a', 32))
  })

  it('of a key are here when this engine owns its partition', () => {
    const partition = partitionOf('orders', 'a', 8)
    const owned = new Set([partition])
    const homes = createHomes(8, owned)
    expect(homes.ofKey('orders', 'a')).toEqual({ partition, here: true })
    owned.delete(partition)
    expect(homes.ofKey('orders', 'a')).toEqual({ partition, here: false })
  })

  it('without a key are here, in turns, as long as this engine owns anything', () => {
    const owned = new Set([3, 5])
    const homes = createHomes(8, owned)
    const found = [homes.ofNoKey(), homes.ofNoKey(), homes.ofNoKey()]
    expect(new Set(found.map(({ partition }) => partition))).toEqual(owned)
    expect(found.every(({ here }) => here)).toBe(true)
    owned.clear()
    expect(homes.ofNoKey().here).toBe(false)
  })
})
