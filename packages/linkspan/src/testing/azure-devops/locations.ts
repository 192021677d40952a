/** Resource, what is below it, and the id under which clients look it up; the ids are those of Microsoft's client. */
type Location = readonly [id: string, resource: string, below: string]

const PULL = 'repositories/{repositoryId}/pullRequests/{pullRequestId}'
const BUILD = 'builds/{buildId}'

/** Where resources are found, by area. `*` stands for the resource's own name. */
const LOCATIONS: Readonly<Record<string, readonly Location[]>> = {
  location: [['e81700f7-3be2-46de-8624-2eb35882fcaa', 'resourceAreas', '*/{areaId}']],
  wit: [
    ['72c7ddf8-2cdc-4f60-90cd-ab71c14a399b', 'workItems', '*/{id}'],
    ['62d3d110-0047-428c-ad3c-4fe872c91c74', 'workItems', `*/\${type}`],
    ['908509b6-4248-4475-a1cd-829139ba419f', 'workItemsBatch', '*'],
    ['1a9c53f7-f243-4447-b110-35ef023636e4', 'wiql', '*'],
    ['a00c85a5-80fa-4565-99c3-bcd2181434bb', 'revisions', 'workItems/{id}/*/{revisionNumber}'],
    ['6570bf97-d02c-4a91-8d93-3abe9895b1a9', 'updates', 'workItems/{id}/*/{updateNumber}'],
    ['608aac0a-32e1-4493-a863-b9cf4566d257', 'comments', 'workItems/{workItemId}/*/{commentId}'],
    ['e07b5fa4-1499-494d-a496-64b860fd64ff', 'attachments', '*/{id}'],
    ['f828fe59-dd87-495d-a17c-7a8d6211ca6c', 'workItemRevisions', 'reporting/*'],
    ['a9a9aa7a-8c09-44d3-ad1b-46e855c1e3d3', 'artifactUriQuery', '*'],
    ['b70d8d39-926c-465e-b927-b1bf0e5ca0e0', 'recyclebin', '*/{id}'],
    ['7c8d7a76-4a09-43e8-b5df-bd792f4ac6aa', 'workItemTypes', '*/{type}'],
    ['b51fd764-e5c2-4b9b-aaf7-3395cf4bdd94', 'fields', '*/{fieldNameOrRefName}'],
  ],
  git: [
    ['225f7195-f9c7-4d14-ab28-a83f7ff77e1f', 'repositories', '*/{repositoryId}'],
    ['2d874a60-a811-4f62-9c9f-963a6ea0a55b', 'refs', 'repositories/{repositoryId}/*'],
    ['c2570c3b-5b3f-41b8-98bf-5407bfde8d58', 'commits', 'repositories/{repositoryId}/*/{commitId}'],
    ['428dd4fb-fda5-4722-af02-9313b80305da', 'statuses', 'repositories/{repositoryId}/commits/{commitId}/*'],
    ['ea98d07b-3c87-4971-8ede-a613694ffb55', 'pushes', 'repositories/{repositoryId}/*/{pushId}'],
    ['9946fd70-0d40-406e-b686-b4744cbbcc37', 'pullRequests', 'repositories/{repositoryId}/*/{pullRequestId}'],
    ['01a46dea-7d46-4d40-bc84-319e7c260d99', 'pullRequests', '*/{pullRequestId}'],
    ['a5d28130-9cd2-40fa-9f08-902e7daa9efb', 'pullRequests', '*'],
    ['0a637fcc-5370-4ce8-b0e8-98091f5f9482', 'workitems', `${PULL}/*`],
    ['52823034-34a8-4576-922c-8d8b77e9e4c4', 'commits', `${PULL}/*`],
    ['ab6e2e5d-a0b7-4153-b64a-a4efe0d49449', 'threads', `${PULL}/*/{threadId}`],
    ['965a3ec7-5ed8-455a-bdcb-835a5ea7fe7b', 'comments', `${PULL}/threads/{threadId}/*/{commentId}`],
    ['b5f6bb4f-8d1e-4d79-8d11-4c9172c99c35', 'statuses', `${PULL}/*/{statusId}`],
    ['4b6702c7-aa35-4b89-9c96-b9abf6d3e540', 'reviewers', `${PULL}/*/{reviewerId}`],
    ['f22387e3-984e-4c52-9c6d-fbb8f14c812d', 'labels', `${PULL}/*/{labelIdOrName}`],
    ['48a52185-5b9e-4736-9dc1-bb1e2feac80b', 'properties', `${PULL}/*`],
  ],
  policy: [
    ['dad91cbe-d183-45f8-9c6e-9c1164472121', 'configurations', '*/{configurationId}'],
    ['c23ddff5-229c-4d04-a80b-0fdce9f360c8', 'evaluations', '*'],
    ['46aecb7a-5d2c-4647-897b-0209505a9fe4', 'evaluations', '*/{evaluationId}'],
  ],
  build: [
    ['dbeaf647-6167-421a-bda9-c9327b25e2e6', 'definitions', '*/{definitionId}'],
    ['0cd358e1-9217-4d94-8269-1c1ee6f93dcf', 'builds', '*/{buildId}'],
    ['8baac422-4c6e-4de5-8532-db96d92acffa', 'timeline', `${BUILD}/*/{timelineId}`],
    ['35a80daf-7f30-45fc-86e8-6b813d9c90df', 'logs', `${BUILD}/*/{logId}`],
    ['1db06c96-014e-44e1-ac91-90b2d4b3e984', 'artifacts', `${BUILD}/*`],
    ['54572c7b-bbd3-45d4-80dc-28be08941620', 'changes', `${BUILD}/*`],
    ['5a21f5d2-5642-47e4-a0bd-1356e6731bee', 'workitems', `${BUILD}/*`],
    ['6e6114b2-8161-44c8-8f6c-c5505782427f', 'tags', `${BUILD}/*/{tag}`],
  ],
  pipelines: [
    ['28e1305e-2afe-47bf-abaf-cbb0e6a91988', 'pipelines', '{pipelineId}'],
    ['7859261e-d2e9-4a68-b820-a5d84cc5bb3d', 'runs', '{pipelineId}/*/{runId}'],
  ],
}

/** What clients are told who ask where the resources of an area are. */
export function locationsAnswer(area: string): object {
  const value = (LOCATIONS[area.toLowerCase()] ?? []).map(([id, resourceName, below]) => ({
    id,
    area,
    resourceName,
    // What clients ask first lies beside the areas.
    routeTemplate: `${area.toLowerCase() === 'location' ? '_apis' : '{project}/_apis/{area}'}/${below.replace('*', '{resource}')}`,
    resourceVersion: 7,
    minVersion: '1.0',
    maxVersion: '7.2',
    releasedVersion: '7.1',
  }))
  return { count: value.length, value }
}
