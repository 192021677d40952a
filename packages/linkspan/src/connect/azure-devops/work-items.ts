import { isLinkspanError, LinkspanError } from '../../model/errors.ts'
import type { Natural } from '../../model/guarantee.ts'
import type { BatchedCall, CallContext, CallOutcome, ConnectionDeclaration, Verdict } from '../connector.ts'
import { httpError } from '../http/failure.ts'
import { path } from '../http/index.ts'
import { httpReply } from '../http/reply.ts'
import type { AzureClient } from './azure-client.ts'
import {
  ASKED,
  azureOperation,
  azureRequest,
  callTogether,
  type InProject,
  listWith,
  NATURAL,
  objectWith,
  verdictOf,
} from './azure-request.ts'
import type { WorkItem, WorkItemComment, WorkItemRef, WorkItemUpdate } from './shapes.ts'
import { carries, hasLink, patchOf, tagsOf, type WorkItemChanges } from './work-item-changes.ts'
import type {
  CreateWorkItem,
  GetWorkItem,
  GetWorkItems,
  LinkWorkItem,
  MarkPlace,
  QueryWorkItems,
  ReadOptions,
  UpdateWorkItem,
  UploadAttachment,
  WorkItemOperations,
} from './work-item-operations.ts'

const LARGEST_BATCH = 200
const ITEM = objectWith<WorkItem>('id', 'rev', 'fields')

const getOne = azureRequest<GetWorkItem, WorkItem>({
  name: 'workItems.get',
  method: 'GET',
  path: ({ id }) => path`/_apis/wit/workitems/${id}`,
  query: ({ fields, relations }) => ({
    ...(fields === undefined ? {} : { fields: fields.join(',') }),
    ...(relations ? { $expand: 'relations' } : {}),
  }),
  read: ITEM,
})

type BatchGet = ReadOptions & { readonly ids: readonly number[] }

const getBatch = azureRequest<BatchGet, readonly (WorkItem | null)[]>({
  name: 'workItems.get',
  method: 'POST',
  path: '/_apis/wit/workitemsbatch',
  body: ({ ids, fields, relations }) => ({
    ids,
    errorPolicy: 'omit',
    ...(fields === undefined ? {} : { fields }),
    ...(relations ? { $expand: 'relations' } : {}),
  }),
  read: (reply) => (reply.json() as { value: readonly (WorkItem | null)[] }).value,
})

/** Reads the items of calls that want the same of them. */
async function getTogether(
  client: AzureClient,
  calls: readonly BatchedCall<GetWorkItem>[],
): Promise<readonly CallOutcome<WorkItem>[]> {
  const groups = Map.groupBy(calls, ({ input: { id: _id, ...wanted } }) => JSON.stringify(wanted))
  const outcomes = new Map<BatchedCall<GetWorkItem>, CallOutcome<WorkItem>>()
  for (const group of groups.values()) {
    const found = await read(client, group).catch((error: unknown) => ({ error }))
    for (const one of group)
      outcomes.set(one, 'error' in found ? { error: found.error } : outcomeOf(found.items, one.input.id))
  }
  return calls.map((one) => outcomes.get(one) as CallOutcome<WorkItem>)
}

async function read(
  client: AzureClient,
  group: readonly BatchedCall<GetWorkItem>[],
): Promise<{ readonly items: ReadonlyMap<number, WorkItem> }> {
  const { id: _id, ...wanted } = (group[0] as BatchedCall<GetWorkItem>).input
  const ids = [...new Set(group.map(({ input }) => input.id))]
  const items = await getBatch(client, { ...wanted, ids }, callTogether(group))
  return { items: byId(items) }
}

function byId(items: readonly (WorkItem | null)[]): ReadonlyMap<number, WorkItem> {
  return new Map(items.flatMap((item) => (item === null ? [] : [[item.id, item]])))
}

function outcomeOf(items: ReadonlyMap<number, WorkItem>, id: number): CallOutcome<WorkItem> {
  const result = items.get(id)
  return result === undefined ? { error: notThere(id) } : { result }
}

function notThere(id: number): LinkspanError {
  return new LinkspanError(
    'CALL_REJECTED',
    `Work item ${id} does not exist, was deleted, or may not be read by the token of the connection.`,
    { details: { status: 404, id } },
  )
}

async function getMany(
  client: AzureClient,
  { ids, ...wanted }: GetWorkItems,
  call: CallContext,
): Promise<readonly WorkItem[]> {
  const found: WorkItem[] = []
  for (let at = 0; at < ids.length; at += LARGEST_BATCH) {
    const part = [...new Set(ids.slice(at, at + LARGEST_BATCH))]
    const items = byId(await getBatch(client, { ...wanted, ids: part }, call))
    found.push(...part.flatMap((id) => items.get(id) ?? []))
  }
  return found
}

const queryItems = azureRequest<QueryWorkItems, readonly WorkItemRef[]>({
  name: 'workItems.query',
  method: 'POST',
  path: '/_apis/wit/wiql',
  query: ({ top, timePrecision }) => ({ $top: top, timePrecision }),
  body: ({ wiql }) => ({ query: wiql }),
  read: (reply) => objectWith<{ readonly workItems: readonly WorkItemRef[] }>('workItems')(reply).workItems,
})

/** A text as it stands in a query of WIQL, with its quotes. */
export function wiqlText(value: string): string {
  return `'${value.replaceAll("'", "''")}'`
}

/** A mark as a tag: it may hold no comma or semicolon, and none of ours does. */
function tagOf(mark: string): string {
  return `linkspan:${mark}`
}

function marking(place: MarkPlace): {
  readonly onto: (input: CreateWorkItem, mark: string) => WorkItemChanges
  readonly clause: (mark: string) => string
  readonly bears: (item: WorkItem, mark: string) => boolean
} {
  if (place === 'tag')
    return {
      onto: (input, mark) => ({ ...input, addTags: [...(input.addTags ?? []), tagOf(mark)] }),
      clause: (mark) => `[System.Tags] CONTAINS ${wiqlText(tagOf(mark))}`,
      bears: ({ fields }, mark) => tagsOf(fields['System.Tags']).has(tagOf(mark).toLowerCase()),
    }
  const { field } = place
  return {
    onto: (input, mark) => ({ ...input, fields: { ...input.fields, [field]: mark } }),
    clause: (mark) => `[${field}] = ${wiqlText(mark)}`,
    bears: ({ fields }, mark) => fields[field] === mark,
  }
}

type PatchOne = { readonly id: number; readonly patch: readonly unknown[] }

const patchItem = azureRequest<PatchOne, WorkItem>({
  name: 'workItems.update',
  method: 'PATCH',
  path: ({ id }) => path`/_apis/wit/workitems/${id}`,
  query: () => ({ $expand: 'relations' }),
  body: ({ patch }) => patch,
  bodyAs: 'patch',
  read: ITEM,
})

type Batched = { readonly code: number; readonly body: string }

const patchBatch = azureRequest<{ readonly patches: readonly PatchOne[] }, readonly Batched[]>({
  name: 'workItems.update',
  method: 'PATCH',
  at: 'organization',
  path: '/_apis/wit/$batch',
  body: ({ patches }) =>
    patches.map(({ id, patch }) => ({
      method: 'PATCH',
      uri: `/_apis/wit/workitems/${id}?api-version=7.1`,
      headers: { 'Content-Type': 'application/json-patch+json' },
      body: patch,
    })),
  read: listWith<Batched>('code', 'body'),
})

function patchFor(input: UpdateWorkItem): PatchOne {
  if (input.fields !== undefined && 'System.History' in input.fields)
    throw new LinkspanError(
      'CALL_REJECTED',
      'A change of a work item cannot set System.History, as nobody could tell afterwards whether it was said. Use workItems.comment. Nothing was sent.',
    )
  const patch = patchOf(input, input.rev)
  if (patch.length > (input.rev === undefined ? 0 : 1)) return { id: input.id, patch }
  throw new LinkspanError(
    'CALL_REJECTED',
    `The change of work item ${input.id} changes nothing. Give it fields, addTags or links. Nothing was sent.`,
  )
}

async function updateTogether(
  client: AzureClient,
  calls: readonly BatchedCall<UpdateWorkItem>[],
): Promise<readonly CallOutcome<WorkItem>[]> {
  const prepared = calls.map((one) => ({ one, patch: attempt(() => patchFor(one.input)) }))
  // Two changes of one work item keep their order only in requests of their own.
  const good = prepared.flatMap(({ one, patch }) => ('result' in patch ? [{ one, patch: patch.result }] : []))
  const first = good[0]
  const isAlone = good.length === 1 || new Set(good.map(({ patch }) => patch.id)).size < good.length
  const answers =
    first === undefined ? [] : isAlone ? await inTurn(client, good) : await inBatch(client, good)
  const found = new Map(good.map(({ one }, at) => [one, answers[at] as CallOutcome<WorkItem>]))
  return prepared.map(({ one, patch }) =>
    'error' in patch ? patch : (found.get(one) as CallOutcome<WorkItem>),
  )
}

type Prepared = { readonly one: BatchedCall<UpdateWorkItem>; readonly patch: PatchOne }

function attempt<T>(run: () => T): CallOutcome<T> {
  try {
    return { result: run() }
  } catch (error) {
    return { error }
  }
}

async function inTurn(
  client: AzureClient,
  calls: readonly Prepared[],
): Promise<readonly CallOutcome<WorkItem>[]> {
  const outcomes: CallOutcome<WorkItem>[] = []
  for (const { one, patch } of calls) {
    const sent = patchItem(client, { ...patch, project: one.input.project }, callTogether([one]))
    outcomes.push(
      await sent.then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      ),
    )
  }
  return outcomes
}

async function inBatch(
  client: AzureClient,
  calls: readonly Prepared[],
): Promise<readonly CallOutcome<WorkItem>[]> {
  const together = callTogether(calls.map(({ one }) => one))
  const answers = await patchBatch(client, { patches: calls.map(({ patch }) => patch) }, together)
  return calls.map(({ patch, one }, at) => batchedOutcome(client, patch.id, one.call, answers[at]))
}

function batchedOutcome(
  client: AzureClient,
  id: number,
  call: CallContext,
  answer: Batched | undefined,
): CallOutcome<WorkItem> {
  if (answer === undefined)
    return {
      error: new LinkspanError(
        'CALL_UNKNOWN_OUTCOME',
        `The batch was answered without an outcome for work item ${id}.`,
        { retry: 'later', applied: 'unknown' },
      ),
    }
  const reply = httpReply(answer.code, {}, Buffer.from(answer.body))
  if (answer.code >= 200 && answer.code < 300) return attempt(() => ITEM(reply))
  const { clock, redact } = client.organization
  const facts = {
    guarantee: 'natural' as const,
    statuses: {},
    now: clock.now(),
    timeoutMs: call.timeoutMs,
    redact,
  }
  return {
    error: httpError(
      { kind: 'status', reply },
      { what: `"workItems.update" of ${id}, in a batch,`, ...facts },
    ),
  }
}

type GetRevision = { readonly id: number; readonly rev: number }

const getRevision = azureRequest<GetRevision, WorkItem | null>({
  name: 'workItems.update, verify',
  method: 'GET',
  path: ({ id, rev }) => path`/_apis/wit/workitems/${id}/revisions/${rev}`,
  query: () => ({ $expand: 'relations' }),
  statuses: { 404: 'ok' },
  read: (reply) => (reply.status === 404 ? null : ITEM(reply)),
})

/** With a revision, the next one tells: it is either ours or somebody else's. Without one, the present has to be as we want it. */
async function verifyUpdate(
  client: AzureClient,
  input: UpdateWorkItem,
  call: CallContext,
): Promise<Verdict<WorkItem>> {
  const { id, rev, project } = input
  if (rev === undefined) {
    const item = await getOne(client, { id, relations: true, project }, call)
    return verdictOf(carries(item, input) ? item : null)
  }
  const next = await getRevision(client, { id, rev: rev + 1, project }, call)
  return verdictOf(next !== null && carries(next, input) ? next : null)
}

async function ensureLink(client: AzureClient, input: LinkWorkItem, call: CallContext): Promise<WorkItem> {
  const { id, project, ...link } = input
  try {
    return await patchItem(client, { id, project, patch: patchOf({ links: [link] }) }, call)
  } catch (error) {
    // The service refuses a link that is there already.
    if (!isLinkspanError(error, 'CALL_REJECTED') || error.details['status'] !== 400) throw error
    const item = await getOne(client, { id, relations: true, project }, call)
    if (hasLink(item, link)) return item
    throw error
  }
}

type Listed = { readonly id: number }
const COMMENTS = '7.1-preview.4'

const listComments = azureRequest<Listed, readonly WorkItemComment[]>({
  name: 'workItems.comments',
  method: 'GET',
  path: ({ id }) => path`/_apis/wit/workitems/${id}/comments`,
  query: () => ({ order: 'desc', $top: LARGEST_BATCH }),
  version: COMMENTS,
  read: (reply) => objectWith<{ readonly comments: readonly WorkItemComment[] }>('comments')(reply).comments,
})

const addComment = azureRequest<Listed & { readonly text: string }, WorkItemComment>({
  name: 'workItems.comment',
  method: 'POST',
  path: ({ id }) => path`/_apis/wit/workitems/${id}/comments`,
  version: COMMENTS,
  body: ({ text }, mark) => ({ text: `${text}<div><small>linkspan:${mark}</small></div>` }),
  read: objectWith<WorkItemComment>('id', 'text'),
})

/** Makes the operations on work items. */
export function workItemOperations(connection: ConnectionDeclaration, place: MarkPlace): WorkItemOperations {
  const mark = marking(place)
  const make = <In, Out>(
    name: string,
    scope: 'vso.work' | 'vso.work_write',
    run: Parameters<typeof azureOperation<In, Out, Natural>>[1]['run'],
  ) => azureOperation<In, Out, Natural>(connection, { name, scope, guarantee: NATURAL, run })
  const create = azureRequest<CreateWorkItem, WorkItem>({
    name: 'workItems.create',
    method: 'POST',
    path: ({ type }) => path`/_apis/wit/workitems/$${type}`,
    query: () => ({ $expand: 'relations' }),
    body: (input, given) => patchOf(mark.onto(input, given)),
    bodyAs: 'patch',
    read: ITEM,
  })
  const find = async (
    client: AzureClient,
    { project }: InProject,
    call: CallContext,
  ): Promise<WorkItem | null> => {
    const wiql = `SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = @project AND ${mark.clause(call.mark)}`
    for (const { id } of await queryItems(client, { wiql, top: 10, project }, call)) {
      const item = await getOne(client, { id, relations: true, project }, call)
      if (mark.bears(item, call.mark)) return item
    }
    return null
  }
  return {
    get: azureOperation(connection, {
      name: 'workItems.get',
      scope: 'vso.work',
      guarantee: NATURAL,
      run: getOne,
      batch: {
        max: LARGEST_BATCH,
        inFlight: 4,
        run: (client, calls) => getTogether(client as AzureClient, calls),
      },
    }),
    getMany: make('workItems.getMany', 'vso.work', getMany),
    create: azureOperation(connection, {
      name: 'workItems.create',
      scope: 'vso.work_write',
      guarantee: ASKED,
      run: create,
      verify: async (client, input, call) => verdictOf(await find(client, input, call)),
    }),
    update: azureOperation(connection, {
      name: 'workItems.update',
      scope: 'vso.work_write',
      guarantee: ASKED,
      run: (client, input, call) => patchItem(client, { ...patchFor(input), project: input.project }, call),
      verify: verifyUpdate,
      batch: { max: LARGEST_BATCH, run: (client, calls) => updateTogether(client as AzureClient, calls) },
    }),
    link: make('workItems.link', 'vso.work_write', ensureLink),
    remove: make(
      'workItems.remove',
      'vso.work_write',
      azureRequest<Listed, null>({
        name: 'workItems.remove',
        method: 'DELETE',
        path: ({ id }) => path`/_apis/wit/workitems/${id}`,
        statuses: { 404: 'ok' },
        read: () => null,
      }),
    ),
    query: make('workItems.query', 'vso.work', queryItems),
    linkedTo: make(
      'workItems.linkedTo',
      'vso.work',
      azureRequest({
        name: 'workItems.linkedTo',
        method: 'POST',
        path: '/_apis/wit/artifacturiquery',
        body: ({ uris }: { readonly uris: readonly string[] }) => ({ artifactUris: uris }),
        read: (reply) =>
          objectWith<{ readonly artifactUrisQueryResult: Readonly<Record<string, readonly WorkItemRef[]>> }>(
            'artifactUrisQueryResult',
          )(reply).artifactUrisQueryResult,
      }),
    ),
    updates: make(
      'workItems.updates',
      'vso.work',
      azureRequest<Listed & { readonly skip?: number; readonly top?: number }, readonly WorkItemUpdate[]>({
        name: 'workItems.updates',
        method: 'GET',
        path: ({ id }) => path`/_apis/wit/workitems/${id}/updates`,
        query: ({ skip, top }) => ({ $skip: skip, $top: top }),
        read: listWith<WorkItemUpdate>('rev'),
      }),
    ),
    comments: make('workItems.comments', 'vso.work', listComments),
    comment: azureOperation(connection, {
      name: 'workItems.comment',
      scope: 'vso.work_write',
      guarantee: ASKED,
      run: addComment,
      verify: async (client, { id, project }, call) => {
        const all = await listComments(client, { id, project }, call)
        return verdictOf(all.find(({ text }) => text.includes(`linkspan:${call.mark}`)))
      },
    }),
    upload: make(
      'workItems.upload',
      'vso.work_write',
      azureRequest<UploadAttachment, { readonly id: string; readonly url: string }>({
        name: 'workItems.upload',
        method: 'POST',
        path: '/_apis/wit/attachments',
        query: ({ name }) => ({ fileName: name }),
        body: ({ text, base64 }) =>
          new Uint8Array(Buffer.from(text ?? base64 ?? '', text === undefined ? 'base64' : 'utf8')),
        bodyAs: 'binary',
        read: objectWith<{ readonly id: string; readonly url: string }>('id', 'url'),
      }),
    ),
  }
}
