/** Cases of which each shows a deliberate difference, so that every run sees all of them. */
import { bodyWith } from './bodies.ts'
import type { Body, Branch, Case, Failover, Sent, Step } from './case.ts'
import { BEHIND } from './generate/drawn.ts'

const body = (id: string, set: Partial<Body> = {}): Body => bodyWith({ id, ...set })
const sent = (...bodies: readonly Body[]): readonly Sent[] => bodies.map((each, at) => ({ at, body: each }))
const odd = { mod: 2, of: [1] } as const
const even = { mod: 2, of: [0] } as const
const together = { parallel: false, stopOnError: false } as const
const seeAt = (at: string): readonly Step[] => [{ do: 'see', at }]
const two = [
  { name: 'one', steps: seeAt('one') },
  { name: 'two', steps: [{ do: 'mark', with: 'two' }, ...seeAt('two')] },
] as const

/** At which tick a message of each place comes. */
const places = (...list: readonly (readonly [at: number, place: number])[]): readonly Sent[] =>
  list.map(([at, n], index) => ({ at, body: body(`m${index}`, { n }) }))

const order = (
  late: 'fail' | 'pass',
  messages: readonly Sent[],
): Pick<Case, 'steps' | 'messages' | 'ticks'> => ({
  steps: [{ do: 'resequence', timeout: 2.5, late }, ...BEHIND],
  messages,
  ticks: 14,
})

/** Targets that fail when `n` is this, and messages by their `n`; with errors `io` all but the first fail otherwise. */
function failover(
  given: Pick<Failover, 'start' | 'attempts'> & Partial<Failover>,
  fails: readonly number[],
  messages: readonly number[],
): Pick<Case, 'steps' | 'messages'> {
  const targets = fails.map((n, index): Branch => {
    const io = given.errors !== 'io' || index === 0 ? { as: 'io' as const } : {}
    const fail: Step = { do: 'fail', when: { mod: 10, of: [n] }, ...io }
    return { name: `${index}`, steps: [...seeAt(`${index}`), fail] }
  })
  return {
    steps: [{ do: 'failover', targets, errors: 'any', ...given }, ...BEHIND],
    messages: sent(...messages.map((n, index) => body(`m${index}`, { n }))),
  }
}

/** What they are counted as. */
export const PROBES = 'probes'

const CASES: Readonly<Record<string, Pick<Case, 'steps' | 'messages'> & Partial<Case>>> = {
  'filter-ends-the-message': {
    steps: [
      { do: 'choice', branches: [{ when: odd, steps: [{ do: 'filter', when: even }] }], otherwise: null },
      ...BEHIND,
    ],
    messages: sent(body('odd')),
  },
  'filtered-has-no-answer': {
    steps: [{ do: 'split', each: [{ do: 'filter', when: even }], join: 'collect', ...together }, ...BEHIND],
    messages: sent(body('m', { items: [1, 2] })),
  },
  'fan-out-keeps-the-body': {
    steps: [{ do: 'multicast', branches: two, join: 'none', ...together }, ...BEHIND],
    messages: sent(body('m')),
  },
  'part-fails-by-itself': {
    steps: [{ do: 'split', each: [{ do: 'fail', when: odd }], join: 'none', ...together }, ...BEHIND],
    messages: sent(body('m', { items: [1, 2] })),
  },
  'claim-that-is-not-there-fails': {
    steps: [{ do: 'claim', op: 'set', key: 'x' }, { do: 'claim', op: 'get', key: 'y' }, ...BEHIND],
    messages: sent(body('m')),
  },
  'loop-of-a-negative-number-fails': {
    steps: [{ do: 'loop', times: 'n', copy: false, steps: seeAt('turn') }, ...BEHIND],
    messages: sent(body('m', { n: -1 })),
  },
  'empty-identity-fails': {
    steps: [{ do: 'dedupe', remember: 'seen' }, ...BEHIND],
    messages: sent(body('m', { k: '' })),
  },
  // The first is done when the second fails.
  'what-is-done-stays-done': {
    steps: [
      { do: 'dedupe', remember: 'done' },
      { do: 'delay', ticks: 2.5 },
      { do: 'fail', when: even },
      ...BEHIND,
    ],
    messages: places([0, 1], [1, 2], [5, 3]),
    ticks: 9,
  },
  'group-fails-its-message': {
    steps: [{ do: 'aggregate', complete: { size: 2 } }, { do: 'fail', when: even }, ...BEHIND],
    messages: sent(body('m1'), body('m2')),
  },
  'sticky-targets-by-hash': {
    steps: [
      {
        do: 'balance',
        by: 'sticky',
        targets: [...two, { name: 'three', steps: seeAt('three') }].map((each) => ({ ...each, weight: 1 })),
      },
      ...BEHIND,
    ],
    messages: sent(body('m1'), body('m2', { k: 'b' }), body('m3', { k: 'c' }), body('m4', { k: 'd' })),
  },
  'weighted-turns-spread-evenly': {
    steps: [
      {
        do: 'balance',
        by: 'weighted',
        targets: [
          { ...two[0], weight: 1 },
          { ...two[1], weight: 3 },
        ],
      },
      ...BEHIND,
    ],
    messages: sent(body('m1'), body('m2'), body('m3'), body('m4')),
  },
  'failover-goes-round': failover({ start: 'sticky', attempts: null }, [3, 3, 2], [1, 2]),
  'failover-keeps-what-did-it': failover(
    { start: 'sticky', attempts: null, errors: 'io' },
    [1, 2],
    [1, 2, 1],
  ),
  'failover-repeats-no-effect': failover({ start: 'roundRobin', attempts: 3 }, [1, 1], [1]),
  'batch-time-from-first': {
    steps: [
      {
        do: 'resequence',
        timeout: 2.5,
        late: 'fail',
        batch: { size: 9, reverse: false, twice: false },
      },
      ...BEHIND,
    ],
    messages: places([0, 2], [2, 1], [4, 3]),
    ticks: 9,
  },
  'batch-counts-what-goes-on': {
    steps: [
      {
        do: 'resequence',
        timeout: 2.5,
        late: 'fail',
        batch: { size: 2, reverse: false, twice: false },
      },
      ...BEHIND,
    ],
    messages: places([0, 2], [1, 2]),
    ticks: 6,
  },
  'interval-counts-from-1970': {
    steps: [{ do: 'aggregate', complete: { interval: 4 } }, ...BEHIND],
    messages: places([0, 1], [3, 2]),
    ticks: 9,
    begins: 2,
  },
  // The fourth begins a new wait of Camel's for the third, and the sixth waits longer than its time.
  'resequencer-each-waits-its-time': order('fail', places([0, 1], [3, 6], [5, 4])),
  'resequencer-place-taken-twice': order('fail', places([0, 1], [3, 4], [4, 4])),
  'resequencer-last-place-again': order('fail', places([0, 1], [4, 1])),
  'resequencer-late-passes-at-once': order('pass', places([0, 3], [4, 1])),
}

/** The probe of each difference, by its id. */
export const probes: readonly Case[] = Object.entries(CASES).map(([id, drawn]) => ({
  id: `probe ${id}`,
  pattern: PROBES,
  ticks: 0,
  ordered: true,
  ...drawn,
}))
