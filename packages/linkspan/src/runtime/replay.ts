import type { HistoryReader, MessageReader, StoredMessage } from '../journal/journal.ts'
import { type ErrorCode, ensureError, storeError } from '../model/errors.ts'
import type { Json } from '../model/message.ts'
import type { SpawnPlan } from '../patterns/pattern.ts'
import type { Progress, ReplayDifference, ReplayReport, Selection } from './admin-api.ts'
import { childrenInOrder, scopesOf } from './children.ts'
import type { CompiledFlow } from './compile.ts'
import { sameJson, settled } from './json.ts'
import { fieldDifferences } from './json-diff.ts'
import { type Bound, bodyOf, recordOf } from './loaded.ts'
import type { MessagePass } from './pass/pass.ts'
import { DEAF, Frontier, type Listener, type Recomputed, recompute } from './recompute.ts'
import { answers, currentEntries, type Entry, renamed } from './record.ts'
import { selected } from './selection.ts'
import { isUnfit, taken } from './taken-body.ts'

/** What replaying takes. */
export interface ReplayOptions {
  readonly messages: MessageReader
  readonly history: HistoryReader
  readonly flows: ReadonlyMap<string, CompiledFlow>
}

/** Runs recorded messages through the present flows, their calls answered from the record. Sends and writes nothing. */
export async function replayMessages(
  selection: Selection,
  options: ReplayOptions,
  progress: Progress,
): Promise<ReplayReport> {
  const differences: ReplayDifference[] = []
  let messages = 0
  let unchanged = 0
  const total = 'ids' in selection ? selection.ids.length : 0
  for await (const stored of selected(selection, options)) {
    const found = await replayOne(stored, options)
    messages += 1
    if (found.length === 0) unchanged += 1
    differences.push(...found)
    progress(messages, total)
  }
  return { messages, unchanged, differences }
}

async function replayOne(stored: StoredMessage, options: ReplayOptions): Promise<ReplayDifference[]> {
  const flow = options.flows.get(stored.flow)
  const differences = createDifferences(stored)
  if (!flow)
    return [differences.other('ending', '', endingOf(stored), 'the flow is no longer in the project')]
  try {
    const { message, body } = await taken(flow, stored, bodyOf(stored))
    // It has not been run, and would not be now.
    if (isUnfit(message)) return []
    await replayPass(flow, message, body, {}, options, differences)
    return differences.list
  } catch (error) {
    return [
      differences.other('error', '', endingOf(stored), storeError(ensureError(error)) as unknown as Json),
    ]
  }
}

async function replayPass(
  flow: CompiledFlow,
  stored: StoredMessage,
  body: unknown,
  names: Bound,
  options: ReplayOptions,
  differences: Differences,
): Promise<void> {
  const record = renamed(recordOf(stored), flow.renamed)
  const met = new Set<string>()
  const replayed = { flow, record, met, cutShort: isCutShort(stored, record) }
  const listener = createListener(replayed, options, differences)
  const { result } = await recompute(flow, stored, { body, record, names }, options.messages, listener)
  endings(result, stored, replayed, differences)
}

/** A message that is replayed. */
interface Replayed {
  readonly flow: CompiledFlow
  readonly record: readonly Entry[]
  /** The paths that the replay has come to. */
  readonly met: Set<string>
  readonly cutShort: boolean
}

const CUT_SHORT: ReadonlySet<string> = new Set<ErrorCode>(['TIME_LIMIT', 'MESSAGE_CANCELLED'])

/** Whether it stopped where it is by nothing that its flow did: it is on its way, was cancelled, or ran out of time. */
function isCutShort(stored: StoredMessage, record: readonly Entry[]): boolean {
  if (!stored.ending) return true
  const last = currentEntries(record).findLast(
    (entry) =>
      ['failed', 'unknown', 'error', 'end'].includes(entry.t) ||
      (entry.t === 'note' && entry.what === 'cancelled'),
  )
  if (last?.t === 'end') return CUT_SHORT.has(last.e?.code ?? '')
  return last?.t === 'note'
}

/** Past all that is on record of a message that was cut short comes what it would do next: no difference. */
function isAhead({ record, met, cutShort }: Replayed): boolean {
  return cutShort && !currentEntries(record).some((entry) => answers(entry) && !met.has(entry.p))
}

interface Differences {
  readonly list: ReplayDifference[]
  /** Adds a difference in what is sent. */
  sent(kind: 'added' | 'removed' | 'changed' | 'unanswerable', path: string, before: Json, after: Json): void
  other(kind: 'ending' | 'error', path: string, before: Json, after: Json): ReplayDifference
}

function createDifferences({ id, flow, key }: StoredMessage): Differences {
  const list: ReplayDifference[] = []
  const base = { id, flow, key }
  return {
    list,
    sent(kind, path, before, after) {
      list.push({
        ...base,
        path,
        kind,
        before,
        after,
        fields: kind === 'changed' ? fieldDifferences(before, after) : [],
      })
    },
    other: (kind, path, before, after) => ({ ...base, path, kind, before, after, fields: [] }),
  }
}

function createListener(replayed: Replayed, options: ReplayOptions, differences: Differences): Listener {
  const { record, met } = replayed
  const compare = (path: string, before: Json | undefined, after: Json): void => {
    met.add(path)
    if (before === undefined) {
      if (!isAhead(replayed)) differences.sent('added', path, null, after)
    } else if (!sameJson(before, after)) differences.sent('changed', path, before, after)
  }
  return {
    ...DEAF,
    observer: {
      step(step, pass) {
        met.add(pass.at(step.path))
        return step.run(pass)
      },
      asked(place) {
        met.add(place)
        return () => undefined
      },
    },
    differs: (path, before, after) => differences.sent('changed', path, before, after),
    unanswered(path, input) {
      met.add(path)
      const sent = record.findLast(
        (entry) =>
          (entry.t === 'failed' || entry.t === 'unknown' || entry.t === 'intent') && entry.p === path,
      ) as { i: Json } | undefined
      if (sent === undefined) {
        if (!isAhead(replayed)) differences.sent('unanswerable', path, null, input)
      } else if (!sameJson(sent.i, input)) differences.sent('changed', path, sent.i, input)
      throw new Frontier(path, 'call')
    },
    published(path, body) {
      const staged = record.findLast((entry) => entry.t === 'staged' && entry.p === path) as
        | { b?: Json }
        | undefined
      compare(path, staged?.b, body)
    },
    replied(path, reply) {
      const recorded = record.findLast((entry) => entry.t === 'reply' && entry.p === path) as
        | { r: Json }
        | undefined
      compare(path, recorded?.r, reply)
    },
    children: (pass, plan) => replayChildren(replayed, pass, plan, options, differences),
    detached: () => undefined,
  }
}

/** Children are messages of their own: each new body is held against the recorded child and run on its record. */
async function replayChildren(
  replayed: Replayed,
  pass: MessagePass,
  plan: SpawnPlan,
  options: ReplayOptions,
  differences: Differences,
): Promise<void> {
  const recorded = childrenInOrder(options.messages, pass.loaded.seq, scopesOf(pass, plan.path))
  const names = pass.names()
  const bodies = plan.bodies()
  if (Symbol.asyncIterator in bodies) {
    await replayRecorded(replayed.flow, recorded, plan, names, options, differences)
    return
  }
  let index = 0
  const toCome =
    (replayed.cutShort && !allSpawned(replayed.record, plan.path)) || ranOutOfTime(replayed.record, plan.path)
  for (const body of bodies) {
    const { value: child, done } = await recorded.next()
    const after = (settled(body) ?? null) as Json
    const path = `${plan.path}[${index}]`
    const scope = plan.scopeOf(index)
    if (done || !child) {
      if (toCome) break
      differences.sent('added', path, null, after)
    } else if (scopeOf(child, replayed.flow) !== scope) {
      differences.sent('removed', `${scopeOf(child, replayed.flow)}[${index}]`, bodyOf(child), null)
      differences.sent('added', `${scope}[${index}]`, null, after)
    } else await replayChild(replayed.flow, child, path, after, names, options, differences)
    index += 1
  }
  for await (const child of recorded) {
    differences.sent('removed', `${plan.path}[${index}]`, bodyOf(child), null)
    index += 1
  }
}

/** What was read from the journal is no function of the code: it is taken to be what the children were given. */
async function replayRecorded(
  flow: CompiledFlow,
  recorded: AsyncIterable<StoredMessage>,
  { path }: SpawnPlan,
  names: Bound,
  options: ReplayOptions,
  differences: Differences,
): Promise<void> {
  let index = 0
  for await (const child of recorded) {
    await replayChild(flow, child, `${path}[${index}]`, bodyOf(child), names, options, differences)
    index += 1
  }
}

/** The scope that a child runs, as it is called now. */
function scopeOf({ parent }: StoredMessage, { renamed: paths }: CompiledFlow): string {
  const path = parent?.path ?? ''
  return paths.get(path) ?? path
}

function allSpawned(record: readonly Entry[], path: string): boolean {
  return currentEntries(record).some((entry) => entry.t === 'spawn' && entry.p === path && entry.end)
}

/** What was not made, as there was no time for it, is no difference. */
function ranOutOfTime(record: readonly Entry[], path: string): boolean {
  return currentEntries(record).some((entry) => entry.t === 'spawned' && entry.p === path && entry.o.timedOut)
}

async function replayChild(
  flow: CompiledFlow,
  child: StoredMessage,
  path: string,
  after: Json,
  names: Bound,
  options: ReplayOptions,
  differences: Differences,
): Promise<void> {
  const before = bodyOf(child)
  if (!sameJson(before, after)) differences.sent('changed', path, before, after)
  await replayPass(flow, child, after, names, options, differences)
}

function endings(
  result: Recomputed,
  stored: StoredMessage,
  { record, met, cutShort }: Replayed,
  differences: Differences,
): void {
  if (result.kind === 'threw') {
    if (stored.ending?.ending !== 'dead')
      differences.list.push(
        differences.other('ending', '', endingOf(stored), { ending: 'dead', error: result.error.message }),
      )
    return
  }
  if (result.kind !== 'ended') return
  for (const entry of currentEntries(record)) {
    if (entry.t === 'done' && !met.has(entry.p)) differences.sent('removed', entry.p, entry.i, null)
    if (entry.t === 'staged' && entry.b !== undefined && !met.has(entry.p))
      differences.sent('removed', entry.p, entry.b, null)
  }
  const ending = result.stop === undefined ? 'done' : result.stop.kind === 'end' ? result.stop.ending : null
  if (ending !== null && stored.ending && !cutShort && ending !== stored.ending.ending) {
    differences.list.push(differences.other('ending', '', endingOf(stored), ending))
  }
}

function endingOf(stored: StoredMessage): Json {
  return stored.ending?.ending ?? 'waiting'
}
