import type { SinkKind } from './protocol.ts'
import type { Logs, Sent } from './sent.ts'

/** What was counted. */
export interface Figures {
  readonly engines: number
  readonly kills: number
  readonly killsWhileStarting: number
  /** Engines that were stopped and went on later, and for how long. */
  readonly zombies: number
  readonly longestStopMs: number
  readonly databaseKills: number
  /** Effects that a stopped engine had in hand, and that came after others had taken over. */
  readonly lateAfterStops: number
  readonly promotions: number
  /** From a promotion until something was accepted again. */
  readonly promotedMs: Times
  /** By way and kind. */
  readonly networkFaults: Readonly<Record<string, number>>
  /** What they did to connections and requests. */
  readonly networkHappened: Readonly<Record<string, number>>
  readonly fullDisks: number
  readonly refusedWhenFull: number
  /** From room on the disk until something was accepted again. */
  readonly roomMs: Times
  readonly clockSteps: number
  /** How far clocks were set back and ahead. */
  readonly clockDays: { readonly least: number; readonly most: number }
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

interface Times {
  readonly median: number
  readonly p99: number
  readonly max: number
}

const DAY_MS = 86_400_000

/** Counts what the logs tell. */
export function figuresOf(
  { load, sinks, engine, rig }: Logs,
  all: ReadonlyMap<number, Sent>,
  lateAfterStops: number,
): Figures {
  const count = <T>(lines: readonly T[], fits: (line: T) => boolean): number =>
    lines.reduce((sum, line) => sum + (fits(line) ? 1 : 0), 0)
  const effectsAt = (sink: SinkKind): number =>
    count(sinks, (line) => line.t === 'effect' && line.sink === sink)
  const clocks = rig.filter((line) => line.t === 'clock')
  const kills = rig.filter((line) => line.t === 'kill')
  const timesOf = (t: 'ready' | 'continued' | 'database back' | 'promoted' | 'disk free'): Times =>
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
    lateAfterStops,
    promotions: count(rig, ({ t }) => t === 'promoted'),
    promotedMs: timesOf('promoted'),
    networkFaults: tally(
      rig.flatMap((line) => (line.t === 'network' ? [`${line.side}: ${line.fault}`] : [])),
    ),
    networkHappened: rig.find((line) => line.t === 'network over')?.happened ?? {},
    fullDisks: count(rig, ({ t }) => t === 'disk free'),
    refusedWhenFull: rig.reduce((sum, line) => sum + (line.t === 'disk free' ? line.refused : 0), 0),
    roomMs: timesOf('disk free'),
    clockSteps: clocks.length,
    clockDays: {
      least: Math.min(0, ...clocks.map(({ offsetMs }) => offsetMs)) / DAY_MS,
      most: Math.max(0, ...clocks.map(({ offsetMs }) => offsetMs)) / DAY_MS,
    },
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

function tally(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

/** How many engines there were. */
export function enginesOf({ rig }: Pick<Logs, 'rig'>): number {
  return rig.find((line) => line.t === 'run')?.engines ?? 1
}

function spread(given: readonly number[]): Times {
  const sorted = given.toSorted((a, b) => a - b)
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { median: at(0.5), p99: at(0.99), max: sorted.at(-1) ?? 0 }
}
