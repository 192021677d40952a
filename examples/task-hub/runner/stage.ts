import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { FeederReport } from '../feeder/feeder.ts'
import { freePort } from '../lib/free-port.ts'
import { type LineLog, openLog } from '../lib/ndjson.ts'
import type { HubEnvironment, RunnerLine, Sink } from '../protocol.ts'
import type { SimulatorsReady } from '../simulators/simulators.ts'
import { type Child, diedError, endChild, startChild } from './child.ts'
import { type HubProcess, hubProcess } from './hub-process.ts'
import type { RunOptions } from './options.ts'

/** All processes of a run, and what they have told. */
export interface Stage {
  readonly folder: string
  readonly logs: string
  readonly hub: HubProcess
  readonly urls: Readonly<Record<Sink, string>>
  readonly log: LineLog<RunnerLine>
  readonly progress: FeederProgress
  /** Rejects when a process ends that should not, or when the run is interrupted. */
  readonly failed: Promise<never>
  /** Starts the hub and logs how long it took to be ready. */
  startHub(): Promise<void>
  /** Resolves when the feeder has done all. */
  startFeeder(args: readonly string[]): Promise<void>
  /** Lets the feeder end; then it has told what was accepted. */
  endFeeder(): Promise<void>
  /** Ends all processes: the feeder, the hub, the simulators, in this order. */
  close(): Promise<void>
  /** Removes the run's folder. */
  remove(): void
}

/** What the feeder has reported last. */
export interface FeederProgress {
  accepted: number
  ended: number
  fed: boolean
}

const HERE = join(import.meta.dirname, '..')
const PATIENCE_MS = 5000

/** Makes the run's folder, starts the simulators and prepares the hub. */
export async function setStage(options: RunOptions, signal: AbortSignal): Promise<Stage> {
  const name = `${options.once ? 'once' : 'live'}-${options.seed}-${process.pid}`
  const folder = options.data ?? join(HERE, 'data', name)
  const logs = join(folder, 'logs')
  mkdirSync(logs, { recursive: true })
  mkdirSync(join(folder, 'hub'), { recursive: true })
  const secret = randomBytes(24).toString('hex')
  const failure = Promise.withResolvers<never>()
  failure.promise.catch(() => undefined)
  signal.addEventListener('abort', () => failure.reject(new Error('Interrupted.')), { once: true })
  const log = openLog<RunnerLine>(join(logs, 'runner.ndjson'))
  log.write({ event: 'start', seed: options.seed, messages: options.messages, unsafe: options.unsafe })
  let closing = false
  const watch = (child: Child): Child => {
    child.ended.then((how) => closing || failure.reject(diedError(child, how)))
    return child
  }
  const simulators = watch(startSimulators(options, folder, logs))
  const urls = await Promise.race([readUrls(simulators), failure.promise]).catch(async (error: unknown) => {
    await endChild(simulators, PATIENCE_MS)
    throw error
  })
  const hub = hubProcess(await hubOptions(options, folder, secret, urls))
  hub.failed.catch((error: unknown) => failure.reject(error))
  const progress = { accepted: 0, ended: 0, fed: false }
  const children: Child[] = [simulators]
  return {
    ...{ folder, logs, hub, urls, log, progress, failed: failure.promise },
    startHub: async () => {
      const readyMs = await Promise.race([hub.start(), failure.promise])
      log.write({ event: 'hub', pid: hub.pid(), readyMs })
    },
    startFeeder: (args) => {
      const feeder = startFeederProcess(options, { folder, logs, hubUrl: hub.url, secret }, args)
      children.unshift(feeder)
      return followFeeder(feeder, progress)
    },
    endFeeder: async () => {
      const [feeder] = children.length > 1 ? children : []
      if (feeder) await endChild(feeder, PATIENCE_MS)
    },
    close: async () => {
      if (closing) return
      closing = true
      const [feeder, ...rest] = children
      if (feeder) await endChild(feeder, PATIENCE_MS)
      await hub.stop()
      for (const child of rest) await endChild(child, PATIENCE_MS)
      log.close()
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function startSimulators(options: RunOptions, folder: string, logs: string): Child {
  return startChild({
    file: join(HERE, 'simulators', 'simulators.ts'),
    args: ['--logs', logs, '--seed', String(options.seed), '--faults', String(options.faults)],
    env: {},
    output: join(folder, 'simulators.log'),
  })
}

function readUrls(simulators: Child): Promise<SimulatorsReady['urls']> {
  return new Promise((resolve) => {
    simulators.onMessage((message) => resolve((message as SimulatorsReady).urls))
  })
}

async function hubOptions(
  options: RunOptions,
  folder: string,
  secret: string,
  urls: SimulatorsReady['urls'],
) {
  const port = await freePort()
  const env: HubEnvironment = {
    HUB_PORT: String(port),
    HUB_DATA: join(folder, 'hub'),
    HUB_MODE: options.once ? 'once' : 'live',
    HUB_UNSAFE: options.unsafe,
    GITHUB_WEBHOOK_SECRET: secret,
    BOARD_URL: urls.board,
    BUGS_URL: urls.bugs,
    SUBSCRIBERS_URL: urls.subscribers,
    CHAT_URL: urls.chat,
  }
  return { file: options.hub, port, env: { ...env, ...options.hubEnv }, output: join(folder, 'hub.log') }
}

function startFeederProcess(
  options: RunOptions,
  to: { readonly folder: string; readonly logs: string; readonly hubUrl: string; readonly secret: string },
  args: readonly string[],
): Child {
  return startChild({
    file: join(HERE, 'feeder', 'feeder.ts'),
    args: ['--hub', to.hubUrl, '--logs', to.logs, '--seed', String(options.seed), ...args],
    env: { GITHUB_WEBHOOK_SECRET: to.secret },
    output: join(to.folder, 'feeder.log'),
  })
}

async function followFeeder(feeder: Child, progress: FeederProgress): Promise<void> {
  let finished = false
  feeder.onMessage((message) => {
    const report = message as FeederReport
    if ('progress' in report) Object.assign(progress, report.progress)
    else finished = true
  })
  const how = await feeder.ended
  if (!finished) throw diedError(feeder, how)
}
