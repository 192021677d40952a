import type { FlowDefinition, ScopeNode, SourceNode, StepNode } from '../model/flow-definition.ts'
import { sourceDetail, stepDetail } from './graph.ts'

/** A line of the outline with what lies below it. */
interface Branch {
  readonly text: string
  readonly below: readonly Branch[]
}

/**
 * A flow as a tree of lines, for the terminal.
 *
 * @example
 * ```ts
 * import { flow, inbox, outline } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (person) => `Hello ${person.name}`)
 * const text: string = outline(greet.definition)
 * ```
 */
export function outline({ name, source, steps, fallback }: FlowDefinition): string {
  const branches = steps.map(ofStep)
  const failed = fallback === null ? [] : [{ text: 'failed for good (onError)', below: fallback.map(ofStep) }]
  return [name, ofSource(source), ...lines([...branches, ...failed], '')].map((line) => `${line}\n`).join('')
}

function ofSource(source: SourceNode): string {
  const detail = sourceDetail(source)
  return source.name === source.connector ? `from ${detail}` : `from ${source.name}  ${detail}`
}

function ofStep(step: StepNode): Branch {
  return { text: `${step.name}  ${stepDetail(step)}`, below: step.scopes.flatMap(ofScope) }
}

/** The only scope of a step needs no line of its own. */
function ofScope(scope: ScopeNode): readonly Branch[] {
  const steps = scope.steps.map(ofStep)
  return scope.name === '' ? steps : [{ text: `${scope.label}:`, below: steps }]
}

function lines(branches: readonly Branch[], rails: string): readonly string[] {
  return branches.flatMap(({ text, below }, at) => {
    const last = at === branches.length - 1
    return [
      `${rails}${last ? '└─ ' : '├─ '}${text.replace(/\s*\n\s*/g, ' ')}`,
      ...lines(below, `${rails}${last ? '   ' : '│  '}`),
    ]
  })
}
