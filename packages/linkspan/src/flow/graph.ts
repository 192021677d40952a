import {
  type FlowDefinition,
  type ScopeNode,
  type SourceNode,
  type StepNode,
  stepPath,
} from '../model/flow-definition.ts'
import { patternsByKind } from '../patterns/index.ts'
import { FLOW_FALLBACK, type Pattern } from '../patterns/pattern.ts'

/** A flow as a plain graph, for drawing. */
export interface Graph {
  readonly name: string
  readonly summary: string
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  readonly groups: readonly GraphGroup[]
}

/** A box of the drawing: the source, a step, a channel that a step publishes to, or where a failed message goes on. */
export interface GraphNode {
  readonly id: string
  readonly role: 'source' | 'step' | 'channel' | 'failure'
  /** The step's kind; for others their role. */
  readonly kind: string
  readonly label: string
  /** What else there is to say, in few words. */
  readonly detail: string
  /** The step's path; null for others. */
  readonly path: string | null
  readonly guarantee: string | null
  /** The group that it is in. */
  readonly group: string | null
}

/** An arrow: the way of the message, of its children, of one that failed, of what is published, or to what a process uses. */
export interface GraphEdge {
  readonly from: string
  readonly to: string
  readonly role: 'next' | 'child' | 'failure' | 'publish' | 'use'
  readonly label: string
}

/** A frame around the steps of a scope. */
export interface GraphGroup {
  readonly id: string
  readonly label: string
  readonly path: string
  readonly parent: string | null
}

/** An arrow that has not met its end yet. */
interface Loose {
  readonly from: string
  readonly role: GraphEdge['role']
  readonly label: string
}

interface Drawing {
  readonly nodes: GraphNode[]
  readonly edges: GraphEdge[]
  readonly groups: GraphGroup[]
}

/**
 * The graph of a flow, derived from its definition.
 *
 * @example
 * ```ts
 * import { flow, graph, inbox } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (person) => `Hello ${person.name}`)
 * const boxes: string[] = graph(greet.definition).nodes.map((node) => node.label)
 * ```
 */
export function graph(definition: FlowDefinition): Graph {
  const drawing: Drawing = { nodes: [], edges: [], groups: [] }
  const source = addNode(drawing, {
    role: 'source',
    kind: 'source',
    label: definition.source.name,
    detail: sourceDetail(definition.source),
  })
  drawSteps(drawing, definition.steps, '', null, [{ from: source, role: 'next', label: '' }])
  if (definition.fallback !== null) drawFallback(drawing, definition.fallback)
  return { name: definition.name, summary: definition.summary, ...drawing }
}

function drawFallback(drawing: Drawing, steps: readonly StepNode[]): void {
  const from = addNode(drawing, {
    role: 'failure',
    kind: 'failure',
    label: 'failed for good',
    detail: 'onError',
  })
  const group = addGroup(drawing, 'on failure', FLOW_FALLBACK, null)
  drawSteps(drawing, steps, FLOW_FALLBACK, group, [{ from, role: 'failure', label: '' }])
}

/** Draws a sequence and answers the arrows that lead out of it. */
function drawSteps(
  drawing: Drawing,
  steps: readonly StepNode[],
  scope: string,
  group: string | null,
  into: readonly Loose[],
): readonly Loose[] {
  let loose = into
  for (const step of steps) loose = drawStep(drawing, step, stepPath(scope, step.name), group, loose)
  return loose
}

function drawStep(
  drawing: Drawing,
  step: StepNode,
  path: string,
  group: string | null,
  into: readonly Loose[],
): readonly Loose[] {
  const { kind, name: label, guarantee } = step
  const from = addNode(drawing, {
    role: 'step',
    kind,
    label,
    detail: stepDetail(step),
    path,
    guarantee,
    group,
  })
  for (const arrow of into) drawing.edges.push({ ...arrow, to: from })
  const channel = step.options['channel']
  if (typeof channel === 'string') drawChannel(drawing, from, channel)
  const outs = step.scopes.map((scope) => drawScope(drawing, step, scope, path, group, from))
  const own: readonly Loose[] = passesBy(step) ? [{ from, role: 'next', label: '' }] : []
  return drawnAs(step) === 'children' ? own : [...own, ...outs.flat()]
}

/** How the scopes of a step are drawn. */
export function drawnAs({ kind }: StepNode): Pattern['drawn'] {
  return patternsByKind.get(kind)?.drawn
}

/** Whether a message can go on right from the step, and not only through its scopes. */
export function passesBy(step: StepNode): boolean {
  return patternsByKind.get(step.kind)?.goesOn?.(step) ?? true
}

function drawScope(
  drawing: Drawing,
  step: StepNode,
  scope: ScopeNode,
  path: string,
  group: string | null,
  from: string,
): readonly Loose[] {
  const inner = scope.name === '' ? path : stepPath(path, scope.name)
  const into: Loose = { from, role: scopeRole(step, scope), label: scope.label }
  if (scope.steps.length === 0) return [into]
  const label = scope.label === '' ? step.name : `${step.name}: ${scope.label}`
  const framed = addGroup(drawing, label, inner, group)
  if (drawnAs(step) !== 'uses') return drawSteps(drawing, scope.steps, inner, framed, [into])
  for (const use of scope.steps)
    drawStep(drawing, use, stepPath(inner, use.name), framed, [{ ...into, label: '' }])
  return []
}

/** What the arrow into a scope stands for. */
export function scopeRole(step: StepNode, scope: ScopeNode): GraphEdge['role'] {
  if (drawnAs(step) === 'children') return 'child'
  if (drawnAs(step) === 'uses') return 'use'
  return drawnAs(step) === undefined && scope.name === 'fallback' ? 'failure' : 'next'
}

function drawChannel(drawing: Drawing, from: string, name: string): void {
  const known = drawing.nodes.find(({ role, label }) => role === 'channel' && label === name)
  const to =
    known?.id ?? addNode(drawing, { role: 'channel', kind: 'channel', label: name, detail: 'channel' })
  drawing.edges.push({ from, to, role: 'publish', label: '' })
}

function addNode(
  { nodes }: Drawing,
  node: Pick<GraphNode, 'role' | 'kind' | 'label' | 'detail'> & Partial<GraphNode>,
): string {
  const id = `n${nodes.length}`
  nodes.push({ path: null, guarantee: null, group: null, ...node, id })
  return id
}

function addGroup({ groups }: Drawing, label: string, path: string, parent: string | null): string {
  const id = `g${groups.length}`
  groups.push({ id, label, path, parent })
  return id
}

/** A source in few words: where it reads from, and how. */
export function sourceDetail({ connector, connection, keyed, deduped }: SourceNode): string {
  const marks = [keyed ? 'keyed' : '', deduped ? 'deduplicated' : ''].filter((mark) => mark !== '')
  return [connection === null ? connector : `${connector} ${connection}`, ...marks].join(' · ')
}

/** A step in few words: its kind, what it calls and under which guarantee. */
export function stepDetail(step: StepNode): string {
  const { kind, options, connection, operation, guarantee } = step
  if (operation !== null) return `${kind} ${connection}.${operation} · ${guarantee}`
  if (typeof options['channel'] === 'string') return `${kind} to ${options['channel']}`
  return patternsByKind.get(kind)?.detail?.(step) ?? kind
}
