import { restoreError } from '../../model/errors.ts'
import type { ErrorPolicy } from '../../model/policy.ts'
import { type CallRequest, NEVER_MS, type Noted, type Pass, type ProcessPass } from '../pattern.ts'
import { type Look, look } from './event-cell.ts'
import { copyOf } from './json.ts'

/** What is found of a thing that was asked for. */
export type Found =
  | { readonly kind: 'answer'; readonly value: unknown; readonly at: number | null }
  | { readonly kind: 'failure'; readonly error: Error; readonly at: number | null }
  /** Nothing yet: it is looked at again at a time. */
  | { readonly kind: 'waits'; readonly until: number }
  /** A call that failed for now; `thrown` is what suspends the message until it is tried again. */
  | { readonly kind: 'later'; readonly until: number; readonly thrown: unknown }
  | { readonly kind: 'leaves'; readonly thrown: unknown }

/** One thing that the function of a process asked for, and how it is found out. */
export interface Ask {
  readonly kind: 'call' | 'sleep' | 'waitFor'
  /** Where it is: under the process, by its occurrence and its name. */
  readonly path: string
  /** Of waits: those for the same event and key. */
  readonly group: string
  /** Of waits: their time limit. */
  readonly untilMs: number
  /** Finds it out, or what there is to wait for. From the record, when it is there. */
  find(): Found | Promise<Found>
  /** Whether what the step put on record of it is its end. */
  ends(noted: Noted): boolean
}

/** A call of an operation. */
export function callAsk(
  pass: Pass,
  process: ProcessPass,
  request: CallRequest,
  policy: ErrorPolicy | null,
): Ask {
  const { path } = request
  return {
    kind: 'call',
    path,
    group: '',
    untilMs: NEVER_MS,
    ends: ({ what }) => what === 'outcome',
    async find() {
      const outcome = await process.outcome(path, policy, () => pass.call(request))
      const at = (): number | null => process.outcomeAt(process.placeOf(path)).at
      switch (outcome.kind) {
        case 'answer':
          return { kind: 'answer', value: copyOf(outcome.value), at: at() }
        case 'failure':
          return { kind: 'failure', error: restoreError({ ...outcome.error, retry: 'never' }), at: at() }
        case 'later':
          return { kind: 'later', until: outcome.wakeAt, thrown: outcome.thrown }
        case 'leaves':
          return outcome
      }
    },
  }
}

/** A sleep until a time. */
export function sleepAsk(process: ProcessPass, path: string, untilMs: number): Ask {
  const place = process.placeOf(path)
  const over = process.valueAt(place)
  return {
    kind: 'sleep',
    path,
    group: '',
    untilMs: NEVER_MS,
    ends: ({ what }) => what === 'value',
    find: () =>
      typeof over === 'number'
        ? { kind: 'answer', value: undefined, at: over }
        : { kind: 'waits', until: process.sleep(path, untilMs) },
  }
}

/** What a wait for an event is told, and how it fails. */
export interface WaitSettings {
  readonly scope: string
  readonly key: string
  readonly untilMs: number
  readonly tooLate: () => Error
}

type Looked = Look & { readonly key: string }

/** A wait for an event of a key. */
export function waitAsk(
  pass: Pass,
  process: ProcessPass,
  path: string,
  { scope, key, untilMs, tooLate }: WaitSettings,
): Ask {
  const place = process.placeOf(path)
  let seen = process.valueAt(place) as unknown as Looked | undefined
  const found = (): Found => {
    if (seen?.found === 'event') return { kind: 'answer', value: copyOf(seen.value), at: seen.at }
    if (seen?.found === 'late') return { kind: 'failure', error: tooLate(), at: seen.at }
    return { kind: 'waits', until: untilMs }
  }
  return {
    kind: 'waitFor',
    path,
    group: `${scope}\n${key}`,
    untilMs,
    ends: ({ what, value }) => what === 'value' && (value as unknown as Looked).found !== 'nothing',
    async find() {
      if (seen !== undefined && seen.key !== key)
        process.stray(
          `"${path}" waits for the key ${JSON.stringify(key)}, and its record is of ${JSON.stringify(seen.key)}`,
        )
      if ((seen !== undefined && seen.found !== 'nothing') || !process.goesOn) return found()
      const change = look(pass.sleeper, untilMs)
      const again = seen === undefined ? undefined : ('again' as const)
      seen = await pass.update<Looked & { readonly [name: string]: never }>(
        path,
        scope,
        key,
        async (present, now) => {
          const changed = await change(present, now)
          return { ...changed, result: { ...changed.result, key } as never }
        },
        ...(again === undefined ? [] : ([again] as const)),
      )
      return found()
    },
  }
}
