import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { allMutants, applyTo } from '../mutants/mutants.ts'

const root = resolve(import.meta.dirname, '..', '..')

describe('the planted faults', () => {
  it('are at least ten', () => {
    expect(allMutants().length).toBeGreaterThanOrEqual(10)
  })

  it.each(allMutants())('$name still applies, and its tests exist', (mutant) => {
    expect(mutant.removes).toMatch(/^[A-Z].*promise/)
    for (const test of mutant.tests) expect(existsSync(join(root, test)), test).toBe(true)
    expect(() => applyTo(root, mutant, 'check')).not.toThrow()
  })
})
