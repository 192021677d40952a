import { describe, expect, it } from 'vitest'
import { flowOf, projectOf } from '../../scripts/lib/type-budget-templates.ts'
import { excess, minus, typeCostOf } from '../../scripts/lib/type-cost.ts'

const printed =
  'Files:              79\nTypes:           32983\nInstantiations:  28585\nCheck time:     0.279s\n'
const cost = { instantiations: 28_585, types: 32_983 }
const limit = { count: 200, maxInstantiations: 28_585, maxTypes: 32_983 }

describe('the cost of types', () => {
  it("is read from the compiler's counts", () => {
    expect(typeCostOf(printed)).toEqual(cost)
    expect(() => typeCostOf('Types: 5\n')).toThrow("no line 'Instantiations: <number>'")
  })

  it('is within its limit up to the limit, and not above', () => {
    expect(excess('case', cost, limit)).toEqual([])
    const dearer = minus(cost, { instantiations: -1, types: 0 })
    expect(excess('case', dearer, limit)).toEqual([
      expect.stringContaining('28586 instantiations, the limit is 28585'),
    ])
    expect(excess('case', cost, { ...limit, maxTypes: 1 })).toEqual([
      expect.stringContaining('the limit is 1'),
    ])
  })

  it('does not pass without a limit, or when the case cost nothing', () => {
    expect(excess('case', cost, { ...limit, maxTypes: null })).toEqual([
      expect.stringContaining('no limit of types'),
    ])
    expect(excess('case', { ...cost, instantiations: 0 }, limit)).toEqual([
      expect.stringContaining('cannot be right'),
    ])
  })
})

describe('the generated sources', () => {
  const steps = (text: string) => text.match(/^ {2}\.(?!from)\w+\(/gm)?.length

  it('have as many steps and flows as asked', () => {
    expect(steps(flowOf(200)['flow.ts'] ?? '')).toBe(200)
    const project = projectOf(200)
    expect(Object.keys(project)).toHaveLength(201)
    expect(project['project.ts']).toContain('import { f199 } from')
    expect(project['f199.ts']).toContain("flow('f199')")
  })
})
