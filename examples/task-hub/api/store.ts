import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import type { Command, CommandResult, Comment, Project, StoreChange, Task, TaskQuery } from './commands.ts'
import { digestOf } from './digest.ts'

/** Tasks, projects and comments in one SQLite file. */
export interface Store {
  /**
   * Applies a command, once: a repeated `commandId` is answered with the first result, and refused with 422 when it
   * comes with another content. That makes applying a natural operation, safe to repeat after a crash.
   */
  apply(command: Command): CommandResult
  projects(): readonly Project[]
  project(id: string): Project | null
  tasks(query: TaskQuery): readonly Task[]
  task(id: string): Task | null
  comments(taskId: string): readonly Comment[]
  counts(): TaskCounts
  close(): void
}

/** How many tasks there are. */
export type TaskCounts = { readonly open: number; readonly closed: number }

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS projects (id TEXT PRIMARY KEY, name TEXT NOT NULL, createdAt INTEGER NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS tasks (
    id TEXT PRIMARY KEY, projectId TEXT REFERENCES projects(id), title TEXT NOT NULL, description TEXT NOT NULL,
    state TEXT NOT NULL, assignee TEXT, version INTEGER NOT NULL, createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS tasksOfProject ON tasks (projectId, id);
  CREATE TABLE IF NOT EXISTS comments (
    id TEXT PRIMARY KEY, taskId TEXT NOT NULL REFERENCES tasks(id) ON DELETE CASCADE, author TEXT NOT NULL,
    text TEXT NOT NULL, createdAt INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS commentsOfTask ON comments (taskId, createdAt, id);
  CREATE TABLE IF NOT EXISTS applied (commandId TEXT PRIMARY KEY, digest TEXT NOT NULL, result TEXT NOT NULL) STRICT;`

/** Opens the store, and makes it when there is none. `:memory:` keeps nothing. */
export function openStore(path: string): Store {
  const database = new DatabaseSync(path, { timeout: 2000 })
  database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; ${SCHEMA}`)
  const all = <Row>(sql: string, ...values: SQLInputValue[]): Row[] =>
    database
      .prepare(sql)
      .all(...values)
      .map((row) => ({ ...row })) as Row[]
  const first = <Row>(sql: string, ...values: SQLInputValue[]): Row | null =>
    all<Row>(sql, ...values)[0] ?? null
  const rows: Rows = { all, first, run: (sql, ...values) => void database.prepare(sql).run(...values) }
  return {
    apply: (command) => inTransaction(database, () => applyOnce(rows, command)),
    projects: () => all<Project>('SELECT * FROM projects ORDER BY id'),
    project: (id) => first<Project>('SELECT * FROM projects WHERE id = ?', id),
    tasks: (query) => findTasks(rows, query),
    task: (id) => taskOf(rows, id),
    comments: (taskId) =>
      all<Comment>('SELECT * FROM comments WHERE taskId = ? ORDER BY createdAt, id', taskId),
    counts: () => countTasks(rows),
    close: () => database.close(),
  }
}

interface Rows {
  all<Row>(sql: string, ...values: SQLInputValue[]): Row[]
  first<Row>(sql: string, ...values: SQLInputValue[]): Row | null
  run(sql: string, ...values: SQLInputValue[]): void
}

function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE')
  try {
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    database.exec('ROLLBACK')
    throw error
  }
}

// The id of what a command makes, and the time, differ between two tries of one caller; the rest must not.
function contentOf(command: Command): string {
  const { commandId: _commandId, at: _at, ...content } = command
  return digestOf(command.kind.startsWith('create') ? { ...content, id: null } : content)
}

function applyOnce(rows: Rows, command: Command): CommandResult {
  const digest = contentOf(command)
  const known = rows.first<{ digest: string; result: string }>(
    'SELECT digest, result FROM applied WHERE commandId = ?',
    command.commandId,
  )
  if (known && known.digest !== digest) {
    return refused(
      422,
      `The Idempotency-Key "${command.commandId}" was used for another request. Use a new one.`,
    )
  }
  if (known) return JSON.parse(known.result) as CommandResult
  const result = perform(rows, command)
  if (result.ok) {
    rows.run('INSERT INTO applied VALUES (?, ?, ?)', command.commandId, digest, JSON.stringify(result))
  }
  return result
}

function perform(rows: Rows, command: Command): CommandResult {
  switch (command.kind) {
    case 'create-project':
      return createProject(rows, { id: command.id, name: command.input.name, createdAt: command.at })
    case 'change-project':
      return changeProject(rows, command.id, command.input.name)
    case 'delete-project':
      return deleteProject(rows, command.id)
    case 'create-task':
      return createTask(rows, command)
    case 'change-task':
      return changeTask(rows, command)
    case 'delete-task':
      return deleteTask(rows, command)
    case 'create-comment':
      return createComment(rows, command)
    case 'delete-comment':
      return deleteComment(rows, command)
  }
}

type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>

function applied(entity: Project | Task | Comment | null, change: StoreChange | null = null): CommandResult {
  return { ok: true, entity, change }
}

function refused(status: 404 | 409 | 412 | 422, detail: string): CommandResult {
  return { ok: false, status, detail }
}

function createProject(rows: Rows, project: Project): CommandResult {
  rows.run('INSERT INTO projects VALUES (?, ?, ?)', project.id, project.name, project.createdAt)
  return applied(project)
}

function changeProject(rows: Rows, id: string, name: string): CommandResult {
  rows.run('UPDATE projects SET name = ? WHERE id = ?', name, id)
  const project = rows.first<Project>('SELECT * FROM projects WHERE id = ?', id)
  return project ? applied(project) : refused(404, `There is no project "${id}".`)
}

function deleteProject(rows: Rows, id: string): CommandResult {
  if (!rows.first('SELECT id FROM projects WHERE id = ?', id))
    return refused(404, `There is no project "${id}".`)
  const { tasks = 0 } =
    rows.first<{ tasks: number }>('SELECT count(*) AS tasks FROM tasks WHERE projectId = ?', id) ?? {}
  if (tasks > 0)
    return refused(409, `The project "${id}" still has ${tasks} tasks. Move or delete them first.`)
  rows.run('DELETE FROM projects WHERE id = ?', id)
  return applied(null)
}

function createTask(rows: Rows, { id, at, input }: CommandOf<'create-task'>): CommandResult {
  if (!projectExists(rows, input.projectId)) return refused(422, `There is no project "${input.projectId}".`)
  const task: Task = { id, ...input, state: 'open', version: 1, createdAt: at, updatedAt: at }
  putTask(rows, task)
  return applied(task, { what: 'created', task })
}

function changeTask(rows: Rows, { id, at, expectedVersion, input }: CommandOf<'change-task'>): CommandResult {
  const before = taskOf(rows, id)
  if (!before) return refused(404, `There is no task "${id}".`)
  const { version } = before
  if (expectedVersion !== null && expectedVersion !== version)
    return refused(412, otherVersion(id, version, expectedVersion))
  if (!projectExists(rows, input.projectId ?? null))
    return refused(422, `There is no project "${input.projectId}".`)
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined))
  const task: Task = { ...before, ...given, version: version + 1, updatedAt: at }
  putTask(rows, task)
  return applied(task, { what: 'changed', task })
}

function deleteTask(rows: Rows, { id, expectedVersion }: CommandOf<'delete-task'>): CommandResult {
  const task = taskOf(rows, id)
  if (!task) return refused(404, `There is no task "${id}".`)
  if (expectedVersion !== null && expectedVersion !== task.version) {
    return refused(412, otherVersion(id, task.version, expectedVersion))
  }
  rows.run('DELETE FROM tasks WHERE id = ?', id)
  return applied(null, { what: 'deleted', task: { ...task, version: task.version + 1 } })
}

function otherVersion(id: string, version: number, expected: number): string {
  return `The task "${id}" has version ${version}, not ${expected}. Read it again and repeat the change on what you find.`
}

function createComment(rows: Rows, { id, at, taskId, input }: CommandOf<'create-comment'>): CommandResult {
  const task = taskOf(rows, taskId)
  if (!task) return refused(404, `There is no task "${taskId}".`)
  const comment: Comment = { id, taskId, author: input.author, text: input.text, createdAt: at }
  rows.run('INSERT INTO comments VALUES (?, ?, ?, ?, ?)', id, taskId, input.author, input.text, at)
  return applied(comment, { what: 'commented', task })
}

function deleteComment(rows: Rows, { id, taskId }: CommandOf<'delete-comment'>): CommandResult {
  const comment = rows.first('SELECT id FROM comments WHERE id = ? AND taskId = ?', id, taskId)
  if (!comment) return refused(404, `The task "${taskId}" has no comment "${id}".`)
  rows.run('DELETE FROM comments WHERE id = ?', id)
  return applied(null)
}

function projectExists(rows: Rows, id: string | null): boolean {
  return id === null || rows.first('SELECT id FROM projects WHERE id = ?', id) !== null
}

function taskOf(rows: Rows, id: string): Task | null {
  return rows.first<Task>('SELECT * FROM tasks WHERE id = ?', id)
}

function putTask(rows: Rows, task: Task): void {
  rows.run(
    `INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET
       projectId = excluded.projectId, title = excluded.title, description = excluded.description,
       state = excluded.state, assignee = excluded.assignee, version = excluded.version, updatedAt = excluded.updatedAt`,
    ...[task.id, task.projectId, task.title, task.description, task.state, task.assignee],
    ...[task.version, task.createdAt, task.updatedAt],
  )
}

function countTasks(rows: Rows): TaskCounts {
  const counted = rows.all<{ state: string; tasks: number }>(
    'SELECT state, count(*) AS tasks FROM tasks GROUP BY state',
  )
  const of = (state: string): number => counted.find((each) => each.state === state)?.tasks ?? 0
  return { open: of('open'), closed: of('closed') }
}

function findTasks(rows: Rows, { project, state, after, limit }: TaskQuery): readonly Task[] {
  return rows.all<Task>(
    `SELECT * FROM tasks WHERE (?1 IS NULL OR projectId = ?1) AND (?2 IS NULL OR state = ?2) AND id > ?3
     ORDER BY id LIMIT ?4`,
    ...[project ?? null, state ?? null, after ?? '', limit],
  )
}
