export { branchLink, buildLink, commitLink, mentionedWorkItems, pullRequestLink } from './artifacts.ts'
export type { AzureClient } from './azure-client.ts'
export {
  type AzureDevOpsConfig,
  type EntraOptions,
  entra,
  pat,
  type ReadAzureDevOpsConfig,
} from './azure-config.ts'
export {
  type AzureDevOps,
  type AzureDevOpsOptions,
  azureDevOps,
  azureDevOpsConnector,
} from './azure-devops.ts'
export type { AzureOperation, AzureScope, InProject } from './azure-request.ts'
export type { BuildOperations, ListBuilds, ListedBuilds, OfBuild, QueueBuild, ReadLog } from './builds.ts'
export {
  type GitOperations,
  type InRepository,
  type ListCommits,
  type ListPushes,
  type ListRefs,
  NO_OBJECT,
  type PostCommitStatus,
  type PostStatus,
  type PushChanges,
  type UpdateRef,
} from './git.ts'
export type {
  PollBuilds,
  PollRepository,
  PollSettings,
  PollSources,
  PollWorkItems,
  WorkItemRevision,
} from './poll-sources.ts'
export type {
  CompletePullRequest,
  CreatePullRequest,
  CreateThread,
  ListPullRequests,
  OfPullRequest,
  OfThread,
  PolicyStatus,
  PostPullRequestStatus,
  PullRequestOperations,
  UpdatePullRequest,
} from './pull-requests.ts'
export {
  type ApprovalResource,
  type ChangedWorkItem,
  EVENT_TYPES,
  type EventOf,
  type EventResources,
  type EventType,
  eventId,
  type RepositoryResource,
  type RunPart,
  type RunResource,
  type ServiceHook,
  type ServiceHookEvent,
  serviceHook,
} from './service-hook.ts'
export type * from './shapes.ts'
export { azureDevOpsSpec } from './spec.ts'
export type { SubscriptionOperations } from './subscriptions.ts'
export type { NewLink, WorkItemChanges } from './work-item-changes.ts'
export type {
  CreateWorkItem,
  GetWorkItem,
  GetWorkItems,
  LinkWorkItem,
  MarkPlace,
  QueryWorkItems,
  ReadOptions,
  UpdateWorkItem,
  UploadAttachment,
  WorkItemOperations,
} from './work-item-operations.ts'
export { wiqlText } from './work-items.ts'
