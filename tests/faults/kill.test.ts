import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../torture/rig/run.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-kill-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('a loaded engine that is killed at random moments', () => {
  it('keeps its promises over 20 kills', async () => {
    const { violations, figures } = await run({ folder, kills: 20, seed, lifeMs: 250 })
    process.stdout.write(`seed ${seed}: ${JSON.stringify(figures)}\n`)
    expect(violations, `seed ${seed}`).toEqual([])
    expect(figures.kills).toBe(20)
    expect(figures.accepted).toBeGreaterThan(200)
    for (const count of Object.values(figures.effects)) expect(count).toBeGreaterThan(10)
  })

  it('is found out when its journal answers before it commits', async () => {
    const { violations } = await run({
      folder,
      kills: 4,
      seed,
      faults: 0,
      lifeMs: 250,
      stuckMs: 2_000,
      without: 'fsync',
    })
    expect(violations.map(({ kind }) => kind)).toContain('missing')
  })
})
