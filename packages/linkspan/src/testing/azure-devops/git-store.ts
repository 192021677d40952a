import type { Json } from '../../model/message.ts'
import { refuse } from './service-failure.ts'
import { present, updateItem } from './work-item-store.ts'
import {
  type Commit,
  type Fields,
  type Identity,
  type Item,
  identityRef,
  iso,
  type Project,
  type PullRequest,
  type Push,
  projectRef,
  type Repository,
  type World,
} from './world.ts'

/** No object: what a ref was before it was made, and is after it was deleted. */
export const NOTHING: string = '0'.repeat(40)

/** Makes an empty repository. */
export function createRepository(world: World, project: Project, name: string, by: Identity): Repository {
  const repository: Repository = {
    id: world.guid(),
    name,
    project,
    defaultBranch: 'refs/heads/main',
    refs: new Map(),
    commits: new Map(),
    pushes: [],
  }
  world.repositories.push(repository)
  tellOfRepository(world, repository, 'git.repo.created', `${by.displayName} created repository ${name}.`, by)
  return repository
}

/** Tells of a repository that was made, renamed or deleted. */
export function tellOfRepository(
  world: World,
  repository: Repository,
  eventType: string,
  text: string,
  by: Identity,
): void {
  world.emit({
    eventType,
    publisherId: 'tfs',
    project: repository.project,
    resource: {
      repository: repositoryRef(world, repository),
      initiatedBy: identityRef(world, by),
      utcTimestamp: iso(world.clock.now()),
    },
    resourceVersion: '1.0-preview.1',
    text,
    filters: { repository: repository.id },
  })
}

/** A repository by its id or name. */
export function repositoryOf(world: World, project: Project | null, given: string): Repository {
  const wanted = given.toLowerCase()
  const found = world.repositories.find(
    ({ id, name, project: own }) =>
      id === wanted || (name.toLowerCase() === wanted && (project === null || own.id === project.id)),
  )
  if (found) return found
  return refuse(
    404,
    'GitRepositoryNotFoundException',
    `TF401019: The Git repository with name or identifier ${given} does not exist or you do not have permissions for the operation you are attempting.`,
  )
}

/** A repository as it stands in answers. */
export function repositoryRef(world: World, repository: Repository): Fields {
  const { id, name, project, defaultBranch } = repository
  const web = `${world.base}/${encodeURIComponent(project.name)}/_git/${encodeURIComponent(name)}`
  return {
    id,
    name,
    url: repositoryUrl(world, repository),
    project: projectRef(world, project),
    defaultBranch,
    size: repository.commits.size,
    remoteUrl: web,
    webUrl: web,
    isDisabled: false,
  }
}

/** Where a repository is found. */
export function repositoryUrl(world: World, { id, project }: Repository): string {
  return `${world.base}/${project.id}/_apis/git/repositories/${id}`
}

/** What a push brings: commits onto a branch, the newest last. */
export interface NewCommits {
  readonly branch: string
  readonly by: Identity
  readonly commits: readonly { readonly comment: string; readonly changes?: readonly Fields[] }[]
}

/** Adds commits to a branch, which is made when there is none. */
export function pushCommits(world: World, repository: Repository, { branch, by, commits }: NewCommits): Push {
  const name = refName(branch)
  const oldObjectId = repository.refs.get(name) ?? NOTHING
  let parent =
    oldObjectId === NOTHING ? (repository.refs.get(repository.defaultBranch) ?? NOTHING) : oldObjectId
  const made = commits.map(({ comment, changes = [] }) => {
    const commit = addCommit(world, repository, {
      comment,
      changes,
      by,
      parents: parent === NOTHING ? [] : [parent],
    })
    parent = commit.commitId
    return commit.commitId
  })
  return recordPush(world, repository, by, [{ name, oldObjectId, newObjectId: parent }], made)
}

/** Adds a commit that no branch points to yet. */
export function addCommit(
  world: World,
  repository: Repository,
  given: Pick<Commit, 'comment' | 'changes' | 'by' | 'parents'>,
): Commit {
  const commit: Commit = { ...given, commitId: world.sha(), at: world.clock.now(), statuses: [] }
  repository.commits.set(commit.commitId, commit)
  return commit
}

/** A branch's whole name. */
export function refName(branch: string): string {
  return branch.startsWith('refs/') ? branch : `refs/heads/${branch}`
}

/** Moves refs, keeps the push, and tells of it. */
export function recordPush(
  world: World,
  repository: Repository,
  by: Identity,
  refUpdates: Push['refUpdates'],
  commits: readonly string[],
): Push {
  const push: Push = { pushId: world.next('push'), at: world.clock.now(), by, refUpdates, commits }
  repository.pushes.push(push)
  for (const { name, newObjectId } of refUpdates) {
    if (newObjectId === NOTHING) repository.refs.delete(name)
    else repository.refs.set(name, newObjectId)
  }
  for (const id of commits) linkMentioned(world, repository, repository.commits.get(id) as Commit)
  const branches = refUpdates.map(({ name }) => name.replace('refs/heads/', ''))
  world.emit({
    eventType: 'git.push',
    publisherId: 'tfs',
    project: repository.project,
    resource: shownPush(world, repository, push),
    resourceVersion: '1.0',
    text: `${by.displayName} pushed updates to branch ${branches.join(', ')} of repository ${repository.name}.`,
    filters: { repository: repository.id, branch: branches, pushedBy: by.id },
  })
  return push
}

/** A commit that says `#12` is linked with work item 12, as repositories do by their setting. */
function linkMentioned(world: World, repository: Repository, { comment, by, commitId }: Commit): void {
  for (const [, id] of comment.matchAll(/#(\d+)\b/g)) {
    const item = world.items.get(Number(id))
    if (item && !item.deleted)
      linkArtifact(world, item, artifactUri('Commit', repository, commitId), 'Fixed in Commit', by)
  }
}

/** Links a work item with an artifact, where it is not yet. */
export function linkArtifact(world: World, item: Item, url: string, name: string, by: Identity): void {
  const known = present(item).relations.some((relation) => relation.url.toLowerCase() === url.toLowerCase())
  if (known) return
  const value = { rel: 'ArtifactLink', url, attributes: { name } }
  updateItem(world, item, { by, operations: [{ op: 'add', path: '/relations/-', value }] })
}

/** The name by which work items refer to a commit or pull request. */
export function artifactUri(
  kind: 'Commit' | 'PullRequestId',
  { id, project }: Repository,
  name: string | number,
): string {
  return `vstfs:///Git/${kind}/${project.id}%2F${id}%2F${name}`
}

/** A push as it stands in answers and events. */
export function shownPush(world: World, repository: Repository, push: Push, withCommits = true): Fields {
  const url = `${repositoryUrl(world, repository)}/pushes/${push.pushId}`
  const commits = [...push.commits]
    .reverse()
    .map((id) => commitRef(world, repository, repository.commits.get(id) as Commit))
  return {
    ...(withCommits ? { commits } : {}),
    refUpdates: push.refUpdates as unknown as Json,
    repository: repositoryRef(world, repository),
    pushedBy: identityRef(world, push.by),
    pushId: push.pushId,
    date: iso(push.at),
    url,
  }
}

/** A commit as lists show it. */
export function commitRef(world: World, repository: Repository, commit: Commit): Fields {
  const who = { name: commit.by.displayName, email: commit.by.uniqueName, date: iso(commit.at) }
  return {
    commitId: commit.commitId,
    author: who,
    committer: who,
    comment: commit.comment,
    changeCounts: { Add: commit.changes.length, Edit: 0, Delete: 0 },
    url: `${repositoryUrl(world, repository)}/commits/${commit.commitId}`,
    remoteUrl: `${world.base}/${encodeURIComponent(repository.project.name)}/_git/${encodeURIComponent(repository.name)}/commit/${commit.commitId}`,
  }
}

/** The commits that lie behind one, the newest first. */
export function historyOf(repository: Repository, from: string | undefined): readonly Commit[] {
  const found: Commit[] = []
  const seen = new Set<string>()
  const waiting = from === undefined ? [] : [from]
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    const commit = repository.commits.get(id)
    if (commit === undefined || seen.has(id)) continue
    seen.add(id)
    found.push(commit)
    waiting.push(...commit.parents)
  }
  return found
}

/** The work items that are linked with a pull request. */
export function workItemsOf(world: World, pull: PullRequest): readonly Item[] {
  const uri = artifactUri('PullRequestId', pull.repository, pull.id).toLowerCase()
  return [...world.items.values()].filter(
    (item) => !item.deleted && present(item).relations.some(({ url }) => url.toLowerCase() === uri),
  )
}
