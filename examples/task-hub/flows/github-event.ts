import { z } from 'zod'

/** An ISO date and time as GitHub writes it. */
const when = z.iso.datetime({ offset: true })

const repository = z.looseObject({ full_name: z.string().min(1) })
const person = z.looseObject({ login: z.string() })

const task = z.looseObject({
  number: z.int(),
  title: z.string(),
  // Some examples (deleted and transferred issues) have no state.
  state: z.string().nullish(),
  html_url: z.string(),
  updated_at: when,
})

/** An `issues` event. */
export const issueEvent = z.looseObject({
  action: z.string(),
  issue: task,
  assignee: person.nullish(),
  repository,
})

/** A `pull_request` event. */
export const pullRequestEvent = z.looseObject({
  action: z.string(),
  pull_request: task,
  assignee: person.nullish(),
  repository,
})

/** A `release` event. */
export const releaseEvent = z.looseObject({
  action: z.string(),
  release: z.looseObject({ tag_name: z.string(), html_url: z.string() }),
  repository,
})

const check = z.looseObject({
  head_sha: z.string(),
  conclusion: z.string().nullish(),
  name: z.string().nullish(),
})

/** A `check_run` event. */
export const checkRunEvent = z.looseObject({ action: z.string(), check_run: check, repository })
/** A `check_suite` event. */
export const checkSuiteEvent = z.looseObject({ action: z.string(), check_suite: check, repository })
/** A `workflow_run` event. */
export const workflowRunEvent = z.looseObject({ action: z.string(), workflow_run: check, repository })

/** Any other event: nothing is required of it, because nothing is done with it. */
export const otherEvent = z.looseObject({})

/** The schema of each event that leads to something, by the name in `X-GitHub-Event`. */
export const GITHUB_EVENTS = {
  issues: issueEvent,
  pull_request: pullRequestEvent,
  release: releaseEvent,
  check_run: checkRunEvent,
  check_suite: checkSuiteEvent,
  workflow_run: workflowRunEvent,
} as const

/** The schema of an event by its name. */
export function schemaOf(githubEvent: string): z.ZodType<Record<string, unknown>> {
  return Object.hasOwn(GITHUB_EVENTS, githubEvent)
    ? GITHUB_EVENTS[githubEvent as keyof typeof GITHUB_EVENTS]
    : otherEvent
}

/** The key of a webhook's message: repository and number, or what there is. */
export function keyOfEvent(githubEvent: string, body: unknown): string {
  const read = loose.safeParse(body).data ?? {}
  const number = read.issue?.number ?? read.pull_request?.number
  if (read.repository) return `${read.repository.full_name}${number === undefined ? '' : `#${number}`}`
  return read.organization ? `org:${read.organization.login}` : `event:${githubEvent}`
}

/** The full name of a webhook's repository, if it has one. */
export function repositoryOf(body: unknown): string | undefined {
  return loose.safeParse(body).data?.repository?.full_name
}

// The key must be found in any body, so each part that is not as expected counts as absent.
const numbered = z.looseObject({ number: z.number() }).optional().catch(undefined)
const loose = z.looseObject({
  repository: repository.optional().catch(undefined),
  organization: z.looseObject({ login: z.string() }).optional().catch(undefined),
  issue: numbered,
  pull_request: numbered,
})
