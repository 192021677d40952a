import { describe, expect, it } from 'vitest'
import type { Camel } from './camel.ts'
import type { Case, Outcome } from './case.ts'
import type { Difference } from './differences.ts'
import { judge } from './judge.ts'
import { rewritten } from './rewrite.ts'

const one: Case = {
  id: 'a case',
  pattern: 'any',
  steps: [{ do: 'mark', with: 'x' }],
  messages: [],
  ticks: 0,
  ordered: true,
}
const saw = (...places: readonly string[]): Outcome => ({
  seen: places.map((at) => ({ at, body: null })),
  ends: [],
})
/** Sees its marks. */
const camel: Pick<Camel, 'run'> = {
  run: async ({ steps }) => saw(...steps.map((step) => (step.do === 'mark' ? step.with : step.do))),
}
const words = { camel: '', linkspan: '', reason: '', pages: [] }
const marksY: Difference = {
  id: 'marks y',
  ...words,
  by: {
    kind: 'case',
    of: (given) => rewritten(given, (step) => (step.do === 'mark' ? { ...step, with: 'y' } : step)),
  },
}
const upper: Difference = {
  id: 'writes large',
  ...words,
  by: {
    kind: 'view',
    of: () => (outcome) => ({
      ...outcome,
      seen: outcome.seen.map((each) => ({ ...each, at: each.at.toUpperCase() })),
    }),
  },
}

describe('a judgement', () => {
  it('is the comparison itself where no difference is listed', async () => {
    expect(await judge(one, saw('x'), camel, [])).toMatchObject({ same: true, observed: [] })
    expect(await judge(one, saw('z'), camel, [])).toMatchObject({
      same: false,
      says: 'expected x null, not z null',
    })
    expect(await judge(one, saw('x', 'x'), camel, [])).toMatchObject({
      same: false,
      says: 'expected ends, not x null',
    })
  })

  it('asks Camel for what Linkspan does where that is listed, and says so', async () => {
    expect(await judge(one, saw('y'), camel, [marksY])).toMatchObject({ same: true, observed: ['marks y'] })
    // It is listed, and it is not what Linkspan does.
    expect(await judge(one, saw('x'), camel, [marksY])).toMatchObject({ same: false, observed: [] })
    expect(await judge(one, saw('z'), camel, [marksY])).toMatchObject({ same: false })
  })

  it('compares by a view, and observes only what made a difference', async () => {
    expect(await judge(one, saw('X'), camel, [upper])).toMatchObject({
      same: true,
      observed: ['writes large'],
    })
    expect(await judge(one, saw('x'), camel, [upper])).toMatchObject({ same: true, observed: [] })
    expect(await judge(one, saw('Y'), camel, [marksY, upper])).toMatchObject({
      same: true,
      observed: ['marks y', 'writes large'],
    })
  })

  it('holds a model to both', async () => {
    const by = (camels: string, ours: string): Difference['by'] => ({
      kind: 'model',
      model: (_one, ids) => saw(ids.has('modelled') ? ours : camels),
    })
    const modelled = (camels: string, ours: string): Difference => ({
      id: 'modelled',
      ...words,
      by: by(camels, ours),
    })
    expect(await judge(one, saw('y'), camel, [modelled('x', 'y')])).toMatchObject({
      same: true,
      observed: ['modelled'],
    })
    expect(await judge(one, saw('x'), camel, [modelled('x', 'x')])).toMatchObject({
      same: true,
      observed: [],
    })
    expect(await judge(one, saw('z'), camel, [modelled('x', 'y')])).toMatchObject({ same: false })
    const wrong = await judge(one, saw('y'), camel, [modelled('w', 'y')])
    expect(wrong).toMatchObject({ same: false })
    expect(wrong.says).toMatch(/^the model is not what Camel does/)
  })

  it('is none where time was no measure', async () => {
    expect(await judge(one, saw('x'), { run: async () => null }, [])).toMatchObject({ same: null })
  })
})
