import { exponential, flow, retry, route } from 'linkspan'
import {
  type Build,
  eventId,
  NO_OBJECT,
  type PullRequest,
  type Push,
  type StatusState,
} from 'linkspan/azure-devops'
import { azure, CONTEXT, hook, movedBuilds, type WantedBuild, wantedBuilds } from '../systems.ts'
import { lineOf } from './broken-build.ts'

function pushed({ repository, refUpdates = [] }: Push): readonly WantedBuild[] {
  return refUpdates
    .filter(({ name, newObjectId }) => name.startsWith('refs/heads/') && newObjectId !== NO_OBJECT)
    .map(({ name, newObjectId }) => ({
      repository: repository.id,
      repositoryName: repository.name,
      refName: name,
      commitId: newObjectId,
      pullRequestId: null,
    }))
}

function proposed(pull: PullRequest): readonly WantedBuild[] {
  const commitId = pull.lastMergeCommit?.commitId
  if (pull.status !== 'active' || commitId === undefined) return []
  const { id: repository, name: repositoryName } = pull.repository
  const refName = `refs/pull/${pull.pullRequestId}/merge`
  return [{ repository, repositoryName, refName, commitId, pullRequestId: pull.pullRequestId }]
}

/** Hears of pushes, and of pull requests that are opened or pushed to. */
export const hearOfCode = flow('hear of code', { summary: 'Hears of commits that are to be built.' })
  .from(route.post('/hooks/code', hook('git.push', 'git.pullrequest.created', 'git.pullrequest.updated')), {
    dedupe: eventId,
    key: ({ resource }) => resource.repository.id,
  })
  .split(
    'commits',
    ({ eventType, resource }) =>
      eventType === 'git.push' ? pushed(resource as Push) : proposed(resource as PullRequest),
    (commit) => commit.publish('wanted', wantedBuilds),
  )

/** Builds are of a commit on a branch: told twice, it is built once. */
const identityOf = ({ repository, refName, commitId }: WantedBuild): string =>
  `${repository} ${refName} ${commitId}`

/**
 * E3. A commit that is pushed, or that a pull request would merge, is built by the pipeline that is called like its repository with `CI`
 * behind it; its status follows the build.
 */
export const queueBuilds = flow('queue builds', {
  summary: 'Queues a build of a commit, once.',
  onError: retry({ attempts: 20, backoff: exponential('1s', '5m') }),
})
  .from(wantedBuilds, { key: identityOf, index: { commit: ({ commitId }) => commitId } })
  .dedupe('once', { by: identityOf, remember: 'done', for: '365d' })
  .call('pipelines', azure.builds.definitions, {
    input: ({ repositoryName }) => ({ name: `${repositoryName} CI` }),
    as: 'pipelines',
  })
  .filter('has a pipeline', (_body, { pipelines }) => pipelines.length > 0)
  .call('queue', azure.builds.queue, {
    input: ({ refName, commitId }, { pipelines }) => ({
      definition: pipelines[0]?.id ?? 0,
      sourceBranch: refName,
      sourceVersion: commitId,
    }),
    as: 'build',
  })
  .publish('queued', movedBuilds, {
    body: (_commit, { build }) => ({ buildId: build.id, of: lineOf(build) }),
  })

const STATES: Readonly<Record<string, StatusState>> = {
  succeeded: 'succeeded',
  partiallySucceeded: 'succeeded',
  failed: 'failed',
  canceled: 'error',
}

function statusOf(build: Build) {
  const state: StatusState =
    build.status === 'completed' ? (STATES[build.result ?? ''] ?? 'error') : 'pending'
  const targetUrl = build._links?.web?.href
  return {
    state,
    description: `${build.definition.name} ${build.buildNumber}: ${build.result ?? build.status}`,
    context: CONTEXT,
    ...(targetUrl === undefined ? {} : { targetUrl }),
  }
}

const PULL = /^refs\/pull\/(\d+)\/merge$/

/**
 * E3. How a build is goes to its commit or pull request: it is read right before, so that one that ends quickly is not called pending by a
 * message that comes late.
 */
export const writeStatus = flow('write status', {
  summary: 'Writes how a build is on its commit or pull request.',
  onError: retry({ attempts: 20, backoff: exponential('1s', '5m') }),
})
  .from(movedBuilds, { key: ({ of }) => of, index: { build: ({ buildId }) => buildId } })
  .call('build', azure.builds.get, { input: ({ buildId }) => ({ buildId }) })
  .filter('of our Git', ({ repository }) => repository?.type === 'TfsGit')
  .dedupe('once', { by: ({ id, status }) => `${id} ${status}`, remember: 'done', for: '365d' })
  .choice('where', (c) =>
    c
      .when(
        'pull request',
        ({ sourceBranch }) => PULL.test(sourceBranch),
        (pull) =>
          pull.to('on the pull request', azure.pullRequests.postStatus, {
            input: (build) => ({
              repository: build.repository?.id ?? '',
              pullRequestId: Number(PULL.exec(build.sourceBranch)?.[1]),
              ...statusOf(build),
            }),
          }),
      )
      .otherwise((commit) =>
        commit.to('on the commit', azure.git.postStatus, {
          input: (build) => ({
            repository: build.repository?.id ?? '',
            commitId: build.sourceVersion,
            ...statusOf(build),
          }),
        }),
      ),
  )
