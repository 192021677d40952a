import { describe, expect, it } from 'vitest'
import { check, type ViolationKind } from './rig/check.ts'
import type { EngineLine, FlowName, JournalKind, LoadLine, SinkKind, SinkLine } from './rig/protocol.ts'
import { shaped } from './rig/protocol.ts'
import type { Logs } from './rig/sent.ts'

const sent = (flow: FlowName, n: number, items?: number): LoadLine => ({
  t: 'sent',
  flow,
  n,
  key: `${flow}-1`,
  at: 0,
  ...(items === undefined ? {} : { items }),
})
const accepted = (n: number, id = `id${n}`): LoadLine => ({ t: 'accepted', n, id })
const effect = (sink: SinkKind, flow: FlowName, n: number, item = '', value = shaped(n)): SinkLine => ({
  t: 'effect',
  sink,
  flow,
  n,
  item,
  value,
  key: `${flow}-1`,
  at: 1_000,
  from: 0,
})
const flowLine = (flow: string, done: number, more: Record<string, number> = {}): EngineLine => ({
  t: 'flow',
  flow,
  messages: { done, ...more },
})
const ending = (
  flow: FlowName,
  n: number,
  how: Extract<EngineLine, { t: 'ending' }>['ending'],
): EngineLine => ({ t: 'ending', ending: how, flow, n, id: `id${n}`, reason: 'why' })

/** Logs that keep all promises, of a flow of each sort. */
const good: Logs = {
  load: [
    sent('keyed', 1),
    accepted(1),
    sent('keyed', 2),
    { t: 'unknown', n: 2 },
    sent('natural', 3),
    accepted(3),
    sent('bare', 4),
    accepted(4),
    sent('split', 5, 2),
    accepted(5),
    sent('counter', 6),
    accepted(6),
    sent('counter', 7),
    accepted(7),
    sent('keyed', 8),
    { t: 'refused', n: 8, status: 503 },
    sent('sieve', 10),
    accepted(10),
  ],
  sinks: [
    effect('key', 'keyed', 1),
    effect('natural', 'natural', 3),
    effect('natural', 'natural', 3),
    effect('key', 'split', 5, '1', 2),
    effect('key', 'split', 5, '0', 1),
    effect('key', 'split', 5, 'joined', 3),
    effect('key', 'counter', 6, '', 1),
    effect('key', 'counter', 7, '', 2),
  ],
  engine: [
    flowLine('keyed', 1),
    flowLine('natural', 1),
    flowLine('bare', 0, { inDoubt: 1 }),
    flowLine('split', 1),
    flowLine('counter', 2),
    flowLine('sieve', 0, { dead: 1 }),
    ending('bare', 4, 'inDoubt'),
    ending('sieve', 10, 'dead'),
  ],
  rig: [],
}

/** The good logs with some lines more, and without those that a test takes out. */
function spoiled(
  { load = [], sinks = [], engine = [] }: Partial<Logs>,
  without: (line: object) => boolean,
): Logs {
  const kept = <T extends object>(lines: readonly T[]): T[] => lines.filter((line) => !without(line))
  return {
    load: [...kept(good.load), ...load],
    sinks: [...kept(good.sinks), ...sinks],
    engine: [...kept(good.engine), ...engine],
    rig: [],
  }
}

const nothing = (): boolean => false
const effectOf =
  (n: number, item = '') =>
  (line: object): boolean =>
    'sink' in line && 'item' in line && 'n' in line && line.n === n && line.item === item

describe('the checker', () => {
  it('finds nothing in logs that keep all promises', () => {
    expect(check(good).violations).toEqual([])
  })

  it.each<[what: string, kind: ViolationKind, logs: Logs]>([
    ['an effect that did not happen', 'missing', spoiled({}, effectOf(1))],
    ['a child that is not there', 'missing', spoiled({}, effectOf(5, '0'))],
    ['an effect that happened twice', 'doubled', spoiled({ sinks: [effect('key', 'keyed', 1)] }, nothing)],
    [
      'a doubtful effect that happened twice',
      'doubled',
      spoiled({ sinks: [effect('none', 'bare', 4), effect('none', 'bare', 4)] }, nothing),
    ],
    [
      'an effect at none that is missing without a doubt',
      'missing',
      spoiled({ engine: [] }, (line) => 't' in line && line.t === 'ending'),
    ],
    [
      'a natural repeat with other content',
      'content',
      spoiled({ sinks: [effect('natural', 'natural', 3, '', 99)] }, nothing),
    ],
    [
      'an effect of a later message first',
      'order',
      spoiled({ sinks: [effect('natural', 'natural', 2)] }, nothing),
    ],
    ['an effect of a refused message', 'unfounded', spoiled({ sinks: [effect('key', 'keyed', 8)] }, nothing)],
    ['an effect that nothing sent', 'unfounded', spoiled({ sinks: [effect('key', 'keyed', 77)] }, nothing)],
    ['a child too many', 'unfounded', spoiled({ sinks: [effect('key', 'split', 5, '2', 3)] }, nothing)],
    ['a message that has not ended', 'stuck', spoiled({ engine: [ending('keyed', 1, 'live')] }, nothing)],
    [
      'a dead letter that nobody planted',
      'ending',
      spoiled({ engine: [ending('keyed', 1, 'dead')] }, nothing),
    ],
    [
      'a planted dead letter that is none',
      'ending',
      spoiled({}, (line) => 'ending' in line && line.ending === 'dead'),
    ],
    ['a count that was skipped', 'counter', spoiled({}, effectOf(6))],
    [
      'a message that the engine does not count',
      'ledger',
      spoiled({ engine: [flowLine('keyed', 0)] }, nothing),
    ],
    [
      'a key that was used for two requests',
      'content',
      spoiled({ sinks: [{ t: 'repeat', sink: 'key', flow: 'keyed', n: 1, same: false }] }, nothing),
    ],
    [
      'a reply that is not the message’s',
      'reply',
      spoiled({ load: [sent('ask', 20), { t: 'accepted', n: 20, id: 'x', reply: { n: 21 } }] }, nothing),
    ],
    [
      'one delivery that became two messages',
      'doubled',
      spoiled({ load: [sent('once', 30), accepted(30, 'a'), sent('once', 30), accepted(30, 'b')] }, nothing),
    ],
  ])('finds %s', (_what, kind, logs) => {
    expect(check(logs).violations.map((violation) => violation.kind)).toContain(kind)
  })

  it('lets an unknown acceptance be nothing or all, not a part', () => {
    const load = [sent('split', 40, 2), { t: 'unknown', n: 40 } as const]
    const engine = [flowLine('split', 2)]
    const without = (line: object): boolean => 'flow' in line && line.flow === 'split' && 'messages' in line
    const all = [
      effect('key', 'split', 40, '0', 1),
      effect('key', 'split', 40, '1', 2),
      effect('key', 'split', 40, 'joined', 3),
    ]
    expect(check(spoiled({ load }, nothing)).violations).toEqual([])
    expect(check(spoiled({ load, engine, sinks: all }, without)).violations).toEqual([])
    const part = check(spoiled({ load, engine, sinks: all.slice(0, 1) }, without))
    expect(part.violations.map(({ kind }) => kind)).toEqual(['missing', 'missing'])
  })

  it('lets only an acceptance that nobody saw be overtaken, and only among several engines', () => {
    const rig = (engines: number): Logs['rig'] => [{ t: 'run', journal: 'postgres', engines }]
    const load = [sent('natural', 50), { t: 'unknown', n: 50 } as const, sent('natural', 51), accepted(51)]
    const sinks = [effect('natural', 'natural', 51), effect('natural', 'natural', 50)]
    const engine = [flowLine('natural', 3)]
    const without = (line: object): boolean => 'flow' in line && line.flow === 'natural' && 'messages' in line
    const unseen = spoiled({ load, sinks, engine }, without)
    expect(check({ ...unseen, rig: rig(3) }).violations).toEqual([])
    expect(check({ ...unseen, rig: rig(1) }).violations.map(({ kind }) => kind)).toEqual(['order'])
    const seen = { ...unseen, load: [...unseen.load, accepted(50)] }
    expect(check({ ...seen, rig: rig(3) }).violations.map(({ kind }) => kind)).toEqual(['order'])
  })

  it.each<[string, { from?: number; at?: number; sentAt?: number }, ViolationKind[]]>([
    ['what a stopped engine sends as it goes on', {}, []],
    ['nothing that another engine sends then', { from: 1 }, ['order']],
    ['nothing that it sends later', { at: 4_100 }, ['order']],
    ['nothing that it had sent before', { at: 3_400 }, ['order']],
    ['nothing that was sent to it since', { sentAt: 500 }, ['order']],
  ])('lets come late: %s', (_what, { from = 0, at = 3_550, sentAt = -1 }, found) => {
    const late = { ...effect('natural', 'natural', 50), from, at } as SinkLine
    const load = [{ ...sent('natural', 50), at: sentAt }, accepted(50), sent('natural', 51), accepted(51)]
    const without = (line: object): boolean => 'flow' in line && line.flow === 'natural' && 'messages' in line
    const logs = spoiled(
      {
        load: load as Logs['load'],
        sinks: [effect('natural', 'natural', 51), late],
        engine: [flowLine('natural', 3)],
      },
      without,
    )
    const { violations, figures } = check({
      ...logs,
      rig: [
        { t: 'run', journal: 'postgres', engines: 3 },
        { t: 'continued', engine: 0, at: 3_502, ms: 3_500 },
      ],
    })
    expect(violations.map(({ kind }) => kind)).toEqual(found)
    expect(figures.lateAfterStops).toBe(1 - found.length)
  })

  it('counts what was done to the engines and the database', () => {
    const { figures } = check({
      ...good,
      rig: [
        { t: 'run', journal: 'postgres', engines: 3 },
        { t: 'kill', engine: 2, at: 1, when: 'starting' },
        { t: 'stopped', engine: 0, at: 2 },
        { t: 'continued', engine: 0, at: 3_502, ms: 3_500 },
        { t: 'database killed', at: 4_000 },
        { t: 'gone', engine: 1, at: 4_100, code: 1 },
        { t: 'database back', at: 5_200, ms: 1_200 },
        { t: 'promoted', at: 6_000, ms: 900, old: 'suspend' },
        { t: 'network', engine: 1, side: 'database', fault: 'half open', at: 7_000, ms: 100 },
        { t: 'network', engine: 2, side: 'database', fault: 'half open', at: 7_000, ms: 100 },
        { t: 'network over', happened: { reset: 4 } },
        { t: 'disk full', at: 8_000 },
        { t: 'disk free', at: 9_000, ms: 70, refused: 5 },
        { t: 'clock', engine: 0, at: 9_100, offsetMs: -7 * 86_400_000 },
      ],
    })
    expect(figures).toMatchObject({
      engines: 3,
      kills: 1,
      killsWhileStarting: 1,
      zombies: 1,
      longestStopMs: 3_500,
      databaseKills: 1,
      gone: 1,
      promotions: 1,
      promotedMs: { max: 900 },
      networkFaults: { 'database: half open': 2 },
      networkHappened: { reset: 4 },
      fullDisks: 1,
      refusedWhenFull: 5,
      roomMs: { max: 70 },
      clockSteps: 1,
      clockDays: { least: -7, most: 0 },
      databaseMs: { median: 1_200, p99: 1_200, max: 1_200 },
    })
  })
})

describe('a delay that ended too early', () => {
  const waited: Logs = {
    ...good,
    load: [...good.load, sent('later', 11), accepted(11)],
    sinks: [
      ...good.sinks,
      { ...(effect('key', 'later', 11) as Extract<SinkLine, { t: 'effect' }>), at: 100 },
    ],
    engine: [...good.engine, flowLine('later', 1)],
  }
  const step = (at: number, offsetMs: number) => ({ t: 'clock', engine: 0, at, offsetMs }) as const
  const on = (journal: JournalKind) => ({ t: 'run', journal, engines: 1 }) as const
  const kindsOf = (logs: Logs): readonly string[] => check(logs).violations.map(({ kind }) => kind)

  it.each<[string, Logs['rig'], readonly string[]]>([
    ['is noticed', [], ['order']],
    ['is noticed on a shared journal, whose clock it goes by', [on('postgres'), step(50, 60_000)], ['order']],
    ['is none where the clock was set ahead meanwhile', [on('sqlite'), step(50, 60_000)], []],
    ['is noticed where that was later', [on('sqlite'), step(150, 60_000)], ['order']],
    [
      'is noticed where the clock was set back',
      [on('sqlite'), step(-9, 60_000), step(50, 10_000)],
      ['order'],
    ],
  ])('%s', (_what, rig, kinds) => {
    expect(kindsOf({ ...waited, rig })).toEqual(kinds)
  })
})
