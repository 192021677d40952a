import type { Hooks, Subscription } from './hooks.ts'
import { type Answer, type Call, listOf, type Route } from './routes.ts'
import { badRequest, refuse } from './service-failure.ts'
import { type Fields, identityRef, iso } from './world.ts'

/** The event types that this simulator sends, by their publisher. */
export const EVENT_TYPES: Readonly<Record<'tfs' | 'pipelines', readonly string[]>> = {
  tfs: [
    'build.complete',
    'git.push',
    'git.pullrequest.created',
    'git.pullrequest.updated',
    'git.pullrequest.merged',
    'ms.vss-code.git-pullrequest-comment-event',
    'git.repo.created',
    'git.repo.renamed',
    'git.repo.deleted',
    'workitem.created',
    'workitem.updated',
    'workitem.deleted',
    'workitem.restored',
    'workitem.commented',
  ],
  pipelines: [
    'ms.vss-pipelines.run-state-changed-event',
    'ms.vss-pipelines.stage-state-changed-event',
    'ms.vss-pipelines.job-state-changed-event',
    'ms.vss-pipelinechecks-events.approval-pending',
    'ms.vss-pipelinechecks-events.approval-completed',
  ],
}

/** What a subscription is made of. */
export interface NewSubscription {
  readonly eventType?: string
  readonly publisherId?: string
  readonly consumerId?: string
  readonly consumerActionId?: string
  readonly publisherInputs?: Readonly<Record<string, string>>
  readonly consumerInputs?: Readonly<Record<string, string>>
  readonly resourceVersion?: string
}

/** Makes a subscription; refuses what the service does not know. */
export function subscribe(hooks: Hooks, given: NewSubscription, id: string, now: number): Subscription {
  const { eventType = '', publisherId = '', consumerId, consumerActionId, consumerInputs = {} } = given
  const known =
    EVENT_TYPES[publisherId as 'tfs'] ??
    badRequest(`The publisher '${publisherId}' does not exist.`, 'PublisherNotFoundException')
  if (!known.includes(eventType))
    badRequest(
      `The publisher '${publisherId}' does not have the event type '${eventType}'.`,
      'EventTypeNotFoundException',
    )
  if (consumerId !== 'webHooks' || consumerActionId !== 'httpRequest')
    badRequest(
      'This simulator has the consumer webHooks with its action httpRequest only.',
      'ConsumerNotFoundException',
    )
  if (!URL.canParse(consumerInputs['url'] ?? ''))
    badRequest('The input url must be a URL.', 'SubscriptionInputException')
  const subscription: Subscription = {
    id,
    eventType,
    publisherId,
    publisherInputs: given.publisherInputs ?? {},
    consumerInputs,
    resourceVersion: given.resourceVersion ?? '1.0',
    createdAt: now,
    status: 'enabled',
    probationRetries: 0,
    sent: 0,
  }
  hooks.subscriptions.set(id, subscription)
  return subscription
}

/** The routes of service hooks. */
export function hookRoutes(hooks: Hooks): readonly Route[] {
  const found = (call: Call): Subscription =>
    hooks.subscriptions.get(call.params['id'] as string) ??
    refuse(404, 'SubscriptionNotFoundException', `The subscription ${call.params['id']} was not found.`)
  const all = { scope: 'vso.work', project: 'possible' } as const
  return [
    { ...all, method: 'GET', path: 'hooks/publishers', run: publishers },
    { ...all, method: 'GET', path: 'hooks/publishers/{publisher}/eventTypes', run: eventTypes },
    {
      ...all,
      method: 'GET',
      path: 'hooks/subscriptions',
      run: (call) => ({
        body: listOf([...hooks.subscriptions.values()].filter(asked(call)).map((one) => shown(call, one))),
      }),
    },
    {
      ...all,
      method: 'POST',
      path: 'hooks/subscriptions',
      run: (call) => {
        const { world } = call
        const made = subscribe(hooks, call.json<NewSubscription>(), world.guid(), world.clock.now())
        return { body: shown(call, made) }
      },
    },
    {
      ...all,
      method: 'GET',
      path: 'hooks/subscriptions/{id}',
      run: (call) => ({ body: shown(call, found(call)) }),
    },
    {
      ...all,
      method: 'PUT',
      path: 'hooks/subscriptions/{id}',
      run: (call) => {
        const subscription = found(call)
        const { status } = call.json<{ status?: string | number }>()
        if (status === 'enabled' || status === 0)
          [subscription.status, subscription.probationRetries] = ['enabled', 0]
        if (status === 'disabledByUser' || status === 2) subscription.status = 'disabledByUser'
        return { body: shown(call, subscription) }
      },
    },
    {
      ...all,
      method: 'DELETE',
      path: 'hooks/subscriptions/{id}',
      run: (call) => {
        hooks.subscriptions.delete(found(call).id)
        return { status: 204 }
      },
    },
  ]
}

function asked(call: Call): (subscription: Subscription) => boolean {
  const [eventType, publisherId] = [call.query('eventType'), call.query('publisherId')]
  return (one) =>
    (eventType === null || one.eventType === eventType) &&
    (publisherId === null || one.publisherId === publisherId)
}

function shown(call: Call, one: Subscription): Fields {
  const { world } = call
  const masked =
    one.consumerInputs['basicAuthPassword'] === undefined ? {} : { basicAuthPassword: '********' }
  return {
    id: one.id,
    url: `${world.base}/_apis/hooks/subscriptions/${one.id}`,
    status: one.status,
    publisherId: one.publisherId,
    eventType: one.eventType,
    subscriber: null,
    resourceVersion: one.resourceVersion,
    eventDescription: 'Any',
    consumerId: 'webHooks',
    consumerActionId: 'httpRequest',
    actionDescription: `To host ${new URL(one.consumerInputs['url'] as string).host}`,
    probationRetries: String(one.probationRetries),
    createdBy: identityRef(world, world.user),
    createdDate: iso(one.createdAt),
    modifiedBy: identityRef(world, world.user),
    modifiedDate: iso(one.createdAt),
    publisherInputs: { ...one.publisherInputs },
    consumerInputs: { ...one.consumerInputs, ...masked },
  }
}

function publishers(call: Call): Answer {
  const all = Object.keys(EVENT_TYPES).map((id) => ({
    id,
    url: `${call.world.base}/_apis/hooks/publishers/${id}`,
    name: id,
    description: '',
    supportedEvents: [],
    inputDescriptors: [],
  }))
  return { body: listOf(all) }
}

function eventTypes(call: Call): Answer {
  const publisher = call.params['publisher'] as 'tfs'
  const types =
    EVENT_TYPES[publisher] ??
    refuse(404, 'PublisherNotFoundException', `The publisher '${publisher}' does not exist.`)
  return {
    body: listOf(
      types.map((id) => ({
        publisherId: publisher,
        id,
        name: id,
        description: '',
        supportedResourceVersions: ['1.0'],
        url: `${call.world.base}/_apis/hooks/publishers/${publisher}/eventTypes/${id}`,
      })),
    ),
  }
}
