import type { ConnectionDeclaration, Project, Reference } from '../index.ts'

/** What a project asks of its surroundings: references to be looked up, and connections to be bound. */
interface Needs {
  readonly references: Map<string, Reference>
  readonly connections: Map<string, ConnectionDeclaration>
}

/**
 * What keeps a project from starting here, each with what to do: variables and secrets that are not set, connections
 * that are not bound. It looks at everything that the project and its flows declare, at any depth.
 */
export function projectProblems(
  project: Project,
  lookup: (reference: Reference) => string | undefined,
): readonly string[] {
  const needs: Needs = { references: new Map(), connections: new Map() }
  const seen = new WeakSet<object>()
  const { journal: _journal, flows, ...settings } = project
  gather(settings, needs, seen)
  for (const flow of flows) gather([flow.source, flow.own, ...flow.code.values()], needs, seen)
  const bound = project.connections ?? {}
  return [
    ...[...needs.references.values()].filter((each) => isMissing(each, lookup)).map(missingText),
    ...[...needs.connections.values()]
      .filter(({ name, optional }) => optional !== true && !Object.hasOwn(bound, name))
      .map(unboundText),
  ]
}

function gather(value: unknown, needs: Needs, seen: WeakSet<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return
  seen.add(value)
  if (isReference(value)) needs.references.set(`${value.kind} ${value.name}`, value)
  else if (isConnection(value)) needs.connections.set(value.name, value)
  else
    for (const inner of value instanceof Map ? value.values() : Object.values(value))
      gather(inner, needs, seen)
}

function isReference(value: object): value is Reference {
  const { kind, name } = value as Partial<Reference>
  return (kind === 'env' || kind === 'secret') && typeof name === 'string'
}

function isConnection(value: object): value is ConnectionDeclaration {
  const { name, connector } = value as Partial<ConnectionDeclaration>
  return typeof name === 'string' && typeof connector?.connect === 'function'
}

function isMissing(reference: Reference, lookup: (reference: Reference) => string | undefined): boolean {
  return reference.fallback === undefined && lookup(reference) === undefined
}

function missingText({ kind, name }: Reference): string {
  return kind === 'env'
    ? `The environment variable ${name} is not set. Set it, or give env('${name}') a fallback.`
    : `The secret ${name} is not there. Set it in the environment or as a secret file.`
}

function unboundText({ name, connector }: ConnectionDeclaration): string {
  return `The connection "${name}" (${connector.name}) is used by a flow and not bound. Add connections: { '${name}': { … } } to the project file.`
}
