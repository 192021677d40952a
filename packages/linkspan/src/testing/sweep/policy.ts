import type { StoredMessage } from '../../journal/journal.ts'
import { restoreError } from '../../model/errors.ts'
import {
  actionFor,
  asPolicy,
  DEFAULT_ERROR_POLICY,
  type ErrorAction,
  type ErrorPolicy,
} from '../../model/policy.ts'
import { pathAt } from '../../model/step-place.ts'
import type { Flow } from '../../patterns/steps.ts'
import { recordOf } from '../../runtime/loaded.ts'
import type { Entry } from '../../runtime/record.ts'

type Given = ErrorAction | ErrorPolicy

/**
 * Whether a message gave up on a step because its policy allows no further attempt: what becomes of it then is what
 * its author said, not a flaw. Told by its record.
 */
export function gaveUpByPolicy(
  message: StoredMessage,
  flows: readonly Flow[],
  projectPolicy: Given | undefined,
): boolean {
  const flow = flows.find(({ definition }) => definition.name === message.flow)
  if (!flow) return false
  const record = recordOf(message)
  const at = record.findIndex(
    (entry) => entry.t === 'passed' || (entry.t === 'end' && entry.ending === 'dead'),
  )
  if (at < 0) return false
  const end = record[at] as Extract<Entry, { t: 'passed' | 'end' }>
  if (end.e?.code === 'TIME_LIMIT') return true
  const failures = record.slice(0, at).filter(failed)
  const last = failures.at(-1)
  if (!last) return false
  const attempts = failures.filter(({ p }) => p === last.p).length
  const error = restoreError(last.e)
  return policiesOf(flow, pathAt(last.p), projectPolicy).some(
    (policy) => attempts >= actionFor(policy, error).attempts,
  )
}

function failed(entry: Entry): entry is Extract<Entry, { t: 'failed' | 'unknown' | 'error' }> {
  return entry.t === 'failed' || entry.t === 'unknown' || entry.t === 'error'
}

/** The policies that decide on a step: its own and those of the scopes around it, or the flow's. */
function policiesOf(flow: Flow, path: string, projectPolicy: Given | undefined): readonly ErrorPolicy[] {
  const names = path.split('/')
  const around = names.map((_name, at) => names.slice(0, at + 1).join('/'))
  const own = around.flatMap((each) => {
    const code = flow.code.get(each)
    const given = (code?.['onError'] ?? code?.['policy']) as Given | undefined
    return given === undefined ? [] : [asPolicy(given)]
  })
  if (own.length > 0) return own
  const given = (flow.own['onError'] as Given | undefined) ?? projectPolicy
  return [given === undefined ? DEFAULT_ERROR_POLICY : asPolicy(given)]
}
