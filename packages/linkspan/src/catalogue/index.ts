export { CATALOGUE, ENTRIES, type EntryState, type KnownEntry } from './catalogue.ts'
export {
  type CatalogueEntry,
  type Elsewhere,
  FAMILIES,
  type Family,
  type LanguageNode,
  TOOLS,
  type Tool,
} from './entry.ts'
export { type Found, findEntry } from './find-entry.ts'
export { LANGUAGE } from './language.ts'
