import type { ConnectionDeclaration, Project, Reference } from '../index.ts'
import { ensureError } from '../model/errors.ts'

/** How references are told from other data, and looked up. */
export interface References {
  isReference(value: unknown): value is Reference
  lookup(reference: Reference): string | undefined
}

/** What a project asks of its surroundings: references to be looked up, and connections to be bound. */
interface Needs {
  readonly isReference: References['isReference']
  readonly seen: WeakSet<object>
  readonly references: Map<string, Reference>
  readonly connections: Map<string, ConnectionDeclaration>
}

/**
 * What keeps a project from starting here, each with what to do: variables and secrets that are not set, connections
 * that are not bound. It looks at everything that the project and its flows declare, at any depth.
 */
export function projectProblems(project: Project, { lookup, isReference }: References): readonly string[] {
  const needs: Needs = { isReference, seen: new WeakSet(), references: new Map(), connections: new Map() }
  const { journal, flows, ...settings } = project
  gather([settings, journal.configuration?.options], needs)
  for (const flow of flows) gather([flow.source, flow.own, ...flow.code.values()], needs)
  const bound = project.connections ?? {}
  return [
    ...[...needs.references.values()].flatMap((each) => missing(each, lookup)),
    ...[...needs.connections.values()]
      .filter(({ name, optional }) => optional !== true && !Object.hasOwn(bound, name))
      .map(unboundText),
  ]
}

function gather(value: unknown, needs: Needs): void {
  if (typeof value !== 'object' || value === null || needs.seen.has(value)) return
  needs.seen.add(value)
  if (needs.isReference(value)) needs.references.set(`${value.kind} ${value.name}`, value)
  else if (isConnection(value)) needs.connections.set(value.name, value)
  else for (const inner of value instanceof Map ? value.values() : Object.values(value)) gather(inner, needs)
}

function isConnection(value: object): value is ConnectionDeclaration {
  const { name, connector } = value as Partial<ConnectionDeclaration>
  return typeof name === 'string' && typeof connector?.connect === 'function'
}

function missing(reference: Reference, lookup: References['lookup']): readonly string[] {
  try {
    return reference.fallback === undefined && lookup(reference) === undefined ? [missingText(reference)] : []
  } catch (error) {
    return [ensureError(error).message]
  }
}

function missingText({ kind, name }: Reference): string {
  return kind === 'env'
    ? `The environment variable ${name} is not set. Set it, or give env('${name}') a fallback.`
    : `The secret ${name} is not there. Set ${name}, or set ${name}_FILE to the file that has it.`
}

function unboundText({ name, connector }: ConnectionDeclaration): string {
  return `The connection "${name}" (${connector.name}) is used by a flow and not bound. Add connections: { '${name}': { … } } to the project file.`
}
