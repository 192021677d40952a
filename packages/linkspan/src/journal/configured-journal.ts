import { LinkspanError } from '../model/errors.ts'
import { isReference, type Reference } from '../model/reference.ts'
import type { JournalFactory } from './journal.ts'

/** Options with the values of their references. */
export type WithValues<Options> = { readonly [Name in keyof Options]: Exclude<Options[Name], Reference> }

/**
 * A journal of options some of which may be references (`env()`, `secret()`). Where one is, the journal can be opened
 * only after whoever opens it has put the values in their places (`JournalFactory.configuration`).
 */
export function configuredJournal<Options extends object>(
  kind: string,
  options: Options,
  make: (options: WithValues<Options>) => JournalFactory,
): JournalFactory {
  const references = Object.values(options).filter(isReference)
  if (references.length === 0) return make(options as WithValues<Options>)
  const refuse = async (): Promise<never> => {
    throw unresolved(kind, references)
  }
  return {
    kind,
    configuration: { options, withValues: (values) => make(values as WithValues<Options>) },
    open: refuse,
    openForReading: refuse,
  }
}

function unresolved(kind: string, references: readonly Reference[]): LinkspanError {
  const names = references.map((each) => `${each.kind}('${each.name}')`).join(', ')
  return new LinkspanError(
    'CONFIG_INVALID',
    `The journal ${kind}(…) was opened before ${names} was looked up. createEngine and openReader do that: ` +
      'where you open a journal yourself, state the value in its place.',
  )
}
