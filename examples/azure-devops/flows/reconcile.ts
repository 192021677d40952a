import { exponential, flow, retry } from 'linkspan'
import { schedule } from 'linkspan/schedule'
import { azure, CONTEXT, mergedPulls, movedBuilds, wantedBuilds } from '../systems.ts'
import { lineOf } from './broken-build.ts'

const DAY_MS = 86_400_000
/** Azure DevOps gives a subscriber up after 36 hours; two nights are looked back on, so that one may be missed. */
const LOOK_BACK_MS = 3 * DAY_MS

/**
 * E4. Every night what a lost event may have left behind is looked for, and told to the flows that it was meant for. They know what they have
 * done, and look at how things are now, so that nothing is done twice. Subscriptions that failures have switched off are switched
 * on again.
 */
export const reconcile = flow('reconcile', {
  summary: 'Finds what lost events have left behind, every night.',
  onError: retry({ attempts: 20, backoff: exponential('1s', '5m') }),
})
  .from(schedule('0 3 * * *'))
  .map('since', ({ scheduledAt }) => new Date(Date.parse(scheduledAt) - LOOK_BACK_MS).toISOString())
  .call('subscriptions', azure.subscriptions.list, { input: () => ({}), as: 'subscriptions' })
  .split(
    'switched off',
    (_since, { subscriptions }) =>
      subscriptions.filter(({ status }) => status === 'onProbation' || status === 'disabledBySystem'),
    (one) => one.to('switch on', azure.subscriptions.enable, { input: ({ id }) => ({ subscriptionId: id }) }),
  )
  .call('pull requests', azure.pullRequests.list, {
    input: (since) => ({ since, status: 'completed' as const, closed: true, top: 1_000 }),
    as: 'pulls',
  })
  .split(
    'merged',
    (_since, { pulls }) =>
      pulls.map(({ repository, pullRequestId }) => ({ repository: repository.id, pullRequestId })),
    (pull) => pull.publish('merged', mergedPulls),
  )
  .call('repositories', azure.git.repositories, { input: () => ({}), as: 'repositories' })
  .split(
    'each repository',
    (_since, { repositories }) => repositories,
    (repository) =>
      repository
        .call('branches', azure.git.refs, {
          input: ({ id }) => ({ repository: id, filter: 'heads/' }),
          as: 'branches',
        })
        .split(
          'each branch',
          ({ id, name }, { branches }) =>
            branches.map((branch) => ({
              repository: id,
              repositoryName: name,
              refName: branch.name,
              commitId: branch.objectId,
              pullRequestId: null,
            })),
          (branch) =>
            branch
              .call('statuses', azure.git.statuses, {
                input: ({ repository: given, commitId }) => ({ repository: given, commitId }),
                as: 'statuses',
              })
              .filter('not ours yet', (_branch, { statuses }) =>
                statuses.every(
                  ({ context }) => context.genre !== CONTEXT.genre || context.name !== CONTEXT.name,
                ),
              )
              .publish('wanted', wantedBuilds),
        ),
  )
  .call('builds', azure.builds.list, {
    input: (since) => ({
      since,
      status: 'completed' as const,
      order: 'finishTimeAscending' as const,
      top: 5_000,
    }),
    as: 'builds',
  })
  .split(
    'completed',
    (_since, { builds }) => builds.builds.map((build) => ({ buildId: build.id, of: lineOf(build) })),
    (build) => build.publish('ended', movedBuilds),
  )
