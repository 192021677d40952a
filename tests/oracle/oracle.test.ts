import { describe, expect, it } from 'vitest'
import type { Camel } from './camel.ts'
import type { Case, Outcome } from './case.ts'
import { DIFFERENCES } from './differences.ts'
import { runInLinkspan } from './linkspan.ts'
import { compareWith } from './oracle.ts'
import { probes } from './probes.ts'

const run = { first: 1, seeds: 3, seconds: null, say: () => undefined }

/** Whatever it is, it is no Camel. */
const instead = (answer: (one: Case) => Promise<Outcome>): Camel => ({
  versions: { camel: 'none', java: 'none' },
  again: 0,
  run: answer,
  runSlowly: answer,
  stop: async () => undefined,
})

describe('a run', () => {
  it('has a probe of each difference that is listed', () => {
    expect(probes.map(({ id }) => id)).toEqual(DIFFERENCES.map(({ id }) => `probe ${id}`))
  })

  it('fails where the differences that are listed are not there', async () => {
    const { violations } = await compareWith(run, instead(runInLinkspan))
    const unseen = violations.filter(({ kind }) => kind === 'listed').map(({ says }) => says)
    expect(unseen).toEqual(DIFFERENCES.map(({ id }) => `no case showed the difference ${id}`))
  })

  it('fails at an answer that is another one', async () => {
    const silent = instead(async (one) => ({ ...(await runInLinkspan(one)), seen: [] }))
    const { violations } = await compareWith(run, silent)
    expect(violations.find(({ kind }) => kind === 'filter')?.says).toMatch(/^filter \d: expected ends/)
  })
})
