import type { ConnectionDeclaration, Incoming, Operation } from '../connect/connector.ts'
import type { Journal, JournalFactory, NewMessage } from '../journal/journal.ts'
import { type Duration, durationMs } from '../model/duration.ts'
import { ensureError, LinkspanError } from '../model/errors.ts'
import type { Outside } from '../model/outside.ts'
import { asPolicy, type ErrorPolicy } from '../model/policy.ts'
import type { Flow } from '../patterns/steps.ts'
import type { EngineState } from './admin-api.ts'
import { createCalls } from './calls.ts'
import { createCells } from './cells.ts'
import { type Subscribers, subscribersOf } from './channels.ts'
import { type Children, createChildren } from './children.ts'
import { type Committer, createCommitter } from './committer.ts'
import { type CompiledFlow, compileFlow } from './compile.ts'
import { type Connections, createConnections } from './connections.ts'
import type { Accepted, Hooks, Intake, Metrics, Project, SendOptions } from './engine-api.ts'
import type { Events } from './events.ts'
import { createFlowQueue, type FlowQueue } from './flow-queue.ts'
import { createFreshSet } from './fresh-set.ts'
import { checkBody, createEntrance, type Entrance, type Taker } from './intake.ts'
import { createLedger, type Ledger } from './ledger.ts'
import { createLive, type Live, readyWait } from './live.ts'
import { type Loaded, recordOf } from './loaded.ts'
import type { MessagePass } from './pass.ts'
import { isPaused } from './paused.ts'
import { recover } from './recovery.ts'
import { createReplies, type Replies } from './replies.ts'
import { keepRetention } from './retention.ts'
import { type KeptSource, keepSource } from './sources.ts'

/** What a runtime is made of: everything is resolved, nothing is looked up here. */
export interface RuntimeOptions {
  readonly flows: readonly Flow[]
  readonly journal: JournalFactory
  /** Configuration by connection name, references resolved. */
  readonly connections: Readonly<Record<string, unknown>>
  readonly outside: Outside
  readonly directory: string
  readonly metrics: Metrics
  readonly codeVersion: (flow: Flow) => string
  readonly hooks: Hooks
  readonly settings: Pick<Project, 'retention' | 'attentionRetention' | 'onError'>
}

/** The parts of a started runtime that administration works on. */
export interface RuntimeParts {
  readonly outside: Outside
  readonly journal: Journal
  readonly committer: Committer
  readonly live: Live
  readonly ledger: Ledger
  readonly takers: ReadonlyMap<string, Taker>
  readonly flows: ReadonlyMap<string, CompiledFlow>
  readonly sources: ReadonlyMap<string, KeptSource>
  readonly events: Events
  readonly replies: Replies
  readonly directory: string
}

/** The engine without its server: accepts messages, runs them, and can be looked into. */
export interface Runtime {
  readonly state: EngineState
  readonly startedAt: number
  readonly flows: ReadonlyMap<string, Flow>
  readonly intake: Intake
  /** The parts, once started. Throws `ENGINE_STATE` before. */
  readonly parts: RuntimeParts
  start(): Promise<void>
  /** Starts what brings messages in: call after the server listens, or at once without one. */
  openSources(): void
  stop(options?: { readonly within?: Duration }): Promise<void>
  send(flow: string, body: unknown, options?: SendOptions): Promise<Accepted>
  request(
    flow: string,
    body: unknown,
    options: SendOptions & { readonly timeout?: Duration; readonly signal?: AbortSignal },
  ): Promise<unknown>
}

const MAX_PENDING = 20_000
const DEFAULT_STOP_MS = 10_000
const DEFAULT_REPLY_MS = 30_000
const STOP_POLL_MS = 10

/** Makes the runtime of a project. Throws what is wrong with its flows. */
export function createRuntime(options: RuntimeOptions): Runtime {
  const { outside } = options
  const { clock, logger } = outside
  const flows = byName(options.flows)
  const subscribers = subscribersOf(options.flows)
  const policy = options.settings.onError === undefined ? undefined : asPolicy(options.settings.onError)
  let state: EngineState = 'new'
  let startedAt = 0
  let started: Started | null = null

  const need = (): Started => {
    if (started) return started
    throw new LinkspanError('ENGINE_STATE', `The engine is ${state}. Call start() first, and wait for it.`)
  }

  const start = async (): Promise<void> => {
    if (state !== 'new' && state !== 'stopped')
      throw new LinkspanError('ENGINE_STATE', `The engine is ${state} already.`)
    state = 'starting'
    try {
      started = await startParts(options, flows, subscribers, policy, (next) => {
        state = next
      })
      startedAt = clock.now()
      state = 'running'
    } catch (error) {
      state = 'stopped'
      throw error
    }
  }

  const stop: Runtime['stop'] = async ({ within } = {}) => {
    const parts = started
    if (!parts || state === 'stopping' || state === 'stopped') return
    state = 'stopping'
    await stopParts(parts, within === undefined ? DEFAULT_STOP_MS : durationMs(within), clock)
    started = null
    state = 'stopped'
    logger.log('info', 'engine.stopped')
  }

  const accept = async (name: string, incoming: Incoming, key: string | undefined): Promise<Accepted> => {
    const { takers, entrance, committer } = need()
    const taker = takers.get(name)
    if (!taker) throw unknownFlow(name, [...takers.keys()])
    if (state === 'stopping')
      throw new LinkspanError('ENGINE_BUSY', 'The engine is stopping. Send again shortly.', {
        retry: { afterMs: 2_000 },
      })
    const full = committer.full(1)
    if (full) throw full
    const prepared = entrance.prepare(taker, incoming, key)
    return entrance.accept(prepared instanceof Promise ? await prepared : prepared)
  }

  const intake: Intake = {
    get refusing() {
      return started?.committer.refusing ?? null
    },
    accept: (name, incoming, given) => accept(name, incoming, given?.key),
    reply: (id, given) => replyOf(need(), id, given),
  }

  return {
    flows,
    intake,
    start,
    stop,
    get state() {
      return state
    },
    get startedAt() {
      return startedAt
    },
    get parts() {
      return need()
    },
    openSources() {
      const { sources, takers } = need()
      for (const [name, source] of sources) if (!takers.get(name)?.queue.paused) source.start()
    },
    send: (name, body, given = {}) => accept(name, incomingOf(body, given), given.key),
    async request(name, body, given) {
      const accepted = await accept(name, incomingOf(body, given), given.key)
      const timeoutMs = given.timeout === undefined ? DEFAULT_REPLY_MS : durationMs(given.timeout)
      const answer = await replyOf(need(), accepted.id, {
        timeoutMs,
        ...(given.signal ? { signal: given.signal } : {}),
      })
      if (answer) return answer.reply
      throw new LinkspanError(
        'REPLY_MISSING',
        `The message ${accepted.id} ended without a reply. See linkspan trace ${accepted.id}.`,
        { details: { id: accepted.id } },
      )
    },
  }
}

interface Started extends RuntimeParts {
  readonly entrance: Entrance
  readonly connections: Connections
  readonly queues: ReadonlyMap<string, FlowQueue>
  readonly stopped: AbortController
  readonly stopRetention: () => void
}

async function startParts(
  options: RuntimeOptions,
  flows: ReadonlyMap<string, Flow>,
  subscribers: Subscribers,
  policy: ErrorPolicy | undefined,
  setState: (state: EngineState) => void,
): Promise<Started> {
  const { outside, directory, metrics } = options
  const { clock, logger, random } = outside
  const compiled = new Map(
    [...flows].map(([name, flow]) => [name, compileFlow(flow, options.codeVersion(flow), policy)]),
  )
  const connections = createConnections(options.connections, { clock, random, logger, directory })
  await connections.validate(declarationsOf(options.flows))
  const journal = await options.journal.open({ clock, logger, directory })
  const ledger = createLedger(metrics)
  const events = createEvents(ledger, options)
  const fresh = createFreshSet(journal.opened.lastSeq)
  const stopped = new AbortController()
  const committer = createCommitter({
    journal,
    clock,
    lowWater: fresh.lowWater,
    maxPending: MAX_PENDING,
    onCommit: events.committed,
    onRefusing: (error) => {
      setState(error ? 'refusing' : 'running')
      logger.log(
        error ? 'error' : 'info',
        error ? 'journal.refusing' : 'journal.accepting',
        error ? { error: error.message } : {},
      )
    },
    onFailed: (error) => {
      setState('failed')
      stopped.abort()
      logger.log('error', 'journal.failed', { error: error.message })
    },
  })
  const entrance = createEntrance({ clock, random, committer, events, fresh })
  const replies = createReplies(clock)
  const cells = createCells(journal.state, committer, clock)
  const calls = createCalls({
    clock,
    connections,
    save: (pass) => live.save(pass),
    saved: (pass) => live.saved(pass),
    stopped: stopped.signal,
  })
  const begun = await begunBefore(journal, [...flows.keys()])
  // Children run as soon as they are made, so any of them may have been begun with.
  const bornBefore = journal.opened.crashed ? journal.opened.lastSeq : 0
  const queues = new Map<string, FlowQueue>()
  const children = childrenOf({
    journal,
    committer,
    queues,
    events,
    live: () => live,
    stopped: stopped.signal,
  })
  const takers = new Map<string, Taker>()
  const live: Live = createLive({
    clock,
    random,
    logger,
    committer,
    messages: journal.messages,
    cells,
    replies,
    events,
    calls,
    children,
    flows: compiled,
    check: checkBody,
    publish: (pass, channel, body, given) =>
      publishing(pass, subscribers.get(channel) ?? [], takers, entrance, body, given),
    startChild: (child, bytes, parent) => queues.get(child.flow)?.child(childWork(child, bytes, parent)),
    begunBefore: ({ seq, flow, parent }) => seq <= (parent ? bornBefore : (begun.get(flow) ?? 0)),
    fresh: (seq, runs) => (runs ? fresh.add(seq) : fresh.remove(seq)),
  })
  for (const [name, flow] of compiled) {
    const queue = createFlowQueue({
      flow: name,
      settings: flow.flow.definition.settings,
      backlog: journal.backlog,
      clock,
      lastSeq: fresh.highest,
      execute: live.execute,
      wake: (wait, then) => {
        committer.wait(wait)
        committer.after(then)
      },
      parentIsHere: (seq) => children.of(seq) !== null,
      store: (work, then) => {
        if (work.loaded === null || work.loaded.waits) {
          then()
          return
        }
        committer.wait(readyWait({ seq: work.seq, flow: name, key: work.key }, work.attempt, null))
        committer.after(() => {
          fresh.remove(work.seq)
          then()
        })
      },
      beginning: (seq) => moveMark(committer, begunCursor(name), seq),
      onError: (error) => logger.log('error', 'backlog.read', { flow: name, error: String(error) }),
    })
    queues.set(name, queue)
    takers.set(name, { flow, queue })
    gauge(metrics, name, queue, ledger)
  }
  const sourceOptions = { outside, directory, journal, committer, connections, entrance }
  const sources = new Map([...takers].map(([name, taker]) => [name, keepSource(taker, sourceOptions)]))
  const parts = {
    outside,
    journal,
    committer,
    live,
    ledger,
    takers,
    flows: compiled,
    sources,
    events,
    replies,
    directory,
    entrance,
    connections,
    queues,
    stopped,
  }
  try {
    for (const [name, queue] of queues) if (await isPaused(journal.cursors, name)) queue.pause()
    await recover({ journal, committer, ledger, fresh, logger, now: clock.now() })
  } catch (error) {
    await journal.close()
    throw error
  }
  for (const queue of queues.values()) queue.start()
  const stopRetention = keepRetention({
    history: journal.history,
    outside,
    keepMs: durationMs(options.settings.retention ?? '14d'),
    keepAttentionMs: durationMs(options.settings.attentionRetention ?? '90d'),
  })
  logger.log('info', 'engine.started', {
    journal: journal.name,
    flows: flows.size,
    crashed: journal.opened.crashed,
  })
  return { ...parts, stopRetention }
}

/** The cursor under which it is remembered how far a flow's backlog was begun with. */
function begunCursor(flow: string): string {
  return `begun:${flow}`
}

/** How far each flow's backlog had been begun with when the last engine died; after a proper end nothing is open. */
async function begunBefore(journal: Journal, flows: readonly string[]): Promise<ReadonlyMap<string, number>> {
  if (!journal.opened.crashed) return new Map()
  const marks = flows.map(
    async (flow) => [flow, Number((await journal.cursors.get(begunCursor(flow))) ?? 0)] as const,
  )
  return new Map(await Promise.all(marks))
}

function moveMark(committer: Committer, name: string, seq: number): Promise<void> {
  return new Promise((resolve, reject) => committer.cursor({ name, value: String(seq) }, resolve, reject))
}

async function stopParts(parts: Started, withinMs: number, clock: Outside['clock']): Promise<void> {
  await Promise.allSettled([...parts.sources.values()].map((source) => source.stop()))
  parts.stopRetention()
  for (const queue of parts.queues.values()) queue.stop()
  const deadline = clock.monotonic() + withinMs
  const busy = (): boolean => [...parts.queues.values()].some((queue) => queue.active > 0)
  while (busy() && clock.monotonic() < deadline)
    await new Promise<void>((resolve) => clock.timer(STOP_POLL_MS, resolve))
  parts.stopped.abort()
  await parts.committer.close().catch(() => undefined)
  await parts.connections.close()
  await parts.journal.close()
}

function byName(flows: readonly Flow[]): ReadonlyMap<string, Flow> {
  const named = new Map<string, Flow>()
  for (const flow of flows) {
    const { name } = flow.definition
    const first = named.get(name)
    if (first) throw duplicateFlow(name, first, flow)
    named.set(name, flow)
  }
  return named
}

function duplicateFlow(name: string, first: Flow, second: Flow): LinkspanError {
  const place = (flow: Flow): string => {
    const at = flow.places.get('')
    return at ? `${at.file}:${at.line}` : 'an unknown place'
  }
  return new LinkspanError(
    'FLOW_DUPLICATE',
    `Two flows are called "${name}": at ${place(first)} and at ${place(second)}. Rename one of them.`,
  )
}

function unknownFlow(name: string, known: readonly string[]): LinkspanError {
  return new LinkspanError(
    'FLOW_UNKNOWN',
    `There is no flow "${name}". The project has: ${known.join(', ') || 'none'}.`,
    { details: { flow: name } },
  )
}

function incomingOf(body: unknown, options: SendOptions): Incoming {
  return {
    body,
    ...(options.headers ? { headers: options.headers } : {}),
    ...(options.dedupeKey === undefined ? {} : { dedupeKey: options.dedupeKey }),
  }
}

async function replyOf(
  parts: Started,
  id: string,
  given: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): ReturnType<Intake['reply']> {
  const told = parts.replies.wait(id, given.timeoutMs, given.signal)
  const stored = await storedReply(parts, id).catch((error: unknown) => {
    parts.replies.tell(id, null)
    throw error
  })
  if (stored !== undefined) parts.replies.tell(id, stored)
  const reply = await told
  if (reply !== undefined) return reply
  throw new LinkspanError(
    'REPLY_TIMED_OUT',
    `The message ${id} has no reply yet. It goes on; its reply can be fetched later by its id.`,
    { details: { id }, retry: 'later' },
  )
}

/** The reply on record, null when the message ended without one, undefined when it is still to come. */
async function storedReply(
  parts: Started,
  id: string,
): Promise<Awaited<ReturnType<Intake['reply']>> | undefined> {
  const stored = await parts.journal.messages.find(id)
  if (!stored)
    throw new LinkspanError(
      'MESSAGE_UNKNOWN',
      `There is no message ${id}. Its history may be over, or the id is mistyped.`,
      { details: { id } },
    )
  const reply = recordOf(stored).findLast((entry) => entry.t === 'reply')
  if (reply) return { reply: reply.r }
  return stored.ending ? null : undefined
}

function declarationsOf(flows: readonly Flow[]): ConnectionDeclaration[] {
  const found = new Map<string, ConnectionDeclaration>()
  for (const flow of flows) {
    const { connection } = flow.source
    const used = [...flow.code.values()].map(
      (code) => (code['operation'] as Operation<unknown, unknown> | undefined)?.connection,
    )
    for (const each of [connection, ...used]) if (each) register(found, each)
  }
  return [...found.values()]
}

function register(found: Map<string, ConnectionDeclaration>, declaration: ConnectionDeclaration): void {
  const present = found.get(declaration.name)
  if (present && present.connector.name !== declaration.connector.name) {
    throw new LinkspanError(
      'CONFIG_INVALID',
      `The connection name "${declaration.name}" is used for ${present.connector.name} and for ${declaration.connector.name}. Give each its own name.`,
    )
  }
  found.set(declaration.name, declaration)
}

function createEvents(ledger: Ledger, { metrics, hooks, outside }: RuntimeOptions): Events {
  const commitSeconds = metrics.histogramOf('linkspan_commit_seconds', {})
  const commitSize = metrics.histogramOf('linkspan_commit_size', {})
  const stepMeter = nested((flow, step) => {
    const attempts = (outcome: string): { add(): void } =>
      metrics.counterOf('linkspan_step_attempts_total', { flow, step, outcome })
    return {
      seconds: metrics.histogramOf('linkspan_step_seconds', { flow, step }),
      done: attempts('done'),
      failed: attempts('failed'),
      unknown: attempts('unknown'),
    }
  })
  const ages = nested((flow) => metrics.histogramOf('linkspan_message_seconds', { flow }))
  const hookOf = { dead: hooks.onDead, inDoubt: hooks.onInDoubt, parked: hooks.onParked } as const
  return {
    accepted: ledger.accepted,
    ended(flow, ending, child, ageMs) {
      ledger.ended(flow, ending, child)
      if (!child) ages(flow, '').observe(ageMs / 1_000)
    },
    revived: ledger.revived,
    attempt(flow, step, outcome, ms) {
      const meter = stepMeter(flow, step)
      meter.seconds.observe(ms / 1_000)
      meter[outcome].add()
    },
    ignored: (flow, step) => metrics.counter('linkspan_ignored_errors_total', { flow, step }),
    attention(ending, event) {
      outside.logger.log('warn', `message.${ending}`, {
        id: event.id,
        flow: event.flow,
        key: event.key,
        step: event.path,
        error: event.error.message,
      })
      const hook = ending in hookOf ? hookOf[ending as keyof typeof hookOf] : undefined
      if (!hook) return
      Promise.resolve()
        .then(() => hook(event))
        .catch((error: unknown) =>
          outside.logger.log('error', 'hook.failed', { hook: ending, error: ensureError(error).message }),
        )
    },
    committed(size, ms) {
      commitSeconds.observe(ms / 1_000)
      commitSize.observe(size)
    },
  }
}

/** Makes what belongs to two names once. */
function nested<T>(make: (outer: string, inner: string) => T): (outer: string, inner: string) => T {
  const made = new Map<string, Map<string, T>>()
  return (outer, inner) => {
    const within = made.get(outer) ?? new Map<string, T>()
    const present = within.get(inner)
    if (present !== undefined) return present
    const fresh = make(outer, inner)
    made.set(outer, within.set(inner, fresh))
    return fresh
  }
}

function gauge(metrics: Metrics, flow: string, queue: FlowQueue, ledger: Ledger): void {
  metrics.gauge('linkspan_messages_active', { flow }, () => queue.active)
  metrics.gauge('linkspan_messages_waiting', { flow, reason: 'any' }, () =>
    Math.max(0, ledger.of(flow).roots.live - queue.active),
  )
}

interface ChildrenParts {
  readonly journal: Journal
  readonly committer: Committer
  readonly queues: ReadonlyMap<string, FlowQueue>
  readonly events: Events
  readonly live: () => Live
  readonly stopped: AbortSignal
}

function childrenOf({ journal, committer, queues, events, live, stopped }: ChildrenParts): Children {
  return createChildren({
    messages: journal.messages,
    aborted: stopped,
    start: (child, bytes) =>
      queues.get(child.flow)?.child(childWork(child, bytes, child.parent?.seq ?? null)),
    commit: (parent, made) => commitChildren(parent, made, { committer, events, live: live() }),
    async restart(parent) {
      const queue = queues.get(parent.flow)
      let open = 0
      for (let after = 0; ; ) {
        const rows = await journal.backlog.pageOfParent(parent.seq, after, 256)
        for (const { seq, bytes, attempt, reason, wakeAt } of rows) {
          if (reason === 'ready' || wakeAt === null)
            queue?.child({ seq, key: null, parent: parent.seq, bytes, loaded: null, wakeAt: null, attempt })
          else queue?.due(wakeAt)
        }
        const last = rows.at(-1)
        if (!last) return open
        open += rows.length
        after = last.seq
      }
    },
  })
}

function commitChildren(
  parent: MessagePass,
  made: readonly NewMessage[],
  { committer, events, live }: { committer: Committer; events: Events; live: Live },
): Promise<readonly number[]> {
  const seqs: number[] = []
  live.save(parent)
  for (const message of made) {
    committer.add(message, ({ seq }) => {
      seqs.push(seq)
      events.accepted(message.flow, true)
    })
  }
  return committer.flush().then(() => seqs)
}

function childWork(
  child: Loaded,
  bytes: number,
  parent: number | null,
): {
  seq: number
  key: null
  parent: number | null
  bytes: number
  loaded: Loaded
  wakeAt: null
  attempt: number
} {
  return { seq: child.seq, key: null, parent, bytes, loaded: child, wakeAt: null, attempt: 0 }
}

/** Prepares a message for each subscriber; the answer accepts them all. */
function publishing(
  pass: MessagePass,
  names: readonly string[],
  takers: ReadonlyMap<string, Taker>,
  entrance: Entrance,
  body: unknown,
  { key, headers }: { readonly key: string | null; readonly headers: Readonly<Record<string, string>> },
): () => void {
  const incoming: Incoming = {
    body,
    headers: { ...headers, 'linkspan-cause': pass.loaded.id },
    acceptedAt: pass.ports.now(),
  }
  const prepared = names.map((name) => {
    const made = entrance.prepare(takers.get(name) as Taker, incoming, key ?? undefined)
    if (made instanceof Promise) {
      throw new LinkspanError(
        'STEP_ASYNC',
        `The schema of the channel that the flow "${name}" consumes answers later. Schemas of channels are synchronous.`,
      )
    }
    return made
  })
  return () => {
    for (const each of prepared) entrance.add(each)
  }
}
