import { setTimeout as pause } from 'node:timers/promises'
import { readEvidence, readRun } from '../checker/evidence.ts'
import { type Judgement, judge } from '../checker/ledger.ts'
import { printJudgement } from '../checker/print.ts'
import { killRepeatedly } from './kills.ts'
import { readMetrics } from './metrics.ts'
import type { RunOptions } from './options.ts'
import { resolveDoubts } from './resolve.ts'
import { type Stage, setStage } from './stage.ts'

/** What a run says while it goes on, and where. */
export interface Output {
  /** The ledger; with `--json`, its last line. */
  out(text: string): void
  /** Progress. */
  note(text: string): void
}

const REPORT_EVERY_MS = 2000
const IDLE_WITHIN_MS = 180_000
const LOOK_EVERY_MS = 50

/**
 * All input at full rate, with kills, until everything has ended; then the ledger.
 * Resolves with whether it balances. Whatever happens, no process is left behind.
 */
export async function runOnce(options: RunOptions, output: Output, signal: AbortSignal): Promise<Judgement> {
  const start = performance.now()
  output.note(`seed ${options.seed}, ${options.messages} deliveries, at least ${options.kills} kills`)
  const stage = await setStage(options, signal)
  const judgement = await perform(stage, options, output, start)
    .catch((error: unknown) => leaveTraces(stage, options, output, signal, error))
    .finally(() => stage.close())
  output.out(printJudgement(judgement))
  // An unsafe run is meant to fail: its folder is no evidence of a defect.
  const expected = judgement.balanced || options.unsafe !== ''
  if (expected && options.data === null && !options.keep) stage.remove()
  else output.out(`Logs and journal: ${stage.folder}`)
  if (options.json) output.out(JSON.stringify(judgement.ledger))
  return judgement
}

/** Keeps the folder of a run that broke, and says where it is; that of an interrupted run goes. */
export async function leaveTraces(
  stage: Stage,
  options: RunOptions,
  output: Output,
  signal: AbortSignal,
  error: unknown,
): Promise<never> {
  await stage.close()
  if (signal.aborted && options.data === null && !options.keep) stage.remove()
  else output.note(`Logs and journal: ${stage.folder}`)
  throw error
}

async function perform(stage: Stage, options: RunOptions, output: Output, start: number): Promise<Judgement> {
  const { failed, progress } = stage
  await stage.startHub()
  const report = setInterval(() => output.note(progressLine(stage, start)), REPORT_EVERY_MS)
  let finished = false
  try {
    const feeding = stage.startFeeder(['--messages', String(options.messages)]).finally(() => {
      finished = true
    })
    const killing = killRepeatedly(stage, options, () => finished)
    await Promise.race([Promise.all([feeding, killing]), failed])
    await Promise.race([awaitIdle(stage), failed])
    await Promise.race([resolveDoubts(stage), failed])
  } finally {
    finished = true
    clearInterval(report)
  }
  output.note(`${progress.accepted} accepted, ${progress.ended} ended; reading the logs`)
  return settleAccounts(stage, options, start)
}

async function settleAccounts(stage: Stage, options: RunOptions, start: number): Promise<Judgement> {
  await stage.hub.stop()
  const seconds = Math.round((performance.now() - start) / 100) / 10
  stage.log.write({ event: 'finish', seconds })
  const demands = { kills: options.kills, inFlight: options.inFlight }
  return judge(await readEvidence(stage.logs), await readRun(stage.logs), demands)
}

// What the deliveries have set off in other flows may still be under way when they have ended.
async function awaitIdle(stage: Stage): Promise<void> {
  const start = performance.now()
  while (performance.now() - start < IDLE_WITHIN_MS) {
    const metrics = await readMetrics(stage.hub.url)
    if (metrics?.openOfAll === 0) return
    await pause(LOOK_EVERY_MS)
  }
}

function progressLine({ progress }: Stage, start: number): string {
  const seconds = (performance.now() - start) / 1000
  const rate = Math.round(progress.accepted / seconds)
  const phase = progress.fed ? `${progress.ended} known to have ended` : `${rate}/s`
  return `${seconds.toFixed(0).padStart(4)} s  accepted ${progress.accepted}  ${phase}`
}
