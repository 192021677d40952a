import { runResource, shownBuild, webUrl } from './build-shapes.ts'
import { refName } from './git-store.ts'
import { badRequest, refuse } from './service-failure.ts'
import {
  type Build,
  type Definition,
  type Fields,
  type Identity,
  identityRef,
  iso,
  type Project,
  type Repository,
  type TimelineRecord,
  type World,
} from './world.ts'

/** Makes a pipeline on a repository. */
export function createDefinition(
  world: World,
  project: Project,
  given: { readonly name: string; readonly repository: Repository; readonly triggers: readonly string[] },
): Definition {
  const definition: Definition = {
    ...given,
    triggers: given.triggers.map(refName),
    id: world.next('definition'),
    path: '\\',
    project,
    createdAt: world.clock.now(),
  }
  world.definitions.push(definition)
  return definition
}

/** What queues a build. */
export interface NewBuild {
  readonly by: Identity
  readonly sourceBranch?: string | undefined
  readonly sourceVersion?: string | undefined
  readonly reason?: string | undefined
  readonly parameters?: string | undefined
  readonly templateParameters?: Fields | undefined
  readonly triggerInfo?: Fields | undefined
  readonly workItems?: readonly number[]
}

/** Queues a build of a definition. */
export function queueBuild(world: World, definition: Definition, given: NewBuild): Build {
  const { repository } = definition
  const sourceBranch = refName(given.sourceBranch ?? repository.defaultBranch)
  const head = repository.refs.get(sourceBranch)
  const sourceVersion = given.sourceVersion ?? head
  if (sourceVersion === undefined || !repository.commits.has(sourceVersion))
    return badRequest(
      `The source branch ${sourceBranch} of the build does not exist.`,
      'BuildRequestValidationFailedException',
    )
  const at = world.clock.now()
  const id = world.next('build')
  const build: Build = {
    id,
    definition,
    buildNumber: `${iso(at).slice(0, 10).replaceAll('-', '')}.${id}`,
    by: given.by,
    queuedAt: at,
    status: 'notStarted',
    result: null,
    startedAt: null,
    finishedAt: null,
    sourceBranch,
    sourceVersion,
    reason: given.reason ?? 'manual',
    parameters: given.parameters ?? null,
    templateParameters: given.templateParameters ?? {},
    triggerInfo: given.triggerInfo ?? {},
    tags: [],
    records: [],
    logs: [],
    artifacts: [],
    workItems: new Set(given.workItems),
    changedAt: at,
  }
  world.builds.set(id, build)
  tellOfRun(world, build, 'inProgress', `Run ${build.buildNumber} queued.`)
  return build
}

/** Queues builds of the pipelines that watch a branch. */
export function triggerBuilds(world: World, repository: Repository, name: string, by: Identity): void {
  for (const definition of world.definitions) {
    if (definition.repository !== repository || !definition.triggers.includes(name)) continue
    queueBuild(world, definition, { by, sourceBranch: name, reason: 'individualCI' })
  }
}

/** A step of a build that came to its end, for {@link finishBuild}. */
export interface FinishedStep {
  readonly name: string
  readonly result?: 'succeeded' | 'succeededWithIssues' | 'failed' | 'skipped' | 'canceled'
  readonly log?: readonly string[]
  readonly errors?: readonly string[]
}

/** How a build came to its end. */
export interface BuildOutcome {
  readonly result: 'succeeded' | 'partiallySucceeded' | 'failed' | 'canceled'
  /** What the steps of its one job came to. @default one step of the build's result */
  readonly steps?: readonly FinishedStep[]
  readonly stage?: string
  readonly job?: string
}

/** Begins a build that waits. */
export function startBuild(world: World, build: Build): void {
  if (build.status !== 'notStarted') return
  build.status = 'inProgress'
  build.startedAt = world.clock.now()
  build.changedAt = build.startedAt
  tellOfRun(world, build, 'inProgress', `Run ${build.buildNumber} in progress.`)
}

/** Ends a build: its timeline, its logs, and the events that go with that. */
export function finishBuild(world: World, build: Build, outcome: BuildOutcome): void {
  if (build.status === 'completed') throw new Error(`Build ${build.id} has ended already.`)
  startBuild(world, build)
  const {
    result,
    steps = [{ name: 'Build', result: result === 'partiallySucceeded' ? 'succeededWithIssues' : result }],
  } = outcome
  const stage = addRecord(world, build, null, 'Stage', outcome.stage ?? '__default', result)
  const job = addRecord(world, build, stage.id, 'Job', outcome.job ?? 'Job', result)
  for (const step of steps) addStep(world, build, job.id, step)
  build.status = 'completed'
  build.result = result
  build.finishedAt = world.clock.now()
  build.changedAt = build.finishedAt
  tellOfPart(world, build, 'job', job)
  tellOfPart(world, build, 'stage', stage)
  tellOfRun(world, build, 'completed', `Run ${build.buildNumber} ${result}.`)
  tellOfBuild(world, build)
}

function addRecord(
  world: World,
  build: Build,
  parentId: string | null,
  type: TimelineRecord['type'],
  name: string,
  result: string,
): TimelineRecord {
  const now = world.clock.now()
  const record: TimelineRecord = {
    id: world.guid(),
    parentId,
    type,
    name,
    order: build.records.length + 1,
    state: 'completed',
    result,
    startTime: build.startedAt,
    finishTime: now,
    logId: null,
    issues: [],
  }
  build.records.push(record)
  return record
}

function addStep(world: World, build: Build, job: string, step: FinishedStep): void {
  const record = addRecord(world, build, job, 'Task', step.name, step.result ?? 'succeeded')
  for (const message of step.errors ?? [])
    record.issues.push({ type: 'error', category: 'General', message, data: {} })
  const lines = [
    ...(step.log ?? [
      `##[section]Starting: ${step.name}`,
      ...(step.errors ?? []).map((line) => `##[error]${line}`),
      `##[section]Finishing: ${step.name}`,
    ]),
  ]
  build.logs.push(lines)
  record.logId = build.logs.length
}

/** A build by its id. */
export function buildOf(world: World, id: number, project: Project | null): Build {
  const build = world.builds.get(id)
  if (build && (project === null || build.definition.project.id === project.id)) return build
  return refuse(404, 'BuildNotFoundException', `The requested build ${id} could not be found.`)
}

/** A definition by its id. */
export function definitionOf(world: World, id: number, project: Project | null): Definition {
  const found = world.definitions.find(
    (one) => one.id === id && (project === null || one.project.id === project.id),
  )
  return (
    found ?? refuse(404, 'DefinitionNotFoundException', `TF215066: Build definition ${id} was not found.`)
  )
}

function tellOfBuild(world: World, build: Build): void {
  const { definition, buildNumber, result } = build
  const status = {
    succeeded: 'Succeeded',
    partiallySucceeded: 'PartiallySucceeded',
    failed: 'Failed',
    canceled: 'Stopped',
  }
  world.emit({
    eventType: 'build.complete',
    publisherId: 'tfs',
    project: definition.project,
    resource: shownBuild(world, build),
    resourceVersion: '2.0',
    text: `Build ${buildNumber} ${result}`,
    filters: { definitionName: definition.name, buildStatus: result === null ? '' : status[result] },
  })
}

function tellOfPipelines(
  world: World,
  build: Build,
  eventType: string,
  resource: Fields,
  text: string,
  filters: Readonly<Record<string, string>>,
): void {
  world.emit({
    eventType,
    publisherId: 'pipelines',
    project: build.definition.project,
    resource,
    resourceVersion: '5.1-preview.1',
    text,
    filters: { pipelineId: String(build.definition.id), ...filters },
  })
}

function tellOfRun(
  world: World,
  build: Build,
  state: 'inProgress' | 'completed' | 'canceling',
  text: string,
): void {
  const filters = {
    runStateId: state === 'inProgress' ? 'InProgress' : state === 'completed' ? 'Completed' : 'Canceling',
    ...(build.result === null ? {} : { runResultId: capital(build.result) }),
  }
  tellOfPipelines(
    world,
    build,
    'ms.vss-pipelines.run-state-changed-event',
    runResource(world, build, state),
    text,
    filters,
  )
}

function tellOfPart(world: World, build: Build, kind: 'job' | 'stage', record: TimelineRecord): void {
  const { id, name, state, result, startTime, finishTime, parentId } = record
  const times = {
    startTime: startTime === null ? null : iso(startTime),
    finishTime: finishTime === null ? null : iso(finishTime),
  }
  const part = { _links: { web: { href: webUrl(world, build) } }, id, name, state, result, ...times }
  const above = build.records.find((one) => one.id === parentId)
  const stage =
    kind === 'stage'
      ? { ...part, displayName: name, attempt: 1 }
      : {
          id: above?.id ?? id,
          name: above?.name ?? name,
          displayName: null,
          state,
          result,
          startTime: null,
          finishTime: null,
        }
  tellOfPipelines(
    world,
    build,
    `ms.vss-pipelines.${kind}-state-changed-event`,
    { ...(kind === 'job' ? { job: part } : {}), stage, ...runResource(world, build, 'completed') },
    `Run ${build.buildNumber} ${kind} ${name} ${result}.`,
    {
      [`${kind}NameId`]: name,
      [`${kind}StateId`]: 'Completed',
      [`${kind}ResultId`]: capital(String(result)),
    },
  )
}

function capital(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1)
}

/** Tells that a stage waits for an approval, or that it was given or refused. */
export function tellOfApproval(
  world: World,
  build: Build,
  stageName: string,
  status: 'pending' | 'approved' | 'rejected',
): void {
  const isPending = status === 'pending'
  const approval = {
    id: world.guid(),
    steps: [{ assignedApprover: identityRef(world, build.by), status, comment: '', history: [] }],
    status,
    createdOn: iso(world.clock.now()),
    lastModifiedOn: iso(world.clock.now()),
    executionOrder: 'anyOrder',
    minRequiredApprovers: 1,
    blockedApprovers: [],
  }
  tellOfPipelines(
    world,
    build,
    `ms.vss-pipelinechecks-events.approval-${isPending ? 'pending' : 'completed'}`,
    {
      approval,
      projectId: build.definition.project.id,
      stageName,
      attemptId: 1,
      id: build.id,
      url: `${world.base}/${build.definition.project.id}/_apis/pipelines/approvals/${approval.id}`,
      ...runResource(world, build, 'inProgress'),
    },
    `Approval ${status} for stage ${stageName} of run ${build.buildNumber}.`,
    { stageName },
  )
}

/** Cancels a build. */
export function cancelBuild(world: World, build: Build): void {
  if (build.status === 'completed') return
  tellOfRun(world, build, 'canceling', `Run ${build.buildNumber} is being canceled.`)
  finishBuild(world, build, { result: 'canceled' })
}
