import type { SourceDeclaration } from '../connect/connector.ts'
import type { FlowDefinition, SourcePlace, StepCode } from '../model/flow-definition.ts'
import { flowMethods, patterns } from '../patterns/index.ts'
import type { Draft } from '../patterns/pattern.ts'
import type { Facts, Flow, NoNames, Steps } from '../patterns/steps.ts'
import { codeVersion } from './code-version.ts'
import { atPlace, type DraftState, draftOf, type Presentation, stateOfDraft } from './draft.ts'
import { type FlowHead, finish } from './finish.ts'
import { callerOf } from './place.ts'

type Finished = Pick<Flow, 'definition' | 'code' | 'places' | 'codeVersion'> & { readonly head: FlowHead }

/** What stands behind a builder: the flow's head is known by the outermost ones only. */
interface Behind {
  readonly head: FlowHead | null
  readonly state: DraftState
  finished: Finished | null
}

const behinds: WeakMap<object, Behind> = new WeakMap()

function behind(value: unknown): Behind | undefined {
  return typeof value === 'object' && value !== null ? behinds.get(value) : undefined
}

function builderOf(head: FlowHead | null, state: DraftState): object {
  const builder: object = Object.create(prototype)
  behinds.set(builder, { head, state, finished: null })
  return builder
}

const presentation: Presentation = {
  present: (state) => builderOf(null, state),
  stateOf: (value) => behind(value)?.state,
}

type Method = (draft: Draft, ...args: readonly unknown[]) => Draft

function methodOf(run: Method): (this: unknown, ...args: readonly unknown[]) => object {
  return function method(this: unknown, ...args: readonly unknown[]): object {
    const { head, state } = behind(this) as Behind
    const place = callerOf(method)
    const next = atPlace(place, () => run(draftOf(state, place, presentation), ...args))
    return builderOf(head, stateOfDraft(next))
  }
}

function finishedOf(builder: unknown): Finished {
  const own = behind(builder) as Behind
  if (own.head === null)
    throw new TypeError(
      'These are the steps of a scope, not a flow: only what flow().from() begins has a definition.',
    )
  own.finished ??= finished(own.head, own.state)
  return own.finished
}

function finished(head: FlowHead, state: DraftState): Finished {
  const parts = finish(head, state)
  return { ...parts, head, codeVersion: codeVersion(parts.definition, parts.code, head.own) }
}

const facts = {
  get definition(): FlowDefinition {
    return finishedOf(this).definition
  },
  get code(): ReadonlyMap<string, StepCode> {
    return finishedOf(this).code
  },
  get places(): ReadonlyMap<string, SourcePlace> {
    return finishedOf(this).places
  },
  get codeVersion(): string {
    return finishedOf(this).codeVersion
  },
  get source(): SourceDeclaration<unknown> {
    return finishedOf(this).head.source
  },
  get own(): StepCode {
    return finishedOf(this).head.own
  },
}

const prototype: object = Object.assign(
  Object.create(null, Object.getOwnPropertyDescriptors(facts)) as object,
  Object.fromEntries(
    [...patterns, { methods: flowMethods }].flatMap(({ methods }) =>
      Object.entries(methods).map(([name, run]) => [name, methodOf(run as Method)] as const),
    ),
  ),
)

/** The builder of a flow that has no step yet. */
export function startSteps<T>(head: FlowHead): Steps<T, NoNames, Facts<T, never>> {
  const surroundings = { outermost: true, children: false, bound: [] }
  const state: DraftState = { flow: head.name, surroundings, steps: [], fallback: null }
  return builderOf(head, state) as Steps<T, NoNames, Facts<T, never>>
}
