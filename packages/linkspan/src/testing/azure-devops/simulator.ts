import type { Json } from '../../model/message.ts'
import type { TokenScopes } from './access.ts'
import { buildRoutes } from './build-routes.ts'
import {
  type BuildOutcome,
  buildOf,
  createDefinition,
  definitionOf,
  finishBuild,
  queueBuild,
  startBuild,
  tellOfApproval,
  triggerBuilds,
} from './build-store.ts'
import { createFaults, type FaultMatch, type SimulatorFault } from './faults.ts'
import { gitRoutes } from './git-routes.ts'
import { createRepository, NOTHING, pushCommits, refName, repositoryOf } from './git-store.ts'
import { hookRoutes, type NewSubscription, subscribe } from './hook-routes.ts'
import { createHooks, type DeliveryAttempt, type Send, type SubscriptionStatus } from './hooks.ts'
import { POLICY_TYPES, policyRoutes } from './policies.ts'
import { pullRequestRoutes } from './pull-request-routes.ts'
import { changePull, openPullRequest, pullRequestOf, pushToPull } from './pull-request-store.ts'
import { createMeter, type RateLimit } from './rate-limit.ts'
import { respond, type SeenRequest } from './respond.ts'
import { listenOn, sendByNode, type WebServer } from './web-server.ts'
import { workItemRoutes } from './work-item-routes.ts'
import { createItem, itemOf, present, setDeleted, updateItem } from './work-item-store.ts'
import { workItemTalkRoutes } from './work-item-talk-routes.ts'
import { createWorld, type Fields, type Project, type SimulatorClock, type World } from './world.ts'

/** How an Azure DevOps is simulated. */
export interface AzureDevOpsSimulatorOptions {
  /** @default 'acme' */
  readonly organization?: string
  /** What is accepted as a personal access token or an access token of Entra, and what each allows. @default { 'simulator-token': 'full' } */
  readonly tokens?: Readonly<Record<string, TokenScopes>>
  /** Fields that work items have beside those of the Agile process, as `Custom.Correlation`. */
  readonly fields?: readonly string[]
  /** How many requests are taken before they are refused. @default any number */
  readonly rateLimit?: RateLimit
  /** The time for what is recorded, and for repeated notifications. @default that of the machine */
  readonly clock?: SimulatorClock
  /** How notifications of service hooks are sent. @default over HTTP */
  readonly send?: Send
}

/** A work item as it is now. */
export interface SimulatedWorkItem {
  readonly id: number
  readonly rev: number
  readonly type: string
  readonly title: string
  readonly state: string
  readonly tags: string
  readonly fields: Readonly<Record<string, Json>>
  readonly links: readonly { readonly rel: string; readonly url: string; readonly name: string }[]
  readonly comments: readonly string[]
}

/** A simulated organization of Azure DevOps. What happens in it by `acts` is told to subscribers as what clients do. */
export interface AzureDevOpsSimulator {
  readonly organization: string
  /** Where clients find the organization: `https://dev.azure.com/acme` until it listens. */
  readonly url: string
  /** Answers a request, as a handler of any server of web-standard requests. Rejects where the connection is to be cut. */
  handle(request: Request): Promise<Response>
  /** Listens on the loopback, on a free port or a given one. */
  listen(port?: number): Promise<void>
  /** Stops listening, and gives up notifications that wait. */
  close(): Promise<void>
  /** What goes wrong with the next requests, or the next that match. @default any request, once */
  fault(fault: SimulatorFault, match?: FaultMatch, times?: number): void
  /** Takes back faults that have not happened. */
  clearFaults(): void
  /** Every request since the beginning. */
  readonly requests: readonly SeenRequest[]
  readonly acts: SimulatorActs
  /** What service hooks have told, and to whom. */
  readonly hooks: SimulatorHooks
}

/** The service hooks of a simulated organization. */
export interface SimulatorHooks {
  /** Subscribes a web hook as a person does in the project's settings; answers the subscription's id. */
  subscribe(subscription: Omit<NewSubscription, 'consumerId' | 'consumerActionId'>): string
  /** What became of a subscription. */
  status(id: string): SubscriptionStatus
  /** Every event that happened, in order. */
  readonly events: readonly Readonly<Record<string, Json>>[]
  /** Every attempt to deliver one. */
  readonly attempts: readonly DeliveryAttempt[]
  /** Delivers an event once more. */
  resend(eventId: string): void
  /** Resolves when no delivery is under way. */
  idle(): Promise<void>
}

/** What people do in the organization. Names stand for projects, repositories and branches; ids are answered. */
export interface SimulatorActs {
  project(name: string): string
  person(displayName: string, uniqueName: string): string
  repository(project: string, name: string): string
  workItem(project: string, type: string, fields: Readonly<Record<string, Json>>): number
  change(id: number, fields: Readonly<Record<string, Json>>): void
  link(id: number, rel: string, url: string, name?: string): void
  removeWorkItem(id: number): void
  readonly show: (id: number) => SimulatedWorkItem
  /** The ids of the work items of a type that are not deleted. */
  ids(type: string): readonly number[]
  /** Pushes commits with these comments, and queues the builds that the branch triggers; answers the newest. */
  push(repository: string, branch: string, comments: readonly string[]): string
  pullRequest(
    repository: string,
    given: {
      readonly source: string
      readonly target?: string
      readonly title: string
      readonly description?: string
      readonly workItems?: readonly number[]
    },
  ): number
  /** What a branch points to. */
  head(repository: string, branch: string): string
  pushToPullRequest(id: number, comments: readonly string[]): void
  completePullRequest(id: number): string
  abandonPullRequest(id: number): void
  /** Makes a pipeline; `triggers` are branches whose pushes queue a build. */
  pipeline(
    project: string,
    given: { readonly name: string; readonly repository: string; readonly triggers?: readonly string[] },
  ): number
  build(
    pipeline: number,
    given?: { readonly branch?: string; readonly workItems?: readonly number[] },
  ): number
  startBuild(id: number): void
  finishBuild(id: number, outcome: BuildOutcome): void
  approval(build: number, stage: string, status: 'pending' | 'approved' | 'rejected'): void
  policy(
    repository: string,
    given: {
      readonly kind: keyof typeof POLICY_TYPES
      readonly branch?: string
      readonly blocking?: boolean
      readonly settings?: Readonly<Record<string, Json>>
    },
  ): number
}

const SYSTEM_CLOCK: SimulatorClock = {
  now: () => Date.now(),
  timer(afterMs, run) {
    const timer = setTimeout(run, afterMs)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

/**
 * An Azure DevOps in memory, with work items, Git, builds and service hooks, that answers what the real service answers: for
 * tests of flows, and to try them out. It is held to Microsoft's own client and to the published descriptions of the
 * REST API by its tests.
 *
 * @example
 * ```ts
 * import { azureDevOpsSimulator } from 'linkspan/testing'
 * const azure = azureDevOpsSimulator({ organization: 'acme' })
 * azure.acts.project('Hub')
 * const bug = azure.acts.workItem('Hub', 'Bug', { 'System.Title': 'It leaks' })
 * azure.fault({ kind: 'throttled', retryAfter: 2 })
 * await azure.listen()
 * console.log(azure.url, bug)
 * ```
 */
export function azureDevOpsSimulator(options: AzureDevOpsSimulatorOptions = {}): AzureDevOpsSimulator {
  const { organization = 'acme', clock = SYSTEM_CLOCK } = options
  const hooks = createHooks(clock, options.send ?? sendByNode)
  const world = createWorld({
    organization,
    base: `https://dev.azure.com/${organization}`,
    clock,
    customFields: options.fields ?? [],
    emit: (occurrence) => hooks.publish(world, occurrence),
  })
  const faults = createFaults()
  const seen: SeenRequest[] = []
  const service = {
    world,
    faults,
    seen,
    routes: [
      ...workItemRoutes,
      ...workItemTalkRoutes,
      ...gitRoutes,
      ...pullRequestRoutes,
      ...policyRoutes,
      ...buildRoutes,
      ...hookRoutes(hooks),
    ],
    tokens: new Map(Object.entries(options.tokens ?? { 'simulator-token': 'full' as const })),
    meter: createMeter(options.rateLimit),
  }
  let server: WebServer | null = null
  const handle = (request: Request): Promise<Response> => respond(service, request)
  return {
    organization,
    get url() {
      return world.base
    },
    handle,
    requests: seen,
    async listen(port) {
      server = await listenOn(handle, port)
      world.base = `${server.url}/${organization}`
    },
    async close() {
      hooks.stop()
      await server?.close()
      server = null
    },
    fault: (fault, match = () => true, times = 1) => faults.add(fault, match, times),
    clearFaults: () => faults.clear(),
    acts: actsOn(world),
    hooks: {
      subscribe: (given) =>
        subscribe(
          hooks,
          { ...given, consumerId: 'webHooks', consumerActionId: 'httpRequest' },
          world.guid(),
          clock.now(),
        ).id,
      status: (id) => hooks.subscriptions.get(id)?.status ?? 'disabledByUser',
      events: hooks.events,
      attempts: hooks.attempts,
      resend: (id) => hooks.resend(id),
      idle: () => hooks.idle(),
    },
  }
}

function actsOn(world: World): SimulatorActs {
  const by = world.user
  const projectOf = (name: string): Project => {
    const found = world.projects.find((one) => one.name === name)
    if (found) return found
    throw new Error(`There is no project "${name}". Make it with acts.project("${name}").`)
  }
  const repository = (name: string) => repositoryOf(world, null, name)
  const change = (id: number, operations: readonly { op: string; path: string; value: Json }[]): void =>
    void updateItem(world, itemOf(world, id), { by, operations })
  const settings = (fields: Readonly<Record<string, Json>>) =>
    Object.entries(fields).map(([name, value]) => ({ op: 'replace', path: `/fields/${name}`, value }))
  return {
    project(name) {
      const project: Project = { id: world.guid(), name }
      world.projects.push(project)
      return project.id
    },
    person(displayName, uniqueName) {
      const person = { id: world.guid(), displayName, uniqueName }
      world.people.push(person)
      return person.id
    },
    repository: (project, name) => createRepository(world, projectOf(project), name, by).id,
    workItem: (project, type, fields) =>
      createItem(world, projectOf(project), type, { by, operations: settings(fields) }).id,
    change: (id, fields) => change(id, settings(fields)),
    link: (id, rel, url, name) =>
      change(id, [
        {
          op: 'add',
          path: '/relations/-',
          value: { rel, url, attributes: name === undefined ? {} : { name } },
        },
      ]),
    removeWorkItem: (id) => setDeleted(world, itemOf(world, id), true, by),
    show: (id) => shownAct(world, id),
    ids: (type) =>
      [...world.items.values()]
        .filter((item) => !item.deleted && present(item).fields['System.WorkItemType'] === type)
        .map(({ id }) => id),
    push(name, branch, comments) {
      const into = repository(name)
      pushCommits(world, into, { branch, by, commits: comments.map((comment) => ({ comment })) })
      triggerBuilds(world, into, refName(branch), by)
      return into.refs.get(refName(branch)) as string
    },
    pullRequest(name, { source, target = 'main', title, description = '', workItems = [] }) {
      return openPullRequest(world, repository(name), { by, source, target, title, description, workItems })
        .id
    },
    head: (name, branch) => repository(name).refs.get(refName(branch)) ?? NOTHING,
    pushToPullRequest: (id, comments) => pushToPull(world, pullRequestOf(world, id), by, comments),
    completePullRequest(id) {
      const pull = pullRequestOf(world, id)
      changePull(world, pull, { status: 'completed' }, by)
      triggerBuilds(world, pull.repository, pull.targetRefName, by)
      return pull.mergeCommit
    },
    abandonPullRequest: (id) => changePull(world, pullRequestOf(world, id), { status: 'abandoned' }, by),
    pipeline: (project, { name, repository: given, triggers = [] }) =>
      createDefinition(world, projectOf(project), { name, repository: repository(given), triggers }).id,
    build: (pipeline, { branch, workItems = [] } = {}) =>
      queueBuild(world, definitionOf(world, pipeline, null), { by, sourceBranch: branch, workItems }).id,
    startBuild: (id) => startBuild(world, buildOf(world, id, null)),
    finishBuild: (id, outcome) => finishBuild(world, buildOf(world, id, null), outcome),
    approval: (id, stage, status) => tellOfApproval(world, buildOf(world, id, null), stage, status),
    policy(name, { kind, branch = 'main', blocking = true, settings: given = {} }) {
      const { id: repositoryId, project } = repository(name)
      const scope = [{ repositoryId, refName: refName(branch), matchKind: 'Exact' }]
      const id = world.next('policy')
      world.policies.push({
        id,
        project,
        typeId: POLICY_TYPES[kind],
        typeName: kind,
        isEnabled: true,
        isBlocking: blocking,
        settings: { ...given, scope },
        revision: 1,
        createdAt: world.clock.now(),
      })
      return id
    },
  }
}

function shownAct(world: World, id: number): SimulatedWorkItem {
  const item = itemOf(world, id)
  const { fields, relations, rev } = present(item)
  const text = (name: string): string => String(fields[name] ?? '')
  return {
    id,
    rev,
    type: text('System.WorkItemType'),
    title: text('System.Title'),
    state: text('System.State'),
    tags: text('System.Tags'),
    fields: fields as Fields,
    links: relations.map(({ rel, url, attributes }) => ({
      rel,
      url,
      name: String(attributes['name'] ?? ''),
    })),
    comments: item.comments.filter(({ deleted }) => !deleted).map(({ text: said }) => said),
  }
}
