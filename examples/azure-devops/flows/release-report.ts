import { exponential, flow, inbox, retry } from 'linkspan'
import type { Build, PullRequest, WorkItem } from 'linkspan/azure-devops'
import { azure, say } from '../systems.ts'

/** What a report is to be about. */
export interface ReportRequest {
  readonly repository: string
  readonly release: string
  /** The time of the release before, in ISO 8601. */
  readonly since: string
}

/**
 * E4. A report of a release across all three: the pull requests that were completed since the one before, the work items that they settle, and
 * the builds; as a message to the chat, and as the reply to who asked for it.
 */
export const releaseReport = flow('release report', {
  summary: 'Reports the pull requests, work items and builds of a release to the chat.',
  onError: retry({ attempts: 20, backoff: exponential('1s', '5m') }),
})
  .from(inbox<ReportRequest>(), {
    key: ({ repository }) => repository,
    dedupe: ({ repository, release }) => `${repository} ${release}`,
  })
  .call('pull requests', azure.pullRequests.list, {
    input: ({ repository, since }) => ({
      repository,
      since,
      status: 'completed' as const,
      closed: true,
      top: 1_000,
    }),
    as: 'pulls',
  })
  .split(
    'each',
    ({ repository }, { pulls }) => pulls.map(({ pullRequestId }) => ({ repository, pullRequestId })),
    (pull) =>
      pull
        .call('work items', azure.pullRequests.workItems, { input: (body) => body })
        .map('ids', (linked) => linked.map(({ id }) => Number(id))),
    { join: 'collect', as: 'linked' },
  )
  .call('work items', azure.workItems.getMany, {
    input: (_body, { linked }) => ({
      ids: [...new Set(linked.flat())].sort((a, b) => a - b),
      fields: ['System.Title', 'System.State', 'System.WorkItemType'],
    }),
    as: 'items',
  })
  .call('builds', azure.builds.list, { input: ({ since }) => ({ since, top: 1_000 }), as: 'builds' })
  .map('report', ({ release }, { pulls, items, builds }) => reportOf(release, pulls, items, builds.builds))
  .to('tell the chat', say, { input: (text) => ({ text }), onUnknown: 'inDoubt' })
  .reply('answer', (text) => text)

function reportOf(
  release: string,
  pulls: readonly PullRequest[],
  items: readonly WorkItem[],
  builds: readonly Build[],
): string {
  const failed = builds.filter(({ result }) => result === 'failed').length
  const lines = items.map(
    ({ id, fields }) =>
      `- ${fields['System.WorkItemType']} ${id}: ${fields['System.Title']} (${fields['System.State']})`,
  )
  const open = items.filter(({ fields }) => !['Closed', 'Resolved'].includes(fields['System.State'] ?? ''))
  return [
    `Release ${release}: ${pulls.length} pull requests, ${items.length} work items, ${builds.length} builds (${failed} failed)`,
    ...lines,
    ...(open.length === 0 ? [] : [`Still open: ${open.map(({ id }) => id).join(', ')}`]),
  ].join('\n')
}
