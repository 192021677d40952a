import type { Duration } from '../../model/duration.ts'
import type { Json } from '../../model/message.ts'
import type { ConnectionDeclaration, SourceDeclaration } from '../connector.ts'
import {
  continuationToken,
  type HttpPollOptions,
  httpConnection,
  offset,
  type Pages,
  path,
  type SeenPage,
} from '../http/index.ts'
import type { AzureClient } from './azure-client.ts'
import type { Build, PullRequest, Push, WorkItemFields } from './shapes.ts'

/** What all polls may say. */
export interface PollSettings {
  /** A readable name, unique within the connection. @default what it polls */
  readonly name?: string
  /** @default the project that the connection is bound to */
  readonly project?: string
  /** From one look to the next. @default '1m' */
  readonly every?: Duration
  /** The time of the earliest change that counts, in ISO 8601. @default everything */
  readonly since?: string
}

/** A revision of a work item, as the reporting API shows it. */
export type WorkItemRevision = { readonly id: number; readonly rev: number; readonly fields: WorkItemFields }

export interface PollWorkItems extends PollSettings {
  /** Only these fields; the service gives most of them otherwise. */
  readonly fields?: readonly string[]
  /** Only work items of these types. */
  readonly types?: readonly string[]
}
export interface PollRepository extends PollSettings {
  /** The repository's name or id. */
  readonly repository: string
}
export interface PollBuilds extends PollSettings {
  /** Only builds of these pipelines. */
  readonly definitions?: readonly number[]
}

/** Sources for who cannot receive service hooks, and for what they lost. */
export interface PollSources {
  /** Every revision of every work item once, in the order of the changes. */
  workItemRevisions(settings?: PollWorkItems): SourceDeclaration<WorkItemRevision>
  /** Each push of a repository once. */
  pushes(settings: PollRepository): SourceDeclaration<Push>
  /** Each pull request of a repository once, as it was opened. */
  openedPullRequests(settings: PollRepository): SourceDeclaration<PullRequest>
  /** Each pull request of a repository once, as it was completed. */
  completedPullRequests(settings: PollRepository): SourceDeclaration<PullRequest>
  /** Each build once, as it was completed. */
  completedBuilds(settings?: PollBuilds): SourceDeclaration<Build>
}

const VERSION = { 'api-version': '7.1' }
/** The times of an organization's services differ by so much at most, and lists lag behind. */
const OVERLAP: Duration = '2m'
const PAGE = 100

const values = (body: { readonly value: readonly unknown[] }): readonly unknown[] => body.value

/** The reporting API goes on from its last token for ever. */
const watermark: Pages = {
  name: 'by watermark',
  request: (page) => ({ query: page === null ? {} : { continuationToken: String(page) } }),
  next: ({ body }) => ((body as Batch).isLastBatch ? null : (body as Batch).continuationToken),
  later: ({ body }: SeenPage): Json => (body as Batch).continuationToken,
}

interface Batch {
  readonly isLastBatch: boolean
  readonly continuationToken: string
}

const byOffset: Pages = offset({ limit: PAGE, param: '$skip', limitParam: '$top' })

/** Makes the poll sources of a connection. */
export function pollSources(connection: ConnectionDeclaration): PollSources {
  const poll = <T>(
    what: string,
    settings: PollSettings,
    options: Omit<HttpPollOptions<T>, 'name' | 'every'>,
  ): SourceDeclaration<T> =>
    inProject(connection, settings.project, {
      ...options,
      name: settings.name ?? what,
      ...(settings.every === undefined ? {} : { every: settings.every }),
    })
  const pulls = (
    settings: PollRepository,
    what: string,
    status: string,
    closed: boolean,
  ): SourceDeclaration<PullRequest> =>
    poll<PullRequest>(what, settings, {
      path: path`/_apis/git/repositories/${settings.repository}/pullrequests`,
      query: {
        ...VERSION,
        'searchCriteria.status': status,
        'searchCriteria.queryTimeRangeType': closed ? 'closed' : 'created',
      },
      items: values,
      pages: byOffset,
      since: {
        param: 'searchCriteria.minTime',
        of: (pull) => (closed ? (pull.closedDate ?? pull.creationDate) : pull.creationDate),
        overlap: OVERLAP,
        ...firstOf(settings),
      },
      identity: ({ pullRequestId, closedDate = '' }) => `${pullRequestId} ${closed ? closedDate : ''}`,
    })
  return {
    workItemRevisions: (settings = {}) =>
      poll<WorkItemRevision>('work item revisions', settings, {
        path: '/_apis/wit/reporting/workitemrevisions',
        query: {
          ...VERSION,
          fields: settings.fields?.join(','),
          types: settings.types?.join(','),
          startDateTime: settings.since,
        },
        items: (body: { readonly values: readonly unknown[] }) => body.values,
        pages: watermark,
        identity: ({ id, rev }) => `${id} ${rev}`,
      }),
    pushes: (settings) =>
      poll<Push>(`pushes of ${settings.repository}`, settings, {
        path: path`/_apis/git/repositories/${settings.repository}/pushes`,
        query: { ...VERSION, 'searchCriteria.includeRefUpdates': true },
        items: values,
        pages: byOffset,
        since: {
          param: 'searchCriteria.fromDate',
          of: ({ date }) => date,
          overlap: OVERLAP,
          ...firstOf(settings),
        },
        identity: ({ pushId }) => String(pushId),
      }),
    openedPullRequests: (settings) =>
      pulls(settings, `opened pull requests of ${settings.repository}`, 'all', false),
    completedPullRequests: (settings) =>
      pulls(settings, `completed pull requests of ${settings.repository}`, 'completed', true),
    completedBuilds: (settings = {}) =>
      poll<Build>('completed builds', settings, {
        path: '/_apis/build/builds',
        query: {
          ...VERSION,
          statusFilter: 'completed',
          queryOrder: 'finishTimeAscending',
          definitions: settings.definitions?.join(','),
          $top: PAGE,
        },
        items: values,
        pages: continuationToken(),
        since: {
          param: 'minTime',
          of: ({ finishTime = '' }) => finishTime,
          overlap: OVERLAP,
          ...firstOf(settings),
        },
        identity: ({ id, finishTime = '' }) => `${id} ${finishTime}`,
      }),
  }
}

function firstOf({ since }: PollSettings): { readonly first?: string } {
  return since === undefined ? {} : { first: since }
}

/** A poll of the HTTP connector, by the client of a project. */
function inProject<T>(
  connection: ConnectionDeclaration,
  project: string | undefined,
  options: HttpPollOptions<T>,
): SourceDeclaration<T> {
  const { start, ...source } = httpConnection(connection.name).poll<T>(options)
  return {
    ...source,
    connector: connection.connector.name,
    connection,
    ...(start === undefined
      ? {}
      : {
          start: (context) =>
            start({
              ...context,
              client: async () => ((await context.client()) as AzureClient).project(project),
            }),
        }),
  }
}
