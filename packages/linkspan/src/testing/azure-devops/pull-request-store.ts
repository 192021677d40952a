import {
  addCommit,
  artifactUri,
  commitRef,
  historyOf,
  linkArtifact,
  pushCommits,
  recordPush,
  refName,
  repositoryRef,
  repositoryUrl,
  workItemsOf,
} from './git-store.ts'
import { blockingPolicies } from './policies.ts'
import { badRequest, refuse } from './service-failure.ts'
import { itemOf } from './work-item-store.ts'
import {
  type Fields,
  type Identity,
  identityRef,
  iso,
  type PullRequest,
  type Repository,
  type World,
} from './world.ts'

/** What a pull request is made of. */
export interface NewPullRequest {
  readonly by: Identity
  readonly source: string
  readonly target: string
  readonly title: string
  readonly description?: string
  readonly isDraft?: boolean
  /** Ids of work items to link. */
  readonly workItems?: readonly number[]
}

/** Opens a pull request between two branches. */
export function openPullRequest(world: World, repository: Repository, given: NewPullRequest): PullRequest {
  const [sourceRefName, targetRefName] = [refName(given.source), refName(given.target)]
  const sourceCommit = repository.refs.get(sourceRefName)
  const targetCommit = repository.refs.get(targetRefName)
  if (sourceCommit === undefined || targetCommit === undefined)
    return refuse(
      404,
      'GitRefNotFoundException',
      `TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists.`,
    )
  refuseSecond(world, repository, sourceRefName, targetRefName)
  const pull: PullRequest = {
    id: world.next('pull request'),
    repository,
    by: given.by,
    createdAt: world.clock.now(),
    status: 'active',
    title: given.title,
    description: given.description ?? '',
    isDraft: given.isDraft ?? false,
    sourceRefName,
    targetRefName,
    closedAt: null,
    sourceCommit,
    targetCommit,
    mergeCommit: '',
    completionOptions: {},
    autoCompleteSetBy: null,
    reviewers: [],
    threads: [],
    statuses: [],
    labels: [],
    properties: {},
  }
  attemptMerge(world, pull)
  world.pullRequests.set(pull.id, pull)
  for (const id of given.workItems ?? [])
    linkArtifact(
      world,
      itemOf(world, id),
      artifactUri('PullRequestId', repository, pull.id),
      'Pull Request',
      given.by,
    )
  tellOfPull(
    world,
    pull,
    'git.pullrequest.created',
    `${given.by.displayName} created pull request ${pull.id} (${pull.title})`,
  )
  tellOfPull(
    world,
    pull,
    'git.pullrequest.merged',
    `${given.by.displayName} has created a pull request merge commit`,
  )
  return pull
}

function refuseSecond(world: World, repository: Repository, source: string, target: string): void {
  const same = [...world.pullRequests.values()].some(
    (pull) =>
      pull.repository === repository &&
      pull.status === 'active' &&
      pull.sourceRefName === source &&
      pull.targetRefName === target,
  )
  if (same)
    refuse(
      409,
      'GitPullRequestExistsException',
      'TF401179: An active pull request for the source and target branch already exists.',
    )
}

function attemptMerge(world: World, pull: PullRequest): void {
  const { repository, sourceCommit, targetCommit } = pull
  const commit = addCommit(world, repository, {
    comment: `Merge pull request ${pull.id} from ${pull.sourceRefName.replace('refs/heads/', '')} into ${pull.targetRefName.replace('refs/heads/', '')}`,
    changes: [],
    by: pull.by,
    parents: [targetCommit, sourceCommit],
  })
  pull.mergeCommit = commit.commitId
  repository.refs.set(`refs/pull/${pull.id}/merge`, commit.commitId)
}

/** A pull request by its id. */
export function pullRequestOf(world: World, id: number, repository?: Repository): PullRequest {
  const pull = world.pullRequests.get(id)
  if (pull && (repository === undefined || pull.repository === repository)) return pull
  return refuse(404, 'GitPullRequestNotFoundException', 'TF401180: The requested pull request was not found.')
}

/** What a client may change of a pull request. */
export interface PullRequestChange {
  readonly status?: string
  readonly title?: string
  readonly description?: string
  readonly isDraft?: boolean
  readonly targetRefName?: string
  readonly completionOptions?: Fields
  readonly autoCompleteSetBy?: { readonly id: string } | null
  readonly lastMergeSourceCommit?: { readonly commitId: string }
}

/** Changes a pull request. */
export function changePull(world: World, pull: PullRequest, change: PullRequestChange, by: Identity): void {
  if (pull.status !== 'active' && change.status !== 'active')
    refuse(
      409,
      'GitPullRequestNotEditableException',
      `TF401181: The pull request cannot be edited due to its state.`,
    )
  if (change.title !== undefined) pull.title = change.title
  if (change.description !== undefined) pull.description = change.description
  if (change.isDraft !== undefined) pull.isDraft = change.isDraft
  if (change.targetRefName !== undefined) pull.targetRefName = change.targetRefName
  if (change.completionOptions !== undefined) pull.completionOptions = change.completionOptions
  if (change.autoCompleteSetBy !== undefined)
    pull.autoCompleteSetBy = change.autoCompleteSetBy === null ? null : by
  if (change.status === 'completed') {
    complete(world, pull, change, by)
    return
  }
  if (change.status === 'abandoned') close(world, pull, 'abandoned')
  else if (change.status === 'active') [pull.status, pull.closedAt] = ['active', null]
  else if (change.status !== undefined) badRequest(`The status '${change.status}' is not valid.`)
  if (change.status === undefined) return
  tellOfPull(
    world,
    pull,
    'git.pullrequest.updated',
    `${by.displayName} ${change.status} the pull request`,
    'StatusUpdateNotification',
  )
}

function close(world: World, pull: PullRequest, status: 'abandoned' | 'completed'): void {
  pull.status = status
  pull.closedAt = world.clock.now()
}

function complete(world: World, pull: PullRequest, change: PullRequestChange, by: Identity): void {
  const said = change.lastMergeSourceCommit?.commitId
  if (said !== undefined && said !== pull.sourceCommit)
    refuse(
      409,
      'GitPullRequestStaleException',
      'TF401192: The source branch has been modified since the last merge attempt.',
    )
  const blocked = blockingPolicies(world, pull)
  if (blocked.length > 0)
    refuse(
      403,
      'GitPullRequestUpdateRejectedByPolicyException',
      `TF402455: Pushes to this branch are not permitted; these policies are not met: ${blocked.join(', ')}.`,
    )
  const { repository, targetRefName } = pull
  const before = repository.refs.get(targetRefName) ?? pull.targetCommit
  const merge = addCommit(world, repository, {
    comment: `Merged PR ${pull.id}: ${pull.title}`,
    changes: [],
    by,
    parents: [before, pull.sourceCommit],
  })
  pull.mergeCommit = merge.commitId
  close(world, pull, 'completed')
  recordPush(
    world,
    repository,
    by,
    [{ name: targetRefName, oldObjectId: before, newObjectId: merge.commitId }],
    [merge.commitId],
  )
  if (pull.completionOptions['deleteSourceBranch'] === true) repository.refs.delete(pull.sourceRefName)
  tellOfPull(
    world,
    pull,
    'git.pullrequest.updated',
    `${by.displayName} completed the pull request`,
    'StatusUpdateNotification',
  )
  tellOfPull(
    world,
    pull,
    'git.pullrequest.merged',
    `${by.displayName} has created a pull request merge commit`,
  )
}

/** Pushes to the source branch of a pull request. */
export function pushToPull(world: World, pull: PullRequest, by: Identity, comments: readonly string[]): void {
  const branch = pull.sourceRefName
  pushCommits(world, pull.repository, { branch, by, commits: comments.map((comment) => ({ comment })) })
  pull.sourceCommit = pull.repository.refs.get(branch) as string
  attemptMerge(world, pull)
  tellOfPull(
    world,
    pull,
    'git.pullrequest.updated',
    `${by.displayName} updated the source branch of the pull request`,
    'PushNotification',
  )
  tellOfPull(
    world,
    pull,
    'git.pullrequest.merged',
    `${by.displayName} has created a pull request merge commit`,
  )
}

/** Votes as a reviewer: 10 approves, 5 with suggestions, 0 none, -5 waits, -10 rejects. */
export function voteOn(world: World, pull: PullRequest, by: Identity, vote: number): Fields {
  const reviewer = {
    ...identityRef(world, by),
    vote,
    hasDeclined: false,
    isFlagged: false,
    reviewerUrl: `${pullUrl(world, pull)}/reviewers/${by.id}`,
  }
  const at = pull.reviewers.findIndex(({ id }) => id === by.id)
  if (at === -1) pull.reviewers.push(reviewer)
  else pull.reviewers[at] = reviewer
  tellOfPull(
    world,
    pull,
    'git.pullrequest.updated',
    `${by.displayName} voted on the pull request`,
    'ReviewerVoteNotification',
  )
  return reviewer
}

function pullUrl(world: World, { id, repository }: PullRequest): string {
  return `${repositoryUrl(world, repository)}/pullRequests/${id}`
}

/** A pull request as it stands in answers and events. */
export function shownPull(world: World, pull: PullRequest): Fields {
  const { repository } = pull
  const commit = (commitId: string): Fields => ({
    commitId,
    url: `${repositoryUrl(world, repository)}/commits/${commitId}`,
  })
  return {
    repository: repositoryRef(world, repository),
    pullRequestId: pull.id,
    codeReviewId: pull.id,
    status: pull.status,
    createdBy: identityRef(world, pull.by),
    creationDate: iso(pull.createdAt),
    ...(pull.closedAt === null ? {} : { closedDate: iso(pull.closedAt) }),
    title: pull.title,
    description: pull.description,
    sourceRefName: pull.sourceRefName,
    targetRefName: pull.targetRefName,
    mergeStatus: 'succeeded',
    isDraft: pull.isDraft,
    mergeId: `${pull.mergeCommit.slice(0, 8)}-0000-4000-a000-000000000000`,
    lastMergeSourceCommit: commit(pull.sourceCommit),
    lastMergeTargetCommit: commit(pull.targetCommit),
    lastMergeCommit: commit(pull.mergeCommit),
    reviewers: pull.reviewers,
    labels: pull.labels.map((name) => ({ id: name, name, active: true })),
    ...(Object.keys(pull.completionOptions).length === 0
      ? {}
      : { completionOptions: pull.completionOptions }),
    ...(pull.autoCompleteSetBy === null
      ? {}
      : { autoCompleteSetBy: identityRef(world, pull.autoCompleteSetBy) }),
    supportsIterations: true,
    artifactId: `vstfs:///Git/PullRequestId/${repository.project.id}%2F${repository.id}%2F${pull.id}`,
    url: pullUrl(world, pull),
  }
}

/** The commits that a pull request brings, the newest first. */
export function commitsOf(world: World, pull: PullRequest): readonly Fields[] {
  const { repository, sourceCommit, targetCommit } = pull
  const known = new Set(historyOf(repository, targetCommit).map(({ commitId }) => commitId))
  return historyOf(repository, sourceCommit)
    .filter(({ commitId }) => !known.has(commitId))
    .map((commit) => commitRef(world, repository, commit))
}

/** The work items of a pull request as references. */
export function workItemRefsOf(world: World, pull: PullRequest): readonly Fields[] {
  return workItemsOf(world, pull).map(({ id }) => ({
    id: String(id),
    url: `${world.base}/_apis/wit/workItems/${id}`,
  }))
}

function tellOfPull(
  world: World,
  pull: PullRequest,
  eventType: string,
  text: string,
  notificationType?: string,
): void {
  world.emit({
    eventType,
    publisherId: 'tfs',
    project: pull.repository.project,
    resource: shownPull(world, pull),
    resourceVersion: '1.0',
    text,
    filters: {
      repository: pull.repository.id,
      branch: pull.targetRefName.replace('refs/heads/', ''),
      pullrequestCreatedBy: pull.by.id,
      ...(notificationType === undefined ? {} : { notificationType }),
      ...(eventType === 'git.pullrequest.merged' ? { mergeResult: 'Succeeded' } : {}),
    },
  })
}
