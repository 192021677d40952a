import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { existsSync, openSync, readFileSync, truncateSync, writeSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { keyOfEvent, schemaOf } from '../flows/github-event.ts'
import { endWithParent } from '../lib/parent.ts'
import { ENDINGS, type Ending, SUBSCRIBERS } from '../protocol.ts'

// A small relay that speaks the hub's protocol, to exercise the runner, the feeder, the simulators and the checker
// without the engine. STAND_IN names a deliberate fault: lossy, doubling or disorder.

const env = (name: string): string => process.env[name] ?? ''
const FAULT = env('STAND_IN')
const UNSAFE = env('HUB_UNSAFE')
const LIMIT_MS = 450
const SETTLE_MS = 100
const RETRY_MS = 20

/** How many messages had something to be sent: of these, each tenth is lost where that is the fault. */
let withCalls = 0

interface Accepted {
  readonly id: string
  readonly deliveryId: string
  readonly githubEvent: string
  readonly body: string
}
type Line =
  | { readonly accepted: Accepted }
  | { readonly intent: string; readonly t: number }
  | { readonly outcome: string; readonly applied: boolean }
  | { readonly ended: string; readonly state: Ending }

interface Call {
  readonly step: string
  readonly guarantee: 'natural' | 'key' | 'verify' | 'none'
  readonly method: 'PUT' | 'POST'
  readonly url: string
  readonly body: object
}

const file = join(env('HUB_DATA'), 'stand-in.ndjson')
const messages = new Map<string, { readonly message: Accepted; state: 'waiting' | Ending }>()
const byDelivery = new Map<string, string>()
const intents = new Map<string, number>()
const applied = new Set<string>()
const lanes = new Map<string, Promise<void>>()
const agent = new Agent({ connections: 64, headersTimeout: LIMIT_MS, bodyTimeout: LIMIT_MS })

function remember(line: Line): void {
  if ('accepted' in line) {
    messages.set(line.accepted.id, { message: line.accepted, state: 'waiting' })
    byDelivery.set(line.accepted.deliveryId, line.accepted.id)
  } else if ('intent' in line) intents.set(line.intent, line.t)
  else if ('outcome' in line) {
    intents.delete(line.outcome)
    if (line.applied) applied.add(line.outcome)
  } else {
    const entry = messages.get(line.ended)
    if (entry) entry.state = line.state
  }
}

// A kill can cut the last line; it was never acknowledged.
const old = existsSync(file) ? readFileSync(file, 'utf8') : ''
const whole = old.slice(0, old.lastIndexOf('\n') + 1)
for (const text of whole.split('\n').slice(0, -1)) remember(JSON.parse(text) as Line)
if (whole !== old) truncateSync(file, Buffer.byteLength(whole))
const journal = UNSAFE === 'no-journal' ? null : openSync(file, 'a')

function commit(line: Line): void {
  if (journal !== null) writeSync(journal, `${JSON.stringify(line)}\n`)
  remember(line)
}

function accept(req: IncomingMessage, res: ServerResponse, body: string) {
  const header = (name: string): string => String(req.headers[name] ?? '')
  const expected = `sha256=${createHmac('sha256', env('GITHUB_WEBHOOK_SECRET')).update(body).digest('hex')}`
  const given = header('x-hub-signature-256').padEnd(expected.length).slice(0, expected.length)
  if (!timingSafeEqual(Buffer.from(given), Buffer.from(expected)))
    return answer(res, 401, { detail: 'signature' })
  const deliveryId = header('x-github-delivery')
  const known = UNSAFE === 'no-dedupe' ? undefined : byDelivery.get(deliveryId)
  if (known !== undefined) return answer(res, 202, { id: known, duplicate: true })
  const accepted: Accepted = { id: randomUUID(), deliveryId, githubEvent: header('x-github-event'), body }
  commit({ accepted })
  enqueue(accepted)
  answer(res, 202, { id: accepted.id })
}

function enqueue(message: Accepted): void {
  const key = keyOfEvent(message.githubEvent, JSON.parse(message.body))
  const before = FAULT === 'disorder' ? pause(Math.random() * 60) : lanes.get(key)
  const done = (before ?? Promise.resolve()).then(() => run(message))
  lanes.set(key, done)
}

async function run(message: Accepted): Promise<void> {
  const body: unknown = JSON.parse(message.body)
  const parsed = schemaOf(message.githubEvent).safeParse(body)
  if (!parsed.success) return commit({ ended: message.id, state: 'dead' })
  const calls = callsOf(message, body as Body)
  if (calls.length === 0) return commit({ ended: message.id, state: 'filtered' })
  withCalls += 1
  if (FAULT === 'lossy' && withCalls % 10 === 5) return commit({ ended: message.id, state: 'done' })
  for (const call of calls) {
    if (!(await make(`${message.id}:${call.step}`, call)))
      return commit({ ended: message.id, state: 'inDoubt' })
  }
  commit({ ended: message.id, state: 'done' })
}

interface Body {
  readonly action?: string
  readonly repository?: { readonly full_name: string }
  readonly [part: string]: unknown
}
interface Part {
  readonly title: string
  readonly state?: string
  readonly updated_at: string
  readonly tag_name: string
  readonly conclusion?: string
}

function callsOf({ deliveryId, githubEvent }: Accepted, body: Body): readonly Call[] {
  const part = (githubEvent === 'issues' ? body['issue'] : body[githubEvent]) as Part
  const { action, repository } = body
  const say = (text: string): Call => {
    const message = { channel: 'dev', text: `${text} [delivery ${deliveryId}]` }
    return {
      step: 'chat',
      guarantee: 'none',
      method: 'POST',
      url: `${env('CHAT_URL')}/chat/messages`,
      body: message,
    }
  }
  if (githubEvent === 'release' && action === 'published') return [say(`Released ${part.tag_name}.`)]
  if (['check_run', 'check_suite', 'workflow_run'].includes(githubEvent)) {
    if (action !== 'completed' || !['failure', 'timed_out'].includes(part.conclusion ?? '')) return []
    const bug = { title: `${githubEvent} failed`, repository: repository?.full_name, deliveryId }
    return [{ step: 'bug', guarantee: 'key', method: 'POST', url: `${env('BUGS_URL')}/bugs`, body: bug }]
  }
  if (githubEvent !== 'issues' && githubEvent !== 'pull_request') return []
  const taskId = keyOfEvent(githubEvent, body)
  const { title, state = 'open', updated_at } = part
  const task = { taskId, version: Date.parse(updated_at), deliveryId, title, state }
  const url = `${env('BOARD_URL')}/board/tasks/${encodeURIComponent(taskId)}`
  const put: Call = { step: 'board', guarantee: 'natural', method: 'PUT', url, body: task }
  const tell = SUBSCRIBERS.map((name): Call => {
    const events = `${env('SUBSCRIBERS_URL')}/subscribers/${name}/events`
    return { step: `tell ${name}`, guarantee: 'verify', method: 'POST', url: events, body: task }
  })
  return [put, ...tell, ...(action === 'assigned' ? [say(`Assigned ${taskId}.`)] : [])]
}

/** Makes a call until its outcome is known. False: it is in doubt. */
async function make(mark: string, call: Call): Promise<boolean> {
  const careful = call.guarantee === 'verify' || call.guarantee === 'none'
  for (;;) {
    if (applied.has(mark)) return true
    const sentAt = intents.get(mark)
    if (sentAt !== undefined) {
      if (call.guarantee === 'none') return false
      await pause(Math.max(0, sentAt + LIMIT_MS + SETTLE_MS - Date.now()))
      commit({ outcome: mark, applied: FAULT === 'doubling' ? false : await ask(call.url, mark) })
      continue
    }
    if (careful) commit({ intent: mark, t: Date.now() })
    const outcome = await send(call, mark)
    if (outcome !== 'unknown') commit({ outcome: mark, applied: outcome === 'applied' })
    if (outcome === 'refused') await pause(RETRY_MS)
  }
}

async function send(call: Call, mark: string): Promise<'applied' | 'refused' | 'unknown'> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': mark, 'x-event-id': mark }
  const given = await exchange(call.url, { method: call.method, headers, body: JSON.stringify(call.body) })
  if (given === null || given.status === 500) return 'unknown'
  if (given.status >= 400 && given.status !== 429 && given.status !== 503)
    throw new Error(`${call.url} ${given.status}`)
  return given.status >= 400 ? 'refused' : 'applied'
}

async function ask(url: string, mark: string): Promise<boolean> {
  for (;;) {
    const given = await exchange(`${url}?mark=${encodeURIComponent(mark)}`, { method: 'GET' })
    if (given?.status === 200) return (given.body as { applied: boolean }).applied
    await pause(RETRY_MS)
  }
}

async function exchange(
  url: string,
  options: { method: string; headers?: Record<string, string>; body?: string },
): Promise<{ status: number; body: unknown } | null> {
  try {
    const signal = AbortSignal.timeout(LIMIT_MS)
    const response = await request(url, {
      ...options,
      method: options.method as 'GET',
      dispatcher: agent,
      signal,
    })
    return { status: response.statusCode, body: await response.body.json() }
  } catch {
    return null
  }
}

function answer(res: ServerResponse, status: number, body: object | string) {
  res.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/plain' : 'application/json' })
  res.end(typeof body === 'string' ? body : JSON.stringify(body))
}

function metrics(): string {
  const all = [...messages.values()]
  const endings = ENDINGS.map((ending) => {
    const count = all.filter(({ state }) => state === ending).length
    return `linkspan_messages_ended_total{flow="github",ending="${ending}"} ${count}`
  })
  const waiting = all.filter(({ state }) => state === 'waiting').length
  return `${endings.join('\n')}\nlinkspan_messages_waiting{flow="github",reason="ready"} ${waiting}\n`
}

const server = createServer(async (req, res) => {
  const chunks: Buffer[] = []
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
  const path = req.url ?? ''
  if (path === '/readyz') return answer(res, 200, { ready: true })
  if (path === '/metrics') return answer(res, 200, metrics())
  if (path === '/webhooks/github') return accept(req, res, Buffer.concat(chunks).toString())
  const id = decodeURIComponent(/^\/messages\/(.+)$/.exec(path)?.[1] ?? '')
  const entry = messages.get(id)
  if (!entry) return answer(res, 404, { detail: 'unknown' })
  answer(res, 200, { id, flow: 'github', state: entry.state })
})

endWithParent()
process.on('SIGINT', () => undefined)
process.once('SIGTERM', () => process.exit(0))
const unfinished = [...messages.values()].filter(({ state }) => state === 'waiting')
for (const { message } of unfinished) enqueue(message)
server.listen(Number(env('HUB_PORT')), '127.0.0.1')
