import { describe, expect, it } from 'vitest'
import { CONTROLS, type Control } from './controls.ts'
import { type Outcome, simulate } from './simulate.ts'

/** The first seed in which the checker finds what must be found with a protection off. */
async function firstFound(
  without: Control,
): Promise<{ readonly seed: number; readonly kinds: string[] } | null> {
  const {
    finds,
    within,
    engines = 1,
  }: { finds: readonly string[]; within: number; engines?: number } = CONTROLS[without]
  const wanted: readonly string[] = finds
  const kindsOf = ({ violations }: Outcome): string[] => [...new Set(violations.map(({ kind }) => kind))]
  for (let seed = 1; seed <= within; seed++) {
    const kinds = kindsOf(await simulate(seed, { without, engines }))
    if (kinds.some((kind) => wanted.includes(kind))) return { seed, kinds }
  }
  return null
}

describe('with a protection off the checker objects', () => {
  it.each(Object.keys(CONTROLS) as Control[])('%s', async (control) => {
    const found = await firstFound(control)
    const { what, within } = CONTROLS[control]
    expect(found, `${what}: not noticed within ${within} seeds`).not.toBeNull()
    process.stdout.write(`${control} (${what}): seed ${found?.seed}, ${found?.kinds.join(', ')}\n`)
  })
})
