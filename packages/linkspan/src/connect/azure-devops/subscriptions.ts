import type { Natural } from '../../model/guarantee.ts'
import type { ConnectionDeclaration } from '../connector.ts'
import { path } from '../http/index.ts'
import { type AzureOperation, type InProject, listWith, naturalMaker, objectWith } from './azure-request.ts'
import type { Subscription } from './shapes.ts'

/**
 * What can be done with subscriptions to events. They are made by a person in the project's settings, since their
 * password must not pass through a journal.
 */
export interface SubscriptionOperations {
  readonly list: AzureOperation<InProject, readonly Subscription[], Natural>
  /** Switches on again what failures have restricted or switched off. What happened meanwhile is not told any more. */
  readonly enable: AzureOperation<InProject & { readonly subscriptionId: string }, Subscription, Natural>
}

/** Makes the operations on subscriptions. */
export function subscriptionOperations(connection: ConnectionDeclaration): SubscriptionOperations {
  const natural = naturalMaker(connection)
  return {
    list: natural('vso.work', {
      name: 'subscriptions.list',
      method: 'GET',
      at: 'organization',
      path: '/_apis/hooks/subscriptions',
      read: listWith<Subscription>('id', 'eventType'),
    }),
    enable: natural('vso.work', {
      name: 'subscriptions.enable',
      method: 'PUT',
      at: 'organization',
      path: ({ subscriptionId }: { readonly subscriptionId: string }) =>
        path`/_apis/hooks/subscriptions/${subscriptionId}`,
      body: () => ({ status: 'enabled' }),
      read: objectWith<Subscription>('id', 'eventType'),
    }),
  }
}
