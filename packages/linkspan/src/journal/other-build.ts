import { LinkspanError } from '../model/errors.ts'

/**
 * The error for a journal that has a format version we know, and not what we make by it: no release changes a version that
 * another one made. `what` says what is another.
 */
export function otherBuildError(place: string, version: number, what: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `The journal in ${place} says that it has format version ${version}, but ${what}. A build of Linkspan that was never ` +
      'released made it, or somebody changed it. Run the build that made it until all messages have ended, or give this one ' +
      'a new place for its journal. Nothing was changed.',
    { details: { place, version } },
  )
}

/** A script as it counts: how it is broken into lines and indented does not. */
export const inOneLine = (script: string): string => script.replace(/\s+/g, ' ').trim()
