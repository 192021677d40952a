import { type Fields, iso, type Occurrence, type SimulatorClock, type World } from './world.ts'

/** What a subscription can be. */
export type SubscriptionStatus = 'enabled' | 'onProbation' | 'disabledByUser' | 'disabledBySystem'

/** A subscription to events, of the consumer *web hooks*. */
export interface Subscription {
  readonly id: string
  readonly eventType: string
  readonly publisherId: string
  readonly publisherInputs: Readonly<Record<string, string>>
  readonly consumerInputs: Readonly<Record<string, string>>
  readonly resourceVersion: string
  readonly createdAt: number
  status: SubscriptionStatus
  probationRetries: number
  /** Numbers the notifications. */
  sent: number
}

/** An attempt to deliver a notification, for tests to look at. */
export interface DeliveryAttempt {
  readonly subscriptionId: string
  readonly eventId: string
  readonly eventType: string
  readonly at: number
  /** What was answered, or null where nothing was. */
  readonly status: number | null
}

/** Sends a request and resolves with its answer; rejects where there is none. */
export type Send = (request: Request) => Promise<Response>

/** Notifications on their way to subscribers. */
export interface Hooks {
  readonly subscriptions: Map<string, Subscription>
  readonly attempts: readonly DeliveryAttempt[]
  /** Every event that happened, in order, as the envelope without a subscription. */
  readonly events: readonly Fields[]
  publish(world: World, occurrence: Occurrence): void
  /** Sends an event to its subscribers once more, as a person can in the history of a subscription. */
  resend(eventId: string): void
  /** Resolves when no request is under way; those that wait for their time are not counted. */
  idle(): Promise<void>
  /** What is on its way, waiting for its time included, is given up. */
  stop(): void
}

const TRANSIENT = new Set([408, 502, 503, 504])
/** How long is waited before each retry of a transient failure. */
export const TRANSIENT_BACKOFF_MS: readonly number[] = [1, 2, 4, 8, 16, 32, 60, 60].map(
  (seconds) => seconds * 1_000,
)
/** How long is waited before each retry on probation. */
export const PROBATION_BACKOFF_MS: readonly number[] = [20, 40, 80, 160, 320, 640, 900].map(
  (minutes) => minutes * 60_000,
)

/**
 * Delivers events as the documentation of Azure DevOps has it ("Troubleshoot service hooks"): 410 disables a
 * subscription; 408, 502, 503 and 504 are retried up to eight times; anything else, and the end of those retries, puts
 * it on probation, where that one notification is retried seven times and new events are lost.
 */
export function createHooks(clock: SimulatorClock, send: Send): Hooks {
  const subscriptions = new Map<string, Subscription>()
  const attempts: DeliveryAttempt[] = []
  const events: Fields[] = []
  const occurrences = new Map<string, { readonly world: World; readonly occurrence: Occurrence }>()
  const timers = new Set<() => void>()
  const underWay = new Set<Promise<void>>()
  let stopped = false

  const later = (ms: number, run: () => void): void => {
    const cancel = clock.timer(ms, () => {
      timers.delete(cancel)
      run()
    })
    timers.add(cancel)
  }

  const start = (notification: Notification, retry: number): void => {
    const done: Promise<void> = attempt(notification, retry).finally(() => underWay.delete(done))
    underWay.add(done)
  }

  const attempt = async (notification: Notification, retry: number): Promise<void> => {
    const { subscription, body } = notification
    if (stopped || subscription.status.startsWith('disabled') || !subscriptions.has(subscription.id)) return
    // A retry of a transient failure that another notification's probation has overtaken.
    if (subscription.status === 'onProbation' && retry > 0) return
    const status = await statusOf(send, subscription, body)
    const { id, eventType } = body as { id: string; eventType: string }
    attempts.push({ subscriptionId: subscription.id, eventId: id, eventType, at: clock.now(), status })
    judge(notification, retry, status)
  }

  const judge = (notification: Notification, retry: number, status: number | null): void => {
    const { subscription } = notification
    if (status !== null && status >= 200 && status < 300) {
      subscription.status = 'enabled'
      subscription.probationRetries = 0
      return
    }
    if (status === 410) {
      subscription.status = 'disabledBySystem'
      return
    }
    const pause = TRANSIENT_BACKOFF_MS[retry]
    const isTransient = status !== null && TRANSIENT.has(status) && subscription.status === 'enabled'
    if (isTransient && pause !== undefined) later(pause, () => start(notification, retry + 1))
    else probation(notification)
  }

  const probation = (notification: Notification): void => {
    const { subscription } = notification
    const pause = PROBATION_BACKOFF_MS[subscription.probationRetries]
    // Only one notification is retried on probation: the one that brought the subscription there.
    if (subscription.status === 'onProbation' && subscription.probationRetries === 0) return
    if (pause === undefined) {
      subscription.status = 'disabledBySystem'
      return
    }
    const isFirst = subscription.status === 'enabled'
    subscription.status = 'onProbation'
    later(pause, () => {
      subscription.probationRetries = isFirst ? 1 : subscription.probationRetries + 1
      start(notification, 0)
    })
  }

  const notify = (subscription: Subscription, event: Fields): void => {
    const body = {
      subscriptionId: subscription.id,
      notificationId: ++subscription.sent,
      ...detailsFor(subscription, event),
    }
    start({ subscription, body }, 0)
  }

  return {
    subscriptions,
    attempts,
    events,
    publish(world, occurrence) {
      const event = envelope(world, occurrence)
      events.push(event)
      occurrences.set(String(event['id']), { world, occurrence })
      for (const subscription of subscriptions.values())
        if (subscription.status === 'enabled' && wants(subscription, occurrence)) notify(subscription, event)
    },
    resend(eventId) {
      const event = events.find(({ id }) => id === eventId)
      const known = occurrences.get(eventId)
      if (event === undefined || known === undefined) throw new Error(`There was no event ${eventId}.`)
      for (const subscription of subscriptions.values())
        if (!subscription.status.startsWith('disabled') && wants(subscription, known.occurrence))
          notify(subscription, event)
    },
    async idle() {
      while (underWay.size > 0) await Promise.allSettled(underWay)
    },
    stop() {
      stopped = true
      for (const cancel of timers) cancel()
      timers.clear()
    },
  }
}

interface Notification {
  readonly subscription: Subscription
  readonly body: Fields
}

async function statusOf(send: Send, subscription: Subscription, body: Fields): Promise<number | null> {
  try {
    return (await send(requestFor(subscription, body))).status
  } catch {
    return null
  }
}

function requestFor({ consumerInputs }: Subscription, body: Fields): Request {
  const { url = '', basicAuthUsername = '', basicAuthPassword = '', httpHeaders = '' } = consumerInputs
  const headers = new Headers({ 'content-type': 'application/json; charset=utf-8' })
  for (const line of httpHeaders.split('\n')) {
    const [name = '', ...value] = line.split(':')
    if (name.trim() !== '') headers.set(name.trim(), value.join(':').trim())
  }
  if (basicAuthUsername !== '' || basicAuthPassword !== '') {
    const pair = Buffer.from(`${basicAuthUsername}:${basicAuthPassword}`).toString('base64')
    headers.set('authorization', `Basic ${pair}`)
  }
  return new Request(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

/** An event as all subscribers get it. */
function envelope(world: World, occurrence: Occurrence): Fields {
  const { eventType, publisherId, resource, resourceVersion, project, text } = occurrence
  const message = { text, html: text, markdown: text }
  const container = (id: string): Fields => ({ id, baseUrl: `${world.base}/` })
  return {
    id: world.guid(),
    eventType,
    publisherId,
    message,
    detailedMessage: message,
    resource,
    resourceVersion,
    resourceContainers: {
      collection: container('c12d0eb8-e382-443b-9f9c-c52cba5014c2'),
      account: container('f844ec47-a9db-4511-8281-8b63f4eaf94e'),
      project: container(project.id),
    },
    createdDate: iso(world.clock.now()),
  }
}

/** What a subscription wants to be sent: all of an event, or less. */
function detailsFor({ consumerInputs }: Subscription, event: Fields): Fields {
  const {
    resourceDetailsToSend = 'all',
    messagesToSend = 'all',
    detailedMessagesToSend = 'all',
  } = consumerInputs
  const resource = event['resource'] as Fields
  return {
    ...event,
    message: only(event['message'] as Fields, messagesToSend),
    detailedMessage: only(event['detailedMessage'] as Fields, detailedMessagesToSend),
    resource:
      resourceDetailsToSend === 'none'
        ? null
        : resourceDetailsToSend === 'minimal'
          ? { id: resource['id'] ?? null, url: resource['url'] ?? null }
          : resource,
  }
}

function only(message: Fields, which: string): Fields | null {
  if (which === 'none') return null
  return which === 'all' ? message : { [which]: message[which] ?? null }
}

/** Whether an event passes the filters of a subscription. */
function wants(
  { eventType, publisherInputs }: Subscription,
  { eventType: actual, project, filters }: Occurrence,
): boolean {
  if (eventType !== actual) return false
  return Object.entries(publisherInputs).every(([name, value]) => {
    if (value === '' || value === null) return true
    if (name === 'projectId') return value === project.id
    return passes(name, value, filters[name])
  })
}

function passes(name: string, wanted: string, actual: string | readonly string[] | undefined): boolean {
  if (actual === undefined) return false
  if (typeof actual !== 'string') return actual.some((one) => one.toLowerCase() === wanted.toLowerCase())
  if (name === 'commentPattern') return actual.toLowerCase().includes(wanted.toLowerCase())
  if (name === 'areaPath') return actual === wanted || actual.startsWith(`${wanted}\\`)
  return actual.toLowerCase() === wanted.toLowerCase()
}
