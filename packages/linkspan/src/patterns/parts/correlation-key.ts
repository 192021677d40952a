import { LinkspanError } from '../../model/errors.ts'
import { answered } from './answered.ts'
import { shown } from './arguments.ts'

/**
 * The key that a step's function answered, as a text.
 * @throws {LinkspanError} `STEP_FAILED` when it is no number, and no text that is not empty.
 */
export function correlationKey(given: unknown, path: string, purpose: string): string {
  const key = answered(given, path, 'its key')
  if ((typeof key === 'string' && key !== '') || (typeof key === 'number' && Number.isFinite(key)))
    return String(key)
  throw new LinkspanError(
    'STEP_FAILED',
    `The step "${path}" needs a key by which ${purpose}: a text that is not empty or a number, not ${shown(key)}.`,
    { details: { path } },
  )
}
