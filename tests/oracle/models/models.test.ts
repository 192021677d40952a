import { describe, expect, it } from 'vitest'
import type { Case } from '../case.ts'
import { linesOf } from '../compare.ts'
import { DIFFERENCES } from '../differences.ts'
import { casesOf } from '../generate/generate.ts'
import { runInLinkspan } from '../linkspan.ts'
import { probes } from '../probes.ts'
import { batchesOfMessages } from './batch.ts'
import { triesOfTargets } from './failover.ts'
import { orderOfMessages } from './resequencer.ts'
import { turnsOfTargets } from './weighted.ts'

const SEEDS = Array.from({ length: 60 }, (_none, index) => index + 1)
const ALL = new Set(DIFFERENCES.map(({ id }) => id))

describe.each([
  ['the resequencer', 'resequencer', orderOfMessages],
  ['batches', 'resequencer of batches', batchesOfMessages],
  ['failover', 'load balancer with failover', triesOfTargets],
  ['weighted turns', 'load balancer', turnsOfTargets],
] as const)('the model of %s', (_what, pattern, model) => {
  const cases: readonly Case[] = [
    ...SEEDS.flatMap((seed) => casesOf(seed)).filter((one) => one.pattern === pattern),
    ...probes,
  ].filter((one) => model(one, ALL) !== null)

  it('comes to what Linkspan does, by all of its rules', async () => {
    expect(cases.length).toBeGreaterThan(10)
    for (const one of cases)
      expect(linesOf(one, await runInLinkspan(one)), one.id).toEqual(linesOf(one, model(one, ALL)!))
  })

  it('comes to something else without them now and then', () => {
    const others = cases.filter(
      (one) => linesOf(one, model(one, ALL)!).join() !== linesOf(one, model(one, new Set())!).join(),
    )
    expect(others.length).toBeGreaterThan(5)
  })

  it('knows no other cases', () => {
    expect(casesOf(1).filter((one) => one.pattern !== pattern && model(one, ALL) !== null)).toEqual([])
  })
})
