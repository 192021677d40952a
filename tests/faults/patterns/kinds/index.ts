import type { Kind } from '../kind.ts'
import { calls } from './calls.ts'
import { children } from './children.ts'
import { failing } from './failing.ts'
import { processes } from './process.ts'
import { pure } from './pure.ts'
import { scopes } from './scopes.ts'
import { stateful } from './stateful.ts'
import { waits } from './waits.ts'

/** Every kind of step that is drawn, by the engine's name of it. One that the engine has and this lacks fails a test. */
export const KINDS: ReadonlyMap<string, Kind> = new Map(
  [...pure, ...scopes, ...children, ...calls, ...failing, ...stateful, ...waits, ...processes].map((kind) => [
    kind.kind,
    kind,
  ]),
)

/** The kind of a step. */
export function kindNamed(kind: string): Kind {
  const found = KINDS.get(kind)
  if (found === undefined)
    throw new Error(`There is no kind of step "${kind}" in tests/faults/patterns/kinds.`)
  return found
}
