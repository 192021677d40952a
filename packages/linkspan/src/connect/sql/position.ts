import { LinkspanError } from '../../model/errors.ts'

/** Reads the position of a source, or its beginning. */
export function positionOf<P extends object>(name: string, cursor: string | null, start: P): P {
  if (cursor === null) return start
  try {
    const kept = JSON.parse(cursor) as P
    const isOurs = typeof kept === 'object' && kept !== null && Object.keys(start).every((key) => key in kept)
    if (isOurs) return kept
  } catch {
    // It was written by another kind of source.
  }
  throw new LinkspanError(
    'CONFIG_INVALID',
    `The position of the source "${name}" is not one of this kind of source. Give the flow another name, so that it begins anew.`,
  )
}
