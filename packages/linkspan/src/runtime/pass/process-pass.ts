import { type LinkspanError, type StoredError, storeError } from '../../model/errors.ts'
import type { StepNode } from '../../model/flow-definition.ts'
import type { Json } from '../../model/message.ts'
import type { CancelTimer } from '../../model/outside.ts'
import type { ErrorPolicy } from '../../model/policy.ts'
import { isWithin, pathAt } from '../../model/step-place.ts'
import type { Noted, Outcome, ProcessPass } from '../../patterns/pattern.ts'
import { answers, type Entry } from '../record.ts'
import { CountedFailure, isFailureAt } from './failures.ts'
import { Interrupt, isInterrupt } from './interrupt.ts'
import type { PassObserver } from './running-pass.ts'

/** What of a message's pass its processes stand on. */
export interface ProcessBase {
  readonly loaded: { readonly waits: boolean }
  readonly flow: { readonly steps: ReadonlyMap<string, StepNode>; readonly policy: ErrorPolicy }
  readonly ports: {
    readonly goesOn: boolean
    readonly strict: boolean
    now(): number
    quiet(): Promise<void>
    timer(afterMs: number, run: () => void): CancelTimer
    leaves(thrown: unknown): boolean
  }
  readonly recorded: readonly Entry[]
  recordedAt(place: string): readonly Entry[]
  readonly observer: PassObserver | null
  note(entry: Entry): void
  errorOf(thrown: unknown): LinkspanError
  failedForGood(thrown: unknown, policy: ErrorPolicy): { readonly given: LinkspanError }
  stray(place: string, what: string): never
}

/** A pass as the process at a step's path sees it, `base` being where that is in the record. */
export function processPass(pass: ProcessBase, step: string, base: string): ProcessPass {
  const { ports } = pass
  const { noted, failures } = readRecord(pass.recorded, base)
  beginRecord(pass, base)
  const placeOf = (path: string): string => base + path.slice(step.length)

  return {
    goesOn: ports.goesOn,
    strict: ports.strict,
    noted,
    placeOf,
    outcomeAt: (place) => outcomeAt(pass, place),
    valueAt: (place) => valueAt(pass, place),
    now: () => ports.now(),
    quiet: () => ports.quiet(),
    timer: (untilMs, run) => ports.timer(untilMs - ports.now(), run),
    async outcome(path, policy, run): Promise<Outcome> {
      const place = placeOf(path)
      const error = failures.get(place)
      if (error) return { kind: 'failure', error }
      const wakeAt = ports.goesOn ? keptTime(pass.recordedAt(place), place) : null
      if (wakeAt !== null && wakeAt > ports.now())
        return { kind: 'later', wakeAt, thrown: retryAt(place, wakeAt) }
      const before = failuresAt(pass, place)
      return run().then(
        (value) => ({ kind: 'answer', value }),
        (thrown: unknown) => failed(pass, place, thrown, policy, before),
      )
    },
    keepTime: (path, wakeAt) => pass.note({ t: 'pause', p: placeOf(path), until: wakeAt }),
    sleep(path, untilMs) {
      const place = placeOf(path)
      const begun = pass.recordedAt(place).findLast((entry) => entry.t === 'pause' && entry.p === place)
      if (begun?.t === 'pause') return begun.until
      pass.note({ t: 'pause', p: place, until: untilMs })
      return untilMs
    },
    isOver(path, untilMs) {
      const place = placeOf(path)
      // Of a message that is only looked at nothing comes true which its record says it waits for.
      const isWaiting = !ports.goesOn && noted.some((each) => each.place === place)
      if (isWaiting || untilMs > ports.now()) return false
      pass.note({ t: 'value', p: place, v: untilMs })
      return true
    },
    watch(path, kind, input) {
      const place = placeOf(path)
      const node = pass.flow.steps.get(pathAt(place)) ?? null
      return pass.observer?.asked(place, kind, node, input) ?? (() => undefined)
    },
    stray: (what) => pass.stray(base, what),
  }
}

/**
 * Several calls may be under way when an engine dies. Of a message that has a wait, an empty record says that it may have
 * begun any; one with something on it says that what is not there was not begun. So the record is begun before the first.
 */
function beginRecord(pass: ProcessBase, base: string): void {
  if (pass.loaded.waits && pass.recorded.length === 0) pass.note({ t: 'told', p: base })
}

interface ProcessRecord {
  readonly noted: readonly Noted[]
  /** What failed for good, by place. */
  readonly failures: ReadonlyMap<string, StoredError>
}

function readRecord(entries: readonly Entry[], base: string): ProcessRecord {
  let noted: Noted[] = []
  const failures = new Map<string, StoredError>()
  for (const entry of entries) {
    if (entry.t === 'redelivered') noted = beforeFailures(noted, failures)
    if (!('p' in entry) || entry.p === base || !isWithin(entry.p, base)) continue
    if (entry.t === 'passed') failures.set(entry.p, entry.e)
    noted.push(...notedBy(entry))
  }
  return { noted, failures }
}

/** Failures after which nothing else came made the message fail: sent again, it tries those calls again. */
function beforeFailures(noted: Noted[], failures: Map<string, StoredError>): Noted[] {
  const isFailure = ({ place, what }: Noted): boolean => what === 'outcome' && failures.has(place)
  const last = noted.findLastIndex((each) => each.what !== 'begun' && !isFailure(each))
  const first = noted.findIndex((each, at) => at > last && isFailure(each))
  if (first < 0) return noted
  for (const each of noted.slice(first)) if (isFailure(each)) failures.delete(each.place)
  return noted.slice(0, first)
}

function notedBy(entry: Extract<Entry, { p: string }>): Noted[] {
  const place = entry.p
  switch (entry.t) {
    case 'done':
      return [{ place, what: entry.e === undefined ? 'outcome' : 'begun' }]
    case 'resolved':
      return [{ place, what: entry.applied ? 'outcome' : 'begun' }]
    case 'passed':
      return [{ place, what: 'outcome' }]
    case 'value':
      return [{ place, what: 'value', value: entry.v }]
    case 'staged':
      return [{ place, what: 'staged' }]
    default:
      return answers(entry) ? [{ place, what: 'begun' }] : []
  }
}

function outcomeAt(
  pass: ProcessBase,
  place: string,
): { readonly at: number | null; readonly order: () => number } {
  const found = pass
    .recordedAt(place)
    .findLast(
      (entry) =>
        'p' in entry &&
        entry.p === place &&
        (entry.t === 'done' || entry.t === 'resolved' || entry.t === 'passed' || entry.t === 'value'),
    )
  return {
    at: found && 'at' in found ? found.at : null,
    order: () => (found ? pass.recorded.lastIndexOf(found) : -1),
  }
}

function valueAt(pass: ProcessBase, place: string): Json | undefined {
  const found = pass.recordedAt(place).findLast((entry) => entry.t === 'value' && entry.p === place)
  return found?.t === 'value' ? found.v : undefined
}

/** The time at which a call is to be tried again that failed before, unless a person has sent the message again since. */
function keptTime(entries: readonly Entry[], place: string): number | null {
  const last = entries.findLast((entry) => entry.t === 'redelivered' || ('p' in entry && entry.p === place))
  return last?.t === 'pause' ? last.until : null
}

function failed(
  pass: ProcessBase,
  place: string,
  thrown: unknown,
  policy: ErrorPolicy | null,
  failuresBefore: number,
): Outcome {
  try {
    const failure =
      isInterrupt(thrown) || pass.ports.leaves(thrown) ? thrown : counted(pass, place, thrown, failuresBefore)
    const { given } = pass.failedForGood(failure, policy ?? pass.flow.policy)
    const error = storeError(given)
    pass.note({ t: 'passed', p: place, by: 'rescue', at: pass.ports.now(), e: error })
    return { kind: 'failure', error }
  } catch (left) {
    if (!isInterrupt(left) || left.reason.kind !== 'suspend') return { kind: 'leaves', thrown: left }
    return { kind: 'later', wakeAt: left.reason.wakeAt, thrown: left }
  }
}

/** A failure that is on record at its place, whatever else went on meanwhile. */
function counted(pass: ProcessBase, place: string, thrown: unknown, before: number): CountedFailure {
  const error = pass.errorOf(thrown)
  if (failuresAt(pass, place) === before)
    pass.note({ t: 'error', p: place, at: pass.ports.now(), e: storeError(error) })
  return new CountedFailure(error, place, failuresAt(pass, place))
}

/** How often something has failed since the message was last sent again. */
function failuresAt(pass: ProcessBase, place: string): number {
  const own = pass.recordedAt(place)
  const since = own.findLastIndex((entry) => entry.t === 'redelivered') + 1
  return own.slice(since).filter((entry) => isFailureAt(entry, place)).length
}

function retryAt(place: string, wakeAt: number): Interrupt {
  return new Interrupt({ kind: 'suspend', why: 'delay', wakeAt, hold: true, path: place, error: null })
}
