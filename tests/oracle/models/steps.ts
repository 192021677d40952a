import { type AnyBody, answeredBy, isIo } from '../bodies.ts'
import type { Seen, Step } from '../case.ts'

/** The body that steps ended with, or how one failed. */
export type Ran = { readonly body: AnyBody } | { readonly failed: 'io' | 'other' }

/** Runs steps that mark, add, fail and are seen. */
export function runSteps(steps: readonly Step[], body: AnyBody, see: (seen: Seen) => void): Ran {
  let at = body
  for (const step of steps) {
    if (step.do === 'see') see({ at: step.at, body: at as unknown as Seen['body'] })
    else
      try {
        at = answeredBy([step], at)
      } catch (error) {
        return { failed: isIo(error as Error) ? 'io' : 'other' }
      }
  }
  return { body: at }
}
