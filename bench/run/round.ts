import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ArrivalReport } from '../load/arrivals.ts'
import type { Load, LoadReport } from '../load/generator.ts'
import type { LoadAnswer } from '../load/load-process.ts'
import type { SinkAnswer, SinkRequest } from '../load/sink-process.ts'
import { nowMicros } from '../workload/request.ts'
import { type Helper, startHelper } from './channel.ts'
import { type Command, type StartedParticipant, startParticipant } from './participant-process.ts'
import { sum, type Usage, usageOf } from './proc.ts'

/** How one participant is put under load once. */
export type RoundPlan = {
  readonly name: string
  readonly command: (env: { readonly sinkUrl: string; readonly dataDir: string }) => Command
  /** Services that work for this participant, whose CPU and memory count as its own. */
  readonly servicePids: readonly number[]
  readonly path: string
  readonly connections: number
  readonly seconds: number
  readonly warmUpSeconds: number
  readonly rate?: number
}

export type Round = {
  readonly name: string
  /** Accepted per second, from the first request to the last answer. */
  readonly acceptPerSecond: number
  /** Delivered per second, from the first to the last arrival at the sink, so the drain counts. */
  readonly endToEndPerSecond: number
  readonly load: LoadReport
  readonly arrivals: ArrivalReport
  /** From spawn to the ready line. */
  readonly startMillis: number
  readonly idleRssBytes: number
  /** The highest of the samples taken every 250 ms. */
  readonly peakRssBytes: number
  readonly cpu: CpuShares
}

/** CPU seconds per second of wall clock in the measured window, drain included; 1 is one core. */
export type CpuShares = {
  readonly participant: number
  readonly services: number
  readonly load: number
  readonly sink: number
  readonly wallSeconds: number
  /** CPU of participant and services per delivered message. */
  readonly microsPerMessage: number
}

type Helpers = {
  readonly load: Helper<Load, LoadAnswer>
  readonly sink: Helper<SinkRequest, SinkAnswer>
  readonly sinkUrl: string
}

/** A message that has not arrived this long after the last one did is lost. */
const stallMs = 15_000

/** Runs one round in processes of its own and an empty folder; all of it is gone afterwards. */
export const runRound = async (plan: RoundPlan): Promise<Round> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'linkspan-bench-'))
  const helpers = await startHelpers()
  const startedAt = nowMicros()
  try {
    const participant = await startParticipant(plan.name, plan.command({ sinkUrl: helpers.sinkUrl, dataDir }))
    const startMillis = (nowMicros() - startedAt) / 1e3
    try {
      return await measure(plan, helpers, participant, startMillis)
    } finally {
      await participant.stop()
    }
  } finally {
    await Promise.all([helpers.load.stop(), helpers.sink.stop()])
    rmSync(dataDir, { recursive: true, force: true })
  }
}

const startHelpers = async (): Promise<Helpers> => {
  const load = await startHelper<Load, LoadAnswer>(new URL('../load/load-process.ts', import.meta.url), {})
  const sink = await startHelper<SinkRequest, SinkAnswer>(
    new URL('../load/sink-process.ts', import.meta.url),
    {},
  )
  return { load: load.helper, sink: sink.helper, sinkUrl: `http://127.0.0.1:${sink.ready.port}/effects` }
}

const measure = async (
  plan: RoundPlan,
  helpers: Helpers,
  participant: StartedParticipant,
  startMillis: number,
): Promise<Round> => {
  const warm = await loadOf(helpers, plan, participant.port, 1, plan.warmUpSeconds)
  await drained(helpers, warm.accepted)
  const idleRssBytes = memoryOf(plan, participant)
  const from = warm.sent.last + 1
  await helpers.sink.ask({ ask: 'reset', from }, 'reset')
  const before = cpuOf(plan, helpers, participant)
  const peak = sampler(() => memoryOf(plan, participant))
  const load = await loadOf(helpers, plan, participant.port, from, plan.seconds)
  await drained(helpers, load.accepted)
  const after = cpuOf(plan, helpers, participant)
  const { report } = await helpers.sink.ask({ ask: 'report', sent: load.sent }, 'report')
  return {
    name: plan.name,
    acceptPerSecond: load.accepted / load.seconds,
    endToEndPerSecond: report.delivered / ((report.lastAt - report.firstAt) / 1e6),
    load,
    arrivals: report,
    startMillis,
    idleRssBytes,
    peakRssBytes: peak.stop(),
    cpu: shares(before, after, report.delivered),
  }
}

const loadOf = async (
  helpers: Helpers,
  plan: RoundPlan,
  port: number,
  from: number,
  seconds: number,
): Promise<LoadReport> => {
  const load: Load = {
    target: { port, path: plan.path },
    connections: plan.connections,
    from,
    stopAfter: { seconds },
    ...(plan.rate === undefined ? {} : { rate: plan.rate }),
  }
  return (await helpers.load.ask(load, 'done')).report
}

const drained = async (helpers: Helpers, accepted: number): Promise<void> => {
  let last = -1
  let lastChange = nowMicros()
  for (;;) {
    const { distinct } = await helpers.sink.ask({ ask: 'progress' }, 'progress')
    if (distinct >= accepted) return
    if (distinct !== last) lastChange = nowMicros()
    last = distinct
    if (nowMicros() - lastChange > stallMs * 1e3) return
    await sleep(20)
  }
}

const memoryOf = (plan: RoundPlan, participant: StartedParticipant): number =>
  sum([participant.pid, ...plan.servicePids].map(usageOf)).rssBytes

const sampler = (sample: () => number): { readonly stop: () => number } => {
  let highest = sample()
  const timer = setInterval(() => {
    highest = Math.max(highest, sample())
  }, 250)
  return {
    stop: () => {
      clearInterval(timer)
      return Math.max(highest, sample())
    },
  }
}

type CpuSnapshot = { at: number; participant: Usage; services: Usage; load: Usage; sink: Usage }

const cpuOf = (plan: RoundPlan, helpers: Helpers, participant: StartedParticipant): CpuSnapshot => ({
  at: nowMicros(),
  participant: usageOf(participant.pid),
  services: sum(plan.servicePids.map(usageOf)),
  load: usageOf(helpers.load.pid),
  sink: usageOf(helpers.sink.pid),
})

const shares = (before: CpuSnapshot, after: CpuSnapshot, delivered: number): CpuShares => {
  const wallSeconds = (after.at - before.at) / 1e6
  const used = (who: 'participant' | 'services' | 'load' | 'sink'): number =>
    after[who].cpuSeconds - before[who].cpuSeconds
  return {
    participant: used('participant') / wallSeconds,
    services: used('services') / wallSeconds,
    load: used('load') / wallSeconds,
    sink: used('sink') / wallSeconds,
    wallSeconds,
    microsPerMessage: ((used('participant') + used('services')) * 1e6) / delivered,
  }
}
