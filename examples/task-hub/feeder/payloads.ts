import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** A webhook's body as the examples give it. */
export type Payload = Record<string, unknown>

/** One example of the package, with the event it belongs to and the set (API version) it comes from. */
export interface Template {
  readonly set: string
  readonly githubEvent: string
  readonly payload: Payload
}

/** Every payload of `@octokit/webhooks-examples`: of github.com, and of each GitHub Enterprise Server version. */
export function loadTemplates(): readonly Template[] {
  const folder = dirname(createRequire(import.meta.url).resolve('@octokit/webhooks-examples/package.json'))
  const sets = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return sets.flatMap((entry) => loadSet(folder, entry.name))
}

function loadSet(folder: string, set: string): readonly Template[] {
  const events = JSON.parse(readFileSync(join(folder, set, 'index.json'), 'utf8')) as {
    name: string
    examples: Payload[]
  }[]
  return events.flatMap(({ name, examples }) =>
    examples.map((payload) => ({ set, githubEvent: name, payload })),
  )
}

/** The object under a name, or null. */
export function objectIn(payload: Payload, name: string): Payload | null {
  const value = payload[name]
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Payload) : null
}

/** The text under a name, or null. */
export function textIn(payload: Payload | null, name: string): string | null {
  const value = payload?.[name]
  return typeof value === 'string' ? value : null
}
