import type { MessageReader, StoredMessage } from '../journal/journal.ts'
import { ensureError, type LinkspanError, type StoredError, storeError } from '../model/errors.ts'
import type { StepNode } from '../model/flow-definition.ts'
import type { Json } from '../model/message.ts'
import { isWithin, pathAt, renamedPlace, stepPlace } from '../model/step-place.ts'
import type { Trace, TraceAttempt, TraceNote, TraceStep } from './admin-api.ts'
import { markOf } from './calls/running-call.ts'
import type { CompiledFlow } from './compile.ts'
import { settled } from './json.ts'
import { type Bound, bodyOf, parentId, readableRecord, recordOf } from './loaded.ts'
import { DEAF, type Recomputed, recompute } from './recompute.ts'
import { type Entry, namesMadeAt, renamed } from './record.ts'
import type { CompiledStep, PassObserver, RunningPass } from './pass/running-pass.ts'
import { inProject, summaryOf } from './summary.ts'
import { checkFit, taken } from './taken-body.ts'

/** What tracing takes. */
export interface TraceOptions {
  readonly messages: MessageReader
  readonly flows: ReadonlyMap<string, CompiledFlow>
  readonly runs: (seq: number) => boolean
}

interface Seen {
  readonly step: Pick<CompiledStep, 'path' | 'kind'> & { readonly node: StepNode | null }
  readonly input: Json | null
  output: Json | null
  outcome: TraceStep['outcome']
}

const CHILDREN_SHOWN = 200

/**
 * The way of a message: its steps computed again from its record, with what was recorded of each. Of one that is
 * damaged, what can still be read: it is not computed again.
 */
export async function traceOf(stored: StoredMessage, options: TraceOptions): Promise<Trace> {
  const flow = options.flows.get(stored.flow)
  const read = readableRecord(stored)
  const record = renamed(read.entries, flow?.renamed ?? new Map())
  const { body, lost } = readableBody(stored)
  const seen: Seen[] = []
  const damage = read.error ?? lost
  const result = flow && !damage ? await again(flow, stored, body, record, seen, options) : null
  const children = await options.messages.children(stored.seq, null, 0, CHILDREN_SHOWN, 'marked')
  const reply = record.findLast((entry) => entry.t === 'reply')
  return {
    message: {
      ...inProject(summaryOf(stored, options.runs(stored.seq), { ...read, entries: record }), options.flows),
      headers: stored.headers,
      body,
      bodyLost: lost !== null,
      codeVersion: stored.codeVersion,
    },
    steps: stepsOf(seen, record, stored, flow),
    reply: reply?.r ?? null,
    parent: stored.parent ? parentId(stored.id) : null,
    children: children.map((child) => summaryOf(child, options.runs(child.seq), NOT_READ)),
    notes: record.flatMap(noteOf),
    unfinished: damage ? storeError(damage) : unfinished(result),
  }
}

const NOT_READ: ReturnType<typeof readableRecord> = { entries: [], error: null }

function readableBody(stored: StoredMessage): { body: Json; lost: LinkspanError | null } {
  try {
    return { body: bodyOf(stored), lost: null }
  } catch (error) {
    return { body: null, lost: ensureError(error) }
  }
}

async function again(
  flow: CompiledFlow,
  stored: StoredMessage,
  body: Json,
  record: readonly Entry[],
  seen: Seen[],
  options: TraceOptions,
): Promise<Recomputed> {
  try {
    const fitting = await taken(flow, stored, body)
    checkFit(fitting.message)
    const names = stored.parent === null ? {} : await namesAround(stored, flow, options)
    const given = { body: fitting.body, record, names }
    const { result } = await recompute(flow, fitting.message, given, options.messages, {
      ...DEAF,
      observer: watching(seen),
    })
    return result
  } catch (error) {
    return { kind: 'threw', error: ensureError(error) }
  }
}

/** The names a child finds bound: those its parent left on record. */
export async function namesAround(
  stored: StoredMessage,
  flow: CompiledFlow,
  options: Pick<TraceOptions, 'messages'>,
): Promise<Bound> {
  const [parent] = await options.messages.load([stored.parent?.seq ?? 0])
  if (!parent) return {}
  const path = stored.parent?.path ?? ''
  return namesMadeAt(renamed(recordOf(parent), flow.renamed), renamedPlace(path, flow.renamed) ?? path)
}

function watching(seen: Seen[]): PassObserver {
  return {
    step(step, pass) {
      const entry: Seen = {
        step: { ...step, path: pass.at(step.path) },
        input: json(pass.body),
        output: null,
        outcome: 'skipped',
      }
      seen.push(entry)
      const finish = (stop: ReturnType<CompiledStep['run']>): ReturnType<CompiledStep['run']> => {
        if (stop instanceof Promise) return stop
        entry.output = json(pass.body)
        entry.outcome =
          stop === undefined
            ? 'done'
            : stop.kind === 'suspend'
              ? 'waiting'
              : stop.ending === 'filtered'
                ? 'filtered'
                : 'done'
        return stop
      }
      return observed(step, pass, entry, finish)
    },
    asked(place, kind, node, input) {
      const entry: Seen = {
        step: { path: place, kind, node },
        input: json(input),
        output: null,
        outcome: 'waiting',
      }
      seen.push(entry)
      return (outcome, output) => {
        entry.outcome = outcome
        entry.output = json(output)
      }
    },
  }
}

function observed(
  step: CompiledStep,
  pass: RunningPass,
  entry: Seen,
  finish: (stop: ReturnType<CompiledStep['run']>) => ReturnType<CompiledStep['run']>,
): ReturnType<CompiledStep['run']> {
  const failed = (thrown: unknown): never => {
    entry.outcome = 'failed'
    throw thrown
  }
  try {
    const result = step.run(pass)
    return result instanceof Promise ? result.then(finish as never, failed) : finish(result)
  } catch (thrown) {
    return failed(thrown)
  }
}

function json(value: unknown): Json | null {
  try {
    return (settled(value) ?? null) as Json
  } catch {
    return null
  }
}

function stepsOf(
  seen: readonly Seen[],
  record: readonly Entry[],
  stored: StoredMessage,
  flow: CompiledFlow | undefined,
): TraceStep[] {
  const steps = seen.map((each) => withRecord(each, record, stored))
  const missed = [
    ...new Set(record.flatMap((entry) => ('p' in entry && entry.p !== '' ? [stepPlace(entry.p)] : []))),
  ].filter((path) => !seen.some(({ step }) => step.path === path))
  return [...steps, ...outerFirst(missed).map((path) => missedStep(path, record, stored, flow))]
}

/** What is on record, and no step came to: of a part that failed and was made good for, as a saga's step, that it did. */
/** A part comes before what is within it, which failed and so came on record first. */
function outerFirst(paths: readonly string[]): readonly string[] {
  const parts = paths.filter((path) => !paths.some((other) => other !== path && isWithin(path, other)))
  return parts.flatMap((part) => [
    part,
    ...outerFirst(paths.filter((path) => path !== part && isWithin(path, part))),
  ])
}

function missedStep(
  path: string,
  record: readonly Entry[],
  stored: StoredMessage,
  flow: CompiledFlow | undefined,
): TraceStep {
  const isRescued = record.some((entry) => entry.t === 'passed' && entry.by === 'rescue' && entry.p === path)
  const kind = flow?.steps.get(pathAt(path))?.kind ?? (isRescued ? 'part' : 'unknown')
  const step = { path, kind }
  const seen = withRecord({ step, input: null, output: null, outcome: 'unknown' }, record, stored)
  return isRescued ? { ...seen, outcome: 'failed' } : seen
}

function withRecord(
  seen: Omit<Seen, 'step'> & {
    readonly step: {
      readonly path: string
      readonly kind: string
      readonly node?: { readonly guarantee: string | null } | null
    }
  },
  record: readonly Entry[],
  stored: StoredMessage,
): TraceStep {
  const { path, kind } = seen.step
  const own = record.filter((entry) => 'p' in entry && stepPlace(entry.p) === path)
  const attempts = own.flatMap((entry) => attemptOf(entry, stored))
  const measured = own.find((entry) => entry.t === 'told')
  const last = own.findLast((entry) => 'at' in entry) as { at: number; ms?: number } | undefined
  return {
    path,
    kind,
    input: seen.input,
    output: seen.output,
    outcome: outcomeOf(seen.outcome, own, stored),
    at: last?.at ?? null,
    durationMs: attempts.at(-1)?.durationMs ?? measured?.ms ?? null,
    attempts,
    guarantee: seen.step.node?.guarantee ?? null,
  }
}

function outcomeOf(
  computed: TraceStep['outcome'],
  own: readonly Entry[],
  stored: StoredMessage,
): TraceStep['outcome'] {
  if (own.some((entry) => entry.t === 'passed' && entry.by !== 'rescue')) return 'ignored'
  const failedLast = own.findLast((entry) => entry.t !== 'end')?.t === 'error'
  if (
    !failedLast &&
    own.some(
      (entry) => entry.t === 'done' || entry.t === 'spawned' || entry.t === 'value' || entry.t === 'reply',
    )
  )
    return computed === 'failed' ? 'done' : computed
  const doubt = own.findLastIndex((entry) => entry.t === 'end' && entry.ending === 'inDoubt')
  const resolved = own.findLastIndex((entry) => entry.t === 'resolved')
  if (doubt > resolved) return 'inDoubt'
  // What a person said of the call stands for what is on record before.
  return outcomeSince(computed, own.slice(Math.max(0, resolved)), stored)
}

function outcomeSince(
  computed: TraceStep['outcome'],
  own: readonly Entry[],
  stored: StoredMessage,
): TraceStep['outcome'] {
  if (own.some((entry) => entry.t === 'failed' || entry.t === 'unknown' || entry.t === 'error'))
    return stored.ending ? 'failed' : 'waiting'
  if (own.some((entry) => entry.t === 'intent')) return 'unknown'
  return computed === 'failed' && !stored.ending ? 'waiting' : computed
}

function attemptOf(entry: Entry, stored: StoredMessage): TraceAttempt[] {
  switch (entry.t) {
    case 'done':
      return [{ ...attemptBase(entry, stored), outcome: 'done', result: entry.r ?? null, error: null }]
    case 'failed':
    case 'unknown':
      return [{ ...attemptBase(entry, stored), outcome: entry.t, result: null, error: entry.e }]
    case 'error':
      return [
        {
          at: entry.at,
          outcome: 'failed',
          mark: null,
          durationMs: null,
          request: null,
          result: null,
          error: entry.e,
        },
      ]
    case 'intent':
      return [
        {
          at: entry.at,
          outcome: 'sent',
          mark: markOf(stored.id, entry.p, entry.g),
          durationMs: null,
          request: entry.i,
          result: null,
          error: null,
        },
      ]
    default:
      return []
  }
}

function attemptBase(
  entry: {
    readonly at: number
    readonly ms: number
    readonly p: string
    readonly g: number
    readonly i: Json
  },
  stored: StoredMessage,
): Pick<TraceAttempt, 'at' | 'mark' | 'durationMs' | 'request'> {
  return { at: entry.at, mark: markOf(stored.id, entry.p, entry.g), durationMs: entry.ms, request: entry.i }
}

function noteOf(entry: Entry): TraceNote[] {
  switch (entry.t) {
    case 'redelivered':
      return [
        { at: entry.at, what: 'redelivered', note: entry.fresh ? `${entry.note} (afresh)` : entry.note },
      ]
    case 'resolved':
      return [
        {
          at: entry.at,
          what: 'resolved',
          note: `${entry.applied ? 'applied' : 'not applied'}: ${entry.note}`,
        },
      ]
    case 'note':
      return [{ at: entry.at, what: entry.what, note: entry.note }]
    case 'beside': {
      const { says } = (entry.v ?? {}) as { readonly says?: Json }
      return typeof says === 'string' ? [{ at: entry.at, what: 'step', note: `${entry.p}: ${says}` }] : []
    }
    case 'end':
      return entry.ending === 'parked' ? [{ at: entry.at, what: 'parked', note: entry.e?.message ?? '' }] : []
    default:
      return []
  }
}

function unfinished(result: Recomputed | null): StoredError | null {
  return result?.kind === 'threw' ? storeError(result.error) : null
}
