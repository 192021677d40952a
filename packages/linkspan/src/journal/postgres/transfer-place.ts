import { LinkspanError } from '../../model/errors.ts'

/** Where a copy comes from, or goes to. */
export interface TransferPlace {
  /** Between quotes. */
  readonly schema: string
  /** As people know it. */
  readonly place: string
  readonly volumeSize: number
  /** Into how many partitions a new journal's key space is cut. */
  readonly partitions: number
  /** The error for a schema without a journal of this version. */
  readonly noJournal: (version: number) => LinkspanError
}

/** The error for a journal that engines have. */
export function inUseBy(owners: string, place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_IN_USE',
    `The journal in ${place} is in use by ${owners}. Stop all its engines first; where one is dead, try again once its lease has run out.`,
    { retry: 'later', details: { place, owners } },
  )
}
