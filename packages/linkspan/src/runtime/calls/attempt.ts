import type { Operation } from '../../connect/connector.ts'
import { durationMs } from '../../model/duration.ts'
import type { Json } from '../../model/message.ts'
import type { CallRequest } from '../../patterns/pattern.ts'
import type { Purse } from '../budget/purse.ts'
import { jsonText } from '../json.ts'
import type { MessagePass } from '../pass/pass.ts'
import { INPUT_TEXT } from '../record.ts'
import type { CallState } from './call-state.ts'

/** A call that a pass makes now. */
export interface Attempt {
  readonly pass: MessagePass
  readonly request: CallRequest
  readonly operation: Operation<unknown, unknown>
  readonly input: unknown
  readonly state: CallState
  readonly timeoutMs: number
  /** What of the connection's budget it takes from, or null. */
  readonly purse: Purse | null
  /** The input as JSON text, once it was asked for. */
  text: string | null
}

/** The input of an attempt as JSON text, made once: it is sent, and it is kept. */
export function textOf(attempt: Attempt): string {
  attempt.text ??= jsonText(attempt.input)
  return attempt.text
}

/** The input of an attempt as an entry keeps it. */
export function inputOf(attempt: Attempt): { readonly i: Json; readonly [INPUT_TEXT]?: string } {
  const i = attempt.input as Json
  return attempt.input === undefined ? { i } : { i, [INPUT_TEXT]: textOf(attempt) }
}

const DEFAULT_TIMEOUT_MS = 30_000

/** The time limit of a call in milliseconds: the step's, the operation's, or ours. */
export function timeoutOf(given: number | null, { timeout }: Operation<unknown, unknown>): number {
  return given ?? (timeout === undefined ? DEFAULT_TIMEOUT_MS : durationMs(timeout))
}
