import type { Draft, NewScope, ScopeOptions } from '../pattern.ts'
import { invalid, needFunction, shown, stepWords } from './arguments.ts'

/** A branch that a chain of calls has collected. */
export interface Branch {
  readonly scope: NewScope
  /** Undefined for a branch without a condition. */
  readonly predicate: unknown
}

const branches: WeakMap<object, readonly Branch[]> = new WeakMap()

/** Marks a chain object as holding these branches. */
export function holding<C extends object>(chain: C, list: readonly Branch[]): C {
  branches.set(chain, list)
  return chain
}

/** The branches of what a function of a chain answered; refuses other things, and none at all. */
export function branchesOf(answer: unknown, kind: string, step: string): readonly Branch[] {
  const list = typeof answer === 'object' && answer !== null ? branches.get(answer) : undefined
  if (list === undefined)
    throw invalid(
      `${stepWords(step)}: the function of ${kind}() must answer the chain it was given, but it answered ${shown(answer)}. Write it as (c) => c.…, without braces.`,
    )
  if (list.length === 0) throw invalid(`${stepWords(step)} has no branch.`)
  return list
}

/** A branch's scope; its name is its label. */
export function branchScope(
  draft: Draft,
  label: string,
  build: (inner: never) => unknown,
  step: string,
  options?: ScopeOptions,
): NewScope {
  if (typeof label !== 'string')
    throw invalid(`${stepWords(step)}: a branch's label is a text, not ${shown(label)}.`)
  if (label === '') throw invalid(`${stepWords(step)}: the label of a branch is empty.`)
  const checked = needFunction(build, `the scope of the branch ${JSON.stringify(label)}`, step)
  return { name: label, label, draft: draft.scope(checked, options) }
}
