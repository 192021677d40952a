import { z } from 'zod'

const id = z.string().min(1).max(200)
const title = z.string().trim().min(1).max(300)
const longText = z.string().max(20_000)
const person = z.string().trim().min(1).max(100)
const taskState = z.enum(['open', 'closed'])

/** The body of `POST /projects`. */
export const newProject = z.strictObject({ name: title })
/** The body of `PATCH /projects/:id`. */
export const projectChanges = z.strictObject({ name: title })

/** The body of `POST /tasks`. */
export const newTask = z.strictObject({
  title,
  description: longText.default(''),
  projectId: id.nullable().default(null),
  assignee: person.nullable().default(null),
})

/** The body of `PATCH /tasks/:id`: at least one field. */
export const taskChanges = z
  .strictObject({
    title: title.optional(),
    description: longText.optional(),
    state: taskState.optional(),
    projectId: id.nullable().optional(),
    assignee: person.nullable().optional(),
  })
  .refine((changes) => Object.values(changes).some((value) => value !== undefined), {
    error: 'Name at least one field to change.',
  })

/** The body of `POST /tasks/:id/comments`. */
export const newComment = z.strictObject({ author: person, text: longText.trim().min(1) })

/** The query of `GET /tasks`. */
export const taskQuery = z.strictObject({
  project: id.optional(),
  state: taskState.optional(),
  after: id.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
})

export type TaskQuery = z.output<typeof taskQuery>

const common = {
  /** Identifies the command: one that was applied is answered again from memory. */
  commandId: id,
  /** When it was given, in milliseconds since 1970. */
  at: z.int(),
}
const expectedVersion = z.int().nullable()

/** Everything that changes the store, as plain data that a journal can keep. */
export const command = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('create-project'), ...common, id, input: newProject }),
  z.strictObject({ kind: z.literal('change-project'), ...common, id, input: projectChanges }),
  z.strictObject({ kind: z.literal('delete-project'), ...common, id }),
  z.strictObject({ kind: z.literal('create-task'), ...common, id, input: newTask }),
  z.strictObject({ kind: z.literal('change-task'), ...common, id, expectedVersion, input: taskChanges }),
  z.strictObject({ kind: z.literal('delete-task'), ...common, id, expectedVersion }),
  z.strictObject({ kind: z.literal('create-comment'), ...common, id, taskId: id, input: newComment }),
  z.strictObject({ kind: z.literal('delete-comment'), ...common, id, taskId: id }),
])

export type Command = z.output<typeof command>

/** What a command came to: plain data, so that it can be journaled as a reply. */
export type CommandResult =
  | { readonly ok: true; readonly entity: Entity | null; readonly change: StoreChange | null }
  | { readonly ok: false; readonly status: 404 | 409 | 412 | 422; readonly detail: string }

/** A project as the API shows it. Times are milliseconds since 1970. */
export type Project = { readonly id: string; readonly name: string; readonly createdAt: number }

/** A task as the API shows it. `version` counts its changes, from 1. */
export type Task = {
  readonly id: string
  readonly projectId: string | null
  readonly title: string
  readonly description: string
  readonly state: 'open' | 'closed'
  readonly assignee: string | null
  readonly version: number
  readonly createdAt: number
  readonly updatedAt: number
}

/** A comment as the API shows it. */
export type Comment = {
  readonly id: string
  readonly taskId: string
  readonly author: string
  readonly text: string
  readonly createdAt: number
}

export type Entity = Project | Task | Comment

/** A change of a task, for those who want to hear of it. */
export type StoreChange = {
  readonly what: 'created' | 'changed' | 'deleted' | 'commented'
  readonly task: Task
}
