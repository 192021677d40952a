import { styleText } from 'node:util'
import type { OutputStream } from './terminal.ts'

/** The colours in use, by what they mean. */
export type Tone = 'good' | 'bad' | 'warn' | 'dim' | 'strong' | 'added' | 'removed'

/** Colours a text, or leaves it as it is. */
export type Style = (tone: Tone, text: string) => string

const FORMATS = {
  good: 'green',
  bad: 'red',
  warn: 'yellow',
  dim: 'gray',
  strong: 'bold',
  added: 'green',
  removed: 'red',
} as const

/** Colours only on a terminal, and not where `NO_COLOR` is set (no-color.org) or `TERM` is `dumb`. */
export function createStyle(stream: OutputStream, env: Readonly<Record<string, string | undefined>>): Style {
  const coloured = stream.isTTY && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return (tone, text) =>
    coloured && text !== '' ? styleText(FORMATS[tone], text, { validateStream: false }) : text
}
