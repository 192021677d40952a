import { LinkspanError } from '../model/errors.ts'
import './steps.ts'
import { answered } from './parts/answered.ts'
import { invalid, needFunction, shown, stepWords } from './parts/arguments.ts'
import type { CommonOptions, LogLevel, Pattern, StepContext } from './pattern.ts'
import type { Context } from './steps.ts'

declare module './steps.ts' {
  interface Steps<B, N, F extends FlowFacts> {
    /**
     * Log: writes a line to the engine's log when the message comes here. The body stays. `what` answers a text, or an
     * object of what is worth telling; without it the line says only which message came to which step. Do not log
     * whole bodies: a log is kept and read under other rules than the journal. The project's secrets, and texts under
     * secret-looking names (`password`, `token`), are hidden as in every line of the engine.
     *
     * A message that is tried again or wakes up does not write its line again. It is no effect: an engine that
     * dies right after it wrote the line may write it once more.
     *
     * @example
     * ```ts
     * import { flow, inbox } from 'linkspan'
     * const watched = flow('watched')
     *   .from(inbox<{ id: string; lines: string[] }>())
     *   .log('received', (order) => ({ order: order.id, lines: order.lines.length }))
     *   .log('checked', (order) => `order ${order.id} is complete`, { level: 'debug' })
     * ```
     */
    log(
      name: string,
      what?: (body: B, ctx: Context<N>) => string | Readonly<Record<string, unknown>>,
      options?: LogOptions,
    ): Steps<B, N, F>
  }
}

/** How a line is logged. */
export interface LogOptions extends CommonOptions {
  /** How much the line matters. @default 'info' */
  readonly level?: LogLevel
}

type What = (body: unknown, ctx: StepContext) => unknown

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** The `log` step. */
export const log: Pattern = {
  kind: 'log',
  stepClass: 'stateful',
  summary: "Writes a line to the engine's log (Log).",
  methods: {
    log: (draft, name: string, what?: What, given: LogOptions = {}) =>
      draft.add({
        kind: 'log',
        name,
        options: { level: levelOf(given.level, name) },
        code: what === undefined ? {} : { what: needFunction(what, 'what log() writes', name) },
        common: given,
      }),
  },
  compile(node, code, { path }) {
    const what = code['what'] as What | undefined
    const level = node.options['level'] as LogLevel
    return (pass) => {
      const context = pass.enter(path)
      pass.log(path, level, () => lineOf(what, pass.body, context, path))
      return undefined
    }
  },
}

function levelOf(given: LogLevel | undefined, step: string): LogLevel {
  if (given === undefined) return 'info'
  if (LEVELS.includes(given)) return given
  throw invalid(`${stepWords(step)}: level is one of ${LEVELS.join(', ')}, not ${shown(given)}.`)
}

function lineOf(
  what: What | undefined,
  body: unknown,
  context: StepContext,
  path: string,
): Readonly<Record<string, unknown>> {
  if (what === undefined) return {}
  const told = answered(what(body, context), path)
  if (typeof told === 'string') return { text: told }
  if (typeof told === 'object' && told !== null) return { data: told }
  throw new LinkspanError(
    'STEP_FAILED',
    `The log "${path}" needs a text or an object, but its function answered ${shown(told)}.`,
    { details: { path } },
  )
}
