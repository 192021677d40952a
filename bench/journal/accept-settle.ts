import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  type Batch,
  type Journal,
  type JournalEnvironment,
  type NewMessage,
  type Settlement,
  seal,
  sqlite,
} from 'linkspan/journal'

/**
 * The journal's hot path by itself: each commit accepts a group of messages and settles the group before it.
 *
 *   node --conditions=source bench/journal/accept-settle.ts --messages 200000 --group 32 --thread main
 */
const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '200000' },
    group: { type: 'string', default: '32' },
    thread: { type: 'string', default: 'main' },
    body: { type: 'string', default: '1000' },
    frame: { type: 'string', default: '150' },
    pages: { type: 'string', default: '1000' },
    ready: { type: 'boolean', default: false },
    settle: { type: 'boolean', default: true },
    json: { type: 'boolean', default: false },
  },
  allowNegative: true,
})

const environment = (directory: string): JournalEnvironment => ({
  directory,
  clock: {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    timer: (afterMs, run) => {
      const timer = setTimeout(run, afterMs)
      return () => clearTimeout(timer)
    },
    defer: (run) => void setImmediate(run),
  },
  logger: { log: (level, event, fields) => console.error(level, event, fields) },
})

const payload = Buffer.from(JSON.stringify({ order: 1, text: 'x'.repeat(Number(values.body)) }))
const note = Buffer.alloc(Number(values.frame), 120)

function newMessage(i: number): NewMessage {
  return {
    flow: 'orders',
    key: `customer-${i % 5000}`,
    token: `t${String(i).padStart(11, '0')}`,
    acceptedAt: Date.now(),
    codeVersion: 'v1-a1b2c3d4',
    headers: { 'content-type': 'application/json' },
    body: seal(payload, 'body'),
    parent: null,
    partition: 0,
    handOver: false,
    handedUpTo: 0,
    ready: values.ready,
    dedupe: null,
    index: null,
  }
}

function settlement(seq: number): Settlement {
  const frame = seal(note, `${seq}:0`)
  return { seq, ending: 'done', endedAt: Date.now(), attempt: 1, frame, n: 0, reason: '' }
}

async function run(journal: Journal): Promise<number[]> {
  const total = Number(values.messages)
  const group = Number(values.group)
  const times: number[] = []
  let running: number[] = []
  for (let id = 1, sent = 0; sent < total || running.length > 0; id++) {
    const accept = Array.from({ length: Math.min(group, total - sent) }, (_, i) => newMessage(sent + i))
    sent += accept.length
    const settle = values.settle ? running.map(settlement) : []
    const lowWater = running[0] ?? 0
    const batch: Batch = {
      id,
      accept,
      records: [],
      waits: [],
      settle,
      revive: [],
      state: [],
      cursors: [],
      lowWater,
    }
    const start = performance.now()
    const { accepted } = await journal.commit(batch)
    times.push(performance.now() - start)
    running = accepted.map(({ seq }) => seq)
    if (id % 8 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return times
}

const directory = mkdtempSync(join(tmpdir(), 'journal-bench-'))
try {
  const thread = values.thread === 'worker' ? 'worker' : 'main'
  const factory = sqlite('bench.db', { thread, checkpointPages: Number(values.pages) })
  const journal = await factory.open(environment(directory))
  const cpu = process.cpuUsage()
  const start = performance.now()
  const times = await run(journal)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  times.sort((a, b) => a - b)
  const quantile = (q: number): number => Number((times[Math.floor(times.length * q)] ?? 0).toFixed(2))
  const messages = Number(values.messages)
  const report = {
    thread,
    group: Number(values.group),
    messages,
    perSecond: Math.round(messages / seconds),
    usPerMessage: Number(((seconds * 1e6) / messages).toFixed(1)),
    cpuUsPerMessage: Number(((user + system) / messages).toFixed(1)),
    commitMs: { p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), max: quantile(0.9999) },
    ...(await journal.history.stats()),
  }
  console.log(values.json ? JSON.stringify(report) : report)
  await journal.close()
} finally {
  rmSync(directory, { recursive: true, force: true })
}
