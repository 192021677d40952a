import type { Json } from '../../model/message.ts'
import { shownPull } from './pull-request-store.ts'
import { wordOf } from './routes.ts'
import { badRequest } from './service-failure.ts'
import {
  type Fields,
  type Identity,
  identityRef,
  iso,
  type PullRequest,
  type Thread,
  type ThreadComment,
  type World,
} from './world.ts'

/** What a thread begins with. */
export interface NewThread {
  readonly comments?: readonly {
    readonly content?: string
    readonly parentCommentId?: number
    readonly commentType?: Json
  }[]
  readonly status?: Json
  readonly threadContext?: Json
  readonly properties?: Fields
}

const THREAD_STATUSES = ['unknown', 'active', 'fixed', 'wontFix', 'closed', 'byDesign', 'pending']
const COMMENT_TYPES = ['unknown', 'text', 'codeChange', 'system']

function worded(words: readonly string[], given: Json | undefined, fallback: string): string {
  return given === undefined || given === null ? fallback : wordOf(words, given)
}

/** Begins a thread of a pull request. */
export function beginThread(world: World, pull: PullRequest, by: Identity, given: NewThread): Thread {
  if ((given.comments ?? []).length === 0)
    badRequest('A comment thread needs at least one comment.', 'ArgumentNullException')
  const thread: Thread = {
    id: world.next('thread'),
    comments: [],
    status: worded(THREAD_STATUSES, given.status, 'unknown'),
    threadContext: given.threadContext ?? null,
    properties: typedProperties(given.properties ?? {}),
    at: world.clock.now(),
  }
  pull.threads.push(thread)
  for (const comment of given.comments ?? []) sayIn(world, pull, thread, by, comment)
  return thread
}

/** Properties are stored with their types, however they were given. */
export function typedProperties(given: Fields): Fields {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => {
      const wrapped = typeof value === 'object' && value !== null && '$value' in value
      const raw = wrapped ? ((value as Fields)['$value'] ?? null) : value
      const plain =
        !wrapped && typeof value === 'object' && value !== null && 'value' in value
          ? ((value as Fields)['value'] ?? null)
          : raw
      return [name, { $type: typeof plain === 'number' ? 'System.Int32' : 'System.String', $value: plain }]
    }),
  )
}

/** Adds a comment to a thread. */
export function sayIn(
  world: World,
  pull: PullRequest,
  thread: Thread,
  by: Identity,
  given: NonNullable<NewThread['comments']>[number],
): ThreadComment {
  const comment: ThreadComment = {
    id: thread.comments.length + 1,
    parentCommentId: given.parentCommentId ?? 0,
    content: given.content ?? '',
    commentType: worded(COMMENT_TYPES, given.commentType, 'text'),
    by,
    at: world.clock.now(),
  }
  thread.comments.push(comment)
  world.emit({
    eventType: 'ms.vss-code.git-pullrequest-comment-event',
    publisherId: 'tfs',
    project: pull.repository.project,
    resource: { comment: shownComment(world, comment), pullRequest: shownPull(world, pull) },
    resourceVersion: '2.0',
    text: `${by.displayName} has commented on a pull request`,
    filters: { repository: pull.repository.id, branch: pull.targetRefName.replace('refs/heads/', '') },
  })
  return comment
}

/** Sets the status of a thread. */
export function setThreadStatus(thread: Thread, status: Json | undefined): void {
  thread.status = worded(THREAD_STATUSES, status, thread.status)
}

/** A comment as it stands in answers. */
export function shownComment(world: World, comment: ThreadComment): Fields {
  return {
    id: comment.id,
    parentCommentId: comment.parentCommentId,
    author: identityRef(world, comment.by),
    content: comment.content,
    publishedDate: iso(comment.at),
    lastUpdatedDate: iso(comment.at),
    lastContentUpdatedDate: iso(comment.at),
    commentType: comment.commentType,
    usersLiked: [],
  }
}

/** A thread as it stands in answers. */
export function shownThread(world: World, thread: Thread): Fields {
  return {
    id: thread.id,
    publishedDate: iso(thread.at),
    lastUpdatedDate: iso(thread.comments.at(-1)?.at ?? thread.at),
    comments: thread.comments.map((comment) => shownComment(world, comment)),
    ...(thread.status === 'unknown' ? {} : { status: thread.status }),
    threadContext: thread.threadContext,
    properties: thread.properties,
    identities: null,
    isDeleted: false,
  }
}
