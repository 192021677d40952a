import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { GATHER_KINDS, gatherMillion } from '../torture/million/gather-million.ts'
import { splitMillion } from '../torture/million/split-million.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
const ITEMS = 20_000
const MEMBERS = 8_000

it('a split of many items survives crashes on the way, and does no finished item again', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-million-'))
  try {
    const { violations, peakRss, rows } = await splitMillion({ folder, items: ITEMS, seed })
    process.stdout.write(`${rows.map((row) => row.join(': ')).join('\n')}\n`)
    expect(violations, `seed ${seed}`).toEqual([])
    expect(peakRss).toBeLessThan(350 * 2 ** 20)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

it.each(GATHER_KINDS)('a group of many members (%s) survives crashes, each counted once', async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'linkspan-gather-'))
  try {
    const { violations, rows } = await gatherMillion({ folder, kind, members: MEMBERS, seed, heapMib: 160 })
    process.stdout.write(`${rows.map((row) => row.join(': ')).join('\n')}\n`)
    expect(violations, `seed ${seed}`).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
