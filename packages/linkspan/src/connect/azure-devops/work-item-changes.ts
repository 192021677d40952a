import type { FieldValue, IdentityRef, WorkItem, WorkItemRelation } from './shapes.ts'

/** A link to make. */
export type NewLink = {
  /** As `ArtifactLink`, `Hyperlink`, `System.LinkTypes.Hierarchy-Reverse`. */
  readonly rel: string
  readonly url: string
  /** Needed for `ArtifactLink`: `Pull Request`, `Fixed in Commit`, `Build`, `Integrated in build`, `Found in build`. */
  readonly name?: string
  readonly comment?: string
}

/** What is to be changed of a work item. */
export type WorkItemChanges = {
  /** Values by reference name; null empties a field. */
  readonly fields?: { readonly [name: string]: string | number | boolean | null }
  /** Tags to add to those that there are. */
  readonly addTags?: readonly string[]
  /** Links to make; one that there is already is refused by the service. */
  readonly links?: readonly NewLink[]
}

type PatchOperation = { readonly op: string; readonly path: string; readonly value?: unknown }

/** The changes as a JSON Patch document. */
export function patchOf(
  { fields = {}, addTags = [], links = [] }: WorkItemChanges,
  rev?: number,
): readonly PatchOperation[] {
  const tags =
    addTags.length === 0 ? [] : [{ op: 'add', path: '/fields/System.Tags', value: addTags.join('; ') }]
  return [
    ...(rev === undefined ? [] : [{ op: 'test', path: '/rev', value: rev }]),
    ...Object.entries(fields).map(([name, value]) => fieldPatch(name, value)),
    ...tags,
    ...links.map(linkPatch),
  ]
}

function fieldPatch(name: string, value: string | number | boolean | null): PatchOperation {
  const path = `/fields/${name}`
  if (value === null) return { op: 'remove', path }
  // `add` merges tags with those that there are.
  return { op: name === 'System.Tags' ? 'replace' : 'add', path, value }
}

/** A link as an operation of a patch. */
export function linkPatch({ rel, url, name, comment }: NewLink): PatchOperation {
  const attributes = {
    ...(name === undefined ? {} : { name }),
    ...(comment === undefined ? {} : { comment }),
  }
  return { op: 'add', path: '/relations/-', value: { rel, url, attributes } }
}

/** Whether a work item, or one of its revisions, is as the changes would have it. */
export function carries(
  item: Pick<WorkItem, 'fields' | 'relations'>,
  { fields = {}, addTags = [], links = [] }: WorkItemChanges,
): boolean {
  const tags = tagsOf(item.fields['System.Tags'])
  return (
    Object.entries(fields).every(([name, value]) => isSame(name, item.fields[name] ?? null, value)) &&
    addTags.every((tag) => tags.has(tag.toLowerCase())) &&
    links.every((link) => hasLink(item, link))
  )
}

/** Whether a work item has a link. */
export function hasLink(
  { relations = [] }: Pick<WorkItem, 'relations'>,
  { rel, url }: Pick<WorkItemRelation, 'rel' | 'url'>,
): boolean {
  return relations.some((known) => known.rel === rel && known.url.toLowerCase() === url.toLowerCase())
}

/** The tags in the text of a field, in lower case. */
export function tagsOf(text: FieldValue | undefined): ReadonlySet<string> {
  const tags = String(text ?? '')
    .split(';')
    .map((tag) => tag.trim().toLowerCase())
  return new Set(tags.filter((tag) => tag !== ''))
}

const DATE = /^\d{4}-\d\d-\d\dT/

function isSame(name: string, actual: FieldValue, wanted: string | number | boolean | null): boolean {
  if (wanted === null || wanted === '') return actual === null || actual === ''
  if (actual === null) return false
  if (typeof actual === 'object') return isPerson(actual, String(wanted))
  if (name === 'System.Tags') return sameSet(tagsOf(actual), tagsOf(wanted))
  if (typeof actual === 'string' && DATE.test(actual))
    return Date.parse(actual) === Date.parse(String(wanted))
  return String(actual) === String(wanted) || plain(String(actual)) === plain(String(wanted))
}

function isPerson({ displayName, uniqueName = '', id }: IdentityRef, wanted: string): boolean {
  const name = (/<([^>]+)>\s*$/.exec(wanted)?.[1] ?? wanted).toLowerCase()
  return [displayName, uniqueName, id].some((one) => one.toLowerCase() === name)
}

function sameSet(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((one) => b.has(one))
}

/** The service tidies HTML up as it stores it, so that only its words can be compared. */
function plain(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(?:nbsp|#160);/g, ' ')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&quot;/g, '"')
    .replace(/&amp;/g, '&')
    .replace(/\s+/g, ' ')
    .trim()
}
