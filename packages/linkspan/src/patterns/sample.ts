import { type Duration, durationMs, formatDuration } from '../model/duration.ts'
import type { Json } from '../model/message.ts'
import './steps.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import { keyText } from './parts/key-text.ts'
import type { CellChange, CommonOptions, Pattern, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Sampling: lets some messages go on and ends the others as *filtered*. `every: 10` lets the tenth go on, the
     * twentieth, and so on; `per: '1m'` lets one go on and then none until a minute has passed. The count, or the time
     * of the last one, is engine state: it survives a restart and is shared by all engines of a journal. With `key` it
     * is kept for each key apart; a count that never gets full is kept for good, so sample by count where the keys are a
     * known few. Time is when a message comes to this step, not when it was accepted.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const watched = flow('watched')
     *   .from(inbox<{ machine: string; heat: number }>())
     *   .sample('one a minute of each', { per: '1m', key: (reading) => reading.machine })
     *   .log('heat', (reading) => `${reading.machine}: ${reading.heat}`)
     * ```
     */
    sample(name: string, options: SampleOptions<B, N>): Steps<B, N, F>
  }
}

/** Which messages go on. */
export type SampleOptions<B, N> = CommonSampleOptions<B, N> & (EveryNth | OnePer)

/** What both kinds of sampling take. */
export interface CommonSampleOptions<B, N> extends CommonOptions {
  /** What is sampled apart from the others; not empty. Synchronous and pure. @default all messages together */
  readonly key?: (body: B, ctx: Context<N>) => string
  /** Steps with the same scope sample together, also those of other flows. @default the flow and the step */
  readonly scope?: string
}

/** Samples by count. */
export interface EveryNth {
  /** Lets every so-many-th message go on: a whole number from 1. */
  readonly every: number
  readonly per?: undefined
}

/** Samples by time. */
export interface OnePer {
  /** Lets one message go on in so much time. */
  readonly per: Duration
  readonly every?: undefined
}

type KeyOf = (body: unknown, ctx: StepContext) => unknown

/** The `sample` step. */
export const sample: Pattern = {
  kind: 'sample',
  stepClass: 'stateful',
  summary: 'Lets every n-th message go on, or one in so much time (Sampling).',
  methods: {
    sample: (draft, name: string, given: SampleOptions<unknown, unknown>) =>
      draft.add({
        kind: 'sample',
        name,
        options: { ...rateOf(given, name), ...(given.scope === undefined ? {} : { scope: given.scope }) },
        code:
          given.key === undefined ? {} : { key: needFunction(given.key, 'the option key of sample()', name) },
        common: given,
        keepsState: true,
      }),
  },
  detail: ({ options: { every, perMs } }) =>
    typeof perMs === 'number' ? `sample 1 per ${formatDuration(perMs)}` : `sample 1 of ${every}`,
  compile(node, code, { path }) {
    const key = code['key'] as KeyOf | undefined
    const { scope, every, perMs } = node.options
    const change = typeof perMs === 'number' ? onePer(perMs) : everyNth(every as number)
    const stop = { kind: 'end', ending: 'filtered', reason: `"${node.name}" let others go on` } as const
    return async (pass) => {
      const context = pass.enter(path)
      const cell = key ? keyText(key(pass.body, context), path) : ''
      return (await pass.update(path, scope as string, cell, change)) ? undefined : stop
    }
  },
}

function rateOf(given: SampleOptions<unknown, unknown>, step: string): Readonly<Record<string, Json>> {
  const { every, per } = given ?? {}
  if (every !== undefined && per === undefined) {
    if (Number.isSafeInteger(every) && every >= 1) return { every }
    throw invalid(`${stepWords(step)}: every is a whole number from 1, not ${shown(every)}.`)
  }
  if (per === undefined || every !== undefined)
    throw invalid(`${stepWords(step)} samples by either every: 10 or per: '1m'. Give one of the two.`)
  const perMs = durationMs(per)
  if (perMs > 0) return { perMs }
  throw invalid(`${stepWords(step)}: per is longer than 0.`)
}

/** A count that is full is forgotten. */
function everyNth(every: number): CellChange<boolean> {
  return (present) => {
    const count = ((present as number | null) ?? 0) + 1
    return count >= every ? { value: null, result: true } : { value: count, result: false }
  }
}

function onePer(perMs: number): CellChange<boolean> {
  return (present, at) =>
    present !== null && at < (present as number) + perMs
      ? { result: false }
      : { value: at, until: at + perMs, result: true }
}
