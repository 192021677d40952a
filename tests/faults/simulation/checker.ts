/**
 * Judges a run by logs of its own: what was sent and acknowledged, and what took effect in the systems. What the engine
 * says of itself is held against them, and used only to tell whether a message was accepted that nobody heard of.
 */
import { isDeepStrictEqual } from 'node:util'
import { parseMessageId } from 'linkspan'
import { checkCounts } from './check-counts.ts'
import { checkTicks } from './check-ticks.ts'
import type { Evidence, Known, Report } from './evidence.ts'
import { EXPECTED, type Expected, endingsOf, isOrdered } from './expected.ts'
import { SAMPLED } from './flows.ts'
import { rootOf } from './operator.ts'
import type { Sent } from './sender.ts'
import { type Effect, type Sunk, shown } from './systems.ts'

/** Reports every promise that was broken. */
export function check(evidence: Evidence, report: Report): void {
  const known = knownMessages(evidence, report)
  const byNumber = new Map<number, Effect[]>()
  for (const effect of evidence.effects) {
    const all = byNumber.get(effect.input.n)
    if (all) all.push(effect)
    else byNumber.set(effect.input.n, [effect])
  }
  for (const sent of evidence.sent)
    checkMessage(sent, known.get(sent.n) ?? null, byNumber.get(sent.n) ?? [], evidence, report)
  checkSame(known, byNumber, report)
  checkFed(evidence, byNumber, report)
  checkTicks(evidence, report)
  checkOrder(evidence, known, report)
  checkWhole(evidence, report)
  checkCounters(known, byNumber, report)
  checkCounts(evidence, known, report)
}

/** Which messages were accepted: those that were acknowledged, and those found of whom nobody heard. */
function knownMessages({ sent, observed }: Evidence, report: Report): ReadonlyMap<number, Known> {
  const known = new Map<number, Known>()
  for (const each of sent) {
    const found = each.ids.size > 0 ? each.ids : new Set(observed.byNumber.get(each.n) ?? [])
    const [id] = found
    if (found.size > 1)
      report('doubled', `${named(each)} was accepted more than once, as ${[...found].join(' and ')}`)
    if (id === undefined && each.unknown === 0)
      report('stuck', `${named(each)} was neither acknowledged nor given up`)
    if (id !== undefined) known.set(each.n, { sent: each, id })
  }
  return known
}

export const named = ({ flow, n, body }: Sent): string => `${flow} ${n} (key ${body.key})`

export const seqOf = (id: string): number => parseMessageId(rootOf(id)).seq

function checkMessage(
  sent: Sent,
  known: Known | null,
  effects: readonly Effect[],
  evidence: Evidence,
  report: Report,
): void {
  if (known === null) {
    for (const effect of effects) report('unfounded', `${named(sent)} was not accepted: ${shown(effect)}`)
    if (sent.replies.length > 0) report('unfounded', `${named(sent)} was not accepted, and was replied to`)
    return
  }
  const expected = EXPECTED[sent.flow](sent.body)
  const places = new Map<string, Effect[]>()
  for (const effect of effects) {
    const place = placeOf(effect.input.flow, effect.system, effect.input)
    places.set(place, [...(places.get(place) ?? []), effect])
    if (effect.input.flow === sent.flow && rootOf(effect.messageId) !== known.id)
      report('unfounded', `${named(sent)} was accepted as ${known.id}: ${shown(effect)}`)
  }
  for (const each of expected) {
    const place = placeOf(each.flow, each.system, each)
    checkEffect(known, each, places.get(place) ?? [], evidence, report)
    places.delete(place)
  }
  for (const [effect] of places.values())
    if (effect) report('unfounded', `${named(sent)} must not have: ${shown(effect)}`)
  if (sent.flow === 'balanced' && effects.length !== 1)
    report(
      effects.length === 0 ? 'missing' : 'doubled',
      `${named(sent)} was taken by ${effects.length} targets`,
    )
  if (sent.flow === 'spare') checkSpare(known, effects, evidence, report)
  if (sent.flow === 'later' || sent.flow === 'held') checkDelay(sent, effects, evidence, report)
  if (sent.flow === 'ask') checkReplies(known, evidence, report)
  checkEnding(known, evidence, report)
}

const placeOf = (flow: string, system: string, { step, item }: Pick<Sunk, 'step' | 'item'>): string =>
  `${flow} ${step} ${item} at ${system}`

function checkEffect(
  { sent, id }: Known,
  { flow, system, step, item, value, need }: Expected,
  happened: readonly Effect[],
  { disturbed, interrupted, aside }: Evidence,
  report: Report,
): void {
  const what = `${named(sent)} at ${placeOf(flow, system, { step, item })}`
  if (happened.length === 0 && (need === 'once' || need === 'repeated')) report('missing', what)
  if (happened.length > 1 && (need === 'once' || need === 'perhaps'))
    report('doubled', `${what}: ${happened.length} times, ${happened.map(shown).join(' and ')}`)
  const cause = interrupted || happened.some(({ messageId }) => disturbed.has(messageId))
  if (happened.length > 1 && !cause)
    report('doubled', `${what}: ${happened.length} times, and nothing went wrong`)
  // A child in doubt does not hold its parent: what is joined meanwhile lacks it.
  if (value === null || (step === 'joined' && aside.has(id))) return
  for (const { input } of happened)
    if (input.value !== value) report('content', `${what}: the value is ${input.value}, not ${value}`)
}

function checkSpare(
  { sent, id }: Known,
  effects: readonly Effect[],
  { disturbed, interrupted }: Evidence,
  report: Report,
): void {
  const at = (step: string): boolean => effects.some(({ input }) => input.step === step)
  if (!at('put') && !at('instead'))
    report('missing', `${named(sent)}: neither its call nor what stands for it`)
  if (at('put') && at('instead') && !disturbed.has(id) && !interrupted)
    report('doubled', `${named(sent)}: its call was made and replaced`)
}

function checkDelay(
  { sentAt, body, ...sent }: Sent,
  effects: readonly Effect[],
  { skew }: Evidence,
  report: Report,
): void {
  if (sentAt === null) return
  for (const { at, input } of effects)
    if (input.step === 'put' && at < sentAt + body.delayMs - skew)
      report('order', `${sent.flow} ${sent.n} waited ${at - sentAt} ms, not ${body.delayMs}`)
}

function checkReplies({ sent, id }: Known, { observed, again, aside }: Evidence, report: Report): void {
  if (sent.unanswered > 0 && !aside.has(id))
    report('reply', `${named(sent)} was said to have ended without a reply, and never had ended so`)
  const wanted = { n: sent.n, echo: EXPECTED.ask(sent.body)[0]?.value }
  const kept = [observed, again].map(({ replies }) => replies.get(id))
  const [first] = kept.map((reply) => JSON.stringify(reply))
  if (!isDeepStrictEqual({ ...(kept[0] as object), ticket: undefined }, { ...wanted, ticket: undefined }))
    report('reply', `${named(sent)} was replied ${first}, not ${JSON.stringify(wanted)}`)
  for (const reply of [...sent.replies, ...kept].map((each) => JSON.stringify(each)))
    if (reply !== first) report('reply', `${named(sent)} was replied ${reply}, and what is kept is ${first}`)
}

function checkEnding({ sent, id }: Known, { observed, effects }: Evidence, report: Report): void {
  const state = observed.messages.find((message) => message.id === id)?.state
  const allowed = endingsOf(sent.flow, sent.body)
  if (state === undefined) report('missing', `${named(sent)}: the engine does not know ${id}`)
  else if (state === 'active' || state === 'waiting') report('stuck', `${named(sent)} is ${state}`)
  else if (!allowed.includes(state)) report('ending', `${named(sent)} ended as ${state}`)
  if (sent.flow === 'limited' && state === 'done' && !effects.some(({ messageId }) => messageId === id))
    report('missing', `${named(sent)} is done in time, and had no effect`)
}

/** Of messages that are the same to them, `once` lets the first go on and no other, and `paced` each third. */
function checkSame(
  known: ReadonlyMap<number, Known>,
  byNumber: ReadonlyMap<number, readonly Effect[]>,
  report: Report,
): void {
  for (const [flow, letThrough] of [
    ['once', () => 1],
    ['paced', (count: number) => Math.floor(count / SAMPLED)],
  ] as const) {
    const groups = new Map<number, { readonly count: number; readonly times: number }>()
    for (const { sent } of known.values()) {
      if (sent.flow !== flow) continue
      const { count, times } = groups.get(sent.body.same) ?? { count: 0, times: 0 }
      const more = byNumber.get(sent.n)?.length ?? 0
      groups.set(sent.body.same, { count: count + 1, times: times + more })
    }
    for (const [same, { count, times }] of groups) {
      const due = letThrough(count)
      if (times !== due)
        report(
          times < due ? 'missing' : 'doubled',
          `"${flow}" let ${times} through of the ${count} that are ${same}, not ${due}`,
        )
    }
  }
}

function checkFed(
  { fed, observed }: Evidence,
  byNumber: ReadonlyMap<number, readonly Effect[]>,
  report: Report,
): void {
  for (const item of fed) {
    const happened = byNumber.get(item.n) ?? []
    if (happened.length !== 1)
      report(
        happened.length === 0 ? 'missing' : 'doubled',
        `what was fed as ${item.n} took effect ${happened.length} times`,
      )
    for (const { input } of happened)
      if (JSON.stringify(input) !== JSON.stringify(item))
        report('content', `what was fed as ${item.n} arrived otherwise`)
  }
  const taken = observed.messages.filter(({ flow }) => flow === 'feed').length
  if (taken !== fed.length) report('ledger', `${fed.length} were fed, and the engine has ${taken} of them`)
}

/** Effects of a key come in the order of acceptance; those of what stepped aside may come later. */
function checkOrder({ effects, aside }: Evidence, known: ReadonlyMap<number, Known>, report: Report): void {
  const last = new Map<string, { readonly seq: number; readonly effect: Effect }>()
  const inOrder = (lane: string, seq: number, effect: Effect): void => {
    const before = last.get(lane)
    if (before && seq < before.seq) report('order', `${shown(effect)} came after ${shown(before.effect)}`)
    else last.set(lane, { seq, effect })
  }
  for (const effect of effects) {
    const { flow, key, step, n } = effect.input
    if (aside.has(rootOf(effect.messageId)) || !isOrdered(flow, step)) continue
    inOrder(`${flow} ${key}`, seqOf(effect.messageId), effect)
    const source = known.get(n)
    // What is put on a channel keeps the order of those that put it there.
    if (source?.sent.flow === 'relay' && !aside.has(source.id))
      inOrder(`${flow} ${key} by source`, seqOf(source.id), effect)
  }
}

/** Behind a step that puts messages in order, one of a key is done before the next begins. */
function checkWhole({ effects, aside }: Evidence, report: Report): void {
  const begun = new Map<string, Effect>()
  for (const effect of effects) {
    const { flow, key, step } = effect.input
    if (flow !== 'ordered' || aside.has(rootOf(effect.messageId))) continue
    const before = begun.get(key)
    if (before && rootOf(before.messageId) !== rootOf(effect.messageId))
      report('order', `${shown(effect)} came before that was done which had begun: ${shown(before)}`)
    if (step === 'first') begun.set(key, effect)
    else begun.delete(key)
  }
}

/** Each message of `counter` saw the count that the one before it left. */
function checkCounters(
  known: ReadonlyMap<number, Known>,
  byNumber: ReadonlyMap<number, readonly Effect[]>,
  report: Report,
): void {
  const counts = new Map<string, number>()
  const counted = [...known.values()].filter(({ sent }) => sent.flow === 'counter')
  for (const { sent } of counted.toSorted((a, b) => seqOf(a.id) - seqOf(b.id))) {
    const count = (counts.get(sent.body.key) ?? 0) + 1
    counts.set(sent.body.key, count)
    const value = byNumber.get(sent.n)?.[0]?.input.value
    if (value !== undefined && value !== count)
      report('content', `${named(sent)} counted ${value}, not ${count}`)
  }
}
