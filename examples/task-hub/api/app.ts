import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import { isLinkspanError } from 'linkspan'
import type { z } from 'zod'
import {
  type Command,
  type CommandResult,
  type Entity,
  newComment,
  newProject,
  newTask,
  projectChanges,
  taskChanges,
  taskQuery,
} from './commands.ts'
import { invalidResponse, problemResponse } from './problem.ts'
import type { Store } from './store.ts'

/** What the API stands on. */
export interface TaskApiOptions {
  /** For reading. */
  readonly store: Pick<Store, 'projects' | 'project' | 'tasks' | 'task' | 'comments'>
  /**
   * Every change goes through here: the store's `apply` directly, or a flow that applies it after it is kept. Null: it
   * is kept and will be done, but was not within the time of a request; the caller gets 202.
   */
  submit(command: Command): Promise<CommandResult | null>
  newId(): string
  now(): number
}

const LONGEST_BODY = 100_000
const METHODS: Readonly<Record<string, string>> = {
  '/projects': 'GET, POST',
  '/projects/:id': 'GET, PATCH, DELETE',
  '/tasks': 'GET, POST',
  '/tasks/:id': 'GET, PATCH, DELETE',
  '/tasks/:id/comments': 'GET, POST',
  '/tasks/:id/comments/:comment': 'DELETE',
}

/** The Task Management API: tasks, projects and comments, with RFC 9457 errors. */
export function taskApi(options: TaskApiOptions): Hono {
  const app = new Hono()
  const tooLarge = (): Response => problemResponse(413, `The body is longer than ${LONGEST_BODY} bytes.`)
  app.use(bodyLimit({ maxSize: LONGEST_BODY, onError: tooLarge }))
  addProjects(app, options)
  addTasks(app, options)
  addComments(app, options)
  for (const [path, allow] of Object.entries(METHODS)) {
    app.all(path, ({ req }) =>
      problemResponse(405, `${req.method} is not possible here. Use ${allow}.`, { headers: { allow } }),
    )
  }
  app.notFound(({ req }) => problemResponse(404, `There is nothing at ${req.path}.`))
  app.onError((error) => {
    // The hub is full, or stopping: nothing was done.
    if (isLinkspanError(error) && error.retry !== 'never' && error.applied === 'no') {
      return problemResponse(503, error.message, { headers: { 'retry-after': '1' } })
    }
    console.error(error)
    return problemResponse(500, 'Something went wrong inside. The log has the cause.')
  })
  return app
}

function addProjects(app: Hono, { store, newId, ...options }: TaskApiOptions): void {
  const id = (c: Context): string => c.req.param('id') ?? ''
  app.get('/projects', (c) => c.json({ projects: store.projects() }))
  app.get('/projects/:id', (c) => shown(store.project(id(c)), `project "${id(c)}"`))
  app.post('/projects', (c) =>
    withBody(c, newProject, (input) => carryOut(c, options, { kind: 'create-project', id: newId(), input })),
  )
  app.patch('/projects/:id', (c) =>
    withBody(c, projectChanges, (input) =>
      carryOut(c, options, { kind: 'change-project', id: id(c), input }),
    ),
  )
  app.delete('/projects/:id', (c) => carryOut(c, options, { kind: 'delete-project', id: id(c) }))
}

function addTasks(app: Hono, { store, newId, ...options }: TaskApiOptions): void {
  const id = (c: Context): string => c.req.param('id') ?? ''
  app.get('/tasks', (c) => {
    const query = taskQuery.safeParse(c.req.query())
    if (!query.success) return invalidResponse(query.error, 'query')
    const tasks = store.tasks(query.data)
    const next = tasks.length === query.data.limit ? { after: tasks.at(-1)?.id } : {}
    return c.json({ tasks, ...next })
  })
  app.get('/tasks/:id', (c) => shown(store.task(id(c)), `task "${id(c)}"`))
  app.post('/tasks', (c) =>
    withBody(c, newTask, (input) => carryOut(c, options, { kind: 'create-task', id: newId(), input })),
  )
  app.patch('/tasks/:id', (c) =>
    withVersion(c, (expectedVersion) =>
      withBody(c, taskChanges, (input) =>
        carryOut(c, options, { kind: 'change-task', id: id(c), expectedVersion, input }),
      ),
    ),
  )
  app.delete('/tasks/:id', (c) =>
    withVersion(c, (expectedVersion) =>
      carryOut(c, options, { kind: 'delete-task', id: id(c), expectedVersion }),
    ),
  )
}

function addComments(app: Hono, { store, newId, ...options }: TaskApiOptions): void {
  const taskId = (c: Context): string => c.req.param('id') ?? ''
  app.get('/tasks/:id/comments', (c) =>
    store.task(taskId(c))
      ? c.json({ comments: store.comments(taskId(c)) })
      : problemResponse(404, `There is no task "${taskId(c)}".`),
  )
  app.post('/tasks/:id/comments', (c) =>
    withBody(c, newComment, (input) =>
      carryOut(c, options, { kind: 'create-comment', id: newId(), taskId: taskId(c), input }),
    ),
  )
  app.delete('/tasks/:id/comments/:comment', (c) =>
    carryOut(c, options, { kind: 'delete-comment', id: c.req.param('comment') ?? '', taskId: taskId(c) }),
  )
}

function shown(entity: Entity | null, what: string): Response {
  return entity ? entityResponse(200, entity) : problemResponse(404, `There is no ${what}.`)
}

function entityResponse(
  status: number,
  entity: Entity,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const etag = 'version' in entity ? { etag: `"${entity.version}"` } : {}
  return Response.json(entity, { status, headers: { ...etag, ...headers } })
}

async function withBody<T>(
  c: Context,
  schema: z.ZodType<T>,
  next: (input: T) => Promise<Response>,
): Promise<Response> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase() ?? ''
  if (!/^application\/(.+\+)?json$/.test(type)) {
    return problemResponse(415, `The content type is "${type}". Send application/json.`)
  }
  const text = await c.req.text()
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (error) {
    return problemResponse(400, `The body is not JSON: ${(error as Error).message}.`)
  }
  const parsed = schema.safeParse(body)
  return parsed.success ? next(parsed.data) : invalidResponse(parsed.error, 'body')
}

function withVersion(
  c: Context,
  next: (version: number | null) => Promise<Response>,
): Promise<Response> | Response {
  const header = c.req.header('if-match')
  if (header === undefined || header === '*') return next(null)
  const version = /^"(\d+)"$/.exec(header)?.[1]
  if (version === undefined) {
    return problemResponse(
      400,
      `If-Match is ${header}. Send the ETag of the task, such as "3" with its quotes.`,
    )
  }
  return next(Number(version))
}

type Draft = Command extends infer Each
  ? Each extends Command
    ? Omit<Each, 'commandId' | 'at'>
    : never
  : never

/** The caller's own `Idempotency-Key` names the command, so that a repeated request is answered and not done again. */
async function carryOut(
  c: Context,
  options: Pick<TaskApiOptions, 'submit' | 'now'>,
  draft: Draft,
): Promise<Response> {
  const key = c.req.header('idempotency-key')
  if (key !== undefined && (key === '' || key.length > 200)) {
    return problemResponse(400, 'The Idempotency-Key must have 1 to 200 characters.')
  }
  const commandId = key ?? crypto.randomUUID()
  const result = await options.submit({ ...draft, commandId, at: options.now() } as Command)
  if (result === null) return Response.json({ commandId, state: 'accepted' }, { status: 202 })
  if (!result.ok) return problemResponse(result.status, result.detail)
  if (result.entity === null) return new Response(null, { status: 204 })
  if (!draft.kind.startsWith('create')) return entityResponse(200, result.entity)
  return entityResponse(201, result.entity, {
    location: `${c.req.path}/${encodeURIComponent(result.entity.id)}`,
  })
}
