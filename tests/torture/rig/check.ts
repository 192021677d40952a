/** What the logs say of the promises. It knows the flows from the outside: which effects a message must have. */
import {
  DELAY_MS,
  type EngineLine,
  type FlowName,
  type LoadLine,
  type RigLine,
  type SinkKind,
  type SinkLine,
  shaped,
  sieved,
} from './protocol.ts'

/** The logs of a run. */
export interface Logs {
  readonly load: readonly LoadLine[]
  readonly sinks: readonly SinkLine[]
  readonly engine: readonly EngineLine[]
  readonly rig: readonly RigLine[]
}

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
  readonly figures: {
    readonly engines: number
    readonly kills: number
    readonly killsWhileStarting: number
    /** Engines that were stopped and went on later, and for how long. */
    readonly zombies: number
    readonly longestStopMs: number
    readonly databaseKills: number
    /** Engines that ended by themselves as they started while the database was down. */
    readonly gone: number
    readonly sent: number
    readonly accepted: number
    readonly refused: number
    readonly unknown: number
    readonly effects: Readonly<Record<SinkKind, number>>
    readonly naturalRepeats: number
    readonly repeats: number
    readonly faults: number
    readonly inDoubt: number
    readonly inDoubtWithoutFault: number
    readonly dead: number
    readonly recoveryMs: Times
    /** From the end of the database until something was accepted again. */
    readonly databaseMs: Times
  }
}

interface Times {
  readonly median: number
  readonly p99: number
  readonly max: number
}

/** What is known of one number that was sent. */
interface Sent {
  readonly flow: FlowName
  readonly n: number
  readonly key: string
  readonly at: number
  readonly items: number
  readonly times: number
  readonly ids: Set<string>
  readonly unknown: number
  readonly reply: unknown
  /** By sink and item: the values that arrived. */
  readonly effects: Map<string, { readonly value: number; readonly at: number }[]>
  readonly faults: number
  readonly ending: Extract<EngineLine, { t: 'ending' }> | null
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

/** Flows whose messages may overtake each other: a delay frees the key. */
const UNORDERED: ReadonlySet<FlowName> = new Set<FlowName>(['later'])
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
  for (const sent of all.values()) checkMessage(sent, report)
  checkOrder(logs.sinks, all, enginesOf(logs) > 1, report)
  checkCounters(logs.sinks, report)
  checkLedger(logs.engine, all, report)
  checkKeptReplies(logs.engine, all, report)
  return { violations, figures: figuresOf(logs, all) }
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

const named = ({ flow, n, key }: Pick<Sent, 'flow' | 'n' | 'key'>): string => `${flow} ${n} (key ${key})`

function checkMessage(sent: Sent, report: Report): void {
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
      if (at < sent.at + DELAY_MS) report('order', `${named(sent)} waited ${at - sent.at} ms only`)
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

/**
 * Of a message whose acceptance nobody saw, several engines may know another place than its sender thinks: it was given
 * up and the next one sent, to another engine, before the commit came through. One engine commits in the order of sending.
 */
function checkOrder(
  sinks: readonly SinkLine[],
  all: ReadonlyMap<number, Sent>,
  several: boolean,
  report: Report,
): void {
  const last = new Map<string, number>()
  for (const line of sinks) {
    if (line.t !== 'effect' || UNORDERED.has(line.flow)) continue
    const before = last.get(line.key) ?? 0
    const seen = (all.get(line.n)?.ids.size ?? 0) > 0
    if (line.n >= before) last.set(line.key, line.n)
    else if (seen || !several) report('order', `${named(line)} at ${line.sink} came after ${before}`)
  }
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

function figuresOf({ load, sinks, engine, rig }: Logs, all: ReadonlyMap<number, Sent>): Verdict['figures'] {
  const count = <T>(lines: readonly T[], fits: (line: T) => boolean): number =>
    lines.reduce((sum, line) => sum + (fits(line) ? 1 : 0), 0)
  const effectsAt = (sink: SinkKind): number =>
    count(sinks, (line) => line.t === 'effect' && line.sink === sink)
  const kills = rig.filter((line) => line.t === 'kill')
  const timesOf = (t: 'ready' | 'continued' | 'database back'): Times =>
    spread(rig.flatMap((line) => (line.t === t ? [line.ms] : [])))
  const doubts = [...all.values()].filter(({ ending }) => ending?.ending === 'inDoubt')
  let naturalRepeats = 0
  for (const { effects } of all.values())
    for (const [place, times] of effects) if (place.startsWith('natural')) naturalRepeats += times.length - 1
  return {
    engines: enginesOf({ rig }),
    kills: kills.length,
    killsWhileStarting: count(kills, ({ when }) => when === 'starting'),
    zombies: count(rig, ({ t }) => t === 'continued'),
    longestStopMs: timesOf('continued').max,
    databaseKills: count(rig, ({ t }) => t === 'database killed'),
    gone: count(rig, ({ t }) => t === 'gone'),
    sent: count(load, ({ t }) => t === 'sent'),
    accepted: [...all.values()].reduce((sum, { ids }) => sum + ids.size, 0),
    refused: count(load, ({ t }) => t === 'refused'),
    unknown: count(load, ({ t }) => t === 'unknown'),
    effects: {
      natural: effectsAt('natural'),
      key: effectsAt('key'),
      verify: effectsAt('verify'),
      none: effectsAt('none'),
    },
    naturalRepeats,
    repeats: count(sinks, ({ t }) => t === 'repeat'),
    faults: count(sinks, ({ t }) => t === 'fault'),
    inDoubt: doubts.length,
    inDoubtWithoutFault: count(doubts, ({ faults }) => faults === 0),
    dead: count(engine, (line) => line.t === 'ending' && line.ending === 'dead'),
    recoveryMs: timesOf('ready'),
    databaseMs: timesOf('database back'),
  }
}

function enginesOf({ rig }: Pick<Logs, 'rig'>): number {
  return rig.find((line) => line.t === 'run')?.engines ?? 1
}

function spread(given: readonly number[]): Times {
  const sorted = given.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { median: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 }
}
