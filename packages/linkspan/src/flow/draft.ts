import { isLinkspanError, LinkspanError } from '../model/errors.ts'
import type { SourcePlace } from '../model/flow-definition.ts'
import { stepNameProblem } from '../model/step-name.ts'
import { patternsByKind } from '../patterns/index.ts'
import { shown, stepWords } from '../patterns/parts/arguments.ts'
import {
  type Draft,
  FLOW_FALLBACK,
  type NewScope,
  type NewStep,
  RESERVED_NAMES,
  type ScopeOptions,
} from '../patterns/pattern.ts'
import { formatPlace } from './place.ts'

/** A step as it was written. */
export interface WrittenStep {
  readonly step: NewStep
  readonly place: SourcePlace
}

/** The scope that a draft is of. One object per scope, so that a draft of another scope is noticed. */
export interface Surroundings {
  readonly outermost: boolean
  readonly children: boolean
  /** Names bound around it. */
  readonly bound: readonly string[]
}

/** What a draft holds; immutable. */
export interface DraftState {
  readonly flow: string
  readonly surroundings: Surroundings
  readonly steps: readonly WrittenStep[]
  readonly fallback: readonly WrittenStep[] | null
}

/** Makes the public builder of a state, and finds the state of one. Handed in, as the builder itself needs drafts. */
export interface Presentation {
  present(state: DraftState): unknown
  stateOf(value: unknown): DraftState | undefined
}

const states: WeakMap<Draft, DraftState> = new WeakMap()

/** The state of a draft that {@link draftOf} made. */
export function stateOfDraft(draft: Draft): DraftState {
  return states.get(draft) as DraftState
}

/** A draft of a state; what is added to it was written at `place`. */
export function draftOf(state: DraftState, place: SourcePlace, presentation: Presentation): Draft {
  const draft: Draft = {
    add: (step) => draftOf(withStep(state, { step, place }), place, presentation),
    scope: (build, options) => draftOf(builtScope(state, build, options, presentation), place, presentation),
    set: (_part, value) => draftOf(withFallback(state, stateOfDraft(value).steps), place, presentation),
  }
  states.set(draft, state)
  return draft
}

/** Calls a pattern's method; a `FLOW_INVALID` from it is completed by the place. */
export function atPlace<T>(place: SourcePlace, run: () => T): T {
  try {
    return run()
  } catch (error) {
    if (!isLinkspanError(error, 'FLOW_INVALID') || error.details['place'] !== undefined) throw error
    throw refused(error.message, place)
  }
}

function refused(message: string, place: SourcePlace): LinkspanError {
  return new LinkspanError('FLOW_INVALID', `${message} (${formatPlace(place)})`, {
    details: { place: formatPlace(place) },
  })
}

function builtScope(
  state: DraftState,
  build: (inner: never) => unknown,
  options: ScopeOptions | undefined,
  presentation: Presentation,
): DraftState {
  const surroundings: Surroundings = {
    outermost: false,
    children: state.surroundings.children || options?.children === true,
    bound: [...(options?.alone === true ? [] : boundIn(state)), ...(options?.binds ?? [])],
  }
  const inner: DraftState = { flow: state.flow, surroundings, steps: [], fallback: null }
  const answer = build(presentation.present(inner) as never)
  const built = presentation.stateOf(answer)
  if (built?.surroundings === surroundings) return built
  const got = built === undefined ? shown(answer) : 'the steps of another scope'
  throw new LinkspanError(
    'FLOW_INVALID',
    `A scope function must answer the steps it was given, but it answered ${got}. Write it as (scope) => scope.map(…), without braces, and not asynchronous.`,
  )
}

function boundIn(state: DraftState): readonly string[] {
  return [...state.surroundings.bound, ...state.steps.flatMap(({ step }) => step.binds ?? [])]
}

function withFallback(state: DraftState, fallback: readonly WrittenStep[]): DraftState {
  if (!state.surroundings.outermost)
    throw new LinkspanError(
      'FLOW_INVALID',
      'A flow has one fallback branch, so onError() may not stand inside a scope.',
    )
  if (state.fallback !== null)
    throw new LinkspanError(
      'FLOW_INVALID',
      `The flow "${state.flow}" has a fallback branch already: use onError() once.`,
    )
  return { ...state, fallback }
}

function withStep(state: DraftState, written: WrittenStep): DraftState {
  checkNames(state, written)
  checkBindings(state, written)
  checkHidden(state, written)
  checkScopes(written)
  if (written.step.notInChildren === true && state.surroundings.children)
    throw refused(
      `${stepWords(written.step.name)} (${written.step.kind}) stands inside a split, multicast or tap, whose children are messages of their own. Put it after that step.`,
      written.place,
    )
  if (written.step.onlyOutermost === true && !state.surroundings.outermost)
    throw refused(
      `${stepWords(written.step.name)} (${written.step.kind}) says something of the whole flow, so it may not stand inside a scope. Put it between the flow's own steps.`,
      written.place,
    )
  return { ...state, steps: [...state.steps, written] }
}

function checkNames(state: DraftState, written: WrittenStep): void {
  const { step, place } = written
  if (step.name === undefined) {
    if (patternsByKind.get(step.kind)?.mayBeUnnamed !== true)
      throw refused(
        `A ${step.kind} step needs a name: its records, the diagram and the metrics use it.`,
        place,
      )
    return
  }
  for (const name of [step.name, ...formerNames(step)]) {
    const problem = stepNameProblem(name)
    if (problem !== undefined)
      throw refused(
        `The name of a ${step.kind} step ${problem}: ${shown(name)}. Give it a name of its own.`,
        place,
      )
  }
  if (state.surroundings.outermost && step.name === FLOW_FALLBACK)
    throw refused(
      `No step may be called "${FLOW_FALLBACK}": the paths of the flow's fallback begin so.`,
      place,
    )
  checkCollisions(state, written, step.name)
}

function checkCollisions(state: DraftState, { step, place }: WrittenStep, name: string): void {
  const mine = [name, ...formerNames(step)]
  const twice = mine.find((former, index) => mine.indexOf(former) !== index)
  if (twice !== undefined)
    throw refused(`The step ${shown(name)} lists "${twice}" twice in its names.`, place)
  for (const other of state.steps) {
    const taken = new Set([other.step.name, ...formerNames(other.step)])
    const clash = mine.find((candidate) => taken.has(candidate))
    if (clash === undefined) continue
    const both = clash === name && clash === other.step.name
    const what = both
      ? `Two steps of one scope are called "${clash}"`
      : `"${clash}" is the present or earlier name (renamedFrom) of two steps of one scope`
    throw refused(
      `${what}: one at ${formatPlace(other.place)}, one at ${formatPlace(place)}. A name is a step's identity in the journal, so each needs its own.`,
      place,
    )
  }
}

/** The earlier names of a step, the oldest first. */
export function formerNames(step: NewStep): readonly string[] {
  const given = step.common?.renamedFrom ?? []
  return typeof given === 'string' ? [given] : given
}

function checkBindings(state: DraftState, { step, place }: WrittenStep): void {
  for (const name of step.binds ?? []) {
    if (typeof name !== 'string' || name === '')
      throw refused(`${stepWords(step.name)}: "as" is a name, not ${shown(name)}.`, place)
    if (RESERVED_NAMES.has(name))
      throw refused(
        `${stepWords(step.name)}: "as" may not be "${name}", which the context has itself.`,
        place,
      )
    if (boundIn(state).includes(name))
      throw refused(
        `${stepWords(step.name)}: the name "${name}" is bound already. Choose another for "as".`,
        place,
      )
  }
}

function checkHidden(state: DraftState, { step, place }: WrittenStep): void {
  const hidden = step.hides?.find((name) => boundIn(state).includes(name))
  if (hidden === undefined) return
  throw refused(
    `${stepWords(step.name)} (${step.kind}) could not see what is bound to "${hidden}", as its context has something else by that name. Choose another name for "as" there.`,
    place,
  )
}

function checkScopes({ step, place }: WrittenStep): void {
  const scopes: readonly NewScope[] = step.scopes ?? []
  const names = scopes.map(({ name }) => name)
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index)
      throw refused(`${stepWords(step.name)} has two branches called "${name}".`, place)
    const problem = name === '' && names.length === 1 ? undefined : stepNameProblem(name)
    if (problem !== undefined)
      throw refused(`${stepWords(step.name)}: the label of a branch ${problem}: ${shown(name)}.`, place)
  }
}
