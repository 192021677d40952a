import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { powerFailures } from '../torture/power/power-failures.ts'
import { buildShim } from '../torture/power/shim.ts'

const seed = Number(process.env['LINKSPAN_SEED'] ?? (Date.now() % 1_000_000) + 1)
const folders: string[] = []
function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'linkspan-power-'))
  folders.push(made)
  return made
}
afterAll(() => {
  for (const made of folders) rmSync(made, { recursive: true, force: true })
})
const shim = buildShim(folder())

it('keeps every promise when the power fails and what was not synced is lost', async (context) => {
  if ('reason' in shim) return context.skip(shim.reason)
  const { violations, failures } = await powerFailures({
    folder: folder(),
    library: shim.library,
    failures: 3,
    seed,
    lanes: 2,
  })
  expect(violations, `seed ${seed}`).toEqual([])
  expect(failures).toBe(3)
})

it('is caught when waiting for the disk does nothing', async (context) => {
  if ('reason' in shim) return context.skip(shim.reason)
  const { violations } = await powerFailures({
    folder: folder(),
    library: shim.library,
    failures: 3,
    seed: 1,
    lanes: 2,
    syncIgnored: 'all',
    stuckMs: 3_000,
  })
  expect(violations.map(({ kind }) => kind)).toContain('missing')
})
