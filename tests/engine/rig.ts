import {
  type Accepted,
  type AcceptsOf,
  type Admin,
  createEngine,
  type EngineOptions,
  type Flow,
  type Json,
  type MessageSummary,
  type MountableEngine,
  type Project,
  type SendOptions,
  type Trace,
} from 'linkspan'
import type { Clock } from 'linkspan/connect'
import { type SimulatedJournal, type SimulatedOptions, simulated } from 'linkspan/journal'
import {
  type MemoryLogger,
  memoryLogger,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from 'linkspan/testing'

/** What a test says of the project and the world around its flows. */
export type RigOptions = Partial<Project> &
  Pick<EngineOptions, 'lookup'> & {
    readonly seed?: number
    readonly onCommit?: SimulatedOptions['onCommit']
  }

/** Engines one after the other on one journal in memory, on a clock that the test moves. */
export interface Rig extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly journal: SimulatedJournal
  readonly log: MemoryLogger
  /** The engine that lives now. */
  readonly engine: MountableEngine
  readonly admin: Admin
  /** Starts an engine, with other flows or settings if they are given. */
  start(flows?: readonly Flow[], options?: RigOptions): Promise<void>
  stop(options?: Parameters<MountableEngine['stop']>[0]): Promise<void>
  /** Ends the engine as SIGKILL would: nothing of it happens any more. */
  crash(): void
  send<L extends Flow>(flow: L, body: AcceptsOf<L>, options?: SendOptions): Promise<Accepted>
  advance: VirtualClock['advance']
  /** Waits for a promise, moving the clock where need be. */
  during: VirtualClock['during']
  message(id: string): Promise<MessageSummary>
  /** The states of all messages in the order of acceptance. */
  states(): Promise<readonly string[]>
  trace(id: string): Promise<Trace>
  reply(id: string): Promise<Json | undefined>
}

/** Starts an engine on a simulated journal and a virtual clock, through the public API. */
export async function rig(flows: readonly Flow[], options: RigOptions = {}): Promise<Rig> {
  const clock = virtualClock()
  const log = memoryLogger()
  const random = seededRandom(options.seed ?? 1)
  const journal = simulated(options.onCommit ? { onCommit: options.onCommit } : {})
  let life: { readonly engine: MountableEngine; end(): void } | null = null
  let present = { flows, options }

  const living = (): { readonly engine: MountableEngine; end(): void } => {
    if (life) return life
    throw new Error('No engine lives. Call start() first.')
  }

  const start: Rig['start'] = async (given = present.flows, more = present.options) => {
    present = { flows: given, options: more }
    const { lookup, seed: _seed, onCommit: _onCommit, ...project } = more
    const time = mortal(clock)
    const engine = createEngine(
      { journal, flows: given, http: false, ...project },
      { outside: { clock: time.clock, random, logger: log }, ...(lookup ? { lookup } : {}) },
    )
    life = { engine, end: time.end }
    await clock.during(engine.start())
  }

  const made: Rig = {
    clock,
    journal,
    log,
    start,
    advance: clock.advance,
    during: clock.during,
    get engine() {
      return living().engine
    },
    get admin() {
      return living().engine.admin
    },
    async stop(within) {
      await clock.during(living().engine.stop(within))
      life = null
    },
    crash() {
      living().end()
      journal.crash()
      life = null
    },
    send: (flow, body, given) => clock.during(living().engine.send(flow, body, given)),
    async message(id) {
      const { items } = await living().engine.admin.messages({ children: true, limit: 1_000 })
      const found = items.find((item) => item.id === id)
      if (found) return found
      throw new Error(`No message ${id} among ${items.map((item) => item.id).join(', ')}`)
    },
    async states() {
      const { items } = await living().engine.admin.messages({ order: 'oldest', limit: 1_000 })
      return items.map(({ state }) => state)
    },
    trace: (id) => living().engine.admin.trace(id),
    reply: async (id) => (await living().engine.admin.reply(id))?.reply,
    async [Symbol.asyncDispose]() {
      if (life) await made.stop()
    },
  }
  await start()
  return made
}

/** A clock that stands still for ever once its engine is dead. */
function mortal(clock: VirtualClock): { readonly clock: Clock; end(): void } {
  let alive = true
  return {
    clock: {
      now: clock.now,
      monotonic: clock.monotonic,
      defer: (run) => clock.defer(() => alive && run()),
      timer: (afterMs, run) => clock.timer(afterMs, () => alive && run()),
    },
    end() {
      alive = false
    },
  }
}
