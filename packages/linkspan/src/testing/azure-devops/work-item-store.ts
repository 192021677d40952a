import type { Json } from '../../model/message.ts'
import { badRequest, refuse } from './service-failure.ts'
import { applyPatch, type Draft, type PatchOperation } from './work-item-patch.ts'
import { REVERSE_LINKS, WORK_ITEM_TYPES, type WorkItemState } from './work-item-types.ts'
import {
  type Fields,
  type Identity,
  type Item,
  identityRef,
  iso,
  type Project,
  type Relation,
  type Revision,
  type World,
} from './world.ts'

/** The last revision of a work item. */
export function present(item: Item): Revision {
  return item.revisions.at(-1) as Revision
}

/** A work item by its id. */
export function itemOf(world: World, id: number): Item {
  const item = world.items.get(id)
  if (item && !item.deleted) return item
  return refuse(
    404,
    'WorkItemUnauthorizedAccessException',
    `TF401232: Work item ${id} does not exist, or you do not have permissions to read it.`,
  )
}

/** Who changes what, and how. */
export interface Change {
  readonly by: Identity
  readonly operations: readonly PatchOperation[]
  readonly validateOnly?: boolean
}

/** Makes a work item of a type. */
export function createItem(world: World, project: Project, typeName: string, change: Change): Item {
  const type = WORK_ITEM_TYPES.find(({ name }) => name.toLowerCase() === typeName.toLowerCase())
  if (type === undefined)
    return refuse(
      404,
      'WorkItemTypeNotFoundException',
      `VS402323: Work item type ${typeName} does not exist in project ${project.name} or you do not have permission to access it.`,
    )
  const at = iso(world.clock.now())
  const draft: Draft = {
    id: change.validateOnly ? 0 : world.next('work item'),
    rev: 0,
    relations: [],
    fields: {
      'System.AreaPath': project.name,
      'System.TeamProject': project.name,
      'System.IterationPath': project.name,
      'System.WorkItemType': type.name,
      'System.State': (type.states[0] as WorkItemState).name,
      'System.Reason': 'New',
      'System.CreatedDate': at,
      'System.CreatedBy': identityRef(world, change.by),
    },
  }
  applyPatch(world, draft, change.operations)
  const item: Item = { id: draft.id, project, revisions: [], comments: [], deleted: false }
  checkRules(draft)
  if (!change.validateOnly) world.items.set(item.id, item)
  saveRevision(world, item, draft, change)
  if (!change.validateOnly) tell(world, item, 'workitem.created', `created by ${change.by.displayName}`)
  return item
}

/** Applies a patch to a work item; one that changes nothing makes no revision. */
export function updateItem(world: World, item: Item, change: Change): Item {
  const before = present(item)
  const draft: Draft = {
    id: item.id,
    rev: before.rev,
    fields: structuredClone(before.fields) as Fields,
    relations: structuredClone(before.relations) as Relation[],
  }
  delete draft.fields['System.History']
  applyPatch(world, draft, change.operations)
  checkRules(draft)
  const target = change.validateOnly ? { ...item, revisions: [...item.revisions] } : item
  if (isSame(before, draft)) return target
  saveRevision(world, target, draft, change)
  if (change.validateOnly) return target
  tell(world, item, 'workitem.updated', `updated by ${change.by.displayName}`)
  if (draft.fields['System.History'] !== undefined) addHistory(world, item, change.by)
  return target
}

function isSame(before: Revision, draft: Draft): boolean {
  const { 'System.History': _said, ...fields } = before.fields
  return (
    JSON.stringify(sorted(fields)) === JSON.stringify(sorted(draft.fields)) &&
    JSON.stringify(before.relations) === JSON.stringify(draft.relations)
  )
}

function sorted(fields: Fields): [string, Json][] {
  return Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))
}

/** What is said in `System.History` is a comment too. */
function addHistory(world: World, item: Item, by: Identity): void {
  addComment(world, item, by, String(present(item).fields['System.History']), false)
}

/** Adds a comment; one by its own resource makes a revision, as the service does it. */
export function addComment(world: World, item: Item, by: Identity, text: string, revise = true): number {
  const at = world.clock.now()
  const id = world.next('comment')
  item.comments.push({ id, by, at, version: 1, text, modifiedAt: at, deleted: false })
  if (revise) {
    const { fields, relations, rev } = present(item)
    const draft = {
      id: item.id,
      rev,
      fields: { ...fields, 'System.History': text },
      relations: [...relations],
    }
    saveRevision(world, item, draft, { by, operations: [] })
  }
  tell(world, item, 'workitem.commented', `commented on by ${by.displayName}.\n${text}`)
  return id
}

function checkRules({ fields }: Draft): void {
  if (fields['System.Title'] === undefined)
    refuse(
      400,
      'RuleValidationException',
      'TF401320: Rule Error for field Title. Error code: Required, HasValues, LimitedToValues, AllowsOldValue, InvalidEmpty.',
    )
  const type = WORK_ITEM_TYPES.find(({ name }) => name === fields['System.WorkItemType'])
  if (type?.states.some(({ name }) => name === fields['System.State'])) return
  badRequest(
    `The field 'State' contains the value '${String(fields['System.State'])}' that is not in the list of supported values`,
    'RuleValidationException',
  )
}

function saveRevision(world: World, item: Item, draft: Draft, { by }: Change): void {
  const at = world.clock.now()
  const before = item.revisions.at(-1)
  const fields = stamped(world, draft.fields, before, by, at)
  const rev = draft.rev + 1
  item.revisions.push({
    rev,
    at,
    by,
    watermark: world.next('watermark'),
    relations: draft.relations.map((relation) => completed(world, relation, at)),
    fields: {
      ...fields,
      'System.ChangedDate': iso(at),
      'System.ChangedBy': identityRef(world, by),
      'System.CommentCount': item.comments.length,
    },
  })
  mirrorLinks(world, item, before?.relations ?? [], draft.relations, by)
}

const DATES: Readonly<Record<string, string>> = {
  Active: 'Activated',
  Resolved: 'Resolved',
  Closed: 'Closed',
}

function stamped(
  world: World,
  fields: Fields,
  before: Revision | undefined,
  by: Identity,
  at: number,
): Fields {
  const state = String(fields['System.State'])
  if (before?.fields['System.State'] === state) return fields
  const what = DATES[state]
  return {
    ...fields,
    'Microsoft.VSTS.Common.StateChangeDate': iso(at),
    ...(what === undefined
      ? {}
      : {
          [`Microsoft.VSTS.Common.${what}Date`]: iso(at),
          [`Microsoft.VSTS.Common.${what}By`]: identityRef(world, by),
        }),
  }
}

function completed(world: World, { rel, url, attributes }: Relation, at: number): Relation {
  if (rel === 'Hyperlink' || rel === 'AttachedFile' || rel === 'ArtifactLink') {
    const times = { authorizedDate: iso(at), resourceCreatedDate: iso(at), resourceModifiedDate: iso(at) }
    const known = attributes['id'] === undefined ? { ...times, id: world.next('link') } : {}
    return { rel, url, attributes: { ...known, ...attributes } }
  }
  return { rel, url, attributes: { isLocked: false, ...attributes } }
}

/** A link between two work items is seen from both. */
function mirrorLinks(
  world: World,
  item: Item,
  before: readonly Relation[],
  after: readonly Relation[],
  by: Identity,
): void {
  const added = after.filter((relation) => !includes(before, relation))
  const removed = before.filter((relation) => !includes(after, relation))
  for (const relation of added) mirror(world, item, relation, by, true)
  for (const relation of removed) mirror(world, item, relation, by, false)
}

function includes(relations: readonly Relation[], { rel, url }: Relation): boolean {
  return relations.some((known) => known.rel === rel && known.url.toLowerCase() === url.toLowerCase())
}

function mirror(world: World, item: Item, { rel, url }: Relation, by: Identity, added: boolean): void {
  const reverse = REVERSE_LINKS[rel]
  if (reverse === undefined) return
  const target = itemOf(world, Number(/(\d+)$/.exec(url)?.[1]))
  const back: Relation = { rel: reverse, url: urlOf(world, item.id), attributes: {} }
  const { fields, relations, rev } = present(target)
  if (includes(relations, back) === added) return
  const others = relations.filter((known) => !includes([back], known))
  const draft = { id: target.id, rev, fields, relations: added ? [...others, back] : others }
  saveRevision(world, target, draft, { by, operations: [] })
  tell(world, target, 'workitem.updated', `updated by ${by.displayName}`)
}

/** Where a work item is found. */
export function urlOf(world: World, id: number): string {
  return `${world.base}/_apis/wit/workItems/${id}`
}

/** Moves a work item to the recycle bin, or out of it. */
export function setDeleted(world: World, item: Item, deleted: boolean, by: Identity): void {
  item.deleted = deleted
  const what = deleted ? 'deleted' : 'restored'
  tell(world, item, `workitem.${what}`, `${what} by ${by.displayName}`)
}

/** How an answer shows a work item. */
export interface Shown {
  readonly fields?: readonly string[] | null
  readonly relations?: boolean
  readonly links?: boolean
}

/** A revision as it stands in answers. */
export function shownRevision(world: World, item: Item, revision: Revision, shown: Shown = {}): Fields {
  const url = urlOf(world, item.id)
  const last = present(item).rev === revision.rev
  const wanted = shown.fields?.map((name) => name.toLowerCase()) ?? null
  const own = { 'System.Id': item.id, 'System.Rev': revision.rev, 'System.Watermark': revision.watermark }
  const all: Fields = wanted === null ? revision.fields : { ...own, ...revision.fields }
  const fields = Object.fromEntries(
    Object.entries(all).filter(([name]) => wanted === null || wanted.includes(name.toLowerCase())),
  )
  return {
    id: item.id,
    rev: revision.rev,
    fields,
    ...(shown.relations && revision.relations.length > 0
      ? { relations: revision.relations as unknown as Json }
      : {}),
    ...(shown.links ? { _links: linksOf(world, item) } : {}),
    url: last ? url : `${url}/revisions/${revision.rev}`,
  }
}

function linksOf(world: World, { id, project }: Item): Fields {
  const url = urlOf(world, id)
  return {
    self: { href: url },
    workItemUpdates: { href: `${url}/updates` },
    workItemRevisions: { href: `${url}/revisions` },
    workItemComments: { href: `${url}/comments` },
    html: { href: `${world.base}/${encodeURIComponent(project.name)}/_workitems/edit/${id}` },
  }
}

/** What one revision changed, as the updates of a work item and its events show it. */
export function updateOf(world: World, item: Item, revision: Revision): Fields {
  const before = item.revisions.find(({ rev }) => rev === revision.rev - 1)
  const changed: Fields = {}
  const names = new Set([...Object.keys(before?.fields ?? {}), ...Object.keys(revision.fields)])
  for (const name of names) {
    const [was, is] = [before?.fields[name], revision.fields[name]]
    if (JSON.stringify(was) === JSON.stringify(is)) continue
    changed[name] = {
      ...(was === undefined ? {} : { oldValue: was }),
      ...(is === undefined ? {} : { newValue: is }),
    }
  }
  const added = revision.relations.filter((relation) => !includes(before?.relations ?? [], relation))
  const removed = (before?.relations ?? []).filter((relation) => !includes(revision.relations, relation))
  return {
    id: revision.rev,
    workItemId: item.id,
    rev: revision.rev,
    revisedBy: identityRef(world, revision.by),
    revisedDate: iso(revision.at),
    fields: changed,
    ...(added.length + removed.length === 0
      ? {}
      : { relations: { added: added as unknown as Json, removed: removed as unknown as Json } }),
    url: `${urlOf(world, item.id)}/updates/${revision.rev}`,
  }
}

function tell(world: World, item: Item, eventType: string, what: string): void {
  const revision = present(item)
  const whole = shownRevision(world, item, revision, { relations: true, links: true })
  const resource: Fields =
    eventType === 'workitem.updated' ? { ...updateOf(world, item, revision), revision: whole } : whole
  const type = String(revision.fields['System.WorkItemType'])
  const changed = Object.keys((updateOf(world, item, revision)['fields'] as Fields) ?? {})
  world.emit({
    eventType,
    publisherId: 'tfs',
    project: item.project,
    resource,
    resourceVersion: '1.0',
    text: `${type} #${item.id} (${String(revision.fields['System.Title'])}) ${what}.`,
    filters: {
      workItemType: type,
      areaPath: String(revision.fields['System.AreaPath']),
      changedFields: changed,
      commentPattern: String(revision.fields['System.History'] ?? ''),
    },
  })
}
