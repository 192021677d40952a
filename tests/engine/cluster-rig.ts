import {
  type Accepted,
  type AcceptsOf,
  type Admin,
  createEngine,
  type Flow,
  type MountableEngine,
  type Project,
  type SendOptions,
} from 'linkspan'
import type { Clock } from 'linkspan/connect'
import type { JournalFactory } from 'linkspan'
import { type SimulatedJournal, type SimulatedOptions, simulated } from 'linkspan/journal'
import {
  type MemoryLogger,
  memoryLogger,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from 'linkspan/testing'

/** One engine of a cluster, as a test sees it. */
export interface Node {
  readonly engine: MountableEngine
  readonly admin: Admin
  readonly log: MemoryLogger
  /** Its number among the members of the journal, as of its last joining. */
  readonly member: number
  readonly isAlive: boolean
  send<L extends Flow>(flow: L, body: AcceptsOf<L>, options?: SendOptions): Promise<Accepted>
  /** Sets its machine's clock ahead of the others', or back. */
  setClock(byMs: number): void
  /** Ends it as SIGKILL would: nothing of it happens any more. */
  kill(): void
  /** Stops it as SIGSTOP would, and lets it go on. */
  freeze(): void
  thaw(): void
  stop(options?: Parameters<MountableEngine['stop']>[0]): Promise<void>
}

/** Several engines on one journal in memory, on one clock that the test moves. */
export interface Cluster extends AsyncDisposable {
  readonly clock: VirtualClock
  readonly journal: SimulatedJournal
  readonly nodes: readonly Node[]
  /** Starts one more, with other flows or settings if they are given, on a machine whose clock is so much ahead. */
  join(flows?: readonly Flow[], options?: Partial<Project>, clockAheadMs?: number): Promise<Node>
  advance: VirtualClock['advance']
  during: VirtualClock['during']
  /** The states of all messages in the order of acceptance. */
  states(): Promise<readonly string[]>
  /** How often engines had what waits counted. */
  surveys(): number
  /** How often they read messages by their places. */
  loads(): number
  /** How many partitions each living engine owns, in the order of starting. */
  shares(): Promise<readonly number[]>
}

/** What a test says of a cluster. */
export interface ClusterOptions extends Pick<SimulatedOptions, 'onCommit' | 'partitions'> {
  /** Leaves engines without the journal's time, to see what that protects from. */
  readonly withoutJudge?: boolean
  readonly engines?: number
  readonly seed?: number
  readonly project?: Partial<Project>
}

/** Starts engines on a simulated journal that they share. */
export async function cluster(flows: readonly Flow[], options: ClusterOptions = {}): Promise<Cluster> {
  const { engines = 3, seed = 1, partitions = 12, onCommit, project = {}, withoutJudge = false } = options
  const clock = virtualClock()
  const journal = simulated({ partitions, lease: '10s', clock, ...(onCommit ? { onCommit } : {}) })
  const nodes: Node[] = []
  let surveys = 0
  let loads = 0

  const join: Cluster['join'] = async (given = flows, more = project, aheadMs = 0) => {
    const node = createNode(clock, counted, given, more, seed * 100 + nodes.length)
    node.setClock(aheadMs)
    nodes.push(node)
    await clock.during(node.engine.start())
    return node
  }
  const counted: SimulatedJournal = {
    ...journal,
    async open(environment) {
      const opened = await journal.open(environment)
      const survey = () => {
        surveys += 1
        return opened.ownership.survey()
      }
      const judge = withoutJudge ? { now: () => null } : {}
      const load: typeof opened.messages.load = (...args) => {
        loads += 1
        return opened.messages.load(...args)
      }
      const messages = { ...opened.messages, load }
      return { ...opened, messages, ownership: { ...opened.ownership, survey, ...judge } }
    },
  }
  const alive = (): Node => {
    const node = nodes.find(({ isAlive }) => isAlive)
    if (node) return node
    throw new Error('No engine of the cluster lives.')
  }

  const made: Cluster = {
    clock,
    journal,
    nodes,
    join,
    advance: clock.advance,
    during: clock.during,
    surveys: () => surveys,
    loads: () => loads,
    async states() {
      const { items } = await alive().admin.messages({ order: 'oldest', limit: 1_000 })
      return items.map(({ state }) => state)
    },
    async shares() {
      const { members } = await alive().admin.cluster()
      const owned = new Map(members.map((member) => [member.member, member.partitions.length]))
      return nodes.filter(({ isAlive }) => isAlive).map(({ member }) => owned.get(member) ?? 0)
    },
    async [Symbol.asyncDispose]() {
      for (const node of nodes) if (node.isAlive) await node.stop()
    },
  }
  for (let n = 0; n < engines; n += 1) await join()
  // Until each has its share.
  await clock.advance('30s')
  return made
}

function createNode(
  clock: VirtualClock,
  journal: SimulatedJournal,
  flows: readonly Flow[],
  project: Partial<Project>,
  seed: number,
): Node {
  const time = ownTime(clock)
  const log = memoryLogger()
  let member = 0
  let alive = true
  const noting: JournalFactory = {
    ...journal,
    async open(environment) {
      const opened = await journal.open(environment)
      member = opened.ownership.member
      return opened
    },
  }
  const engine = createEngine(
    { journal: noting, flows, http: false, ...project },
    { outside: { clock: time.clock, random: seededRandom(seed), logger: log } },
  )
  return {
    engine,
    log,
    get admin() {
      return engine.admin
    },
    get member() {
      return member
    },
    get isAlive() {
      return alive
    },
    send: (flow, body, given) => clock.during(engine.send(flow, body, given)),
    setClock: time.set,
    kill() {
      alive = false
      time.end()
      journal.crash(member)
    },
    freeze() {
      time.freeze()
      journal.pause(member)
    },
    thaw() {
      time.thaw()
      journal.wake(member)
    },
    async stop(given) {
      alive = false
      await clock.during(engine.stop(given))
    },
  }
}

/** The clock as one process has it: it stands still while the process is frozen, and for ever once it is dead. */
function ownTime(clock: VirtualClock): {
  readonly clock: Clock
  freeze(): void
  thaw(): void
  end(): void
  set(byMs: number): void
} {
  let ahead = 0
  let state: 'runs' | 'frozen' | 'dead' = 'runs'
  let held: (() => void)[] = []
  const guarded = (run: () => void) => (): void => {
    if (state === 'runs') run()
    else if (state === 'frozen') held.push(run)
  }
  return {
    clock: {
      now: () => clock.now() + ahead,
      monotonic: clock.monotonic,
      defer: (run) => clock.defer(guarded(run)),
      timer: (afterMs, run) => {
        let cancelled = false
        const cancel = clock.timer(
          afterMs,
          guarded(() => {
            if (!cancelled) run()
          }),
        )
        return () => {
          cancelled = true
          cancel()
        }
      },
    },
    freeze() {
      state = 'frozen'
    },
    thaw() {
      state = 'runs'
      const due = held
      held = []
      for (const run of due) clock.defer(run)
    },
    set(byMs) {
      ahead = byMs
    },
    end() {
      state = 'dead'
    },
  }
}
