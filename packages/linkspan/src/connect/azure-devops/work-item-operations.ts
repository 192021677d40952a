import type { Natural } from '../../model/guarantee.ts'
import type { Asked, AzureOperation, InProject } from './azure-request.ts'
import type { WorkItem, WorkItemComment, WorkItemRef, WorkItemUpdate } from './shapes.ts'
import type { NewLink, WorkItemChanges } from './work-item-changes.ts'

/** How much of a work item is read. */
export type ReadOptions = {
  /** Only these fields. Not together with `relations`. */
  readonly fields?: readonly string[]
  /** Its links too. */
  readonly relations?: boolean
}

export type GetWorkItem = InProject & ReadOptions & { readonly id: number }
export type GetWorkItems = InProject & ReadOptions & { readonly ids: readonly number[] }
export type CreateWorkItem = InProject &
  WorkItemChanges & {
    /** As `Bug`, `Task`, `User Story`. */
    readonly type: string
  }
export type UpdateWorkItem = InProject &
  WorkItemChanges & {
    readonly id: number
    /** Refuses the change when the work item has another revision by now. */
    readonly rev?: number
  }
export type LinkWorkItem = InProject & NewLink & { readonly id: number }
export type QueryWorkItems = InProject & {
  /** A flat query, as `SELECT [System.Id] FROM WorkItems WHERE [System.State] = 'New'`. Put values in by {@link wiqlText}. */
  readonly wiql: string
  /** @default 20,000, beyond which the service refuses the query */
  readonly top?: number
  /** Whether times are compared to the second, and not to the day. @default false */
  readonly timePrecision?: boolean
}
export type UploadAttachment = InProject & {
  readonly name: string
  /** The content: text, or bytes in base64. */
  readonly text?: string
  readonly base64?: string
}

/** Where calls are marked, so that they can be found again. */
export type MarkPlace =
  /** A tag of the work item. */
  | 'tag'
  /** A text field of the process, such as `Custom.Correlation`. */
  | { readonly field: string }

/** What can be done with work items. */
export interface WorkItemOperations {
  /** Reads a work item. Calls of many messages become one request of up to 200. */
  readonly get: AzureOperation<GetWorkItem, WorkItem, Natural>
  /** Reads work items, 200 a request, in the order of the ids; those that do not exist are left out. */
  readonly getMany: AzureOperation<GetWorkItems, readonly WorkItem[], Natural>
  /** Makes a work item. It bears the call's mark, by which it is found after an unknown outcome. */
  readonly create: AzureOperation<CreateWorkItem, WorkItem, Asked>
  /** Changes a work item. Calls of many messages become one `$batch` of up to 200. */
  readonly update: AzureOperation<UpdateWorkItem, WorkItem, Asked>
  /** Makes a link, unless it is there. */
  readonly link: AzureOperation<LinkWorkItem, WorkItem, Natural>
  /** Moves a work item to the recycle bin; one that is gone is left alone. */
  readonly remove: AzureOperation<InProject & { readonly id: number }, null, Natural>
  /** Finds work items by a query of WIQL. */
  readonly query: AzureOperation<QueryWorkItems, readonly WorkItemRef[], Natural>
  /** The work items that are linked with artifacts, by the artifact's URI. */
  readonly linkedTo: AzureOperation<
    InProject & { readonly uris: readonly string[] },
    Readonly<Record<string, readonly WorkItemRef[]>>,
    Natural
  >
  /** What each change of a work item did, the oldest first. */
  readonly updates: AzureOperation<
    InProject & { readonly id: number; readonly skip?: number; readonly top?: number },
    readonly WorkItemUpdate[],
    Natural
  >
  /** The comments of a work item, the newest first, at most 200. */
  readonly comments: AzureOperation<InProject & { readonly id: number }, readonly WorkItemComment[], Natural>
  /** Adds a comment in HTML. It ends with the call's mark in small print, by which it is found after an unknown outcome. */
  readonly comment: AzureOperation<
    InProject & { readonly id: number; readonly text: string },
    WorkItemComment,
    Asked
  >
  /** Uploads a file; link it with `link` and the rel `AttachedFile`. A repeated upload leaves a second file that nothing links to. */
  readonly upload: AzureOperation<UploadAttachment, { readonly id: string; readonly url: string }, Natural>
}
