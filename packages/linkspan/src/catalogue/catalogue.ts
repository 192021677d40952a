import { patternsByKind } from '../patterns/index.ts'
import type { CatalogueEntry, Family } from './entry.ts'
import { messageConstruction } from './message-construction.ts'
import { messageRouting } from './message-routing.ts'
import { messageTransformation } from './message-transformation.ts'
import { messagingChannels } from './messaging-channels.ts'
import { messagingEndpoints } from './messaging-endpoints.ts'
import { messagingSystems } from './messaging-systems.ts'
import { systemManagement } from './system-management.ts'
import { NOT_BUILT_YET, PAGE_TO_COME } from './without-page.ts'

/** The whole catalogue, by family, in the catalogue's order. */
export const CATALOGUE: ReadonlyMap<Family, readonly CatalogueEntry[]> = new Map([
  ['Messaging systems', messagingSystems],
  ['Messaging channels', messagingChannels],
  ['Message construction', messageConstruction],
  ['Message routing', messageRouting],
  ['Message transformation', messageTransformation],
  ['Messaging endpoints', messagingEndpoints],
  ['System management', systemManagement],
])

/** Whether an entry can be used, and whether its page says how. */
export type EntryState = 'shown' | 'page to come' | 'not built yet'

/** An entry with what follows from it and from our steps. */
export interface KnownEntry extends CatalogueEntry {
  readonly family: Family
  /** The name of its page and its example: lower case, words joined by dashes. */
  readonly slug: string
  readonly says: string
  /** Empty when it is not built yet. */
  readonly ours: string
  readonly state: EntryState
}

/** All entries in order. */
export const ENTRIES: readonly KnownEntry[] = [...CATALOGUE].flatMap(([family, entries]) =>
  entries.map((entry) => known(family, entry)),
)

function known(family: Family, entry: CatalogueEntry): KnownEntry {
  const { name, is } = entry
  return {
    ...entry,
    family,
    slug: name.toLowerCase().replaceAll(' ', '-'),
    says: entry.says ?? summaryOf(is),
    ours: entry.ours ?? (is === undefined ? '' : `the step \`${is}\``),
    state: stateOf(name),
  }
}

/** The step's own summary; the pattern's name in brackets at its end is the entry's already. */
function summaryOf(kind: string | undefined): string {
  const summary = kind === undefined ? undefined : patternsByKind.get(kind)?.summary
  return summary?.replace(/ \([^()]*\)\.$/, '.') ?? ''
}

function stateOf(name: string): EntryState {
  if (NOT_BUILT_YET.has(name)) return 'not built yet'
  return PAGE_TO_COME.has(name) ? 'page to come' : 'shown'
}
