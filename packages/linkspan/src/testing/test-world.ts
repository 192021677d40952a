import { version as nodeVersion } from 'node:process'
import type { CallContext, Operation, SourceDeclaration, Verdict } from '../connect/connector.ts'
import type { Batch } from '../journal/journal.ts'
import { type CommitFate, type SimulatedJournal, simulated } from '../journal/simulated/simulated.ts'
import type { Budget } from '../model/budget.ts'
import type { StepCode } from '../model/flow-definition.ts'
import type { Clock, Random } from '../model/outside.ts'
import { createMetrics } from '../observe/metrics.ts'
import type { Flow } from '../patterns/steps.ts'
import { createAdmin } from '../runtime/admin.ts'
import type { Admin } from '../runtime/admin-api.ts'
import { createAdminReader } from '../runtime/admin-reader.ts'
import type { Metrics, Project } from '../runtime/engine-api.ts'
import { liveView } from '../runtime/live-view.ts'
import { createRuntime, type Runtime } from '../runtime/runtime.ts'
import { type FakeOperation, isFake } from './fake-operation.ts'
import { never } from './fake-outcome.ts'
import { type MemoryLogger, memoryLogger } from './memory-logger.ts'
import type { ClockDriver, VirtualClock } from './virtual-clock.ts'

/** What a test says of the project around its flows. */
export type WorldSettings = Pick<Project, 'hooks' | 'onError' | 'retention' | 'attentionRetention'> & {
  /** The budgets of connections; nothing else of a connection counts where operations are fakes. */
  readonly connections?: Readonly<Record<string, { readonly budget: Budget }>>
}

/** A call that is about to leave the engine. */
export interface LeavingCall {
  readonly operation: FakeOperation
  readonly path: string
  readonly input: unknown
  readonly call: CallContext
  /** Lets it go on to the system. */
  pass(): Promise<unknown>
}

/** Sees everything that leaves the engine, and may let something else become of it. */
export interface WorldProbe {
  commit(batch: Batch): CommitFate
  call(leaving: LeavingCall): Promise<unknown>
  question(leaving: LeavingCall): Promise<unknown>
  /** Called when a timer of the engine is due. */
  timer(): void
}

/** What a world is made of. */
export interface WorldOptions<C extends Clock = VirtualClock & ClockDriver> {
  /** Fake operations belong to a life; what becomes of others when it ends is for the caller to see to. */
  readonly flows: readonly Flow[]
  readonly clock: C
  readonly random: Random
  readonly settings?: WorldSettings
  readonly probe?: WorldProbe
  /** Whether polling and streaming sources are started. @default false */
  readonly sources?: boolean
  /** Whether old messages are forgotten. @default true */
  readonly forgets?: boolean
  /** What is bound to the connections of operations and sources that are no fakes. */
  readonly connections?: Readonly<Record<string, unknown>>
  /** The folder that relative paths start from. @default '/' */
  readonly directory?: string
}

/** One engine from its start to its end. */
export interface Life {
  readonly alive: boolean
  readonly runtime: Runtime
  readonly admin: Admin
  readonly metrics: Metrics
}

/** Engines one after the other on one journal, with everything around them in memory. */
export interface TestWorld<C extends Clock = VirtualClock & ClockDriver> {
  readonly clock: C
  readonly journal: SimulatedJournal
  readonly logger: MemoryLogger
  readonly life: Life | null
  /** Begins a new life; resolves when the engine has started. The clock has to be driven meanwhile. */
  begin(): Promise<void>
  /** Ends the present life as a crash would: no timer, no answer and no promise of it does anything any more. */
  kill(): void
  /** Whether every accepted message has ended. */
  atRest(): boolean
}

/** Makes a world in which no engine lives yet. */
export function createWorld<C extends Clock>(options: WorldOptions<C>): TestWorld<C> {
  const { clock, probe, flows, settings = {} } = options
  const journal = simulated({ onCommit: (batch) => probe?.commit(batch) ?? 'ok' })
  const logger = memoryLogger()
  let life: (Life & { end(): void }) | null = null

  const begin = async (): Promise<void> => {
    if (life?.alive && life.runtime.state !== 'stopped') throw new Error('The engine runs already.')
    life?.end()
    const lifeTime = createLifeTime(clock, probe)
    const metrics = createMetrics()
    const runtime = createRuntime({
      flows: flows.map((flow) => bound(flow, lifeTime, options)),
      journal: options.forgets === false ? withoutPruning(journal) : journal,
      connections: { ...settings.connections, ...options.connections },
      outside: { clock: lifeTime.clock, random: options.random, logger },
      directory: options.directory ?? '/',
      metrics,
      codeVersion: (flow) => flow.codeVersion,
      hooks: settings.hooks ?? {},
      settings,
    })
    let admin: Admin | null = null
    life = {
      runtime,
      metrics,
      get alive() {
        return lifeTime.alive
      },
      get admin() {
        admin ??= adminOf(runtime)
        return admin
      },
      end: lifeTime.end,
    }
    await runtime.start()
    if (options.sources) runtime.openSources()
  }

  return {
    clock,
    journal,
    logger,
    begin,
    get life() {
      return life
    },
    kill() {
      life?.end()
      journal.crash()
    },
    atRest: () => life?.alive === true && life.runtime.state === 'running' && rests(life.runtime),
  }
}

/** The time that one engine has: its clock stands still for ever when it ends. */
interface LifeTime {
  readonly alive: boolean
  readonly clock: Clock
  end(): void
}

function createLifeTime(clock: Clock, probe: WorldProbe | undefined): LifeTime {
  const timers = new Set<() => void>()
  let alive = true
  return {
    get alive() {
      return alive
    },
    clock: {
      now: clock.now,
      monotonic: clock.monotonic,
      defer: (run) => clock.defer(() => alive && run()),
      timer(afterMs, run) {
        if (!alive) return () => undefined
        const cancel = clock.timer(afterMs, () => {
          timers.delete(cancel)
          probe?.timer()
          if (alive) run()
        })
        timers.add(cancel)
        return () => {
          timers.delete(cancel)
          cancel()
        }
      },
    },
    end() {
      alive = false
      for (const cancel of timers) cancel()
      timers.clear()
    },
  }
}

/** A flow whose calls belong to one life: none leaves after its end, and no answer arrives. */
function bound(flow: Flow, life: LifeTime, { probe, sources = false }: WorldOptions<Clock>): Flow {
  const code = new Map<string, StepCode>()
  for (const [path, step] of flow.code) {
    const operation = step['operation']
    code.set(
      path,
      isFake(operation) ? { ...step, operation: boundOperation(operation, path, life, probe) } : step,
    )
  }
  const { definition, own, codeVersion, places } = flow
  return { definition, code, own, codeVersion, places, source: sources ? flow.source : passive(flow.source) }
}

function passive(source: SourceDeclaration<unknown>): SourceDeclaration<unknown> {
  const { start: _start, connection: _connection, ...rest } = source
  return rest
}

function boundOperation(
  operation: FakeOperation,
  path: string,
  life: LifeTime,
  probe: WorldProbe | undefined,
): Operation<unknown, unknown> {
  const { connection, name, guarantee, timeout } = operation
  const within = (send: () => Promise<unknown>): Promise<unknown> =>
    life.alive ? whileAlive(send(), life) : never()
  const leaving = (input: unknown, call: CallContext, pass: () => Promise<unknown>): LeavingCall => ({
    operation,
    path,
    input,
    call,
    pass,
  })
  const { verify } = operation
  return {
    connection,
    name,
    guarantee,
    ...(timeout === undefined ? {} : { timeout }),
    run: (client, input, call) => {
      const pass = (): Promise<unknown> => operation.run(client, input, call)
      return within(() => (probe ? probe.call(leaving(input, call, pass)) : pass()))
    },
    ...(verify === undefined
      ? {}
      : {
          verify: (client, input, call) => {
            const pass = (): Promise<unknown> => verify(client, input, call)
            const asked = within(() => (probe ? probe.question(leaving(input, call, pass)) : pass()))
            return asked as Promise<Verdict<unknown>>
          },
        }),
  }
}

/** An answer that does not arrive once the engine is dead. */
function whileAlive<T>(answer: Promise<T>, life: LifeTime): Promise<T> {
  return new Promise((resolve, reject) => {
    answer.then(
      (value) => life.alive && resolve(value),
      (thrown: unknown) => life.alive && reject(thrown),
    )
  })
}

/** Pruning that is never done: it would run every minute of virtual time. */
function withoutPruning(
  journal: SimulatedJournal,
): Pick<SimulatedJournal, 'kind' | 'open' | 'openForReading'> {
  return {
    kind: journal.kind,
    openForReading: journal.openForReading,
    async open(environment) {
      const opened = await journal.open(environment)
      return Object.create(opened, {
        history: { value: { ...opened.history, prune: never } },
      }) as typeof opened
    },
  }
}

function adminOf(runtime: Runtime): Admin {
  const { parts } = runtime
  const reader = createAdminReader({
    journal: parts.journal,
    flows: parts.flows,
    version: 'test',
    node: nodeVersion,
    live: liveView(runtime),
  })
  return createAdmin(reader, parts, runtime.control)
}

function rests(runtime: Runtime): boolean {
  const { ledger, committer, takers } = runtime.parts
  const live = [...ledger.flows.values()].some(({ roots, children }) => roots.live > 0 || children.live > 0)
  const busy = [...takers.values()].some(({ queue }) => queue.active > 0)
  return !live && !busy && committer.pending === 0
}
