import { exponential, flow, retry, route } from 'linkspan'
import { eventId, mentionedWorkItems, pullRequestLink, type WorkItem } from 'linkspan/azure-devops'
import { azure, hook, mergedPulls } from '../systems.ts'

/** Hears of pull requests. A merge is also tried while one is open, so its status decides. */
export const hearOfMerges = flow('hear of merges', { summary: 'Hears which pull requests were completed.' })
  .from(route.post('/hooks/pull-requests', hook('git.pullrequest.merged', 'git.pullrequest.updated')), {
    dedupe: eventId,
    key: ({ resource }) => `${resource.repository.id}/${resource.pullRequestId}`,
    index: { pullRequest: ({ resource }) => resource.pullRequestId },
  })
  .filter('completed', ({ resource }) => resource.status === 'completed')
  .publish('merged', mergedPulls, {
    body: ({ resource }) => ({ repository: resource.repository.id, pullRequestId: resource.pullRequestId }),
  })

/** Where a work item goes when its pull request is merged, by the states of the Agile process. */
function stateAfterMerge({ fields }: WorkItem): string | null {
  const state = fields['System.State'] ?? ''
  const target = fields['System.WorkItemType'] === 'Task' ? 'Closed' : 'Resolved'
  return ['New', 'Active'].includes(state) ? target : null
}

/**
 * E1. The work items that a merged pull request is linked with or mentions, in its title, description or commits, are linked with it and
 * moved on. Each pull request is done once: a work item that a person opens again later stays open.
 */
export const settleMerges = flow('settle merges', {
  summary: 'Links a merged pull request with its work items, and moves them on.',
  onError: retry({ attempts: 20, backoff: exponential('1s', '5m') }),
})
  .from(mergedPulls, {
    key: ({ repository, pullRequestId }) => `${repository}/${pullRequestId}`,
    index: { pullRequest: ({ pullRequestId }) => pullRequestId },
  })
  .dedupe('once', {
    by: ({ repository, pullRequestId }) => `${repository}/${pullRequestId}`,
    remember: 'done',
    for: '365d',
  })
  .call('pull request', azure.pullRequests.get, { input: (body) => body, as: 'pull' })
  .filter('completed', (_body, { pull }) => pull.status === 'completed')
  .call('linked', azure.pullRequests.workItems, { input: (body) => body, as: 'linked' })
  .call('commits', azure.pullRequests.commits, { input: (body) => body, as: 'commits' })
  .call('work items', azure.workItems.getMany, {
    input: (_body, { pull, linked, commits }) => ({
      ids: [
        ...new Set([
          ...linked.map(({ id }) => Number(id)),
          ...[pull.title, pull.description, ...commits.map(({ comment }) => comment)].flatMap(
            mentionedWorkItems,
          ),
        ]),
      ],
      fields: ['System.State', 'System.WorkItemType'],
    }),
    as: 'items',
  })
  .split(
    'each',
    (_body, { items, pull }) =>
      items.map((item) => ({ id: item.id, state: stateAfterMerge(item), link: pullRequestLink(pull) })),
    (item) =>
      item
        .to('link', azure.workItems.link, { input: ({ id, link }) => ({ id, ...link }) })
        .filter('to be moved', ({ state }) => state !== null)
        .to('move', azure.workItems.update, {
          input: ({ id, state }) => ({ id, fields: { 'System.State': state } }),
        }),
  )
