import { type Answer, type Call, idOf, numberOf, type Route } from './routes.ts'
import { badRequest, refuse } from './service-failure.ts'
import { addComment, itemOf, urlOf } from './work-item-store.ts'
import { type Fields, type Item, identityRef, iso, type WorkItemComment } from './world.ts'

const MOST_COMMENTS = 200

/** The routes of comments and attachments of work items. */
export const workItemTalkRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: 'wit/workitems/{id}/comments',
    scope: 'vso.work',
    project: 'needed',
    preview: true,
    run: comments,
  },
  {
    method: 'POST',
    path: 'wit/workitems/{id}/comments',
    scope: 'vso.work_write',
    project: 'needed',
    preview: true,
    run: comment,
  },
  {
    method: 'GET',
    path: 'wit/workitems/{id}/comments/{comment}',
    scope: 'vso.work',
    project: 'needed',
    preview: true,
    run: oneComment,
  },
  {
    method: 'PATCH',
    path: 'wit/workitems/{id}/comments/{comment}',
    scope: 'vso.work_write',
    project: 'needed',
    preview: true,
    run: changeComment,
  },
  {
    method: 'DELETE',
    path: 'wit/workitems/{id}/comments/{comment}',
    scope: 'vso.work_write',
    project: 'needed',
    preview: true,
    run: dropComment,
  },
  { method: 'POST', path: 'wit/attachments', scope: 'vso.work_write', project: 'possible', run: attach },
  { method: 'GET', path: 'wit/attachments/{id}', scope: 'vso.work', project: 'possible', run: attachment },
]

function shownComment(call: Call, item: Item, one: WorkItemComment): Fields {
  return {
    workItemId: item.id,
    id: one.id,
    version: one.version,
    text: one.text,
    createdBy: identityRef(call.world, one.by),
    createdDate: iso(one.at),
    modifiedBy: identityRef(call.world, one.by),
    modifiedDate: iso(one.modifiedAt),
    isDeleted: one.deleted,
    url: `${urlOf(call.world, item.id)}/comments/${one.id}`,
  }
}

function comments(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const isAscending = call.query('order') === 'asc'
  const all = item.comments.filter(({ deleted }) => !deleted)
  const sorted = isAscending ? all : [...all].reverse()
  const from = Number(call.query('continuationToken') ?? 0)
  const top = numberOf(call, '$top', MOST_COMMENTS)
  const page = sorted.slice(from, from + top)
  const more = from + page.length < sorted.length ? { continuationToken: String(from + page.length) } : {}
  return {
    body: {
      totalCount: all.length,
      count: page.length,
      comments: page.map((one) => shownComment(call, item, one)),
      ...more,
    },
  }
}

function comment(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const { text } = call.json<{ text?: string }>()
  if (typeof text !== 'string' || text === '')
    return badRequest('The required parameter text was null or missing.')
  const id = addComment(call.world, item, call.by, text)
  return { body: shownComment(call, item, commentOf(item, id)) }
}

function commentOf(item: Item, id: number): WorkItemComment {
  const found = item.comments.find((one) => one.id === id && !one.deleted)
  return (
    found ??
    refuse(404, 'WorkItemCommentNotFoundException', `Comment ${id} does not exist for work item ${item.id}.`)
  )
}

function oneComment(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  return { body: shownComment(call, item, commentOf(item, idOf(call, 'comment'))) }
}

function changeComment(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  const found = commentOf(item, idOf(call, 'comment'))
  found.text = String(call.json<{ text?: string }>().text ?? '')
  found.version++
  found.modifiedAt = call.world.clock.now()
  return { body: shownComment(call, item, found) }
}

function dropComment(call: Call): Answer {
  const item = itemOf(call.world, idOf(call, 'id'))
  commentOf(item, idOf(call, 'comment')).deleted = true
  return { status: 204 }
}

const LARGEST_ATTACHMENT = 130 * 1024 * 1024

function attach(call: Call): Answer {
  if (call.bytes.length > LARGEST_ATTACHMENT)
    refuse(413, 'AttachmentSizeExceededException', 'The attachment is larger than 130 MB.')
  const id = call.world.guid()
  const name = call.query('fileName') ?? id
  call.world.attachments.set(id, { id, name, bytes: call.bytes })
  const query = new URLSearchParams({ fileName: name }).toString()
  return { status: 201, body: { id, url: `${call.world.base}/_apis/wit/attachments/${id}?${query}` } }
}

function attachment(call: Call): Answer {
  const found = call.world.attachments.get(call.params['id'] as string)
  if (!found)
    return refuse(
      404,
      'AttachmentNotFoundException',
      `VS403417: Cannot find the attachment ${call.params['id']}.`,
    )
  return {
    bytes: { data: found.bytes, type: 'application/octet-stream' },
    headers: { 'content-disposition': `attachment; filename="${found.name.replaceAll('"', '')}"` },
  }
}
