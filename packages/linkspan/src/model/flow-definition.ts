import type { Json } from './message.ts'

/** The version of the plain-data form of a flow. */
export const DEFINITION_FORMAT = 1

/** A flow as plain, serialisable data; its functions hang beside it by step path ({@link StepCode}). */
export interface FlowDefinition {
  readonly format: typeof DEFINITION_FORMAT
  readonly name: string
  readonly renamedFrom: readonly string[]
  readonly summary: string
  readonly source: SourceNode
  readonly settings: FlowSettings
  readonly steps: readonly StepNode[]
  /** The branch that a message takes when it has failed for good, when there is one. */
  readonly fallback: readonly StepNode[] | null
}

/** Where a flow's messages come from. */
export interface SourceNode {
  readonly kind: 'push' | 'poll' | 'stream' | 'channel'
  readonly connector: string
  readonly connection: string | null
  readonly name: string
  readonly options: Readonly<Record<string, Json>>
  /** Whether messages have a key, are deduplicated, and by which fields they can be searched. */
  readonly keyed: boolean
  readonly deduped: boolean
  readonly index: readonly string[]
}

/** The settings of a flow that are data. Times in milliseconds. */
export interface FlowSettings {
  /** How many passes may run at once. */
  readonly concurrency: number
  /** The most messages of this flow kept in memory. */
  readonly window: number
  /** The most bytes of bodies of this flow kept in memory. */
  readonly windowBytes: number
  /** A message older than this is dead-lettered with `TIME_LIMIT`; null for no limit. */
  readonly timeLimitMs: number | null
  /** How long a source's dedupe keys are remembered. */
  readonly dedupeForMs: number
  /** Where messages are kept until they have ended, when not in the journal: in the source's own log. */
  readonly durability?: 'source'
}

const MIB = 1_048_576
const DAY_MS = 86_400_000

/** The settings of a flow that says nothing else. */
export const DEFAULT_FLOW_SETTINGS: FlowSettings = {
  concurrency: 128,
  window: 10_000,
  windowBytes: 16 * MIB,
  timeLimitMs: null,
  dedupeForMs: 30 * DAY_MS,
}

/** One step. Its path is its name within the names of the scopes around it, joined by `/`. */
export interface StepNode {
  /** The pattern that runs it. */
  readonly kind: string
  readonly name: string
  /** False when the name was derived. */
  readonly named: boolean
  readonly renamedFrom: readonly string[]
  readonly options: Readonly<Record<string, Json>>
  readonly connection: string | null
  readonly operation: string | null
  readonly guarantee: string | null
  readonly scopes: readonly ScopeNode[]
}

/** An inner sequence of steps: a branch, the body of a split. */
export interface ScopeNode {
  readonly name: string
  readonly label: string
  readonly steps: readonly StepNode[]
}

/**
 * What of a step is code: its functions, schemas and declarations by role. The builder fills it, the step's pattern
 * reads it; nobody else looks inside.
 */
export interface StepCode {
  readonly [role: string]: unknown
}

/** Where a step was written, for messages to people. */
export interface SourcePlace {
  readonly file: string
  readonly line: number
}

/** The path of a step inside a scope. */
export function stepPath(scope: string, name: string): string {
  return scope === '' ? name : `${scope}/${name}`
}

/** Calls `visit` for each step with its path, outer steps first. */
export function walkSteps(
  steps: readonly StepNode[],
  visit: (node: StepNode, path: string) => void,
  scope = '',
): void {
  for (const node of steps) {
    const path = stepPath(scope, node.name)
    visit(node, path)
    for (const inner of node.scopes)
      walkSteps(inner.steps, visit, inner.name === '' ? path : stepPath(path, inner.name))
  }
}
