import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { runScenario } from './fixtures/small-cluster.ts'

describe('the queues of several engines on one journal', () => {
  it('run every message in the order of its key, one at a time, and lose none, whatever befalls the engines', async () => {
    const scenario = fc.record({
      seed: fc.integer(),
      engines: fc.integer({ min: 1, max: 4 }),
      partitions: fc.integer({ min: 1, max: 5 }),
      keys: fc.integer({ min: 1, max: 8 }),
      messages: fc.integer({ min: 1, max: 150 }),
      window: fc.integer({ min: 1, max: 40 }),
      concurrency: fc.integer({ min: 1, max: 6 }),
      page: fc.constantFrom(2, 8, 256),
      laneDepth: fc.constantFrom(1, 3, 64),
      unrest: fc.constantFrom(0, 0.1, 0.3, 0.6),
      behindCounts: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        expect((await runScenario(given)).violations).toEqual([])
      }),
      { numRuns: 200 },
    )
  })
})
