import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noSmallDisk } from '../torture/rig/database.ts'
import { type RunResult, run } from '../torture/rig/run.ts'
import type { Deeds } from '../torture/rig/torment.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
const postgres = { journal: 'postgres', seed, lifeMs: 250, leaseMs: 2_000 } as const
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-surroundings-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

async function kept(engines: number, deeds: Partial<Deeds>): Promise<RunResult['figures']> {
  const { violations, figures } = await run({ ...postgres, engines, folder, ...deeds })
  process.stdout.write(`seed ${seed}: ${JSON.stringify(figures)}\n`)
  expect(violations, `seed ${seed}`).toEqual([])
  expect(figures.accepted).toBeGreaterThan(50)
  return figures
}

describe('loaded engines on PostgreSQL', () => {
  it('keep their promises over promotions of a synchronous standby', async () => {
    expect(await kept(2, { promotions: 2, kills: 1 })).toMatchObject({ promotions: 2, kills: 1 })
  })

  it('are found out when their standby does not have what was answered', async () => {
    const control = { ...postgres, folder, promotions: 1, without: 'replication', stuckMs: 3_000 } as const
    const { violations } = await run(control)
    expect(violations.map(({ kind }) => kind)).toContain('missing')
  })

  it('keep their promises when connections break, hang and lose replies', async () => {
    const { networkFaults } = await kept(2, { networkFaults: 10 })
    expect(Object.values(networkFaults).reduce((sum, times) => sum + times, 0)).toBe(10)
  })

  it('refuse what is new while the disk is full, and go on by themselves', async (context) => {
    const reason = noSmallDisk()
    if (reason !== null) return context.skip(reason)
    const { fullDisks, refusedWhenFull } = await kept(1, { fullDisks: 1 })
    expect(fullDisks).toBe(1)
    expect(refusedWhenFull).toBeGreaterThan(0)
  })
})
