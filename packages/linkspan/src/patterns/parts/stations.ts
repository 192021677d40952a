import { LinkspanError } from '../../model/errors.ts'
import type { CommonOptions, Draft, NewStep, Pass, Program, StepResult } from '../pattern.ts'
import type { Ended, FlowFacts, Steps } from '../steps.ts'
import { invalid, needFunction, shown, stepWords } from './arguments.ts'
import { type Branch, branchesOf, branchScope, holding } from './branches.ts'
import type { Merged } from './merged.ts'

/** Branches that a message may come through one after the other, each any number of times; called `L`. */
export interface Stations<B, N, F extends FlowFacts, H extends FlowFacts, L extends string>
  extends Stationed<H, L> {
  branch<L2 extends string, H2 extends FlowFacts>(
    label: L2,
    scope: (branch: Steps<B, N, F>) => Ended<B, H2>,
  ): Stations<B, N, F, Merged<H, H2>, L | L2>
}

/** All branches of such a step. */
export interface Stationed<H extends FlowFacts, L extends string> {
  /** The labels of its branches so far. */
  readonly labels: readonly string[]
  /** Phantom: what its branches reply, and their labels. Never set. */
  readonly __stationed?: () => readonly [H, L]
}

/** How a message comes through. */
export interface StationsOptions extends CommonOptions {
  /** Whether a name that no branch has is passed over. @default false, it fails the message */
  readonly ignoreUnknown?: boolean
  /** After how many branches it is taken for endless, and fails. @default 1000 */
  readonly most?: number
}

const MOST = 1_000

/** The step of a pattern whose code names one branch after the other. */
export function stationsStep(
  kind: string,
  draft: Draft,
  name: string,
  code: unknown,
  build: (stations: unknown) => unknown,
  given: StationsOptions,
): NewStep {
  const checked = needFunction(code, `the function of ${kind}() that names its branches`, name)
  const answer = needFunction(build, `the branches of ${kind}()`, name)(chain(draft, name, []))
  const { most = MOST } = given
  if (!Number.isSafeInteger(most) || most < 1)
    throw invalid(`${stepWords(name)}: "most" is a whole number from 1, not ${shown(most)}.`)
  return {
    kind,
    name,
    options: { ignoreUnknown: given.ignoreUnknown === true, most },
    code: { next: checked },
    scopes: branchesOf(answer, kind, name).map(({ scope }) => scope),
    common: given,
  }
}

/** A compiled step of this kind. */
export interface StationsRun {
  readonly path: string
  readonly programs: ReadonlyMap<string, Program>
  readonly options: Readonly<Record<string, unknown>>
}

/** Runs one branch after the other as turns of the step, as `next` names them, until it names no more. */
export function runStations(
  pass: Pass,
  { path, programs, options }: StationsRun,
  next: (turn: number) => unknown,
): StepResult | Promise<StepResult> {
  const most = options['most'] as number
  const from = (first: number): StepResult | Promise<StepResult> => {
    for (let turn = first; ; turn += 1) {
      const label = next(turn)
      if (label === null || label === undefined) return undefined
      if (turn >= most) throw endless(path, most)
      const program = programs.get(label as string)
      if (program === undefined) {
        if (options['ignoreUnknown'] !== true) throw unknownBranch(path, label, programs)
        continue
      }
      const result = pass.turn(path, turn + 1, () => program.run(pass))
      if (result instanceof Promise) return result.then((stop) => stop ?? from(turn + 1))
      if (result !== undefined) return result
    }
  }
  return from(0)
}

function chain(draft: Draft, step: string, list: readonly Branch[]): object {
  return holding(
    {
      labels: list.map(({ scope }) => scope.label),
      branch: (label: string, build: (inner: never) => unknown) =>
        chain(draft, step, [
          ...list,
          { scope: branchScope(draft, label, build, step), predicate: undefined },
        ]),
    },
    list,
  )
}

function unknownBranch(path: string, label: unknown, programs: ReadonlyMap<string, Program>): LinkspanError {
  const known = [...programs.keys()].map((name) => JSON.stringify(name)).join(', ')
  return new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" was told to go to ${shown(label)}, which is none of its branches: ${known}. Correct the name, or set ignoreUnknown.`,
    { details: { path, label: String(label) } },
  )
}

function endless(path: string, most: number): LinkspanError {
  return new LinkspanError(
    'LOOP_ENDLESS',
    `The step "${path}" was to go on after ${most} branches, so it was taken for endless. Raise "most" if it is not.`,
    { details: { path, most } },
  )
}
