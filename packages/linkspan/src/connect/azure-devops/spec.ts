import type { ConnectorSpec, OperationSpec, OptionSpec, SourceSpec } from '../connector.ts'

const POLL: readonly OptionSpec[] = [
  {
    name: 'name',
    type: 'string',
    default: 'what it polls',
    summary: 'Readable, unique within the connection.',
  },
  { name: 'project', type: 'string', default: 'the bound one', summary: 'The project.' },
  { name: 'every', type: 'Duration', default: '1m', summary: 'From one look to the next.' },
  { name: 'since', type: 'ISO 8601', default: 'everything', summary: 'The earliest change that counts.' },
]

const SOURCES: readonly SourceSpec[] = [
  {
    name: 'serviceHook',
    kind: 'push',
    summary: 'Events of work items, Git, builds and pipelines, as Azure DevOps tells them: for `route.post`.',
  },
  {
    name: 'poll.workItemRevisions',
    kind: 'poll',
    summary: 'Every revision of every work item once.',
    options: POLL,
  },
  { name: 'poll.pushes', kind: 'poll', summary: 'Each push of a repository once.', options: POLL },
  {
    name: 'poll.openedPullRequests',
    kind: 'poll',
    summary: 'Each pull request once, as it was opened.',
    options: POLL,
  },
  {
    name: 'poll.completedPullRequests',
    kind: 'poll',
    summary: 'Each pull request once, as it was completed.',
    options: POLL,
  },
  {
    name: 'poll.completedBuilds',
    kind: 'poll',
    summary: 'Each build once, as it was completed.',
    options: POLL,
  },
]

const natural = (name: string, summary: string): OperationSpec => ({ name, summary, guarantees: ['natural'] })
const verify = (name: string, summary: string): OperationSpec => ({ name, summary, guarantees: ['verify'] })

const OPERATIONS: readonly OperationSpec[] = [
  natural('workItems.get', 'Reads a work item; calls of many messages become one request of up to 200.'),
  natural('workItems.getMany', 'Reads work items, 200 a request.'),
  verify('workItems.create', 'Makes a work item that bears the mark of the call.'),
  verify(
    'workItems.update',
    'Changes fields, tags and links, by a revision test if wanted; calls of many messages become one `$batch` of up to 200.',
  ),
  natural('workItems.link', 'Makes a link, unless it is there.'),
  natural('workItems.remove', 'Moves a work item to the recycle bin.'),
  natural('workItems.query', 'Finds work items by WIQL.'),
  natural('workItems.linkedTo', 'The work items that are linked with artifacts.'),
  natural('workItems.updates', 'What each change of a work item did.'),
  natural('workItems.comments', 'The comments of a work item.'),
  verify('workItems.comment', 'Adds a comment that bears the mark of the call.'),
  natural('workItems.upload', 'Uploads a file to be linked.'),
  natural('git.repositories', 'The repositories of a project.'),
  natural('git.repository', 'A repository.'),
  natural('git.refs', 'Branches and tags.'),
  verify('git.updateRef', 'Makes, moves or deletes a ref, if it points where it should.'),
  natural('git.commits', 'The commits of a branch.'),
  natural('git.commit', 'A commit.'),
  natural('git.pushes', 'The pushes to a repository.'),
  natural('git.push', 'A push with its commits.'),
  verify('git.pushChanges', 'Pushes one commit whose comment bears the mark of the call.'),
  natural('git.statuses', 'The statuses of a commit.'),
  natural('git.postStatus', 'Posts a status on a commit; the latest of a context counts.'),
  natural('pullRequests.list', 'The pull requests of a project or repository.'),
  natural('pullRequests.get', 'A pull request.'),
  verify('pullRequests.create', 'Opens a pull request whose description bears the mark of the call.'),
  natural('pullRequests.update', 'Changes title, description, draft or abandons it.'),
  verify('pullRequests.complete', 'Completes a pull request.'),
  natural('pullRequests.workItems', 'The work items of a pull request.'),
  natural('pullRequests.commits', 'The commits of a pull request.'),
  natural('pullRequests.threads', 'The threads of a pull request.'),
  verify('pullRequests.createThread', 'Begins a thread that has the mark of the call as a property.'),
  verify('pullRequests.reply', 'Answers in a thread.'),
  natural('pullRequests.setThreadStatus', 'Resolves a thread, or takes it up again.'),
  natural('pullRequests.statuses', 'The statuses of a pull request.'),
  natural('pullRequests.postStatus', 'Posts a status on a pull request; the latest of a context counts.'),
  natural('pullRequests.policies', 'The branch policies of a project.'),
  natural('pullRequests.policyStatus', 'How the policies stand with a pull request.'),
  natural('builds.definitions', 'The pipelines of a project in the words of the Build API.'),
  natural('builds.definition', 'A pipeline.'),
  natural('builds.list', 'Builds, with the token for those behind them.'),
  natural('builds.get', 'A build.'),
  verify('builds.queue', 'Queues a build that has the mark of the call as a variable.'),
  natural('builds.cancel', 'Cancels a build.'),
  natural('builds.timeline', 'The stages, jobs and tasks of a build.'),
  natural('builds.logs', 'The logs of a build.'),
  natural('builds.log', 'A log as text.'),
  natural('builds.artifacts', 'The artifacts of a build.'),
  natural('builds.changes', 'The commits of a build.'),
  natural('builds.workItems', 'The work items of a build.'),
  natural('builds.tags', 'The tags of a build.'),
  natural('builds.addTag', 'Tags a build.'),
  natural('builds.removeTag', 'Takes a tag from a build.'),
  natural('builds.pipelines', 'The pipelines of a project in the words of the Pipelines API.'),
  natural('builds.run', 'A run of a pipeline.'),
  natural('subscriptions.list', 'The subscriptions to events.'),
  natural('subscriptions.enable', 'Switches a subscription on again.'),
]

/** What the connector says of itself. */
export const azureDevOpsSpec: ConnectorSpec = {
  summary: 'Work items, Git, pull requests, builds and service hooks of Azure DevOps.',
  stability: 'experimental',
  options: [
    {
      name: 'organization',
      type: 'string',
      summary: 'The name of the organization, as in `https://dev.azure.com/acme`.',
    },
    {
      name: 'baseUrl',
      type: 'URL',
      summary: 'The organization or the collection of an Azure DevOps Server, instead of `organization`.',
    },
    {
      name: 'project',
      type: 'string',
      summary: 'The project that operations mean where their input names none.',
    },
    {
      name: 'auth',
      type: 'pat(…) | entra(…) | bearer(…)',
      summary:
        'Who we are. Give a personal access token the scopes of the operations that are used, and no others.',
      secret: true,
    },
    {
      name: 'timeout',
      type: 'Duration',
      default: "the call's time limit",
      summary: 'The longest silence: until the head of the reply, and between two pieces of its body.',
    },
    {
      name: 'connectTimeout',
      type: 'Duration',
      default: '10s',
      summary: 'How long making a connection may take.',
    },
    { name: 'connections', type: '1 … 10000', default: '64', summary: 'The most open connections.' },
    { name: 'keepAlive', type: 'Duration', default: '4s', summary: 'How long an unused connection is kept.' },
    {
      name: 'replyLimit',
      type: 'bytes',
      default: '10485760',
      summary: 'The most bytes of the body of a reply.',
    },
    { name: 'tls', type: 'HttpTls', summary: 'As of the HTTP connector, for an Azure DevOps Server.' },
  ],
  sources: SOURCES,
  operations: OPERATIONS,
}
