import { setTimeout as sleep } from 'node:timers/promises'
import type { ArrivalReport } from '../load/arrivals.ts'
import { connection } from '../load/connection.ts'
import type { Load, LoadReport } from '../load/generator.ts'
import type { LoadAnswer } from '../load/load-process.ts'
import type { SinkAnswer, SinkRequest } from '../load/sink-process.ts'
import { nowMicros } from '../workload/request.ts'
import { type Helper, startHelper } from './channel.ts'
import { type CpuShares, cpuWindow } from './cpu-shares.ts'
import { type Command, type StartedParticipant, startParticipant } from './participant-process.ts'
import { proportionalBytesOf, residentBytesOf, writtenBytesOf } from './proc.ts'
import { sampler } from './sampler.ts'
import { temporaryFolder } from './temporary.ts'

/** How one participant is put under load once. */
export type RoundPlan = {
  readonly name: string
  readonly command: (env: { readonly sinkUrl: string; readonly dataDir: string }) => Command
  /** Services that work for this participant; their CPU and memory are shown beside its own. */
  readonly servicePids: readonly number[]
  readonly connections: number
  readonly seconds: number
  readonly warmUpSeconds: number
  /** Messages per second in an open loop; absent: a closed loop. */
  readonly rate?: number
  /** How long it rests after its first message before its idle memory is read. */
  readonly idleSeconds: number
  /** It only accepts and delivers nothing: the bare HTTP rate. */
  readonly acceptOnly?: boolean
  /** A folder to use and keep; absent: an empty one that is removed afterwards. */
  readonly dataDir?: string
}

export type Round = {
  readonly name: string
  readonly load: LoadReport
  readonly arrivals: ArrivalReport
  /** From spawn to the ready line, and to the first 202. */
  readonly readyMillis: number
  readonly firstAcceptedMillis: number
  readonly idleBytes: number
  /** Resident bytes of the participant over the measured window, evenly spaced. */
  readonly residentBytes: readonly number[]
  readonly serviceBytes: number
  /** Bytes that the services wrote to disk over the measured window. */
  readonly serviceWritten: number
  readonly cpu: CpuShares
}

type Helpers = {
  readonly load: Helper<Load, LoadAnswer>
  readonly sink: Helper<SinkRequest, SinkAnswer>
  readonly sinkUrl: string
}

/** A message that has not arrived this long after the last one did is lost. */
const stallMs = 15_000
const path = '/in'

/** Runs one round in processes of its own; all of them have ended when it returns. */
export const runRound = async (plan: RoundPlan): Promise<Round> => {
  const folder =
    plan.dataDir === undefined ? temporaryFolder('round') : { path: plan.dataDir, remove: () => {} }
  const dataDir = folder.path
  const helpers = await startHelpers()
  const spawnedAt = nowMicros()
  try {
    const participant = await startParticipant(plan.name, plan.command({ sinkUrl: helpers.sinkUrl, dataDir }))
    try {
      return await measure(plan, helpers, participant, spawnedAt)
    } finally {
      await participant.stop()
    }
  } finally {
    await Promise.all([helpers.load.stop(), helpers.sink.stop()])
    folder.remove()
  }
}

const startHelpers = async (): Promise<Helpers> => {
  const load = await startHelper<Load, LoadAnswer>(new URL('../load/load-process.ts', import.meta.url))
  const sink = await startHelper<SinkRequest, SinkAnswer>(new URL('../load/sink-process.ts', import.meta.url))
  return { load: load.helper, sink: sink.helper, sinkUrl: `http://127.0.0.1:${sink.ready.port}/effects` }
}

const measure = async (
  plan: RoundPlan,
  helpers: Helpers,
  { pid, ports }: StartedParticipant,
  spawnedAt: number,
): Promise<Round> => {
  const readyMillis = (nowMicros() - spawnedAt) / 1e3
  await helpers.sink.ask({ ask: 'reset', from: 1 }, 'reset')
  const firstAcceptedMillis = await firstAccepted(ports[0] as number, spawnedAt)
  await sleep(plan.idleSeconds * 1e3)
  const idleBytes = residentBytesOf(pid)
  const warm = await loadOf(helpers, plan, ports, 1, plan.warmUpSeconds)
  await drained(helpers, plan, warm.accepted)
  const from = warm.sent.last + 1
  await helpers.sink.ask({ ask: 'reset', from }, 'reset')
  const endWindow = cpuWindow(pidsOf(plan, helpers, pid))
  const writtenBefore = writtenBy(plan)
  const memory = sampler(() => residentBytesOf(pid), Math.max(250, plan.seconds * 2.5))
  const load = await loadOf(helpers, plan, ports, from, plan.seconds)
  await drained(helpers, plan, load.accepted)
  const cpu = endWindow()
  const serviceWritten = writtenBy(plan) - writtenBefore
  const { report } = await helpers.sink.ask({ ask: 'report', sent: load.sent }, 'report')
  return {
    name: plan.name,
    load,
    arrivals: report,
    readyMillis,
    firstAcceptedMillis,
    idleBytes,
    residentBytes: memory.stop(),
    serviceWritten,
    serviceBytes: plan.servicePids.reduce((total, service) => total + proportionalBytesOf(service), 0),
    cpu,
  }
}

const writtenBy = ({ servicePids }: RoundPlan): number =>
  servicePids.reduce((total, pid) => total + writtenBytesOf(pid), 0)

const pidsOf = (plan: RoundPlan, helpers: Helpers, pid: number) => ({
  participant: [pid],
  services: plan.servicePids,
  load: [helpers.load.pid],
  sink: [helpers.sink.pid],
})

/** Message 0 goes before all others, so that starting is measured up to the first message that is kept. */
const firstAccepted = async (port: number, spawnedAt: number): Promise<number> => {
  const first = await connection({ port, path })
  const status = await new Promise<number>((resolve) => first.send(0, nowMicros(), resolve))
  first.close()
  if (status < 200 || status > 299) throw new Error(`the first message was answered ${status}, not 202`)
  return (nowMicros() - spawnedAt) / 1e3
}

const loadOf = async (
  helpers: Helpers,
  plan: RoundPlan,
  ports: readonly number[],
  from: number,
  seconds: number,
): Promise<LoadReport> => {
  const load: Load = {
    targets: ports.map((port) => ({ port, path })),
    connections: plan.connections,
    from,
    stopAfter: { seconds },
    ...(plan.rate === undefined ? {} : { rate: plan.rate }),
  }
  return (await helpers.load.ask(load, 'done')).report
}

const drained = async (helpers: Helpers, plan: RoundPlan, accepted: number): Promise<void> => {
  let last = -1
  let changedAt = nowMicros()
  while (plan.acceptOnly !== true && last < accepted && nowMicros() - changedAt < stallMs * 1e3) {
    const { distinct } = await helpers.sink.ask({ ask: 'progress' }, 'progress')
    if (distinct !== last) changedAt = nowMicros()
    last = distinct
    await sleep(20)
  }
}
