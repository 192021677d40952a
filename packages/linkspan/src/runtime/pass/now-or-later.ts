import type { StepResult } from '../../patterns/pattern.ts'

/** Runs now or later, and lets `failed` decide on what was thrown either way. */
export function attempt(
  run: () => StepResult | Promise<StepResult>,
  failed: (thrown: unknown) => StepResult | Promise<StepResult>,
): StepResult | Promise<StepResult> {
  try {
    const result = run()
    return result instanceof Promise ? result.catch(failed) : result
  } catch (thrown) {
    return failed(thrown)
  }
}

/** Runs now or later, and does something when that is over, either way. */
export function lastly(
  run: () => StepResult | Promise<StepResult>,
  over: () => void,
): StepResult | Promise<StepResult> {
  let result: StepResult | Promise<StepResult>
  try {
    result = run()
  } catch (thrown) {
    over()
    throw thrown
  }
  if (result instanceof Promise) return result.finally(over)
  over()
  return result
}
