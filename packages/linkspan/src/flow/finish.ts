import type { SourceDeclaration } from '../connect/connector.ts'
import {
  DEFINITION_FORMAT,
  type FlowDefinition,
  type FlowSettings,
  type ScopeNode,
  type SourceNode,
  type SourcePlace,
  type StepCode,
  type StepNode,
  stepPath,
} from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import { asPolicy } from '../model/policy.ts'
import { FLOW_FALLBACK, type NewStep } from '../patterns/pattern.ts'
import { type DraftState, formerNames, stateOfDraft, type WrittenStep } from './draft.ts'

/** A flow but for its steps. */
export interface FlowHead {
  readonly name: string
  readonly renamedFrom: readonly string[]
  readonly summary: string
  readonly settings: FlowSettings
  readonly source: SourceDeclaration<unknown>
  /** Key, index, dedupe and error policy. */
  readonly own: StepCode
  readonly place: SourcePlace
}

interface Finishing {
  readonly code: Map<string, StepCode>
  readonly places: Map<string, SourcePlace>
}

/** A scope's path as of now, and what it was when its steps had their oldest names. */
interface ScopePath {
  readonly path: string
  readonly oldest: string
}

/** The definition of a flow, and what of it is code, by path. */
export function finish(
  head: FlowHead,
  state: DraftState,
): {
  definition: FlowDefinition
  code: ReadonlyMap<string, StepCode>
  places: ReadonlyMap<string, SourcePlace>
} {
  const maps: Finishing = { code: new Map(), places: new Map([['', head.place]]) }
  const flow = head.renamedFrom[0] ?? head.name
  const fallback: ScopePath = { path: FLOW_FALLBACK, oldest: `${flow}/${FLOW_FALLBACK}` }
  const definition: FlowDefinition = {
    format: DEFINITION_FORMAT,
    name: head.name,
    renamedFrom: head.renamedFrom,
    summary: head.summary,
    source: sourceNode(head),
    settings: head.settings,
    steps: nodesOf(state.steps, { path: '', oldest: flow }, maps),
    fallback: state.fallback === null ? null : nodesOf(state.fallback, fallback, maps),
  }
  return { definition, ...maps }
}

function sourceNode({ source, own }: FlowHead): SourceNode {
  return {
    kind: source.kind,
    connector: source.connector,
    connection: source.connection?.name ?? null,
    name: source.name,
    options: source.options,
    keyed: own['key'] !== undefined,
    deduped: own['dedupe'] !== undefined,
    index: Object.keys((own['index'] ?? {}) as object),
  }
}

function nodesOf(steps: readonly WrittenStep[], scope: ScopePath, maps: Finishing): readonly StepNode[] {
  const names = namesOf(steps)
  return steps.map((written, index) => nodeOf(written, names[index] as string, scope, maps))
}

function nodeOf({ step, place }: WrittenStep, name: string, scope: ScopePath, maps: Finishing): StepNode {
  const renamedFrom = formerNames(step)
  const path = stepPath(scope.path, name)
  const oldest = stepPath(scope.oldest, renamedFrom[0] ?? name)
  maps.places.set(path, place)
  maps.code.set(path, codeOf(step))
  return {
    kind: step.kind,
    name,
    named: step.name !== undefined,
    renamedFrom,
    options: optionsOf(step, oldest),
    connection: step.operation?.connection.name ?? null,
    operation: step.operation?.name ?? null,
    guarantee: step.operation?.guarantee.kind ?? null,
    scopes: (step.scopes ?? []).map(({ name: inner, label, draft }): ScopeNode => {
      const below =
        inner === '' ? { path, oldest } : { path: stepPath(path, inner), oldest: stepPath(oldest, inner) }
      return { name: inner, label, steps: nodesOf(stateOfDraft(draft).steps, below, maps) }
    }),
  }
}

function codeOf(step: NewStep): StepCode {
  const onError = step.common?.onError
  return onError === undefined ? (step.code ?? {}) : { ...step.code, onError: asPolicy(onError) }
}

function optionsOf(step: NewStep, oldest: string): Readonly<Record<string, Json>> {
  const options = step.options ?? {}
  return step.keepsState === true && options['scope'] === undefined ? { ...options, scope: oldest } : options
}

/** The names of a scope's steps: unnamed ones are called by their kind and their number among those of that kind. */
function namesOf(steps: readonly WrittenStep[]): readonly string[] {
  const taken = new Set(
    steps.flatMap(({ step }) => (step.name === undefined ? [] : [step.name, ...formerNames(step)])),
  )
  const counts = new Map<string, number>()
  return steps.map(({ step }) => {
    if (step.name !== undefined) return step.name
    const count = (counts.get(step.kind) ?? 0) + 1
    counts.set(step.kind, count)
    return free(`${step.kind}-${count}`, taken)
  })
}

function free(name: string, taken: ReadonlySet<string>): string {
  return taken.has(name) ? free(`${name}-unnamed`, taken) : name
}
