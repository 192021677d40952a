import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { consoleLink, findEngine } from 'linkspan/serve'
import { SUBSCRIBERS } from '../protocol.ts'
import { type Counts, readCounts } from './counts.ts'
import { leaveTraces, type Output } from './once.ts'
import type { RunOptions } from './options.ts'
import { type Stage, setStage } from './stage.ts'

/** What a live run takes keys from; a terminal, a pipe or nothing. */
export interface Keys {
  /** Calls back for each key until the run ends. */
  listen(listener: (key: string) => void): () => void
}

/** What a live run can show. */
export interface LiveOutput extends Output {
  /** Shows the status; on a terminal it replaces the one before. */
  status(text: string): void
}

interface Live {
  readonly stage: Stage
  readonly output: LiveOutput
  /** What was counted last. */
  counts: Counts | null
  rate: number
  killing: Promise<void>
}

const LOOK_EVERY_MS = 500

/** Runs until `q`, the end of `--seconds`, or an interruption. */
export async function runLive(
  options: RunOptions,
  output: LiveOutput,
  keys: Keys,
  signal: AbortSignal,
): Promise<void> {
  const stage = await setStage(options, signal)
  const live: Live = {
    stage,
    output,
    counts: null,
    rate: 0,
    killing: Promise.resolve(),
  }
  try {
    await stage.startHub()
    output.note(introduction(stage, options, await consoleOf(stage)))
    const feeding = stage.startFeeder(['--rate', String(options.rate)])
    await Promise.race([follow(live, options, keys), feeding, stage.failed])
    await live.killing
    await stage.endFeeder()
    live.counts = (await readCounts(stage.folder)) ?? live.counts
  } catch (error) {
    await leaveTraces(stage, options, output, signal, error)
  } finally {
    await live.killing.catch(() => undefined)
    await stage.close()
  }
  output.note(`Stopped. ${statusLine(live)}`)
  if (options.data === null && !options.keep) stage.remove()
}

async function follow(live: Live, options: RunOptions, keys: Keys): Promise<void> {
  const end = Promise.withResolvers<void>()
  const unlisten = keys.listen((key) => {
    if (key === 'q') end.resolve()
    if (key === 'k') live.killing = live.killing.then(() => killOnce(live)).catch(end.reject)
  })
  const timer = options.seconds === null ? undefined : setTimeout(end.resolve, options.seconds * 1000)
  let over = false
  const looking = (async () => {
    while (!over) {
      await look(live)
      await pause(LOOK_EVERY_MS)
    }
  })()
  try {
    await Promise.race([end.promise, live.stage.failed])
  } finally {
    over = true
    clearTimeout(timer)
    unlisten()
    await looking
  }
}

async function look(live: Live): Promise<void> {
  const before = live.stage.progress.accepted
  const start = performance.now()
  live.counts = (await readCounts(live.stage.folder)) ?? live.counts
  live.output.status(statusLine(live))
  await pause(LOOK_EVERY_MS)
  const seconds = (performance.now() - start) / 1000
  const now = (live.stage.progress.accepted - before) / seconds
  live.rate = live.rate === 0 ? now : live.rate * 0.7 + now * 0.3
}

async function killOnce({ stage, output }: Live): Promise<void> {
  const pid = stage.hub.pid()
  await stage.hub.kill()
  output.note(`Killed the hub (process ${pid}) with SIGKILL.`)
  const start = performance.now()
  await stage.startHub()
  const ms = Math.round(performance.now() - start)
  output.note(`It is back as process ${stage.hub.pid()}, ready after ${ms} ms.`)
}

function statusLine({ stage, counts, rate }: Live): string {
  const parts = [
    `accepted ${stage.progress.accepted}`,
    `done ${counts?.done ?? 0}`,
    `filtered ${counts?.filtered ?? 0}`,
    `waiting ${(counts?.waiting ?? 0) + (counts?.active ?? 0)}`,
    `dead ${counts?.dead ?? 0}`,
    `in doubt ${counts?.inDoubt ?? 0}`,
    `${rate.toFixed(1)}/s`,
  ]
  return parts.join('  ')
}

const HERE = join(import.meta.dirname, '..')

/** The console of the hub that this run has started, signed in. */
async function consoleOf({ hub, folder }: Stage): Promise<string> {
  const found = await Promise.all([HERE, join(folder, 'hub')].map((directory) => findEngine(directory)))
  const engine = found.find((each) => each?.pid === hub.pid())
  return engine ? consoleLink(hub.url, engine.token) : `${hub.url}/_linkspan/console/`
}

function introduction({ hub, urls, folder }: Stage, options: RunOptions, console: string): string {
  return `The task hub is running (seed ${options.seed}); logs and journal: ${folder}

  the console       ${console}
  the hub           ${hub.url}      ${hub.url}/metrics
  the board         ${urls.board}/board/tasks
  the bug tracker   ${urls.bugs}/bugs
  the subscribers   ${urls.subscribers}/subscribers/${SUBSCRIBERS[0]}/events?mark=…
  the chat          ${urls.chat}/chat/messages (write only)

  curl -i ${hub.url}/tasks -H 'content-type: application/json' -d '{"title":"Try the hub"}'
  curl -s ${hub.url}/tasks

  In examples/task-hub: npx linkspan flows list · dead list · doubt list · trace ID · graph

  k kills the hub with SIGKILL, q quits.
`
}
