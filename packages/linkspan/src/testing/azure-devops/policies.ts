import { type Answer, type Call, idOf, listOf, pageOf, projectOf, type Route } from './routes.ts'
import { badRequest, refuse } from './service-failure.ts'
import {
  type Fields,
  identityRef,
  iso,
  type PolicyConfiguration,
  type PullRequest,
  type World,
} from './world.ts'

/** The types of branch policies that this simulator evaluates. */
export const POLICY_TYPES = {
  build: '0609b952-1397-4640-95ec-e00a01b2c241',
  status: 'cbdc66da-9728-4af8-aada-9a5a32e4a226',
  reviewers: 'fa4e907d-c16b-4a4c-9dfa-4906e5d171dd',
} as const

const NAMES: Readonly<Record<string, string>> = {
  [POLICY_TYPES.build]: 'Build',
  [POLICY_TYPES.status]: 'Status',
  [POLICY_TYPES.reviewers]: 'Minimum number of reviewers',
}

/** The routes of branch policies. */
export const policyRoutes: readonly Route[] = [
  { method: 'GET', path: 'policy/configurations', scope: 'vso.code', project: 'needed', run: list },
  { method: 'POST', path: 'policy/configurations', scope: 'vso.code_write', project: 'needed', run: create },
  { method: 'GET', path: 'policy/configurations/{id}', scope: 'vso.code', project: 'needed', run: get },
  {
    method: 'GET',
    path: 'policy/evaluations',
    scope: 'vso.code',
    project: 'needed',
    preview: true,
    run: evaluations,
  },
  {
    method: 'PATCH',
    path: 'policy/evaluations/{id}',
    scope: 'vso.code_write',
    project: 'needed',
    preview: true,
    run: requeue,
  },
]

function shown(world: World, policy: PolicyConfiguration): Fields {
  const url = `${world.base}/${policy.project.id}/_apis/policy/configurations/${policy.id}`
  return {
    id: policy.id,
    type: {
      id: policy.typeId,
      displayName: policy.typeName,
      url: `${world.base}/_apis/policy/types/${policy.typeId}`,
    },
    revision: policy.revision,
    isEnabled: policy.isEnabled,
    isBlocking: policy.isBlocking,
    isDeleted: false,
    settings: policy.settings,
    createdBy: identityRef(world, world.user),
    createdDate: iso(policy.createdAt),
    url,
  }
}

function list(call: Call): Answer {
  const project = projectOf(call)
  const all = call.world.policies.filter((policy) => policy.project.id === project.id)
  const { items, headers } = pageOf(all, call, Number(call.query('$top') ?? 100))
  return { body: listOf(items.map((policy) => shown(call.world, policy))), headers }
}

interface NewPolicy {
  readonly type?: { readonly id?: string }
  readonly isEnabled?: boolean
  readonly isBlocking?: boolean
  readonly settings?: Fields
}

function create(call: Call): Answer {
  const given = call.json<NewPolicy>()
  const typeId = given.type?.id ?? badRequest('A policy needs a type.')
  const policy: PolicyConfiguration = {
    id: call.world.next('policy'),
    project: projectOf(call),
    typeId,
    typeName: NAMES[typeId] ?? 'Custom',
    isEnabled: given.isEnabled ?? true,
    isBlocking: given.isBlocking ?? false,
    settings: given.settings ?? {},
    revision: 1,
    createdAt: call.world.clock.now(),
  }
  call.world.policies.push(policy)
  return { body: shown(call.world, policy) }
}

function get(call: Call): Answer {
  const policy = call.world.policies.find(({ id }) => id === idOf(call, 'id'))
  return policy
    ? { body: shown(call.world, policy) }
    : refuse(
        404,
        'PolicyConfigurationNotFoundException',
        `The policy configuration ${call.params['id']} was not found.`,
      )
}

interface Target {
  readonly repositoryId?: string | null
  readonly refName?: string | null
}

function applies({ settings, isEnabled }: PolicyConfiguration, pull: PullRequest): boolean {
  const scopes = (settings['scope'] ?? []) as unknown as readonly Target[]
  return (
    isEnabled &&
    scopes.some(
      ({ repositoryId, refName }) =>
        (repositoryId == null || repositoryId === pull.repository.id) &&
        (refName == null || refName === pull.targetRefName),
    )
  )
}

type EvaluationStatus = 'queued' | 'running' | 'approved' | 'rejected'

function evaluate(world: World, policy: PolicyConfiguration, pull: PullRequest): EvaluationStatus {
  const { typeId, settings } = policy
  if (typeId === POLICY_TYPES.build) return byBuild(world, Number(settings['buildDefinitionId']), pull)
  if (typeId === POLICY_TYPES.status) return byStatus(pull, settings)
  if (typeId === POLICY_TYPES.reviewers) {
    const votes = pull.reviewers.filter(({ vote }) => Number(vote) >= 5).length
    return votes >= Number(settings['minimumApproverCount'] ?? 1) ? 'approved' : 'running'
  }
  return 'approved'
}

function byBuild(world: World, definition: number, pull: PullRequest): EvaluationStatus {
  const branch = `refs/pull/${pull.id}/merge`
  const last = [...world.builds.values()].findLast(
    (build) => build.definition.id === definition && build.sourceBranch === branch,
  )
  if (last === undefined || last.status === 'notStarted') return 'queued'
  if (last.status !== 'completed') return 'running'
  return last.result === 'succeeded' || last.result === 'partiallySucceeded' ? 'approved' : 'rejected'
}

function byStatus(pull: PullRequest, settings: Fields): EvaluationStatus {
  const last = pull.statuses.findLast(({ context }) => {
    const { name, genre } = context as Fields
    return name === settings['statusName'] && (settings['statusGenre'] ?? null) === (genre ?? null)
  })
  if (last === undefined) return 'queued'
  if (last['state'] === 'succeeded' || last['state'] === 'notApplicable') return 'approved'
  return last['state'] === 'pending' || last['state'] === 'notSet' ? 'running' : 'rejected'
}

/** The names of blocking policies that keep a pull request from being completed. */
export function blockingPolicies(world: World, pull: PullRequest): readonly string[] {
  return world.policies
    .filter(
      (policy) => policy.isBlocking && applies(policy, pull) && evaluate(world, policy, pull) !== 'approved',
    )
    .map(({ typeName, settings }) => String(settings['displayName'] ?? typeName))
}

function evaluationOf(world: World, policy: PolicyConfiguration, pull: PullRequest): Fields {
  return {
    artifactId: `vstfs:///CodeReview/CodeReviewId/${pull.repository.project.id}/${pull.id}`,
    evaluationId: evaluationId(policy, pull),
    startedDate: iso(pull.createdAt),
    status: evaluate(world, policy, pull),
    configuration: shown(world, policy),
  }
}

function evaluationId(policy: PolicyConfiguration, pull: PullRequest): string {
  const part = (number: number): string => number.toString(16).padStart(8, '0')
  return `${part(policy.id)}-0000-4000-a000-0000${part(pull.id)}`
}

function evaluations(call: Call): Answer {
  const artifact =
    call.query('artifactId') ?? badRequest('The required parameter artifactId was null or missing.')
  const pull = call.world.pullRequests.get(Number(/\/CodeReviewId\/[^/]+\/(\d+)$/.exec(artifact)?.[1]))
  if (!pull) return { body: listOf([]) }
  const found = call.world.policies.filter((policy) => applies(policy, pull))
  return { body: listOf(found.map((policy) => evaluationOf(call.world, policy, pull))) }
}

function requeue(call: Call): Answer {
  const { world } = call
  for (const pull of world.pullRequests.values())
    for (const policy of world.policies)
      if (evaluationId(policy, pull) === call.params['id']) return { body: evaluationOf(world, policy, pull) }
  return refuse(
    404,
    'PolicyEvaluationNotFoundException',
    `The policy evaluation ${call.params['id']} was not found.`,
  )
}
