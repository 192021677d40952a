import { LinkspanError } from '../../model/errors.ts'
import type { Natural } from '../../model/guarantee.ts'
import type { ConnectionDeclaration, Verdict } from '../connector.ts'
import { path } from '../http/index.ts'
import {
  ASKED,
  type Asked,
  type AzureCall,
  type AzureOperation,
  azureOperation,
  azureRequest,
  type InProject,
  listWith,
  naturalMaker,
  objectWith,
  verdictOf,
} from './azure-request.ts'
import type { Commit, GitRef, GitStatus, Push, RefUpdate, Repository, StatusState } from './shapes.ts'

/** A repository by its name or id. */
export type InRepository = InProject & { readonly repository: string }
export type ListRefs = InRepository & {
  /** What names begin with, without `refs/`: `heads/`, `tags/v1`. */
  readonly filter?: string
}
export type UpdateRef = InRepository & RefUpdate
export type ListCommits = InRepository & {
  readonly branch?: string
  readonly since?: string
  readonly author?: string
  readonly skip?: number
  readonly top?: number
}
export type ListPushes = InRepository & {
  readonly since?: string
  /** As `refs/heads/main`. */
  readonly refName?: string
  readonly skip?: number
  readonly top?: number
}
export type PushChanges = InRepository & {
  /** As `refs/heads/main`. */
  readonly refName: string
  /** What the ref points to; zeros make a new branch. The push is refused when it points elsewhere by now. */
  readonly oldObjectId: string
  readonly comment: string
  readonly changes: readonly {
    readonly changeType: 'add' | 'edit' | 'delete'
    /** As `/docs/readme.md`. */
    readonly path: string
    /** The new content as text; none for a deletion. */
    readonly content?: string
  }[]
}
export type PostStatus = {
  readonly state: StatusState
  readonly description?: string
  /** Names the status; of several with the same name and genre the latest counts. */
  readonly context: { readonly name: string; readonly genre?: string }
  readonly targetUrl?: string
}
export type PostCommitStatus = InRepository & PostStatus & { readonly commitId: string }

/** What can be done with repositories, refs, commits and pushes. */
export interface GitOperations {
  readonly repositories: AzureOperation<InProject, readonly Repository[], Natural>
  readonly repository: AzureOperation<InRepository, Repository, Natural>
  readonly refs: AzureOperation<ListRefs, readonly GitRef[], Natural>
  /** Makes, moves or deletes a branch or tag, if it points where the input says. */
  readonly updateRef: AzureOperation<UpdateRef, RefUpdate, Asked>
  /** The commits of a branch, the newest first. */
  readonly commits: AzureOperation<ListCommits, readonly Commit[], Natural>
  readonly commit: AzureOperation<InRepository & { readonly commitId: string }, Commit, Natural>
  /** The pushes, the newest first. */
  readonly pushes: AzureOperation<ListPushes, readonly Push[], Natural>
  readonly push: AzureOperation<InRepository & { readonly pushId: number }, Push, Natural>
  /** Pushes one commit. Its comment ends with the call's mark as a trailer, by which it is found after an unknown outcome. */
  readonly pushChanges: AzureOperation<PushChanges, Push, Asked>
  readonly statuses: AzureOperation<
    InRepository & { readonly commitId: string },
    readonly GitStatus[],
    Natural
  >
  /** Posts a status on a commit. Repeated, it is there twice and says the same. */
  readonly postStatus: AzureOperation<PostCommitStatus, GitStatus, Natural>
}

/** No object. */
export const NO_OBJECT: string = '0'.repeat(40)

const at = ({ repository }: InRepository): string => path`/_apis/git/repositories/${repository}`

const listRefs = azureRequest<ListRefs, readonly GitRef[]>({
  name: 'git.refs',
  method: 'GET',
  path: (input) => `${at(input)}/refs`,
  query: ({ filter }) => ({ filter }),
  read: listWith<GitRef>('name', 'objectId'),
})

type UpdatedRef = RefUpdate & { readonly success: boolean; readonly updateStatus: string }

const moveRef = azureRequest<UpdateRef, UpdatedRef>({
  name: 'git.updateRef',
  method: 'POST',
  path: (input) => `${at(input)}/refs`,
  body: ({ name, oldObjectId, newObjectId }) => [{ name, oldObjectId, newObjectId }],
  read: (reply) => {
    const [first] = listWith<UpdatedRef>('success', 'updateStatus')(reply)
    if (first === undefined) throw new Error('it says nothing of the ref')
    return first
  },
})

const updateRef: AzureCall<UpdateRef, RefUpdate> = async (client, input, call) => {
  const { success, updateStatus, name, oldObjectId, newObjectId } = await moveRef(client, input, call)
  if (success) return { name, oldObjectId, newObjectId }
  throw new LinkspanError(
    'CALL_REJECTED',
    `"git.updateRef" was refused: ${input.name} in ${input.repository} was not moved from ${input.oldObjectId} (${updateStatus}).`,
    { details: { status: 409, updateStatus } },
  )
}

const verifyRef = async (
  ...[client, input, call]: Parameters<typeof updateRef>
): Promise<Verdict<RefUpdate>> => {
  const { name, oldObjectId, newObjectId } = input
  const refs = await listRefs(client, { ...input, filter: name.replace(/^refs\//, '') }, call)
  const now = refs.find((ref) => ref.name === name)?.objectId ?? NO_OBJECT
  return verdictOf(now === newObjectId ? { name, oldObjectId, newObjectId } : null)
}

const listCommits = azureRequest<ListCommits, readonly Commit[]>({
  name: 'git.commits',
  method: 'GET',
  path: (input) => `${at(input)}/commits`,
  query: ({ branch, since, author, skip, top }) => ({
    'searchCriteria.itemVersion.version': branch,
    'searchCriteria.fromDate': since,
    'searchCriteria.author': author,
    'searchCriteria.$skip': skip,
    'searchCriteria.$top': top,
  }),
  read: listWith<Commit>('commitId', 'comment'),
})

const getCommit = azureRequest<InRepository & { readonly commitId: string }, Commit>({
  name: 'git.commit',
  method: 'GET',
  path: (input) => `${at(input)}${path`/commits/${input.commitId}`}`,
  read: objectWith<Commit>('commitId', 'comment'),
})

const getPush = azureRequest<InRepository & { readonly pushId: number }, Push>({
  name: 'git.push',
  method: 'GET',
  path: (input) => `${at(input)}${path`/pushes/${input.pushId}`}`,
  query: () => ({ includeCommits: 100, includeRefUpdates: true }),
  read: objectWith<Push>('pushId'),
})

const trailer = (mark: string): string => `Linkspan-Mark: ${mark}`

const pushChanges = azureRequest<PushChanges, Push>({
  name: 'git.pushChanges',
  method: 'POST',
  path: (input) => `${at(input)}/pushes`,
  body: ({ refName, oldObjectId, comment, changes }, mark) => ({
    refUpdates: [{ name: refName, oldObjectId }],
    commits: [
      {
        comment: `${comment}\n\n${trailer(mark)}`,
        changes: changes.map(({ changeType, path: item, content }) => ({
          changeType,
          item: { path: item },
          ...(content === undefined ? {} : { newContent: { content, contentType: 'rawtext' } }),
        })),
      },
    ],
  }),
  read: objectWith<Push>('pushId'),
})

const verifyPush = async (
  ...[client, input, call]: Parameters<typeof pushChanges>
): Promise<Verdict<Push>> => {
  const branch = input.refName.replace(/^refs\/heads\//, '')
  const { repository, project } = input
  const refs = await listRefs(client, { repository, project, filter: `heads/${branch}` }, call)
  if (!refs.some(({ name }) => name === input.refName)) return { state: 'absent' }
  const commits = await listCommits(client, { repository, project, branch, top: 100 }, call)
  const ours = commits.find(({ comment }) => comment.includes(trailer(call.mark)))
  if (ours === undefined) return { state: 'absent' }
  const { push } = await getCommit(client, { repository, project, commitId: ours.commitId }, call)
  return push === undefined
    ? { state: 'unknown' }
    : verdictOf(await getPush(client, { repository, project, pushId: push.pushId }, call))
}

/** Makes the operations on Git. */
export function gitOperations(connection: ConnectionDeclaration): GitOperations {
  const natural = naturalMaker(connection)
  return {
    repositories: natural('vso.code', {
      name: 'git.repositories',
      method: 'GET',
      path: '/_apis/git/repositories',
      read: listWith<Repository>('id', 'name'),
    }),
    repository: natural('vso.code', {
      name: 'git.repository',
      method: 'GET',
      path: at,
      read: objectWith<Repository>('id', 'name'),
    }),
    refs: azureOperation(connection, {
      name: 'git.refs',
      scope: 'vso.code',
      guarantee: { kind: 'natural' },
      run: listRefs,
    }),
    updateRef: azureOperation(connection, {
      name: 'git.updateRef',
      scope: 'vso.code_write',
      guarantee: ASKED,
      run: updateRef,
      verify: verifyRef,
    }),
    commits: azureOperation(connection, {
      name: 'git.commits',
      scope: 'vso.code',
      guarantee: { kind: 'natural' },
      run: listCommits,
    }),
    commit: azureOperation(connection, {
      name: 'git.commit',
      scope: 'vso.code',
      guarantee: { kind: 'natural' },
      run: getCommit,
    }),
    pushes: natural('vso.code', {
      name: 'git.pushes',
      method: 'GET',
      path: (input: ListPushes) => `${at(input)}/pushes`,
      query: ({ since, refName, skip, top }) => ({
        'searchCriteria.fromDate': since,
        'searchCriteria.refName': refName,
        'searchCriteria.includeRefUpdates': true,
        $skip: skip,
        $top: top,
      }),
      read: listWith<Push>('pushId'),
    }),
    push: azureOperation(connection, {
      name: 'git.push',
      scope: 'vso.code',
      guarantee: { kind: 'natural' },
      run: getPush,
    }),
    pushChanges: azureOperation(connection, {
      name: 'git.pushChanges',
      scope: 'vso.code_write',
      guarantee: ASKED,
      run: pushChanges,
      verify: verifyPush,
    }),
    statuses: natural('vso.code', {
      name: 'git.statuses',
      method: 'GET',
      path: (input: InRepository & { readonly commitId: string }) =>
        `${at(input)}${path`/commits/${input.commitId}/statuses`}`,
      read: listWith<GitStatus>('state', 'context'),
    }),
    postStatus: natural('vso.code_status', {
      name: 'git.postStatus',
      method: 'POST',
      path: (input: PostCommitStatus) => `${at(input)}${path`/commits/${input.commitId}/statuses`}`,
      body: statusBody,
      read: objectWith<GitStatus>('state', 'context'),
    }),
  }
}

/** A status as it is sent. */
export function statusBody({ state, description, context, targetUrl }: PostStatus): object {
  return {
    state,
    context,
    ...(description === undefined ? {} : { description }),
    ...(targetUrl === undefined ? {} : { targetUrl }),
  }
}
