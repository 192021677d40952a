import { LinkspanError } from '../model/errors.ts'
import type { Flow } from '../patterns/steps.ts'

/** The flows of a project by their names. Throws `FLOW_DUPLICATE`, also of former names, saying where both are. */
export function flowsByName(flows: readonly Flow[]): ReadonlyMap<string, Flow> {
  const named = new Map<string, Flow>()
  for (const flow of flows) {
    const { name } = flow.definition
    const first = named.get(name)
    if (first) throw duplicateFlow(name, first, flow)
    named.set(name, flow)
  }
  refuseDoubleFormerNames(named)
  return named
}

/** What was under a former name goes on under the present one, so it can be that of one flow only. */
function refuseDoubleFormerNames(named: ReadonlyMap<string, Flow>): void {
  const owners = new Map(named)
  for (const flow of named.values())
    for (const former of flow.definition.renamedFrom) {
      const other = owners.get(former)
      if (other) throw duplicateFormerName(former, flow, other)
      owners.set(former, flow)
    }
}

function duplicateFormerName(former: string, flow: Flow, other: Flow): LinkspanError {
  const { name } = flow.definition
  const also =
    other.definition.name === former ? 'there is a flow of that name' : `so was "${other.definition.name}"`
  return new LinkspanError(
    'FLOW_DUPLICATE',
    `The flow "${name}" was called "${former}" (renamedFrom), and ${also}: at ${place(flow)} and at ${place(other)}. ` +
      'Its messages and state can go to one of them only.',
  )
}

function place(flow: Flow): string {
  const at = flow.places.get('')
  return at ? `${at.file}:${at.line}` : 'an unknown place'
}

function duplicateFlow(name: string, first: Flow, second: Flow): LinkspanError {
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
