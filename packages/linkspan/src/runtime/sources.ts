import type { Incoming, RunningSource, SourceContext } from '../connect/connector.ts'
import type { Journal } from '../journal/journal.ts'
import { ensureError, isLinkspanError, LinkspanError, type StoredError, storeError } from '../model/errors.ts'
import type { Outside } from '../model/outside.ts'
import { backoffMs, exponential } from '../model/policy.ts'
import type { Budgets } from './budget/budgets.ts'
import type { Purse } from './budget/purse.ts'
import { withinBudget } from './budget/within.ts'
import type { Committer } from './committer.ts'
import type { Connections } from './connections.ts'
import { type FlowNames, identityOf } from './former-names.ts'
import type { Entrance, Prepared, Taker } from './intake.ts'
import type { SourceLog } from './source-log/source-log.ts'
import { isUnfit } from './taken-body.ts'

/** The state of a flow's source. */
export interface SourceStatus {
  /** `elsewhere`: another engine of the cluster runs it; `passive`: nothing runs, others bring the messages. */
  readonly state: 'running' | 'paused' | 'failing' | 'passive' | 'elsewhere'
  readonly error: StoredError | null
}

/** A source that is kept running: started again after it failed, stopped while its flow is paused. */
export interface KeptSource {
  readonly status: SourceStatus
  /** Whether it is to run on this engine. */
  readonly isHere: boolean
  start(): void
  stop(): Promise<void>
}

/** What keeping sources takes. */
export interface SourceOptions {
  readonly outside: Outside
  readonly directory: string
  readonly journal: Journal
  readonly committer: Committer
  readonly connections: Connections
  readonly entrance: Entrance
  readonly budgets: Pick<Budgets, 'of'>
  /** The messages of a flow that lie in its source's log; undefined where the journal keeps them. */
  readonly sourceLog: (flow: string) => SourceLog | undefined
  /** Whether a source of a flow runs here: each runs on one engine of a cluster. */
  readonly isHere: (flow: FlowNames) => boolean
  /**
   * Waits until no other engine runs the source, and says that this one does; answers how to take that back. Null
   * where no other engine shares the journal. Rejects with `ENGINE_BUSY` when another one runs it for too long.
   */
  readonly claim: ((flow: FlowNames) => Promise<() => void>) | null
  /** An error as it may be shown. */
  readonly clean: (error: LinkspanError) => LinkspanError
}

const PAUSES = exponential('500ms', '1m')
/** How long a source that is stopped waits for what it has delivered and runs, so that it need not come again. */
const REST_MS = 5_000

/** Keeps the source of a flow running. A flow that is fed by the server, a sender or a channel has a passive one. */
export function keepSource(
  taker: Taker,
  options: SourceOptions & { /** Its number among the sources of this engine. */ readonly nth: number },
): KeptSource {
  const { source, definition } = taker.flow.flow
  const { clock, random, logger } = options.outside
  const cursorName = `source:${identityOf(definition)}`
  const purse = (): Purse | null => (source.connection ? options.budgets.of(source.connection.name) : null)
  // Those of messages are places, which begin at 1.
  const requestId = -1 - options.nth
  const everywhere = source.runs === 'everywhere'
  const sourceLog = options.sourceLog(definition.name)
  const isHere = (): boolean => everywhere || options.isHere(definition)
  let phase: 'stopped' | 'starting' | 'running' | 'failing' = 'stopped'
  let error: StoredError | null = null
  let failures = 0
  let controller = new AbortController()
  let running: RunningSource | null = null
  let cancelPause = (): void => undefined
  let giveUpClaim: (() => void) | null = null

  const context = (signal: AbortSignal): SourceContext => ({
    clock,
    random,
    logger,
    directory: options.directory,
    durability: sourceLog === undefined ? 'journal' : 'source',
    signal,
    client: async () => (source.connection ? options.connections.client(source.connection) : undefined),
    cursor: () => options.journal.cursors.get(cursorName),
    accept: (messages, cursor) =>
      sourceLog === undefined ? accept(messages, cursor) : takeOn(sourceLog, messages, signal),
    request: (run) => withinBudget({ purse: purse(), id: requestId, clock, signal }, run),
    failed: (thrown) => {
      if (!signal.aborted) void breakOff(thrown)
    },
  })

  /** What does not fit the flow is accepted all the same, and ends as a dead letter: what comes after it is not held up. */
  const prepare = async (message: Incoming): Promise<Prepared> => {
    try {
      return await options.entrance.prepare(taker, message, undefined)
    } catch (thrown) {
      if (!isLinkspanError(thrown, 'BODY_INVALID')) throw thrown
      return options.entrance.asUnfit(taker, message, { as: 'refused', reason: thrown.message })
    }
  }

  const accept = async (messages: readonly Incoming[], cursor: string | null): Promise<void> => {
    if (everywhere && cursor !== null) throw cursorOfMany(source.name)
    const prepared = await Promise.all(messages.map(prepare))
    const full = options.committer.full(prepared.length)
    if (full) throw full
    await commitTogether(prepared, cursor)
  }

  /** What its flow cannot run is for people to see, who look into the journal. */
  const takeOn = async (
    log: SourceLog,
    messages: readonly Incoming[],
    signal: AbortSignal,
  ): Promise<void> => {
    const all = await Promise.all(
      messages.map(async (incoming) => ({ incoming, prepared: await prepare(incoming) })),
    )
    const [unfit, fit] = [
      all.filter(({ prepared }) => isUnfit(prepared)),
      all.filter(({ prepared }) => !isUnfit(prepared)),
    ]
    await log.take(fit, signal)
    for (const { incoming, prepared } of unfit)
      options.entrance.accept(prepared).then(
        () => incoming.delivery?.settled(),
        (thrown: unknown) => void breakOff(thrown),
      )
  }

  /** All in one turn, so that messages and cursor go into one commit. */
  const commitTogether = (prepared: readonly Prepared[], cursor: string | null): Promise<unknown> => {
    const parts: Promise<unknown>[] = prepared.map((each) => options.entrance.accept(each))
    if (cursor !== null) parts.push(moveCursor(cursor))
    return Promise.all(parts)
  }

  const moveCursor = (value: string): Promise<void> =>
    new Promise((resolve, reject) => options.committer.cursor({ name: cursorName, value }, resolve, reject))

  const begin = async (): Promise<void> => {
    phase = 'starting'
    controller = new AbortController()
    const { signal } = controller
    try {
      if (!(await claimed(signal))) return
      sourceLog?.open()
      const started = (await source.start?.(context(signal))) ?? null
      // It may have been started again since, which this one must not stand in for.
      if (signal.aborted) return void (await started?.stop())
      running = started
      phase = 'running'
      error = null
      failures = 0
    } catch (thrown) {
      if (!signal.aborted) fail(thrown)
    }
  }

  /** Answers false when it was stopped meanwhile. A source that failed is still this engine's. */
  const claimed = async (signal: AbortSignal): Promise<boolean> => {
    if (options.claim === null || everywhere || giveUpClaim !== null) return true
    const giveUp = await options.claim(definition)
    if (signal.aborted) giveUp()
    else giveUpClaim = giveUp
    return !signal.aborted
  }

  /** It is started again once all of it has ended. */
  const breakOff = async (thrown: unknown): Promise<void> => {
    const broken = controller
    broken.abort()
    phase = 'failing'
    const stopping = running
    running = null
    await stopping?.stop().catch(() => undefined)
    if (phase === 'failing' && controller === broken) fail(thrown)
  }

  const fail = (thrown: unknown): void => {
    failures += 1
    phase = 'failing'
    const failure = options.clean(ensureError(thrown, 'CONNECTION_FAILED', { retry: 'later' }))
    error = storeError(failure)
    if (source.connection && isLinkspanError(failure, 'CONNECTION_FAILED'))
      options.connections.lost(source.connection)
    logger.log('warn', 'source.failed', { flow: definition.name, source: source.name, error: error.message })
    const pause = backoffMs(PAUSES, failures, random.next())
    const stated = typeof failure.retry === 'object' ? failure.retry.afterMs : 0
    cancelPause = clock.timer(Math.max(pause, stated), () => void begin())
  }

  return {
    get isHere() {
      return isHere()
    },
    get status(): SourceStatus {
      if (!source.start) return { state: 'passive', error: null }
      if (phase === 'stopped') return { state: isHere() ? 'paused' : 'elsewhere', error }
      return { state: phase === 'failing' ? 'failing' : 'running', error }
    },
    start() {
      if (source.start && phase === 'stopped' && isHere()) void begin()
    },
    async stop() {
      cancelPause()
      if (running !== null) await sourceLog?.rest(REST_MS)
      // What has stopped is stopped again each second where it is another engine's: an abort makes an error with its stack.
      if (!controller.signal.aborted) controller.abort()
      phase = 'stopped'
      const stopping = running
      running = null
      const giveUp = giveUpClaim
      giveUpClaim = null
      try {
        await stopping?.stop()
      } finally {
        giveUp?.()
      }
    },
  }
}

function cursorOfMany(name: string): LinkspanError {
  return new LinkspanError(
    'CONFIG_INVALID',
    `The source "${name}" runs on every engine and moves a cursor, which they would take from each other. Let the system keep its positions, or let it run once.`,
  )
}
