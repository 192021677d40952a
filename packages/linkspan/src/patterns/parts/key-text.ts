import { LinkspanError } from '../../model/errors.ts'
import { answered } from './answered.ts'
import { shown } from './arguments.ts'

/**
 * A key that a step's function answered.
 * @throws {LinkspanError} `STEP_FAILED` when it is no text, or an empty one.
 */
export function keyText(given: unknown, path: string, what = 'its key'): string {
  const key = answered(given, path, what)
  if (typeof key === 'string' && key !== '') return key
  throw new LinkspanError(
    'STEP_FAILED',
    `In the step "${path}", ${what} is a text that is not empty, but its function answered ${shown(key)}.`,
    { details: { path } },
  )
}
