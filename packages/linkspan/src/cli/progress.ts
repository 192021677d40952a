import { formatDuration } from '../model/duration.ts'
import type { Terminal } from './terminal.ts'
import { truncate } from './text.ts'

/** Shows how far long work is, on stderr, only on a terminal. */
export interface ProgressBar {
  /** Fits {@link Progress} of the admin API. */
  readonly report: (done: number, total: number) => void
  /** Takes the bar away. */
  end(): void
}

const WIDTH = 24
const EVERY_MS = 100

/** Makes a bar that is drawn at most ten times a second, and says how long is left once that can be said. */
export function createProgress(
  terminal: Pick<Terminal, 'stderr' | 'now'>,
  label: string,
  hidden: boolean,
): ProgressBar {
  const { stderr, now } = terminal
  if (hidden || !stderr.isTTY) return { report: () => {}, end: () => {} }
  const began = now()
  let drawnAt = Number.NEGATIVE_INFINITY
  let drawn = false
  return {
    report: (done, total) => {
      const last = total > 0 && done >= total
      if (now() - drawnAt < EVERY_MS && !last) return
      drawnAt = now()
      drawn = true
      const line = progressLine(label, done, total, now() - began)
      stderr.write(`\r\u001b[2K${truncate(line, (stderr.columns ?? 80) - 1)}`)
    },
    end: () => {
      if (drawn) stderr.write('\r\u001b[2K')
      drawn = false
    },
  }
}

/** One state of the bar; without a total it counts. */
export function progressLine(label: string, done: number, total: number, elapsedMs: number): string {
  const count = done.toLocaleString('en-US')
  if (!(total > 0)) return `${label} ${count}`
  const part = Math.min(1, done / total)
  const full = Math.round(part * WIDTH)
  const bar = `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`
  const left = part > 0 && part < 1 ? `  ${formatDuration((elapsedMs / part) * (1 - part))} left` : ''
  return `${label} ${bar} ${Math.floor(part * 100)}%  ${count} of ${total.toLocaleString('en-US')}${left}`
}
