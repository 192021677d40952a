import type { BoardTask, BugTask } from '../protocol.ts'

/** A task to be put on the board and told of; `news` when somebody was assigned. */
export interface TaskWork {
  readonly kind: 'task'
  readonly task: BoardTask
  readonly news: string | null
}

/** A release to be announced. */
export interface ReleaseWork {
  readonly kind: 'release'
  readonly news: string
}

/** A failed check to be reported. */
export interface FailureWork {
  readonly kind: 'failure'
  readonly bug: BugTask
}

/** What a webhook leads to. */
export type Work = TaskWork | ReleaseWork | FailureWork

interface Issue {
  readonly number: number
  readonly title: string
  readonly state?: string | null | undefined
  readonly updated_at: string
}

interface Repository {
  readonly full_name: string
}

interface TaskEvent {
  readonly action: string
  readonly repository: Repository
  readonly assignee?: { readonly login: string } | null | undefined
}

interface ReleaseEvent {
  readonly action: string
  readonly release: { readonly tag_name: string; readonly html_url: string }
  readonly repository: Repository
}

interface CheckEvent {
  readonly action: string
  readonly repository: Repository
}

interface Check {
  readonly head_sha: string
  readonly name?: string | null | undefined
  readonly conclusion?: string | null | undefined
}

/** What an issue or a pull request leads to. Some examples tell no state of it; the action then does. */
export function taskOf(issue: Issue, { action, assignee, repository }: TaskEvent, deliveryId = ''): Work {
  const taskId = `${repository.full_name}#${issue.number}`
  const version = Date.parse(issue.updated_at)
  const text = `${assignee?.login ?? 'Somebody'} was assigned to ${taskId}: ${issue.title}`
  const task = { taskId, version, deliveryId, title: issue.title, state: issue.state ?? action }
  return { kind: 'task', task, news: action === 'assigned' ? said(text, deliveryId) : null }
}

/** What a release leads to: nothing, unless it was published. */
export function releaseOf({ action, release, repository }: ReleaseEvent, deliveryId = ''): Work | null {
  if (action !== 'published') return null
  const text = `${repository.full_name} ${release.tag_name} is out: ${release.html_url}`
  return { kind: 'release', news: said(text, deliveryId) }
}

const FAILED = ['failure', 'timed_out']

/** What a check leads to: nothing, unless it came to a bad end. */
export function failureOf(check: Check, { action, repository }: CheckEvent, deliveryId = ''): Work | null {
  const { name, conclusion, head_sha } = check
  if (action !== 'completed' || !FAILED.includes(conclusion ?? '')) return null
  const title = `${name ?? 'A check'} at ${head_sha.slice(0, 7)}: ${conclusion}`
  return { kind: 'failure', bug: { title, repository: repository.full_name, deliveryId } }
}

export function isWork(work: Work | null): work is Work {
  return work !== null
}

export function isTask(work: Work): work is TaskWork {
  return work.kind === 'task'
}

export function isRelease(work: Work): work is ReleaseWork {
  return work.kind === 'release'
}

// The checker tells by this mark which delivery a message is of.
function said(text: string, deliveryId: string): string {
  return `${text} [delivery ${deliveryId}]`
}
