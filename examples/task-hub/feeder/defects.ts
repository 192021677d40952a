import { objectIn, type Payload } from './payloads.ts'

/**
 * Something that is wrong with a payload although its signature and its JSON are right. None touches the fields that
 * make the key, so a defective delivery still has its place in its key's order.
 */
export interface Defect {
  readonly name: string
  readonly githubEvents: readonly string[]
  damage(payload: Payload): void
}

const ISSUES = ['issues']
const PULLS = ['pull_request']
const RELEASES = ['release']

/** All defects. Each breaks a field that the README's contract of the events requires. */
export const DEFECTS: readonly Defect[] = [
  setting('issue title is a number', ISSUES, 'issue', 'title', 42),
  removing('issue title is missing', ISSUES, 'issue', 'title'),
  setting('issue updated_at is null', ISSUES, 'issue', 'updated_at', null),
  setting('pull request title is a list', PULLS, 'pull_request', 'title', ['A', 'B']),
  removing('pull request updated_at is missing', PULLS, 'pull_request', 'updated_at'),
  removing('release tag_name is missing', RELEASES, 'release', 'tag_name'),
  setting('release tag_name is an object', RELEASES, 'release', 'tag_name', { name: 'v1' }),
  ...['check_run', 'check_suite', 'workflow_run'].flatMap((event) => [
    setting(`${event} conclusion is a number`, [event], event, 'conclusion', 17),
    removing(`${event} head_sha is missing`, [event], event, 'head_sha'),
  ]),
]

/** The defects that fit an event. */
export function defectsFor(githubEvent: string): readonly Defect[] {
  return DEFECTS.filter(({ githubEvents }) => githubEvents.includes(githubEvent))
}

function setting(
  name: string,
  githubEvents: readonly string[],
  part: string,
  field: string,
  value: unknown,
): Defect {
  return { name, githubEvents, damage: (payload) => Object.assign(partOf(payload, part), { [field]: value }) }
}

function removing(name: string, githubEvents: readonly string[], part: string, field: string): Defect {
  return { name, githubEvents, damage: (payload) => delete partOf(payload, part)[field] }
}

function partOf(payload: Payload, part: string): Payload {
  const found = objectIn(payload, part)
  if (found === null) throw new Error(`The payload has no object "${part}" to damage.`)
  return found
}
