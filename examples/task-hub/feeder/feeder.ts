import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Pool } from 'undici'
import { openLog } from '../lib/ndjson.ts'
import { endWithParent, tellParent } from '../lib/parent.ts'
import type { FeederLine } from '../protocol.ts'
import { feedAll } from './feed.ts'
import { loadTemplates } from './payloads.ts'
import { planDeliveries } from './plan.ts'
import { postWebhook } from './post.ts'
import { awaitEndings } from './settle.ts'

/** What the feeder's process tells the runner. */
export type FeederReport =
  | { readonly progress: { readonly accepted: number; readonly ended: number; readonly fed: boolean } }
  | { readonly finished: { readonly accepted: number; readonly ended: number; readonly missing: number } }

const HELP =
  'Usage: node feeder.ts --hub URL --logs FOLDER [--seed N] [--messages N | --rate N] [--connections N] [--limit SECONDS]\n' +
  'The secret that signs the deliveries is read from GITHUB_WEBHOOK_SECRET.'
const REPORT_EVERY_MS = 20
const ASK_PAUSE_MS = 200
const POST_TIMEOUT_MS = 15_000

interface FeederOptions {
  readonly hub: string
  readonly logs: string
  readonly seed: number
  readonly messages: number | null
  readonly rate: number | null
  readonly connections: number
  readonly limitMs: number
  readonly secret: string
}

function readOptions(): FeederOptions {
  const { values } = parseArgs({
    options: {
      hub: { type: 'string' },
      logs: { type: 'string' },
      seed: { type: 'string', default: '1' },
      messages: { type: 'string' },
      rate: { type: 'string' },
      connections: { type: 'string', default: '64' },
      limit: { type: 'string', default: '90' },
    },
  })
  const secret = process.env['GITHUB_WEBHOOK_SECRET']
  if (!values.hub || !values.logs || !secret)
    throw new Error(`--hub, --logs or the secret is missing.\n${HELP}`)
  return {
    hub: values.hub,
    logs: values.logs,
    seed: numberOf('--seed', values.seed),
    messages: values.messages === undefined ? null : numberOf('--messages', values.messages),
    rate: values.rate === undefined ? null : numberOf('--rate', values.rate),
    connections: numberOf('--connections', values.connections),
    limitMs: numberOf('--limit', values.limit) * 1000,
    secret,
  }
}

function numberOf(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0)
    throw new Error(`${name} ${text} is not a number of at least 0.\n${HELP}`)
  return value
}

async function main(): Promise<void> {
  const options = readOptions()
  const { seed, messages, hub, connections } = options
  const log = openLog<FeederLine>(join(options.logs, 'feeder.ndjson'))
  const pool = new Pool(hub, { connections, headersTimeout: POST_TIMEOUT_MS, bodyTimeout: POST_TIMEOUT_MS })
  const stop = new AbortController()
  process.once('SIGTERM', () => stop.abort())
  log.write({ event: 'start', seed, messages, hub })
  const progress = { accepted: 0, ended: 0, fed: false }
  const reporter = setInterval(() => tellParent({ progress }), REPORT_EVERY_MS)
  const messageIds = new Set<string>()
  await feedAll({
    ...{ plan: planDeliveries(loadTemplates(), { seed, messages }), connections, rate: options.rate },
    ...{ log, signal: stop.signal },
    post: ({ deliveryId, githubEvent }, body) =>
      postWebhook(pool, options.secret, { deliveryId, githubEvent, body }),
    onAccepted: (messageId) => {
      progress.accepted += 1
      if (messages !== null) messageIds.add(messageId)
    },
  })
  progress.fed = true
  const settled = await awaitEndings({
    ...{ messageIds, connections, limitMs: options.limitMs, pauseMs: ASK_PAUSE_MS, log, signal: stop.signal },
    stateOf: (messageId) => askState(pool, messageId),
    onEnded: (ended) => {
      progress.ended = ended
    },
  })
  clearInterval(reporter)
  tellParent({ progress })
  log.write({ event: 'finish', accepted: messageIds.size, ...settled })
  tellParent({ finished: { accepted: messageIds.size, ...settled } })
  await pool.destroy()
  if (process.connected) process.disconnect()
}

async function askState(pool: Pool, messageId: string): Promise<string | null> {
  try {
    const path = `/messages/${encodeURIComponent(messageId)}`
    const response = await pool.request({ path, method: 'GET' })
    const text = await response.body.text()
    if (response.statusCode === 404) return 'unknown'
    const state = response.statusCode === 200 ? (JSON.parse(text) as { state?: unknown }).state : null
    return typeof state === 'string' ? state : null
  } catch {
    return null
  }
}

endWithParent()
process.on('SIGINT', () => undefined)
await main()
