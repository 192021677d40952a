/** What the checker knows of the flows: which effects a message must have. It knows nothing of how they come about. */

import { type FlowName, type Order, type SentTo, worth } from './beginnings.ts'
import type { SystemName } from './failpoints.ts'
import { recipientsOf, slipPlace } from './flows.ts'

/** An effect that a message must have. */
export interface Expected {
  readonly flow: FlowName
  readonly system: SystemName
  readonly step: string
  readonly item: string
  /** Null where the value is checked otherwise. */
  readonly value: number | null
  /**
   * `once`: exactly once. `repeated`: at least once, more often only where a fault says why. `perhaps`: at most once.
   * `any`: as often as it likes.
   */
  readonly need: 'once' | 'repeated' | 'perhaps' | 'any'
}

const effect = (
  flow: FlowName,
  system: SystemName,
  step: string,
  value: number | null,
  need: Expected['need'] = system === 'natural' ? 'repeated' : 'once',
  item = '',
): Expected => ({ flow, system, step, item, value, need })

type OfOrder = (order: Order) => readonly Expected[]

const put =
  (flow: FlowName, system: SystemName, need?: Expected['need']): OfOrder =>
  ({ n }) => [effect(flow, system, 'put', worth(n), need)]

/** The effects of an accepted message of each flow; those of `once` are told by which of the same came first. */
export const EXPECTED: Readonly<Record<SentTo, OfOrder>> = {
  plain: put('plain', 'natural'),
  keyed: put('keyed', 'key'),
  verified: put('verified', 'verify'),
  bare: put('bare', 'none'),
  again: put('again', 'none', 'repeated'),
  chain: ({ n }) => [
    effect('chain', 'none', 'first', worth(n)),
    effect('chain', 'verify', 'second', worth(n) + 1),
    effect('chain', 'key', 'third', worth(n) + 2),
  ],
  parts: ({ n, items }) => [
    ...Array.from({ length: items }, (_, item) =>
      effect('parts', 'key', 'items/put', worth(n), 'once', String(item)),
    ),
    effect('parts', 'verify', 'joined', items * worth(n)),
  ],
  later: put('later', 'key'),
  held: ({ n }) => [effect('held', 'natural', 'before', worth(n)), effect('held', 'verify', 'put', worth(n))],
  once: put('once', 'key', 'perhaps'),
  counter: () => [effect('counter', 'key', 'put', null)],
  relay: ({ n }) => [
    effect('relayed', 'verify', 'put', worth(n)),
    effect('heard', 'natural', 'put', worth(n)),
  ],
  ask: ({ n }) => [effect('ask', 'natural', 'look', worth(n)), effect('ask', 'key', 'load', worth(n))],
  sieve: ({ n, fate }) => {
    if (fate === 'other') return [effect('sieve', 'key', 'way/other/put', worth(n))]
    return fate === 'plain' ? [effect('sieve', 'natural', 'way/otherwise/put', worth(n))] : []
  },
  fan: ({ n }) => [
    effect('fan', 'natural', 'both/archive/put', worth(n)),
    effect('fan', 'key', 'both/chat/put', worth(n)),
    effect('fan', 'key', 'copy/put', worth(n)),
    effect('fan', 'verify', 'put', worth(n)),
    effect('fan', 'key', 'end/put', worth(n)),
  ],
  // Whether its call was made or replaced is checked apart.
  spare: ({ n }) => [
    effect('spare', 'key', 'put', worth(n), 'perhaps'),
    effect('spare', 'natural', 'instead', worth(n), 'any'),
    effect('spare', 'natural', 'count', worth(n)),
  ],
  mended: put('mended', 'key'),
  limited: put('limited', 'verify', 'perhaps'),
  rounds: ({ n, items, same }) => [
    ...Array.from({ length: items }, (_, turn) => effect('rounds', 'key', `each//${turn + 1}/put`, worth(n))),
    same === 1
      ? effect('rounds', 'key', 'care/first/put', worth(n))
      : effect('rounds', 'verify', 'care/do/put', worth(n)),
    effect('rounds', 'natural', 'care/finally/put', worth(n)),
    ...(items === 0
      ? []
      : [effect('rounds', 'natural', 'least/look', worth(n)), effect('rounds', 'key', 'put', worth(n))]),
  ],
  // That it is one of the two is checked apart.
  balanced: ({ n }) => [
    effect('balanced', 'key', 'turns/one/put', worth(n), 'perhaps'),
    effect('balanced', 'verify', 'turns/other/put', worth(n), 'perhaps'),
  ],
  asked: (order) => {
    const to = recipientsOf(order)
    const value = worth(order.n)
    return [
      ...(to.includes('north') ? [effect('asked', 'key', 'ask/north/load', value)] : []),
      ...(to.includes('south') ? [effect('asked', 'verify', 'ask/south/load', value)] : []),
      effect('asked', 'verify', 'joined', to.length * value),
    ]
  },
  routed: (order) => {
    const to = recipientsOf(order)
    const value = worth(order.n)
    return [
      ...(to.includes('north') ? [effect('routed', 'key', slipPlace(order, 'north'), value)] : []),
      ...(to.includes('south') ? [effect('routed', 'verify', slipPlace(order, 'south'), value)] : []),
      effect('routed', 'key', 'way//1/first/put', value),
      ...(order.same > 2 ? [effect('routed', 'natural', 'way//2/then/put', value)] : []),
    ]
  },
  paced: put('paced', 'key', 'perhaps'),
  guarded: ({ n }) => [
    effect('guarded', 'key', 'guard/do/few/put', worth(n)),
    effect('guarded', 'verify', 'guard/do/few/ship', worth(n)),
  ],
  managed: ({ n }) => [
    effect('raised', 'natural', 'put', worth(n)),
    effect('managed', 'verify', 'do//1/ship', worth(n)),
    effect('managed', 'key', 'do//1/put', worth(n)),
    effect('managed', 'key', 'do//2/put', worth(n)),
    effect('managed', 'none', 'do//1/tell', worth(n) * 2),
  ],
  // By the message that its group went on as.
  gathered: ({ n }) => [effect('collected', 'key', 'each/put', worth(n))],
  ordered: ({ n }) => [
    effect('ordered', 'key', 'first', worth(n)),
    effect('ordered', 'key', 'put', worth(n)),
  ],
  told: put('told', 'key'),
  booked: ({ n, same }) => {
    const at = (system: SystemName, step: string): Expected => effect('booked', system, step, worth(n))
    const done = [at('key', 'care/do/book/first/put'), at('verify', 'care/do/book/second/inner/only/put')]
    if (same !== 1) return [...done, at('natural', 'care/do/book/second/put')]
    return [
      ...done,
      at('key', 'care/do/book/second/inner/undo only/put'),
      at('verify', 'care/do/book/undo first/put'),
      at('key', 'care/first/put'),
    ]
  },
  waits: ({ n }) => [effect('raised', 'natural', 'put', worth(n)), effect('waits', 'key', 'put', worth(n))],
}

/** How a message must end. */
export function endingsOf(flow: SentTo, { fate }: Order): readonly string[] {
  if (flow === 'once' || flow === 'paced') return ['done', 'filtered']
  if (flow === 'limited') return ['done', 'dead']
  if (flow !== 'sieve') return ['done']
  return fate === 'filtered' ? ['filtered'] : fate === 'poison' ? ['dead'] : ['done']
}

/** Steps whose effects need not come in the order of their messages, and why. */
const UNORDERED: ReadonlySet<string> = new Set([
  // Its key is free while it waits.
  'later put',
  'paced put',
  'waits put',
  'managed do//2/put',
  'managed do//1/tell',
  'told put',
  // In the order of their places; that one of a key is done before the next begins is checked apart.
  'ordered first',
  'ordered put',
  // By another message, and several at once.
  'collected each/put',
  // Nobody waits for the copy, nor for what is done at the end.
  'fan copy/put',
  'fan end/put',
  // The call may take effect late, after the flow went on without it.
  'spare put',
])

/** Whether the effects of a step come in the order in which the messages of a key were accepted. */
export const isOrdered = (flow: string, step: string): boolean => !UNORDERED.has(`${flow} ${step}`)
