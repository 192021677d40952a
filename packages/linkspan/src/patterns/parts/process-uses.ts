import { type StepNode, stepPath } from '../../model/flow-definition.ts'
import { asPolicy, type ErrorAction, type ErrorPolicy } from '../../model/policy.ts'
import type { CompileTools, Draft, NewScope } from '../pattern.ts'
import { invalid, shown, stepWords } from './arguments.ts'
import type { Declared } from './process-context.ts'

/** The builder methods that make a step of each use. */
interface Builder {
  call(name: string, operation: unknown, options?: object): Builder
  waitFor(name: string, event: unknown, options: object): Builder
  publish(name: string, channel: unknown): Builder
}

/** The scope of a process: each use is a step in it. */
export function usesScope(
  draft: Draft,
  uses: Readonly<Record<string, unknown>>,
  step: string,
): readonly NewScope[] {
  if (typeof uses !== 'object' || uses === null)
    throw invalid(`${stepWords(step)}: "uses" is an object, as { charge }, not ${shown(uses)}.`)
  const all = Object.entries(uses)
  if (all.length === 0) return []
  const build = (inner: unknown): unknown =>
    all.reduce((scope, [name, use]) => added(scope, name, use, step), inner as Builder)
  return [{ name: '', label: 'uses', draft: draft.scope(build) }]
}

function added(scope: Builder, name: string, use: unknown, step: string): Builder {
  if (typeof use !== 'object' || use === null)
    throw invalid(
      `${stepWords(step)}: ${JSON.stringify(name)} under "uses" is an operation, { operation } with settings, an event or a channel, not ${shown(use)}.`,
    )
  const { kind } = use as { readonly kind?: unknown }
  if (kind === 'event') return scope.waitFor(name, use, { key: String })
  if (kind === 'channel') return scope.publish(name, use)
  if (!('operation' in use)) return scope.call(name, use)
  const { operation, ...settings } = use
  return scope.call(name, operation, settings)
}

/** A policy for calls, which fail or are tried again: there is nothing that could go on without their result. */
export function callPolicy(given: ErrorAction | ErrorPolicy, step: string): ErrorPolicy {
  const policy = asPolicy(given)
  if ([policy.otherwise, ...policy.rules.map(({ action }) => action)].every(({ final }) => final === 'dead'))
    return policy
  throw invalid(
    `${stepWords(step)}: onError of a process says how often its calls are tried again; one that has failed for good rejects, and the function catches it or not. It cannot be ignored.`,
  )
}

/** What a process declared, by name. */
export function declaredBy(
  node: StepNode,
  policy: ErrorPolicy | undefined,
  { path, codeOf }: CompileTools,
): ReadonlyMap<string, Declared> {
  const steps = node.scopes.flatMap((scope) => scope.steps)
  return new Map(
    steps.map((each) => {
      const code = codeOf(stepPath(path, each.name))
      const own = code['onError'] as ErrorPolicy | undefined
      return [each.name, { node: each, code, policy: own ?? policy ?? null }]
    }),
  )
}
