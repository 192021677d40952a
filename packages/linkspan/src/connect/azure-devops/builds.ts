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
} from './azure-request.ts'
import type {
  Build,
  BuildArtifact,
  BuildChange,
  BuildDefinition,
  BuildLog,
  BuildResult,
  BuildStatus,
  Pipeline,
  ResourceRef,
  Run,
  Timeline,
} from './shapes.ts'

export type OfBuild = InProject & { readonly buildId: number }
export type ListBuilds = InProject & {
  readonly definitions?: readonly number[]
  /** As `refs/heads/main`. */
  readonly branch?: string
  readonly status?: BuildStatus | 'all'
  readonly result?: BuildResult
  readonly tags?: readonly string[]
  /** Ended from then on; with an order by the time of queueing, queued. */
  readonly since?: string
  /** @default 'finishTimeDescending' */
  readonly order?:
    | 'finishTimeAscending'
    | 'finishTimeDescending'
    | 'queueTimeAscending'
    | 'queueTimeDescending'
  readonly top?: number
  /** Where the list before this one ended. */
  readonly continuationToken?: string
}
/** A part of a list, and where it goes on. */
export type ListedBuilds = { readonly builds: readonly Build[]; readonly continuationToken: string | null }
export type QueueBuild = InProject & {
  /** The id of the pipeline. */
  readonly definition: number
  /** As `refs/heads/main` or `refs/pull/7/merge`. @default the pipeline's default branch */
  readonly sourceBranch?: string
  readonly sourceVersion?: string
  /** Variables, which the pipeline must allow to be set when it is queued. */
  readonly variables?: Readonly<Record<string, string>>
  /** Parameters of a YAML pipeline. */
  readonly templateParameters?: Readonly<Record<string, string>>
}

export type ReadLog = OfBuild & {
  readonly logId: number
  /** Counted from 1. */
  readonly startLine?: number
  readonly endLine?: number
}

/** What can be done with builds and pipelines. */
export interface BuildOperations {
  readonly definitions: AzureOperation<
    InProject & { readonly name?: string },
    readonly BuildDefinition[],
    Natural
  >
  readonly definition: AzureOperation<InProject & { readonly definitionId: number }, BuildDefinition, Natural>
  readonly list: AzureOperation<ListBuilds, ListedBuilds, Natural>
  readonly get: AzureOperation<OfBuild, Build, Natural>
  /**
   * Queues a build. The call's mark is a variable of it, `linkspan.mark` unless the connection says another; the pipeline must
   * allow that variable to be set when it is queued.
   */
  readonly queue: AzureOperation<QueueBuild, Build, Asked>
  readonly cancel: AzureOperation<OfBuild, Build, Natural>
  /** What happened in a build: its stages, jobs and tasks, with the ids of their logs. */
  readonly timeline: AzureOperation<OfBuild, Timeline, Natural>
  readonly logs: AzureOperation<OfBuild, readonly BuildLog[], Natural>
  /** A log as text, or some of its lines, counted from 1. */
  readonly log: AzureOperation<ReadLog, string, Natural>
  readonly artifacts: AzureOperation<OfBuild, readonly BuildArtifact[], Natural>
  readonly changes: AzureOperation<OfBuild, readonly BuildChange[], Natural>
  readonly workItems: AzureOperation<OfBuild, readonly ResourceRef[], Natural>
  readonly tags: AzureOperation<OfBuild, readonly string[], Natural>
  readonly addTag: AzureOperation<OfBuild & { readonly tag: string }, readonly string[], Natural>
  readonly removeTag: AzureOperation<OfBuild & { readonly tag: string }, readonly string[], Natural>
  readonly pipelines: AzureOperation<InProject, readonly Pipeline[], Natural>
  readonly run: AzureOperation<
    InProject & { readonly pipelineId: number; readonly runId: number },
    Run,
    Natural
  >
}

const BUILD = objectWith<Build>('id', 'status', 'definition')
const at = ({ buildId }: OfBuild): string => path`/_apis/build/builds/${buildId}`

const list = azureRequest<ListBuilds, ListedBuilds>({
  name: 'builds.list',
  method: 'GET',
  path: '/_apis/build/builds',
  query: ({ definitions, branch, status, result, tags, since, order, top, continuationToken }) => ({
    definitions: definitions?.join(','),
    branchName: branch,
    statusFilter: status,
    resultFilter: result,
    tagFilters: tags?.join(','),
    minTime: since,
    queryOrder: order,
    $top: top,
    continuationToken,
  }),
  read: (reply) => ({
    builds: listWith<Build>('id', 'status')(reply),
    continuationToken: reply.header('x-ms-continuationtoken') ?? null,
  }),
})

const MOST_LOOKED_AT = 200
const DAY_MS = 86_400_000

/** Makes the operations on builds. */
export function buildOperations(connection: ConnectionDeclaration, markVariable: string): BuildOperations {
  const natural = naturalMaker(connection)
  const queue = azureRequest<QueueBuild, Build>({
    name: 'builds.queue',
    method: 'POST',
    path: '/_apis/build/builds',
    body: ({ definition, sourceBranch, sourceVersion, variables, templateParameters }, mark) => ({
      definition: { id: definition },
      parameters: JSON.stringify({ ...variables, [markVariable]: mark }),
      ...(sourceBranch === undefined ? {} : { sourceBranch }),
      ...(sourceVersion === undefined ? {} : { sourceVersion }),
      ...(templateParameters === undefined ? {} : { templateParameters }),
    }),
    read: BUILD,
  })
  const bears = ({ parameters }: Build, mark: string): boolean => {
    try {
      return (JSON.parse(parameters ?? '{}') as Readonly<Record<string, unknown>>)[markVariable] === mark
    } catch {
      return false
    }
  }
  const verify = async (...[client, input, call]: Parameters<typeof queue>): Promise<Verdict<Build>> => {
    const wanted = {
      definitions: [input.definition],
      order: 'queueTimeDescending' as const,
      status: 'all' as const,
    }
    const { builds } = await list(client, { ...wanted, top: MOST_LOOKED_AT, project: input.project }, call)
    const ours = builds.find((build) => bears(build, call.mark))
    if (ours !== undefined) return { state: 'done', result: ours }
    // A page that is full of young builds may not reach back to ours.
    const oldest = Date.parse(builds.at(-1)?.queueTime ?? '')
    const reachesBack = builds.length < MOST_LOOKED_AT || oldest < client.organization.clock.now() - DAY_MS
    return { state: reachesBack ? 'absent' : 'unknown' }
  }
  const tagsOf = listStrings
  return {
    definitions: natural('vso.build', {
      name: 'builds.definitions',
      method: 'GET',
      path: '/_apis/build/definitions',
      query: ({ name }: { readonly name?: string }) => ({ name }),
      read: listWith<BuildDefinition>('id', 'name'),
    }),
    definition: natural('vso.build', {
      name: 'builds.definition',
      method: 'GET',
      path: ({ definitionId }: { readonly definitionId: number }) =>
        path`/_apis/build/definitions/${definitionId}`,
      read: objectWith<BuildDefinition>('id', 'name'),
    }),
    list: azureOperation(connection, {
      name: 'builds.list',
      scope: 'vso.build',
      guarantee: NATURAL,
      run: list,
    }),
    get: natural('vso.build', { name: 'builds.get', method: 'GET', path: at, read: BUILD }),
    queue: azureOperation(connection, {
      name: 'builds.queue',
      scope: 'vso.build_execute',
      guarantee: ASKED,
      run: queue,
      verify,
    }),
    cancel: natural('vso.build_execute', {
      name: 'builds.cancel',
      method: 'PATCH',
      path: at,
      body: () => ({ status: 'cancelling' }),
      read: BUILD,
    }),
    timeline: natural('vso.build', {
      name: 'builds.timeline',
      method: 'GET',
      path: (input: OfBuild) => `${at(input)}/timeline`,
      read: objectWith<Timeline>('records'),
    }),
    logs: natural('vso.build', {
      name: 'builds.logs',
      method: 'GET',
      path: (input: OfBuild) => `${at(input)}/logs`,
      read: listWith<BuildLog>('id'),
    }),
    log: natural('vso.build', {
      name: 'builds.log',
      method: 'GET',
      path: (input: ReadLog) => `${at(input)}${path`/logs/${input.logId}`}`,
      query: ({ startLine, endLine }) => ({ startLine, endLine }),
      headers: { accept: 'text/plain' },
      read: (reply) => reply.text(),
    }),
    artifacts: natural('vso.build', {
      name: 'builds.artifacts',
      method: 'GET',
      path: (input: OfBuild) => `${at(input)}/artifacts`,
      read: listWith<BuildArtifact>('name'),
    }),
    changes: natural('vso.build', {
      name: 'builds.changes',
      method: 'GET',
      path: (input: OfBuild) => `${at(input)}/changes`,
      read: listWith<BuildChange>('id'),
    }),
    workItems: natural('vso.build', {
      name: 'builds.workItems',
      method: 'GET',
      path: (input: OfBuild) => `${at(input)}/workitems`,
      read: listWith<ResourceRef>('id'),
    }),
    tags: natural('vso.build', {
      name: 'builds.tags',
      method: 'GET',
      path: (input: OfBuild) => `${at(input)}/tags`,
      read: tagsOf,
    }),
    addTag: natural('vso.build_execute', {
      name: 'builds.addTag',
      method: 'PUT',
      path: (input: OfBuild & { readonly tag: string }) => `${at(input)}${path`/tags/${input.tag}`}`,
      body: () => undefined,
      read: tagsOf,
    }),
    removeTag: natural('vso.build_execute', {
      name: 'builds.removeTag',
      method: 'DELETE',
      path: (input: OfBuild & { readonly tag: string }) => `${at(input)}${path`/tags/${input.tag}`}`,
      read: tagsOf,
    }),
    pipelines: natural('vso.build', {
      name: 'builds.pipelines',
      method: 'GET',
      path: '/_apis/pipelines',
      read: listWith<Pipeline>('id', 'name'),
    }),
    run: natural('vso.build', {
      name: 'builds.run',
      method: 'GET',
      path: ({ pipelineId, runId }: { readonly pipelineId: number; readonly runId: number }) =>
        path`/_apis/pipelines/${pipelineId}/runs/${runId}`,
      read: objectWith<Run>('id', 'state'),
    }),
  }
}

/** Tags come as a list of texts. */
function listStrings(reply: { json(): unknown }): readonly string[] {
  const value = reply.json() as { readonly value?: unknown }
  const list = Array.isArray(value) ? value : value.value
  if (!Array.isArray(list)) throw new Error('it is no list')
  return list.map(String)
}
