import { CONTROLS, type Control } from './controls.ts'
import { generate, stepsOf } from './generate.ts'
import { run } from './run.ts'

/** What was found with a fault planted. */
export interface FoundControl {
  readonly seed: number
  readonly kinds: readonly string[]
  readonly says: string
}

/** The first seed in which something is found with a fault planted; null when there is none within what is stated. */
export async function findControl(control: Control, first = 1): Promise<FoundControl | null> {
  const { kinds, within } = CONTROLS[control]
  for (let seed = first, tried = 0; tried < within; seed += 1) {
    const steps = kinds === undefined ? null : stepsOf(generate(seed))
    if (steps !== null && !kinds?.some((kind) => (steps[kind] ?? 0) > 0)) continue
    tried += 1
    const { violations } = await run(seed, { control })
    const [found] = violations
    if (found) return { seed, kinds: [...new Set(violations.map(({ kind }) => kind))], says: found.says }
  }
  return null
}
