/** What the logs say of the promises. It knows the flows from the outside: which effects a message must have. */
import { checkOrder } from './check-order.ts'
import { type Figures, figuresOf } from './figures.ts'
import {
  DELAY_MS,
  type EngineLine,
  type FlowName,
  type LoadLine,
  type SinkKind,
  type SinkLine,
  shaped,
  sieved,
} from './protocol.ts'
import { type Logs, named, type Sent } from './sent.ts'

/** In what way a promise was broken. */
export type ViolationKind =
  /** An effect of an accepted message did not happen. */
  | 'missing'
  /** An effect happened more often than once where it can happen once. */
  | 'doubled'
  /** An effect came after one of a later message of its key. */
  | 'order'
  /** An effect, or a message, that nothing sent accounts for. */
  | 'unfounded'
  /** A message that never ended. */
  | 'stuck'
  /** An effect with the wrong content. */
  | 'content'
  /** A state that was not counted up once by each message. */
  | 'counter'
  /** A message ended as it must not have. */
  | 'ending'
  /** The engine's own counts do not add up. */
  | 'ledger'
  /** A reply that is not the message's. */
  | 'reply'

export interface Violation {
  readonly kind: ViolationKind
  readonly says: string
}

/** What was counted, and what was found. */
export interface Verdict {
  readonly violations: readonly Violation[]
  readonly figures: Figures
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

interface Expected {
  readonly sink: SinkKind
  readonly item: string
  /** Null where it is not known from the message alone. */
  readonly value: number | null
}

const one = (sink: SinkKind, value: number | null, item = ''): Expected => ({ sink, item, value })

/** The effects that a message has when all goes well. */
const EXPECTED: Readonly<Record<FlowName, (sent: Sent) => readonly Expected[]>> = {
  natural: ({ n }) => [one('natural', shaped(n))],
  keyed: ({ n }) => [one('key', shaped(n))],
  verified: ({ n }) => [one('verify', shaped(n))],
  bare: ({ n }) => [one('none', shaped(n))],
  chain: ({ n }) => [
    one('none', shaped(n), '1'),
    one('verify', shaped(n) + 1, '2'),
    one('key', shaped(n) + 2, '3'),
  ],
  split: ({ items }) => [
    ...Array.from({ length: items }, (_, item) => one('key', item + 1, String(item))),
    one('key', (items * (items + 1)) / 2, 'joined'),
  ],
  later: ({ n }) => [one('key', shaped(n))],
  once: ({ n }) => [one('key', shaped(n))],
  first: ({ n }) => [one('key', shaped(n))],
  counter: () => [one('key', null)],
  relay: ({ n }) => [one('key', shaped(n))],
  ask: ({ n }) => [one('key', shaped(n))],
  sieve: ({ n }) => (sieved(n) === 'done' ? [one('natural', shaped(n))] : []),
}

const MOST_SHOWN = 12

/** Checks all promises over the logs of a run. */
export function check(logs: Logs): Verdict {
  const violations: Violation[] = []
  const told = new Map<ViolationKind, number>()
  const report = (kind: ViolationKind, says: string): void => {
    const times = (told.get(kind) ?? 0) + 1
    told.set(kind, times)
    if (times <= MOST_SHOWN) violations.push({ kind, says })
    if (times === MOST_SHOWN + 1) violations.push({ kind, says: 'and more of this kind' })
  }
  const all = gather(logs, report)
  const setAhead = setAheadIn(logs)
  for (const sent of all.values()) checkMessage(sent, setAhead, report)
  const lateAfterStops = checkOrder(logs, all, (says) => report('order', says))
  checkCounters(logs.sinks, report)
  checkLedger(logs.engine, all, report)
  checkKeptReplies(logs.engine, all, report)
  return { violations, figures: figuresOf(logs, all, lateAfterStops) }
}

type Report = (kind: ViolationKind, says: string) => void

function gather({ load, sinks, engine }: Logs, report: Report): ReadonlyMap<number, Sent> {
  const all = new Map<number, Mutable<Sent>>()
  for (const line of load) {
    const known = all.get(line.n)
    if (line.t === 'sent') {
      if (known) known.times += 1
      else all.set(line.n, fresh(line))
    } else if (!known) report('unfounded', `an answer to ${line.n}, which was never sent`)
    else if (line.t === 'accepted') {
      known.ids.add(line.id)
      if (line.reply !== undefined) known.reply = line.reply
    } else if (line.t === 'unknown') known.unknown += 1
  }
  for (const line of sinks) {
    const known = all.get(line.n)
    if (!known || known.flow !== line.flow)
      report('unfounded', `${line.t} at ${line.sink} of ${line.flow} ${line.n}, which was never sent`)
    else if (line.t === 'fault') known.faults += 1
    else if (line.t === 'effect') addEffect(known, line)
    else if (!line.same) report('content', `${named(known)}: the key was used again for another request`)
  }
  for (const line of engine) {
    if (line.t !== 'ending') continue
    const known = all.get(line.n)
    if (known) known.ending = line
    else report('unfounded', `the engine has a message ${line.id} (${line.n}), which was never sent`)
  }
  return all
}

function fresh({ flow, n, key, at, items = 0 }: Extract<LoadLine, { t: 'sent' }>): Mutable<Sent> {
  return {
    flow,
    n,
    key,
    at,
    items,
    times: 1,
    ids: new Set(),
    unknown: 0,
    reply: undefined,
    effects: new Map(),
    faults: 0,
    ending: null,
  }
}

function addEffect(sent: Sent, { sink, item, value, at }: Extract<SinkLine, { t: 'effect' }>): void {
  const place = `${sink} ${item}`
  const before = sent.effects.get(place)
  if (before) before.push({ value, at })
  else sent.effects.set(place, [{ value, at }])
}

/** Whether the clock that an engine goes by was set ahead within a time. */
type SetAhead = (from: number, to: number) => boolean

/** Engines that share a journal go by its clock, which nobody sets; one on a file of its own by the machine's. */
function setAheadIn({ rig }: Logs): SetAhead {
  if (rig.some((line) => line.t === 'run' && line.journal !== 'sqlite')) return () => false
  let before = 0
  const steps = rig.flatMap((line) => {
    if (line.t !== 'clock' && line.t !== 'ahead') return []
    const isAhead = line.offsetMs > before
    before = line.offsetMs
    return isAhead ? [line.at] : []
  })
  return (from, to) => steps.some((at) => at >= from && at <= to)
}

function checkMessage(sent: Sent, setAhead: SetAhead, report: Report): void {
  const { flow, n, ids, effects, ending, unknown } = sent
  const accepted = ids.size > 0
  if (effects.size > 0 && !accepted && unknown === 0)
    report('unfounded', `${named(sent)} was refused each time and took effect`)
  if (flow === 'once' && ids.size > 1)
    report('doubled', `${named(sent)}: one delivery became the messages ${[...ids].join(', ')}`)
  const expected = EXPECTED[flow](sent)
  checkEnding(sent, report)
  const begun = expected.some(({ sink, item }) => effects.has(`${sink} ${item}`))
  // Of a message whose acceptance is unknown, all must have happened or nothing.
  for (const each of expected) if (accepted || begun) checkEffect(sent, each, report)
  const known = new Set(expected.map(({ sink, item }) => `${sink} ${item}`))
  for (const place of effects.keys())
    if (!known.has(place)) report('unfounded', `${named(sent)} had the effect "${place}"`)
  if (flow === 'later')
    for (const { at } of effects.get('key ') ?? [])
      if (at < sent.at + DELAY_MS && !setAhead(sent.at, at))
        report('order', `${named(sent)} waited ${at - sent.at} ms only`)
  if (sent.reply !== undefined && JSON.stringify(sent.reply) !== JSON.stringify({ n, echo: shaped(n) }))
    report('reply', `${named(sent)} was answered ${JSON.stringify(sent.reply)}`)
  if (ending?.ending === 'live') report('stuck', `${named(sent)}: ${ending.id} has not ended`)
}

function checkEnding({ ending, ...sent }: Sent, report: Report): void {
  const poisoned = sent.flow === 'sieve' && sieved(sent.n) === 'dead'
  if (poisoned && sent.ids.size > 0 && ending?.ending !== 'dead')
    report('ending', `${named(sent)} is poison and no dead letter`)
  if (ending === null || ending.ending === 'live') return
  const allowed = poisoned ? 'dead' : sent.flow === 'bare' || sent.flow === 'chain' ? 'inDoubt' : null
  if (ending.ending !== allowed)
    report('ending', `${named(sent)} ended as ${ending.ending}: ${ending.reason}`)
}

function checkEffect(sent: Sent, { sink, item, value }: Expected, report: Report): void {
  const happened = sent.effects.get(`${sink} ${item}`) ?? []
  const what = `${named(sent)} at ${sink}${item === '' ? '' : ` (${item})`}`
  const doubtful = sent.ending?.ending === 'inDoubt'
  if (happened.length === 0 && !doubtful && sent.ending?.ending !== 'live') report('missing', what)
  // Nobody resolved a doubt: what is in doubt was not sent again, so it may be there once or not at all.
  if (happened.length > 1 && sink !== 'natural') report('doubled', `${what}: ${happened.length} times`)
  if (doubtful && sink !== 'none' && happened.length > 0)
    report('ending', `${what}: took effect although an earlier call is in doubt`)
  for (const each of happened)
    if (value !== null && each.value !== value)
      report('content', `${what}: the value is ${each.value}, not ${value}`)
}

/** Each message of `counter` must have seen the count that the one before it left. */
function checkCounters(sinks: readonly SinkLine[], report: Report): void {
  const counts = new Map<string, number>()
  for (const line of sinks) {
    if (line.t !== 'effect' || line.flow !== 'counter') continue
    const before = counts.get(line.key) ?? 0
    if (line.value !== before + 1) report('counter', `${named(line)} counted ${line.value} after ${before}`)
    counts.set(line.key, line.value)
  }
}

const LIVE = ['active', 'waiting']

function checkLedger(engine: readonly EngineLine[], all: ReadonlyMap<number, Sent>, report: Report): void {
  const bounds = new Map<string, { least: number; most: number }>()
  const add = (flow: string, least: number, most: number): void => {
    const bound = bounds.get(flow) ?? { least: 0, most: 0 }
    bounds.set(flow, { least: bound.least + least, most: bound.most + most })
  }
  for (const { flow, ids, unknown, effects } of all.values()) {
    add(flow, ids.size, flow === 'once' ? Math.max(ids.size, Math.min(1, unknown)) : ids.size + unknown)
    if (flow === 'relay') add('relayed', effects.size, effects.size)
  }
  const counted = engine.filter((line) => line.t === 'flow')
  if (counted.length === 0) report('ledger', 'the engine was not asked for its counts')
  for (const { flow, messages } of counted) {
    const total = Object.values(messages).reduce((sum, count) => sum + count, 0)
    const { least, most } = bounds.get(flow) ?? { least: 0, most: 0 }
    if (total < least || total > most)
      report('ledger', `${flow} has ${total} messages, and ${least} to ${most} were accepted`)
    const live = LIVE.reduce((sum, state) => sum + (messages[state] ?? 0), 0)
    if (live > 0) report('stuck', `${live} messages of ${flow} have not ended`)
  }
}

/** What was answered must be what is kept. */
function checkKeptReplies(
  engine: readonly EngineLine[],
  all: ReadonlyMap<number, Sent>,
  report: Report,
): void {
  const kept = new Map(engine.flatMap((line) => (line.t === 'reply' ? [[line.id, line.reply] as const] : [])))
  for (const sent of all.values())
    for (const id of sent.ids) {
      if (!kept.has(id)) continue
      const wanted = { n: sent.n, echo: shaped(sent.n) }
      if (JSON.stringify(kept.get(id)) !== JSON.stringify(wanted))
        report('reply', `${named(sent)}: the reply that is kept is ${JSON.stringify(kept.get(id))}`)
    }
}
