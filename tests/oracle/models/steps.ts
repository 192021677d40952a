import { type AnyBody, answeredBy } from '../bodies.ts'
import type { Seen, Step } from '../case.ts'

/** Runs steps that mark, add, fail and are seen; answers the body, or null where one failed. */
export function runSteps(steps: readonly Step[], body: AnyBody, see: (seen: Seen) => void): AnyBody | null {
  let at = body
  for (const step of steps) {
    if (step.do === 'see') see({ at: step.at, body: at as unknown as Seen['body'] })
    else
      try {
        at = answeredBy([step], at)
      } catch {
        return null
      }
  }
  return at
}
