import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import type { SentTo } from '../../../faults/simulation/beginnings.ts'
import { buildShim } from '../shim.ts'
import { everyPoint, inOrder, strideOf } from './every-point.ts'

const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'linkspan-points-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})
const shim = buildShim(folder())
const flows: readonly SentTo[] = ['keyed', 'parts']

it('goes on from every point at which the power can fail', async (context) => {
  if ('reason' in shim) return context.skip(shim.reason)
  const { library } = shim
  const { violations, cut, points, lives } = await everyPoint({
    folder: folder(),
    library,
    seed: 1,
    flows,
    most: 4,
    processes: 1,
  })
  expect(violations).toEqual([])
  expect(cut).toBe(4)
  expect(points).toBeGreaterThan(30)
  expect(lives).toBeGreaterThan(cut)
})

it('is caught when waiting for the disk does nothing', async (context) => {
  if ('reason' in shim) return context.skip(shim.reason)
  const { library } = shim
  const { violations } = await everyPoint({
    folder: folder(),
    library,
    seed: 1,
    flows,
    most: 3,
    processes: 1,
    syncIgnored: true,
  })
  expect(violations.map(({ kind }) => kind)).toContain('missing')
})

it('spreads the points that it cuts first, and knows how dense they are', () => {
  expect(inOrder(6, 4)).toEqual([0, 4, 2, 6, 1, 3, 5])
  expect(strideOf([0, 4, 2, 6], 6)).toBe(2)
  expect(strideOf([0, 4, 2, 6, 1, 3, 5], 6)).toBe(1)
  expect(strideOf([], 6)).toBe(7)
})
