import type { Json } from '../../model/message.ts'
import { type Answer, type Call, idOf, listOf, numberOf, projectOf, type Route, timeOf } from './routes.ts'
import { badRequest, refuse, ServiceFailure } from './service-failure.ts'
import { findItems, parseWiql } from './wiql.ts'
import { fieldName, type PatchOperation } from './work-item-patch.ts'
import {
  createItem,
  itemOf,
  present,
  type Shown,
  setDeleted,
  shownRevision,
  updateItem,
  updateOf,
  urlOf,
} from './work-item-store.ts'
import { FIELDS, WORK_ITEM_TYPES } from './work-item-types.ts'
import { type Fields, type Item, iso, type Revision } from './world.ts'

const LARGEST_BATCH = 200
const MOST_FOUND = 20_000

/** The routes of work item tracking. */
export const workItemRoutes: readonly Route[] = [
  { method: 'GET', path: 'wit/workitems', scope: 'vso.work', project: 'possible', run: getItems },
  { method: 'POST', path: 'wit/workitemsbatch', scope: 'vso.work', project: 'possible', run: batchGet },
  { method: 'POST', path: `wit/workitems/\${type}`, scope: 'vso.work_write', project: 'needed', run: create },
  {
    method: 'PATCH',
    path: `wit/workitems/\${type}`,
    scope: 'vso.work_write',
    project: 'needed',
    run: create,
  },
  { method: 'GET', path: 'wit/workitems/{id}', scope: 'vso.work', project: 'possible', run: getItem },
  { method: 'PATCH', path: 'wit/workitems/{id}', scope: 'vso.work_write', project: 'possible', run: update },
  { method: 'DELETE', path: 'wit/workitems/{id}', scope: 'vso.work_write', project: 'possible', run: remove },
  { method: 'PATCH', path: 'wit/$batch', scope: 'vso.work_write', project: 'possible', run: batchUpdate },
  { method: 'POST', path: 'wit/$batch', scope: 'vso.work_write', project: 'possible', run: batchUpdate },
  { method: 'POST', path: 'wit/wiql', scope: 'vso.work', project: 'possible', run: query },
  {
    method: 'GET',
    path: 'wit/workitems/{id}/revisions',
    scope: 'vso.work',
    project: 'possible',
    run: revisions,
  },
  {
    method: 'GET',
    path: 'wit/workitems/{id}/revisions/{rev}',
    scope: 'vso.work',
    project: 'possible',
    run: revision,
  },
  { method: 'GET', path: 'wit/workitems/{id}/updates', scope: 'vso.work', project: 'possible', run: updates },
  {
    method: 'GET',
    path: 'wit/workitems/{id}/updates/{rev}',
    scope: 'vso.work',
    project: 'possible',
    run: oneUpdate,
  },
  {
    method: 'GET',
    path: 'wit/reporting/workitemrevisions',
    scope: 'vso.work',
    project: 'possible',
    run: report,
  },
  { method: 'POST', path: 'wit/artifacturiquery', scope: 'vso.work', project: 'possible', run: linkedTo },
  { method: 'GET', path: 'wit/recyclebin/{id}', scope: 'vso.work', project: 'possible', run: getDeleted },
  {
    method: 'PATCH',
    path: 'wit/recyclebin/{id}',
    scope: 'vso.work_write',
    project: 'possible',
    run: restore,
  },
  { method: 'GET', path: 'wit/workitemtypes', scope: 'vso.work', project: 'needed', run: types },
  { method: 'GET', path: 'wit/fields', scope: 'vso.work', project: 'possible', run: fields },
]

function shownBy(call: Call): Shown {
  return shownAs(call.query('$expand'), call.query('fields')?.split(',') ?? null)
}

function shownAs(expand: string | null, fields: readonly string[] | null): Shown {
  const how = String(expand ?? 'none').toLowerCase()
  if (fields !== null && fields.length > 0 && how !== 'none' && how !== 'links')
    badRequest(
      'The expand parameter can not be used with the fields parameter.',
      'ConflictingParametersException',
    )
  return {
    fields: fields !== null && fields.length > 0 ? fields.map((name) => name.trim()) : null,
    relations: ['relations', 'all', '1', '4'].includes(how),
    links: ['links', 'all', '3', '4'].includes(how),
  }
}

function inProject(call: Call, item: Item): Item {
  if (call.project === null || call.project.id === item.project.id) return item
  return itemOf(call.world, -item.id)
}

function revisionAt(item: Item, asOf: number | null): Revision {
  if (asOf === null) return present(item)
  const found = item.revisions.findLast(({ at }) => at <= asOf)
  return found ?? badRequest(`Work item ${item.id} did not exist at that time.`)
}

function shownItem(call: Call, id: number, shown: Shown, asOf: number | null): Fields {
  const item = inProject(call, itemOf(call.world, id))
  return shownRevision(call.world, item, revisionAt(item, asOf), shown)
}

function getItem(call: Call): Answer {
  return { body: shownItem(call, idOf(call, 'id'), { ...shownBy(call), links: true }, timeOf(call, 'asOf')) }
}

function getItems(call: Call): Answer {
  const ids = (call.query('ids') ?? '')
    .split(',')
    .filter((id) => id !== '')
    .map(Number)
  return readMany(call, ids, shownBy(call), timeOf(call, 'asOf'), call.query('errorPolicy'))
}

interface BatchRequest {
  readonly ids?: readonly number[]
  readonly fields?: readonly string[]
  readonly $expand?: string
  readonly asOf?: string
  readonly errorPolicy?: string
}

function batchGet(call: Call): Answer {
  const {
    ids = [],
    fields: wanted = [],
    $expand = null,
    asOf,
    errorPolicy = null,
  } = call.json<BatchRequest>()
  const shown = shownAs($expand === null ? null : String($expand), wanted)
  return readMany(call, ids, shown, asOf === undefined ? null : Date.parse(asOf), errorPolicy)
}

function readMany(
  call: Call,
  ids: readonly number[],
  shown: Shown,
  asOf: number | null,
  policy: string | null,
): Answer {
  if (ids.length === 0)
    badRequest('The required parameter ids was null or missing.', 'VssPropertyValidationException')
  if (ids.length > LARGEST_BATCH)
    badRequest(
      `VS403474: You requested ${ids.length} work items which exceeds the limit of ${LARGEST_BATCH}.`,
      'VssServiceException',
    )
  const omits = String(policy ?? 'fail').toLowerCase() === 'omit' || String(policy) === '2'
  const items = ids.map((id) => {
    try {
      return shownItem(call, id, shown, asOf)
    } catch (error) {
      if (omits && error instanceof ServiceFailure) return null
      throw error
    }
  })
  return { body: listOf(items) }
}

const PATCH_TYPE = 'application/json-patch+json'

function patchOf(call: Call): readonly PatchOperation[] {
  const type = (call.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
  if (type !== PATCH_TYPE)
    return refuse(
      415,
      'VssRequestContentTypeNotSupportedException',
      `The request indicated a Content-Type of "${type}" for method type "PATCH" which is not supported. Valid content types for this method are: ${PATCH_TYPE}.`,
    )
  return call.json<readonly PatchOperation[]>()
}

function create(call: Call): Answer {
  const validateOnly = call.query('validateOnly') === 'true'
  const change = { by: call.by, operations: patchOf(call), validateOnly }
  const item = createItem(call.world, projectOf(call), call.params['type'] as string, change)
  return { body: shownRevision(call.world, item, present(item), { relations: true, links: true }) }
}

function update(call: Call): Answer {
  const item = inProject(call, itemOf(call.world, idOf(call, 'id')))
  const validateOnly = call.query('validateOnly') === 'true'
  const after = updateItem(call.world, item, { by: call.by, operations: patchOf(call), validateOnly })
  return { body: shownRevision(call.world, item, present(after), { relations: true, links: true }) }
}

function remove(call: Call): Answer {
  const item = inProject(call, itemOf(call.world, idOf(call, 'id')))
  setDeleted(call.world, item, true, call.by)
  return { body: deletedItem(call, item) }
}

function deletedItem(call: Call, item: Item): Fields {
  const { fields: values } = present(item)
  return {
    id: item.id,
    type: values['System.WorkItemType'] ?? '',
    name: values['System.Title'] ?? '',
    project: item.project.name,
    deletedDate: iso(call.world.clock.now()),
    deletedBy: call.by.displayName,
    code: 200,
    url: `${call.world.base}/_apis/wit/recyclebin/${item.id}`,
    resource: shownRevision(call.world, item, present(item)),
  }
}

interface BatchedPatch {
  readonly method: string
  readonly uri: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: readonly PatchOperation[]
}

function batchUpdate(call: Call): Answer {
  const requests = call.json<readonly BatchedPatch[]>()
  if (!Array.isArray(requests) || requests.length > LARGEST_BATCH)
    badRequest(`The batch holds ${requests.length} requests which exceeds the limit of ${LARGEST_BATCH}.`)
  return { body: listOf(requests.map((request) => batched(call, request))) }
}

function batched(call: Call, { method, uri, headers, body }: BatchedPatch): Fields {
  try {
    const answer = onePatch(call, { method, uri, body: body ?? [], type: headers?.['Content-Type'] ?? '' })
    return {
      code: 200,
      headers: { 'Content-Type': 'application/json; charset=utf-8' },
      body: JSON.stringify(answer),
    }
  } catch (error) {
    if (!(error instanceof ServiceFailure)) throw error
    return {
      code: error.status,
      headers: { 'Content-Type': 'application/json; charset=utf-8' },
      body: JSON.stringify({ count: 1, value: { Message: error.message, typeKey: error.typeKey } }),
    }
  }
}

function onePatch(
  call: Call,
  request: {
    readonly method: string
    readonly uri: string
    readonly body: readonly PatchOperation[]
    readonly type: string
  },
): Fields {
  const found = /^(?:\/([^/]+))?\/_apis\/wit\/workitems\/(\$?)([^/?]+)\?.*api-version=/i.exec(request.uri)
  if (request.method !== 'PATCH' || found === null)
    return badRequest(`The request ${request.method} ${request.uri} cannot be part of a batch.`)
  if (request.type !== PATCH_TYPE) badRequest(`A request of a batch needs the Content-Type ${PATCH_TYPE}.`)
  const [, project, isNew, name = ''] = found
  const { world, by } = call
  const change = { by, operations: request.body }
  if (isNew === '') {
    const item = itemOf(world, Number(name))
    updateItem(world, item, change)
    return shownRevision(world, item, present(item), { relations: true })
  }
  const wanted = decodeURIComponent(project ?? '')
  const into = world.projects.find((one) => one.name === wanted || one.id === wanted) ?? projectOf(call)
  const item = createItem(world, into, decodeURIComponent(name), change)
  return shownRevision(world, item, present(item), { relations: true })
}

function query(call: Call): Answer {
  const { query: text = '' } = call.json<{ query?: string }>()
  const wiql = parseWiql(call.world, text)
  const timePrecision = call.query('timePrecision') === 'true'
  const found = findItems(wiql, { world: call.world, project: call.project, by: call.by, timePrecision })
  const top = numberOf(call, '$top', MOST_FOUND)
  if (found.length > MOST_FOUND && top >= MOST_FOUND)
    badRequest(
      'VS402337: The number of work items returned exceeds the size limit of 20000. Change the query to return fewer items.',
      'WorkItemTrackingQueryResultSizeLimitExceededException',
    )
  const reference = (name: string): Fields => ({
    referenceName: name,
    name: name.split('.').at(-1) ?? name,
    url: `${call.world.base}/_apis/wit/fields/${name}`,
  })
  return {
    body: {
      queryType: 'flat',
      queryResultType: 'workItem',
      asOf: iso(call.world.clock.now()),
      columns: wiql.columns.map(reference),
      sortColumns: wiql.order.map(({ field, descending }) => ({ field: reference(field), descending })),
      workItems: found.slice(0, top).map(({ id }) => ({ id, url: urlOf(call.world, id) })),
    },
  }
}

function revisions(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const skip = numberOf(call, '$skip', 0)
  const page = item.revisions.slice(skip, skip + numberOf(call, '$top', LARGEST_BATCH))
  return { body: listOf(page.map((one) => shownRevision(call.world, item, one, shownBy(call)))) }
}

function revision(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const wanted = idOf(call, 'rev')
  const found = item.revisions.find(({ rev }) => rev === wanted)
  if (found === undefined)
    return refuse(
      404,
      'WorkItemRevisionNotFoundException',
      `VS403392: Revision ${wanted} does not exist for work item ${item.id}.`,
    )
  return { body: shownRevision(call.world, item, found, shownBy(call)) }
}

function updates(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const skip = numberOf(call, '$skip', 0)
  const page = item.revisions.slice(skip, skip + numberOf(call, '$top', LARGEST_BATCH))
  return { body: listOf(page.map((one) => updateOf(call.world, item, one))) }
}

function oneUpdate(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const found = item.revisions.find(({ rev }) => rev === idOf(call, 'rev'))
  if (found) return { body: updateOf(call.world, item, found) }
  return refuse(
    404,
    'WorkItemUpdateNotFoundException',
    `Update ${call.params['rev']} does not exist for work item ${item.id}.`,
  )
}

/** Every revision of every work item once, in the order of the changes; its token goes on for ever. */
function report(call: Call): Answer {
  const token = call.query('continuationToken')
  const after = token === null || token === '' ? 0 : Number(token)
  if (!Number.isInteger(after)) badRequest(`The continuation token '${token}' is not valid.`)
  const since = timeOf(call, 'startDateTime') ?? 0
  const all = [...call.world.items.values()]
    .filter((item) => !item.deleted && (call.project === null || item.project.id === call.project.id))
    .flatMap((item) => item.revisions.map((one) => ({ item, revision: one })))
    .filter((one) => one.revision.watermark > after && (token !== null || one.revision.at >= since))
    .sort((a, b) => a.revision.watermark - b.revision.watermark)
  const page = all.slice(0, Math.min(numberOf(call, '$maxPageSize', LARGEST_BATCH), LARGEST_BATCH))
  const last = page.at(-1)?.revision.watermark ?? after
  const shown = {
    fields:
      call
        .query('fields')
        ?.split(',')
        .map((name) => fieldName(call.world, name.trim())) ?? null,
  }
  const where = `${call.world.base}${call.project ? `/${call.project.id}` : ''}/_apis/wit/reporting/workItemRevisions`
  return {
    body: {
      values: page.map((one) => ({
        id: one.item.id,
        rev: one.revision.rev,
        fields: shownRevision(call.world, one.item, one.revision, shown)['fields'] as Json,
      })),
      nextLink: `${where}?continuationToken=${last}`,
      continuationToken: String(last),
      isLastBatch: page.length === all.length,
    },
  }
}

function linkedTo(call: Call): Answer {
  const { artifactUris = [] } = call.json<{ artifactUris?: readonly string[] }>()
  const found = artifactUris.map((uri) => [
    uri,
    [...call.world.items.values()]
      .filter(
        (item) =>
          !item.deleted && present(item).relations.some(({ url }) => url.toLowerCase() === uri.toLowerCase()),
      )
      .map(({ id }) => ({ id, url: urlOf(call.world, id) })),
  ])
  return { body: { artifactUrisQueryResult: Object.fromEntries(found) } }
}

function binned(call: Call): Item {
  const id = idOf(call, 'id')
  const item = call.world.items.get(id)
  if (item?.deleted) return item
  return refuse(
    404,
    'WorkItemUnauthorizedAccessException',
    `TF401232: Work item ${id} does not exist, or you do not have permissions to read it.`,
  )
}

function getDeleted(call: Call): Answer {
  return { body: deletedItem(call, binned(call)) }
}

function restore(call: Call): Answer {
  const item = binned(call)
  if (call.json<{ isDeleted?: boolean }>().isDeleted !== false) badRequest('isDeleted must be false.')
  setDeleted(call.world, item, false, call.by)
  return { body: deletedItem(call, item) }
}

function types(call: Call): Answer {
  const base = `${call.world.base}/${projectOf(call).id}/_apis/wit/workItemTypes`
  return {
    body: listOf(
      WORK_ITEM_TYPES.map(({ name, states }) => ({
        name,
        referenceName: `Microsoft.VSTS.WorkItemTypes.${name.replaceAll(' ', '')}`,
        description: '',
        isDisabled: false,
        states: states.map((state) => ({ ...state, color: 'b2b2b2' })),
        url: `${base}/${encodeURIComponent(name)}`,
      })),
    ),
  }
}

function fields(call: Call): Answer {
  return {
    body: listOf(
      [...FIELDS, ...call.world.customFields].map((referenceName) => ({
        name: referenceName.split('.').at(-1) ?? referenceName,
        referenceName,
        type: 'string',
        url: `${call.world.base}/_apis/wit/fields/${referenceName}`,
      })),
    ),
  }
}
