import { createHash } from 'node:crypto'
import type { Json } from '../../model/message.ts'
import type { Clock } from '../../model/outside.ts'

/** Plain data with names. */
export interface Fields {
  [name: string]: Json
}

/** The time that a simulator has. */
export type SimulatorClock = Pick<Clock, 'now' | 'timer'>

/** A person or service account. */
export interface Identity {
  readonly id: string
  readonly displayName: string
  readonly uniqueName: string
}

export interface Project {
  readonly id: string
  readonly name: string
}

/** A link of a work item. */
export interface Relation {
  rel: string
  url: string
  attributes: Fields
}

/** One revision of a work item. */
export interface Revision {
  readonly rev: number
  /** The place of the change among all changes of the organization. */
  readonly watermark: number
  readonly at: number
  readonly by: Identity
  readonly fields: Fields
  readonly relations: readonly Relation[]
}

export interface WorkItemComment {
  readonly id: number
  readonly by: Identity
  readonly at: number
  version: number
  text: string
  modifiedAt: number
  deleted: boolean
}

/** A work item with its whole past; its present is the last revision. */
export interface Item {
  readonly id: number
  readonly project: Project
  readonly revisions: Revision[]
  readonly comments: WorkItemComment[]
  deleted: boolean
}

export interface Attachment {
  readonly id: string
  readonly name: string
  readonly bytes: Uint8Array
}

/** A commit that the simulator holds. */
export interface Commit {
  readonly commitId: string
  readonly comment: string
  readonly by: Identity
  readonly at: number
  readonly parents: readonly string[]
  readonly changes: readonly Fields[]
  readonly statuses: Fields[]
}

export interface Push {
  readonly pushId: number
  readonly at: number
  readonly by: Identity
  readonly refUpdates: readonly {
    readonly name: string
    readonly oldObjectId: string
    readonly newObjectId: string
  }[]
  readonly commits: readonly string[]
}

export interface Repository {
  readonly id: string
  name: string
  readonly project: Project
  defaultBranch: string
  readonly refs: Map<string, string>
  readonly commits: Map<string, Commit>
  readonly pushes: Push[]
}

export interface ThreadComment {
  readonly id: number
  readonly parentCommentId: number
  content: string
  readonly commentType: string
  readonly by: Identity
  readonly at: number
}

export interface Thread {
  readonly id: number
  readonly comments: ThreadComment[]
  status: string
  readonly threadContext: Json
  readonly properties: Fields
  readonly at: number
}

export interface PullRequest {
  readonly id: number
  readonly repository: Repository
  readonly by: Identity
  readonly createdAt: number
  status: 'active' | 'abandoned' | 'completed'
  title: string
  description: string
  isDraft: boolean
  readonly sourceRefName: string
  targetRefName: string
  closedAt: number | null
  sourceCommit: string
  targetCommit: string
  mergeCommit: string
  completionOptions: Fields
  autoCompleteSetBy: Identity | null
  readonly reviewers: Fields[]
  readonly threads: Thread[]
  readonly statuses: Fields[]
  readonly labels: string[]
  readonly properties: Fields
}

export interface Definition {
  readonly id: number
  readonly name: string
  readonly path: string
  readonly project: Project
  readonly repository: Repository
  /** Branches whose pushes queue a build. */
  readonly triggers: readonly string[]
  readonly createdAt: number
}

/** What became of a stage, job or task of a build. */
export interface TimelineRecord {
  readonly id: string
  readonly parentId: string | null
  readonly type: 'Stage' | 'Phase' | 'Job' | 'Task'
  readonly name: string
  readonly order: number
  state: 'pending' | 'inProgress' | 'completed'
  result: string | null
  startTime: number | null
  finishTime: number | null
  logId: number | null
  readonly issues: Fields[]
}

export interface Build {
  readonly id: number
  readonly definition: Definition
  readonly buildNumber: string
  readonly by: Identity
  readonly queuedAt: number
  status: 'notStarted' | 'inProgress' | 'cancelling' | 'completed'
  result: 'succeeded' | 'partiallySucceeded' | 'failed' | 'canceled' | null
  startedAt: number | null
  finishedAt: number | null
  readonly sourceBranch: string
  readonly sourceVersion: string
  readonly reason: string
  readonly parameters: string | null
  readonly templateParameters: Fields
  readonly triggerInfo: Fields
  readonly tags: string[]
  readonly records: TimelineRecord[]
  /** By log id - 1: the lines. */
  readonly logs: string[][]
  readonly artifacts: Fields[]
  readonly workItems: Set<number>
  changedAt: number
}

/** A branch policy. */
export interface PolicyConfiguration {
  readonly id: number
  readonly project: Project
  readonly typeId: string
  readonly typeName: string
  isEnabled: boolean
  isBlocking: boolean
  settings: Fields
  revision: number
  readonly createdAt: number
}

/** What happened, before it is put into an envelope for each subscription. */
export interface Occurrence {
  readonly eventType: string
  readonly publisherId: 'tfs' | 'pipelines'
  readonly project: Project
  readonly resource: Fields
  readonly resourceVersion: string
  readonly text: string
  /** What subscriptions can filter by, by the name of the publisher's input. */
  readonly filters: Readonly<Record<string, string | readonly string[]>>
}

/** Everything that the simulated organization holds. */
export interface World {
  readonly organization: string
  /** Where clients find the organization. */
  base: string
  readonly clock: SimulatorClock
  readonly user: Identity
  readonly people: Identity[]
  readonly projects: Project[]
  /** Fields that work items have beside the usual ones. */
  readonly customFields: Set<string>
  readonly items: Map<number, Item>
  readonly attachments: Map<string, Attachment>
  readonly repositories: Repository[]
  readonly pullRequests: Map<number, PullRequest>
  readonly definitions: Definition[]
  readonly builds: Map<number, Build>
  readonly policies: PolicyConfiguration[]
  /** The next number of a kind, from 1. */
  next(kind: string): number
  /** A GUID that the next run of the same program gets too. */
  guid(): string
  /** The id of a Git object, likewise. */
  sha(): string
  /** Tells subscriptions. */
  emit(occurrence: Occurrence): void
}

/** Makes an empty organization. */
export function createWorld(
  given: Pick<World, 'organization' | 'base' | 'clock' | 'emit'> & {
    readonly customFields: readonly string[]
  },
): World {
  const counters = new Map<string, number>()
  const next = (kind: string): number => {
    const number = (counters.get(kind) ?? 0) + 1
    counters.set(kind, number)
    return number
  }
  const digest = (kind: string): string =>
    createHash('sha1')
      .update(`${given.organization} ${kind} ${next(kind)}`)
      .digest('hex')
  const guid = (): string =>
    digest('guid').replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, '$1-$2-4$3-a$4-$5')
  const user: Identity = {
    id: guid(),
    displayName: 'Integration Service',
    uniqueName: 'integration@example.com',
  }
  return {
    ...given,
    customFields: new Set(given.customFields),
    user,
    people: [user],
    projects: [],
    items: new Map(),
    attachments: new Map(),
    repositories: [],
    pullRequests: new Map(),
    definitions: [],
    builds: new Map(),
    policies: [],
    next,
    guid,
    sha: () => digest('commit'),
  }
}

/** A time as the service writes it. */
export function iso(at: number): string {
  return new Date(at).toISOString()
}

/** An identity as it stands in answers. */
export function identityRef(world: World, { id, displayName, uniqueName }: Identity): Fields {
  return {
    displayName,
    url: `${world.base}/_apis/Identities/${id}`,
    id,
    uniqueName,
    imageUrl: `${world.base}/_api/_common/identityImage?id=${id}`,
    descriptor: `aad.${Buffer.from(id).toString('base64url')}`,
  }
}

/** A project as it stands in answers. */
export function projectRef(world: World, { id, name }: Project): Fields {
  return {
    id,
    name,
    url: `${world.base}/_apis/projects/${id}`,
    state: 'wellFormed',
    revision: 1,
    visibility: 'private',
    lastUpdateTime: '2026-01-01T00:00:00.000Z',
  }
}
