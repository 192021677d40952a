import { createHash } from 'node:crypto'
import type { Flow } from '../../index.ts'
import { walkSteps } from '../../model/flow-definition.ts'

/** A flow with a fingerprint of each of its parts, comparable across processes. */
export interface FlowPrint {
  readonly name: string
  /** Fingerprints by step path; '' stands for the flow's source, settings and own functions. */
  readonly parts: Readonly<Record<string, string>>
}

/** What became of the flows between two loads. */
export interface FlowChanges {
  readonly added: readonly string[]
  readonly removed: readonly string[]
  readonly changed: readonly { readonly flow: string; readonly parts: readonly string[] }[]
}

/** Fingerprints a flow: each step's data and the text of its functions. What a function calls is not seen. */
export function printOf(flow: Flow): FlowPrint {
  const { definition } = flow
  const parts: Record<string, string> = {
    '': hash([definition.source, definition.settings, definition.summary, flow.own]),
  }
  const add = (steps: typeof definition.steps, scope: string): void =>
    walkSteps(
      steps,
      (node, path) => {
        parts[path] = hash([{ ...node, scopes: node.scopes.map(({ name }) => name) }, flow.code.get(path)])
      },
      scope,
    )
  add(definition.steps, '')
  if (definition.fallback !== null) add(definition.fallback, 'fallback')
  return { name: definition.name, parts }
}

/** Compares two loads of a project. */
export function flowChanges(before: readonly FlowPrint[], after: readonly FlowPrint[]): FlowChanges {
  const old = new Map(before.map((flow) => [flow.name, flow]))
  const names = new Set(after.map(({ name }) => name))
  return {
    added: after.filter(({ name }) => !old.has(name)).map(({ name }) => name),
    removed: before.filter(({ name }) => !names.has(name)).map(({ name }) => name),
    changed: after.flatMap((flow) => {
      const earlier = old.get(flow.name)
      const parts = earlier === undefined ? [] : changedParts(earlier.parts, flow.parts)
      return parts.length === 0 ? [] : [{ flow: flow.name, parts }]
    }),
  }
}

function changedParts(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): readonly string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...paths].filter((path) => before[path] !== after[path])
}

function hash(value: unknown): string {
  const text = JSON.stringify(value, describing(new WeakSet())) ?? ''
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Functions count by their text; whatever holds itself is cut off. */
function describing(seen: WeakSet<object>): (name: string, value: unknown) => unknown {
  return (_name, value) => {
    if (typeof value === 'function') return `function ${value.toString()}`
    if (typeof value === 'bigint' || typeof value === 'symbol') return String(value)
    if (value instanceof RegExp) return String(value)
    if (typeof value !== 'object' || value === null) return value
    if (seen.has(value)) return '[seen]'
    seen.add(value)
    if (value instanceof Map) return [...value]
    return value
  }
}
