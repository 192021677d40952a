/** Holds what a run left behind against the reference. */
import type { MessageSummary } from 'linkspan'
import type { Report } from '../simulation/evidence.ts'
import type { Network } from '../simulation/network.ts'
import type { Observation } from '../simulation/observe.ts'
import type { Effect, Systems } from '../simulation/systems.ts'
import { raiserOf } from './build.ts'
import type { Recipe } from './recipe.ts'
import type { Pool, Reference } from './reference.ts'
import { type Expected, isUncertain, type Message } from './walk.ts'

/** What a run left behind. */
export interface Found {
  readonly systems: Systems
  readonly network: Network
  /** The lines of `log` steps. */
  readonly lines: readonly { readonly flow: string; readonly step: string; readonly who: string }[]
  /** What the last engine says, and what one says that was started after it. */
  readonly observed: Observation
  readonly again: Observation
  /** Replies by the ids of their messages, and these ids by the messages' numbers. */
  readonly replies: ReadonlyMap<string, unknown>
  readonly ids: ReadonlyMap<number, string>
  /** Whether an engine was ever killed or stopped. */
  readonly interrupted: boolean
}

/** Effects by where they belong, in the order in which they took effect. */
type Places = Map<string, { readonly effect: Effect; readonly at: number }[]>

/** Reports everything that is not as the reference says. */
export function check(reference: Reference, recipe: Recipe, found: Found, report: Report): void {
  const places: Places = new Map()
  found.systems.effects.forEach((effect, at) => {
    const { flow, step, n, item } = effect.input
    const place = placeOf({ flow, step, n, item, system: effect.system })
    places.set(place, [...(places.get(place) ?? []), { effect, at }])
  })
  const poolSteps = new Set(reference.pools.map(({ flow, step }) => `${flow} ${step}`))
  const first = checkEffects(reference.expected, places, found, report)
  checkAfter(first, report)
  checkStreams(first, report)
  checkCounts(first, found, report)
  checkChoices(reference.expected, first, report)
  for (const pool of reference.pools) checkPool(pool, found.systems.effects, report)
  const known = new Set(reference.expected.map(placeOf))
  for (const [place, happened] of places)
    for (const { effect } of known.has(place) ? [] : happened)
      if (!poolSteps.has(`${effect.input.flow} ${effect.input.step}`)) report('unfounded', shown(effect))
  checkLog(reference, found, report)
  checkEndings(reference, recipe, found, report)
  checkAgain(found, report)
}

const placeOf = ({
  flow,
  step,
  n,
  item,
  system,
}: Pick<Expected, 'flow' | 'step' | 'n' | 'item' | 'system'>): string =>
  `${flow}: ${step} of ${n}${item === '' ? '' : `/${item}`} at ${system}`

const shown = ({ system, messageId, input }: Effect): string =>
  `${placeOf({ ...input, system })}, value ${input.value}, by ${messageId}`

/** What was to happen and did, with when it happened first. */
type Firsts = ReadonlyMap<Expected, { readonly at: number; readonly effect: Effect }>

function checkEffects(
  expected: readonly Expected[],
  places: Places,
  { interrupted, network }: Found,
  report: Report,
): Firsts {
  const firsts = new Map<Expected, { readonly at: number; readonly effect: Effect }>()
  for (const each of expected) {
    const happened = places.get(placeOf(each)) ?? []
    const [first] = happened
    if (first === undefined) {
      if (each.choice === null && !isUncertain(each.by)) report('missing', placeOf(each))
      continue
    }
    firsts.set(each, first)
    const mayRepeat =
      (each.system === 'natural' || each.system === 'none') &&
      (interrupted || network.disturbed.has(first.effect.messageId))
    if (happened.length > 1 && !mayRepeat) report('doubled', `${placeOf(each)}: ${happened.length} times`)
    for (const { effect } of happened) {
      const { key, value } = effect.input
      if (key !== each.key || (each.value !== null && each.value !== value))
        report('content', `${shown(effect)}, and not ${each.value} with the key ${each.key}`)
    }
  }
  return firsts
}

/** Within a message, one step after the other. */
function checkAfter(firsts: Firsts, report: Report): void {
  for (const [each, { at }] of firsts)
    for (const before of each.after) {
      const first = firsts.get(before)
      if (first !== undefined && first.at > at)
        report('order', `${placeOf(each)} came before ${placeOf(before)}`)
    }
}

/** Between messages of a key, one wholly before the next. */
function checkStreams(firsts: Firsts, report: Report): void {
  const streams = new Map<string, { readonly each: Expected; readonly rank: number; readonly at: number }[]>()
  for (const [each, { at }] of firsts) {
    if (each.stream === null) continue
    const { name, rank } = each.stream
    streams.set(name, [...(streams.get(name) ?? []), { each, rank, at }])
  }
  for (const [name, all] of streams) {
    const byTime = all.toSorted((a, b) => a.at - b.at)
    byTime.forEach((later, at) => {
      const earlier = byTime[at - 1]
      if (earlier !== undefined && earlier.rank > later.rank)
        report('order', `${placeOf(earlier.each)} came before ${placeOf(later.each)}, in ${name}`)
    })
  }
}

/** A count over messages in any order: each number once, from 1 on. */
function checkCounts(firsts: Firsts, _found: Found, report: Report): void {
  const counts = new Map<string, number[]>()
  for (const [{ flow, step, value, choice }, { effect }] of firsts) {
    if (value !== null || choice !== null) continue
    counts.set(`${flow} ${step}`, [...(counts.get(`${flow} ${step}`) ?? []), effect.input.value])
  }
  for (const [step, values] of counts) {
    const wrong = values.toSorted((a, b) => a - b).find((value, at) => value !== at + 1)
    if (wrong !== undefined) report('content', `${step} counted ${values.join(', ')}`)
  }
}

function checkChoices(expected: readonly Expected[], firsts: Firsts, report: Report): void {
  const taken = new Map<NonNullable<Expected['choice']>['of'], { labels: string[]; by: Expected }>()
  for (const each of expected) {
    if (each.choice === null) continue
    const { of, label } = each.choice
    const one = taken.get(of) ?? { labels: [], by: each }
    taken.set(of, one)
    if (firsts.has(each)) one.labels.push(label)
  }
  const perStep = new Map<
    string,
    { rule: string; weights: Readonly<Record<string, number>>; labels: string[] }
  >()
  const perKey = new Map<string, string>()
  for (const [{ flow, step, rule, weights, key }, { labels, by }] of taken) {
    const [label] = labels
    if (labels.length > 1 || (label === undefined && !isUncertain(by.by)))
      report(
        labels.length > 1 ? 'doubled' : 'missing',
        `${placeOf(by)} was taken by ${labels.length} targets`,
      )
    if (label === undefined) continue
    const step_ = perStep.get(`${flow} ${step}`) ?? { rule, weights, labels: [] }
    perStep.set(`${flow} ${step}`, step_)
    step_.labels.push(label)
    if (rule !== 'stickTo') continue
    const before = perKey.get(`${flow} ${step} ${key}`)
    if (before !== undefined && before !== label)
      report('content', `${flow} ${step} sent the key ${key} to ${before} and to ${label}`)
    perKey.set(`${flow} ${step} ${key}`, label)
  }
  for (const [step, { rule, weights, labels }] of perStep)
    if (rule === 'roundRobin') checkTurns(step, weights, labels, report)
}

/** In each round of as many turns as all weights together, each target is taken as often as its weight says. */
function checkTurns(
  step: string,
  weights: Readonly<Record<string, number>>,
  labels: readonly string[],
  report: Report,
): void {
  const round = Object.values(weights).reduce((sum, weight) => sum + weight, 0)
  for (const [label, weight] of Object.entries(weights)) {
    const count = labels.filter((each) => each === label).length
    const [least, most] = [
      Math.floor(labels.length / round) * weight,
      Math.ceil(labels.length / round) * weight,
    ]
    if (count < least || count > most)
      report(
        'content',
        `${step} took ${label} ${count} of ${labels.length} times, at a weight of ${weight} of ${round}`,
      )
  }
}

/** Each message is a member of one group, and of one only. */
function checkPool({ flow, step, size, members }: Pool, effects: readonly Effect[], report: Report): void {
  const counted = new Map<string, number>()
  const groups = new Set<string>()
  for (const { input } of effects) {
    if (input.flow !== flow || input.step !== step) continue
    const all = input.item.split(' ')
    if (groups.has(input.item)) report('doubled', `${flow} ${step}: the group of ${input.item} twice`)
    groups.add(input.item)
    if (all.length > size) report('content', `${flow} ${step}: ${all.length} in a group of ${size}`)
    for (const member of all) counted.set(member, (counted.get(member) ?? 0) + 1)
  }
  for (const [member, times] of counted) {
    if (times > 1) report('doubled', `${flow} ${step} counted ${member} ${times} times`)
    if (!members.has(member)) report('unfounded', `${flow} ${step} counted ${member}`)
  }
  for (const [member, by] of members)
    if (!counted.has(member) && !isUncertain(by)) report('missing', `${flow} ${step} did not count ${member}`)
}

function checkLog({ logged }: Reference, { lines }: Found, report: Report): void {
  const told = new Set(lines.map(({ flow, step, who }) => `${flow} ${step} ${who}`))
  const known = new Set(logged.map(({ flow, step, who }) => `${flow} ${step} ${who}`))
  for (const { flow, step, who, by } of logged)
    if (!told.has(`${flow} ${step} ${who}`) && !isUncertain(by))
      report('missing', `${flow} ${step} did not log ${who}`)
  for (const line of told) if (!known.has(line)) report('unfounded', `logged: ${line}`)
}

const isChild = (id: string): boolean => id.includes('~')

function checkEndings(
  { messages }: Reference,
  { deliveries, raises }: Recipe,
  { observed, ids, replies }: Found,
  report: Report,
): void {
  const states = new Map(observed.messages.map(({ id, state }) => [id, state]))
  for (const { flow, thing, ending, parent, reply } of messages) {
    if (flow !== 'first' || parent !== null) continue
    const id = ids.get(thing.n) ?? ''
    if (states.get(id) !== (ending ?? 'waiting'))
      report('ending', `message ${thing.n} (${id}) is ${states.get(id)}, and not ${ending ?? 'waiting'}`)
    if (replies.get(id) !== reply?.value)
      report('reply', `message ${thing.n} (${id}) was replied ${replies.get(id)}, and not ${reply?.value}`)
  }
  const kinds = new Set([...messages.map(groupOf), ...observed.messages.map(foundGroupOf)])
  for (const kind of kinds) checkEnded(kind, messages, observed.messages, report)
  for (const { step } of raises) {
    const flow = raiserOf(step)
    const done = observed.messages.filter((each) => each.flow === flow && each.state === 'done').length
    if (done !== deliveries.length) report('ending', `${done} of ${deliveries.length} of "${flow}" are done`)
  }
}

const groupOf = ({ flow, parent }: Message): string =>
  `${parent === null ? 'messages' : 'children'} of ${flow}`
const foundGroupOf = ({ flow, id }: MessageSummary): string =>
  `${isChild(id) ? 'children' : 'messages'} of ${flow}`

/** What some messages put out may or may not be there; what is there ended as it must. */
function checkEnded(
  group: string,
  messages: readonly Message[],
  found: readonly MessageSummary[],
  report: Report,
): void {
  if (group.includes(' of raise ')) return
  const wanted = messages.filter((message) => groupOf(message) === group)
  const there = found.filter((message) => foundGroupOf(message) === group)
  const states = new Set<string>([...there.map(({ state }) => state), 'done', 'filtered', 'dead', 'waiting'])
  for (const state of states) {
    const all = wanted.filter(({ ending }) => (ending ?? 'waiting') === state)
    const least = all.filter((message) => !isUncertain(message)).length
    const count = there.filter((each) => each.state === state).length
    if (count < least || count > all.length)
      report(
        'ending',
        `${count} ${group} are ${state}, and not ${least === all.length ? least : `${least} to ${all.length}`}`,
      )
  }
}

function checkAgain({ observed, again }: Found, report: Report): void {
  const told = ({ messages }: Observation): string =>
    messages.map(({ id, state }) => `${id} ${state}`).join('; ')
  if (told(observed) !== told(again))
    report('ledger', `the messages are others after a restart: ${told(observed)} became ${told(again)}`)
  for (const { status, messages } of [observed, again])
    for (const [part, belongs] of [
      ['messages', (id: string) => !isChild(id)],
      ['children', isChild],
    ] as const)
      for (const [state, count] of Object.entries(status[part])) {
        const listed = messages.filter((each) => belongs(each.id) && each.state === state).length
        if (listed !== count)
          report('ledger', `the engine counts ${count} ${part} that are ${state}, and lists ${listed}`)
      }
}
