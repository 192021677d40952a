import type { Logger } from '../model/outside.ts'
import type { Style, Tone } from './style.ts'
import { clean } from './text.ts'
import { formatTime } from './time.ts'

/** Levels of a log line, the least important first. */
export const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** How important a log line is. */
export type Level = (typeof LEVELS)[number]

/** How log lines look: one JSON object each, or text for people. */
export type LogFormat = 'json' | 'text'

/** What a log needs. */
export interface LogSettings {
  readonly format: LogFormat
  /** Lines below it are left out. */
  readonly level: Level
  readonly write: (text: string) => void
  readonly now: () => number
  readonly style: Style
}

const TONES: Readonly<Record<Level, Tone>> = { debug: 'dim', info: 'good', warn: 'warn', error: 'bad' }

/** The engine's log as `linkspan run` and `dev` print it, one line per event. */
export function createLog(settings: LogSettings): Logger {
  const least = LEVELS.indexOf(settings.level)
  const line = settings.format === 'json' ? jsonLine : textLine
  return {
    log: (level, event, fields = {}) => {
      if (LEVELS.indexOf(level) >= least) settings.write(`${line(settings, level, event, fields)}\n`)
    },
  }
}

type Fields = Readonly<Record<string, unknown>>

function jsonLine({ now }: LogSettings, level: Level, event: string, fields: Fields): string {
  return JSON.stringify({ time: new Date(now()).toISOString(), level, event, ...fields }, plainErrors)
}

function textLine({ now, style }: LogSettings, level: Level, event: string, fields: Fields): string {
  const shown = Object.entries(fields).map(([name, value]) => `${style('dim', `${name}=`)}${shortly(value)}`)
  const time = formatTime(now()).slice('yyyy-mm-ddT'.length)
  return [style('dim', time), style(TONES[level], level.padEnd(5)), clean(event), ...shown].join(' ')
}

function shortly(value: unknown): string {
  if (typeof value === 'string') return /^[\w./:@-]+$/.test(value) ? value : clean(JSON.stringify(value))
  return clean(JSON.stringify(value, plainErrors) ?? String(value))
}

/** An Error has no enumerable fields and would print as `{}`. */
function plainErrors(_name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Error ? { name: value.name, message: value.message } : value
}
