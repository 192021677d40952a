import type { CallContext } from '../../connect/connector.ts'
import { LinkspanError } from '../../model/errors.ts'
import type { Clock } from '../../model/outside.ts'
import { createDeadlines } from '../deadlines.ts'
import { Interrupt } from '../pass/interrupt.ts'
import { createRoster } from '../roster.ts'
import type { Attempt } from './attempt.ts'
import type { RunningCall } from './running-call.ts'

/** Runs a call with its time limit; past it the outcome is unknown, whatever the operation does. */
export type Limited = <T>(
  attempt: Attempt,
  context: RunningCall,
  run: (context: CallContext) => Promise<T>,
) => Promise<T>

/** Makes the time limits of an engine's calls; all are given up when it stops for good. */
export function createTimeLimits(clock: Clock, stopped: AbortSignal): Limited {
  const deadlines = createDeadlines(clock)
  const underWay = createRoster<() => void>()
  stopped.addEventListener('abort', () => {
    for (const stop of underWay) stop()
    deadlines.close()
  })
  return (attempt, context, run) =>
    new Promise((resolve, reject) => {
      const stop = (): void => {
        end()
        context.abort(undefined)
        reject(new Interrupt({ kind: 'abandon' }))
      }
      const inTime = deadlines.start(attempt.timeoutMs, () => {
        const error = timedOut(attempt, context.unsent)
        end()
        context.abort(error)
        reject(error)
      })
      const end = (): void => {
        inTime()
        underWay.leave(place)
      }
      const place = underWay.join(stop)
      started(run, context).then(
        (value) => {
          end()
          resolve(value)
        },
        (thrown: unknown) => {
          end()
          reject(thrown)
        },
      )
    })
}

/** An operation that throws before it answers has failed like one that rejects. */
function started<T>(run: (context: CallContext) => Promise<T>, context: CallContext): Promise<T> {
  try {
    return Promise.resolve(run(context))
  } catch (thrown) {
    return Promise.reject(thrown)
  }
}

function timedOut({ request, timeoutMs }: Attempt, unsent: boolean): LinkspanError {
  const what = unsent ? 'could not be sent' : 'did not answer'
  return new LinkspanError('CALL_TIMED_OUT', `"${request.path}" ${what} within ${timeoutMs} ms.`, {
    retry: 'later',
    applied: unsent ? 'no' : 'unknown',
  })
}
