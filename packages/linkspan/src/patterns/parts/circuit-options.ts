import { type Duration, durationMs } from '../../model/duration.ts'
import type { StepCode } from '../../model/flow-definition.ts'
import type { Json } from '../../model/message.ts'
import type { CommonOptions, StepContext } from '../pattern.ts'
import { invalid, needFunction, shown, stepWords } from './arguments.ts'
import { takesOf } from './caught.ts'

/** What becomes of a message that is not let through. */
export type WhenOpen = 'fallback' | 'wait' | 'fail'

/** The options of a circuit breaker as they come in at run time. */
export interface GivenCircuit extends CommonOptions {
  readonly key?: (body: unknown, ctx: StepContext) => string
  readonly window?: { readonly calls?: number; readonly time?: Duration }
  readonly minimum?: number
  readonly failureRate?: number
  readonly slow?: { readonly after: Duration; readonly rate?: number }
  readonly failures?: unknown
  readonly ignored?: unknown
  readonly openFor?: Duration
  readonly trials?: number
  readonly trialFor?: Duration
  readonly whenOpen?: WhenOpen
  readonly hold?: boolean
  readonly resume?: number
  readonly scope?: string
  readonly fallback?: (scope: never) => unknown
}

/** When the circuit opens and closes, as data. */
export function rulesOf(given: GivenCircuit, step: string): Readonly<Record<string, Json>> {
  const { minimum = 100, failureRate = 50, slow, openFor = '1m', trials = 10, trialFor } = given
  const windowed = windowOf(given.window ?? { calls: 100 }, step)
  return {
    ...windowed,
    minimum: whole(minimum, 'minimum', 1, Number.MAX_SAFE_INTEGER, step),
    failureRate: rate(failureRate, 'failureRate', step),
    slowMs: slow === undefined ? null : lasting(slow.after, 'slow.after', step),
    slowRate: rate(slow?.rate ?? 100, 'slow.rate', step),
    openMs: lasting(openFor, 'openFor', step),
    trials: whole(trials, 'trials', 1, MOST, step),
    trialMs: trialFor === undefined ? null : lasting(trialFor, 'trialFor', step),
  }
}

const MOST = 1_000

function windowOf(
  window: NonNullable<GivenCircuit['window']>,
  step: string,
): { readonly windowCalls: number | null; readonly windowMs: number | null } {
  const { calls, time } = (window ?? {}) as NonNullable<GivenCircuit['window']>
  if (calls !== undefined && time === undefined)
    return { windowCalls: whole(calls, 'window.calls', 1, MOST, step), windowMs: null }
  if (time !== undefined && calls === undefined)
    return { windowCalls: null, windowMs: lasting(time, 'window.time', step) }
  throw invalid(`${stepWords(step)}: window is { calls } or { time }, not ${shown(window)}.`)
}

/** What becomes of what is not let through, as data. */
export function waysOf(given: GivenCircuit, step: string): Readonly<Record<string, Json>> {
  const { fallback, hold, resume = 100, scope } = given
  const whenOpen = given.whenOpen ?? (fallback === undefined ? 'wait' : 'fallback')
  if (!['fallback', 'wait', 'fail'].includes(whenOpen))
    throw invalid(`${stepWords(step)}: whenOpen is 'fallback', 'wait' or 'fail', not ${shown(whenOpen)}.`)
  if (whenOpen === 'fallback' && fallback === undefined)
    throw invalid(`${stepWords(step)}: whenOpen is 'fallback', but there is none. Add the option fallback.`)
  const waits = whenOpen === 'wait'
  if (!waits && (hold !== undefined || given.resume !== undefined))
    throw invalid(
      `${stepWords(step)}: nothing waits there with whenOpen: '${whenOpen}'. Leave hold and resume out.`,
    )
  return {
    whenOpen,
    hold: waits && hold !== false,
    resume: waits ? whole(resume, 'resume', 1, MOST, step) : null,
    ...(scope === undefined ? {} : { scope }),
  }
}

/** What of the options is code. */
export function codeOf(given: GivenCircuit, step: string): StepCode {
  const { key, failures, ignored } = given
  return {
    ...(key === undefined ? {} : { key: needFunction(key, 'the option key of circuitBreaker()', step) }),
    ...(failures === undefined ? {} : { failures: takesOf(failures, 'failures', step) }),
    ...(ignored === undefined ? {} : { ignored: takesOf(ignored, 'ignored', step) }),
  }
}

function whole(value: number, what: string, least: number, most: number, step: string): number {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return value
  const upTo = most === Number.MAX_SAFE_INTEGER ? '' : ` to ${most}`
  throw invalid(`${stepWords(step)}: ${what} is a whole number from ${least}${upTo}, not ${shown(value)}.`)
}

function rate(value: number, what: string, step: string): number {
  if (typeof value === 'number' && value > 0 && value <= 100) return value
  throw invalid(`${stepWords(step)}: ${what} is per cent, over 0 to 100, not ${shown(value)}.`)
}

function lasting(value: Duration, what: string, step: string): number {
  const ms = durationMs(value)
  if (ms > 0) return ms
  throw invalid(`${stepWords(step)}: ${what} is a duration longer than 0, such as '1m'.`)
}
