/** A person, group or service account. */
export type IdentityRef = {
  readonly id: string
  readonly displayName: string
  readonly uniqueName?: string
}

/** A project as other objects refer to it. */
export type ProjectRef = { readonly id: string; readonly name: string }

/** What a field of a work item holds. */
export type FieldValue = string | number | boolean | IdentityRef | null

/** The fields of a work item by their reference names; which there are is up to the process of the project. */
export type WorkItemFields = {
  readonly 'System.WorkItemType'?: string
  readonly 'System.Title'?: string
  readonly 'System.State'?: string
  readonly 'System.Tags'?: string
  readonly 'System.AreaPath'?: string
  readonly 'System.IterationPath'?: string
  readonly 'System.TeamProject'?: string
  readonly 'System.ChangedDate'?: string
  readonly 'System.CreatedDate'?: string
  readonly 'System.AssignedTo'?: IdentityRef
  readonly [name: string]: FieldValue | undefined
}

/** A link of a work item: to another one, an artifact, a page or an attachment. */
export type WorkItemRelation = {
  /** As `ArtifactLink`, `Hyperlink`, `AttachedFile`, `System.LinkTypes.Hierarchy-Reverse`. */
  readonly rel: string
  readonly url: string
  readonly attributes: { readonly name?: string; readonly comment?: string; readonly [name: string]: unknown }
}

/** A work item. */
export type WorkItem = {
  readonly id: number
  readonly rev: number
  readonly fields: WorkItemFields
  /** Only where it was asked for; absent for none. */
  readonly relations?: readonly WorkItemRelation[]
  readonly url: string
}

/** A work item by its id only. */
export type WorkItemRef = { readonly id: number; readonly url: string }

/** What one change of a work item did. */
export type WorkItemUpdate = {
  readonly id: number
  readonly workItemId: number
  readonly rev: number
  readonly revisedBy: IdentityRef
  readonly revisedDate: string
  readonly fields?: {
    readonly [name: string]: { readonly oldValue?: FieldValue; readonly newValue?: FieldValue }
  }
  readonly relations?: {
    readonly added?: readonly WorkItemRelation[]
    readonly removed?: readonly WorkItemRelation[]
  }
}

/** A comment of a work item, in HTML. */
export type WorkItemComment = {
  readonly id: number
  readonly workItemId: number
  readonly text: string
  readonly createdBy: IdentityRef
  readonly createdDate: string
}

/** A Git repository. */
export type Repository = {
  readonly id: string
  readonly name: string
  readonly project: ProjectRef
  readonly defaultBranch?: string
  readonly remoteUrl?: string
  readonly url: string
}

/** A branch or tag, and what it points to. */
export type GitRef = { readonly name: string; readonly objectId: string; readonly url: string }

/** What a push did to a ref; an object id of zeros says that there was or is none. */
export type RefUpdate = { readonly name: string; readonly oldObjectId: string; readonly newObjectId: string }

/** A commit. */
export type Commit = {
  readonly commitId: string
  readonly comment: string
  readonly author: { readonly name: string; readonly email: string; readonly date: string }
  readonly url: string
  readonly parents?: readonly string[]
  readonly push?: { readonly pushId: number }
}

/** A push. */
export type Push = {
  readonly pushId: number
  readonly date: string
  readonly pushedBy: IdentityRef
  readonly repository: Repository
  readonly refUpdates?: readonly RefUpdate[]
  readonly commits?: readonly Commit[]
  readonly url: string
}

/** What a build or check says of a commit or pull request. */
export type StatusState = 'notSet' | 'pending' | 'succeeded' | 'failed' | 'error' | 'notApplicable'

/** A status of a commit or pull request; of several with the same context the latest counts. */
export type GitStatus = {
  readonly id: number
  readonly state: StatusState
  readonly description: string | null
  readonly context: { readonly name: string; readonly genre?: string }
  readonly targetUrl: string | null
  readonly creationDate: string
}

/** A pull request. */
export type PullRequest = {
  readonly pullRequestId: number
  readonly repository: Repository
  readonly status: 'active' | 'abandoned' | 'completed' | 'notSet'
  readonly createdBy: IdentityRef
  readonly creationDate: string
  readonly closedDate?: string
  readonly title: string
  readonly description?: string
  readonly sourceRefName: string
  readonly targetRefName: string
  readonly mergeStatus?: string
  readonly isDraft?: boolean
  readonly lastMergeSourceCommit?: { readonly commitId: string }
  readonly lastMergeTargetCommit?: { readonly commitId: string }
  readonly lastMergeCommit?: { readonly commitId: string }
  readonly url: string
}

/** A comment inside a thread of a pull request, in Markdown. */
export type ThreadComment = {
  readonly id: number
  readonly parentCommentId: number
  readonly content?: string
  readonly author: IdentityRef
  readonly publishedDate: string
}

export type ThreadStatus = 'active' | 'fixed' | 'wontFix' | 'closed' | 'byDesign' | 'pending' | 'unknown'

/** A thread of a pull request. */
export type Thread = {
  readonly id: number
  readonly status?: ThreadStatus
  readonly comments: readonly ThreadComment[]
  readonly properties?: { readonly [name: string]: { readonly $value?: unknown } } | null
}

/** A branch policy. */
export type PolicyConfiguration = {
  readonly id: number
  readonly isEnabled: boolean
  readonly isBlocking: boolean
  readonly type: { readonly id: string; readonly displayName: string }
  readonly settings: { readonly [name: string]: unknown }
}

/** How a policy stands with a pull request. */
export type PolicyEvaluation = {
  readonly evaluationId: string
  readonly status: 'queued' | 'running' | 'approved' | 'rejected' | 'notApplicable' | 'broken'
  readonly configuration: PolicyConfiguration
}

/** A pipeline in the words of the Build API. */
export type BuildDefinition = {
  readonly id: number
  readonly name: string
  readonly path: string
  readonly revision: number
  readonly project: ProjectRef
  readonly url: string
}

export type BuildStatus = 'none' | 'inProgress' | 'completed' | 'cancelling' | 'postponed' | 'notStarted'
export type BuildResult = 'none' | 'succeeded' | 'partiallySucceeded' | 'failed' | 'canceled'

/** A run of a pipeline in the words of the Build API. */
export type Build = {
  readonly id: number
  readonly buildNumber: string
  readonly status: BuildStatus
  readonly result?: BuildResult
  readonly queueTime?: string
  readonly startTime?: string
  readonly finishTime?: string
  readonly definition: { readonly id: number; readonly name: string }
  readonly project: ProjectRef
  readonly sourceBranch: string
  readonly sourceVersion: string
  readonly reason?: string
  readonly parameters?: string
  readonly tags?: readonly string[]
  readonly repository?: { readonly id: string; readonly type: string; readonly name?: string }
  readonly requestedFor?: IdentityRef
  readonly url: string
  readonly _links?: { readonly web?: { readonly href: string } }
}

/** A stage, job or task of a build. */
export type TimelineRecord = {
  readonly id: string
  readonly parentId: string | null
  readonly type: string
  readonly name: string
  readonly order: number | null
  readonly state: string
  readonly result: string | null
  readonly log: { readonly id: number; readonly url: string } | null
  readonly issues?: readonly { readonly type: string; readonly message: string }[]
}

/** What happened in a build. */
export type Timeline = { readonly id: string; readonly records: readonly TimelineRecord[] }

export type BuildLog = { readonly id: number; readonly lineCount: number; readonly url: string }
export type BuildArtifact = {
  readonly id: number
  readonly name: string
  readonly resource?: { readonly type?: string; readonly downloadUrl?: string; readonly url?: string }
}
/** A commit that is in a build and was not in the one before. */
export type BuildChange = { readonly id: string; readonly message: string; readonly timestamp?: string }
/** A work item of a build, or of a pull request, by its id as text. */
export type ResourceRef = { readonly id: string; readonly url: string }

/** A pipeline in the words of the Pipelines API. */
export type Pipeline = {
  readonly id: number
  readonly name: string
  readonly folder: string
  readonly revision: number
  readonly url: string
}

/** A run of a pipeline in the words of the Pipelines API. */
export type Run = {
  readonly id: number
  readonly name: string
  readonly state: 'unknown' | 'inProgress' | 'canceling' | 'completed'
  readonly result?: 'unknown' | 'succeeded' | 'failed' | 'canceled'
  readonly createdDate?: string
  readonly finishedDate?: string
  readonly pipeline: Pipeline
  readonly url?: string
}

/** A subscription to events. */
export type Subscription = {
  readonly id: string
  readonly status:
    | 'enabled'
    | 'onProbation'
    | 'disabledByUser'
    | 'disabledBySystem'
    | 'disabledByInactiveIdentity'
  readonly publisherId: string
  readonly eventType: string
  readonly consumerId: string
  readonly consumerActionId: string
  readonly publisherInputs: { readonly [name: string]: string }
  readonly consumerInputs: { readonly [name: string]: string }
}
