import type { Journal } from '../journal/journal.ts'
import type { BudgetRules } from '../model/budget.ts'
import { durationMs } from '../model/duration.ts'
import { LinkspanError } from '../model/errors.ts'
import { DEFAULT_FLOW_SETTINGS } from '../model/flow-definition.ts'
import type { Logger } from '../model/outside.ts'
import { asPolicy } from '../model/policy.ts'
import type { Flow } from '../patterns/steps.ts'
import { createActing } from './acting.ts'
import type { EngineState } from './admin-api.ts'
import { type BegunMarks, createBegunMarks } from './begun-mark.ts'
import { budgetsOf, createBudgets } from './budget/budgets.ts'
import { type CallsOptions, createCalls } from './calls/calls.ts'
import { type Cells, createCells } from './cells.ts'
import type { Subscribers } from './channels.ts'
import type { Children } from './children.ts'
import { childrenOnQueues, childWork } from './children-on-queues.ts'
import { type Claims, type ClaimsOptions, createClaims } from './claims.ts'
import { type Committer, createCommitter } from './committer.ts'
import { type CompiledFlow, compileFlow } from './compile.ts'
import { completeOnStop } from './complete-on-stop.ts'
import { type Connections, createConnections, declarationsOf } from './connections.ts'
import { eventsOf } from './control-bus.ts'
import { keepEvents } from './event-keeping.ts'
import type { Events } from './events.ts'
import { followOthers, type Left, readLeft } from './follow-others.ts'
import { createForeignFlows } from './foreign-flows.ts'
import { presentNames, underPresentNames } from './former-names.ts'
import { createFreshSet, type FreshSet } from './fresh-set.ts'
import { guestsOn } from './guests.ts'
import { NOTHING_HIDDEN } from './hide-secrets.ts'
import { createHomes } from './homes.ts'
import { createEntrance, type Entrance, type Taker } from './intake.ts'
import { type JudgedClock, judgedClock } from './judged-clock.ts'
import { addCounts, createLedger, type Ledger } from './ledger.ts'
import { createLive, type Live, readyWait } from './live.ts'
import { createLoans, type Loans } from './loans.ts'
import { createEvents } from './meters.ts'
import { isPaused } from './paused.ts'
import { createPublishing } from './publishing.ts'
import { createPuttingAside } from './put-aside.ts'
import { createFlowQueue, type FlowQueue, type FlowQueueOptions } from './queue/flow-queue.ts'
import { recover } from './recovery.ts'
import { createReplies } from './replies.ts'
import { createRequests } from './requests.ts'
import { keepRetention } from './retention.ts'
import type { RuntimeOptions, RuntimeParts } from './runtime-parts.ts'
import { createShare, type Share } from './share.ts'
import { createSharedCells } from './shared-cells.ts'
import { keepSources, type SourceKeeping } from './source-keeping.ts'
import { checkCarried, checkCarriedByMany } from './source-log/carried.ts'
import { createSourceLog } from './source-log/source-log.ts'
import { createSourceRecords, recordScope } from './source-log/source-records.ts'
import { offerSurvey } from './survey.ts'
import { createTurns } from './turns.ts'

/** A started runtime with what only its start and stop handle. */
export interface Started extends RuntimeParts {
  readonly entrance: Entrance
  readonly connections: Connections
  readonly queues: ReadonlyMap<string, FlowQueue>
  readonly sourceKeeping: SourceKeeping
  readonly share: Share
  readonly cells: Cells
  readonly stopped: AbortController
  readonly loans: Loans | null
  readonly stopFollowing: () => void
  readonly stopRetention: () => void
  readonly stopCounting: () => void
}

/** What is to be put together. */
export interface Assembly {
  readonly options: RuntimeOptions
  readonly flows: ReadonlyMap<string, Flow>
  readonly subscribers: Subscribers
  readonly setState: (state: EngineState) => void
  /** The journal cannot be used any more. Told once. */
  readonly failed: (error: LinkspanError) => void
}

const MAX_PENDING = 20_000
const STOP_POLL_MS = 10
/** How much of a stop's time is for groups that are completed by it. */
const STOP_SHARE = 0.5
/** What the last commit gets at least, however long the passes took. */
const LAST_COMMIT_MS = 1_000

/** Opens the journal, puts the parts together, takes up what was under way, and lets the queues run. */
export async function assemble(given: Assembly): Promise<Started> {
  const { outside } = given.options
  const { logger } = outside
  const clock = judgedClock(outside.clock, logger)
  const assembly = { ...given, options: { ...given.options, outside: { ...outside, clock } } }
  const { options, flows } = assembly
  const plan = await planOf(assembly)
  const versions = new Map([...plan.compiled].map(([name, { codeVersion }]) => [name, codeVersion]))
  const present = presentNames(flows.values())
  const { directory } = options
  const wall = (): number => outside.clock.now()
  const environment = { clock, wall, logger, directory, flows: versions, formerNames: present }
  const journal = await options.journal.open(environment)
  try {
    clock.judgeBy(() => journal.ownership.now())
    await clock.look()
    return await onJournal(assembly, plan, clock, underPresentNames(journal, present))
  } catch (error) {
    // What an engine before it left running may not have been taken up yet.
    await journal.close({ leftRunning: true })
    throw error
  }
}

/** What of a start needs no journal. */
interface Plan {
  readonly compiled: ReadonlyMap<string, CompiledFlow>
  readonly connections: Connections
  readonly budgets: ReadonlyMap<string, BudgetRules>
  readonly keepMs: number
  readonly keepAttentionMs: number
}

/** Checks all that can be wrong with a project before anything is opened. Rejects with the first thing that is. */
export async function planOf(assembly: Pick<Assembly, 'options' | 'flows'>): Promise<Plan> {
  const { options, flows } = assembly
  const { clock, logger, random } = options.outside
  const { retention, attentionRetention } = options.settings
  const { error: clean } = options.hider ?? NOTHING_HIDDEN
  const environment = { clock, random, logger, directory: options.directory }
  const connections = createConnections(options.connections, environment, clean)
  const declarations = declarationsOf([...flows.values()])
  const budgets = budgetsOf(options.connections, declarations)
  await connections.validate(declarations)
  return {
    compiled: compileAll(assembly),
    connections,
    budgets,
    keepMs: durationMs(retention ?? '14d'),
    keepAttentionMs: durationMs(attentionRetention ?? '90d'),
  }
}

function compileAll({
  options,
  flows,
}: Pick<Assembly, 'options' | 'flows'>): ReadonlyMap<string, CompiledFlow> {
  const { onError } = options.settings
  const policy = onError === undefined ? undefined : asPolicy(onError)
  for (const flow of flows.values()) checkCarried(flow)
  return new Map(
    [...flows].map(([name, flow]) => [name, compileFlow(flow, options.codeVersion(flow), policy)]),
  )
}

async function onJournal(
  assembly: Assembly,
  plan: Plan,
  judged: JudgedClock,
  journal: Journal,
): Promise<Started> {
  const { compiled, connections, keepMs, keepAttentionMs } = plan
  const { outside, directory, metrics, hooks, hider = NOTHING_HIDDEN } = assembly.options
  const { error: clean } = hider
  const { clock, logger, random } = outside
  const { partitions } = journal.ownership
  if (partitions > 1) for (const { flow } of compiled.values()) checkCarriedByMany(flow)
  const present = presentNames(assembly.flows.values())
  const ledger = createLedger(metrics)
  const events = createEvents({ ledger, metrics, hooks, logger })
  const fresh = createFreshSet(journal.opened.lastSeq)
  const stopped = new AbortController()
  const committer = committerOf(assembly, journal, { fresh, events, stopped })
  const begun = createBegunMarks({
    flows: [...compiled.values()].map(({ flow }) => flow.definition),
    cursors: journal.cursors,
    committer,
    member: journal.ownership.member,
  })
  const queues = new Map<string, FlowQueue>()
  const takers = new Map<string, Taker>()
  const share = createShare({
    ownership: journal.ownership,
    clock,
    logger,
    aborted: stopped.signal,
    async recover(grants) {
      await begun.inherit(grants)
      await loans?.learn()
      await recover({ journal, committer, events, fresh, logger, now: clock.now })
      // Not before: the low-water mark of a commit must not pass what recovery has to find.
      await begun.keep(grants)
    },
    gained() {
      for (const queue of queues.values()) queue.gained()
      sources.gained()
    },
    async rest(left) {
      await sources.rest(left)
      // What was on its way in when they left the share is here then.
      await committer.flush()
      await Promise.all([...queues.values()].map((queue) => queue.leave(left)))
      await committer.flush()
    },
    handed(places) {
      for (const [flow, place] of places) queues.get(present.get(flow) ?? flow)?.handed(place)
    },
    lost: (error) => assembly.failed(error),
  })
  const homes = createHomes(partitions, share.owned)
  const entrance = createEntrance({ clock, random, committer, events, fresh, homes })
  const replies = createReplies(clock)
  const children = childrenOnQueues({
    journal,
    committer,
    queues,
    events,
    live: () => live,
    stopped: stopped.signal,
    now: () => clock.now(),
  })
  const budgets = createBudgets({
    rules: plan.budgets,
    reader: journal.state,
    committer,
    clock,
    metrics,
    member: journal.ownership.member,
  })
  stopped.signal.addEventListener('abort', budgets.close)
  const making: Omit<CallsOptions, 'save' | 'saved'> = {
    clock,
    connections,
    budgets,
    lease: share.lease,
    stopped: stopped.signal,
    since: share.since,
    clean,
  }
  const calls = createCalls({
    ...making,
    save: (pass) => live.save(pass),
    saved: (pass) => live.saved(pass),
  })
  const { member } = journal.ownership
  const { members } = journal.ownership
  const loans =
    partitions === 1
      ? null
      : createLoans({
          state: journal.state,
          committer,
          clock,
          random,
          logger,
          member,
          members,
          stopped: stopped.signal,
          since: share.since,
          nextFrame: async (seq) => (await journal.messages.load([seq]))[0]?.nextFrame ?? 0,
          ...guestsOn({ journal, takers, present, live: () => live }),
        })
  const makeCells = partitions === 1 ? createCells : createSharedCells
  const cells = makeCells(journal.state, committer, clock)
  const publish = createPublishing({ subscribers: assembly.subscribers, takers, entrance })
  const sourceRecords = createSourceRecords(journal.state, committer)
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
    publish,
    sourceRecord: (flow, identity) => sourceRecords.read(recordScope(flow), identity),
    startChild: (child, bytes, parent) => queues.get(child.flow)?.child(childWork(child, bytes, parent)),
    begunBefore: begun.begunBefore,
    due: (flow, at) => queues.get(flow)?.due(at),
    fresh: (seq, runs) => (runs ? fresh.add(seq) : fresh.remove(seq)),
    loans,
    owns: (partition) => share.owned.has(partition),
  })
  for (const [name, flow] of compiled) {
    const queue = queueOf(flow, { assembly, journal, committer, fresh, live, children, begun, share })
    queues.set(name, queue)
    takers.set(name, { flow, queue })
  }
  const sourceLogs = new Map(
    [...compiled]
      .filter(([, { flow }]) => flow.definition.settings.durability === 'source')
      .map(([name, flow]) => {
        const log = createSourceLog(flow, {
          clock,
          random,
          logger,
          events,
          committer,
          entrance,
          cells,
          publish,
          records: sourceRecords,
          calls: making,
          fresh: (seq, runs) => (runs ? fresh.add(seq) : fresh.remove(seq)),
        })
        return [name, log] as const
      }),
  )
  const { owned } = share
  const claimsTo = (about: ClaimsOptions['about']): Claims =>
    createClaims({ state: journal.state, committer, clock, member, members, about })
  const sources = keepSources({
    takers,
    partitions,
    owned,
    member,
    claims: partitions === 1 ? null : claimsTo('sources'),
    outside,
    directory,
    journal,
    committer,
    connections,
    entrance,
    budgets,
    clean,
    sourceLog: (flow) => sourceLogs.get(flow),
  })
  const foreign = createForeignFlows({
    has: (flow) => compiled.has(flow) || present.has(flow),
    member,
    logger,
    open(name) {
      const queue = foreignQueueOf(name, {
        assembly,
        journal,
        committer,
        fresh,
        live,
        children,
        begun,
        share,
      })
      queues.set(name, queue)
      return queue
    },
  })
  const others = {
    async look(from: Left) {
      const those = await members()
      foreign.follow(those, from)
      await sources.follow(those)
    },
  }
  const left = partitions === 1 ? new Map() : await readLeft(journal.cursors)
  for (const { queue, flow } of takers.values())
    if (await isPaused(journal.cursors, flow.flow.definition)) queue.pause()
  await share.begin()
  if (partitions > 1) {
    await others.look(left)
    await begun.forget(members)
  }
  await addCounts(journal, ledger.of)
  tellOfUnknownFlows(ledger, compiled, logger)
  for (const queue of queues.values()) queue.start()
  const { byFlow } = sources
  offerSurvey({
    journal,
    clock,
    metrics,
    sources: byFlow,
    refusing: () => committer.refusing !== null,
    live: partitions === 1 ? (flow) => ledger.of(flow).roots.live : null,
    active: (flow) => (queues.get(flow)?.active ?? 0) + (sourceLogs.get(flow)?.active ?? 0),
  })
  const inTurn = createTurns()
  const claims = partitions === 1 ? null : claimsTo('messages')
  const acting = createActing({ messages: journal.messages, committer, inTurn, claims })
  const aside = createPuttingAside({
    clock,
    committer,
    live,
    queues,
    owned,
    messages: journal.messages,
    inTurn,
    presentName: (identity) => present.get(identity) ?? identity,
  })
  const requests = createRequests({
    state: journal.state,
    committer,
    clock,
    random,
    logger,
    member,
    owned,
    members,
    target: aside.target,
    perform: aside.perform,
  })
  const stopFollowing =
    partitions === 1
      ? () => undefined
      : followOthers({
          cursors: journal.cursors,
          from: left,
          clock,
          logger,
          takers,
          sources: byFlow,
          look: [judged, others, requests, loans],
        })
  const stopRetention = keepRetention({ history: journal.history, outside, keepMs, keepAttentionMs })
  const stopCounting = keepEvents({
    events: [...eventsOf(assembly.flows.values()).keys()],
    cells,
    clock,
    logger,
    metrics,
  })
  const { crashed } = journal.opened
  logger.log('info', 'engine.started', { journal: journal.name, flows: compiled.size, crashed })
  const shown = {
    outside,
    journal,
    committer,
    live,
    ledger,
    takers,
    flows: compiled,
    events,
    replies,
    budgets,
    directory,
    owned,
    acting,
    aside,
    requests,
    foreign,
  }
  const stopping = { stopFollowing, stopRetention, stopCounting }
  return {
    ...shown,
    ...stopping,
    sources: byFlow,
    entrance,
    connections,
    queues,
    sourceKeeping: sources,
    share,
    cells,
    stopped,
    loans,
  }
}

/** Messages of a flow that the project does not have lie still, which nobody would notice otherwise. */
function tellOfUnknownFlows(
  { flows }: Ledger,
  compiled: ReadonlyMap<string, CompiledFlow>,
  logger: Logger,
): void {
  for (const [flow, { roots, children }] of flows) {
    const waiting = roots.live + children.live
    if (waiting > 0 && !compiled.has(flow)) logger.log('warn', 'flow.unknown', { flow, waiting })
  }
}

function committerOf(
  { options, setState, failed }: Assembly,
  journal: Journal,
  { fresh, events, stopped }: { fresh: FreshSet; events: Events; stopped: AbortController },
): Committer {
  const { clock, logger } = options.outside
  const refusing = (error: LinkspanError | null): void => {
    setState(error ? 'refusing' : 'running')
    if (error) logger.log('error', 'journal.refusing', { error: error.message })
    else logger.log('info', 'journal.accepting')
  }
  return createCommitter({
    journal,
    clock,
    lowWater: fresh.lowWater,
    maxPending: MAX_PENDING,
    onCommit: events.committed,
    onRefusing: refusing,
    onFailed: (error) => {
      setState('failed')
      stopped.abort()
      logger.log('error', 'journal.failed', { error: error.message })
      failed(error)
    },
  })
}

interface QueueParts {
  readonly assembly: Assembly
  readonly journal: Journal
  readonly committer: Committer
  readonly fresh: FreshSet
  readonly live: Live
  readonly children: Children
  readonly begun: BegunMarks
  readonly share: Share
}

function queueOf({ name, flow }: CompiledFlow, parts: QueueParts): FlowQueue {
  const { settings } = flow.definition
  const beginning = (seq: number): Promise<void> => parts.begun.mark(flow.definition, seq)
  return createFlowQueue({ flow: name, settings, beginning, ...queueOptions(name, parts) })
}

/** The queue of a flow that only others have: nothing of it is begun with here, and its settings are theirs. */
function foreignQueueOf(name: string, parts: QueueParts): FlowQueue {
  const { execute, ...options } = queueOptions(name, parts)
  const queue = createFlowQueue({
    flow: name,
    settings: DEFAULT_FLOW_SETTINGS,
    beginning: () => Promise.resolve(),
    ...options,
    execute: (work, slot, ended) =>
      execute(work, slot, (end) => {
        ended(end)
        // Who ran it may have woken others, which it can only say to the journal.
        queue.due(parts.assembly.options.outside.clock.now())
      }),
  })
  return queue
}

function queueOptions(
  name: string,
  { assembly, journal, committer, fresh, live, children, share }: QueueParts,
): Omit<FlowQueueOptions, 'flow' | 'settings' | 'beginning'> {
  const { clock, logger } = assembly.options.outside
  const store: FlowQueueOptions['store'] = ({ seq, key, attempt, loaded }, then) => {
    if (loaded === null || loaded.waits) {
      then()
      return
    }
    committer.wait(readyWait({ seq, flow: name, key }, attempt, null))
    committer.after(() => {
      fresh.remove(seq)
      then()
    })
  }
  return {
    backlog: journal.backlog,
    clock,
    flushed: () => committer.flush(),
    lastSeq: fresh.highest,
    execute: (work, slot, ended) => live.execute(name, work, slot, ended),
    wake: (wait, then) => {
      committer.wait(wait)
      committer.after(then)
    },
    parentIsHere: (seq) => children.of(seq) !== null,
    store,
    owns: (partition) => share.owned.has(partition),
    onError: (error) => logger.log('error', 'backlog.read', { flow: name, error: String(error) }),
  }
}

/** Stops what brings messages in, lets running passes end within a limit, and closes everything. */
export async function dismantle(parts: Started, withinMs: number): Promise<void> {
  const { clock } = parts.outside
  const deadline = clock.monotonic() + withinMs
  await parts.sourceKeeping.stop()
  await completeOnStop(parts, clock.monotonic() + withinMs * STOP_SHARE)
  parts.stopRetention()
  parts.stopCounting()
  parts.stopFollowing()
  const left = new Promise<void>((resolve) => clock.timer(withinMs, resolve))
  await Promise.race([parts.share.end(), left])
  parts.share.stop()
  for (const queue of parts.queues.values()) queue.stop()
  const busy = (): boolean =>
    (parts.loans?.active ?? 0) > 0 || [...parts.queues.values()].some((queue) => queue.active > 0)
  while (busy() && clock.monotonic() < deadline)
    await new Promise<void>((resolve) => clock.timer(STOP_POLL_MS, resolve))
  const gaveUp = busy()
  parts.stopped.abort()
  await lastCommit(parts, Math.max(deadline - clock.monotonic(), LAST_COMMIT_MS))
  await parts.connections.close()
  await parts.journal.close({ leftRunning: gaveUp || !parts.committer.isWritten })
}

/** Commits what is left, if the journal takes it in time. */
async function lastCommit({ committer, outside: { clock } }: Started, withinMs: number): Promise<void> {
  let cancel = (): void => undefined
  const late = new Promise<void>((resolve) => {
    cancel = clock.timer(withinMs, resolve)
  })
  await Promise.race([committer.close().catch(() => undefined), late])
  cancel()
  if (committer.isWritten) return
  committer.abandon(
    new LinkspanError('ENGINE_STATE', 'The engine has stopped, and the journal did not take what was left.'),
  )
}

/** Drops everything: another engine has taken over, so nothing that is done here counts any more. */
export async function abandon(parts: Started, error: LinkspanError): Promise<void> {
  parts.committer.abandon(error)
  parts.stopped.abort()
  parts.share.stop()
  parts.stopRetention()
  parts.stopCounting()
  parts.stopFollowing()
  for (const queue of parts.queues.values()) queue.stop()
  await Promise.allSettled([parts.sourceKeeping.stop(), parts.connections.close(), parts.journal.close()])
}
