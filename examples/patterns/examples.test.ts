import type { Flow } from 'linkspan'
import { crashSweep, type TestFlow, testFlow } from 'linkspan/testing'
import { describe, expect, it } from 'vitest'
import { walkSteps } from '../../packages/linkspan/src/model/flow-definition.ts'
import { pathAt } from '../../packages/linkspan/src/model/step-place.ts'
import { patternsByKind } from '../../packages/linkspan/src/patterns/index.ts'
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
    expect(await passed(running), 'steps that the input comes to').toEqual(
      expect.arrayContaining(flows.flatMap(toBeSwept)),
    )
    await example.outcome(running)
  })

  it('comes out the same after a fault anywhere', async () => {
    const { boundaries, runs } = await crashSweep(flows, example.input, { operations, ...sweep })
    expect(boundaries).toBeGreaterThan(1)
    expect(runs).toBeGreaterThan(boundaries)
  })
})

/** The steps with state or effects: a sweep whose input does not come to them says nothing of them. */
function toBeSwept({ definition }: Flow): readonly string[] {
  const paths: string[] = []
  walkSteps(definition.steps, ({ kind }, path) => {
    const stepClass = patternsByKind.get(kind)?.stepClass
    if (stepClass === 'stateful' || stepClass === 'effect') paths.push(`${definition.name}: ${path}`)
  })
  return paths
}

async function passed(running: TestFlow): Promise<readonly string[]> {
  const paths = new Set<string>()
  for (const { id, flow } of await running.messages({ children: true })) {
    const { steps } = await running.trace(id)
    for (const { path } of steps) paths.add(`${flow}: ${pathAt(path)}`)
  }
  return [...paths]
}
