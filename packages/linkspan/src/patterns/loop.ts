import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import type { Merged } from './parts/merged.ts'
import type { CommonOptions, Pass, Pattern, StepContext, StepResult } from './pattern.ts'
import type { Bound, Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Loop: runs the scope again and again within the same pass, a number of times or while a predicate is true. Each turn
     * begins with what the one before ended with, or with `copy` with the body that the loop was given; the last turn's
     * body is the body after it. In the scope `ctx.turn` counts from 0.
     *
     * What the steps of a turn put on record is kept by turn: after a crash a loop goes on in the turn that it was in, and
     * no call of an earlier turn is made again. So its record grows with its turns. To do something for each of many items
     * use split().
     *
     * @throws {LinkspanError} `LOOP_ENDLESS` when a `while` is still true after `most` turns; `STEP_FAILED` when the number
     *   of turns is none.
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const doubled = flow('doubled')
     *   .from(inbox<{ value: number; times: number }>())
     *   .loop('double', (given) => given.times, (turn) => turn.map((b) => ({ ...b, value: b.value * 2 })))
     *   .loop('halve', { while: (b) => b.value > 100, most: 50 }, (turn) =>
     *     turn.map((b, { turn }) => ({ ...b, value: b.value / 2, halvedIn: turn })))
     * ```
     */
    loop<H extends FlowFacts>(
      name: string,
      turns: number | ((body: B, ctx: Context<N>) => number) | While<B, N>,
      scope: (turn: Steps<B, N & Bound<'turn', number>, F>) => Ended<B, H>,
      options?: LoopOptions,
    ): Steps<B, N, Merged<F, H>>
  }
}

/** Turns as long as a predicate is true, asked before each. */
export interface While<B, N> {
  readonly while: (body: B, ctx: Context<N> & Bound<'turn', number>) => boolean
  /** After how many turns it is taken for endless, and fails. @default 1000 */
  readonly most?: number
}

/** How a loop runs. */
export interface LoopOptions extends CommonOptions {
  /** Whether each turn begins with the body that the loop was given. @default false */
  readonly copy?: boolean
}

type Count = (body: unknown, ctx: StepContext) => number
type Predicate = (body: unknown, ctx: StepContext) => boolean

const MOST = 1_000

/** The `loop` step. */
export const loop: Pattern = {
  kind: 'loop',
  stepClass: 'scope',
  summary: 'Runs its steps a number of times, or while a predicate is true (Loop).',
  methods: {
    loop: (
      draft,
      name: string,
      turns: number | Count | { while: Predicate; most?: number },
      scope: (turn: never) => unknown,
      given: LoopOptions = {},
    ) => {
      const { options, code } = turnsOf(turns, name)
      const inner = draft.scope(needFunction(scope, 'the scope of loop()', name))
      return draft.add({
        kind: 'loop',
        name,
        options: { ...options, copy: given.copy === true },
        code,
        scopes: [{ name: '', label: 'turn', draft: inner }],
        common: given,
      })
    },
  },
  drawn: 'within',
  compile(node, code, { path, program }) {
    const body = program('')
    const copy = node.options['copy'] === true
    const goesOn = goesOnOf(node.options, code, path)
    return (pass) => {
      const first = pass.body
      const more = goesOn(pass)
      const next = (turn: number): StepResult | Promise<StepResult> => {
        // Turns that are synchronous must not pile up on the stack.
        for (let at = turn; more(at); at += 1) {
          if (copy) pass.body = first
          pass.bind('turn', at)
          const result = pass.turn(path, at + 1, () => body.run(pass))
          if (result instanceof Promise) return result.then((stop) => stop ?? next(at + 1))
          if (result !== undefined) return result
        }
        return undefined
      }
      return next(0)
    }
  },
}

function turnsOf(
  turns: number | Count | { while: Predicate; most?: number },
  step: string,
): { options: { times: number | null; most: number }; code: Readonly<Record<string, unknown>> } {
  if (typeof turns === 'function') return { options: { times: null, most: MOST }, code: { count: turns } }
  if (typeof turns === 'number')
    return { options: { times: wholeNumber(turns, 'the number of turns', step), most: MOST }, code: {} }
  if (typeof turns !== 'object' || turns === null)
    throw invalid(
      `${stepWords(step)}: a loop takes a number of turns, a function that answers one, or { while }, not ${shown(turns)}.`,
    )
  const most = turns.most === undefined ? MOST : wholeNumber(turns.most, '"most"', step)
  return { options: { times: null, most }, code: { while: needFunction(turns.while, '"while"', step) } }
}

function wholeNumber(value: number, what: string, step: string): number {
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw invalid(`${stepWords(step)}: ${what} is a whole number from 0, not ${shown(value)}.`)
}

/** Asked once per pass; the answer says before each turn whether there is one more. */
function goesOnOf(
  options: Readonly<Record<string, unknown>>,
  code: Readonly<Record<string, unknown>>,
  path: string,
): (pass: Pass) => (turn: number) => boolean {
  const predicate = code['while'] as Predicate | undefined
  if (predicate) {
    const most = options['most'] as number
    return (pass) => (turn) => {
      pass.bind('turn', turn)
      const context = pass.enter(path)
      if (!answered(predicate(pass.body, context), path, 'its "while"')) return false
      if (turn >= most) throw endless(path, most)
      return true
    }
  }
  const count = code['count'] as Count | undefined
  return (pass) => {
    const times = count ? countOf(count(pass.body, pass.enter(path)), path) : (options['times'] as number)
    return (turn) => turn < times
  }
}

function countOf(given: number, path: string): number {
  const count = answered(given, path, 'its number of turns')
  if (Number.isSafeInteger(count) && count >= 0) return count
  throw new LinkspanError(
    'STEP_FAILED',
    `The loop "${path}" needs a whole number of turns from 0, but its function answered ${shown(count)}.`,
    { details: { path } },
  )
}

function endless(path: string, most: number): LinkspanError {
  return new LinkspanError(
    'LOOP_ENDLESS',
    `The loop "${path}" was to go on after ${most} turns, so it was taken for endless. Raise "most" if it is not.`,
    { details: { path, most } },
  )
}
