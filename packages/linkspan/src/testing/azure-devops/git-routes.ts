import {
  addCommit,
  commitRef,
  createRepository,
  historyOf,
  NOTHING,
  recordPush,
  refName,
  repositoryOf,
  repositoryRef,
  repositoryUrl,
  shownPush,
  tellOfRepository,
} from './git-store.ts'
import {
  type Answer,
  type Call,
  idOf,
  listOf,
  numberOf,
  pageOf,
  projectOf,
  type Route,
  timeOf,
  wordOf,
} from './routes.ts'
import { badRequest, refuse } from './service-failure.ts'
import {
  type Commit,
  type Fields,
  identityRef,
  iso,
  type Push,
  type Repository,
  type World,
} from './world.ts'

const REPOSITORY = 'git/repositories/{repository}'

/** The routes of repositories, refs, commits, pushes and statuses. */
export const gitRoutes: readonly Route[] = [
  { method: 'GET', path: 'git/repositories', scope: 'vso.code', project: 'possible', run: list },
  { method: 'POST', path: 'git/repositories', scope: 'vso.code_write', project: 'possible', run: create },
  { method: 'GET', path: REPOSITORY, scope: 'vso.code', project: 'possible', run: get },
  { method: 'PATCH', path: REPOSITORY, scope: 'vso.code_write', project: 'possible', run: rename },
  { method: 'DELETE', path: REPOSITORY, scope: 'vso.code_write', project: 'possible', run: remove },
  { method: 'GET', path: `${REPOSITORY}/refs`, scope: 'vso.code', project: 'possible', run: refs },
  {
    method: 'POST',
    path: `${REPOSITORY}/refs`,
    scope: 'vso.code_write',
    project: 'possible',
    run: updateRefs,
  },
  { method: 'GET', path: `${REPOSITORY}/commits`, scope: 'vso.code', project: 'possible', run: commits },
  {
    method: 'GET',
    path: `${REPOSITORY}/commits/{commit}`,
    scope: 'vso.code',
    project: 'possible',
    run: commit,
  },
  {
    method: 'GET',
    path: `${REPOSITORY}/commits/{commit}/statuses`,
    scope: 'vso.code',
    project: 'possible',
    run: statuses,
  },
  {
    method: 'POST',
    path: `${REPOSITORY}/commits/{commit}/statuses`,
    scope: 'vso.code_status',
    project: 'possible',
    run: postStatus,
  },
  { method: 'GET', path: `${REPOSITORY}/pushes`, scope: 'vso.code', project: 'possible', run: pushes },
  { method: 'POST', path: `${REPOSITORY}/pushes`, scope: 'vso.code_write', project: 'possible', run: push },
  { method: 'GET', path: `${REPOSITORY}/pushes/{id}`, scope: 'vso.code', project: 'possible', run: onePush },
]

/** The repository that a path names. */
export function repositoryIn(call: Call): Repository {
  return repositoryOf(call.world, call.project, call.params['repository'] as string)
}

function list(call: Call): Answer {
  const all = call.world.repositories.filter(
    ({ project }) => call.project === null || project.id === call.project.id,
  )
  return { body: listOf(all.map((repository) => repositoryRef(call.world, repository))) }
}

function create(call: Call): Answer {
  const { name, project } = call.json<{ name?: string; project?: { id?: string } }>()
  const into = call.world.projects.find(({ id }) => id === project?.id) ?? projectOf(call)
  if (typeof name !== 'string' || name === '') return badRequest('A repository needs a name.')
  const exists = call.world.repositories.some((one) => one.project.id === into.id && one.name === name)
  if (exists)
    refuse(
      409,
      'GitRepositoryNameAlreadyExistsException',
      `TF400948: A Git repository with the name ${name} already exists.`,
    )
  return { status: 201, body: repositoryRef(call.world, createRepository(call.world, into, name, call.by)) }
}

function get(call: Call): Answer {
  return { body: repositoryRef(call.world, repositoryIn(call)) }
}

function rename(call: Call): Answer {
  const repository = repositoryIn(call)
  const { name, defaultBranch } = call.json<{ name?: string; defaultBranch?: string }>()
  if (defaultBranch !== undefined) repository.defaultBranch = defaultBranch
  if (name !== undefined) {
    repository.name = name
    tellOfRepository(
      call.world,
      repository,
      'git.repo.renamed',
      `${call.by.displayName} renamed a repository to ${name}.`,
      call.by,
    )
  }
  return { body: repositoryRef(call.world, repository) }
}

function remove(call: Call): Answer {
  const repository = repositoryIn(call)
  call.world.repositories.splice(call.world.repositories.indexOf(repository), 1)
  tellOfRepository(
    call.world,
    repository,
    'git.repo.deleted',
    `${call.by.displayName} deleted repository ${repository.name}.`,
    call.by,
  )
  return { status: 204 }
}

function shownRef(world: World, repository: Repository, name: string, objectId: string): Fields {
  return {
    name,
    objectId,
    creator: identityRef(world, world.user),
    url: `${repositoryUrl(world, repository)}/refs?filter=${encodeURIComponent(name.replace('refs/', ''))}`,
  }
}

function refs(call: Call): Answer {
  const repository = repositoryIn(call)
  const [filter, contains] = [call.query('filter') ?? '', call.query('filterContains') ?? '']
  const found = [...repository.refs]
    .filter(([name]) => name.replace('refs/', '').startsWith(filter) && name.includes(contains))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const { items, headers } = pageOf(found, call, numberOf(call, '$top', 1_000))
  return { body: listOf(items.map(([name, id]) => shownRef(call.world, repository, name, id))), headers }
}

type RefUpdate = Push['refUpdates'][number]

function updateRefs(call: Call): Answer {
  const repository = repositoryIn(call)
  const updates = call.json<readonly RefUpdate[]>()
  if (!Array.isArray(updates) || updates.length === 0)
    badRequest('The body must be a list of updates of refs.')
  const results = updates.map((update) => ({ update, status: statusOf(repository, update) }))
  const done = results.filter(({ status }) => status === 'succeeded').map(({ update }) => update)
  if (done.length > 0) recordPush(call.world, repository, call.by, done, [])
  return {
    body: listOf(
      results.map(({ update, status }) => ({
        repositoryId: repository.id,
        ...update,
        isLocked: false,
        success: status === 'succeeded',
        updateStatus: status,
      })),
    ),
  }
}

function statusOf(repository: Repository, { name, oldObjectId, newObjectId }: RefUpdate): string {
  if (!/^refs\/[^\s~^:?*[\\]+$/.test(name)) return 'invalidRefName'
  if ((repository.refs.get(name) ?? NOTHING) !== oldObjectId) return 'staleOldObjectId'
  return newObjectId === NOTHING || repository.commits.has(newObjectId) ? 'succeeded' : 'unresolvableToCommit'
}

function commits(call: Call): Answer {
  const repository = repositoryIn(call)
  const version = call.query('searchCriteria.itemVersion.version')
  const type = (call.query('searchCriteria.itemVersion.versionType') ?? 'branch').toLowerCase()
  const from =
    version === null
      ? repository.refs.get(repository.defaultBranch)
      : type === 'commit'
        ? version
        : repository.refs.get(refName(version))
  const since = timeOf(call, 'searchCriteria.fromDate')
  const author = call.query('searchCriteria.author')?.toLowerCase()
  const found = historyOf(repository, from).filter(
    ({ at, by }) =>
      (since === null || at >= since) &&
      (author === undefined ||
        by.displayName.toLowerCase().includes(author) ||
        by.uniqueName.toLowerCase() === author),
  )
  const skip = numberOf(call, 'searchCriteria.$skip', numberOf(call, '$skip', 0))
  const top = numberOf(call, 'searchCriteria.$top', numberOf(call, '$top', 100))
  return { body: listOf(found.slice(skip, skip + top).map((one) => commitRef(call.world, repository, one))) }
}

function commitIn(call: Call, repository: Repository): Commit {
  const found = repository.commits.get(call.params['commit'] as string)
  return (
    found ??
    refuse(
      404,
      'GitCommitDoesNotExistException',
      `TF401175: The version descriptor <Commit: ${call.params['commit']} > could not be resolved to a version in the repository ${repository.name}.`,
    )
  )
}

function commit(call: Call): Answer {
  const repository = repositoryIn(call)
  const found = commitIn(call, repository)
  const push = repository.pushes.find((one) => one.commits.includes(found.commitId))
  return {
    body: {
      ...commitRef(call.world, repository, found),
      parents: found.parents,
      ...(push === undefined
        ? {}
        : { push: { pushId: push.pushId, date: iso(push.at), pushedBy: identityRef(call.world, push.by) } }),
    },
  }
}

const STATES = ['notSet', 'pending', 'succeeded', 'failed', 'error', 'notApplicable', 'partiallySucceeded']

/** A status that was posted, as it is kept. */
export function newStatus(call: Call, owner: string): Fields {
  const given = call.json<Fields>()
  const context = (given['context'] ?? {}) as Fields
  const state = wordOf(STATES, given['state'])
  if (typeof context['name'] !== 'string' || context['name'] === '')
    badRequest('The status context name cannot be null or empty.', 'ArgumentNullException')
  const id = call.world.next(`status of ${owner}`)
  const at = iso(call.world.clock.now())
  return {
    id,
    state,
    description: given['description'] ?? null,
    context: {
      name: context['name'],
      ...(context['genre'] === undefined ? {} : { genre: context['genre'] }),
    },
    creationDate: at,
    updatedDate: at,
    createdBy: identityRef(call.world, call.by),
    targetUrl: given['targetUrl'] ?? null,
  }
}

function statuses(call: Call): Answer {
  const found = commitIn(call, repositoryIn(call)).statuses
  if (call.query('latestOnly') !== 'true') return { body: listOf(found) }
  const latest = new Map(found.map((status) => [JSON.stringify(status['context']), status]))
  return { body: listOf([...latest.values()]) }
}

function postStatus(call: Call): Answer {
  const found = commitIn(call, repositoryIn(call))
  const status = newStatus(call, found.commitId)
  found.statuses.push(status)
  return { status: 201, body: status }
}

function pushes(call: Call): Answer {
  const repository = repositoryIn(call)
  const [since, until] = [timeOf(call, 'searchCriteria.fromDate'), timeOf(call, 'searchCriteria.toDate')]
  const ref = call.query('searchCriteria.refName')
  const found = [...repository.pushes]
    .reverse()
    .filter(
      ({ at, refUpdates }) =>
        (since === null || at >= since) &&
        (until === null || at <= until) &&
        (ref === null || refUpdates.some(({ name }) => name === ref)),
    )
  const skip = numberOf(call, '$skip', 0)
  const page = found.slice(skip, skip + numberOf(call, '$top', 100))
  const withRefs = call.query('searchCriteria.includeRefUpdates') === 'true'
  return {
    body: listOf(
      page.map((one) => {
        const { refUpdates, ...shown } = shownPush(call.world, repository, one, false)
        return withRefs ? { ...shown, refUpdates } : shown
      }),
    ),
  }
}

function onePush(call: Call): Answer {
  const repository = repositoryIn(call)
  const found = repository.pushes.find(({ pushId }) => pushId === idOf(call, 'id'))
  return found
    ? { body: shownPush(call.world, repository, found) }
    : refuse(404, 'GitPushNotFoundException', `TF401249: The push ${call.params['id']} was not found.`)
}

interface NewPush {
  readonly refUpdates?: readonly { readonly name: string; readonly oldObjectId: string }[]
  readonly commits?: readonly { readonly comment?: string; readonly changes?: readonly Fields[] }[]
}

function push(call: Call): Answer {
  const repository = repositoryIn(call)
  const { refUpdates = [], commits: given = [] } = call.json<NewPush>()
  const [update] = refUpdates
  if (update === undefined || given.length === 0)
    return badRequest('A push needs a ref to update and a commit.')
  const name = refName(update.name)
  if ((repository.refs.get(name) ?? NOTHING) !== update.oldObjectId)
    refuse(
      409,
      'GitReferenceStaleException',
      `TF401028: The reference '${name}' has already been updated by another client, so you cannot update it. Please try again.`,
    )
  let parent = update.oldObjectId
  const made = given.map(({ comment = '', changes = [] }) => {
    const parents = parent === NOTHING ? [] : [parent]
    parent = addCommit(call.world, repository, { comment, changes, by: call.by, parents }).commitId
    return parent
  })
  const done = recordPush(
    call.world,
    repository,
    call.by,
    [{ name, oldObjectId: update.oldObjectId, newObjectId: parent }],
    made,
  )
  return { status: 201, body: shownPush(call.world, repository, done) }
}
