import type { Journal } from '../journal/journal.ts'
import { LinkspanError, type StoredError } from '../model/errors.ts'
import { ENDINGS, type MessageState, type MessageSummary } from '../model/message.ts'
import type {
  AdminReader,
  CheckReport,
  EngineState,
  EngineStatus,
  FlowStatus,
  HeldKey,
  MessageQuery,
  Page,
  Progress,
} from './admin-api.ts'
import { causesOf } from './causes.ts'
import type { CompiledFlow } from './compile.ts'
import { eventsOf } from './control-bus.ts'
import { expiredEvents } from './event-keeping.ts'
import { isInterrupt } from './pass/interrupt.ts'
import { bodyOf, recordOf } from './loaded.ts'
import { countLoans } from './loans.ts'
import { DEAF, Frontier, recompute } from './recompute.ts'
import { renamed, replyIn } from './record.ts'
import { replayMessages } from './replay.ts'
import { findMessage, nextOf, toHistoryQuery } from './selection.ts'
import { attemptOf, inProject, summaryOf } from './summary.ts'
import { isUnfit, taken } from './taken-body.ts'
import { namesAround, traceOf } from './trace.ts'

/** What reading needs of the engine around the journal; a stopped engine's journal is read with defaults. */
export interface ReaderOptions {
  readonly journal: Journal
  readonly flows: ReadonlyMap<string, CompiledFlow>
  readonly version: string
  readonly node: string
  readonly live: LiveView
}

/** What only a running engine knows. */
export interface LiveView {
  readonly state: EngineState
  readonly startedAt: number
  readonly refusing: StoredError | null
  readonly budgets: EngineStatus['budgets']
  runs(seq: number): boolean
  /** Whether another engine of the cluster has a flow that the project lacks. */
  elsewhere(flow: string): boolean
  counts(): Promise<
    ReadonlyMap<
      string,
      { readonly roots: Record<MessageState, number>; readonly children: Record<MessageState, number> }
    >
  >
  paused(flow: string): boolean | Promise<boolean>
  source(flow: string): FlowStatus['source']
}

const PAGE = 200

/** The reading half of administration. */
export function createAdminReader(options: ReaderOptions): AdminReader {
  const { journal, flows, live } = options
  const { messages, history } = journal

  const flowStatus = async (
    compiled: CompiledFlow,
    counts: Record<MessageState, number>,
    oldest: number | null,
  ): Promise<FlowStatus> => ({
    name: compiled.name,
    definition: compiled.flow.definition,
    codeVersion: compiled.codeVersion,
    paused: await live.paused(compiled.name),
    messages: counts,
    oldest,
    source: live.source(compiled.name),
  })

  const eventStatus = (): Promise<EngineStatus['events']> =>
    Promise.all(
      [...eventsOf([...flows.values()].map(({ flow }) => flow)).keys()].map(async (event) => ({
        event,
        expired: await expiredEvents(journal.state, event),
      })),
    )

  return {
    async status(): Promise<EngineStatus> {
      const counts = [...(await live.counts()).values()]
      const { state, startedAt, refusing, budgets } = live
      return {
        state,
        startedAt,
        refusing,
        budgets,
        events: await eventStatus(),
        journal: journal.name,
        version: options.version,
        node: options.node,
        messages: sum(counts.map(({ roots }) => roots)),
        children: sum(counts.map(({ children }) => children)),
      }
    },
    async flows() {
      const counts = await live.counts()
      const waits = await journal.backlog.count()
      return Promise.all(
        [...flows.values()].map((flow) => {
          const oldest = waits.filter((row) => row.flow === flow.name).map((row) => row.oldest)
          return flowStatus(
            flow,
            counts.get(flow.name)?.roots ?? noMessages(),
            oldest.length > 0 ? Math.min(...oldest) : null,
          )
        }),
      )
    },
    messages: (query) => listOf(query, options),
    causes: () => causesOf(history),
    async trace(id) {
      return traceOf(await findMessage(messages, id), { messages, flows, runs: live.runs })
    },
    async reply(id) {
      const reply = replyIn(recordOf(await findMessage(messages, id)))
      return reply ? { reply: reply.r } : null
    },
    async keys(flow, limit) {
      const held = await journal.backlog.held(flow, limit)
      const stored = new Map(
        (
          await messages.load(
            held.map(({ seq }) => seq),
            'marked',
          )
        ).map((each) => [each.seq, each]),
      )
      return Promise.all(held.map(async (row) => heldKey(row, stored.get(row.seq), journal, flows)))
    },
    replay: (selection, progress) => replayMessages(selection, { messages, history, flows }, progress),
    check: (progress) => checkLive(journal, flows, progress),
    stats: () => history.stats(),
    async cluster() {
      const [survey, loans] = await Promise.all([journal.ownership.survey(), countLoans(journal.state)])
      return { ...survey, loans }
    },
    verify: (progress) => history.verify(progress),
  }
}

/** A page of summaries. The journal knows that a message is live; whether it runs now, only the engine does. */
async function listOf(
  query: MessageQuery,
  { journal, flows, live }: ReaderOptions,
): Promise<Page<MessageSummary>> {
  const { limit, ...asked } = toHistoryQuery(query)
  const fits = ({ state }: MessageSummary): boolean => !query.states?.length || query.states.includes(state)
  const known = { has: (flow: string): boolean => flows.has(flow) || live.elsewhere(flow) }
  const size = asked.live ? Math.max(limit, PAGE) : limit
  const items: MessageSummary[] = []
  for (let { beyond } = asked; ; ) {
    const page = await journal.history.query({
      ...asked,
      limit: size,
      ...(beyond === undefined ? {} : { beyond }),
    })
    for (const stored of page) {
      const summary = inProject(summaryOf(stored, live.runs(stored.seq)), known)
      if (!fits(summary)) continue
      items.push(summary)
      if (items.length === limit) return { items, next: nextOf(stored.seq) }
    }
    if (page.length < size) return { items, next: null }
    beyond = page.at(-1)?.seq
  }
}

type Held = Awaited<ReturnType<Journal['backlog']['held']>>[number]
type Stored = Awaited<ReturnType<Journal['messages']['load']>>[number]

const COUNTED_BEHIND = 1_000

async function heldKey(
  row: Held,
  stored: Stored | undefined,
  journal: Journal,
  flows: ReadonlyMap<string, CompiledFlow>,
): Promise<HeldKey> {
  const summary = stored ? inProject(summaryOf(stored, false), flows) : null
  // Wherever they lie: who holds the key goes first.
  const lane = await journal.backlog.pageOfKey(
    row.flow,
    row.key ?? '',
    0,
    Number.MAX_SAFE_INTEGER,
    COUNTED_BEHIND,
  )
  return {
    flow: row.flow,
    key: row.key ?? '',
    by: summary?.id ?? '',
    reason: row.reason,
    wakeAt: row.wakeAt,
    attempt: attemptOf(row),
    error: summary?.error ?? null,
    behind: lane.filter(({ seq }) => seq !== row.seq).length,
  }
}

/** No message in any state. */
export function noMessages(): Record<MessageState, number> {
  return Object.fromEntries(['active', 'waiting', ...ENDINGS].map((state) => [state, 0])) as Record<
    MessageState,
    number
  >
}

function sum(all: readonly Record<MessageState, number>[]): Record<MessageState, number> {
  const total = noMessages()
  for (const counts of all)
    for (const state of Object.keys(total) as MessageState[]) total[state] += counts[state]
  return total
}

/** Holds each live message against the present flows: would its record still fit? */
async function checkLive(
  journal: Journal,
  flows: ReadonlyMap<string, CompiledFlow>,
  progress: Progress,
): Promise<CheckReport> {
  const reports = new Map<
    string,
    { live: number; fit: number; parked: { id: string; reason: string }[]; gone: boolean }
  >()
  let done = 0
  const total = (await journal.backlog.count()).reduce((sum, { count }) => sum + count, 0)
  for (let beyond: number | undefined; ; ) {
    const page = await journal.history.query({
      live: true,
      rootsOnly: false,
      order: 'oldest',
      limit: PAGE,
      ...(beyond === undefined ? {} : { beyond }),
    })
    for (const stored of page) {
      const flow = flows.get(stored.flow)
      const report = reports.get(stored.flow) ?? { live: 0, fit: 0, parked: [], gone: flow === undefined }
      reports.set(stored.flow, report)
      report.live += 1
      const reason = flow ? await misfit(flow, stored, journal) : 'its flow is no longer in the project'
      if (reason === null) report.fit += 1
      else report.parked.push({ id: stored.id, reason })
      done += 1
      progress(done, Math.max(done, total))
    }
    const last = page.at(-1)
    if (!last || page.length < PAGE) break
    beyond = last.seq
  }
  return { flows: [...reports].map(([flow, report]) => ({ flow, ...report })) }
}

async function misfit(flow: CompiledFlow, stored: Stored, journal: Journal): Promise<string | null> {
  try {
    const record = renamed(recordOf(stored), flow.renamed)
    const { message, body } = await taken(flow, stored, bodyOf(stored))
    if (isUnfit(message)) return null
    const names =
      stored.parent === null ? {} : await namesAround(stored, flow, { messages: journal.messages })
    const { result } = await recompute(flow, message, { body, record, names }, journal.messages, {
      ...DEAF,
      strict: true,
    })
    return result.kind === 'parked' ? result.error.message : null
  } catch (thrown) {
    if (thrown instanceof Frontier || isInterrupt(thrown)) return null
    return thrown instanceof LinkspanError ? thrown.message : String(thrown)
  }
}
