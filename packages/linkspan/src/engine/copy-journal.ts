import { cwd } from 'node:process'
import type { JournalEnvironment, JournalFactory, JournalTransfer } from '../journal/journal.ts'
import { LinkspanError } from '../model/errors.ts'
import { jsonLogger } from '../observe/json-logger.ts'
import { type Copied, copyJournal as copyAll } from '../runtime/copy-journal.ts'
import type { Project } from '../runtime/engine-api.ts'
import { identityOf, presentNames } from '../runtime/former-names.ts'
import type { Lookup } from '../runtime/references.ts'
import { journalOf } from './journal-of.ts'
import { lookup as systemLookup } from './lookup.ts'
import { systemClock } from './outside.ts'

export type { Copied } from '../runtime/copy-journal.ts'

/** How a journal is copied. */
export interface CopyJournalOptions {
  /** The folder that relative paths of the project start from. @default the working directory */
  readonly directory?: string
  /** The same of the project that the copy is for. @default `directory` */
  readonly targetDirectory?: string
  /** Throw away a copy that was begun there before, instead of going on with it. @default false */
  readonly anew?: boolean
  readonly lookup?: Lookup
  readonly progress?: (done: number, total: number) => void
}

/** A copied journal: what was copied, and the names of both. */
export interface CopiedJournal extends Copied {
  readonly from: string
  readonly to: string
}

/**
 * Copies the journal of a stopped project into the empty one of another project, of whatever kind: messages with their
 * places, ids and records, endings, waits, state, cursors, dedupe keys, search fields. The source stays as it is. A copy
 * that was cut short is no journal, and is refused (`JOURNAL_INCOMPLETE`) until it is gone on with or begun anew.
 *
 * @throws {LinkspanError} `JOURNAL_IN_USE` while an engine has one of them, `JOURNAL_FAILED` when there is something in
 * the target already, `JOURNAL_DAMAGED` when the source is not sound, `JOURNAL_INCOMPLETE`, `SECRET_MISSING`
 * @example
 * ```ts
 * import { copyJournal, defineProject, env, postgres, sqlite } from 'linkspan'
 * const project = defineProject({ journal: sqlite('data/hub.db'), flows: [] })
 * const next = { ...project, journal: postgres({ url: env('DATABASE_URL') }) }
 * const { counts } = await copyJournal(project, next)
 * ```
 */
export async function copyJournal(
  project: Project,
  target: Project,
  options: CopyJournalOptions = {},
): Promise<CopiedJournal> {
  const { directory = cwd(), lookup = systemLookup, anew = false, progress = () => {} } = options
  const there = options.targetDirectory ?? directory
  const source = await doorOf(journalOf(project, lookup)).openSource(environmentIn(directory))
  try {
    const facts = await source.facts()
    const request = { source: facts, anew }
    const door = doorOf(journalOf(target, lookup))
    const copy = await door.openTarget(environmentIn(there), request)
    try {
      const identity = identities(project)
      const now = systemClock.now()
      const copied = await copyAll({ source, target: copy, facts, identityOf: identity, now, progress })
      return { ...copied, from: source.name, to: copy.name }
    } finally {
      await copy.close()
    }
  } finally {
    await source.close()
  }
}

function environmentIn(directory: string): JournalEnvironment {
  const logger = jsonLogger({ stream: { write: () => true }, clock: systemClock })
  return { clock: systemClock, logger, directory }
}

function doorOf({ kind, transfer }: JournalFactory): JournalTransfer {
  if (transfer !== undefined) return transfer
  throw new LinkspanError('CONFIG_INVALID', `A journal of the kind "${kind}" cannot be copied.`, {
    details: { kind },
  })
}

/** What was accepted under a former name of a flow goes where its messages go now. */
function identities({ flows }: Project): (flow: string) => string {
  const present = presentNames(flows)
  const first = new Map(flows.map(({ definition }) => [definition.name, identityOf(definition)]))
  return (flow) => first.get(present.get(flow) ?? flow) ?? flow
}
