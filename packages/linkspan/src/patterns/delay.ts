import { type Duration, durationMs, formatDuration } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, shown, stepWords } from './parts/arguments.ts'
import type { CommonOptions, Pattern, StepContext } from './pattern.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Delayer: waits for a length of time, or until a time, before the message goes on. It lies in the journal
     * meanwhile, so a restart does not prolong the wait, and frees its key unless `hold` is set. A time that is past
     * is no wait.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const later = flow('remind later')
     *   .from(inbox<{ text: string; at: string }>())
     *   .delay('cool down', '5m')
     *   .delay('until due', (reminder) => new Date(reminder.at), { hold: true })
     * ```
     */
    delay(
      name: string,
      wait: Duration | ((body: B, ctx: Context<N>) => Duration | Date),
      options?: DelayOptions,
    ): Steps<B, N, F>
  }
}

/** How a message waits. */
export interface DelayOptions extends CommonOptions {
  /** Whether the messages after it with the same key wait too. @default false */
  readonly hold?: boolean
}

type Wait = (body: unknown, ctx: StepContext) => Duration | Date

/** The `delay` step. */
export const delay: Pattern = {
  kind: 'delay',
  stepClass: 'stateful',
  summary: 'Waits for a time before the message goes on (Delayer).',
  methods: {
    delay: (draft, name: string, wait: Duration | Wait, given: DelayOptions = {}) => {
      const fixed = typeof wait === 'function' ? undefined : fixedMs(wait, name)
      return draft.add({
        kind: 'delay',
        name,
        options: { hold: given.hold === true, ms: fixed ?? null },
        code: typeof wait === 'function' ? { wait } : {},
        common: given,
      })
    },
  },
  detail: ({ options: { ms } }) => (typeof ms === 'number' ? `delay ${formatDuration(ms)}` : 'delay'),
  compile(node, code, { path }) {
    const fixed = node.options['ms'] as number | null
    const wait = code['wait'] as Wait
    const hold = node.options['hold'] === true
    return (pass) => {
      const context = pass.enter(path)
      const until =
        fixed === null ? untilMs(wait(pass.body, context), context.now, path) : context.now + fixed
      return until <= context.now ? undefined : pass.pause(path, until, hold)
    }
  },
}

function fixedMs(wait: Duration, step: string): number {
  if (typeof wait === 'string' || typeof wait === 'number') return durationMs(wait)
  throw invalid(
    `${stepWords(step)}: a delay is a duration such as "5m", or a function that answers one or a Date, not ${shown(wait)}.`,
  )
}

export function untilMs(given: Duration | Date, now: number, path: string): number {
  const wait = answered(given, path, 'its wait')
  const until = wait instanceof Date ? wait.getTime() : now + waitMs(wait, path)
  if (Number.isFinite(until)) return until
  throw wrong(wait, path)
}

function waitMs(wait: Duration, path: string): number {
  try {
    return durationMs(wait)
  } catch {
    throw wrong(wait, path)
  }
}

function wrong(wait: unknown, path: string): LinkspanError {
  const what = wait instanceof Date ? 'an invalid Date' : shown(wait)
  return new LinkspanError(
    'STEP_FAILED',
    `The delay "${path}" needs a duration such as "5m" or a Date, but its function answered ${what}.`,
    { details: { path } },
  )
}
