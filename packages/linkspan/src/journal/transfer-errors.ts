import { LinkspanError } from '../model/errors.ts'
import type { PlacedMessage, SourceFacts, TransferCounts } from './journal.ts'

const WAYS =
  'Run "linkspan journal copy" to it again, which goes on where it ended, or with --anew, which begins anew.'

/** The error for opening a journal that is not whole yet. */
export function incompleteError(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_INCOMPLETE',
    `In ${place} is a copy of a journal that did not come to its end. ${WAYS} Nothing was changed.`,
    { details: { place } },
  )
}

/** The error for going on with a copy of something else. */
export function otherSourceError(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_INCOMPLETE',
    `In ${place} is a copy that was begun of another journal, or of this one before an engine ran on it again. Add --anew to throw that copy away and begin anew. Nothing was changed.`,
    { details: { place } },
  )
}

/** The error for a target that has something already. */
export function notEmptyError(place: string): LinkspanError {
  return new LinkspanError(
    'JOURNAL_FAILED',
    `There is a journal in ${place} already, and it is not empty. Copy to another path or schema, or move that one away. Nothing was changed.`,
    { details: { place } },
  )
}

/** Refuses to make a journal of a copy that lacks something, or has something that the source lost since. */
export function refuseDifferentCounts(place: string, counts: TransferCounts, source: SourceFacts): void {
  const names = ['messages', 'cells', 'dedupeKeys', 'cursors'] as const
  const wrong = names.filter((name) => counts[name] !== source.counts[name])
  if (wrong.length === 0) return
  const what = wrong.map((name) => `${counts[name]} ${name} of ${source.counts[name]}`).join(', ')
  throw new LinkspanError(
    'JOURNAL_INCOMPLETE',
    `The copy in ${place} has ${what}: an engine ran on the source meanwhile. Stop it, and copy again with --anew.`,
    { details: { place, counts, source: source.counts } },
  )
}

/** Refuses what cannot be put: a message that runs, or one out of order. */
export function refuseUnfit(messages: readonly PlacedMessage[], last: number): void {
  let before = last
  for (const { seq, wait, ending } of messages) {
    if (seq <= before) throw new Error(`Message ${seq} came after message ${before}.`)
    if ((wait === null) === (ending === null))
      throw new Error(`Message ${seq} neither waits nor has ended, or both.`)
    before = seq
  }
}

/** About how many bytes of bodies go into one page. */
export const PAGE_BYTES: number = 4 * 1024 * 1024

/** The first of some rows whose bodies fit into a page; at least one. */
export function cutToPage<Row extends { readonly size: number }>(rows: readonly Row[]): readonly Row[] {
  let bytes = 0
  const end = rows.findIndex(({ size }, at) => {
    bytes += size
    return at > 0 && bytes > PAGE_BYTES
  })
  return end < 0 ? rows : rows.slice(0, end)
}
