import { type HistogramSnapshot, quantile } from '../load/histogram.ts'
import type { Round } from '../run/round.ts'
import { median } from './statistics.ts'

/** What one round comes to, as plain numbers by name; rates per second, times in ms, memory in MB. */
export type Figures = Readonly<Record<FigureName, number>>

/** Every figure there is. */
export const figureNames = [
  'accept',
  'endToEnd',
  'ackP50',
  'ackP99',
  'endToEndP50',
  'endToEndP99',
  'lagP99',
  'ready',
  'firstAccepted',
  'idle',
  'peak',
  'growth',
  'serviceMemory',
  'cpuParticipant',
  'cpuThread',
  'cpuServices',
  'cpuLoad',
  'cpuSink',
  'cpuOthers',
  'cpuStolen',
  'cpuPerMessage',
  'cpuServicePerMessage',
  'writtenPerMessage',
  'lost',
  'doubled',
  'withoutKey',
  'refused',
] as const

export type FigureName = (typeof figureNames)[number]

const megabyte = 1e6

/** Of a round that has not all of them: none is known. */
export const noFigures = Object.fromEntries(figureNames.map((name) => [name, Number.NaN])) as Figures

export const figuresOf = (round: Round): Figures => {
  const { load, arrivals, cpu } = round
  const window = (arrivals.lastAt - arrivals.firstAt) / 1e6
  const cpuSeconds = (cpu.participant + cpu.services) * cpu.wallSeconds
  return {
    accept: load.accepted / load.seconds,
    endToEnd: arrivals.delivered / window,
    ...latencies(load.acknowledgement, arrivals.endToEnd),
    lagP99: quantile(load.lag, 0.99) / 1e3,
    ready: round.readyMillis,
    firstAccepted: round.firstAcceptedMillis,
    idle: round.idleBytes / megabyte,
    peak: Math.max(...round.residentBytes) / megabyte,
    growth: growth(round.residentBytes),
    serviceMemory: round.serviceBytes / megabyte,
    cpuParticipant: cpu.participant,
    cpuThread: cpu.busiestThread,
    cpuServices: cpu.services,
    cpuLoad: cpu.load,
    cpuSink: cpu.sink,
    cpuOthers: cpu.others,
    cpuStolen: cpu.stolen,
    cpuPerMessage: (cpuSeconds * 1e6) / arrivals.delivered,
    cpuServicePerMessage: (cpu.services * cpu.wallSeconds * 1e6) / arrivals.delivered,
    writtenPerMessage: round.serviceWritten / arrivals.delivered,
    lost: arrivals.lost,
    doubled: arrivals.doubled,
    withoutKey: arrivals.withoutKey,
    refused: load.sent.notAccepted.length,
  }
}

const latencies = (ack: HistogramSnapshot, endToEnd: HistogramSnapshot) => ({
  ackP50: quantile(ack, 0.5) / 1e3,
  ackP99: quantile(ack, 0.99) / 1e3,
  endToEndP50: quantile(endToEnd, 0.5) / 1e3,
  endToEndP99: quantile(endToEnd, 0.99) / 1e3,
})

/** The last quarter of the samples against the second: 1 is flat; the first quarter still warms up. */
export const growth = (samples: readonly number[]): number => {
  const quarter = Math.floor(samples.length / 4)
  return quarter === 0
    ? Number.NaN
    : median(samples.slice(-quarter)) / median(samples.slice(quarter, 2 * quarter))
}
