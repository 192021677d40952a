import { ENDINGS, type Ending, type MessageSummary } from '../model/message.ts'
import { parseMessageId } from '../model/message-id.ts'
import type { AdminReader, EngineState } from '../runtime/admin-api.ts'
import type { Intake, Metrics } from '../runtime/engine-api.ts'
import { type Answer, type Endpoint, type Handler, jsonAnswer } from './exchange.ts'
import { replyPath } from './message-path.ts'
import { retryAfterSeconds } from './problem.ts'
import { refusal } from './refusal.ts'

/** What the pages show. */
export interface PageSources {
  /** The summary of a message; rejects with `MESSAGE_UNKNOWN`. */
  message(id: string): Promise<MessageSummary>
  readonly reader: Pick<AdminReader, 'reply'>
  readonly intake: Intake
  readonly metrics: Metrics
  state(): EngineState
}

/** The pages that every engine has: health, metrics, and what became of a message. */
export function pageEndpoints(sources: PageSources): readonly Endpoint[] {
  const page = (path: string, handle: Handler): Endpoint => ({
    method: 'GET',
    path,
    label: 'the engine itself',
    safe: true,
    handle,
  })
  return [
    page('/healthz', async () => health(sources.state())),
    page('/readyz', async () => readiness(sources)),
    page('/metrics', async () => metricsPage(sources.metrics)),
    page('/messages/:id', async (_exchange, { id = '' }) => messagePage(sources, id)),
    page('/messages/:id/reply', async (_exchange, { id = '' }) => replyPage(sources, id)),
  ]
}

const FRESH = { 'cache-control': 'no-store' }

/** Whether the process is worth keeping: only an engine that has failed is not. */
function health(state: EngineState): Answer {
  return jsonAnswer(
    state === 'failed' ? 503 : 200,
    { status: state === 'failed' ? 'down' : 'up', state },
    FRESH,
  )
}

/** Whether messages can be sent here now. */
function readiness({ state, intake }: PageSources): Answer {
  const now = state()
  const { refusing } = intake
  if (now === 'running' && refusing === null) return jsonAnswer(200, { status: 'ready', state: now }, FRESH)
  return jsonAnswer(
    503,
    { status: 'not ready', state: now, ...(refusing === null ? {} : { code: refusing.code }) },
    { ...FRESH, 'retry-after': String(retryAfterSeconds(refusing?.retry ?? 'later')) },
  )
}

function metricsPage(metrics: Metrics): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8', ...FRESH },
    body: metrics.prometheus(),
  }
}

function hasEnded({ state }: MessageSummary): boolean {
  return ENDINGS.includes(state as Ending)
}

async function messagePage({ message, reader }: PageSources, id: string): Promise<Answer> {
  parseMessageId(id)
  const summary = await message(id)
  const found = await reader.reply(id)
  return jsonAnswer(200, { ...shown(summary), ...(found === null ? {} : { reply: found.reply }) }, FRESH)
}

/** Of a failure only the code: its message may quote a body, and this page asks nobody who they are. */
function shown({
  id,
  flow,
  state,
  reason,
  acceptedAt,
  endedAt,
  wakeAt,
  attempt,
  error,
}: MessageSummary): object {
  const code = error === null ? {} : { error: { code: error.code } }
  return { id, flow, state, reason, acceptedAt, endedAt, wakeAt, attempt, ...code }
}

/** The state is read before the reply, so that an ending without one is not taken for a reply that came in between. */
async function replyPage({ message, reader }: PageSources, id: string): Promise<Answer> {
  parseMessageId(id)
  const summary = await message(id)
  const found = await reader.reply(id)
  if (found !== null) return jsonAnswer(200, found.reply, FRESH)
  if (!hasEnded(summary)) return pending(summary)
  throw refusal('REPLY_ABSENT', `The message ended as "${summary.state}" without a reply.`, {
    members: { state: summary.state },
  })
}

function pending({ id, state }: MessageSummary): Answer {
  return jsonAnswer(202, { id, state }, { ...FRESH, location: replyPath(id), 'retry-after': '1' })
}
