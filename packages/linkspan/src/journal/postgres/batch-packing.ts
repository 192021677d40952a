import { childId, rootId } from '../../model/message-id.ts'
import { endingCode, reasonCode } from '../codes.ts'
import type { AcceptedAt, Batch, Committed, NewMessage, RecordFrame, Settlement, Wait } from '../journal.ts'
import type { Active, Facts } from './active.ts'
import { arrayOf } from './binary.ts'
import { COMMIT_PARAMETERS, type Values } from './commit-parameters.ts'
import { digestOf, type Names } from './names.ts'
import { packState } from './state-packing.ts'
import { fromText } from './text.ts'

/** What `commit_1` answers of a batch. */
export interface Answer {
  readonly first: number | null
  readonly repeats: string | null
  readonly behind: readonly number[] | null
  readonly stale: readonly number[] | null
}

/** A batch as `commit_1` takes it, with what becomes of it when it is durable. */
export interface Packed {
  /** All but the first parameters, which say who commits. */
  readonly values: Values
  /** Makes the journal's answer of the function's, and takes note of what runs now. */
  done(answer: Answer): Committed
}

/** What becomes of a message in a batch, all its parts taken together. */
interface Pass {
  /** Its last ending, or null. */
  ending: Settlement | null
  /** Its last wait, or null. */
  wait: Wait | null
  /** Whether an ending that it has is taken back. */
  takesBack: boolean
}

/** Makes a batch fit for one call of the database. */
export function packBatch(batch: Batch, names: Names, active: Active): Packed {
  const { passes, replaced } = foldPasses(batch)
  const used = new Set<string>()
  const code = (name: string): number => {
    if (!names.isKept(name)) used.add(name)
    return names.codeOf(name)
  }
  const { messages, repeats: siblings } = foldSiblings(batch.accept)
  const state = packState(batch.state)
  const values: Values = {
    p_low_water: batch.lowWater,
    ...packRecords([...batch.records, ...replaced, ...state.frames]),
    ...packPasses(passes, active, code),
    ...state.values,
    ...packCursors(batch),
    ...packMessages(messages, code),
    ...packDedupe(messages),
    ...packIndex(messages),
  }
  if (used.size > 0) {
    values.n_id = arrayOf.int8([...used].map(names.codeOf))
    values.n_name = arrayOf.text([...used])
  }
  return {
    values,
    done: (answer) => {
      names.keep([...used])
      for (const [seq, { ending, wait }] of passes) if (ending !== null || wait !== null) active.delete(seq)
      const answers = answersOf(messages, answer)
      for (const [at, message] of messages.entries()) begin(active, message, answers[at] as AcceptedAt, names)
      const accepted = withSiblings(batch.accept, answers, siblings)
      const stale = state.staleOf(answer.stale)
      return stale.length === 0 ? { accepted } : { accepted, stale }
    },
  }
}

/** The parameters of `commit_1` in their order. */
export function parametersOf(values: Values): readonly unknown[] {
  return PARAMETERS.map((name) => values[name] ?? null)
}

const PARAMETERS = Object.keys(COMMIT_PARAMETERS) as readonly (keyof Values)[]

/**
 * All of a batch that concerns one message as one: revivals count first, then waits, then endings, and of each the last.
 * A frame of an ending that another of the same batch replaces goes into the record.
 */
function foldPasses(batch: Batch): {
  readonly passes: ReadonlyMap<number, Pass>
  readonly replaced: readonly RecordFrame[]
} {
  const passes = new Map<number, Pass>()
  const replaced: RecordFrame[] = []
  const passOf = (seq: number): Pass => {
    const found = passes.get(seq)
    if (found !== undefined) return found
    const made: Pass = { ending: null, wait: null, takesBack: false }
    passes.set(seq, made)
    return made
  }
  for (const wait of batch.revive) Object.assign(passOf(wait.seq), { wait, takesBack: true })
  for (const wait of batch.waits) passOf(wait.seq).wait = wait
  for (const ending of batch.settle) {
    const pass = passOf(ending.seq)
    const { seq, n, frame } = pass.ending ?? ending
    if (pass.ending !== null && frame !== null) replaced.push({ seq, n, frame })
    Object.assign(pass, { ending, wait: null, takesBack: true })
  }
  return { passes, replaced }
}

function packRecords(records: readonly RecordFrame[]): Values {
  if (records.length === 0) return {}
  return {
    r_seq: arrayOf.int8(records.map(({ seq }) => seq)),
    r_n: arrayOf.int4(records.map(({ n }) => n)),
    r_frame: arrayOf.bytea(records.map(({ frame }) => frame)),
  }
}

type Code = (name: string) => number

function packPasses(passes: ReadonlyMap<number, Pass>, active: Active, code: Code): Values {
  if (passes.size === 0) return {}
  const endings: Settlement[] = []
  const waits: Wait[] = []
  const look: number[] = []
  const takeBack: number[] = []
  for (const [seq, { ending, wait, takesBack }] of passes) {
    if (ending !== null) endings.push(ending)
    else if (wait !== null) waits.push(wait)
    if (active.has(seq)) continue
    look.push(seq)
    if (takesBack) takeBack.push(seq)
  }
  return {
    ...(look.length > 0 ? { p_look: arrayOf.int8(look), p_take_back: arrayOf.int8(takeBack) } : {}),
    ...packEndings(endings, active),
    ...packWaits(waits, active, code),
  }
}

function packEndings(endings: readonly Settlement[], active: Active): Values {
  if (endings.length === 0) return {}
  const facts = endings.map(({ seq }) => active.get(seq))
  return {
    p_related: facts.some((each) => each !== undefined && each.made !== null),
    s_seq: arrayOf.int8(endings.map(({ seq }) => seq)),
    s_ending: arrayOf.int2(endings.map(({ ending }) => endingCode(ending))),
    s_ended_at: arrayOf.int8(endings.map(({ endedAt }) => endedAt)),
    s_attempt: arrayOf.int4(endings.map(({ attempt }) => attempt)),
    s_n: arrayOf.int4(endings.map(({ n }) => n)),
    s_reason: arrayOf.text(endings.map(({ reason }) => reason)),
    s_frame: arrayOf.bytea(endings.map(({ frame }) => frame)),
    s_home: arrayOf.int8(facts.map((each) => each?.home ?? null)),
    ...familyOf('s', facts),
  }
}

function packWaits(waits: readonly Wait[], active: Active, code: Code): Values {
  if (waits.length === 0) return {}
  const facts = waits.map(({ seq }) => active.get(seq))
  return {
    w_seq: arrayOf.int8(waits.map(({ seq }) => seq)),
    w_flow: arrayOf.int8(waits.map(({ flow }) => code(flow))),
    w_key: arrayOf.text(waits.map(({ key }) => key)),
    w_reason: arrayOf.int2(waits.map(({ reason }) => reasonCode(reason))),
    w_wake_at: arrayOf.int8(waits.map(({ wakeAt }) => wakeAt)),
    w_hold: arrayOf.bool(waits.map(({ hold }) => hold)),
    w_parent: arrayOf.int8(waits.map(({ parent }) => parent)),
    w_attempt: arrayOf.int4(waits.map(({ attempt }) => attempt)),
    w_home: arrayOf.int8(facts.map((each) => each?.home ?? null)),
    w_accepted_at: arrayOf.int8(facts.map((each) => each?.acceptedAt ?? null)),
    w_bytes: arrayOf.int4(facts.map((each) => each?.bytes ?? null)),
    w_partition: arrayOf.int2(facts.map((each) => each?.partition ?? null)),
    ...familyOf('w', facts),
  }
}

function familyOf(part: 's' | 'w', facts: readonly (Facts | undefined)[]): Values {
  if (facts.every((each) => (each?.made ?? null) === null)) return {}
  return {
    [`${part}_made`]: arrayOf.int8(facts.map((each) => each?.made ?? null)),
    [`${part}_path`]: arrayOf.text(facts.map((each) => each?.path ?? null)),
  }
}

function packCursors({ cursors }: Batch): Values {
  if (cursors.length === 0) return {}
  const last = [...new Map(cursors.map(({ name, value }) => [name, value]))]
  return {
    u_name: arrayOf.text(last.map(([name]) => name)),
    u_value: arrayOf.text(last.map(([, value]) => value)),
  }
}

function packMessages(messages: readonly NewMessage[], code: Code): Values {
  if (messages.length === 0) return {}
  return {
    m_flow: arrayOf.int8(messages.map(({ flow }) => code(flow))),
    m_version: arrayOf.int8(messages.map(({ codeVersion }) => code(codeVersion))),
    m_key: arrayOf.text(messages.map(({ key }) => key)),
    m_token: arrayOf.text(messages.map(({ token }) => token)),
    m_accepted_at: arrayOf.int8(messages.map(({ acceptedAt }) => acceptedAt)),
    m_headers: arrayOf.text(messages.map(({ headers }) => headersText(headers))),
    m_size: arrayOf.int4(messages.map(({ body }) => body.byteLength)),
    m_body: arrayOf.bytea(messages.map(({ body }) => body)),
    m_partition: arrayOf.int2(messages.map(({ partition }) => partition)),
    ...packHandOver(messages),
    ...(messages.some(({ ready }) => ready)
      ? { m_ready: arrayOf.bool(messages.map(({ ready }) => ready)) }
      : {}),
    ...packParents(messages),
  }
}

/** What was handed over before concerns messages that would run at once and may have the same key. */
function packHandOver(messages: readonly NewMessage[]): Values {
  const values: Values = {}
  if (messages.some(({ handOver }) => handOver))
    values.m_hand_over = arrayOf.bool(messages.map(({ handOver }) => handOver))
  const handed = messages.map(({ key, ready, parent, handedUpTo }) =>
    key === null || ready || parent !== null ? null : handedUpTo,
  )
  const known = handed.filter((place) => place !== null)
  if (known.length > 0) {
    values.m_handed = arrayOf.int8(handed)
    values.m_handed_least = known.reduce((least, place) => Math.min(least, place))
  }
  return values
}

function packParents(messages: readonly NewMessage[]): Values {
  const parents = messages.map(({ parent }) => parent)
  if (parents.every((parent) => parent === null)) return {}
  return {
    m_parent: arrayOf.int8(parents.map((parent) => parent?.seq ?? null)),
    m_parent_id: arrayOf.text(parents.map((parent) => parent?.id ?? null)),
    m_path: arrayOf.text(parents.map((parent) => parent?.path ?? null)),
    m_index: arrayOf.int8(parents.map((parent) => parent?.index ?? null)),
    m_awaited: arrayOf.bool(parents.map((parent) => parent?.awaited ?? null)),
  }
}

function headersText(headers: Readonly<Record<string, string>>): string {
  for (const _name in headers) return JSON.stringify(headers)
  return '{}'
}

function packDedupe(messages: readonly NewMessage[]): Values {
  const found = messages.flatMap(({ dedupe, token, parent }, at) =>
    dedupe === null ? [] : [{ ...dedupe, at: at + 1, token, child: idOfChild(parent) }],
  )
  if (found.length === 0) return {}
  return {
    d_at: arrayOf.int4(found.map(({ at }) => at)),
    d_id: arrayOf.uuid(found.map(({ scope, key }) => digestOf(scope, key))),
    d_scope: arrayOf.text(found.map(({ scope }) => scope)),
    d_key: arrayOf.text(found.map(({ key }) => key)),
    d_until: arrayOf.int8(found.map(({ until }) => until)),
    d_token: arrayOf.text(found.map(({ token }) => token)),
    d_child: arrayOf.text(found.map(({ child }) => child)),
  }
}

function idOfChild(parent: NewMessage['parent']): string | null {
  return parent === null ? null : childId(parent.id, parent.path, parent.index)
}

function packIndex(messages: readonly NewMessage[]): Values {
  const found = messages.flatMap(({ index }, at) =>
    Object.entries(index ?? {}).map(([field, value]) => ({ at: at + 1, field, value })),
  )
  if (found.length === 0) return {}
  return {
    i_at: arrayOf.int4(found.map(({ at }) => at)),
    i_field: arrayOf.text(found.map(({ field }) => field)),
    i_value: arrayOf.text(found.map(({ value }) => value)),
  }
}

/** Children that the same batch has twice: the database sees the first, and the others are answered as its repeats. */
function foldSiblings(accept: readonly NewMessage[]): {
  readonly messages: readonly NewMessage[]
  /** For the position of each repeat the position of its first among `messages`. */
  readonly repeats: ReadonlyMap<number, number>
} {
  const repeats = new Map<number, number>()
  if (accept.every(({ parent }) => parent === null)) return { messages: accept, repeats }
  const firsts = new Map<string, number>()
  const messages: NewMessage[] = []
  for (const [at, message] of accept.entries()) {
    const { parent } = message
    const name = parent === null ? null : `${parent.seq}:${parent.index}:${parent.path}`
    const first = name === null ? undefined : firsts.get(name)
    if (first !== undefined) {
      repeats.set(at, first)
      continue
    }
    if (name !== null) firsts.set(name, messages.length)
    messages.push(message)
  }
  return { messages, repeats }
}

type Repeat = readonly [at: number, seq: number, token: string | null, child: string | null]

function answersOf(
  messages: readonly NewMessage[],
  { first, repeats, behind }: Answer,
): readonly AcceptedAt[] {
  const late = new Set(behind)
  const found = new Map(
    repeats === null ? [] : (JSON.parse(repeats) as readonly Repeat[]).map((repeat) => [repeat[0], repeat]),
  )
  let next = first ?? 0
  return messages.map(({ parent }, at) => {
    const repeat = found.get(at + 1)
    if (repeat === undefined) {
      const seq = next++
      return late.has(at + 1) ? { seq, duplicateOf: null, behind: true } : { seq, duplicateOf: null }
    }
    const [, seq, token, child] = repeat
    const id = idOf(seq, token, child === null && token === null ? idOfChild(parent) : child)
    return { seq, duplicateOf: { seq, id } }
  })
}

function idOf(seq: number, token: string | null, child: string | null): string {
  return child === null ? rootId(seq, fromText(token ?? '')) : fromText(child)
}

function withSiblings(
  accept: readonly NewMessage[],
  answers: readonly AcceptedAt[],
  repeats: ReadonlyMap<number, number>,
): readonly AcceptedAt[] {
  if (repeats.size === 0) return answers
  let next = 0
  return accept.map(({ parent }, at) => {
    const first = repeats.get(at)
    if (first === undefined) return answers[next++] as AcceptedAt
    const { seq } = answers[first] as AcceptedAt
    return { seq, duplicateOf: { seq, id: idOfChild(parent) as string } }
  })
}

/** A message that runs from now on. */
function begin(active: Active, message: NewMessage, at: AcceptedAt, names: Names): void {
  if (at.duplicateOf !== null || message.ready || at.behind) return
  const { flow, parent, acceptedAt, body, partition } = message
  active.set(at.seq, {
    home: names.codeOf(flow),
    made: parent?.seq ?? null,
    path: parent?.path ?? null,
    acceptedAt,
    bytes: body.byteLength,
    partition,
  })
}
