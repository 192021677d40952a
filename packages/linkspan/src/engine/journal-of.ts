import type { JournalFactory } from '../journal/journal.ts'
import type { Project } from '../runtime/engine-api.ts'
import { type Lookup, requireAll, resolveReferences } from '../runtime/references.ts'

/** A project's journal with the values of its references; those of the rest are not needed to read it. */
export function journalOf({ journal }: Project, lookup: Lookup): JournalFactory {
  if (journal.configuration === undefined) return journal
  const { options, withValues } = journal.configuration
  const { value, missing } = resolveReferences(options, lookup)
  requireAll(missing)
  return withValues(value)
}
