import { crashSweep, testFlow } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { examples } from './lib/examples.ts'
import { play } from './lib/pattern-example.ts'

describe.each([...examples])('%s', (_slug, example) => {
  const { flows, operations = {}, sweep = {} } = example

  it('comes out as it says', async () => {
    await using running = await testFlow(flows, {
      operations,
      ...(sweep.onError && { onError: sweep.onError }),
    })
    await play(example, running)
    await example.outcome(running)
  })

  it('comes out the same after a fault anywhere', async () => {
    const { boundaries, runs } = await crashSweep(flows, example.input, { operations, ...sweep })
    expect(boundaries).toBeGreaterThan(1)
    expect(runs).toBeGreaterThan(boundaries)
  })
})
