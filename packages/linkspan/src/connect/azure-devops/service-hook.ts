import type { StandardSchemaV1 } from '@standard-schema/spec'
import type {
  Build,
  Pipeline,
  PullRequest,
  Push,
  Repository,
  Run,
  ThreadComment,
  WorkItem,
  WorkItemUpdate,
} from './shapes.ts'

/** The resource of a change of a work item: what changed, and the work item after it. */
export type ChangedWorkItem = WorkItemUpdate & { readonly revision: WorkItem }

/** A stage or job of a run. */
export type RunPart = {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly result: string | null
  readonly startTime?: string | null
  readonly finishTime?: string | null
}

/** The resource of events of the Pipelines API. */
export type RunResource = {
  readonly run: Run
  readonly pipeline: Pipeline
  readonly repositories?: readonly {
    readonly type: string
    readonly change?: { readonly message: string; readonly version?: string }
    readonly url: string
  }[]
}

/** The resource of events of approvals. */
export type ApprovalResource = Partial<RunResource> & {
  readonly approval: { readonly id: string; readonly status: string }
  readonly stageName?: string
}

/** The resource of events of repositories. */
export type RepositoryResource = { readonly repository: Repository }

/** What each type of event is about; those of work items, Git, builds and pipelines. */
export type EventResources = {
  readonly 'workitem.created': WorkItem
  readonly 'workitem.updated': ChangedWorkItem
  readonly 'workitem.commented': WorkItem
  readonly 'workitem.deleted': WorkItem
  readonly 'workitem.restored': WorkItem
  readonly 'git.push': Push
  readonly 'git.pullrequest.created': PullRequest
  readonly 'git.pullrequest.updated': PullRequest
  /** A merge was tried, also while the pull request is open: look at its `status`. */
  readonly 'git.pullrequest.merged': PullRequest
  readonly 'ms.vss-code.git-pullrequest-comment-event': {
    readonly comment: ThreadComment
    readonly pullRequest: PullRequest
  }
  readonly 'git.repo.created': RepositoryResource
  readonly 'git.repo.deleted': RepositoryResource
  readonly 'git.repo.forked': RepositoryResource
  readonly 'git.repo.renamed': RepositoryResource
  readonly 'git.repo.statuschanged': RepositoryResource
  readonly 'build.complete': Build
  readonly 'ms.vss-pipelines.run-state-changed-event': RunResource
  readonly 'ms.vss-pipelines.stage-state-changed-event': RunResource & { readonly stage: RunPart }
  readonly 'ms.vss-pipelines.job-state-changed-event': RunResource & {
    readonly stage: RunPart
    readonly job: RunPart
  }
  readonly 'ms.vss-pipelinechecks-events.approval-pending': ApprovalResource
  readonly 'ms.vss-pipelinechecks-events.approval-completed': ApprovalResource
}

/** A type of event. */
export type EventType = keyof EventResources

/** An event of one type. */
export type EventOf<T extends EventType> = {
  /** The same each time that the event is told. */
  readonly id: string
  readonly eventType: T
  readonly resource: EventResources[T]
  readonly resourceContainers?: { readonly project?: { readonly id: string } }
  readonly createdDate: string
  readonly message?: { readonly text?: string } | null
  readonly subscriptionId?: string
  readonly notificationId?: number
}

/** An event of some types, told apart by `eventType`. */
export type ServiceHookEvent<T extends EventType = EventType> = { readonly [K in T]: EventOf<K> }[T]

/** The types of events, as a person chooses them in the project's settings. */
export const EVENT_TYPES: readonly EventType[] = [
  'workitem.created',
  'workitem.updated',
  'workitem.commented',
  'workitem.deleted',
  'workitem.restored',
  'git.push',
  'git.pullrequest.created',
  'git.pullrequest.updated',
  'git.pullrequest.merged',
  'ms.vss-code.git-pullrequest-comment-event',
  'git.repo.created',
  'git.repo.deleted',
  'git.repo.forked',
  'git.repo.renamed',
  'git.repo.statuschanged',
  'build.complete',
  'ms.vss-pipelines.run-state-changed-event',
  'ms.vss-pipelines.stage-state-changed-event',
  'ms.vss-pipelines.job-state-changed-event',
  'ms.vss-pipelinechecks-events.approval-pending',
  'ms.vss-pipelinechecks-events.approval-completed',
]

/** What a route needs to be a service hook: spread it into `route.post`. */
export interface ServiceHook<T extends EventType> {
  readonly body: 'json'
  readonly bodyLimit: number
  readonly schema: StandardSchemaV1<unknown, ServiceHookEvent<T>>
}

/** The service sends 2 MB at most, and says that more makes it slow. */
const LARGEST_EVENT = 4 * 1024 * 1024

/**
 * Makes a route a service hook of Azure DevOps for these types of events: its body is typed by them, and told apart by
 * `eventType`. An event of another type is refused with 422, which shows in the history of the subscription that sent it and
 * restricts that subscription only. Give the route `basic` authentication, and the flow `dedupe: eventId`, as Azure DevOps
 * tells an event again when it is not sure that it was taken.
 *
 * While an engine cannot take events it answers 503, which Azure DevOps repeats for three minutes. What happens after that
 * is lost; a poll or a reconciliation finds it.
 *
 * @example
 * ```ts
 * import { flow, route, secret } from 'linkspan'
 * import { basic } from 'linkspan/serve'
 * import { eventId, serviceHook } from 'linkspan/azure-devops'
 *
 * const hook = route.post('/hooks/azure-devops', {
 *   auth: basic({ users: { azure: secret('AZURE_HOOK') } }),
 *   ...serviceHook('git.push', 'build.complete'),
 * })
 * const follow = flow('follow')
 *   .from(hook, { dedupe: eventId, key: (event) => event.eventType })
 *   .filter('builds', (event) => event.eventType === 'build.complete')
 *   .map('number', (event) => event.resource.buildNumber)
 * ```
 */
export function serviceHook<const T extends EventType>(...types: readonly [T, ...T[]]): ServiceHook<T> {
  const validate = (value: unknown): StandardSchemaV1.Result<ServiceHookEvent<T>> => {
    const message = problemOf(value, types)
    return message === null ? { value: value as ServiceHookEvent<T> } : { issues: [message] }
  }
  return {
    body: 'json',
    bodyLimit: LARGEST_EVENT,
    schema: { '~standard': { version: 1, vendor: 'linkspan', validate } },
  }
}

function problemOf(value: unknown, types: readonly string[]): StandardSchemaV1.Issue | null {
  const event = (typeof value === 'object' && value !== null ? value : {}) as Readonly<
    Record<string, unknown>
  >
  const { eventType, id, resource } = event
  if (typeof eventType !== 'string' || typeof id !== 'string')
    return { message: 'is no event of Azure DevOps: it has no eventType or no id' }
  if (!types.includes(eventType))
    return {
      path: ['eventType'],
      message: `is "${eventType}", and this flow takes ${types.join(', ')}. Correct the subscription.`,
    }
  if (typeof resource === 'object' && resource !== null) return null
  return { path: ['resource'], message: 'is missing: let the subscription send all resource details' }
}

/** The identity of an event, for `dedupe`. */
export function eventId({ id }: { readonly id: string }): string {
  return id
}
