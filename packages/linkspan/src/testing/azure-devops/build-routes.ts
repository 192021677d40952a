import { definitionRef, shownBuild, shownPipeline, shownRun } from './build-shapes.ts'
import { buildOf, cancelBuild, definitionOf, queueBuild } from './build-store.ts'
import { historyOf, repositoryRef } from './git-store.ts'
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
} from './routes.ts'
import { badRequest, refuse } from './service-failure.ts'
import {
  type Build,
  type Definition,
  type Fields,
  identityRef,
  iso,
  type TimelineRecord,
  type World,
} from './world.ts'

const BUILD = 'build/builds/{id}'

/** The routes of builds, definitions and pipelines. */
export const buildRoutes: readonly Route[] = [
  { method: 'GET', path: 'build/definitions', scope: 'vso.build', project: 'needed', run: definitions },
  { method: 'GET', path: 'build/definitions/{id}', scope: 'vso.build', project: 'needed', run: definition },
  { method: 'GET', path: 'build/builds', scope: 'vso.build', project: 'needed', run: list },
  { method: 'POST', path: 'build/builds', scope: 'vso.build_execute', project: 'needed', run: queue },
  { method: 'GET', path: BUILD, scope: 'vso.build', project: 'possible', run: get },
  { method: 'PATCH', path: BUILD, scope: 'vso.build_execute', project: 'needed', run: change },
  { method: 'GET', path: `${BUILD}/timeline`, scope: 'vso.build', project: 'needed', run: timeline },
  { method: 'GET', path: `${BUILD}/logs`, scope: 'vso.build', project: 'needed', run: logs },
  { method: 'GET', path: `${BUILD}/logs/{log}`, scope: 'vso.build', project: 'needed', run: log },
  { method: 'GET', path: `${BUILD}/artifacts`, scope: 'vso.build', project: 'needed', run: artifacts },
  { method: 'GET', path: `${BUILD}/changes`, scope: 'vso.build', project: 'needed', run: changes },
  { method: 'GET', path: `${BUILD}/workitems`, scope: 'vso.build', project: 'needed', run: workItems },
  { method: 'GET', path: `${BUILD}/tags`, scope: 'vso.build', project: 'needed', run: tags },
  { method: 'POST', path: `${BUILD}/tags`, scope: 'vso.build_execute', project: 'needed', run: addTags },
  { method: 'PUT', path: `${BUILD}/tags/{tag}`, scope: 'vso.build_execute', project: 'needed', run: addTag },
  {
    method: 'DELETE',
    path: `${BUILD}/tags/{tag}`,
    scope: 'vso.build_execute',
    project: 'needed',
    run: removeTag,
  },
  { method: 'GET', path: 'pipelines', scope: 'vso.build', project: 'needed', run: pipelines },
  { method: 'GET', path: 'pipelines/{pipeline}', scope: 'vso.build', project: 'needed', run: pipeline },
  { method: 'GET', path: 'pipelines/{pipeline}/runs', scope: 'vso.build', project: 'needed', run: runs },
  {
    method: 'POST',
    path: 'pipelines/{pipeline}/runs',
    scope: 'vso.build_execute',
    project: 'needed',
    run: runPipeline,
  },
  {
    method: 'GET',
    path: 'pipelines/{pipeline}/runs/{id}',
    scope: 'vso.build',
    project: 'needed',
    run: oneRun,
  },
]

function shownDefinition(world: World, one: Definition): Fields {
  return {
    ...definitionRef(world, one),
    createdDate: iso(one.createdAt),
    authoredBy: identityRef(world, world.user),
    quality: 'definition',
    queue: { id: 1, name: 'Azure Pipelines', pool: { id: 1, name: 'Azure Pipelines', isHosted: true } },
  }
}

function definitions(call: Call): Answer {
  const project = projectOf(call)
  const name = call.query('name')?.toLowerCase().replaceAll('*', '')
  const found = call.world.definitions.filter(
    (one) => one.project.id === project.id && (name === undefined || one.name.toLowerCase().includes(name)),
  )
  const { items, headers } = pageOf(found, call, numberOf(call, '$top', 10_000))
  return { body: listOf(items.map((one) => shownDefinition(call.world, one))), headers }
}

function definition(call: Call): Answer {
  const one = definitionOf(call.world, idOf(call, 'id'), call.project)
  const repository = repositoryRef(call.world, one.repository)
  return {
    body: {
      ...shownDefinition(call.world, one),
      process: { yamlFilename: 'azure-pipelines.yml', type: 2 },
      repository: {
        id: one.repository.id,
        type: 'TfsGit',
        name: one.repository.name,
        url: String(repository['remoteUrl']),
        defaultBranch: one.repository.defaultBranch,
      },
      triggers:
        one.triggers.length === 0
          ? []
          : [{ branchFilters: one.triggers.map((name) => `+${name}`), triggerType: 'continuousIntegration' }],
    },
  }
}

const ORDERS: Readonly<Record<string, (build: Build) => number>> = {
  finishtime: ({ finishedAt }) => finishedAt ?? Number.POSITIVE_INFINITY,
  queuetime: ({ queuedAt }) => queuedAt,
  starttime: ({ startedAt }) => startedAt ?? Number.POSITIVE_INFINITY,
}

const ORDER_NUMBERS = [
  '',
  '',
  'finishTimeAscending',
  'finishTimeDescending',
  'queueTimeDescending',
  'queueTimeAscending',
  'startTimeDescending',
  'startTimeAscending',
]

function list(call: Call): Answer {
  const given = call.query('queryOrder') ?? 'finishTimeDescending'
  const order = (/^\d+$/.test(given) ? (ORDER_NUMBERS[Number(given)] ?? '') : given).toLowerCase()
  const [, what = '', direction] =
    /^(\w+?)(ascending|descending)$/.exec(order) ??
    badRequest(`The value '${given}' is not valid for queryOrder.`)
  const at = ORDERS[what] ?? badRequest(`The value '${given}' is not valid for queryOrder.`)
  const sign = direction === 'ascending' ? 1 : -1
  const found = [...call.world.builds.values()]
    .filter(wanted(call, at))
    .sort((a, b) => (at(a) === at(b) ? sign * (a.id - b.id) : sign * (at(a) < at(b) ? -1 : 1)))
  const { items, headers } = pageOf(found, call, Math.min(numberOf(call, '$top', 1_000), 5_000))
  return { body: listOf(items.map((build) => shownBuild(call.world, build))), headers }
}

function wanted(call: Call, at: (build: Build) => number): (build: Build) => boolean {
  const project = projectOf(call)
  const listed = (name: string): readonly string[] | null =>
    call
      .query(name)
      ?.split(',')
      .filter((part) => part !== '') ?? null
  const [ids, definitionIds, tagFilters] = [listed('buildIds'), listed('definitions'), listed('tagFilters')]
  const [status, result] = [
    flag(STATUS_FLAGS, call.query('statusFilter')),
    flag(RESULT_FLAGS, call.query('resultFilter')),
  ]
  const [branch, reason] = [call.query('branchName'), call.query('reasonFilter')]
  const [after, before] = [timeOf(call, 'minTime'), timeOf(call, 'maxTime')]
  return (build) =>
    build.definition.project.id === project.id &&
    (ids === null || ids.includes(String(build.id))) &&
    (definitionIds === null || definitionIds.includes(String(build.definition.id))) &&
    (tagFilters === null || tagFilters.every((tag) => build.tags.includes(tag))) &&
    (status === null || status === 'all' || build.status === status) &&
    (result === null || build.result === result) &&
    (branch === null || build.sourceBranch === branch) &&
    (reason === null || reason === 'all' || build.reason === reason) &&
    (after === null || at(build) >= after) &&
    (before === null || at(build) <= before)
}

/** Enumerations of the Build API are flags, which clients may write as numbers. */
const STATUS_FLAGS: Readonly<Record<string, string>> = {
  1: 'inProgress',
  2: 'completed',
  4: 'cancelling',
  32: 'notStarted',
  47: 'all',
}
const RESULT_FLAGS: Readonly<Record<string, string>> = {
  2: 'succeeded',
  4: 'partiallySucceeded',
  8: 'failed',
  32: 'canceled',
}

function flag(words: Readonly<Record<string, string>>, given: string | null): string | null {
  return given === null ? null : (words[given] ?? given)
}

interface Queueing {
  readonly definition?: { readonly id?: number }
  readonly sourceBranch?: string
  readonly sourceVersion?: string
  readonly reason?: string
  readonly parameters?: string
  readonly templateParameters?: Fields
  readonly triggerInfo?: Fields
}

function queue(call: Call): Answer {
  const given = call.json<Queueing>()
  const id =
    given.definition?.id ??
    badRequest('The build needs a definition.', 'BuildRequestValidationFailedException')
  const { sourceBranch, sourceVersion, reason, parameters, templateParameters, triggerInfo } = given
  const one = definitionOf(call.world, id, projectOf(call))
  const build = queueBuild(call.world, one, {
    by: call.by,
    sourceBranch,
    sourceVersion,
    reason,
    parameters,
    templateParameters,
    triggerInfo,
  })
  return { body: shownBuild(call.world, build) }
}

function buildIn(call: Call): Build {
  return buildOf(call.world, idOf(call, 'id'), call.project)
}

function get(call: Call): Answer {
  return { body: shownBuild(call.world, buildIn(call)) }
}

function change(call: Call): Answer {
  const build = buildIn(call)
  const { status } = call.json<{ status?: string | number }>()
  if (String(status).toLowerCase() === 'cancelling' || status === 4) cancelBuild(call.world, build)
  return { body: shownBuild(call.world, build) }
}

function shownRecord(world: World, build: Build, record: TimelineRecord): Fields {
  const { definition, id } = build
  const time = (at: number | null): string | null => (at === null ? null : iso(at))
  return {
    previousAttempts: [],
    id: record.id,
    parentId: record.parentId,
    type: record.type,
    name: record.name,
    startTime: time(record.startTime),
    finishTime: time(record.finishTime),
    currentOperation: null,
    percentComplete: record.state === 'completed' ? 100 : null,
    state: record.state,
    result: record.result,
    resultCode: null,
    changeId: record.order,
    lastModified: time(record.finishTime),
    workerName: 'Azure Pipelines',
    order: record.order,
    details: null,
    errorCount: record.issues.length,
    warningCount: 0,
    url: null,
    log:
      record.logId === null
        ? null
        : {
            id: record.logId,
            type: 'Container',
            url: `${world.base}/${definition.project.id}/_apis/build/builds/${id}/logs/${record.logId}`,
          },
    task: null,
    attempt: 1,
    identifier: record.name,
    ...(record.issues.length === 0 ? {} : { issues: record.issues }),
  }
}

function timeline(call: Call): Answer {
  const build = buildIn(call)
  const { id } = build.definition.project
  return {
    body: {
      records: build.records.map((record) => shownRecord(call.world, build, record)),
      lastChangedBy: build.by.id,
      lastChangedOn: iso(build.changedAt),
      id: `00000000-0000-4000-a000-${String(build.id).padStart(12, '0')}`,
      changeId: build.records.length,
      url: `${call.world.base}/${id}/_apis/build/builds/${build.id}/Timeline`,
    },
  }
}

function logs(call: Call): Answer {
  const build = buildIn(call)
  const url = `${call.world.base}/${build.definition.project.id}/_apis/build/builds/${build.id}/logs`
  const all = build.logs.map((lines, at) => ({
    id: at + 1,
    lineCount: lines.length,
    createdOn: iso(build.changedAt),
    lastChangedOn: iso(build.changedAt),
    type: 'Container',
    url: `${url}/${at + 1}`,
  }))
  return { body: listOf(all) }
}

function log(call: Call): Answer {
  const build = buildIn(call)
  const lines = build.logs[idOf(call, 'log') - 1]
  if (lines === undefined)
    return refuse(
      404,
      'BuildLogNotFoundException',
      `The log ${call.params['log']} of build ${build.id} was not found.`,
    )
  const from = numberOf(call, 'startLine', 1)
  const part = lines.slice(Math.max(0, from - 1), numberOf(call, 'endLine', lines.length))
  if ((call.headers.get('accept') ?? '').includes('application/json')) return { body: listOf(part) }
  return { bytes: { data: part.map((line) => `${line}\n`).join(''), type: 'text/plain; charset=utf-8' } }
}

function artifacts(call: Call): Answer {
  return { body: listOf(buildIn(call).artifacts) }
}

function changes(call: Call): Answer {
  const build = buildIn(call)
  const [newest] = historyOf(build.definition.repository, build.sourceVersion)
  const found = newest === undefined ? [] : [newest]
  return {
    body: listOf(
      found.map((commit) => ({
        id: commit.commitId,
        message: commit.comment,
        type: 'TfsGit',
        author: identityRef(call.world, commit.by),
        timestamp: iso(commit.at),
      })),
    ),
  }
}

function workItems(call: Call): Answer {
  const url = (id: number): string => `${call.world.base}/_apis/wit/workItems/${id}`
  return { body: listOf([...buildIn(call).workItems].map((id) => ({ id: String(id), url: url(id) }))) }
}

function tags(call: Call): Answer {
  return { body: listOf(buildIn(call).tags) }
}

function addTags(call: Call): Answer {
  const build = buildIn(call)
  for (const tag of call.json<readonly string[]>()) if (!build.tags.includes(tag)) build.tags.push(tag)
  return { body: listOf(build.tags) }
}

function addTag(call: Call): Answer {
  const build = buildIn(call)
  const tag = call.params['tag'] as string
  if (!build.tags.includes(tag)) build.tags.push(tag)
  return { body: listOf(build.tags) }
}

function removeTag(call: Call): Answer {
  const build = buildIn(call)
  const at = build.tags.indexOf(call.params['tag'] as string)
  if (at >= 0) build.tags.splice(at, 1)
  return { body: listOf(build.tags) }
}

function pipelines(call: Call): Answer {
  const project = projectOf(call)
  const all = call.world.definitions.filter((one) => one.project.id === project.id)
  const { items, headers } = pageOf(all, call, numberOf(call, '$top', 10_000))
  return { body: listOf(items.map((one) => shownPipeline(call.world, one))), headers }
}

function pipelineIn(call: Call): Definition {
  return definitionOf(call.world, idOf(call, 'pipeline'), projectOf(call))
}

function pipeline(call: Call): Answer {
  const one = pipelineIn(call)
  const configuration = {
    type: 'yaml',
    path: 'azure-pipelines.yml',
    repository: { id: one.repository.id, type: 'azureReposGit' },
  }
  return { body: { ...shownPipeline(call.world, one), configuration } }
}

function runs(call: Call): Answer {
  const one = pipelineIn(call)
  const all = [...call.world.builds.values()].filter((build) => build.definition === one).reverse()
  return { body: listOf(all.slice(0, 10_000).map((build) => shownRun(call.world, build))) }
}

interface RunRequest {
  readonly resources?: {
    readonly repositories?: { readonly self?: { readonly refName?: string; readonly version?: string } }
  }
  readonly templateParameters?: Fields
  readonly variables?: Readonly<Record<string, { readonly value?: string }>>
}

function runPipeline(call: Call): Answer {
  const given = call.json<RunRequest>()
  const { refName: sourceBranch, version: sourceVersion } = given.resources?.repositories?.self ?? {}
  const variables = Object.fromEntries(
    Object.entries(given.variables ?? {}).map(([name, { value = '' }]) => [name, value]),
  )
  const parameters = Object.keys(variables).length === 0 ? undefined : JSON.stringify(variables)
  const build = queueBuild(call.world, pipelineIn(call), {
    by: call.by,
    sourceBranch,
    sourceVersion,
    parameters,
    templateParameters: given.templateParameters,
  })
  return { body: shownRun(call.world, build) }
}

function oneRun(call: Call): Answer {
  const build = buildIn(call)
  return { body: shownRun(call.world, build) }
}
