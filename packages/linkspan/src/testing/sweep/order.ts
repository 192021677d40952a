import type { StoredMessage } from '../../journal/journal.ts'
import type { Flow } from '../../patterns/steps.ts'
import type { FakeEffect, FakeOperation } from '../fake-operation.ts'
import type { Doubt } from './doubts.ts'
import { eachStep, trailOf } from './flow-steps.ts'
import type { Names } from './names.ts'

/** What the order of effects is judged by. */
export interface OrderOptions {
  readonly flows: readonly Flow[]
  readonly roots: readonly StoredMessage[]
  readonly fakes: ReadonlyMap<string, FakeOperation>
  readonly names: Names
  readonly doubts: readonly Doubt[]
}

interface Span {
  readonly message: StoredMessage
  readonly first: FakeEffect
  readonly last: FakeEffect
}

/**
 * Where the messages of a key did not take effect in the order of their acceptance, one wholly before the next.
 * Not judged: flows with a step that frees its key, taps, which nobody waits for, and messages that were in doubt.
 */
export function orderBroken({ flows, roots, fakes, names, doubts }: OrderOptions): readonly string[] {
  const free = freeFlows(flows)
  const taps = tapPaths(flows)
  const doubted = new Set(doubts.map(({ id }) => id.split('~', 1)[0]))
  const effects = effectsByRoot(fakes, taps)
  const lanes = new Map<string, Span>()
  const broken: string[] = []
  for (const message of roots) {
    const { flow, key, id } = message
    const own = effects.get(id)
    if (key === null || free.has(flow) || doubted.has(id) || !own) continue
    const span = spanOf(message, own)
    const lane = JSON.stringify([flow, key])
    const before = lanes.get(lane)
    if (before && before.last.place > span.first.place)
      broken.push(
        `the order of key ${key} of "${flow}": ${names.name(before.message.id)} came before ${names.name(id)}, but took effect after it`,
      )
    lanes.set(lane, before && before.last.place > span.last.place ? before : span)
  }
  return broken
}

function effectsByRoot(
  fakes: ReadonlyMap<string, FakeOperation>,
  taps: ReadonlySet<string>,
): ReadonlyMap<string, readonly FakeEffect[]> {
  const found = new Map<string, FakeEffect[]>()
  for (const fake of fakes.values()) {
    for (const effect of fake.effects) {
      if (trailOf(effect.messageId).some((path) => taps.has(path))) continue
      const root = effect.messageId.split('~', 1)[0] as string
      const list = found.get(root)
      if (list) list.push(effect)
      else found.set(root, [effect])
    }
  }
  return found
}

function spanOf(message: StoredMessage, effects: readonly FakeEffect[]): Span {
  const sorted = effects.toSorted((a, b) => a.place - b.place)
  return { message, first: sorted[0] as FakeEffect, last: sorted.at(-1) as FakeEffect }
}

/** Steps that free the key of a message while it waits, unless they hold it. */
const FREEING: ReadonlySet<string> = new Set(['delay', 'waitFor', 'process', 'resequence'])

function freeFlows(flows: readonly Flow[]): ReadonlySet<string> {
  const found = new Set<string>()
  eachStep(flows, ({ kind, options }, _path, flow) => {
    if (FREEING.has(kind) && options['hold'] !== true) found.add(flow.definition.name)
  })
  return found
}

function tapPaths(flows: readonly Flow[]): ReadonlySet<string> {
  const found = new Set<string>()
  eachStep(flows, ({ kind }, path) => {
    if (kind === 'tap') found.add(path)
  })
  return found
}
