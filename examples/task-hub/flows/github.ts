import { exponential, flow, type Json, LinkspanError, retry, secret } from 'linkspan'
import { githubSignature, hmac, type RouteInput, route } from 'linkspan/serve'
import { settings } from '../settings.ts'
import { putTask } from '../systems/board.ts'
import { reportBug } from '../systems/bugs.ts'
import { say, whenUnknown } from '../systems/chat.ts'
import {
  checkRunEvent,
  checkSuiteEvent,
  issueEvent,
  keyOfEvent,
  pullRequestEvent,
  releaseEvent,
  repositoryOf,
  workflowRunEvent,
} from './github-event.ts'
import { failureOf, isRelease, isTask, isWork, releaseOf, taskOf } from './github-work.ts'
import { taskChanges } from './task-changes.ts'

const EVENT = 'x-github-event'
const DELIVERY = 'x-github-delivery'
// What GitHub itself sends at most.
const LARGEST_BODY = 25 * 1024 * 1024

const secrets = { secret: secret('GITHUB_WEBHOOK_SECRET') }
const webhooks = route.post('/webhooks/github', {
  auth:
    settings.unsafe === 'no-dedupe'
      ? hmac({ ...secrets, header: 'x-hub-signature-256', prefix: 'sha256=' })
      : githubSignature(secrets),
  headers: [EVENT, DELIVERY],
  bodyLimit: LARGEST_BODY,
  input: withEvent,
})

/**
 * GitHub's webhooks: issues and pull requests become tasks on the board, releases and assignments messages to the
 * chat, failed checks bugs. Whatever else comes is filtered.
 */
export const github = flow('github', {
  summary: 'Turns GitHub webhooks into tasks, chat messages and bugs.',
  onError: retry({ attempts: 60, backoff: exponential('500ms', '1s') }),
  // The chat does not take more calls than this at once.
  concurrency: 48,
})
  .from(webhooks, {
    key: (payload, { headers }) => keyOfEvent(headers[EVENT] ?? '', payload),
    index: { repository: repositoryOf },
  })
  .choice('by event', (choice) =>
    choice
      .when('issue', is('issues'), (event) =>
        event
          .validate('an issue event', issueEvent)
          .map('issue', (issue, { headers }) => taskOf(issue.issue, issue, headers[DELIVERY])),
      )
      .when('pull request', is('pull_request'), (event) =>
        event
          .validate('a pull request event', pullRequestEvent)
          .map('pull request', (pull, { headers }) => taskOf(pull.pull_request, pull, headers[DELIVERY])),
      )
      .when('release', is('release'), (event) =>
        event
          .validate('a release event', releaseEvent)
          .map('release', (release, { headers }) => releaseOf(release, headers[DELIVERY])),
      )
      .when('check run', is('check_run'), (event) =>
        event
          .validate('a check run event', checkRunEvent)
          .map('check run', (run, { headers }) => failureOf(run.check_run, run, headers[DELIVERY])),
      )
      .when('check suite', is('check_suite'), (event) =>
        event
          .validate('a check suite event', checkSuiteEvent)
          .map('check suite', (suite, { headers }) => failureOf(suite.check_suite, suite, headers[DELIVERY])),
      )
      .when('workflow run', is('workflow_run'), (event) =>
        event
          .validate('a workflow run event', workflowRunEvent)
          .map('workflow run', (run, { headers }) => failureOf(run.workflow_run, run, headers[DELIVERY])),
      )
      .otherwise((event) => event.map('anything else', () => null)),
  )
  .filter('of interest', isWork)
  .choice('what it leads to', (choice) =>
    choice
      .when('task', isTask, (work) =>
        work
          .to('board', putTask, { input: ({ task }) => task })
          .publish('changed', taskChanges, { body: ({ task }) => task })
          .choice('assigned', (assigned) =>
            assigned.when(
              'assigned',
              ({ news }) => news !== null,
              (told) =>
                told.to('tell the chat', say, {
                  input: ({ news }) => ({ channel: 'tasks', text: news ?? '' }),
                  onUnknown: whenUnknown,
                }),
            ),
          ),
      )
      .when('release', isRelease, (work) =>
        work.to('announce', say, {
          input: ({ news }) => ({ channel: 'releases', text: news }),
          onUnknown: whenUnknown,
        }),
      )
      .otherwise((work) => work.to('report', reportBug, { input: ({ bug }) => bug })),
  )

function is(
  event: string,
): (payload: Json, context: { headers: Readonly<Record<string, string>> }) => boolean {
  return (_payload, { headers }) => headers[EVENT] === event
}

/** The payload, if the delivery says of which event it is. */
function withEvent({ body, headers }: RouteInput): Json {
  if (headers[EVENT]) return body
  throw new LinkspanError('BODY_INVALID', 'The header X-GitHub-Event is missing, which names the event.')
}
