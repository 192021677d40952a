import type { Project } from '../runtime/engine-api.ts'

/**
 * A project: what the project file exports by default. It only types the data.
 *
 * @example
 * ```ts
 * import { defineProject, env, flow, inbox, sqlite } from 'linkspan'
 * const greet = flow('greet').from(inbox<{ name: string }>()).map('greeting', (p) => `Hello ${p.name}`)
 * const project = defineProject({
 *   journal: sqlite('data/hub.db'),
 *   flows: [greet],
 *   http: { port: env('PORT', '7070') },
 *   retention: '14d',
 * })
 * ```
 */
export function defineProject(project: Project): Project {
  return project
}
