import { repositoryRef } from './git-store.ts'
import {
  type Build,
  type Definition,
  type Fields,
  identityRef,
  iso,
  projectRef,
  type World,
} from './world.ts'

/** A definition as other answers refer to it. */
export function definitionRef(world: World, { id, name, path, project }: Definition): Fields {
  return {
    id,
    name,
    url: `${world.base}/${project.id}/_apis/build/Definitions/${id}?revision=1`,
    uri: `vstfs:///Build/Definition/${id}`,
    path,
    type: 'build',
    queueStatus: 'enabled',
    revision: 1,
    project: projectRef(world, project),
  }
}

/** A build as it stands in answers and events. */
export function shownBuild(world: World, build: Build): Fields {
  const { definition, id } = build
  const url = `${world.base}/${definition.project.id}/_apis/build/Builds/${id}`
  const who = identityRef(world, build.by)
  return {
    _links: {
      self: { href: url },
      web: { href: webUrl(world, build) },
      timeline: { href: `${url}/Timeline` },
    },
    properties: {},
    tags: [...build.tags],
    validationResults: [],
    plans: [],
    triggerInfo: build.triggerInfo,
    id,
    buildNumber: build.buildNumber,
    status: build.status,
    ...(build.result === null ? {} : { result: build.result }),
    queueTime: iso(build.queuedAt),
    ...(build.startedAt === null ? {} : { startTime: iso(build.startedAt) }),
    ...(build.finishedAt === null ? {} : { finishTime: iso(build.finishedAt) }),
    url,
    definition: definitionRef(world, definition),
    buildNumberRevision: id,
    project: projectRef(world, definition.project),
    uri: `vstfs:///Build/Build/${id}`,
    sourceBranch: build.sourceBranch,
    sourceVersion: build.sourceVersion,
    queue: { id: 1, name: 'Azure Pipelines', pool: { id: 1, name: 'Azure Pipelines', isHosted: true } },
    priority: 'normal',
    reason: build.reason,
    requestedFor: who,
    requestedBy: who,
    lastChangedDate: iso(build.changedAt),
    lastChangedBy: who,
    ...(build.parameters === null ? {} : { parameters: build.parameters }),
    templateParameters: build.templateParameters,
    logs: { id: 0, type: 'Container', url: `${url}/logs` },
    repository: {
      id: build.definition.repository.id,
      type: 'TfsGit',
      name: build.definition.repository.name,
      url: repositoryRef(world, build.definition.repository)['remoteUrl'] as string,
    },
    retainedByRelease: false,
    triggeredByBuild: null,
    appendCommitMessageToRunName: true,
  }
}

/** The page of a build. */
export function webUrl(world: World, { definition, id }: Build): string {
  return `${world.base}/${encodeURIComponent(definition.project.name)}/_build/results?buildId=${id}`
}

/** A run of a pipeline as the Pipelines API shows it. */
export function shownRun(world: World, build: Build, state?: string): Fields {
  const { definition, id } = build
  const base = `${world.base}/${definition.project.id}/_apis/pipelines/${definition.id}`
  return {
    _links: {
      self: { href: `${base}/runs/${id}` },
      web: { href: webUrl(world, build) },
      'pipeline.web': {
        href: `${world.base}/${definition.project.id}/_build/definition?definitionId=${definition.id}`,
      },
      pipeline: { href: `${base}?revision=1` },
    },
    templateParameters: build.templateParameters,
    pipeline: shownPipeline(world, definition),
    state:
      state ??
      (build.status === 'completed'
        ? 'completed'
        : build.status === 'cancelling'
          ? 'canceling'
          : 'inProgress'),
    ...(build.result === null
      ? {}
      : { result: build.result === 'partiallySucceeded' ? 'succeeded' : build.result }),
    createdDate: iso(build.queuedAt),
    ...(build.finishedAt === null ? {} : { finishedDate: iso(build.finishedAt) }),
    url: `${base}/runs/${id}`,
    resources: {
      repositories: {
        self: {
          repository: { id: definition.repository.id, type: 'azureReposGit' },
          refName: build.sourceBranch,
          version: build.sourceVersion,
        },
      },
    },
    id,
    name: build.buildNumber,
  }
}

/** A pipeline as the Pipelines API shows it. */
export function shownPipeline(world: World, { id, name, path, project }: Definition): Fields {
  return {
    url: `${world.base}/${project.id}/_apis/pipelines/${id}?revision=1`,
    id,
    revision: 1,
    name,
    folder: path,
  }
}

/** What events of pipelines are about. */
export function runResource(world: World, build: Build, state: string): Fields {
  const { repository } = build.definition
  const commit = repository.commits.get(build.sourceVersion)
  const who = {
    name: build.by.displayName,
    email: build.by.uniqueName,
    date: iso(commit?.at ?? build.queuedAt),
  }
  return {
    run: shownRun(world, build, state),
    pipeline: shownPipeline(world, build.definition),
    repositories: [
      {
        type: 'Git',
        change: { author: who, committer: who, message: commit?.comment ?? '', version: build.sourceVersion },
        url: repositoryRef(world, repository)['remoteUrl'] as string,
      },
    ],
  }
}
