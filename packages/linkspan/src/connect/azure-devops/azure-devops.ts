import type { ConnectionDeclaration, Connector } from '../connector.ts'
import { httpConnector } from '../http/index.ts'
import { type AzureClient, azureClient } from './azure-client.ts'
import { azureDevOpsConfig, type ReadAzureDevOpsConfig } from './azure-config.ts'
import { type BuildOperations, buildOperations } from './builds.ts'
import { type GitOperations, gitOperations } from './git.ts'
import { type PollSources, pollSources } from './poll-sources.ts'
import { type PullRequestOperations, pullRequestOperations } from './pull-requests.ts'
import { azureDevOpsSpec } from './spec.ts'
import { type SubscriptionOperations, subscriptionOperations } from './subscriptions.ts'
import type { MarkPlace, WorkItemOperations } from './work-item-operations.ts'
import { workItemOperations } from './work-items.ts'

/** How calls are marked, so that they can be found again after an unknown outcome. */
export interface AzureDevOpsOptions {
  /** Where a new work item bears the mark. A field of the process leaves tags to people. @default 'tag' */
  readonly mark?: MarkPlace
  /** The variable of a queued build that bears the mark. @default 'linkspan.mark' */
  readonly markVariable?: string
}

/** A connection to an organization of Azure DevOps, with its operations and poll sources. */
export interface AzureDevOps extends ConnectionDeclaration<ReadAzureDevOpsConfig, AzureClient> {
  readonly workItems: WorkItemOperations
  readonly git: GitOperations
  readonly pullRequests: PullRequestOperations
  readonly builds: BuildOperations
  readonly subscriptions: SubscriptionOperations
  readonly poll: PollSources
}

/** The Azure DevOps connector: what is the same for all connections. */
export const azureDevOpsConnector: Connector<ReadAzureDevOpsConfig, AzureClient> = {
  name: 'azure-devops',
  spec: azureDevOpsSpec,
  config: azureDevOpsConfig,
  connect: async (config, environment) =>
    azureClient(await httpConnector.connect(config.http, environment), config.project),
  close: async ({ organization }) => organization.close(),
}

/**
 * A connection to an organization of Azure DevOps. The project binds the organization and the credentials under its name;
 * each operation states its guarantee, and the scope that a token needs.
 *
 * @example
 * ```ts
 * import { flow, inbox } from 'linkspan'
 * import { azureDevOps } from 'linkspan/azure-devops'
 *
 * const boards = azureDevOps('boards')
 * const close = flow('close')
 *   .from(inbox<{ id: number }>(), { key: ({ id }) => id })
 *   .call('load', boards.workItems.get, { input: ({ id }) => ({ id }), as: 'item' })
 *   .filter('still open', (_body, { item }) => item.fields['System.State'] !== 'Closed')
 *   .to('close', boards.workItems.update, {
 *     input: ({ id }, { item }) => ({ id, rev: item.rev, fields: { 'System.State': 'Closed' } }),
 *   })
 * ```
 */
export function azureDevOps(name: string, options: AzureDevOpsOptions = {}): AzureDevOps {
  const connection: ConnectionDeclaration<ReadAzureDevOpsConfig, AzureClient> = {
    name,
    connector: azureDevOpsConnector,
  }
  const plain = connection as unknown as ConnectionDeclaration
  return {
    ...connection,
    workItems: workItemOperations(plain, options.mark ?? 'tag'),
    git: gitOperations(plain),
    pullRequests: pullRequestOperations(plain),
    builds: buildOperations(plain, options.markVariable ?? 'linkspan.mark'),
    subscriptions: subscriptionOperations(plain),
    poll: pollSources(plain),
  }
}
