import type { Accepted } from '../index.ts'
import type { Output } from './output.ts'

/** Prints the id of what was handed in, and what to do with it or that it was there before. */
export function showAccepted(out: Output, accepted: Accepted, next: string): void {
  if (out.json) {
    out.document(accepted)
    return
  }
  out.line(accepted.id)
  out.note(accepted.duplicate ? 'It was accepted before; this is the first one.' : next)
}
