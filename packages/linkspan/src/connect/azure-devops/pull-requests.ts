import type { Natural } from '../../model/guarantee.ts'
import type { ConnectionDeclaration, Verdict } from '../connector.ts'
import { path } from '../http/index.ts'
import {
  ASKED,
  type Asked,
  type AzureOperation,
  azureOperation,
  azureRequest,
  type InProject,
  listWith,
  NATURAL,
  naturalMaker,
  objectWith,
  verdictOf,
} from './azure-request.ts'
import { type InRepository, type PostStatus, statusBody } from './git.ts'
import type {
  Commit,
  GitStatus,
  PolicyConfiguration,
  PolicyEvaluation,
  PullRequest,
  ResourceRef,
  Thread,
  ThreadComment,
  ThreadStatus,
} from './shapes.ts'

/** A pull request of a repository. */
export type OfPullRequest = InRepository & { readonly pullRequestId: number }
export type ListPullRequests = InProject & {
  /** Only those of this repository. */
  readonly repository?: string
  /** @default 'active' */
  readonly status?: 'active' | 'abandoned' | 'completed' | 'all'
  /** As `refs/heads/topic`. */
  readonly sourceRefName?: string
  readonly targetRefName?: string
  /** Made, or with `closed` ended, from then on. */
  readonly since?: string
  readonly closed?: boolean
  readonly skip?: number
  readonly top?: number
}
export type CreatePullRequest = InRepository & {
  /** As `refs/heads/topic`. */
  readonly sourceRefName: string
  readonly targetRefName: string
  readonly title: string
  readonly description?: string
  readonly isDraft?: boolean
  /** Ids of work items to link with it. */
  readonly workItems?: readonly number[]
}
export type UpdatePullRequest = OfPullRequest & {
  readonly title?: string
  readonly description?: string
  readonly isDraft?: boolean
  readonly status?: 'active' | 'abandoned'
}
export type CompletePullRequest = OfPullRequest & {
  /** The commit that was reviewed: refused when the source branch has moved on. */
  readonly lastMergeSourceCommit: string
  readonly deleteSourceBranch?: boolean
  readonly squash?: boolean
}
export type CreateThread = OfPullRequest & {
  /** Markdown. */
  readonly content: string
  /** @default 'active' */
  readonly status?: ThreadStatus
  /** Where in the files it is about; none is about the whole. */
  readonly file?: { readonly path: string; readonly line?: number }
}
export type OfThread = OfPullRequest & { readonly threadId: number }
export type PostPullRequestStatus = OfPullRequest & PostStatus
export type PolicyStatus = InProject & { readonly projectId: string; readonly pullRequestId: number }

/** What can be done with pull requests. */
export interface PullRequestOperations {
  readonly list: AzureOperation<ListPullRequests, readonly PullRequest[], Natural>
  readonly get: AzureOperation<OfPullRequest, PullRequest, Natural>
  /** Opens a pull request. The call's mark is a comment in its description that is not shown. */
  readonly create: AzureOperation<CreatePullRequest, PullRequest, Asked>
  readonly update: AzureOperation<UpdatePullRequest, PullRequest, Natural>
  /** Completes a pull request, if its policies allow it. */
  readonly complete: AzureOperation<CompletePullRequest, PullRequest, Asked>
  readonly workItems: AzureOperation<OfPullRequest, readonly ResourceRef[], Natural>
  readonly commits: AzureOperation<OfPullRequest, readonly Commit[], Natural>
  readonly threads: AzureOperation<OfPullRequest, readonly Thread[], Natural>
  /** Begins a thread. The call's mark is a property of it. */
  readonly createThread: AzureOperation<CreateThread, Thread, Asked>
  /** Answers in a thread. The call's mark is a comment in the text that is not shown. */
  readonly reply: AzureOperation<OfThread & { readonly content: string }, ThreadComment, Asked>
  readonly setThreadStatus: AzureOperation<OfThread & { readonly status: ThreadStatus }, Thread, Natural>
  readonly statuses: AzureOperation<OfPullRequest, readonly GitStatus[], Natural>
  /** Posts a status. Repeated, it is there twice and says the same. */
  readonly postStatus: AzureOperation<PostPullRequestStatus, GitStatus, Natural>
  readonly policies: AzureOperation<InProject, readonly PolicyConfiguration[], Natural>
  /** How the policies stand with a pull request. */
  readonly policyStatus: AzureOperation<PolicyStatus, readonly PolicyEvaluation[], Natural>
}

const PULL = objectWith<PullRequest>('pullRequestId', 'status')
const hidden = (mark: string): string => `<!-- linkspan:${mark} -->`
const repositoryOf = ({ repository }: InRepository): string => path`/_apis/git/repositories/${repository}`
const at = (input: OfPullRequest): string =>
  `${repositoryOf(input)}${path`/pullrequests/${input.pullRequestId}`}`

const list = azureRequest<ListPullRequests, readonly PullRequest[]>({
  name: 'pullRequests.list',
  method: 'GET',
  path: ({ repository }) =>
    repository === undefined ? '/_apis/git/pullrequests' : `${repositoryOf({ repository })}/pullrequests`,
  query: ({ status, sourceRefName, targetRefName, since, closed, skip, top }) => ({
    'searchCriteria.status': status,
    'searchCriteria.sourceRefName': sourceRefName,
    'searchCriteria.targetRefName': targetRefName,
    'searchCriteria.minTime': since,
    'searchCriteria.queryTimeRangeType': closed ? 'closed' : undefined,
    $skip: skip,
    $top: top,
  }),
  read: listWith<PullRequest>('pullRequestId', 'status'),
})

const get = azureRequest<OfPullRequest, PullRequest>({
  name: 'pullRequests.get',
  method: 'GET',
  path: at,
  read: PULL,
})

const create = azureRequest<CreatePullRequest, PullRequest>({
  name: 'pullRequests.create',
  method: 'POST',
  path: (input) => `${repositoryOf(input)}/pullrequests`,
  body: ({ sourceRefName, targetRefName, title, description = '', isDraft, workItems = [] }, mark) => ({
    sourceRefName,
    targetRefName,
    title,
    description: `${description}\n\n${hidden(mark)}`,
    ...(isDraft === undefined ? {} : { isDraft }),
    ...(workItems.length === 0 ? {} : { workItemRefs: workItems.map((id) => ({ id: String(id) })) }),
  }),
  read: PULL,
})

/** A list cuts descriptions off, so that each candidate is read whole. */
const verifyCreate = async (
  ...[client, input, call]: Parameters<typeof create>
): Promise<Verdict<PullRequest>> => {
  const { repository, project, sourceRefName, targetRefName } = input
  const found = await list(
    client,
    { repository, project, sourceRefName, targetRefName, status: 'all', top: 20 },
    call,
  )
  for (const { pullRequestId } of found) {
    const pull = await get(client, { repository, project, pullRequestId }, call)
    if (pull.description?.includes(hidden(call.mark))) return { state: 'done', result: pull }
  }
  return { state: 'absent' }
}

const complete = azureRequest<CompletePullRequest, PullRequest>({
  name: 'pullRequests.complete',
  method: 'PATCH',
  path: at,
  body: ({ lastMergeSourceCommit, deleteSourceBranch, squash }) => ({
    status: 'completed',
    lastMergeSourceCommit: { commitId: lastMergeSourceCommit },
    completionOptions: {
      deleteSourceBranch: deleteSourceBranch ?? false,
      mergeStrategy: squash ? 'squash' : 'noFastForward',
    },
  }),
  read: PULL,
})

const threads = azureRequest<OfPullRequest, readonly Thread[]>({
  name: 'pullRequests.threads',
  method: 'GET',
  path: (input) => `${at(input)}/threads`,
  read: listWith<Thread>('id', 'comments'),
})

const MARK_PROPERTY = 'linkspan.mark'

const createThread = azureRequest<CreateThread, Thread>({
  name: 'pullRequests.createThread',
  method: 'POST',
  path: (input) => `${at(input)}/threads`,
  body: ({ content, status = 'active', file }, mark) => ({
    comments: [{ parentCommentId: 0, content, commentType: 'text' }],
    status,
    properties: { [MARK_PROPERTY]: mark },
    ...(file === undefined ? {} : { threadContext: placeOf(file) }),
  }),
  read: objectWith<Thread>('id', 'comments'),
})

function placeOf({ path: filePath, line }: NonNullable<CreateThread['file']>): object {
  if (line === undefined) return { filePath }
  const place = { line, offset: 1 }
  return { filePath, rightFileStart: place, rightFileEnd: place }
}

const reply = azureRequest<OfThread & { readonly content: string }, ThreadComment>({
  name: 'pullRequests.reply',
  method: 'POST',
  path: (input) => `${at(input)}${path`/threads/${input.threadId}/comments`}`,
  body: ({ content }, mark) => ({
    content: `${content}\n\n${hidden(mark)}`,
    parentCommentId: 1,
    commentType: 'text',
  }),
  read: objectWith<ThreadComment>('id'),
})

/** Makes the operations on pull requests. */
export function pullRequestOperations(connection: ConnectionDeclaration): PullRequestOperations {
  const natural = naturalMaker(connection)
  return {
    list: azureOperation(connection, {
      name: 'pullRequests.list',
      scope: 'vso.code',
      guarantee: NATURAL,
      run: list,
    }),
    get: azureOperation(connection, {
      name: 'pullRequests.get',
      scope: 'vso.code',
      guarantee: NATURAL,
      run: get,
    }),
    create: azureOperation(connection, {
      name: 'pullRequests.create',
      scope: 'vso.code_write',
      guarantee: ASKED,
      run: create,
      verify: verifyCreate,
    }),
    update: natural('vso.code_write', {
      name: 'pullRequests.update',
      method: 'PATCH',
      path: at as (input: UpdatePullRequest) => string,
      body: ({ title, description, isDraft, status }) => ({ title, description, isDraft, status }),
      read: PULL,
    }),
    complete: azureOperation(connection, {
      name: 'pullRequests.complete',
      scope: 'vso.code_write',
      guarantee: ASKED,
      run: complete,
      verify: async (client, input, call) => {
        const pull = await get(client, input, call)
        return verdictOf(pull.status === 'completed' ? pull : null)
      },
    }),
    workItems: natural('vso.code', {
      name: 'pullRequests.workItems',
      method: 'GET',
      path: (input: OfPullRequest) => `${at(input)}/workitems`,
      read: listWith<ResourceRef>('id'),
    }),
    commits: natural('vso.code', {
      name: 'pullRequests.commits',
      method: 'GET',
      path: (input: OfPullRequest) => `${at(input)}/commits`,
      read: listWith<Commit>('commitId'),
    }),
    threads: azureOperation(connection, {
      name: 'pullRequests.threads',
      scope: 'vso.code',
      guarantee: NATURAL,
      run: threads,
    }),
    createThread: azureOperation(connection, {
      name: 'pullRequests.createThread',
      scope: 'vso.threads_full',
      guarantee: ASKED,
      run: createThread,
      verify: async (client, { repository, project, pullRequestId }, call) => {
        const all = await threads(client, { repository, project, pullRequestId }, call)
        return verdictOf(all.find(({ properties }) => properties?.[MARK_PROPERTY]?.$value === call.mark))
      },
    }),
    reply: azureOperation(connection, {
      name: 'pullRequests.reply',
      scope: 'vso.threads_full',
      guarantee: ASKED,
      run: reply,
      verify: async (client, { repository, project, pullRequestId, threadId }, call) => {
        const all = await threads(client, { repository, project, pullRequestId }, call)
        const comments = all.find(({ id }) => id === threadId)?.comments ?? []
        return verdictOf(comments.find(({ content }) => content?.includes(hidden(call.mark))))
      },
    }),
    setThreadStatus: natural('vso.threads_full', {
      name: 'pullRequests.setThreadStatus',
      method: 'PATCH',
      path: (input: OfThread & { readonly status: ThreadStatus }) =>
        `${at(input)}${path`/threads/${input.threadId}`}`,
      body: ({ status }) => ({ status }),
      read: objectWith<Thread>('id'),
    }),
    statuses: natural('vso.code', {
      name: 'pullRequests.statuses',
      method: 'GET',
      path: (input: OfPullRequest) => `${at(input)}/statuses`,
      read: listWith<GitStatus>('state', 'context'),
    }),
    postStatus: natural('vso.code_status', {
      name: 'pullRequests.postStatus',
      method: 'POST',
      path: (input: PostPullRequestStatus) => `${at(input)}/statuses`,
      body: statusBody,
      read: objectWith<GitStatus>('state', 'context'),
    }),
    policies: natural('vso.code', {
      name: 'pullRequests.policies',
      method: 'GET',
      path: '/_apis/policy/configurations',
      read: listWith<PolicyConfiguration>('id', 'type'),
    }),
    policyStatus: natural('vso.code', {
      name: 'pullRequests.policyStatus',
      method: 'GET',
      path: '/_apis/policy/evaluations',
      query: ({ projectId, pullRequestId }: PolicyStatus) => ({
        artifactId: `vstfs:///CodeReview/CodeReviewId/${projectId}/${pullRequestId}`,
      }),
      version: '7.1-preview.1',
      read: listWith<PolicyEvaluation>('evaluationId', 'status'),
    }),
  }
}
