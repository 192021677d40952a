import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { run } from '../torture/rig/run.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? Date.now() % 1_000_000)
const cluster = { journal: 'postgres', engines: 3, seed, lifeMs: 250, leaseMs: 2_000 } as const
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'linkspan-kill-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('three loaded engines on one PostgreSQL', () => {
  it('keep their promises over kills, and over stops for longer than the lease', async () => {
    const { violations, figures } = await run({ ...cluster, folder, kills: 6, zombies: 2 })
    process.stdout.write(`seed ${seed}: ${JSON.stringify(figures)}\n`)
    expect(violations, `seed ${seed}`).toEqual([])
    expect(figures).toMatchObject({ engines: 3, kills: 6, zombies: 2 })
    expect(figures.longestStopMs).toBeGreaterThan(cluster.leaseMs)
    expect(figures.accepted).toBeGreaterThan(200)
    for (const count of Object.values(figures.effects)) expect(count).toBeGreaterThan(10)
  })

  it('are found out when each takes every key for its own', async () => {
    const { violations } = await run({
      ...cluster,
      folder,
      kills: 3,
      stuckMs: 3_000,
      without: 'handOver',
    })
    expect(violations.map(({ kind }) => kind)).toContain('order')
  })
})
