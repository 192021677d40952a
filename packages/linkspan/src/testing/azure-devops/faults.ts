/**
 * What goes wrong with a request.
 * - `throttled`: 429 with `Retry-After`; nothing is done.
 * - `unavailable`: 503; nothing is done. With `retryAfter` it says when to come again.
 * - `error`: 500; nothing is done. `error-after`: it is done, and 500 is answered.
 * - `lost`: the connection is cut before anything is done. `lost-after`: it is done, and the answer is lost.
 * - `silent-after`: it is done, and nothing is ever answered: the caller's time limit ends.
 * - `delayed`: it is done and answered, with `Retry-After` on the success, as Azure DevOps asks those to slow down whom it
 *   does not refuse yet.
 * - `stale`: another person changes the work item, or moves the ref, first.
 * - `sign-in`: 203 with the page for signing in, as for a token that has expired.
 */
export type SimulatorFault =
  | { readonly kind: 'throttled'; readonly retryAfter?: number }
  | { readonly kind: 'unavailable'; readonly retryAfter?: number }
  | { readonly kind: 'delayed'; readonly retryAfter: number }
  | { readonly kind: 'error' | 'error-after' | 'lost' | 'lost-after' | 'silent-after' | 'stale' | 'sign-in' }

/** Which requests a fault is for: by method and path, as `PATCH` and `/_apis/wit/workitems/5`. */
export type FaultMatch = (request: { readonly method: string; readonly path: string }) => boolean

/** Faults that wait for their requests. */
export interface Faults {
  add(fault: SimulatorFault, match: FaultMatch, times: number): void
  take(method: string, path: string): SimulatorFault | null
  clear(): void
}

/** Makes an empty list of faults. */
export function createFaults(): Faults {
  let waiting: { readonly fault: SimulatorFault; readonly match: FaultMatch; left: number }[] = []
  return {
    add(fault, match, times) {
      waiting.push({ fault, match, left: times })
    },
    take(method, path) {
      const found = waiting.find(({ match }) => match({ method, path }))
      if (found === undefined) return null
      found.left--
      if (found.left <= 0) waiting = waiting.filter((one) => one !== found)
      return found.fault
    },
    clear() {
      waiting = []
    },
  }
}
