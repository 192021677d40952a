import type { Operation } from '../connect/connector.ts'
import { LinkspanError } from '../model/errors.ts'
import type { OnUnknown } from '../patterns/parts/calling.ts'
import { callState } from './calls/call-state.ts'
import type { CompiledFlow } from './compile.ts'
import { Interrupt } from './pass/interrupt.ts'
import type { Loaded } from './loaded.ts'
import type { MessagePass } from './pass/pass.ts'
import { pathAt } from '../model/step-place.ts'

/**
 * The last moment in which a message may begin with anything, by its flow's time limit and its parent's patience, in
 * milliseconds since 1970; null where it has all time.
 */
export function limitOf(loaded: Loaded, flow: CompiledFlow): number | null {
  const own = limitOfFlow(loaded, flow)
  const { until } = loaded
  if (until === undefined) return own
  return Math.min(own ?? until, until - 1)
}

function limitOfFlow({ acceptedAt, sentAgainAt }: Loaded, { flow }: CompiledFlow): number | null {
  const { timeLimitMs } = flow.definition.settings
  return timeLimitMs === null ? null : (sentAgainAt ?? acceptedAt) + timeLimitMs
}

/** Ends a child that its parent waits for no longer. */
export function endIfLate({ until }: Loaded, now: number): void {
  if (until !== undefined && now >= until)
    throw new Interrupt({
      kind: 'cancel',
      note: 'It was too late: the time of the step that made it is over.',
    })
}

/** Throws `TIME_LIMIT` for a message that is too old to be run, unless it has to find out what became of a call. */
export function checkStart(pass: MessagePass, now: number): void {
  const limit = limitOf(pass.loaded, pass.flow)
  if (limit !== null && now > limit && !isSettling(pass)) checkTimeLimit(pass, now)
}

/** Throws `TIME_LIMIT` for a message that is too old to begin with anything more; a child that is too late is dropped. */
export function checkTimeLimit(pass: MessagePass, now: number): void {
  const { loaded, flow } = pass
  endIfLate(loaded, now)
  const limit = limitOfFlow(loaded, flow)
  if (limit === null || now <= limit) return
  const { timeLimitMs } = flow.flow.definition.settings
  const age = now - limit + (timeLimitMs ?? 0)
  throw new LinkspanError(
    'TIME_LIMIT',
    `The message is ${age} ms old, and the flow "${flow.name}" gives up after ${timeLimitMs} ms.`,
  )
}

/** Whether the system behind a call is asked, or a person is, once its outcome is unknown. */
export function needsAnswer(
  { guarantee }: Pick<Operation<unknown, unknown>, 'guarantee'>,
  onUnknown: OnUnknown,
): boolean {
  return guarantee.kind === 'verify' || (guarantee.kind === 'none' && onUnknown === 'inDoubt')
}

/**
 * Whether a call was begun whose outcome has to be found out before the message may end: a dead letter would hide that it
 * may have taken effect.
 */
export function isSettling({ recorded, flow }: MessagePass): boolean {
  const begun = recorded.flatMap((entry) => (entry.t === 'intent' || entry.t === 'unknown' ? [entry.p] : []))
  return [...new Set(begun)].some((place) => {
    const path = pathAt(place)
    const operation = flow.flow.code.get(path)?.['operation'] as Operation<unknown, unknown> | undefined
    const onUnknown = (flow.steps.get(path)?.options['onUnknown'] ?? 'inDoubt') as OnUnknown
    return (
      operation !== undefined &&
      needsAnswer(operation, onUnknown) &&
      callState(recorded, place, 0).open !== null
    )
  })
}
