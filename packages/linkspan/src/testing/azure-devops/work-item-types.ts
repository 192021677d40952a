/** A state of a work item type and the category that boards sort it into. */
export interface WorkItemState {
  readonly name: string
  readonly category: 'Proposed' | 'InProgress' | 'Resolved' | 'Completed' | 'Removed'
}

/** A type of work items, as the Agile process has it. */
export interface WorkItemType {
  readonly name: string
  readonly states: readonly WorkItemState[]
}

const NEW: WorkItemState = { name: 'New', category: 'Proposed' }
const ACTIVE: WorkItemState = { name: 'Active', category: 'InProgress' }
const RESOLVED: WorkItemState = { name: 'Resolved', category: 'Resolved' }
const CLOSED: WorkItemState = { name: 'Closed', category: 'Completed' }
const REMOVED: WorkItemState = { name: 'Removed', category: 'Removed' }

/** The types of the Agile process that a project has at first. */
export const WORK_ITEM_TYPES: readonly WorkItemType[] = [
  { name: 'Bug', states: [NEW, ACTIVE, RESOLVED, CLOSED] },
  { name: 'Task', states: [NEW, ACTIVE, CLOSED, REMOVED] },
  { name: 'User Story', states: [NEW, ACTIVE, RESOLVED, CLOSED, REMOVED] },
  { name: 'Feature', states: [NEW, ACTIVE, RESOLVED, CLOSED, REMOVED] },
  { name: 'Epic', states: [NEW, ACTIVE, RESOLVED, CLOSED, REMOVED] },
  { name: 'Issue', states: [ACTIVE, CLOSED] },
]

/** Fields that the service sets itself; a change of one is refused. */
export const READ_ONLY_FIELDS: ReadonlySet<string> = new Set([
  'System.Id',
  'System.Rev',
  'System.TeamProject',
  'System.CreatedDate',
  'System.CreatedBy',
  'System.ChangedDate',
  'System.ChangedBy',
  'System.Watermark',
  'System.CommentCount',
])

/** Fields that hold a person. */
export const PERSON_FIELDS: ReadonlySet<string> = new Set([
  'System.AssignedTo',
  'System.CreatedBy',
  'System.ChangedBy',
  'Microsoft.VSTS.Common.ActivatedBy',
  'Microsoft.VSTS.Common.ResolvedBy',
  'Microsoft.VSTS.Common.ClosedBy',
])

/** Fields that hold a time. */
export const DATE_FIELDS: ReadonlySet<string> = new Set([
  'System.CreatedDate',
  'System.ChangedDate',
  'Microsoft.VSTS.Common.StateChangeDate',
  'Microsoft.VSTS.Common.ActivatedDate',
  'Microsoft.VSTS.Common.ResolvedDate',
  'Microsoft.VSTS.Common.ClosedDate',
  'Microsoft.VSTS.Scheduling.DueDate',
  'Microsoft.VSTS.Scheduling.TargetDate',
  'Microsoft.VSTS.Scheduling.StartDate',
  'Microsoft.VSTS.Scheduling.FinishDate',
])

const OTHER_FIELDS = [
  'System.WorkItemType',
  'System.State',
  'System.Reason',
  'System.Title',
  'System.Description',
  'System.History',
  'System.Tags',
  'System.AreaPath',
  'System.AreaId',
  'System.IterationPath',
  'System.IterationId',
  'System.Parent',
  'System.BoardColumn',
  'System.BoardLane',
  'Microsoft.VSTS.TCM.ReproSteps',
  'Microsoft.VSTS.TCM.SystemInfo',
  'Microsoft.VSTS.Common.AcceptanceCriteria',
  'Microsoft.VSTS.Common.Activity',
  'Microsoft.VSTS.Common.Priority',
  'Microsoft.VSTS.Common.Risk',
  'Microsoft.VSTS.Common.Severity',
  'Microsoft.VSTS.Common.StackRank',
  'Microsoft.VSTS.Common.ValueArea',
  'Microsoft.VSTS.Common.ResolvedReason',
  'Microsoft.VSTS.Build.FoundIn',
  'Microsoft.VSTS.Build.IntegrationBuild',
  'Microsoft.VSTS.Scheduling.Effort',
  'Microsoft.VSTS.Scheduling.StoryPoints',
  'Microsoft.VSTS.Scheduling.OriginalEstimate',
  'Microsoft.VSTS.Scheduling.RemainingWork',
  'Microsoft.VSTS.Scheduling.CompletedWork',
]

/** Every field that work items have, by its reference name in the case that the service uses. */
export const FIELDS: readonly string[] = [
  ...new Set([...READ_ONLY_FIELDS, ...PERSON_FIELDS, ...DATE_FIELDS, ...OTHER_FIELDS]),
]

/** Links between two work items, and what the other end is called. */
export const REVERSE_LINKS: Readonly<Record<string, string>> = {
  'System.LinkTypes.Hierarchy-Forward': 'System.LinkTypes.Hierarchy-Reverse',
  'System.LinkTypes.Hierarchy-Reverse': 'System.LinkTypes.Hierarchy-Forward',
  'System.LinkTypes.Dependency-Forward': 'System.LinkTypes.Dependency-Reverse',
  'System.LinkTypes.Dependency-Reverse': 'System.LinkTypes.Dependency-Forward',
  'System.LinkTypes.Duplicate-Forward': 'System.LinkTypes.Duplicate-Reverse',
  'System.LinkTypes.Duplicate-Reverse': 'System.LinkTypes.Duplicate-Forward',
  'System.LinkTypes.Related': 'System.LinkTypes.Related',
}

/** Links to what is no work item. */
export const RESOURCE_LINKS: ReadonlySet<string> = new Set(['ArtifactLink', 'Hyperlink', 'AttachedFile'])
