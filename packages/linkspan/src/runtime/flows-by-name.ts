import { LinkspanError } from '../model/errors.ts'
import type { Flow } from '../patterns/steps.ts'

/** The flows of a project by their names. Throws `FLOW_DUPLICATE` saying where both are. */
export function flowsByName(flows: readonly Flow[]): ReadonlyMap<string, Flow> {
  const named = new Map<string, Flow>()
  for (const flow of flows) {
    const { name } = flow.definition
    const first = named.get(name)
    if (first) throw duplicateFlow(name, first, flow)
    named.set(name, flow)
  }
  return named
}

function duplicateFlow(name: string, first: Flow, second: Flow): LinkspanError {
  const place = (flow: Flow): string => {
    const at = flow.places.get('')
    return at ? `${at.file}:${at.line}` : 'an unknown place'
  }
  return new LinkspanError(
    'FLOW_DUPLICATE',
    `Two flows are called "${name}": at ${place(first)} and at ${place(second)}. Rename one of them.`,
  )
}

/** The error for a flow that the project does not have. */
export function unknownFlow(name: string, known: readonly string[]): LinkspanError {
  return new LinkspanError(
    'FLOW_UNKNOWN',
    `There is no flow "${name}". The project has: ${known.join(', ') || 'none'}.`,
    { details: { flow: name } },
  )
}
