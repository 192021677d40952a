import { newStatus, repositoryIn } from './git-routes.ts'
import { refName } from './git-store.ts'
import {
  changePull,
  commitsOf,
  openPullRequest,
  type PullRequestChange,
  pullRequestOf,
  shownPull,
  voteOn,
  workItemRefsOf,
} from './pull-request-store.ts'
import { type Answer, type Call, idOf, listOf, numberOf, type Route, timeOf, wordOf } from './routes.ts'
import { badRequest, refuse } from './service-failure.ts'
import {
  beginThread,
  type NewThread,
  sayIn,
  setThreadStatus,
  shownComment,
  shownThread,
  typedProperties,
} from './threads.ts'
import type { Fields, PullRequest, Repository, Thread } from './world.ts'

const PULLS = 'git/repositories/{repository}/pullrequests'
const PULL = `${PULLS}/{id}`

/** The routes of pull requests with their threads and statuses. */
export const pullRequestRoutes: readonly Route[] = [
  { method: 'GET', path: 'git/pullrequests', scope: 'vso.code', project: 'possible', run: list },
  { method: 'GET', path: 'git/pullrequests/{id}', scope: 'vso.code', project: 'possible', run: get },
  { method: 'GET', path: PULLS, scope: 'vso.code', project: 'possible', run: list },
  { method: 'POST', path: PULLS, scope: 'vso.code_write', project: 'possible', run: open },
  { method: 'GET', path: PULL, scope: 'vso.code', project: 'possible', run: get },
  { method: 'PATCH', path: PULL, scope: 'vso.code_write', project: 'possible', run: change },
  { method: 'GET', path: `${PULL}/workitems`, scope: 'vso.code', project: 'possible', run: workItems },
  { method: 'GET', path: `${PULL}/commits`, scope: 'vso.code', project: 'possible', run: commits },
  { method: 'GET', path: `${PULL}/threads`, scope: 'vso.code', project: 'possible', run: threads },
  { method: 'POST', path: `${PULL}/threads`, scope: 'vso.threads_full', project: 'possible', run: begin },
  { method: 'GET', path: `${PULL}/threads/{thread}`, scope: 'vso.code', project: 'possible', run: thread },
  {
    method: 'PATCH',
    path: `${PULL}/threads/{thread}`,
    scope: 'vso.threads_full',
    project: 'possible',
    run: changeThread,
  },
  {
    method: 'GET',
    path: `${PULL}/threads/{thread}/comments`,
    scope: 'vso.code',
    project: 'possible',
    run: comments,
  },
  {
    method: 'POST',
    path: `${PULL}/threads/{thread}/comments`,
    scope: 'vso.threads_full',
    project: 'possible',
    run: say,
  },
  { method: 'GET', path: `${PULL}/statuses`, scope: 'vso.code', project: 'possible', run: statuses },
  {
    method: 'POST',
    path: `${PULL}/statuses`,
    scope: 'vso.code_status',
    project: 'possible',
    run: postStatus,
  },
  { method: 'GET', path: `${PULL}/reviewers`, scope: 'vso.code', project: 'possible', run: reviewers },
  {
    method: 'PUT',
    path: `${PULL}/reviewers/{reviewer}`,
    scope: 'vso.code_write',
    project: 'possible',
    run: vote,
  },
  {
    method: 'GET',
    path: `${PULL}/labels`,
    scope: 'vso.code',
    project: 'possible',
    preview: true,
    run: labels,
  },
  {
    method: 'POST',
    path: `${PULL}/labels`,
    scope: 'vso.code_write',
    project: 'possible',
    preview: true,
    run: addLabel,
  },
  {
    method: 'GET',
    path: `${PULL}/properties`,
    scope: 'vso.code',
    project: 'possible',
    preview: true,
    run: properties,
  },
  {
    method: 'PATCH',
    path: `${PULL}/properties`,
    scope: 'vso.code_write',
    project: 'possible',
    preview: true,
    run: setProperties,
  },
]

const PULL_STATUSES = ['notSet', 'active', 'abandoned', 'completed', 'all']

function pullIn(call: Call): PullRequest {
  const repository = call.params['repository'] === undefined ? undefined : repositoryIn(call)
  return pullRequestOf(call.world, idOf(call, 'id'), repository)
}

function wanted(call: Call, repository: Repository | null): (pull: PullRequest) => boolean {
  const criteria = (name: string): string | null => call.query(`searchCriteria.${name}`)
  const status = wordOf(PULL_STATUSES, criteria('status') ?? 'active')
  const [source, target] = [criteria('sourceRefName'), criteria('targetRefName')]
  const [after, before] = [timeOf(call, 'searchCriteria.minTime'), timeOf(call, 'searchCriteria.maxTime')]
  const byClosing = criteria('queryTimeRangeType')?.toLowerCase() === 'closed'
  const repositoryId = criteria('repositoryId')
  return (pull) => {
    const at = byClosing ? pull.closedAt : pull.createdAt
    return (
      (repository === null || pull.repository === repository) &&
      (call.project === null || pull.repository.project.id === call.project.id) &&
      (repositoryId === null || pull.repository.id === repositoryId) &&
      (status === 'all' || pull.status === status) &&
      (source === null || pull.sourceRefName === refName(source)) &&
      (target === null || pull.targetRefName === refName(target)) &&
      (after === null || (at !== null && at >= after)) &&
      (before === null || (at !== null && at <= before))
    )
  }
}

function list(call: Call): Answer {
  const repository = call.params['repository'] === undefined ? null : repositoryIn(call)
  const found = [...call.world.pullRequests.values()].filter(wanted(call, repository)).reverse()
  const skip = numberOf(call, '$skip', 0)
  const page = found.slice(skip, skip + Math.min(numberOf(call, '$top', 101), 1_000))
  return { body: listOf(page.map((pull) => shownPull(call.world, pull))) }
}

interface Opening {
  readonly sourceRefName?: string
  readonly targetRefName?: string
  readonly title?: string
  readonly description?: string
  readonly isDraft?: boolean
  readonly workItemRefs?: readonly { readonly id: string | number }[]
  readonly reviewers?: readonly { readonly id: string }[]
}

function open(call: Call): Answer {
  const given = call.json<Opening>()
  const { sourceRefName: source, targetRefName: target, title } = given
  if (!source || !target || !title)
    return badRequest(
      'A pull request needs a sourceRefName, a targetRefName and a title.',
      'ArgumentNullException',
    )
  const pull = openPullRequest(call.world, repositoryIn(call), {
    by: call.by,
    source,
    target,
    title,
    description: given.description ?? '',
    isDraft: given.isDraft ?? false,
    workItems: (given.workItemRefs ?? []).map(({ id }) => Number(id)),
  })
  for (const { id } of given.reviewers ?? []) {
    const person = call.world.people.find((one) => one.id === id)
    if (person) voteOn(call.world, pull, person, 0)
  }
  return { status: 201, body: shownPull(call.world, pull) }
}

function get(call: Call): Answer {
  return { body: shownPull(call.world, pullIn(call)) }
}

function change(call: Call): Answer {
  const pull = pullIn(call)
  const given = call.json<PullRequestChange>()
  const status = given.status === undefined ? undefined : wordOf(PULL_STATUSES, given.status)
  changePull(call.world, pull, status === undefined ? given : { ...given, status }, call.by)
  return { body: shownPull(call.world, pull) }
}

function workItems(call: Call): Answer {
  return { body: listOf(workItemRefsOf(call.world, pullIn(call))) }
}

function commits(call: Call): Answer {
  return { body: listOf(commitsOf(call.world, pullIn(call))) }
}

function threads(call: Call): Answer {
  return { body: listOf(pullIn(call).threads.map((one) => shownThread(call.world, one))) }
}

function begin(call: Call): Answer {
  const made = beginThread(call.world, pullIn(call), call.by, call.json<NewThread>())
  return { body: shownThread(call.world, made) }
}

function threadIn(call: Call): Thread {
  const found = pullIn(call).threads.find(({ id }) => id === idOf(call, 'thread'))
  return (
    found ??
    refuse(
      404,
      'DiscussionThreadNotFoundException',
      `The discussion thread ${call.params['thread']} was not found.`,
    )
  )
}

function thread(call: Call): Answer {
  return { body: shownThread(call.world, threadIn(call)) }
}

function changeThread(call: Call): Answer {
  const found = threadIn(call)
  setThreadStatus(found, call.json<NewThread>().status)
  return { body: shownThread(call.world, found) }
}

function comments(call: Call): Answer {
  return { body: listOf(threadIn(call).comments.map((one) => shownComment(call.world, one))) }
}

function say(call: Call): Answer {
  const given = call.json<NonNullable<NewThread['comments']>[number]>()
  const comment = sayIn(call.world, pullIn(call), threadIn(call), call.by, given)
  return { body: shownComment(call.world, comment) }
}

function statuses(call: Call): Answer {
  return { body: listOf(pullIn(call).statuses) }
}

function postStatus(call: Call): Answer {
  const pull = pullIn(call)
  const status = newStatus(call, `pull request ${pull.id}`)
  pull.statuses.push(status)
  return { body: status }
}

function reviewers(call: Call): Answer {
  return { body: listOf(pullIn(call).reviewers) }
}

function vote(call: Call): Answer {
  const person = call.world.people.find(({ id }) => id === call.params['reviewer'])
  if (!person)
    return badRequest(`The identity ${call.params['reviewer']} is not known.`, 'IdentityNotFoundException')
  const { vote: given = 0 } = call.json<{ vote?: number }>()
  return { body: voteOn(call.world, pullIn(call), person, given) }
}

function shownLabels(pull: PullRequest): readonly Fields[] {
  return pull.labels.map((name) => ({ id: name, name, active: true }))
}

function labels(call: Call): Answer {
  return { body: listOf(shownLabels(pullIn(call))) }
}

function addLabel(call: Call): Answer {
  const pull = pullIn(call)
  const { name = '' } = call.json<{ name?: string }>()
  if (name === '') badRequest('A label needs a name.')
  if (!pull.labels.includes(name)) pull.labels.push(name)
  return { body: { id: name, name, active: true } }
}

function properties(call: Call): Answer {
  const pull = pullIn(call)
  return { body: { count: Object.keys(pull.properties).length, value: pull.properties } }
}

function setProperties(call: Call): Answer {
  const pull = pullIn(call)
  for (const { op, path, value } of call.json<readonly { op: string; path: string; value?: Fields }[]>()) {
    const name = path.replace(/^\//, '')
    if (op === 'remove') delete pull.properties[name]
    else Object.assign(pull.properties, typedProperties({ [name]: value ?? null }))
  }
  return properties(call)
}
